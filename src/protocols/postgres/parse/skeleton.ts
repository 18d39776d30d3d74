/**
 * The skeleton of a statement: its bytes with every plain integer and string literal replaced by a mark.
 *
 * Texts of one skeleton have the same tokens to PostgreSQL's scanner but for the values of those literals, so where
 * no fact hangs on a literal they share their facts. That holds because this reader is far stricter than scan.l:
 * anything of which it is not sure (comments, backslashes, dollar quotes, prefixed strings, other numbers, bytes
 * outside ASCII) has no skeleton, and every byte outside a literal is kept as it is.
 */

const intMark = 0x00;
const stringMark = 0x01;

/** Longer texts are rare, and parsing them is not what limits throughput. */
export const skeletonBytesMax = 4096;

const digit = 1;
const letter = 2;
const quote = 3;
const doubleQuote = 4;
const dollar = 5;
const other = 6;

/** Class of each byte; 0: no skeleton. Control characters other than white space, `\`, DEL and non-ASCII are 0. */
const classes = makeClasses();

function makeClasses(): Uint8Array {
  const table = new Uint8Array(256);
  for (let byte = 0x20; byte < 0x7f; byte++) table[byte] = other;
  for (const white of '\t\n\r') table[white.charCodeAt(0)] = other;
  for (let byte = 0x30; byte <= 0x39; byte++) table[byte] = digit;
  for (const name of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_') table[name.charCodeAt(0)] = letter;
  table[0x27] = quote;
  table[0x22] = doubleQuote;
  table[0x24] = dollar;
  table[0x5c] = 0;
  return table;
}

/**
 * Writes the skeleton of bytes[start, end) to `out` (at least {@link skeletonBytesMax} long) and returns its length,
 * or -1 where there is none. A skeleton is never longer than its text.
 */
export function writeSkeleton(bytes: Uint8Array, start: number, end: number, out: Uint8Array): number {
  if (end - start > skeletonBytesMax) return -1;
  let length = 0;
  let at = start;
  let before = 0x20;
  while (at < end) {
    const byte = bytes[at];
    let next = at + 1;
    switch (classes[byte]) {
      case letter:
        while (next < end && isName(bytes[next])) next++;
        break;
      case digit:
        while (next < end && classes[bytes[next]] === digit) next++;
        // `1.5`, `1e5`, `0x1f`, `1_000`, `.5`: left to the parser.
        if (before === 0x2e || (next < end && (isName(bytes[next]) || bytes[next] === 0x2e))) return -1;
        out[length++] = intMark;
        before = byte;
        at = next;
        continue;
      case quote:
        // `E'`, `B'`, `U&'` and the like give the text another meaning.
        if (isName(before) || before === 0x26) return -1;
        next = stringEnd(bytes, next, end);
        if (next === -1) return -1;
        out[length++] = stringMark;
        before = byte;
        at = next;
        continue;
      case doubleQuote:
        if (before === 0x26) return -1;
        while (next < end && bytes[next] !== 0x22) if (classes[bytes[next++]] === 0) return -1;
        if (next === end) return -1;
        next++;
        break;
      case dollar:
        // `$1` is a parameter and stays; `$$` and `$tag$` quote.
        while (next < end && classes[bytes[next]] === digit) next++;
        if (next === at + 1 || (next < end && isName(bytes[next]))) return -1;
        break;
      case other:
        if (next < end && startsComment(byte, bytes[next])) return -1;
        break;
      default:
        return -1;
    }
    for (; at < next; at++) out[length++] = bytes[at];
    before = bytes[next - 1];
  }
  return length;
}

/** Offset behind the closing quote, or -1. A doubled quote is part of the string. */
function stringEnd(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    const byte = bytes[at];
    if (classes[byte] === 0) return -1;
    if (byte !== 0x27) continue;
    if (at + 1 < end && bytes[at + 1] === 0x27) at++;
    else return at + 1;
  }
  return -1;
}

function isName(byte: number): boolean {
  const kind = classes[byte];
  return kind === letter || kind === digit || kind === dollar;
}

function startsComment(byte: number, next: number): boolean {
  return (byte === 0x2d && next === 0x2d) || (byte === 0x2f && next === 0x2a);
}
