/** Whether patterns of rules name anything that a target has, and what was meant where they do not. Pure. */
import { nearest } from '../yaml/nearest.ts';
import { failingPlace } from './applies.ts';
import { compileGlob, globMatches, splitPattern } from './pattern.ts';
import { patternParts } from './rules.ts';
import type { Policy, Rule } from './types.ts';

/** Parts of a name, the schema first. */
export type NameParts = readonly string[];

/** What the catalog of one connection's target holds. */
export interface CatalogNames {
  readonly connection: string;
  readonly labels: Readonly<Record<string, string>>;
  /** schema, table, column; of views too. */
  readonly columns: readonly NameParts[];
  /** schema, name: whatever a statement can name as an object. */
  readonly objects: readonly NameParts[];
  /** schema, name. */
  readonly functions: readonly NameParts[];
}

/** What a pattern that matches nothing was most likely meant to be; null: nothing is near. */
export interface Unmatched {
  readonly pattern: string;
  readonly meant: string | null;
}

/** Distances are worked out for no more words than this: a suggestion is not worth a pause of the gate. */
const wordsMax = 20_000;

/** The patterns among these that match no name; letter case is ignored. `parts`: how many each name has. */
export function unmatchedPatterns(
  patterns: readonly string[],
  parts: number,
  names: readonly NameParts[],
): readonly Unmatched[] {
  return patterns.flatMap((pattern) => {
    const split = splitPattern(pattern, parts);
    if (split === null) return [];
    const globs = split.map((part) => compileGlob(part, true));
    if (names.some((name) => globs.every((glob, at) => globMatches(glob, name[at])))) return [];
    return [{ pattern, meant: meantPattern(split, names) }];
  });
}

/** From the schema to the column: each part that nothing fits is replaced by the nearest word that stands there. */
function meantPattern(split: readonly string[], names: readonly NameParts[]): string | null {
  const meant: string[] = [];
  let left = names;
  for (const [at, part] of split.entries()) {
    let glob = compileGlob(part, true);
    if (!left.some((name) => globMatches(glob, name[at]))) {
      const words = new Set(left.map((name) => name[at]));
      const near = words.size > wordsMax ? null : nearest(part, [...words]);
      if (near === null) return null;
      glob = compileGlob(near, true);
      meant.push(near);
    } else meant.push(part);
    left = left.filter((name) => globMatches(glob, name[at]));
  }
  while (meant.length > 1 && meant[0] === '*') meant.shift();
  return meant.map((part) => (/[."]/.test(part) ? `"${part}"` : part)).join('.');
}

export interface UnmatchedMask extends Unmatched {
  readonly rule: Rule;
}

/** Patterns of enforced mask rules that concern this connection and match none of its columns: they mask nothing there. */
export function unmatchedMasks(
  policies: readonly Policy[],
  { connection, labels, columns }: Pick<CatalogNames, 'connection' | 'labels' | 'columns'>,
): readonly UnmatchedMask[] {
  const place = { name: connection, labels };
  return policies.flatMap(({ mode, appliesTo, rules }) => {
    if (mode === 'observe' || failingPlace(appliesTo, place) !== null) return [];
    return rules.flatMap((rule) => {
      if (rule.action !== 'mask' || rule.match.columns === null || failingPlace(rule.appliesTo, place) !== null)
        return [];
      return unmatchedPatterns(rule.match.columns, patternParts.columns, columns).map((one) => ({ ...one, rule }));
    });
  });
}
