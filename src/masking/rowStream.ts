/**
 * Masks one row message that is larger than a slot, as it passes. Its length was sent with its first bytes, so every
 * mask has the length of its value here: text becomes stars, JSON a string of stars, bytea zeros, whatever mask was
 * asked for. Types without such a mask end the session with BG_ROW_TOO_LARGE_TO_MASK.
 */
import { i16, i32 } from '../bytes/bytes.ts';
import type { ColumnPlan, MaskPlan, RowStream, TypeClass } from './plan.ts';
import { PlainRowStream } from './plainRowStream.ts';
import type { Scans } from './values.ts';
import { byteaDecoder, decodeJson, decodePlain, numberDecoder, type Decoder } from './windowDecode.ts';
import { WindowScan, type Overwrite } from './windowScan.ts';
import type { TextScan } from './textScan.ts';

const DATA_ROW = 0x44;
const COPY_DATA = 0x64;
const COPY_HEADER_BYTES = 19;

const STAR = 0x2a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export function createRowStream(plan: MaskPlan, scans: Scans): RowStream {
  switch (plan.rowFormat) {
    case 'data_row':
    case 'copy_binary':
      return new LengthPrefixedStream(plan, scans);
    case 'copy_text':
    case 'copy_csv':
      return new PlainRowStream(plan, scans);
  }
}

type Phase = 'header' | 'copy_header' | 'count' | 'length' | 'value' | 'end';

class LengthPrefixedStream implements RowStream {
  fault: RowStream['fault'] = null;
  done = false;
  masked = 0;

  readonly #plan: MaskPlan;
  readonly #scans: Scans;
  readonly #windows = new Map<number, WindowScan>();
  #phase: Phase = 'header';
  /** Bytes of the message that have not been passed on. */
  #left = 0;
  #column = 0;
  /** Length of the value at hand, and how much of it has been passed on. */
  #length = 0;
  #passed = 0;

  constructor(plan: MaskPlan, scans: Scans) {
    this.#plan = plan;
    this.#scans = scans;
  }

  push(bytes: Uint8Array, start: number, end: number): number {
    if (this.fault !== null) return -1;
    let at = start;
    while (this.#phase !== 'end') {
      const next = this.#phase === 'value' ? this.#value(bytes, at, end) : this.#fixed(bytes, at, end);
      if (next < 0) return -1;
      if (next === at && this.#phase !== 'length') break;
      this.#left -= next - at;
      at = next;
      if (this.#phase === 'length' && this.#column === this.#plan.columns.length) {
        if (this.#left !== 0) return this.#fail('BG_TARGET_PROTOCOL');
        this.#phase = 'end';
        this.done = true;
      } else if (this.#phase === 'length' && at + 4 > end) {
        break;
      }
    }
    return at;
  }

  #fail(fault: 'BG_TARGET_PROTOCOL' | 'BG_ROW_TOO_LARGE_TO_MASK'): number {
    this.fault = fault;
    return -1;
  }

  /** Reads one fixed-size part at `at`; returns the offset after it, or `at` where it has not all arrived. */
  #fixed(bytes: Uint8Array, at: number, end: number): number {
    switch (this.#phase) {
      case 'header':
        return this.#header(bytes, at, end);
      case 'copy_header':
        return this.#copyHeader(bytes, at, end);
      case 'count':
        if (at + 2 > end) return at;
        if (this.#left < 2 || i16(bytes, at) !== this.#plan.columns.length) return this.#fail('BG_TARGET_PROTOCOL');
        this.#phase = 'length';
        return at + 2;
      default:
        return this.#valueLength(bytes, at, end);
    }
  }

  #header(bytes: Uint8Array, at: number, end: number): number {
    if (at + 5 > end) return at;
    const copy = this.#plan.rowFormat === 'copy_binary';
    const length = i32(bytes, at + 1);
    if (bytes[at] !== (copy ? COPY_DATA : DATA_ROW) || length < 6) return this.#fail('BG_TARGET_PROTOCOL');
    this.#left = length + 1;
    this.#phase = copy ? 'copy_header' : 'count';
    return at + 5;
  }

  /** The file header stands before the first tuple in the same message; see rows.ts. */
  #copyHeader(bytes: Uint8Array, at: number, end: number): number {
    if (at + 2 > end) return at;
    this.#phase = 'count';
    if (bytes[at] !== 0x50 || bytes[at + 1] !== 0x47) return this.#fixed(bytes, at, end);
    this.#phase = 'copy_header';
    if (at + COPY_HEADER_BYTES > end) return at;
    const extension = i32(bytes, at + 15);
    // PostgreSQL writes none; one that has to be streamed is not worth a state.
    if (extension !== 0 || this.#left < COPY_HEADER_BYTES) return this.#fail('BG_TARGET_PROTOCOL');
    this.#phase = 'count';
    return at + COPY_HEADER_BYTES;
  }

