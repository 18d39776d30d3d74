/**
 * Masks in JSON text (RFC 8259). The result is always valid JSON.
 *
 * A mask on the column makes the whole document one string: `"[redacted]"`. Masks that show a part of a value
 * (`keep_*`, `email`) apply where the document is itself one string; in an object they would show arbitrary syntax, so
 * it is redacted. Detectors look at each string with its escapes undone, and at each number; a matching number becomes
 * a string. Keys are scanned like values.
 */
import type { MaskSpec } from '../facts.ts';
import { applyEdits, CHANGED, Edits, NULLED, Text, UNCHANGED, type Outcome, type ValueMask } from './edits.ts';
import { suspect } from './detect/suspect.ts';
import { isSuspicious, type TextScan } from './textScan.ts';
import { REDACTED } from './masks.ts';
import type { TextEncoding } from './plan.ts';
import { hasHighByte } from './pairs.ts';
import { utf8Length } from './utf8.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const NULL_WORD: Uint8Array = Buffer.from('null', 'latin1');
const HEX: Uint8Array = Buffer.from('0123456789abcdef', 'latin1');

/** `leaf` is the same mask for plain text. */
export function jsonColumnMask(spec: MaskSpec, leaf: ValueMask, encoding: TextEncoding): ValueMask {
  if (spec.kind === 'null') return () => NULLED;
  const inner = new Edits();
  const text = new Text();
  const out = new Text();
  const partial = spec.kind === 'keep_first' || spec.kind === 'keep_last' || spec.kind === 'email';
  return (src, start, end, edits) => {
    if (spec.kind === 'stars') return jsonStars(src, start, end, edits, encoding);
    const isString = end - start >= 2 && src[start] === QUOTE && stringEnd(src, start, end) === end;
    const at = edits.used;
    edits.byte(QUOTE);
    if (partial && !isString) {
      edits.bytes(REDACTED, 0, REDACTED.length);
    } else {
      if (isString) decodeString(src, start + 1, end - 1, text);
      else {
        text.reset(end - start);
        text.append(src, start, end);
      }
      inner.clear();
      leaf(text.bytes, 0, text.length, inner);
      applyEdits(text.bytes, 0, text.length, inner, out);
      encodeString(out.bytes, out.length, edits);
    }
    edits.byte(QUOTE);
    edits.replace(start, end, at);
    return CHANGED;
  };
}

/** `"***"` with as many characters as the document; in place where characters are bytes. */
function jsonStars(src: Uint8Array, start: number, end: number, edits: Edits, encoding: TextEncoding): Outcome {
  const wide = encoding === 'utf8' && hasHighByte(src, start, end);
  const length = wide ? utf8Length(src, start, end) : end - start;
  if (!wide && length >= 2) {
    src[start] = QUOTE;
    src.fill(0x2a, start + 1, end - 1);
    src[end - 1] = QUOTE;
    return CHANGED;
  }
  const at = edits.used;
  edits.byte(QUOTE);
  if (length < 0) edits.bytes(REDACTED, 0, REDACTED.length);
  else edits.stars(Math.max(1, length - 2));
  edits.byte(QUOTE);
  edits.replace(start, end, at);
  return CHANGED;
}

/** Scans every string and number of a document. */
export function jsonScan(scan: TextScan): ValueMask {
  const strings = new JsonStrings(scan);
  return (src, start, end, edits) => {
    if (!isSuspicious(suspect(src, start, end), scan.bits)) return UNCHANGED;
    let outcome: Outcome = UNCHANGED;
    for (let at = start; at < end;) {
      const byte = src[at];
      let to = at + 1;
      if (byte === QUOTE) {
        to = stringEnd(src, at, end);
        if (strings.mask(src, at, to, end, edits)) outcome = CHANGED;
      } else if (isNumberByte(byte)) {
        while (to < end && isNumberByte(src[to])) to++;
        if (maskNumber(src, at, to, edits, scan)) outcome = CHANGED;
      }
      at = to;
    }
    return outcome;
  };
}

class JsonStrings {
  readonly #scan: TextScan;
  readonly #inner = new Edits();
  readonly #text = new Text();
  readonly #out = new Text();

  constructor(scan: TextScan) {
    this.#scan = scan;
  }

