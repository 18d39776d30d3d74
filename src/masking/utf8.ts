/** Counting characters without decoding. RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */

/** Length in bytes of the valid UTF-8 character at `at`, or 0 where the bytes up to `end` are none. */
export function utf8CharBytes(src: Uint8Array, at: number, end: number): number {
  const lead = src[at];
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (at + size > end) return 0;
  const second = src[at + 1];
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let i = 2; i < size; i++) if ((src[at + i] & 0xc0) !== 0x80) return 0;
  return size;
}

/** Number of characters in src[start, end), or -1 where they are not valid UTF-8. */
export function utf8Length(src: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; count++) {
    const size = utf8CharBytes(src, at, end);
    if (size === 0) return -1;
    at += size;
  }
  return count;
}

/** Offset after `count` characters of src[start, end), which must be valid UTF-8. */
export function utf8Skip(src: Uint8Array, start: number, end: number, count: number): number {
  let at = start;
  for (let i = 0; i < count && at < end; i++) at += utf8CharBytes(src, at, end);
  return at;
}
