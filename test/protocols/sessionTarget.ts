/**
 * A PostgreSQL server made of a script: it logs anybody in, gives the catalog of the little shop of
 * `postgres/catalogFixture.ts`, and answers everything else as a test wants it, lies included. It knows no socket.
 */
import { catalogStampSql } from '../../src/protocols/postgres/catalog/probe.ts';
import { catalogPrelude, catalogQueries } from '../../src/protocols/postgres/catalog/queries.ts';
import type { CatalogRow } from '../../src/protocols/postgres/catalog/build.ts';
import { cstring, int16, int32, message } from '../support/rawPostgres.ts';
import { shopRows, typeOids } from './postgres/catalog/fixture.ts';

export const authenticationOk = message('R', int32(0));
const keyData = message('K', int32(4711), Buffer.from('cafe'));
export const parameterStatus = (name: string, value: string): Buffer => message('S', cstring(name), cstring(value));
export const ready = (status: 'I' | 'T' | 'E' = 'I'): Buffer => message('Z', Buffer.from(status));
export const complete = (tag: string): Buffer => message('C', cstring(tag));
export const parseComplete = message('1');
export const bindComplete = message('2');
export const closeComplete = message('3');
export const noData = message('n');
export const suspended = message('s');
export const emptyQuery = message('I');
export const parameterDescription = (...oids: readonly number[]): Buffer =>
  message('t', int16(oids.length), ...oids.map(int32));

/** An ErrorResponse, or with `type` N a NoticeResponse. */
export function diagnostic(fields: Readonly<Record<string, string>>, type: 'E' | 'N' = 'E'): Buffer {
  const all = {
    S: type === 'E' ? 'ERROR' : 'NOTICE',
    V: type === 'E' ? 'ERROR' : 'NOTICE',
    C: '22000',
    M: 'no',
    ...fields,
  };
  return message(type, ...Object.entries(all).map(([key, value]) => cstring(key + value)), Buffer.of(0));
}

export interface Field {
  readonly name: string;
  readonly table?: number;
  readonly attribute?: number;
  readonly type?: number;
  readonly format?: number;
}

export function rowDescription(...fields: readonly Field[]): Buffer {
  const parts = fields.map(({ name, table = 0, attribute = 0, type = typeOids.text, format = 0 }) =>
    Buffer.concat([cstring(name), int32(table), int16(attribute), int32(type), int16(-1), int32(-1), int16(format)]),
  );
  return message('T', int16(fields.length), ...parts);
}

export function dataRow(...values: readonly (string | Buffer | null)[]): Buffer {
  const parts = values.map((value) => {
    if (value === null) return int32(-1);
    const bytes = Buffer.from(value as string);
    return Buffer.concat([int32(bytes.length), bytes]);
  });
  return message('D', int16(values.length), ...parts);
}

export const copyOut = (columns: number, format: 0 | 1 = 0): Buffer => copyResponse('H', columns, format);
export const copyIn = (columns: number, format: 0 | 1 = 0): Buffer => copyResponse('G', columns, format);

function copyResponse(type: string, columns: number, format: number): Buffer {
  return message(type, Buffer.of(format), int16(columns), ...Array.from({ length: columns }, () => int16(format)));
}

/** Columns of `public.customers`, as RowDescription names them. */
export const customers = {
  id: { name: 'id', table: 16401, attribute: 1, type: typeOids.int4 },
  name: { name: 'name', table: 16401, attribute: 2, type: typeOids.text },
  ssn: { name: 'ssn', table: 16401, attribute: 3, type: typeOids.text },
  email: { name: 'email', table: 16401, attribute: 4, type: typeOids.varchar },
} as const satisfies Record<string, Field>;

/** One message that the gate sent after the login. */
export interface Asked {
  readonly type: string;
  readonly body: Buffer;
  /** Of a Query its text, of a Parse its statement text. */
  readonly text: string;
}

/** What the server says to a message; null: nothing. */
export type Answer = (asked: Asked, target: ScriptedTarget) => Uint8Array | null;

