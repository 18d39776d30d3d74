/**
 * Streams one row of COPY in text or CSV form that is larger than a slot. Fields have no length in front: their ends
 * are found as the bytes pass, and a unit that a chunk cuts (an escape, a doubled quote) waits for the next chunk.
 */
import { i32 } from '../bytes/bytes.ts';
import type { ColumnPlan, CopyOptions, MaskPlan, RowStream } from './plan.ts';
import type { Scans } from './values.ts';
import {
  byteaDecoder,
  copyTextDecoder,
  csvDecoder,
  jsonCopyTextDecoder,
  jsonCsvDecoder,
  type Decoder,
} from './windowDecode.ts';
import { WindowScan, type Overwrite } from './windowScan.ts';

const COPY_DATA = 0x64;
const HEADER_BYTES = 5;
const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const STAR = 0x2a;
/** `\r\n` ends a row at most. */
const LINE_END_BYTES_MAX = 2;

type Fault = 'BG_TARGET_PROTOCOL' | 'BG_ROW_TOO_LARGE_TO_MASK';

export class PlainRowStream implements RowStream {
  fault: RowStream['fault'] = null;
  done = false;
  masked = 0;

  readonly #columns: readonly ColumnPlan[];
  readonly #options: CopyOptions;
  readonly #csv: boolean;
  readonly #null: Uint8Array;
  readonly #windows: readonly (WindowScan | null)[];
  #phase: 'header' | 'field' | 'content' | 'end' = 'header';
  /** Bytes of the message that have not been passed on. */
  #left = 0;
  #column = 0;
  #quoted = false;
  #starred = false;

  constructor(plan: MaskPlan, scans: Scans) {
    if (plan.copy === null) throw new Error('COPY without options');
    this.#columns = plan.columns;
    this.#options = plan.copy;
    this.#csv = plan.rowFormat === 'copy_csv';
    this.#null = Buffer.from(plan.copy.nullText, 'utf8');
    const names = plan.detectors.map((detector) => detector.name);
    this.#windows = plan.columns.map((column) =>
      column.action !== 'scan' || names.length === 0 || column.type === 'fixed'
        ? null
        : new WindowScan(scans.text, names, this.#decoder(column), overwriteOf(column)),
    );
  }

