/**
 * Which columns of a target are masked, for one set of mask rules.
 *
 * Rules name columns by globs. A mask then spreads to every place where the same value stands: to the columns of views
 * (through their definitions), to generated columns, and between the tables of an inheritance or partition tree.
 */
import type { ColumnMaskRule, MaskRules, MaskSpec, RuleId } from '../../../facts.ts';
import {
  type Catalog,
  type Column,
  type ColumnKey,
  type FormerName,
  type Relation,
  keyRelation,
} from '../catalog/catalog.ts';
import type { OutputLineage } from '../lineage/lineage.ts';
import { definedAs } from '../lineage/definitions.ts';
import { type SafeFunctions, type Stores, noSafeFunctions } from '../lineage/scope.ts';
import { standInsIn } from './standIns.ts';

export interface ColumnMask {
  readonly mask: MaskSpec;
  /** Rules behind it; empty for what cannot be decided. */
  readonly rules: readonly RuleId[];
  /** `rule`: named by a rule, unchanged. `derived`: computed from such a column. `undecidable`: may hold anything. */
  readonly reason: 'rule' | 'derived' | 'undecidable';
}

/** A column that a rule names, or one that may hold anything, as the origin of another. */
export interface MaskedOrigin {
  readonly relation: Relation;
  readonly column: Column;
  /** The other column always holds this one's value, unchanged. */
  readonly unchanged: boolean;
}

export type StrongerMask = (a: MaskSpec, b: MaskSpec) => MaskSpec;

export interface ColumnMaskIndex {
  readonly catalog: Catalog;
  readonly rules: MaskRules;
  /** For the lineage of statements under the same rules. */
  readonly safe: SafeFunctions;
  /** The same of what is read from places beside tables. */
  readonly stores: Stores;
  /** Whether there are rules on columns at all. If not, columns that the catalog does not know need no care. */
  readonly ruled: boolean;
  /** Whether any column is masked at all. If not, nothing that is undecidable needs hiding. */
  readonly any: boolean;
  /** Whether a rule names a column of this name in a table of this name, in whatever schema. */
  isRuled(table: string, column: string): boolean;
  /** Mask of a column of a table or view; computed on first use and kept. */
  maskOf(key: ColumnKey): ColumnMask | null;
  /** The masked columns that a column's value comes from, itself among them; empty: it is not masked. */
  originsOf(key: ColumnKey): readonly MaskedOrigin[];
  /** Mask of an output with this lineage. */
  maskOfOutput(output: OutputLineage): ColumnMask | null;
  /** Mask of a whole row of a relation. */
  maskOfRow(relation: Relation): ColumnMask | null;
  /** Mask of something of which nothing is known. */
  readonly undecidable: ColumnMask | null;
}

const undecidable: ColumnMask = { mask: { kind: 'redact' }, rules: [], reason: 'undecidable' };
const maxFamily = 10_000;

/**
 * @param strongerMask decides between two masks on one column (policy/strength.ts).
 */