export interface ScriptedOptions {
  readonly answer: Answer;
  /** In place of the usual end of the login. */
  readonly greeting?: Uint8Array;
  /** The server tells its search path, as PostgreSQL 18 does. Default: true. */
  readonly reportsPath?: boolean;
}

const version = '18.1';
const catalogAnswers = makeCatalogAnswers();

/** One connection of the gate to the scripted server. */
export class ScriptedTarget {
  readonly #options: ScriptedOptions;
  readonly #send: (bytes: Uint8Array) => void;
  #unread: Buffer = Buffer.alloc(0);
  #loggedIn = false;
  /** The gate reads the catalog on this connection. */
  readsCatalog = false;
  /** Messages after the login, catalog reads not among them. */
  readonly asked: Asked[] = [];

  constructor(options: ScriptedOptions, send: (bytes: Uint8Array) => void) {
    this.#options = options;
    this.#send = send;
  }

  receive(bytes: Uint8Array): void {
    this.#unread = Buffer.concat([this.#unread, bytes]);
    for (;;) {
      const head = this.#loggedIn ? 1 : 0;
      if (this.#unread.length < head + 4) return;
      const end = head + this.#unread.readInt32BE(head);
      if (this.#unread.length < end) return;
      const packet = this.#unread.subarray(0, end);
      this.#unread = this.#unread.subarray(end);
      if (head === 0) this.#greet();
      else this.#message(String.fromCharCode(packet[0]), packet.subarray(5));
    }
  }

  #greet(): void {
    this.#loggedIn = true;
    const { greeting, reportsPath = true } = this.#options;
    if (greeting !== undefined) return this.#send(greeting);
    const parameters = {
      server_version: version,
      client_encoding: 'UTF8',
      standard_conforming_strings: 'on',
      ...(reportsPath ? { search_path: 'public' } : {}),
    };
    const statuses = Object.entries(parameters).map(([name, value]) => parameterStatus(name, value));
    this.#send(Buffer.concat([authenticationOk, ...statuses, keyData, ready()]));
  }

  #message(type: string, body: Buffer): void {
    const text = textOf(type, body);
    const known = type === 'Q' ? catalogAnswers.get(text) : undefined;
    if (known !== undefined) {
      this.readsCatalog = true;
      return this.#send(known);
    }
    if (this.readsCatalog && type === 'X') return;
    const asked = { type, body: Buffer.from(body), text };
    this.asked.push(asked);
    const answer = this.#options.answer(asked, this);
    if (answer !== null) this.#send(answer);
  }
}

function textOf(type: string, body: Buffer): string {
  if (type !== 'Q' && type !== 'P') return '';
  const start = type === 'Q' ? 0 : body.indexOf(0) + 1;
  return body.toString('utf8', start, body.indexOf(0, start));
}

/** Text of a catalog query -> its answer. All rows come as the user's; the `system` half is empty. */
function makeCatalogAnswers(): ReadonlyMap<string, Buffer> {
  const answers = new Map<string, Buffer>();
  for (const text of ['BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', catalogPrelude, 'COMMIT']) {
    answers.set(text, Buffer.concat([complete('OK'), ready()]));
  }
  answers.set(catalogStampSql, resultOf([['unchanged']]));
  const queries = catalogQueries(180_000);
  for (const { sql } of queries.system) answers.set(sql, resultOf([]));
  for (const { set, sql } of queries.user) answers.set(sql, resultOf(shopRows[set] ?? []));
  const builtins = queries.system.find(({ set }) => set === 'builtins');
  if (builtins !== undefined) answers.set(builtins.sql, resultOf(shopRows.builtins ?? []));
  return answers;
}

function resultOf(rows: readonly CatalogRow[]): Buffer {
  const columns = Array.from({ length: rows[0]?.length ?? 0 }, (_, at) => ({ name: `c${at}` }));
  return Buffer.concat([
    rowDescription(...columns),
    ...rows.map((row) => dataRow(...row)),
    complete('SELECT'),
    ready(),
  ]);
}