  push(bytes: Uint8Array, start: number, end: number): number {
    if (this.fault !== null) return -1;
    let at = start;
    for (;;) {
      const phase = this.#phase;
      if (phase === 'end') return at;
      const next =
        phase === 'header'
          ? this.#header(bytes, at, end)
          : phase === 'field'
            ? this.#field(bytes, at, end)
            : this.#content(bytes, at, end);
      if (next < 0) return -1;
      this.#left -= next - at;
      // Nothing moved and nothing changed: the rest waits for more bytes.
      if (next === at && this.#phase === phase) return at;
      at = next;
      if (this.#left === 0 && this.#phase !== 'header') {
        if (this.#column !== this.#columns.length) return this.#fail('BG_TARGET_PROTOCOL');
        this.#phase = 'end';
        this.done = true;
      }
    }
  }

  #fail(fault: Fault): number {
    this.fault = fault;
    return -1;
  }

  #decoder(column: ColumnPlan): Decoder {
    const json = column.type === 'json' || column.type === 'jsonb';
    const { quote, escape } = this.#options;
    if (this.#csv) return json ? jsonCsvDecoder(quote, escape) : csvDecoder(quote, escape);
    if (column.type === 'bytea') return byteaDecoder(2);
    return json ? jsonCopyTextDecoder : copyTextDecoder;
  }

  #header(bytes: Uint8Array, at: number, end: number): number {
    if (at + HEADER_BYTES > end) return at;
    const length = i32(bytes, at + 1);
    if (bytes[at] !== COPY_DATA || length < 5 || this.#columns.length === 0) return this.#fail('BG_TARGET_PROTOCOL');
    this.#left = length + 1;
    this.#phase = 'field';
    return at + HEADER_BYTES;
  }

  /** Start of a field: is it NULL, is it quoted, can it be masked here? */
  #field(bytes: Uint8Array, at: number, end: number): number {
    if (this.#column >= this.#columns.length) return this.#fail('BG_TARGET_PROTOCOL');
    const whole = at + this.#left <= end;
    if (!whole && at + this.#null.length + LINE_END_BYTES_MAX + 1 > end) return at;
    const stop = whole ? lineEnd(bytes, at, at + this.#left) : end;
    const column = this.#columns[this.#column];
    this.#phase = 'content';
    this.#starred = false;
    this.#quoted = this.#csv && at < stop && bytes[at] === this.#options.quote;
    this.#windows[this.#column]?.begin();
    if (column.action === 'mask') {
      if (this.#isNull(bytes, at, stop)) return at;
      if (column.type !== 'text') return this.#fail('BG_ROW_TOO_LARGE_TO_MASK');
      this.#starred = true;
    }
    return this.#quoted ? at + 1 : at;
  }

  #isNull(bytes: Uint8Array, at: number, stop: number): boolean {
    const length = this.#null.length;
    if (at + length > stop) return false;
    for (let i = 0; i < length; i++) if (bytes[at + i] !== this.#null[i]) return false;
    return at + length === stop || bytes[at + length] === this.#options.delimiter;
  }

  /** Part of a field's content; #quoted tells whether it stands in quotes. */
  #content(bytes: Uint8Array, at: number, end: number): number {
    const whole = at + this.#left <= end;
    const stop = whole ? lineEnd(bytes, at, at + this.#left) : end - LINE_END_BYTES_MAX;
    if (stop < at) return at;
    // Bytes that may be looked at to tell a quote from half of a pair.
    const seen = whole ? stop : end;
    const safe = this.#unitsEnd(bytes, at, stop, seen);
    const closed = safe < stop && this.#closes(bytes, safe, seen);
    if (whole && !closed && (this.#quoted || safe < stop)) return this.#fail('BG_TARGET_PROTOCOL');
    const final = closed || whole;
    let next = safe;
    const window = this.#windows[this.#column];
    if (this.#starred) bytes.fill(STAR, at, safe);
    else if (window !== null) next = window.push(bytes, at, safe, final);
    if (next < 0) return this.#fail('BG_ROW_TOO_LARGE_TO_MASK');
    return final ? this.#closeField(bytes, safe, stop, whole) : next;
  }

  /** Steps over the closing quote and the delimiter or the end of the line. */
  #closeField(bytes: Uint8Array, at: number, stop: number, whole: boolean): number {
    const after = this.#quoted ? at + 1 : at;
    // Whether a delimiter or the end of the row follows is only known with the next byte; it is in the reserve.
    if (this.#starred || this.#windows[this.#column]?.changed === true) this.masked++;
    this.#column++;
    this.#quoted = false;
    this.#phase = 'field';
    if (after < stop || !whole) {
      if (bytes[after] === this.#options.delimiter) return after + 1;
      if (after < stop) return this.#fail('BG_TARGET_PROTOCOL');
    }
    if (this.#column !== this.#columns.length) return this.#fail('BG_TARGET_PROTOCOL');
    let line = after;
    while (line < after + LINE_END_BYTES_MAX && (bytes[line] === RETURN || bytes[line] === NEWLINE)) line++;
    return line;
  }

  /** Whether the byte at `at` ends the field; a quote that is half of a pair does not. */
  #closes(bytes: Uint8Array, at: number, seen: number): boolean {
    if (!this.#quoted) return bytes[at] === this.#options.delimiter;
    return bytes[at] === this.#options.quote && !this.#isPair(bytes, at, seen);
  }

  #isPair(bytes: Uint8Array, at: number, seen: number): boolean {
    const { quote, escape } = this.#options;
    return bytes[at] === escape && at + 1 < seen && (bytes[at + 1] === quote || bytes[at + 1] === escape);
  }

  /** End of the whole units from `at`: stops at what ends the field, and before a unit that `stop` may cut. */
  #unitsEnd(bytes: Uint8Array, at: number, stop: number, seen: number): number {
    const { delimiter, quote } = this.#options;
    while (at < stop) {
      const byte = bytes[at];
      if (this.#quoted) {
        const paired = this.#isPair(bytes, at, seen);
        if (paired && at + 2 > stop) return at;
        if (!paired && byte === quote) return at;
        at += paired ? 2 : 1;
      } else if (byte === delimiter) {
        return at;
      } else if (!this.#csv && byte === BACKSLASH) {
        if (at + 2 > stop) return at;
        at += 2;
      } else {
        at++;
      }
    }
    return at;
  }
}

function lineEnd(bytes: Uint8Array, start: number, end: number): number {
  let stop = end;
  if (stop > start && bytes[stop - 1] === NEWLINE) stop--;
  if (stop > start && stop < end && bytes[stop - 1] === RETURN) stop--;
  return stop;
}

function overwriteOf(column: ColumnPlan): Overwrite {
  switch (column.type) {
    case 'text':
      return 'text';
    case 'json':
    case 'jsonb':
      return 'json';
    default:
      return 'refuse';
  }
}
