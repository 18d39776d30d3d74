/**
 * `match` compiled to tests over a statement's facts.
 *
 * Facts have gaps: a table without a schema, a star instead of columns. A gap is read against the statement. Rules that
 * restrict match what *could be* meant, and one matching part of the statement is enough. Rules that allow match only
 * what is certain, and every part must be covered: else `allow: [public.orders]` would let
 * `select * from public.orders, public.salaries` through.
 */
import RE2 from 're2';
import type { ColumnUse, ObjectUse, Statement } from '../facts.ts';
import { compileGlob, globMatches, splitPattern } from './pattern.ts';
import type { Glob } from './pattern.ts';
import { patternParts } from './rules.ts';
import type { Match, MatchKey, Policy, Rule } from './types.ts';
import type { UseTest } from './uses.ts';
import { expandKinds, kindSet } from './vocabulary.ts';

/** One key of a `match`. */
export interface KeyTest {
  readonly key: MatchKey;
  holds(statement: Statement): boolean;
  /** What in the statement made it hold (restrictive rules) or fail (allow rules), for explanations. */
  witness(statement: Statement): string;
}

export interface CompiledRule {
  readonly rule: Rule;
  /** Empty for mask rules and for rules on the use of masked columns. */
  readonly tests: readonly KeyTest[];
  /** Null for rules on statements and results. */
  readonly use: UseTest | null;
}

export interface CompiledPolicy {
  readonly policy: Policy;
  readonly rules: readonly CompiledRule[];
}

/** `possible`: for block and approve. `certain`: for allow. */
export type Reading = 'possible' | 'certain';

/** Tests of all keys given; the rule matches if every test holds. `values`, `probes`, `copies` and `unreadable` have none. */
export function compileMatch(match: Match, reading: Reading): readonly KeyTest[] {
  const tests: KeyTest[] = [];
  if (match.statement !== null) tests.push(statementTest(match.statement, reading));
  if (match.objects !== null || (match.access !== null && match.columns === null)) {
    tests.push(objectTest(match, reading));
  }
  if (match.columns !== null) tests.push(columnTest(match.columns, match, reading));
  if (match.functions !== null) tests.push(functionTest(match.functions, reading));
  for (const key of ['where', 'limit'] as const) {
    const wanted = match[key];
    if (wanted === null) continue;
    tests.push({ key, holds: (statement) => statement[key] === wanted, witness: (statement) => statement[key] });
  }
  if (match.temporary !== null) tests.push(temporaryTest(match.temporary));
  if (match.text !== null) tests.push(textTest(match.text, reading));
  return tests;
}

/** Whether a rule takes part in deciding statements by their facts. */
export function decidesStatements({ rule, use }: CompiledRule): boolean {
  return rule.action !== 'mask' && use === null;
}

/** Whether every key of a rule holds; of one without keys that is so. */
export function matchesAll(tests: readonly KeyTest[], statement: Statement): boolean {
  for (const test of tests) if (!test.holds(statement)) return false;
  return true;
}

/**
 * Restrictive: any part that matches. Allowing: all parts, and there is at least one, since a rule about tables says
 * nothing about a statement that uses none.
 */
function listTest<T>(
  key: MatchKey,
  reading: Reading,
  parts: (statement: Statement) => readonly T[],
  matches: (part: T, statement: Statement) => boolean,
  format: (part: T) => string,
): KeyTest {
  const certain = reading === 'certain';
  return {
    key,
    holds(statement) {
      const all = parts(statement);
      for (const part of all) if (matches(part, statement) !== certain) return !certain;
      return certain && all.length > 0;
    },
    witness(statement) {
      const found = parts(statement).find((part) => matches(part, statement) !== certain);
      return found === undefined ? '' : format(found);
    },
  };
}

function statementTest(words: readonly string[], reading: Reading): KeyTest {
  const kinds = expandKinds(words);
  const matches = (kind: string, statement: Statement): boolean => {
    if (kinds.has(kind) || (kinds.has('other') && !kindSet.has(kind))) return true;
    // `INSERT .. VALUES` holds a select that reads nothing; a rule that allows insert means it too.
    return reading === 'certain' && kind === 'select' && statement.kind !== 'select' && readsNothing(statement);
  };
  return listTest('statement', reading, (statement) => statement.kinds, matches, String);
}

function readsNothing(statement: Statement): boolean {
  return statement.objects.every((use) => use.access !== 'read');
}

