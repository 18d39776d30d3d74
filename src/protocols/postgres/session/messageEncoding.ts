/**
 * Whether the rows of a message's statements may fail to be converted to the client's encoding, which would tell of what is
 * computed from masked columns (masks/sessionEncoding.ts).
 */
import type { Fault } from '../../../errors.ts';
import type { MaskedUse } from '../../../facts.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import { type ByteString, nameKeyOfText } from '../wire/text.ts';
import { TransactionStatus } from '../wire/wire.ts';
import type { Conversation } from './conversation.ts';

/** A cursor or portal whose rows were not judged for that when it was opened. */
export const openedBefore: Fault = {
  code: 'BG_ENCODING_REFUSED',
  detail: 'the cursor was opened in another client encoding; open it again',
};

export class MessageEncoding {
  readonly #conversation: Conversation;
  #alone = false;
  #atStart = false;
  #converts = false;
  /** Cursors that the message itself has declared, and whether their rows were judged as such that may fail. */
  readonly #declared = new Map<ByteString, boolean>();

  constructor(conversation: Conversation) {
    this.#conversation = conversation;
  }

  /** @param alone whether the message has one statement only. */
  begin(alone: boolean): void {
    const { active, encoding } = this.#conversation.masks;
    this.#alone = alone;
    // Without masks nothing is judged.
    this.#atStart = active && encoding.converts;
    this.#converts = this.#atStart;
    // Clearing an empty map costs a new one.
    if (this.#declared.size > 0) this.#declared.clear();
  }

  /** Whether rows of every statement were judged as such. */
  get converts(): boolean {
    return this.#alone ? this.#converts : this.#atStart;
  }

  /**
   * What its rows tell of when they are converted; null: nothing. Statements are given in their order. `refresh`: the catalog must
   * be read first; `opened_before`: see {@link openedBefore}.
   *
   * @param changes whether it may change the encoding itself.
   * @param certain whether names mean what the catalog says.
   */
  judge(
    statement: AnalyzedStatement,
    changes: boolean,
    certain: boolean,
  ): MaskedUse | null | 'refresh' | 'opened_before' {
    const { masks } = this.#conversation;
    const before = this.#converts;
    if (changes) this.#converts = true;
    const { session } = statement;
    // What its calls change, was thought of when the cursor was opened.
    if (session.kind === 'fetch') return before && !this.#wasJudged(session.name) ? 'opened_before' : null;
    if (session.kind === 'declare') this.#declared.set(nameKeyOfText(session.name), this.#converts);
    if (!statement.returnsRows && session.kind !== 'declare') return null;
    // A call in its rows may change the encoding that these are sent in.
    if (!this.#converts && !masks.encoding.copyConverts(statement)) return null;
    return masks.conversionOf(statement, certain);
  }

  /** Whether the rows of a cursor were judged as such that may fail, or there is surely none of this name. */
  #wasJudged(name: string): boolean {
    const { portals, expected, transaction } = this.#conversation;
    const key = nameKeyOfText(name);
    const known = this.#declared.get(key) ?? portals.get(key)?.converts;
    if (known !== undefined) return known;
    // A function may have opened one, but none that outlives its transaction. The server will say that there is none.
    return this.#alone && expected.length === 0 && transaction === TransactionStatus.idle;
  }
}
