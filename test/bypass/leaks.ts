/**
 * Finds raw values of masked columns in what a client receives, whatever the value was turned into on its way.
 *
 * Known values repeat a short canary, so that any four characters in a row of one are a turn of its canary. Text is
 * looked through as it stands, read downwards by column, without its separators, and decoded from what looks like hexadecimal,
 * base64, bits, escapes or a list of character codes.
 */
import { createHash } from 'node:crypto';
import type { RawMessage } from '../support/rawPostgres.ts';
import { valuesOf } from '../support/rawPostgres.ts';

/** Canary of each masked column. */
export const canaries = { ssn: 'Zq7k', card_number: 'Wm3x', email: 'Jv8h', phone: 'Gf5t', iban: 'Lr9d' } as const;

/** What gives a value away that does not repeat a canary: as text, as bytes, or as a whole cell of a result. */
export interface Secrets {
  readonly texts: ReadonlyMap<string, string>;
  readonly bytes: readonly { readonly name: string; readonly value: Buffer }[];
  readonly cells: ReadonlyMap<string, string>;
}

const noSecrets: Secrets = { texts: new Map(), bytes: [], cells: new Map() };

/** Digests of a raw value: whoever has one can try all social security numbers in a minute. */
export function digestsOf(value: string): string[] {
  const algorithms = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'];
  return algorithms.map((algorithm) => createHash(algorithm).update(value).digest('hex'));
}

/** Canaries that the messages give away, each with the form in which it was found. */
export function leaks(messages: readonly RawMessage[], secrets: Secrets = noSecrets): string[] {
  const found = new Set<string>();
  const { everything, columns, cells } = read(messages);
  const plain = [everything, ...columns, cells.join('')].join('\n');
  search([plain, plain.replaceAll(/[^A-Za-z0-9]/g, '')].join('\n').toLowerCase(), 'any case', found);
  if (found.size === 0) search(decoded(plain).join('\n'), 'decoded', found);
  searchCodes(cells, found);
  searchSecrets(messages, everything, cells, secrets, found);
  return [...found];
}

interface Seen {
  /** All bodies in a row, one character a byte. */
  readonly everything: string;
  /** Values of each column one after the other: one character a row is still the value. */
  readonly columns: readonly string[];
  /** Values in reading order. */
  readonly cells: readonly string[];
}

function read(messages: readonly RawMessage[]): Seen {
  const columns: string[] = [];
  const cells: string[] = [];
  for (const message of messages) {
    if (message.type === 'd') columns[0] = (columns[0] ?? '') + message.body.toString('latin1').trimEnd();
    if (message.type !== 'D') continue;
    for (const [at, value] of valuesOf(message).entries()) {
      const cell = value?.toString('latin1') ?? '';
      columns[at] = (columns[at] ?? '') + cell;
      cells.push(cell);
    }
  }
  return { everything: Buffer.concat(messages.map(({ body }) => body)).toString('latin1'), columns, cells };
}

interface Turn {
  readonly column: string;
  readonly form: string;
  readonly text: string;
  readonly codes: string;
}

/** Every four characters in a row of a value, forwards and backwards. */
const turns: readonly Turn[] = Object.entries(canaries).flatMap(([column, canary]) =>
  [...canary].flatMap((_, at) => {
    const forwards = canary.slice(at) + canary.slice(0, at);
    const backwards = [...forwards].toReversed().join('');
    return [
      { column, form: 'plain', text: forwards, codes: codesOf(forwards) },
      { column, form: 'reversed', text: backwards, codes: codesOf(backwards) },
    ];
  }),
);

function codesOf(text: string): string {
  return [...text].map((letter) => letter.charCodeAt(0)).join(',');
}

/** `how` says what was done to the text; where letters are all small, so are those that are looked for. */
function search(text: string, how: 'any case' | 'decoded', found: Set<string>): void {
  for (const turn of turns) {
    const needle = how === 'any case' ? turn.text.toLowerCase() : turn.text;
    if (text.includes(needle)) found.add(`${turn.column} (${how === 'any case' ? turn.form : how})`);
  }
}

/** What the text holds once its encoded parts are decoded, at every alignment. */
function decoded(text: string): string[] {
  const parts: string[] = [];
  for (const [run] of text.matchAll(/[0-9a-fA-F]{8,}/g)) {
    for (const at of [0, 1]) parts.push(Buffer.from(run.slice(at), 'hex').toString('latin1').replaceAll('\0', ''));
  }
  for (const [run] of text.matchAll(/[A-Za-z0-9+/_-]{7,}/g)) {
    for (const at of [0, 1, 2, 3]) parts.push(Buffer.from(run.slice(at), 'base64').toString('latin1'));
  }
  for (const [run] of text.matchAll(/[01]{32,}/g)) {
    for (let at = 0; at < 8; at++) parts.push(fromBits(run.slice(at)));
  }
  const unescaped = text
    .replaceAll(/(?:\\u00|\\x|%|=)([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replaceAll(/&#x([0-9a-fA-F]{2});/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replaceAll(/&#(\d{2,3});/g, (_, code: string) => String.fromCharCode(Number(code)))
    .replaceAll(/\\([0-3][0-7]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
  if (unescaped !== text) parts.push(unescaped);
  // UTF-16 and UTF-32 put zeros between the letters.
  if (text.includes('\0')) parts.push(text.replaceAll('\0', ''));
  return parts;
}

function fromBits(bits: string): string {
  const letters = bits.match(/.{8}/g) ?? [];
  return letters.map((byte) => String.fromCharCode(Number.parseInt(byte, 2))).join('');
}

function searchCodes(cells: readonly string[], found: Set<string>): void {
  const numbers = cells.flatMap((cell) => cell.match(/\d+/g) ?? []).join(',');
  for (const { column, codes } of turns) if (`,${numbers},`.includes(`,${codes},`)) found.add(`${column} (codes)`);
}

function searchSecrets(
  messages: readonly RawMessage[],
  everything: string,
  cells: readonly string[],
  secrets: Secrets,
  found: Set<string>,
): void {
  const lower = everything.toLowerCase();
  for (const [text, name] of secrets.texts) if (lower.includes(text.toLowerCase())) found.add(`${name} (plain)`);
  const raw = Buffer.concat(messages.filter(({ type }) => 'Dd'.includes(type)).map(({ body }) => body));
  for (const { name, value } of secrets.bytes) if (raw.includes(value)) found.add(`${name} (binary)`);
  for (const cell of cells) {
    const hex = Buffer.from(cell, 'latin1').toString('hex');
    const name = secrets.cells.get(cell) ?? secrets.cells.get(hex);
    if (name !== undefined) found.add(`${name} (digest)`);
  }
  for (const [run] of everything.matchAll(/[0-9a-f]{32,}/g)) {
    const name = secrets.cells.get(run);
    if (name !== undefined) found.add(`${name} (digest)`);
  }
}
