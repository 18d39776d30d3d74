/**
 * Masks each element of an array of a text-like type; NULL elements stay. The text form is that of array_in and
 * array_out (PostgreSQL manual, "Array Input and Output Syntax"), the binary form that of array_recv and array_send.
 * What does not parse becomes NULL.
 */
import { i32, writeI32 } from '../bytes/bytes.ts';
import { applyEdits, CHANGED, Edits, NULLED, Text, UNCHANGED, type Outcome, type ValueMask } from './edits.ts';

const OPEN = 0x7b;
const CLOSE = 0x7d;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NULL_WORD: Uint8Array = Buffer.from('NULL', 'latin1');

/** Masks elements of the text form with `leaf`. */
export function arrayTextMask(leaf: ValueMask): ValueMask {
  const inner = new Edits();
  const text = new Text();
  const out = new Text();

  /** Masks one element whose content is src[from, to); `start` and `end` include its quotes. */
  const element = (src: Uint8Array, start: number, end: number, quoted: boolean, edits: Edits): Outcome => {
    const from = quoted ? start + 1 : start;
    const to = quoted ? end - 1 : end;
    let escaped = false;
    for (let at = from; at < to && !escaped; at++) escaped = src[at] === BACKSLASH;
    let outcome: Outcome;
    if (!escaped) {
      outcome = leaf(src, from, to, edits);
      if (outcome !== NULLED) return outcome;
    } else {
      decodeElement(src, from, to, text);
      inner.clear();
      outcome = leaf(text.bytes, 0, text.length, inner);
      if (outcome === UNCHANGED) return outcome;
    }
    const at = edits.used;
    if (outcome === NULLED) {
      edits.bytes(NULL_WORD, 0, 4);
    } else {
      applyEdits(text.bytes, 0, text.length, inner, out);
      encodeElement(out.bytes, out.length, edits);
    }
    edits.replace(start, end, at);
    return CHANGED;
  };

  return (src, start, end, edits) => {
    const { count, used } = edits;
    let outcome: Outcome = UNCHANGED;
    let depth = 0;
    let at = dimensionsEnd(src, start, end);
    if (at >= end || src[at] !== OPEN) return NULLED;
    while (at < end) {
      const byte = src[at];
      if (byte === OPEN) depth++;
      else if (byte === CLOSE) depth--;
      else if (byte !== COMMA) {
        const to = elementEnd(src, at, end);
        if (to < 0 || depth === 0) {
          edits.rewind(count, used);
          return NULLED;
        }
        const quoted = byte === QUOTE;
        if ((quoted || !isNullWord(src, at, to)) && element(src, at, to, quoted, edits) === CHANGED) outcome = CHANGED;
        at = to;
        continue;
      }
      at++;
    }
    if (depth === 0) return outcome;
    edits.rewind(count, used);
    return NULLED;
  };
}

/** Skips explicit bounds, as in `[0:1]={a,b}`. */
function dimensionsEnd(src: Uint8Array, start: number, end: number): number {
  if (start >= end || src[start] !== 0x5b) return start;
  let at = start;
  while (at < end && src[at] !== 0x3d) at++;
  return at + 1;
}

/** Offset after the element at `at`, or -1 where its quote does not close or it is empty. */
function elementEnd(src: Uint8Array, at: number, end: number): number {
  if (src[at] === QUOTE) {
    for (let i = at + 1; i < end; i++) {
      if (src[i] === BACKSLASH) i++;
      else if (src[i] === QUOTE) return i + 1;
    }
    return -1;
  }
  let to = at;
  while (to < end && src[to] !== COMMA && src[to] !== CLOSE) {
    if (src[to] === OPEN || src[to] === QUOTE) return -1;
    if (src[to] === BACKSLASH) to++;
    to++;
  }
  return to >= end ? -1 : to;
}

function isNullWord(src: Uint8Array, start: number, end: number): boolean {
  if (end - start !== 4) return false;
  for (let i = 0; i < 4; i++) if ((src[start + i] & 0xdf) !== NULL_WORD[i]) return false;
  return true;
}

function decodeElement(src: Uint8Array, from: number, to: number, out: Text): void {
  out.reset(to - from);
  let length = 0;
  for (let at = from; at < to; at++) {
    if (src[at] === BACKSLASH && at + 1 < to) at++;
    out.bytes[length++] = src[at];
  }
  out.length = length;
}

function encodeElement(src: Uint8Array, length: number, edits: Edits): void {
  edits.byte(QUOTE);
  for (let at = 0; at < length; at++) {
    if (src[at] === QUOTE || src[at] === BACKSLASH) edits.byte(BACKSLASH);
    edits.byte(src[at]);
  }
  edits.byte(QUOTE);
}

/** PostgreSQL's own limit (MAXDIM). */
const DIMENSIONS_MAX = 6;

/** Masks elements of the binary form: dimensions, NULL flag, element type, (length, lower bound) each, elements. */
export function arrayBinaryMask(leaf: ValueMask): ValueMask {
  const inner = new Edits();
  const text = new Text();
  const out = new Text();
  const word = new Uint8Array(4);
  return (src, start, end, edits) => {
    const first = elementsStart(src, start, end);
    if (first < 0) return NULLED;
    const { count, used } = edits;
    let outcome: Outcome = UNCHANGED;
    let nulls = false;
    let at = first;
    while (at < end) {
      const length = at + 4 > end ? -2 : i32(src, at);
      if (length < -1 || (length >= 0 && at + 4 + length > end)) {
        edits.rewind(count, used);
        return NULLED;
      }
      const to = at + 4 + Math.max(0, length);
      if (length >= 0) {
        text.reset(length);
        text.append(src, at + 4, to);
        inner.clear();
        const masked = leaf(text.bytes, 0, length, inner);
        if (masked !== UNCHANGED) {
          outcome = CHANGED;
          const from = edits.used;
          if (masked === NULLED) {
            nulls = true;
            writeI32(word, 0, -1);
            edits.bytes(word, 0, 4);
          } else {
            applyEdits(text.bytes, 0, length, inner, out);
            writeI32(word, 0, out.length);
            edits.bytes(word, 0, 4);
            edits.bytes(out.bytes, 0, out.length);
          }
          edits.replace(at, to, from);
        }
      }
      at = to;
    }
    // The flag word says whether elements may be NULL; readers rely on it.
    if (nulls) writeI32(src, start + 4, 1);
    return outcome;
  };
}

/** Offset of the first element, or -1. The elements must be as many as the dimensions say. */
function elementsStart(src: Uint8Array, start: number, end: number): number {
  if (end - start < 12) return -1;
  const dimensions = i32(src, start);
  const first = start + 12 + 8 * dimensions;
  if (dimensions < 0 || dimensions > DIMENSIONS_MAX || first > end) return -1;
  let elements = dimensions === 0 ? 0 : 1;
  for (let at = start + 12; at < first; at += 8) elements *= i32(src, at);
  let at = first;
  for (; at + 4 <= end && elements > 0; elements--) {
    const length = i32(src, at);
    if (length < -1) return -1;
    at += 4 + Math.max(0, length);
  }
  return elements === 0 && at === end ? first : -1;
}