  /** Masks the string token src[start, end), quotes included; returns whether it changed. `limit` ends the document. */
  mask(src: Uint8Array, start: number, end: number, limit: number, edits: Edits): boolean {
    const close = end - start >= 2 && src[end - 1] === QUOTE ? end - 1 : end;
    let escaped = false;
    for (let at = start + 1; at < close && !escaped; at++) escaped = src[at] === BACKSLASH;
    let outcome: Outcome;
    if (!escaped) {
      outcome = this.#scan.mask(src, start + 1, close, edits);
      if (outcome !== NULLED) return outcome === CHANGED;
    } else {
      decodeString(src, start + 1, close, this.#text);
      this.#inner.clear();
      outcome = this.#scan.mask(this.#text.bytes, 0, this.#text.length, this.#inner);
      if (outcome === UNCHANGED) return false;
    }
    const at = edits.used;
    if (outcome === NULLED && !isKey(src, end, limit)) {
      edits.bytes(NULL_WORD, 0, 4);
    } else {
      edits.byte(QUOTE);
      if (outcome === NULLED) {
        edits.bytes(REDACTED, 0, REDACTED.length);
      } else {
        applyEdits(this.#text.bytes, 0, this.#text.length, this.#inner, this.#out);
        encodeString(this.#out.bytes, this.#out.length, edits);
      }
      edits.byte(QUOTE);
    }
    edits.replace(start, end, at);
    return true;
  }
}

/** A number that a detector matches is replaced whole: a part of it would be another number. */
function maskNumber(src: Uint8Array, start: number, end: number, edits: Edits, scan: TextScan): boolean {
  if (!scan.matches(src, start, end)) return false;
  const at = edits.used;
  edits.byte(QUOTE);
  edits.bytes(REDACTED, 0, REDACTED.length);
  edits.byte(QUOTE);
  edits.replace(start, end, at);
  return true;
}

function isNumberByte(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x2b || byte === 0x2e || byte === 0x45 || byte === 0x65
  );
}

/** A string before a colon is a key, and only a string may stand there. */
function isKey(src: Uint8Array, at: number, end: number): boolean {
  while (at < end && (src[at] === 0x20 || src[at] === 0x0a || src[at] === 0x0d || src[at] === 0x09)) at++;
  return at < end && src[at] === COLON;
}

/** Offset after the closing quote of the string that opens at `start`, or `end` where it does not close. */
function stringEnd(src: Uint8Array, start: number, end: number): number {
  for (let at = start + 1; at < end; at++) {
    if (src[at] === BACKSLASH) at++;
    else if (src[at] === QUOTE) return at + 1;
  }
  return end;
}

/** Undoes the escapes of RFC 8259, section 7. Text only grows shorter by it. */
function decodeString(src: Uint8Array, start: number, end: number, out: Text): void {
  out.reset(end - start + 4);
  const bytes = out.bytes;
  let length = 0;
  for (let at = start; at < end; at++) {
    if (src[at] !== BACKSLASH || at + 1 >= end) {
      bytes[length++] = src[at];
      continue;
    }
    const byte = src[++at];
    if (byte !== 0x75) {
      bytes[length++] = unescaped(byte);
      continue;
    }
    let code = hex4(src, at + 1, end);
    if (code < 0) {
      bytes[length++] = BACKSLASH;
      bytes[length++] = byte;
      continue;
    }
    at += 4;
    if (code >= 0xd800 && code < 0xdc00 && src[at + 1] === BACKSLASH && src[at + 2] === 0x75) {
      const low = hex4(src, at + 3, end);
      if (low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
      }
    }
    length = putCodePoint(bytes, length, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
  }
  out.length = length;
}

function unescaped(byte: number): number {
  switch (byte) {
    case 0x62:
      return 0x08;
    case 0x66:
      return 0x0c;
    case 0x6e:
      return 0x0a;
    case 0x72:
      return 0x0d;
    case 0x74:
      return 0x09;
    default:
      return byte;
  }
}

function hex4(src: Uint8Array, at: number, end: number): number {
  if (at + 4 > end) return -1;
  let value = 0;
  for (let i = at; i < at + 4; i++) {
    const byte = src[i];
    const digit =
      byte >= 0x30 && byte <= 0x39
        ? byte - 0x30
        : (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66
          ? (byte | 0x20) - 0x57
          : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

function putCodePoint(bytes: Uint8Array, at: number, code: number): number {
  if (code < 0x80) {
    bytes[at++] = code;
  } else if (code < 0x800) {
    bytes[at++] = 0xc0 | (code >> 6);
    bytes[at++] = 0x80 | (code & 0x3f);
  } else if (code < 0x10000) {
    bytes[at++] = 0xe0 | (code >> 12);
    bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
    bytes[at++] = 0x80 | (code & 0x3f);
  } else {
    bytes[at++] = 0xf0 | (code >> 18);
    bytes[at++] = 0x80 | ((code >> 12) & 0x3f);
    bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
    bytes[at++] = 0x80 | (code & 0x3f);
  }
  return at;
}

function encodeString(src: Uint8Array, length: number, edits: Edits): void {
  for (let at = 0; at < length; at++) {
    const byte = src[at];
    if (byte === QUOTE || byte === BACKSLASH) {
      edits.byte(BACKSLASH);
      edits.byte(byte);
    } else if (byte < 0x20) {
      for (const c of [BACKSLASH, 0x75, 0x30, 0x30, HEX[byte >> 4], HEX[byte & 15]]) edits.byte(c);
    } else {
      edits.byte(byte);
    }
  }
}