export function columnMasks(catalog: Catalog, rules: MaskRules, strongerMask: StrongerMask): ColumnMaskIndex {
  const named = namedColumns(catalog, rules.columns, strongerMask);
  const safe = safeSetOf(rules.safeFunctions);
  const known = new Map<ColumnKey, ColumnMask | null>();
  const running = new Set<ColumnKey>();
  const unknown = named.size > 0 ? undecidable : null;

  const stronger = (a: ColumnMask | null, b: ColumnMask | null): ColumnMask | null => {
    if (a === null || b === null) return a ?? b;
    return joinMasks(a, b, strongerMask);
  };
  const maskOf = (key: ColumnKey): ColumnMask | null => {
    if (named.size === 0) return null;
    const found = known.get(key);
    if (found !== undefined) return found;
    // A view that reads itself through others cannot be queried; whatever asks is told the safe thing.
    if (running.has(key)) return unknown;
    running.add(key);
    const mask = compute(key);
    running.delete(key);
    known.set(key, mask);
    return mask;
  };
  const compute = (key: ColumnKey): ColumnMask | null => {
    const relation = catalog.relation(keyRelation(key));
    const column = relation?.columns.find((candidate) => candidate.key === key);
    if (relation === undefined || column === undefined || column.undecidable) return unknown;
    let mask: ColumnMask | null = null;
    for (const member of family(catalog, relation)) {
      const same = member.byName.get(column.name);
      if (same !== undefined) mask = stronger(mask, named.get(same.key) ?? null);
    }
    const origin = definedAs(catalog, relation, column, safe);
    return origin === null ? mask : stronger(mask, origin === 'unknown' ? unknown : maskOfOutput(origin));
  };
  const maskOfOutput = (output: OutputLineage): ColumnMask | null => {
    if (output.kind === 'opaque') return unknown;
    let mask: ColumnMask | null = null;
    for (const source of output.sources) mask = stronger(mask, maskOf(source));
    if (mask === null || output.kind === 'column') return mask;
    // What is computed may be a slice, a hash or a digit of the value: the column's own mask does not fit it. Where being NULL
    // may be an answer (`nullif(ssn, '1')`), or being long, all of it is NULL.
    return {
      mask: strongerMask({ kind: output.steady ? 'redact' : 'null' }, mask.mask),
      rules: mask.rules,
      reason: mask.reason === 'rule' ? 'derived' : mask.reason,
    };
  };
  const maskOfRow = (relation: Relation): ColumnMask | null => {
    let mask: ColumnMask | null = null;
    for (const column of relation.columns) mask = stronger(mask, maskOf(column.key));
    return mask === null
      ? null
      : { mask: strongerMask({ kind: 'redact' }, mask.mask), rules: mask.rules, reason: 'derived' };
  };
  const originsOf = (key: ColumnKey): readonly MaskedOrigin[] => {
    const found = new Map<ColumnKey, MaskedOrigin>();
    if (named.size > 0) gatherOrigins({ catalog, named, safe, seen: new Set(), found }, key, true);
    return [...found.values()];
  };
  const standIns = standInsIn(catalog, ({ key }) => maskOf(key)?.mask ?? null);
  return Object.freeze({
    catalog: named.size === 0 ? catalog : { ...catalog, standIns },
    rules,
    safe,
    stores: {
      settings: rules.sealed && !catalog.mayFill('settings'),
      largeObjects: rules.sealed && !catalog.mayFill('large_objects'),
    },
    ruled: rules.columns.length > 0,
    any: named.size > 0,
    isRuled: (table: string, column: string) =>
      rules.columns.some((rule) => globMatches(rule.table, table) && globMatches(rule.column, column)),
    maskOf,
    originsOf,
    maskOfOutput,
    maskOfRow,
    undecidable: unknown,
  });
}

interface Gathering {
  readonly catalog: Catalog;
  readonly named: ReadonlyMap<ColumnKey, ColumnMask>;
  readonly safe: SafeFunctions;
  readonly seen: Set<ColumnKey>;
  readonly found: Map<ColumnKey, MaskedOrigin>;
}

const safeSets = new WeakMap<readonly string[], SafeFunctions>();

/** One set for each list, because what is known of definitions is kept by set. */
function safeSetOf(names: readonly string[]): SafeFunctions {
  if (names.length === 0) return noSafeFunctions;
  let set = safeSets.get(names);
  if (set === undefined) safeSets.set(names, (set = new Set(names)));
  return set;
}

