/**
 * E-mail addresses: RFC 5321 local parts without the characters that in running text are more often separators
 * (`=`, `/`, `?`, `{`, `|`, `}`), quoted local parts, international addresses (RFC 6531: any byte from 0x80), host
 * names with at least one dot and an alphabetic last label, and address literals (`a@[192.0.2.1]`).
 */
import { isAlnum, isDigit } from './ascii.ts';
import type { Spans } from './spans.ts';

const AT = 0x40;
const DOT = 0x2e;
const HYPHEN = 0x2d;
const QUOTE = 0x22;
/** RFC 5321 allows 64; a longer run is still an address to a reader, but walking back must be bounded. */
const LOCAL_BYTES_MAX = 256;
const DOMAIN_BYTES_MAX = 255;

const LOCAL = new Uint8Array(256);
for (let b = 0; b < 256; b++) LOCAL[b] = isAlnum(b) || b >= 0x80 ? 1 : 0;
for (const c of "._%+-'!#$&*~^`") LOCAL[c.charCodeAt(0)] = 1;

export function scanEmail(src: Uint8Array, start: number, end: number, spans: Spans, id: number): void {
  let low = start;
  for (let at = start + 1; at < end - 1; at++) {
    if (src[at] !== AT) continue;
    const from = localStart(src, low, at);
    const to = domainEnd(src, at + 1, end);
    if (from === at || to < 0) continue;
    spans.add(from, to, id);
    low = to;
    at = to - 1;
  }
}

/** Start of the local part that ends at the `@` at `at`; `at` itself where there is none. */
function localStart(src: Uint8Array, start: number, at: number): number {
  const low = Math.max(start, at - LOCAL_BYTES_MAX);
  if (src[at - 1] === QUOTE) {
    for (let i = at - 2; i >= low; i--) if (src[i] === QUOTE) return i;
    return at;
  }
  let from = at;
  while (from > low && LOCAL[src[from - 1]] === 1) from--;
  while (from < at && (src[from] === DOT || src[from] === 0x27 || src[from] === 0x60)) from++;
  return from;
}

/** End of the domain that starts at `from`, or -1. A trailing dot or hyphen belongs to the sentence around it. */
function domainEnd(src: Uint8Array, from: number, end: number): number {
  if (src[from] === 0x5b) return literalEnd(src, from, end);
  const limit = Math.min(end, from + DOMAIN_BYTES_MAX);
  let at = from;
  let label = from;
  let good = -1;
  while (at <= limit) {
    const byte = at < limit ? src[at] : DOT;
    if (byte === DOT) {
      if (at === label) break;
      if (label > from && isTopLabel(src, label, at)) good = at;
      label = at + 1;
    } else if (!isAlnum(byte) && byte !== HYPHEN && byte < 0x80) {
      if (at > label && label > from && isTopLabel(src, label, at)) good = at;
      break;
    }
    at++;
  }
  return good;
}

function isTopLabel(src: Uint8Array, from: number, to: number): boolean {
  while (to > from && src[to - 1] === HYPHEN) to--;
  if (to - from < 2 || isDigit(src[from])) return false;
  const punycode = src[from + 2] === HYPHEN && src[from + 3] === HYPHEN && to - from > 4;
  for (let at = from; at < to; at++) if (isDigit(src[at]) && !punycode) return false;
  return src[from] !== HYPHEN;
}

function literalEnd(src: Uint8Array, from: number, end: number): number {
  const limit = Math.min(end, from + 64);
  let digits = 0;
  for (let at = from + 1; at < limit; at++) {
    if (src[at] === 0x5d) return digits > 1 ? at + 1 : -1;
    if (isDigit(src[at])) digits++;
    else if (!isAlnum(src[at]) && src[at] !== DOT && src[at] !== 0x3a) return -1;
  }
  return -1;
}