  #valueLength(bytes: Uint8Array, at: number, end: number): number {
    if (at + 4 > end) return at;
    const length = i32(bytes, at);
    if (length < -1 || this.#left < 4 || length > this.#left - 4) return this.#fail('BG_TARGET_PROTOCOL');
    if (length <= 0) {
      this.#column++;
      return at + 4;
    }
    const column = this.#plan.columns[this.#column];
    if (column.action === 'mask' && maskOf(column, this.#format(column)) === 'refuse') {
      return this.#fail('BG_ROW_TOO_LARGE_TO_MASK');
    }
    this.#length = length;
    this.#passed = 0;
    this.#phase = 'value';
    if (column.action === 'scan') this.#window(column)?.begin();
    return at + 4;
  }

  #value(bytes: Uint8Array, at: number, end: number): number {
    const column = this.#plan.columns[this.#column];
    const stop = Math.min(end, at + this.#length - this.#passed);
    const final = stop - at === this.#length - this.#passed;
    const window = column.action === 'scan' ? this.#window(column) : null;
    let next = stop;
    if (column.action === 'mask') this.#overwrite(bytes, at, stop, column);
    else if (window !== null) next = window.push(bytes, at, stop, final);
    if (next < 0) return this.#fail('BG_ROW_TOO_LARGE_TO_MASK');
    this.#passed += next - at;
    if (this.#passed === this.#length) {
      if (column.action === 'mask' || window?.changed === true) this.masked++;
      this.#column++;
      this.#phase = 'length';
    }
    return next;
  }

  #format(column: ColumnPlan): 0 | 1 {
    return this.#plan.rowFormat === 'copy_binary' ? 1 : column.format;
  }

  /** Overwrites bytes[at, stop) of a masked value; #passed tells which part of it this is. */
  #overwrite(bytes: Uint8Array, at: number, stop: number, column: ColumnPlan): void {
    const how = maskOf(column, this.#format(column));
    const origin = at - this.#passed;
    switch (how) {
      case 'text':
        bytes.fill(STAR, at, stop);
        return;
      case 'zero':
        bytes.fill(0, at, stop);
        return;
      case 'hex':
        overwriteHex(bytes, at, stop, origin);
        return;
      default: {
        // jsonb in binary has a version byte first, which stays.
        const first = origin + (column.type === 'jsonb' && this.#format(column) === 1 ? 1 : 0);
        overwriteJson(bytes, at, stop, first, origin + this.#length);
      }
    }
  }

  #window(column: ColumnPlan): WindowScan | null {
    const known = this.#windows.get(this.#column);
    if (known !== undefined) return known;
    const made = windowOf(column.type, this.#format(column), this.#plan, this.#scans);
    if (made !== null) this.#windows.set(this.#column, made);
    return made;
  }
}

/** The mask of equal length for a type; `refuse` where there is none. */
function maskOf(column: ColumnPlan, format: 0 | 1): 'text' | 'json' | 'zero' | 'hex' | 'refuse' {
  switch (column.type) {
    case 'text':
      return 'text';
    case 'json':
    case 'jsonb':
      return 'json';
    case 'bytea':
      return format === 1 ? 'zero' : 'hex';
    default:
      return 'refuse';
  }
}

/** A string of stars, or the number 1 where the document is too short for quotes. */
function overwriteJson(bytes: Uint8Array, at: number, stop: number, first: number, end: number): void {
  for (let i = Math.max(at, first); i < stop; i++) {
    if (end - first < 2) bytes[i] = 0x31;
    else bytes[i] = i === first || i === end - 1 ? QUOTE : STAR;
  }
}

/**
 * Hex digits 0 after `\x`. In the escape form a first backslash stays and becomes `\000` or, where it was itself
 * escaped, stays a pair; both forms stay readable for the server's own rules.
 */
function overwriteHex(bytes: Uint8Array, at: number, stop: number, origin: number): void {
  for (let i = at; i < stop; i++) {
    const position = i - origin;
    const stays =
      position === 0 ? bytes[i] === BACKSLASH : position === 1 && (bytes[i] === 0x78 || bytes[i] === BACKSLASH);
    if (!stays) bytes[i] = 0x30;
  }
}

/** The scan for values of a type, or null where none applies. */
function windowOf(type: TypeClass, format: 0 | 1, plan: MaskPlan, scans: Scans): WindowScan | null {
  const make = (scan: TextScan, names: string[], decode: Decoder, how: Overwrite): WindowScan =>
    new WindowScan(scan, names, decode, how);
  const names = plan.detectors.map((detector) => detector.name);
  if (names.length === 0) return null;
  switch (type) {
    case 'text':
      return make(scans.text, names, decodePlain, 'text');
    case 'json':
    case 'jsonb':
      return make(scans.text, names, decodeJson, 'json');
    case 'bytea':
      return format === 1
        ? make(scans.text, names, decodePlain, 'zero')
        : make(scans.text, names, byteaDecoder(), 'hex');
    case 'text_array':
      return make(scans.text, names, decodePlain, format === 0 ? 'array' : 'refuse');
    case 'integer':
    case 'numeric':
      return make(scans.number, [], numberDecoder(type, format), 'refuse');
    case 'fixed':
      return null;
    case 'other':
      return make(scans.text, names, decodePlain, 'refuse');
  }
}
