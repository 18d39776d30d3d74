/**
 * Mask rules looked up by the name of a column, for cases and explanations. At run time masks follow the origin of each
 * result column instead, so that an alias or an expression does not help.
 */
import type { ColumnMaskRule, ColumnUse, MaskRules, MaskSpec, RuleId, Statement } from '../facts.ts';
import { compileGlob, globMatches, splitPattern } from './pattern.ts';
import { strongestMask } from './strength.ts';

/** What a name would be masked with, and by which rules. */
export interface MaskEntry {
  /** `schema.table.column` as far as known, or a detector's name. */
  readonly name: string;
  readonly mask: MaskSpec;
  readonly rules: readonly RuleId[];
}

interface ColumnName {
  readonly schema: string | null;
  readonly table: string;
  readonly column: string;
}

/** Mask of the column `schema.table.column`; null if it has none, undefined if the name is not of this form. */
export function columnMask(masks: MaskRules, name: string): MaskEntry | null | undefined {
  const parts = splitPattern(name, 3);
  if (parts === null || parts.includes('*')) return undefined;
  const [schema, table, column] = parts;
  return entryOf(
    name,
    masks.columns.filter((rule) => couldName(rule, { schema, table, column })),
  );
}

/** Mask of what a detector finds; null if no rule names the detector. */
export function detectorMask(masks: MaskRules, detector: string): MaskEntry | null {
  return entryOf(
    detector,
    masks.values.filter((rule) => rule.detectors.includes(detector)),
  );
}

/** Every detector that some rule names. */
export function detectorMasks(masks: MaskRules): MaskEntry[] {
  const names = [...new Set(masks.values.flatMap((rule) => rule.detectors))].toSorted();
  return names.flatMap((name) => detectorMask(masks, name) ?? []);
}

/**
 * Masks of the columns that a statement reads. A column without a table is looked for in every object of the statement; a
 * star lists the masked columns as the rules write them.
 */
export function statementMasks(masks: MaskRules, statement: Statement): MaskEntry[] {
  const found = new Map<string, ColumnMaskRule[]>();
  for (const use of statement.columns) {
    if (use.access !== 'read') continue;
    for (const candidate of candidates(use, statement)) {
      for (const rule of masks.columns) {
        if (!couldName(rule, candidate)) continue;
        const column = candidate.column === '*' ? rule.column : candidate.column;
        const name = [candidate.schema, candidate.table, column].filter((part) => part !== null).join('.');
        found.set(name, [...(found.get(name) ?? []), rule]);
      }
    }
  }
  return [...found].flatMap(([name, rules]) => entryOf(name, rules) ?? []);
}

function candidates(use: ColumnUse, statement: Statement): ColumnName[] {
  if (use.table !== null) return [{ schema: use.schema, table: use.table, column: use.column }];
  return statement.objects.map(({ schema, name }) => ({ schema, table: name, column: use.column }));
}

function couldName(rule: ColumnMaskRule, name: ColumnName): boolean {
  const fits = (pattern: string, part: string): boolean => globMatches(compileGlob(pattern, true), part);
  if (!fits(rule.table, name.table)) return false;
  return (
    (name.schema === null || fits(rule.schema, name.schema)) && (name.column === '*' || fits(rule.column, name.column))
  );
}

function entryOf(name: string, rules: readonly { rule: RuleId; mask: MaskSpec }[]): MaskEntry | null {
  const mask = strongestMask(rules.map((rule) => rule.mask));
  return mask === null ? null : { name, mask, rules: [...new Set(rules.map(({ rule }) => rule))] };
}
