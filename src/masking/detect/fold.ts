/**
 * Folds look-alikes so that they do not hide a number or an address: full-width forms, Unicode hyphens and spaces,
 * and characters without width. Nothing else is folded: homoglyphs of letters (Cyrillic `а`) remain a residual risk.
 * Only for UTF-8.
 */
import { Text } from '../edits.ts';

/** Offset in the source of every folded byte, and of the end. */
export class Folded extends Text {
  map: Int32Array = new Int32Array(0);

  /** Room for `more` bytes after those that are there. */
  grow(more: number): void {
    if (this.length + more <= this.bytes.length && this.length + more < this.map.length) return;
    const bytes = new Uint8Array((this.length + more) * 2);
    bytes.set(this.bytes.subarray(0, this.length));
    const map = new Int32Array(bytes.length + 1);
    map.set(this.map.subarray(0, this.length));
    this.bytes = bytes;
    this.map = map;
  }
}

/** Folds src[start, end) into `out`; returns whether anything differs from the source. */
export function fold(src: Uint8Array, start: number, end: number, out: Folded): boolean {
  out.reset(end - start);
  if (out.map.length <= end - start) out.map = new Int32Array(out.bytes.length + 1);
  let differs = false;
  let length = 0;
  for (let at = start; at < end;) {
    const byte = src[at];
    const wide = byte === 0xc2 && at + 1 < end ? 2 : (byte === 0xe2 || byte === 0xef) && at + 2 < end ? 3 : 0;
    const folded = wide === 0 ? -1 : foldedByte(byte, src[at + 1], wide === 3 ? src[at + 2] : 0);
    if (folded < 0) {
      out.bytes[length] = byte;
      out.map[length++] = at++;
      continue;
    }
    differs = true;
    if (folded > 0) {
      out.bytes[length] = folded;
      out.map[length++] = at;
    }
    at += wide;
  }
  out.map[length] = end;
  out.length = length;
  return differs;
}

/** ASCII byte that a character stands for, 0 where it has no width, -1 where it stands for itself. */
function foldedByte(first: number, second: number, third: number): number {
  if (first === 0xc2) return second === 0xa0 ? 0x20 : second === 0xad ? 0 : -1;
  if (first === 0xef) {
    // U+FF01 to U+FF5E are U+0021 to U+007E in full width; U+FEFF has none.
    if (second === 0xbc && third >= 0x81 && third <= 0xbf) return third - 0x60;
    if (second === 0xbd && third >= 0x80 && third <= 0x9e) return third - 0x20;
    return second === 0xbb && third === 0xbf ? 0 : -1;
  }
  if (second === 0x80) {
    if (third >= 0x80 && third <= 0x8a) return 0x20;
    if (third >= 0x8b && third <= 0x8f) return 0;
    if (third >= 0x90 && third <= 0x95) return 0x2d;
    return third === 0xaf ? 0x20 : -1;
  }
  if (second === 0x81) return third === 0xa0 ? 0 : -1;
  return second === 0x88 && third === 0x92 ? 0x2d : -1;
}
