/** Byte classes that the scanners share. Bytes from 0x80 belong to none of them. */

const DIGIT = 1;
const UPPER = 2;
const LOWER = 4;
const HEX = 8;
/** base64url: letters, digits, `-`, `_`. */
const TOKEN = 16;
/** base64: letters, digits, `+`, `/`. */
const BASE64 = 32;

const CLASS = new Uint8Array(256);
for (let b = 0x30; b <= 0x39; b++) CLASS[b] = DIGIT | HEX | TOKEN | BASE64;
for (let b = 0x41; b <= 0x5a; b++) CLASS[b] = UPPER | TOKEN | BASE64 | (b <= 0x46 ? HEX : 0);
for (let b = 0x61; b <= 0x7a; b++) CLASS[b] = LOWER | TOKEN | BASE64 | (b <= 0x66 ? HEX : 0);
CLASS[0x2d] = TOKEN;
CLASS[0x5f] = TOKEN;
CLASS[0x2b] = BASE64;
CLASS[0x2f] = BASE64;

export function isDigit(byte: number): boolean {
  return (CLASS[byte] & DIGIT) !== 0;
}

export function isUpper(byte: number): boolean {
  return (CLASS[byte] & UPPER) !== 0;
}

export function isLower(byte: number): boolean {
  return (CLASS[byte] & LOWER) !== 0;
}

export function isLetter(byte: number): boolean {
  return (CLASS[byte] & (UPPER | LOWER)) !== 0;
}

export function isAlnum(byte: number): boolean {
  return (CLASS[byte] & (DIGIT | UPPER | LOWER)) !== 0;
}

export function isHex(byte: number): boolean {
  return (CLASS[byte] & HEX) !== 0;
}

export function isTokenByte(byte: number): boolean {
  return (CLASS[byte] & TOKEN) !== 0;
}

export function isBase64Byte(byte: number): boolean {
  return (CLASS[byte] & BASE64) !== 0;
}

/** Whether src[at..] starts with the ASCII bytes of `word`, all before `end`. */
export function startsWith(src: Uint8Array, at: number, end: number, word: Uint8Array): boolean {
  if (at + word.length > end) return false;
  for (let i = 0; i < word.length; i++) if (src[at + i] !== word[i]) return false;
  return true;
}

/** Offset of `word` in src[start, end), or -1. */
export function indexOf(src: Uint8Array, start: number, end: number, word: Uint8Array): number {
  const first = word[0];
  const last = end - word.length;
  for (let at = start; at <= last; at++) if (src[at] === first && startsWith(src, at, end, word)) return at;
  return -1;
}

/** Whether the lower-case `word` stands in src[start, end) in any case. */
export function containsWord(src: Uint8Array, start: number, end: number, word: Uint8Array): boolean {
  const last = end - word.length;
  for (let at = start; at <= last; at++) {
    let i = 0;
    while (i < word.length && (src[at + i] | 0x20) === (word[i] | 0x20)) i++;
    if (i === word.length) return true;
  }
  return false;
}

export function ascii(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}
