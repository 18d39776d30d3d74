/** Scans plain text and masks what detectors find; everything else stays byte for byte. */
import type { CustomDetector } from '../facts.ts';
import { suspect, Suspect } from './detect/suspect.ts';
import { compileDetectors, type DetectorSet } from './detectors.ts';
import { applyEdits, CHANGED, Edits, NULLED, Text, UNCHANGED, type Outcome, type ValueMask } from './edits.ts';
import type { Hasher } from './hash.ts';
import { maskStrength, textMask } from './masks.ts';
import type { RangeGuard } from './ownPatterns.ts';
import type { DetectorPlan, TextEncoding } from './plan.ts';

export interface TextScan {
  /** Masks the matches in a plain text; NULLED where a match's mask is `null`. */
  readonly mask: ValueMask;
  /** Bits of {@link Suspect} that the detectors answer to. */
  readonly bits: number;
  readonly detectors: DetectorSet;
  /** Whether any detector matches. */
  matches(src: Uint8Array, start: number, end: number): boolean;
}

export function compileTextScan(
  plans: readonly DetectorPlan[],
  custom: readonly CustomDetector[],
  encoding: TextEncoding,
  hasher: Hasher,
  guard: RangeGuard | null = null,
): TextScan {
  const strength = Int32Array.from(plans, (plan) => maskStrength(plan.mask));
  const masks = plans.map((plan) => textMask(plan.mask, encoding, hasher));
  const names = plans.map((plan) => plan.name);
  const detectors = compileDetectors(names, custom, strength, encoding, guard);
  const bits = detectors.bits;

  /** Every value is suspected of a policy's own patterns, and nearly all of that alone. */
  const ruledOut = (suspects: number, src: Uint8Array, start: number, end: number): boolean =>
    suspects === Suspect.CUSTOM && guard !== null && guard.ruledOut(src, start, end);

  const mask = (src: Uint8Array, start: number, end: number, edits: Edits): Outcome => {
    const suspects = suspect(src, start, end) & bits;
    if (suspects === 0 || ruledOut(suspects, src, start, end)) return UNCHANGED;
    const spans = detectors.scan(src, start, end, suspects);
    if (spans.count === 0) return UNCHANGED;
    const { count, used } = edits;
    for (let i = 0; i < spans.count; i++) {
      if (masks[spans.detector[i]](src, spans.from[i], spans.to[i], edits) === NULLED) {
        edits.rewind(count, used);
        return NULLED;
      }
    }
    return CHANGED;
  };

  return {
    mask,
    bits,
    detectors,
    matches(src, start, end) {
      const suspects = suspect(src, start, end) & bits;
      if (suspects === 0 || ruledOut(suspects, src, start, end)) return false;
      return detectors.scan(src, start, end, suspects).count > 0;
    },
  };
}

/** Small texts outside results: error fields, notifications. */
export interface TextMasker {
  /** Whether a detector matches in bytes[start, end). */
  detects(bytes: Uint8Array, start: number, end: number): boolean;
  /**
   * A masked copy of bytes[start, end), or null where nothing was found. A match under the `null` mask empties the text,
   * because a message field cannot be NULL.
   */
  mask(bytes: Uint8Array, start: number, end: number): Uint8Array | null;
}

export function createTextMasker(
  plans: readonly DetectorPlan[],
  custom: readonly CustomDetector[],
  encoding: TextEncoding,
  hasher: Hasher,
): TextMasker {
  const scan = compileTextScan(plans, custom, encoding, hasher);
  const edits = new Edits();
  const out = new Text();
  return {
    detects: (bytes, start, end) => scan.matches(bytes, start, end),
    mask(bytes, start, end) {
      // A copy, since masks of equal length overwrite their input.
      const copy = bytes.slice(start, end);
      edits.clear();
      const outcome = scan.mask(copy, 0, copy.length, edits);
      if (outcome === UNCHANGED) return null;
      if (outcome === NULLED) return new Uint8Array(0);
      applyEdits(copy, 0, copy.length, edits, out);
      return out.bytes.slice(0, out.length);
    },
  };
}

/** Whether a value with these suspects needs a closer look: a detector may match, or an escape may hide a match. */
export function isSuspicious(suspects: number, bits: number): boolean {
  return (suspects & (bits | Suspect.BACKSLASH)) !== 0;
}
