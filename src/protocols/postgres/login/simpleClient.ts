/** Runs statements of the gate's own on a connection of its own, one at a time: catalog reads. */
import type { Fault } from '../../../errors.ts';
import type { Permit } from '../../../facts.ts';
import type { Target, Wire } from '../../protocol.ts';
import type { MessageReader } from '../wire/messageReader.ts';
import { readTextRow } from '../session/textRows.ts';
import { logInAtTarget } from './targetLogin.ts';
import type { LoginServices } from './targetLogin.ts';
import { Backend, backendLimits } from '../wire/wire.ts';
import { query, terminate } from '../wire/toTarget.ts';

const rowsMax = 1_000_001;
/** A catalog that takes longer is not read. */
const answerMs = 60_000;

export type TextRow = (string | null)[];

export class SimpleClient {
  readonly #wire: Wire;
  readonly #reader: MessageReader;
  readonly parameters: ReadonlyMap<string, string>;
  /** Why the last statement failed. */
  fault: string | null = null;

  constructor(wire: Wire, reader: MessageReader, parameters: ReadonlyMap<string, string>) {
    this.#wire = wire;
    this.#reader = reader;
    this.parameters = parameters;
  }

  /** Rows of a statement as text; null if it failed. The caller proves that the statement is the gate's own. */
  async run(text: string): Promise<TextRow[] | null> {
    this.#wire.write(query(text), null);
    this.#wire.expireIn(answerMs);
    const rows = await this.#answer();
    this.#wire.expireIn(null);
    return rows;
  }

  get closed(): boolean {
    return this.#wire.closed;
  }

  close(): void {
    this.#wire.write(terminate(), null);
    this.#wire.end();
  }

  /** Without a word, for a target that does not answer. */
  destroy(): void {
    this.#wire.destroy();
  }

  async #answer(): Promise<TextRow[] | null> {
    const rows: TextRow[] = [];
    let failed = false;
    for (;;) {
      const message = await this.#reader.message(backendLimits);
      if (typeof message === 'string') return this.#fail(message);
      if (message.type === Backend.ReadyForQuery) return failed ? null : rows;
      if (message.type === Backend.ErrorResponse) {
        failed = true;
        this.#fail('a statement failed');
      }
      if (message.type !== Backend.DataRow) continue;
      const row = readTextRow(message.body, 0, message.body.length);
      if (row === null || rows.length >= rowsMax) {
        this.#wire.destroy();
        return this.#fail('malformed or too many rows');
      }
      rows.push(row);
    }
  }

  #fail(detail: string): null {
    this.fault = detail;
    return null;
  }
}

/** Opens a client at `target`. `permit` proves that no client's statement takes this way. */
export async function openSimpleClient(
  services: LoginServices,
  target: Target,
  permit: Permit,
): Promise<SimpleClient | Fault> {
  void permit;
  const opened = await logInAtTarget(services, target, [['application_name', 'blastgate']]);
  return 'code' in opened ? opened : new SimpleClient(opened.wire, opened.reader, opened.parameters);
}
