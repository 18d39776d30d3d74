/**
 * Masks on bytea. Text form: `\x` and hex digits, or the older escape form (bytea_output = escape). Stars are zero
 * bytes, so that the length stays; `keep_*` counts bytes; `email` has no meaning and redacts. A detector looks at the
 * bytes themselves; a match redacts the whole value, since what surrounds it is as unreadable to the policy's author.
 */
import type { MaskSpec } from '../facts.ts';
import { CHANGED, NULLED, Text, UNCHANGED, type Edits, type Outcome, type ValueMask } from './edits.ts';
import type { Hasher } from './hash.ts';
import { REDACTED } from './masks.ts';
import type { TextScan } from './textScan.ts';

const BACKSLASH = 0x5c;
const ZERO = 0x30;
const HEX: Uint8Array = Buffer.from('0123456789abcdef', 'latin1');

export function byteaColumnMask(spec: MaskSpec, format: 0 | 1, hasher: Hasher): ValueMask {
  const raw = new Text();
  switch (spec.kind) {
    case 'null':
      return () => NULLED;
    case 'redact':
    case 'email':
      return (src, start, end, edits) => replaceWith(REDACTED, src, start, end, edits, format);
    case 'hash':
      return (src, start, end, edits) => {
        // Hash of the bytes, so that both wire forms give the same.
        if (format === 1) return replaceWith(hasher(src, start, end), src, start, end, edits, format);
        decodeBytea(src, start, end, raw);
        return replaceWith(hasher(raw.bytes, 0, raw.length), src, start, end, edits, format);
      };
    case 'stars':
    case 'keep_first':
    case 'keep_last': {
      const first = spec.kind === 'keep_first' ? spec.count : 0;
      const last = spec.kind === 'keep_last' ? spec.count : 0;
      return (src, start, end, edits) => zero(src, start, end, edits, format, first, last);
    }
  }
}

/** Redacts values in which a detector finds anything. */
export function byteaScan(format: 0 | 1, scan: TextScan): ValueMask {
  const raw = new Text();
  return (src, start, end, edits) => {
    if (format === 1) {
      if (!scan.matches(src, start, end)) return UNCHANGED;
    } else {
      decodeBytea(src, start, end, raw);
      if (!scan.matches(raw.bytes, 0, raw.length)) return UNCHANGED;
    }
    return replaceWith(REDACTED, src, start, end, edits, format);
  };
}

function replaceWith(
  mask: Uint8Array,
  src: Uint8Array,
  start: number,
  end: number,
  edits: Edits,
  format: 0 | 1,
): Outcome {
  const at = edits.used;
  if (format === 1 || !isHexForm(src, start, end)) {
    edits.bytes(mask, 0, mask.length);
  } else {
    edits.byte(BACKSLASH);
    edits.byte(0x78);
    for (let i = 0; i < mask.length; i++) {
      edits.byte(HEX[mask[i] >> 4]);
      edits.byte(HEX[mask[i] & 15]);
    }
  }
  edits.replace(start, end, at);
  return CHANGED;
}

function zero(
  src: Uint8Array,
  start: number,
  end: number,
  edits: Edits,
  format: 0 | 1,
  first: number,
  last: number,
): Outcome {
  const hex = format === 0;
  // In the escape form a byte takes one or four characters, which cannot be cut without parsing; it is redacted.
  if (hex && !isHexForm(src, start, end)) return replaceWith(REDACTED, src, start, end, edits, format);
  const from = hex ? start + 2 : start;
  const unit = hex ? 2 : 1;
  const whole = end - from <= (first + last) * unit;
  src.fill(hex ? ZERO : 0, whole ? from : from + first * unit, whole ? end : end - last * unit);
  return CHANGED;
}

function isHexForm(src: Uint8Array, start: number, end: number): boolean {
  return end - start >= 2 && src[start] === BACKSLASH && src[start + 1] === 0x78;
}

/** Bytes behind either text form. */
function decodeBytea(src: Uint8Array, start: number, end: number, out: Text): void {
  out.reset(end - start);
  let length = 0;
  if (isHexForm(src, start, end)) {
    for (let at = start + 2; at + 1 < end; at += 2) out.bytes[length++] = (nibble(src[at]) << 4) | nibble(src[at + 1]);
  } else {
    for (let at = start; at < end; at++) {
      if (src[at] !== BACKSLASH) {
        out.bytes[length++] = src[at];
      } else if (at + 3 < end && src[at + 1] !== BACKSLASH) {
        out.bytes[length++] = ((src[at + 1] - ZERO) << 6) | ((src[at + 2] - ZERO) << 3) | (src[at + 3] - ZERO);
        at += 3;
      } else {
        out.bytes[length++] = BACKSLASH;
        at++;
      }
    }
  }
  out.length = length;
}

function nibble(byte: number): number {
  return byte <= 0x39 ? byte & 15 : (byte & 0x0f) + 9;
}