/** Follows `key` through views and generated columns down to columns that rules name. */
function gatherOrigins(gathering: Gathering, key: ColumnKey, unchanged: boolean): void {
  const { catalog, named, safe, seen, found } = gathering;
  if (seen.has(key)) return;
  seen.add(key);
  const relation = catalog.relation(keyRelation(key));
  const column = relation?.columns.find((candidate) => candidate.key === key);
  if (relation === undefined || column === undefined) return;
  const add = (of: Relation, origin: Column, same: boolean): void => {
    const before = found.get(origin.key);
    if (before === undefined || before.unchanged) {
      found.set(origin.key, { relation: of, column: origin, unchanged: same });
    }
  };
  if (column.undecidable) return add(relation, column, false);
  for (const member of family(catalog, relation)) {
    const same = member.byName.get(column.name);
    if (same !== undefined && named.has(same.key)) add(member, same, unchanged);
  }
  const origin = definedAs(catalog, relation, column, safe);
  if (origin === null) return;
  if (origin === 'unknown' || origin.kind === 'opaque') return add(relation, column, false);
  const still = unchanged && origin.kind === 'column' && origin.sources.size === 1;
  for (const source of origin.sources) gatherOrigins(gathering, source, still);
}

function joinMasks(a: ColumnMask, b: ColumnMask, strongerMask: StrongerMask): ColumnMask {
  const rules = b.rules.every((rule) => a.rules.includes(rule)) ? a.rules : [...new Set([...a.rules, ...b.rules])];
  const reason =
    a.reason === b.reason
      ? a.reason
      : a.reason === 'undecidable' || b.reason === 'undecidable'
        ? 'undecidable'
        : 'derived';
  return { mask: strongerMask(a.mask, b.mask), rules, reason };
}

/** Columns that rules name themselves. */
function namedColumns(
  catalog: Catalog,
  rules: readonly ColumnMaskRule[],
  strongerMask: StrongerMask,
): ReadonlyMap<ColumnKey, ColumnMask> {
  const named = new Map<ColumnKey, ColumnMask>();
  const name = (key: ColumnKey, rule: ColumnMaskRule): void => {
    const mask: ColumnMask = { mask: rule.mask, rules: [rule.rule], reason: 'rule' };
    const before = named.get(key);
    named.set(key, before === undefined ? mask : joinMasks(before, mask, strongerMask));
  };
  for (const relation of rules.length === 0 ? [] : catalog.relations.values()) {
    const near = rules.filter(
      (rule) => globMatches(rule.schema, relation.schema) && globMatches(rule.table, relation.name),
    );
    for (const column of near.length === 0 ? [] : relation.columns) {
      for (const rule of near) if (globMatches(rule.column, column.name)) name(column.key, rule);
    }
  }
  for (const [key, former] of catalog.formerNames) {
    for (const rule of rules) {
      const matches = ({ schema, table, column }: FormerName): boolean =>
        globMatches(rule.schema, schema) && globMatches(rule.table, table) && globMatches(rule.column, column);
      if (former.some(matches)) name(key, rule);
    }
  }
  return named;
}

/**
 * `*` matches any run of characters, everything else itself. Letter case does not matter: a table made with a quoted
 * `"SSN"` must not escape a rule. Linear in time: only the last star is ever tried again.
 */
export function globMatches(glob: string, name: string): boolean {
  if (glob === '*') return true;
  const pattern = glob.toLowerCase();
  const text = name.toLowerCase();
  let [at, star, mark] = [0, -1, 0];
  let next = 0;
  while (next < text.length) {
    if (at < pattern.length && pattern[at] === '*') {
      star = at++;
      mark = next;
    } else if (at < pattern.length && pattern[at] === text[next]) {
      at++;
      next++;
    } else if (star !== -1) {
      at = star + 1;
      next = ++mark;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}

/** A relation with all its ancestors and descendants: a row of a partition is a row of its parents too. */
function family(catalog: Catalog, relation: Relation): ReadonlySet<Relation> {
  const members = new Set<Relation>([relation]);
  for (const next of ['parents', 'children'] as const) {
    const queue = [relation];
    for (let item = queue.pop(); item !== undefined && members.size < maxFamily; item = queue.pop()) {
      for (const oid of item[next]) {
        const member = catalog.relation(oid);
        if (member === undefined || members.has(member)) continue;
        members.add(member);
        queue.push(member);
      }
    }
  }
  return members;
}
