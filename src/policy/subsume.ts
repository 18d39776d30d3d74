/**
 * Whether one rule reaches at least as far as another. "Yes" is always right; "no" may be too careful, so what is found
 * with it is worth reporting.
 */
import { globCovers, globsMeet, splitPattern } from './pattern.ts';
import { patternParts, useKey } from './rules.ts';
import type { AppliesTo, Match } from './types.ts';
import { expandKinds } from './vocabulary.ts';

/** Every session that `narrow` concerns, `wide` concerns too. Both as policy and rule level together. */
export function appliesCovers(wide: readonly AppliesTo[], narrow: readonly AppliesTo[]): boolean {
  return wide.every((w) =>
    [
      covered(w.connections, narrow, (n) => n.connections),
      covered(w.users, narrow, (n) => n.users),
      covered(w.groups, narrow, (n) => n.groups),
      // Who `wide` leaves out must be left out by `narrow` as well.
      (w.notUsers ?? []).every((pattern) => excludes(narrow, (n) => n.notUsers, pattern)),
      (w.notGroups ?? []).every((pattern) => excludes(narrow, (n) => n.notGroups, pattern)),
      Object.entries(w.labels ?? {}).every(([label, pattern]) =>
        narrow.some((n) => n.labels !== null && Object.hasOwn(n.labels, label) && globCovers(pattern, n.labels[label])),
      ),
    ].every(Boolean),
  );
}

/** All that `narrow` matches, `wide` matches too. Not for mask rules; `foldCase` as `wide` compares names. */
export function matchCovers(wide: Match, narrow: Match, foldCase: boolean): boolean {
  const key = useKey(wide);
  if (key !== useKey(narrow)) return false;
  if (key === 'unreadable') return true;
  if (key !== null) {
    if (wide.how === 'equality' && narrow.how !== 'equality') return false;
    return patternsCover(wide[key] ?? [], narrow[key], patternParts[key], foldCase);
  }
  if (wide.statement !== null) {
    if (narrow.statement === null) return false;
    const kinds = expandKinds(wide.statement);
    if (![...expandKinds(narrow.statement)].every((kind) => kinds.has(kind))) return false;
  }
  if (wide.access !== null) {
    // The access of objects and that of columns are not the same thing.
    if (narrow.access === null || (wide.columns === null) !== (narrow.columns === null)) return false;
    const { access } = wide;
    if (!narrow.access.every((word) => access.includes(word))) return false;
  }
  for (const key of ['objects', 'columns', 'functions'] as const) {
    if (wide[key] !== null && !patternsCover(wide[key], narrow[key], patternParts[key], foldCase)) return false;
  }
  for (const key of ['where', 'limit', 'temporary', 'text'] as const) {
    if (wide[key] !== null && wide[key] !== narrow[key]) return false;
  }
  return true;
}

/** Every name that one of `narrow` matches, one of `wide` matches. */
export function patternsCover(
  wide: readonly string[],
  narrow: readonly string[] | null,
  parts: number,
  foldCase: boolean,
): boolean {
  if (narrow === null) return false;
  const split = (pattern: string): string[] => splitPattern(foldCase ? pattern.toLowerCase() : pattern, parts) ?? [];
  const wideParts = wide.map(split);
  return narrow.every((pattern) => {
    const narrowParts = split(pattern);
    return wideParts.some((w) => w.every((part, index) => globCovers(part, narrowParts[index] ?? '')));
  });
}

/** Some column could be named by both patterns; letter case is ignored. */
export function columnPatternsMeet(a: string, b: string): boolean {
  const [aParts, bParts] = [a, b].map((pattern) => splitPattern(pattern.toLowerCase(), patternParts.columns) ?? []);
  return aParts.every((part, index) => globsMeet(part, bParts[index] ?? ''));
}

/** A conjunction of lists is inside `wide` as soon as one of them is. */
function covered(
  wide: readonly string[] | null,
  narrow: readonly AppliesTo[],
  pick: (appliesTo: AppliesTo) => readonly string[] | null,
): boolean {
  if (wide === null) return true;
  return narrow.some((n) => pick(n)?.every((pattern) => wide.some((w) => globCovers(w, pattern))) === true);
}

function excludes(
  narrow: readonly AppliesTo[],
  pick: (appliesTo: AppliesTo) => readonly string[] | null,
  pattern: string,
): boolean {
  return narrow.some((n) => pick(n)?.some((excluded) => globCovers(excluded, pattern)) === true);
}
