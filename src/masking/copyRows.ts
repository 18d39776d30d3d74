/**
 * Rows of COPY in text and CSV form, one per CopyData message (PostgreSQL manual, COPY, File Formats).
 *
 * In the text form a field without escapes is masked where it stands. Any other field, and every one of CSV, is decoded first, so
 * that an escape cannot hide a match, and the masked value is encoded again.
 */
import { applyEdits, CHANGED, Edits, NULLED, Text, UNCHANGED, type ValueMask } from './edits.ts';
import type { CopyOptions } from './plan.ts';
import { MALFORMED, type RowWalker } from './rows.ts';

const HEADER_BYTES = 5;
const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const LETTERS: Uint8Array = Buffer.from('bfnrtv', 'latin1');
const CONTROLS = [0x08, 0x0c, 0x0a, 0x0d, 0x09, 0x0b];
/** What masks write besides bytes of the value; a delimiter or quote among them forces the slow path. */
const MASK_BYTES = '*[]_@"{},redacted0123456789abcdefhnulNUL';

/** State of one field, shared by the walkers of both forms. */
class Field {
  readonly #value = new Text();
  readonly #out = new Text();
  readonly #inner = new Edits();
  readonly #null: Uint8Array;
  readonly #options: CopyOptions;
  readonly #csv: boolean;

  constructor(options: CopyOptions, csv: boolean) {
    this.#null = Buffer.from(options.nullText, 'utf8');
    this.#options = options;
    this.#csv = csv;
  }

