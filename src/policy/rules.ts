/** What makes sense inside one rule, beyond the shape that the schema gives; and the rule as complete, frozen data. */
import RE2 from 're2';
import type { MaskSpec } from '../facts.ts';
import type { FileFault, KeyPath, Position, YamlDocument } from '../yaml/document.ts';
import { faultAt } from '../yaml/faults.ts';
import { didYouMean } from '../yaml/nearest.ts';
import { splitPattern } from './pattern.ts';
import type { RawAppliesTo, RawMask, RawMatch, RawRule } from './schema.ts';
import type { AppliesTo, Match, MatchKey, Rule } from './types.ts';

/** Parts of the dotted names that a key takes. */
export const patternParts = { objects: 2, columns: 3, functions: 2, probes: 3, copies: 3 } as const;

/** Keys of which a rule on the use of masked columns has exactly one. */
const useKeys = ['probes', 'copies', 'unreadable'] as const;

export type UseKey = (typeof useKeys)[number];

/** What use of masked columns a rule is about; null: it is about statements or results. */
export function useKey(match: Match): UseKey | null {
  return useKeys.find((key) => match[key] !== null) ?? null;
}

const columnText = '`column`, `table.column` or `schema.table.column`';

const partsText: Readonly<Record<keyof typeof patternParts, string>> = {
  objects: '`table` or `schema.table`',
  columns: columnText,
  functions: '`name` or `schema.name`',
  probes: columnText,
  copies: columnText,
};

/** Faults of a rule whose shape is right. */
export function checkRule(
  yaml: YamlDocument,
  path: KeyPath,
  rule: RawRule,
  knownDetectors: ReadonlySet<string>,
): FileFault[] {
  const faults: FileFault[] = [];
  const add = (keys: KeyPath, message: string): void => void faults.push(faultAt(yaml, [...path, ...keys], message));
  checkAction(rule, add);
  if (rule.action === 'mask') checkMaskMatch(rule.match, add);
  else if (useKeys.some((key) => rule.match[key] !== undefined)) checkUseMatch(rule.match, add);
  else checkStatementMatch(rule.match, add);
  for (const key of ['objects', 'columns', 'functions', 'probes', 'copies'] as const) {
    for (const [index, pattern] of (rule.match[key] ?? []).entries()) {
      if (splitPattern(pattern, patternParts[key]) === null) {
        add(['match', key, index], `"${pattern}" is not ${partsText[key]}`);
      }
    }
  }
  for (const [index, name] of (rule.match.values ?? []).entries()) {
    if (!knownDetectors.has(name)) {
      add(['match', 'values', index], `no detector is named "${name}"${didYouMean(name, [...knownDetectors])}`);
    }
  }
  if (rule.match.text !== undefined) {
    const compiled = compilePattern(rule.match.text);
    if (typeof compiled === 'string') add(['match', 'text'], compiled);
  }
  return faults;
}

type Add = (keys: KeyPath, message: string) => void;

/** Each action has keys of its own; given elsewhere they would be ignored in silence, which is worse than a refusal. */
function checkAction(rule: RawRule, add: Add): void {
  const masks = rule.action === 'mask';
  if (masks && rule.with === undefined) add([], 'action `mask` needs `with`');
  if (!masks && rule.with !== undefined) add(['with'], 'belongs to action `mask` only');
  if (rule.action === 'approve' && rule.approvers === undefined) add([], 'action `approve` needs `approvers`');
  if (rule.action !== 'approve' && rule.approvers !== undefined) add(['approvers'], 'belongs to action `approve` only');
  if ((masks || rule.action === 'allow') && rule.message !== undefined) {
    add(['message'], 'belongs to actions `block` and `approve` only');
  }
  if (rule.budget !== undefined && (rule.action !== 'allow' || rule.match.probes === undefined)) {
    add(['budget'], 'belongs to action `allow` on `probes` only');
  }
}

