/**
 * What each {@link MaskSpec} does to plain text.
 *
 * | mask | `jane@example.com` | `123-45-6789` | empty |
 * |---|---|---|---|
 * | `redact` | `[redacted]` | `[redacted]` | `[redacted]` |
 * | `null` | NULL | NULL | NULL |
 * | `stars` | one star per character | `***********` | empty |
 * | `keep_first: 3` | `jan*************` | `123********` | empty |
 * | `keep_last: 4` | `************.com` | `*******6789` | empty |
 * | `email` | `j***@example.com` | `***********` | empty |
 * | `hash` | `h_` and 24 hex digits | the same form | the same form |
 *
 * Separators are starred like everything else: they would tell the format. A value that has no more characters than
 * `keep_*` leaves visible is starred whole, and so is the only character before an `@`. Text that is not valid in its
 * encoding cannot be counted and is redacted.
 */
import type { MaskSpec } from '../facts.ts';
import { CHANGED, NULLED, type Edits, type Outcome, type ValueMask } from './edits.ts';
import type { Hasher } from './hash.ts';
import type { TextEncoding } from './plan.ts';
import { fillStars, hasHighByte } from './pairs.ts';
import { utf8Length, utf8Skip } from './utf8.ts';

/** Stands for a redacted text. It names nothing, and needs no quoting in JSON, arrays or COPY. */
export const REDACTED: Uint8Array = Buffer.from('[redacted]', 'latin1');

const AT = 0x40;
const DOT = 0x2e;

/** From weak to strong; where two masks meet on one value, the stronger is used. */
export function maskStrength(spec: MaskSpec): number {
  switch (spec.kind) {
    case 'null':
      return 5;
    case 'redact':
      return 4;
    case 'stars':
      return 3;
    case 'hash':
      return 2;
    case 'keep_first':
    case 'keep_last':
    case 'email':
      return 1;
  }
}

/** Compiles a mask for plain text in `encoding`. */
export function textMask(spec: MaskSpec, encoding: TextEncoding, hasher: Hasher): ValueMask {
  switch (spec.kind) {
    case 'null':
      return () => NULLED;
    case 'redact':
      return redact;
    case 'hash':
      return (src, start, end, edits) => hash(src, start, end, edits, hasher);
    case 'email':
      return (src, start, end, edits) => email(src, start, end, edits, encoding);
    case 'stars':
      return (src, start, end, edits) => keep(src, start, end, edits, encoding, 0, 0);
    case 'keep_first':
      return (src, start, end, edits) => keep(src, start, end, edits, encoding, spec.count, 0);
    case 'keep_last':
      return (src, start, end, edits) => keep(src, start, end, edits, encoding, 0, spec.count);
  }
}

function redact(_src: Uint8Array, start: number, end: number, edits: Edits): Outcome {
  const at = edits.used;
  edits.bytes(REDACTED, 0, REDACTED.length);
  edits.replace(start, end, at);
  return CHANGED;
}

function hash(src: Uint8Array, start: number, end: number, edits: Edits, hasher: Hasher): Outcome {
  const at = edits.used;
  const mask = hasher(src, start, end);
  edits.bytes(mask, 0, mask.length);
  edits.replace(start, end, at);
  return CHANGED;
}

/** Stars all but the first `first` and the last `last` characters (one of them is 0). */
function keep(
  src: Uint8Array,
  start: number,
  end: number,
  edits: Edits,
  encoding: TextEncoding,
  first: number,
  last: number,
): Outcome {
  if (encoding === 'single_byte' || !hasHighByte(src, start, end)) {
    const whole = end - start <= first + last;
    fillStars(src, whole ? start : start + first, whole ? end : end - last);
    return CHANGED;
  }
  const length = utf8Length(src, start, end);
  if (length < 0) return redact(src, start, end, edits);
  const whole = length <= first + last;
  const from = whole ? start : utf8Skip(src, start, end, first);
  const to = whole || last === 0 ? end : utf8Skip(src, start, end, length - last);
  starEdit(from, to, edits, whole ? length : length - first - last);
  return CHANGED;
}

function email(src: Uint8Array, start: number, end: number, edits: Edits, encoding: TextEncoding): Outcome {
  const at = addressAt(src, start, end);
  if (at < 0) return keep(src, start, end, edits, encoding, 0, 0);
  if (encoding === 'single_byte' || !hasHighByte(src, start, at)) {
    fillStars(src, at - start === 1 ? start : start + 1, at);
    return CHANGED;
  }
  const length = utf8Length(src, start, at);
  if (length < 0) return redact(src, start, end, edits);
  const first = length === 1 ? 0 : 1;
  starEdit(utf8Skip(src, start, at, first), at, edits, length - first);
  return CHANGED;
}

/** Offset of the `@` of the only address in src[start, end), or -1: what follows it must look like a domain. */
function addressAt(src: Uint8Array, start: number, end: number): number {
  let at = -1;
  let dot = -1;
  for (let i = start; i < end; i++) {
    const byte = src[i];
    if (byte === AT) {
      if (at >= 0) return -1;
      at = i;
    } else if (at >= 0) {
      if (byte === DOT) dot = i;
      else if (!isDomainByte(byte)) return -1;
    }
  }
  return at > start && dot > at + 1 && dot < end - 1 ? at : -1;
}

function isDomainByte(byte: number): boolean {
  return (
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    byte === 0x2d ||
    byte >= 0x80
  );
}

function starEdit(from: number, to: number, edits: Edits, count: number): void {
  const at = edits.used;
  edits.stars(count);
  edits.replace(from, to, at);
}
