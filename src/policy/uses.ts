/**
 * Rules on what a statement does with masked columns besides showing them (`probes`, `copies`, `unreadable`), compiled.
 *
 * Columns come from the target's catalog, so nothing is uncertain here. Rules that restrict still ignore letter case and
 * rules that allow compare exactly, as everywhere.
 */
import type { ColumnCopy, ColumnName, ColumnProbe, MaskedUse } from '../facts.ts';
import { compileName } from './matchers.ts';
import { globMatches } from './pattern.ts';
import type { Glob } from './pattern.ts';
import { patternParts, useKey } from './rules.ts';
import type { UseKey } from './rules.ts';
import type { Rule } from './types.ts';

/** One thing that rules decide. */
export type UseItem =
  | { readonly kind: 'probe'; readonly probe: ColumnProbe }
  | { readonly kind: 'copy'; readonly copy: ColumnCopy }
  | { readonly kind: 'unreadable'; readonly reason: string };

export interface UseTest {
  readonly key: UseKey;
  matches(item: UseItem): boolean;
  /** Whether a pattern of the rule names this column, however it is used. */
  names(column: ColumnName): boolean;
}

/** Null for rules on statements and results. */
export function compileUse(rule: Rule): UseTest | null {
  const key = useKey(rule.match);
  if (key === null) return null;
  if (key === 'unreadable') return { key, matches: ({ kind }) => kind === 'unreadable', names: () => false };
  const reading = rule.action === 'allow' ? 'certain' : 'possible';
  const patterns = (rule.match[key] ?? []).map((pattern) => compileName(pattern, patternParts[key], reading));
  const names = (column: ColumnName): boolean => anyNames(patterns, column);
  if (key === 'copies') return { key, names, matches: (item) => item.kind === 'copy' && names(item.copy.column) };
  const { how } = rule.match;
  return {
    key,
    names,
    matches: (item) => item.kind === 'probe' && (how === 'any' || item.probe.equality) && names(item.probe.column),
  };
}

function anyNames(patterns: readonly (readonly Glob[])[], { schema, table, column }: ColumnName): boolean {
  for (const [schemaGlob, tableGlob, columnGlob] of patterns) {
    if (globMatches(columnGlob, column) && globMatches(tableGlob, table) && globMatches(schemaGlob, schema))
      return true;
  }
  return false;
}

/** More than any statement that people or libraries write; judging more would hold up the other sessions. */
const itemsMax = 10_000;

/** Everything to decide, without repetition; null if it is too much. */
export function useItems(use: MaskedUse): readonly UseItem[] | null {
  if (use.probes.length + use.copies.length + use.unreadable.length > itemsMax) return null;
  const items = new Map<string, UseItem>();
  for (const probe of use.probes) {
    items.set(JSON.stringify(['probe', nameParts(probe.column), probe.clause, probe.equality]), {
      kind: 'probe',
      probe,
    });
  }
  for (const copy of use.copies) {
    items.set(JSON.stringify(['copy', nameParts(copy.column), copy.to]), { kind: 'copy', copy });
  }
  for (const reason of use.unreadable)
    items.set(JSON.stringify(['unreadable', reason]), { kind: 'unreadable', reason });
  return [...items.values()];
}

function nameParts({ schema, table, column }: ColumnName): readonly string[] {
  return [schema, table, column];
}