function checkMaskMatch(match: RawMatch, add: Add): void {
  for (const key of Object.keys(match)) {
    if (key !== 'columns' && key !== 'values') add(['match', key], 'a mask rule matches `columns` or `values` only');
  }
  if (match.columns !== undefined && match.values !== undefined) {
    add(['match'], 'a mask rule matches either `columns` or `values`; write two rules');
  }
  if (Object.keys(match).length === 0) {
    add(['match'], 'a mask rule needs `columns` or `values`');
  }
}

/** Statements are decided before it is known what they do with masked columns, so the two cannot meet in one rule. */
function checkUseMatch(match: RawMatch, add: Add): void {
  const given = useKeys.filter((key) => match[key] !== undefined);
  if (given.length > 1) add(['match'], `${given.map((key) => `\`${key}\``).join(' and ')} need a rule each`);
  for (const key of Object.keys(match)) {
    if (useKeys.some((useKey) => useKey === key)) continue;
    if (key !== 'how') add(['match', key], `cannot stand beside \`${given[0]}\``);
    else if (match.probes === undefined) add(['match', key], 'belongs beside `probes` only');
  }
}

function checkStatementMatch(match: RawMatch, add: Add): void {
  if (match.how !== undefined) add(['match', 'how'], 'belongs beside `probes` only');
  if (match.values !== undefined) add(['match', 'values'], 'belongs to mask rules only: statements have no content');
  if (Object.keys(match).length === 0) add(['match'], 'must not be empty; for "everything" use `default`');
  if (match.columns !== undefined && match.objects === undefined && match.access?.includes('define') === true) {
    add(['match', 'access'], 'columns are read or written, never defined');
  }
}

/** Why this cannot be a detector, or null. */
export function checkDetector(pattern: string): string | null {
  const compiled = compilePattern(pattern);
  if (typeof compiled === 'string') return compiled;
  // Such a detector would find something in front of every character.
  return compiled.test('') ? 'matches the empty string' : null;
}

/** The pattern, or what is wrong with it. RE2 has no backtracking, so no pattern can hold up the gate. */
function compilePattern(pattern: string): RE2 | string {
  try {
    return new RE2(pattern, 'u');
  } catch (error) {
    return `not an RE2 pattern: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** The rule as data, of a form that was checked; what was left out is null or its default. */
export function toRule(policyName: string, raw: RawRule, at: Position): Rule {
  return {
    id: `${policyName}/${raw.id}`,
    action: raw.action,
    match: toMatch(raw.match),
    appliesTo: toAppliesTo(raw.applies_to),
    mask: raw.with === undefined ? null : toMask(raw.with),
    approvers: raw.approvers === undefined ? null : { groups: raw.approvers.groups, needed: raw.approvers.needed ?? 1 },
    message: raw.message ?? null,
    budget: raw.budget ?? null,
    at,
  };
}

export function toAppliesTo(raw: RawAppliesTo | undefined): AppliesTo {
  return {
    connections: raw?.connections ?? null,
    labels: raw?.labels ?? null,
    users: raw?.users ?? null,
    notUsers: raw?.not_users ?? null,
    groups: raw?.groups ?? null,
    notGroups: raw?.not_groups ?? null,
  };
}

/** YAML reads an unquoted `null` as the null value; the mask of that name is what was meant. */
export function toMask(raw: RawMask): MaskSpec {
  if (raw === null) return { kind: 'null' };
  if (typeof raw === 'string') return { kind: raw };
  return 'keep_first' in raw
    ? { kind: 'keep_first', count: raw.keep_first }
    : { kind: 'keep_last', count: raw.keep_last };
}

function toMatch(raw: RawMatch): Match {
  const match = {
    statement: raw.statement ?? null,
    objects: raw.objects ?? null,
    access: raw.access ?? null,
    columns: raw.columns ?? null,
    functions: raw.functions ?? null,
    where: raw.where ?? null,
    limit: raw.limit ?? null,
    temporary: raw.temporary ?? null,
    text: raw.text ?? null,
    values: raw.values ?? null,
    probes: raw.probes ?? null,
    how: raw.probes === undefined ? null : (raw.how ?? 'any'),
    copies: raw.copies ?? null,
    unreadable: raw.unreadable ?? null,
  } satisfies Record<MatchKey, unknown>;
  return match;
}
