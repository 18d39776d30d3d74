/** IPv4 and IPv6 addresses in running text. */
import { isAlnum, isDigit, isHex } from './ascii.ts';
import type { Spans } from './spans.ts';

const DOT = 0x2e;
const COLON = 0x3a;

export function scanIpv4(src: Uint8Array, start: number, end: number, spans: Spans, id: number): void {
  for (let at = start; at + 7 <= end; at++) {
    if (!isDigit(src[at])) continue;
    const glued = at > start && (isAlnum(src[at - 1]) || src[at - 1] === DOT || src[at - 1] === 0x5f);
    const to = glued ? -1 : ipv4End(src, at, end);
    if (to >= 0) {
      spans.add(at, to, id);
      at = to - 1;
    } else {
      // On to the next number: what follows a digit or a dot cannot be a first octet.
      while (at + 1 < end && (isDigit(src[at + 1]) || src[at + 1] === DOT)) at++;
    }
  }
}

/** End of four octets at `at`, or -1. A fifth part makes it a version or an object identifier. */
function ipv4End(src: Uint8Array, at: number, end: number): number {
  for (let part = 0; part < 4; part++) {
    const from = at;
    let octet = 0;
    while (at < end && at < from + 3 && isDigit(src[at])) octet = octet * 10 + src[at++] - 0x30;
    if (at === from || octet > 255) return -1;
    if (part < 3 && (at >= end || src[at++] !== DOT)) return -1;
  }
  if (at < end && (isAlnum(src[at]) || src[at] === 0x5f)) return -1;
  if (at + 1 < end && src[at] === DOT && isAlnum(src[at + 1])) return -1;
  return at;
}

export function scanIpv6(src: Uint8Array, start: number, end: number, spans: Spans, id: number): void {
  let low = start;
  for (let colon = start; colon < end; colon++) {
    if (src[colon] !== COLON) continue;
    let from = colon;
    while (from > low && isHex(src[from - 1]) && colon - from < 5) from--;
    const glued = from > low && (isAlnum(src[from - 1]) || src[from - 1] === COLON || src[from - 1] === 0x5f);
    const to = glued ? -1 : ipv6End(src, from, end);
    if (to >= 0) {
      spans.add(from, to, id);
      colon = to - 1;
    } else {
      while (colon + 1 < end && (isHex(src[colon + 1]) || src[colon + 1] === COLON)) colon++;
    }
    low = colon;
  }
}

/**
 * End of the address at `from` (RFC 4291, section 2.2), or -1. `a::b` and `Time::1` are names in many languages, so a
 * compressed address must have a digit, and three groups or a prefix that is in use (2000::/3, fc00::/7, fe80::/10, ::).
 */
function ipv6End(src: Uint8Array, from: number, end: number): number {
  let at = from;
  let groups = 0;
  let digits = 0;
  let compressed = -1;
  for (;;) {
    const group = at;
    while (at < end && at < group + 5 && isHex(src[at])) {
      if (isDigit(src[at])) digits++;
      at++;
    }
    if (at - group > 4) return -1;
    if (at < end && src[at] === DOT && groups > 0 && at > group) {
      const tail = ipv4End(src, group, end);
      if (tail < 0) break;
      at = tail;
      groups += 2;
      digits++;
      break;
    }
    if (at > group) groups++;
    else if (compressed === groups && at < end && src[at] === COLON) return -1;
    else if (at > from && compressed !== groups) break;
    if (groups > 8 || at + 1 >= end || src[at] !== COLON) break;
    if (src[at + 1] === COLON) {
      if (compressed >= 0) return -1;
      compressed = groups;
      at += 2;
    } else if (isHex(src[at + 1]) && at > from) {
      at++;
    } else {
      break;
    }
  }
  if (at < end && (isAlnum(src[at]) || src[at] === 0x5f || src[at] === COLON)) return -1;
  if (compressed < 0) return groups === 8 ? at : -1;
  return groups >= 1 && groups < 8 && digits > 0 && (groups >= 3 || knownPrefix(src, from)) ? at : -1;
}

function knownPrefix(src: Uint8Array, from: number): boolean {
  const first = src[from] | 0x20;
  const second = src[from + 1] | 0x20;
  const third = src[from + 3];
  if (src[from] === COLON) return true;
  if (!isHex(src[from + 2]) || !isHex(third)) return false;
  if (src[from] === 0x32 || src[from] === 0x33) return true;
  return first === 0x66 && (second === 0x63 || second === 0x64 || second === 0x65);
}
