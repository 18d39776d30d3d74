/**
 * Decoders for values that arrive in pieces: they append the readable text of bytes[start, end) to a window together
 * with the source offset of every character. A character that the piece cuts is left for the next piece.
 */
import type { Folded } from './detect/fold.ts';
import { Text } from './edits.ts';
import { renderNumber } from './numbers.ts';
import type { TypeClass } from './plan.ts';

/** `first`: the piece starts the value. The window has room for end - start more bytes. */
export type Decoder = (
  bytes: Uint8Array,
  start: number,
  end: number,
  final: boolean,
  first: boolean,
  window: Folded,
) => void;

const BACKSLASH = 0x5c;
const QUOTE = 0x22;

export const decodePlain: Decoder = (bytes, start, end, _final, _first, window) => {
  let length = window.length;
  for (let at = start; at < end; at++) {
    window.bytes[length] = bytes[at];
    window.map[length++] = at;
  }
  window.map[length] = end;
  window.length = length;
};

/** JSON: escapes undone to their ASCII character (others to `?`), quotes that are syntax as NUL. */
export const decodeJson: Decoder = (bytes, start, end, final, _first, window) => {
  let length = window.length;
  let at = start;
  while (at < end) {
    let size = 1;
    let value = bytes[at];
    if (value === QUOTE) value = 0;
    else if (value === BACKSLASH) {
      size = at + 1 < end && bytes[at + 1] !== 0x75 ? 2 : 6;
      if (at + size > end) {
        if (!final) break;
        size = end - at;
      }
      value = size === 2 ? shortEscape(bytes[at + 1]) : size === 6 ? unicodeEscape(bytes, at + 2) : 0x3f;
    }
    window.bytes[length] = value;
    window.map[length++] = at;
    at += size;
  }
  window.map[length] = at;
  window.length = length;
};

/**
 * bytea as text: `\x` and two hex digits a byte; the escape form, which is readable as it stands, otherwise.
 * `backslashes`: how the form spells one, 2 in COPY.
 */
export function byteaDecoder(backslashes = 1): Decoder {
  let hex = false;
  return (bytes, start, end, final, first, window) => {
    let at = start;
    if (first) {
      hex = end - start > backslashes && bytes[start] === BACKSLASH && bytes[start + backslashes] === 0x78;
      if (hex) at += backslashes + 1;
    }
    if (!hex) {
      decodePlain(bytes, start, end, final, first, window);
      return;
    }
    let length = window.length;
    for (; at + 1 < end; at += 2) {
      window.bytes[length] = (nibble(bytes[at]) << 4) | nibble(bytes[at + 1]);
      window.map[length++] = at;
    }
    window.map[length] = at;
    window.length = length;
  };
}

/** A number, rendered as decimal digits; the digits map to the whole value, since it can only be masked whole. */
export function numberDecoder(type: TypeClass, format: 0 | 1): Decoder {
  const text = new Text();
  return (bytes, start, end, final, first, window) => {
    const rendered = format === 1 && final && first && renderNumber(type, bytes, start, end, text);
    if (!rendered) {
      decodePlain(bytes, start, end, final, first, window);
      return;
    }
    window.grow(text.length);
    window.append(text.bytes, 0, text.length);
    window.map.fill(start, window.length - text.length, window.length);
    window.map[window.length] = end;
  };
}

/** COPY text: escapes undone (PostgreSQL writes none with digits). Pieces end between escapes. */
export const copyTextDecoder: Decoder = (bytes, start, end, _final, _first, window) => {
  let length = window.length;
  for (let at = start; at < end;) {
    const size = bytes[at] === BACKSLASH && at + 1 < end ? 2 : 1;
    window.bytes[length] = size === 2 ? shortEscape(bytes[at + 1]) : bytes[at];
    window.map[length++] = at;
    at += size;
  }
  window.map[length] = end;
  window.length = length;
};

/** CSV: doubled quotes made one. Pieces end between pairs. */
export function csvDecoder(quote: number, escape: number): Decoder {
  return (bytes, start, end, _final, _first, window) => {
    let length = window.length;
    for (let at = start; at < end;) {
      const size = csvUnit(bytes, at, end, quote, escape);
      window.bytes[length] = bytes[at + size - 1];
      window.map[length++] = at;
      at += size;
    }
    window.map[length] = end;
    window.length = length;
  };
}

/** JSON in COPY text: each backslash of JSON is written as two. */
export const jsonCopyTextDecoder: Decoder = (bytes, start, end, final, _first, window) => {
  let length = window.length;
  let at = start;
  while (at < end) {
    let size = 1;
    let value = bytes[at] === QUOTE ? 0 : bytes[at];
    if (bytes[at] === BACKSLASH) {
      const next = at + 2 < end ? bytes[at + 2] : -1;
      if (at + 1 < end && bytes[at + 1] !== BACKSLASH) size = 2;
      else size = next === 0x75 ? 7 : next === BACKSLASH ? 4 : 3;
      if (at + size > end) {
        if (!final) break;
        size = end - at;
      }
      value = size === 7 ? unicodeEscape(bytes, at + 3) : shortEscape(bytes[at + size - 1]);
    }
    window.bytes[length] = value;
    window.map[length++] = at;
    at += size;
  }
  window.map[length] = at;
  window.length = length;
};

/** JSON in CSV: each quote of JSON is written as a pair. */
export function jsonCsvDecoder(quote: number, escape: number): Decoder {
  return (bytes, start, end, final, _first, window) => {
    let length = window.length;
    let at = start;
    while (at < end) {
      let size = csvUnit(bytes, at, end, quote, escape);
      let value = bytes[at + size - 1];
      if (value === QUOTE) {
        value = 0;
      } else if (value === BACKSLASH) {
        const next = at + size < end ? at + size : -1;
        if (next >= 0 && bytes[next] === 0x75) {
          value = next + 5 <= end ? unicodeEscape(bytes, next + 1) : 0x3f;
          size += 5;
        } else if (next >= 0) {
          const unit = csvUnit(bytes, next, end, quote, escape);
          value = shortEscape(bytes[next + unit - 1]);
          size += unit;
        } else {
          size++;
        }
        if (at + size > end) {
          if (!final) break;
          size = end - at;
        }
      }
      window.bytes[length] = value;
      window.map[length++] = at;
      at += size;
    }
    window.map[length] = at;
    window.length = length;
  };
}

function csvUnit(bytes: Uint8Array, at: number, end: number, quote: number, escape: number): number {
  return bytes[at] === escape && at + 1 < end && (bytes[at + 1] === quote || bytes[at + 1] === escape) ? 2 : 1;
}

function shortEscape(byte: number): number {
  switch (byte) {
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

/** The ASCII character of four hex digits; `?` for every other, and for NUL, which stands for syntax here. */
function unicodeEscape(bytes: Uint8Array, at: number): number {
  const code =
    (nibble(bytes[at]) << 12) | (nibble(bytes[at + 1]) << 8) | (nibble(bytes[at + 2]) << 4) | nibble(bytes[at + 3]);
  return code > 0 && code < 0x80 ? code : 0x3f;
}

function nibble(byte: number): number {
  return byte <= 0x39 ? byte & 15 : ((byte & 0x0f) + 9) & 15;
}
