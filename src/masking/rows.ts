/**
 * Rows with a length before each value: DataRow, and the tuples of binary COPY. Walks one message, collects the edits of
 * its columns, and notes the lengths that change. All lengths are foreign and checked against the message.
 */
import { i16, i32, writeI32 } from '../bytes/bytes.ts';
import { CHANGED, NULLED, UNCHANGED, type Edits, type ValueMask } from './edits.ts';

/** What a row walker returns instead of a number of masked values where the row breaks its own lengths. */
export const MALFORMED = -1;

/** Reads one message [start, end), type byte and length included; returns how many values were masked. */
export interface RowWalker {
  walk(bytes: Uint8Array, start: number, end: number, edits: Edits): number;
  /** Writes the lengths noted by the last `walk` into the input, before anything moves. */
  commit(bytes: Uint8Array): void;
}

/** Type byte and length of a message. */
const HEADER_BYTES = 5;
/** `PGCOPY\n\377\r\n\0`: PostgreSQL manual, COPY, Binary Format. */
const SIGNATURE: Uint8Array = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
/** Signature, flags, length of the header extension. */
const COPY_HEADER_BYTES = 19;

export class LengthPrefixedRows implements RowWalker {
  readonly #masks: readonly (ValueMask | null)[];
  readonly #copy: boolean;
  readonly #lengthAt: Int32Array;
  readonly #length: Int32Array;
  #changes = 0;

  constructor(masks: readonly (ValueMask | null)[], copy: boolean) {
    this.#masks = masks;
    this.#copy = copy;
    this.#lengthAt = new Int32Array(masks.length);
    this.#length = new Int32Array(masks.length);
  }

  walk(bytes: Uint8Array, start: number, end: number, edits: Edits): number {
    this.#changes = 0;
    let at = start + HEADER_BYTES;
    if (this.#copy) {
      at = afterCopyHeader(bytes, at, end);
      if (at < 0) return MALFORMED;
      // The trailer of the whole COPY: a count of -1.
      if (at + 2 === end && i16(bytes, at) === -1) return 0;
    }
    const masks = this.#masks;
    if (at + 2 > end || i16(bytes, at) !== masks.length) return MALFORMED;
    at += 2;
    let masked = 0;
    for (let column = 0; column < masks.length; column++) {
      if (at + 4 > end) return MALFORMED;
      const length = i32(bytes, at);
      at += 4;
      if (length < 0) {
        if (length < -1) return MALFORMED;
        continue;
      }
      if (length > end - at) return MALFORMED;
      const mask = masks[column];
      if (mask !== null && this.#mask(bytes, at, at + length, mask, edits)) masked++;
      at += length;
    }
    return at === end ? masked : MALFORMED;
  }

  commit(bytes: Uint8Array): void {
    for (let i = 0; i < this.#changes; i++) writeI32(bytes, this.#lengthAt[i], this.#length[i]);
  }

  #mask(bytes: Uint8Array, start: number, end: number, mask: ValueMask, edits: Edits): boolean {
    const before = edits.count;
    const outcome = mask(bytes, start, end, edits);
    if (outcome === UNCHANGED) return false;
    let length = end - start;
    if (outcome === CHANGED) {
      if (edits.count === before) return true;
      for (let i = before; i < edits.count; i++) length += edits.end[i] - edits.at[i] - (edits.to[i] - edits.from[i]);
      if (length === end - start) return true;
    } else if (outcome === NULLED) {
      length = -1;
      edits.replace(start, end, edits.used);
    }
    this.#lengthAt[this.#changes] = start - 4;
    this.#length[this.#changes++] = length;
    return true;
  }
}

/** Offset after the file header if the message starts with one (a count of 0x5047 columns cannot be), or -1. */
function afterCopyHeader(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < COPY_HEADER_BYTES || bytes[at] !== SIGNATURE[0] || bytes[at + 1] !== SIGNATURE[1]) return at;
  for (let i = 0; i < SIGNATURE.length; i++) if (bytes[at + i] !== SIGNATURE[i]) return -1;
  const extension = i32(bytes, at + 15);
  if (extension < 0 || extension > end - at - COPY_HEADER_BYTES) return -1;
  return at + COPY_HEADER_BYTES + extension;
}
