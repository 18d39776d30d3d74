/**
 * Which of two masks shows less. Order: null, redact, stars, hash, then the partial ones (keep_first, keep_last, email).
 */
import type { MaskSpec } from '../facts.ts';

const rankOf: Readonly<Record<MaskSpec['kind'], number>> = {
  null: 5,
  redact: 4,
  stars: 3,
  hash: 2,
  keep_first: 1,
  keep_last: 1,
  email: 1,
};

/** Sorts strongest first, so that folding a sorted list with {@link strongerMask} does not depend on file order. */
export function compareStrength(a: MaskSpec, b: MaskSpec): number {
  return rankOf[b.kind] - rankOf[a.kind];
}

/**
 * The mask to use where both apply. Never weaker than either.
 *
 * Two partial masks of one kind: the one that shows fewer characters. Two of different kinds would show both ends of a
 * value, one to each reader of two results, so they become `redact`.
 */
export function strongerMask(a: MaskSpec, b: MaskSpec): MaskSpec {
  const ranks = rankOf[a.kind] - rankOf[b.kind];
  if (ranks !== 0) return ranks > 0 ? a : b;
  if (a.kind !== b.kind) return { kind: 'redact' };
  if ((a.kind === 'keep_first' || a.kind === 'keep_last') && 'count' in b) return a.count <= b.count ? a : b;
  return a;
}

/** The mask to use where all of these apply; null for an empty list. */
export function strongestMask(masks: readonly MaskSpec[]): MaskSpec | null {
  let strongest: MaskSpec | null = null;
  for (const mask of masks.toSorted(compareStrength)) {
    strongest = strongest === null ? mask : strongerMask(strongest, mask);
  }
  return strongest;
}

/** Same mask with the same parameters. */
export function sameMask(a: MaskSpec, b: MaskSpec): boolean {
  if (a.kind !== b.kind) return false;
  return !('count' in a) || !('count' in b) || a.count === b.count;
}

/** As written in a policy file: `redact`, `keep_last: 4`. */
export function formatMask(mask: MaskSpec): string {
  return 'count' in mask ? `${mask.kind}: ${mask.count}` : mask.kind;
}
