/**
 * Numbers that may be card numbers: int8 and numeric in binary are rendered as decimal text for the detectors. Only
 * `credit_card` and a policy's own detectors look at numbers: a bare number is neither a telephone number nor a
 * social-security number without its separators or label. A match becomes NULL, since a number has no other mask.
 */
import { i16, i32, u16, u32 } from '../bytes/bytes.ts';
import { NULLED, Text, UNCHANGED, type ValueMask } from './edits.ts';
import type { TypeClass } from './plan.ts';
import type { TextScan } from './textScan.ts';

const ZERO = 0x30;
const TWO_32 = 2 ** 32;
/** numeric in binary counts in base 10,000 (NBASE); more digits than this are no card number. */
const NUMERIC_GROUPS_MAX = 32;

export function numberScan(type: TypeClass, format: 0 | 1, scan: TextScan): ValueMask {
  if (format === 0) {
    return (src, start, end) => (end - start >= 4 && scan.matches(src, start, end) ? NULLED : UNCHANGED);
  }
  const text = new Text();
  if (type === 'integer') {
    return (src, start, end) => {
      // int2 and int4 are shorter than any card number; other widths are not integers.
      if (end - start !== 8) return end - start === 2 || end - start === 4 ? UNCHANGED : NULLED;
      renderInt8(src, start, text);
      return scan.matches(text.bytes, 0, text.length) ? NULLED : UNCHANGED;
    };
  }
  return (src, start, end) => {
    if (!renderNumeric(src, start, end, text)) return NULLED;
    return scan.matches(text.bytes, 0, text.length) ? NULLED : UNCHANGED;
  };
}

/** Decimal text of a binary value of `type` into `out`; false where it is not one. */
export function renderNumber(type: TypeClass, src: Uint8Array, start: number, end: number, out: Text): boolean {
  if (type !== 'integer') return renderNumeric(src, start, end, out);
  if (end - start !== 8) return false;
  renderInt8(src, start, out);
  return true;
}

/** Decimal digits of the absolute value. Exact: the halves are combined by long division, not as a double. */
function renderInt8(src: Uint8Array, at: number, out: Text): void {
  out.reset(24);
  let high = i32(src, at);
  let low = u32(src, at + 4);
  if (high < 0) {
    low = low === 0 ? 0 : TWO_32 - low;
    high = (low === 0 ? -high : ~high) >>> 0;
  }
  let length = out.bytes.length;
  for (let part = 0; part < 4; part++) {
    // high * 2^32 + low, divided by 10^6: the partial remainder stays below 2^53.
    const rest = (high % 1e6) * TWO_32 + low;
    const quotientHigh = Math.floor(high / 1e6);
    const quotientLow = Math.floor(rest / 1e6);
    let digits = rest - quotientLow * 1e6;
    for (let i = 0; i < 6; i++) {
      out.bytes[--length] = ZERO + (digits % 10);
      digits = Math.floor(digits / 10);
    }
    high = quotientHigh + Math.floor(quotientLow / TWO_32);
    low = quotientLow % TWO_32;
  }
  const first = length;
  let skip = first;
  while (skip < first + 23 && out.bytes[skip] === ZERO) skip++;
  out.bytes.copyWithin(0, skip, first + 24);
  out.length = first + 24 - skip;
}

/**
 * Decimal digits of a binary numeric: int16 count, weight, sign, display scale, then base-10,000 groups (numeric_send).
 * Returns false where the value is not well-formed. NaN and infinity have no groups and give an empty text.
 */
function renderNumeric(src: Uint8Array, start: number, end: number, out: Text): boolean {
  out.reset(4 * NUMERIC_GROUPS_MAX + 2);
  if (end - start < 8) return false;
  const count = u16(src, start);
  const weight = i16(src, start + 2);
  if (end - start !== 8 + 2 * count) return false;
  if (weight >= NUMERIC_GROUPS_MAX - 1 || weight < -1) return true;
  let length = 0;
  const groups = Math.min(Math.max(count, weight + 1), NUMERIC_GROUPS_MAX);
  for (let i = 0; i < groups; i++) {
    if (i === weight + 1) out.bytes[length++] = 0x2e;
    const group = i < count ? u16(src, start + 8 + 2 * i) : 0;
    for (let unit = 1000; unit >= 1; unit = (unit / 10) | 0) {
      const digit = ((group / unit) | 0) % 10;
      if (length > 0 || digit > 0) out.bytes[length++] = ZERO + digit;
      if (unit === 1) break;
    }
  }
  out.length = length;
  return true;
}