function objectTest(match: Match, reading: Reading): KeyTest {
  const access = match.access === null ? null : new Set<string>(match.access);
  const patterns = (match.objects ?? ['*']).map((pattern) => compileName(pattern, patternParts.objects, reading));
  const matches = (use: ObjectUse): boolean => {
    // Access belongs to the same use: a rule on writing salaries must not meet a statement that reads them and writes a log.
    if (access !== null && !access.has(use.access)) return false;
    for (const [schema, name] of patterns) {
      if (globMatches(name, use.name) && knownOr(schema, use.schema, reading)) return true;
    }
    return false;
  };
  const key = match.objects === null ? 'access' : 'objects';
  return listTest(key, reading, (statement) => statement.objects, matches, formatObject);
}

function columnTest(sources: readonly string[], match: Match, reading: Reading): KeyTest {
  const access = match.access === null ? null : new Set<string>(match.access);
  const patterns = sources.map((pattern) => compileName(pattern, patternParts.columns, reading));
  const matches = (use: ColumnUse, statement: Statement): boolean => {
    if (access !== null && !access.has(use.access)) return false;
    for (const [schema, table, column] of patterns) {
      const columnHolds = use.column === '*' ? reading === 'possible' || column.any : globMatches(column, use.column);
      if (!columnHolds) continue;
      if (use.table === null) {
        if (couldBelong(schema, table, statement, reading)) return true;
      } else if (globMatches(table, use.table) && knownOr(schema, use.schema, reading)) {
        return true;
      }
    }
    return false;
  };
  return listTest('columns', reading, (statement) => statement.columns, matches, formatColumn);
}

/**
 * A column without a table comes from some object that the statement names; only where it names none but calls a
 * function could it come from anywhere. Without this, a rule on `customers.email` would stop `select * from orders`.
 */
function couldBelong(schema: Glob, table: Glob, statement: Statement, reading: Reading): boolean {
  if (table.any && schema.any) return true;
  if (reading === 'certain') return false;
  for (const use of statement.objects) {
    if (globMatches(table, use.name) && knownOr(schema, use.schema, reading)) return true;
  }
  return statement.objects.length === 0 && statement.functions.length > 0;
}

function functionTest(sources: readonly string[], reading: Reading): KeyTest {
  const patterns = sources.map((pattern) => compileName(pattern, patternParts.functions, reading));
  const matches = (called: string): boolean => {
    const dot = called.lastIndexOf('.');
    const schemaName = dot < 0 ? null : called.slice(0, dot);
    const functionName = called.slice(dot + 1);
    for (const [schema, name] of patterns) {
      if (globMatches(name, functionName) && knownOr(schema, schemaName, reading)) return true;
    }
    return false;
  };
  return listTest('functions', reading, (statement) => statement.functions, matches, String);
}

function temporaryTest(wanted: 'only' | 'not_only'): KeyTest {
  const of = (statement: Statement): string => (statement.temporary === true ? 'only' : 'not_only');
  return { key: 'temporary', holds: (statement) => of(statement) === wanted, witness: of };
}

/** A rule that allows must describe the whole text: `select 1` would otherwise allow `drop table t -- select 1`. */
function textTest(pattern: string, reading: Reading): KeyTest {
  const compiled = new RE2(reading === 'certain' ? `^(?:${pattern})$` : pattern, 'u');
  return {
    key: 'text',
    holds: (statement) => compiled.test(statement.text),
    witness: () => pattern,
  };
}

/** Globs of a pattern that has been checked, exactly `parts` of them; throws on any other pattern. */
export function compileName(pattern: string, parts: number, reading: Reading): Glob[] {
  const split = splitPattern(pattern, parts);
  if (split === null) throw new Error(`pattern was not checked before it was compiled: ${pattern}`);
  return split.map((part) => compileGlob(part, reading === 'possible'));
}

function knownOr(glob: Glob, name: string | null, reading: Reading): boolean {
  if (glob.any) return true;
  return name === null ? reading === 'possible' : globMatches(glob, name);
}

function formatObject(use: ObjectUse): string {
  return `${use.access} ${use.schema === null ? '' : `${use.schema}.`}${use.name}`;
}

function formatColumn(use: ColumnUse): string {
  const schema = use.schema === null ? '' : `${use.schema}.`;
  const table = use.table === null ? '' : `${use.table}.`;
  return `${use.access} ${schema}${table}${use.column}`;
}