  isNull(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start !== this.#null.length) return false;
    for (let i = 0; i < this.#null.length; i++) if (bytes[start + i] !== this.#null[i]) return false;
    return true;
  }

  /** Masks bytes[start, end) as it stands. */
  direct(bytes: Uint8Array, start: number, end: number, mask: ValueMask, edits: Edits): boolean {
    const outcome = mask(bytes, start, end, edits);
    if (outcome === NULLED) this.#nullify(start, end, edits);
    return outcome !== UNCHANGED;
  }

  /** Decodes bytes[start, end), masks, encodes. */
  decoded(bytes: Uint8Array, start: number, end: number, mask: ValueMask, edits: Edits): boolean {
    if (this.#csv) decodeCsv(bytes, start, end, this.#options, this.#value);
    else decodeText(bytes, start, end, this.#value);
    this.#inner.clear();
    const outcome = mask(this.#value.bytes, 0, this.#value.length, this.#inner);
    if (outcome === UNCHANGED) return false;
    if (outcome === CHANGED) {
      applyEdits(this.#value.bytes, 0, this.#value.length, this.#inner, this.#out);
      const at = edits.used;
      if (this.#csv) encodeCsv(this.#out, this.#options, edits);
      else encodeText(this.#out, this.#options.delimiter, edits);
      edits.replace(start, end, at);
    } else {
      this.#nullify(start, end, edits);
    }
    return true;
  }

  #nullify(start: number, end: number, edits: Edits): void {
    const at = edits.used;
    edits.bytes(this.#null, 0, this.#null.length);
    edits.replace(start, end, at);
  }
}

export class CopyTextRows implements RowWalker {
  readonly #masks: readonly (ValueMask | null)[];
  readonly #field: Field;
  readonly #delimiter: number;
  readonly #plain: boolean;

  constructor(masks: readonly (ValueMask | null)[], options: CopyOptions) {
    this.#masks = masks;
    this.#field = new Field(options, false);
    this.#delimiter = options.delimiter;
    this.#plain = !MASK_BYTES.includes(String.fromCharCode(options.delimiter));
  }

  walk(bytes: Uint8Array, start: number, end: number, edits: Edits): number {
    const stop = lineEnd(bytes, start + HEADER_BYTES, end);
    let at = start + HEADER_BYTES;
    if (this.#masks.length === 0) return at === stop ? 0 : MALFORMED;
    let masked = 0;
    for (let column = 0; column < this.#masks.length; column++) {
      if (at > stop) return MALFORMED;
      let to = at;
      let escaped = false;
      for (; to < stop; to++) {
        const byte = bytes[to];
        if (byte === this.#delimiter) break;
        if (byte === BACKSLASH) {
          escaped = true;
          to++;
        }
      }
      if (to > stop) return MALFORMED;
      const mask = this.#masks[column];
      if (mask !== null && !this.#field.isNull(bytes, at, to)) {
        const changed =
          escaped || !this.#plain
            ? this.#field.decoded(bytes, at, to, mask, edits)
            : this.#field.direct(bytes, at, to, mask, edits);
        if (changed) masked++;
      }
      at = to + 1;
    }
    return at === stop + 1 ? masked : MALFORMED;
  }

  commit(): void {}
}

export class CopyCsvRows implements RowWalker {
  readonly #masks: readonly (ValueMask | null)[];
  readonly #field: Field;
  readonly #options: CopyOptions;

  constructor(masks: readonly (ValueMask | null)[], options: CopyOptions) {
    this.#masks = masks;
    this.#field = new Field(options, true);
    this.#options = options;
  }

  walk(bytes: Uint8Array, start: number, end: number, edits: Edits): number {
    const stop = lineEnd(bytes, start + HEADER_BYTES, end);
    let at = start + HEADER_BYTES;
    if (this.#masks.length === 0) return at === stop ? 0 : MALFORMED;
    let masked = 0;
    for (let column = 0; column < this.#masks.length; column++) {
      if (at > stop) return MALFORMED;
      const quoted = at < stop && bytes[at] === this.#options.quote;
      const to = quoted ? this.#quotedEnd(bytes, at, stop) : this.#plainEnd(bytes, at, stop);
      if (to < 0) return MALFORMED;
      const mask = this.#masks[column];
      if (mask !== null && this.#maskField(bytes, at, to, quoted, mask, edits)) masked++;
      at = to + 1;
    }
    return at === stop + 1 ? masked : MALFORMED;
  }

  commit(): void {}

  #maskField(bytes: Uint8Array, start: number, end: number, quoted: boolean, mask: ValueMask, edits: Edits): boolean {
    // Only an unquoted field can be NULL.
    if (!quoted && this.#field.isNull(bytes, start, end)) return false;
    // Whether the server has quoted it, tells which characters are in it: what is masked is quoted always.
    return this.#field.decoded(bytes, start, end, mask, edits);
  }

  #plainEnd(bytes: Uint8Array, at: number, stop: number): number {
    const { delimiter, quote } = this.#options;
    for (; at < stop && bytes[at] !== delimiter; at++) if (bytes[at] === quote) return -1;
    return at;
  }

  /** Offset after the closing quote, which a delimiter or the end of the row must follow; -1 otherwise. */
  #quotedEnd(bytes: Uint8Array, at: number, stop: number): number {
    const { delimiter, quote, escape } = this.#options;
    for (at++; at < stop; at++) {
      const byte = bytes[at];
      const next = at + 1 < stop ? bytes[at + 1] : -1;
      if (byte === escape && (next === quote || next === escape)) at++;
      else if (byte === quote) return next === -1 || next === delimiter ? at + 1 : -1;
    }
    return -1;
  }
}

/** A row ends with a newline, on some platforms with a carriage return before it; both stay as they are. */
function lineEnd(bytes: Uint8Array, start: number, end: number): number {
  let stop = end;
  if (stop > start && bytes[stop - 1] === NEWLINE) {
    stop--;
    if (stop > start && bytes[stop - 1] === RETURN) stop--;
  }
  return stop;
}

function decodeText(bytes: Uint8Array, start: number, end: number, out: Text): void {
  out.reset(end - start);
  let length = 0;
  for (let at = start; at < end; at++) {
    if (bytes[at] !== BACKSLASH || at + 1 >= end) {
      out.bytes[length++] = bytes[at];
      continue;
    }
    const byte = bytes[++at];
    const control = LETTERS.indexOf(byte);
    if (control >= 0) {
      out.bytes[length++] = CONTROLS[control];
    } else if (isOctal(byte)) {
      let value = byte - 0x30;
      for (let i = 0; i < 2 && at + 1 < end && isOctal(bytes[at + 1]); i++) value = value * 8 + bytes[++at] - 0x30;
      out.bytes[length++] = value;
    } else if (byte === 0x78 && at + 1 < end && hexValue(bytes[at + 1]) >= 0) {
      let value = hexValue(bytes[++at]);
      if (at + 1 < end && hexValue(bytes[at + 1]) >= 0) value = value * 16 + hexValue(bytes[++at]);
      out.bytes[length++] = value;
    } else {
      out.bytes[length++] = byte;
    }
  }
  out.length = length;
}

function isOctal(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x37;
}

function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function encodeText(text: Text, delimiter: number, edits: Edits): void {
  for (let at = 0; at < text.length; at++) {
    const byte = text.bytes[at];
    const control = CONTROLS.indexOf(byte);
    if (control >= 0) {
      edits.byte(BACKSLASH);
      edits.byte(LETTERS[control]);
    } else {
      if (byte === BACKSLASH || byte === delimiter) edits.byte(BACKSLASH);
      edits.byte(byte);
    }
  }
}

function decodeCsv(bytes: Uint8Array, start: number, end: number, options: CopyOptions, out: Text): void {
  out.reset(end - start);
  let length = 0;
  const quoted = end - start >= 2 && bytes[start] === options.quote;
  const stop = quoted ? end - 1 : end;
  for (let at = quoted ? start + 1 : start; at < stop; at++) {
    const next = at + 1 < stop ? bytes[at + 1] : -1;
    if (quoted && bytes[at] === options.escape && (next === options.quote || next === options.escape)) at++;
    out.bytes[length++] = bytes[at];
  }
  out.length = length;
}

/** Always quoted: then it is never NULL, never an end marker, and needs no look at its content. */
function encodeCsv(text: Text, options: CopyOptions, edits: Edits): void {
  edits.byte(options.quote);
  for (let at = 0; at < text.length; at++) {
    const byte = text.bytes[at];
    if (byte === options.quote || byte === options.escape) edits.byte(options.escape);
    edits.byte(byte);
  }
  edits.byte(options.quote);
}
