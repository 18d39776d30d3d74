/** Lineage of queries: SELECT, set operations, VALUES, WITH, and the statements that return rows like them. */
import { type AstRecord, list, names, record, tagOf, text } from '../parse/ast.ts';
import { returningColumns } from './dml.ts';
import { evaluate } from './expressions.ts';
import { intoOf, newTable } from './flow/commands.ts';
import { recordSelect, recordSetOperation } from './flow/query.ts';
import { recordUnified } from './flow/unify.ts';
import { recordOutputsTo } from './flow/writes.ts';
import { fromElement } from './from.ts';
import { outputName } from './names.ts';
import {
  type Analysis,
  type CteEntry,
  type FromElement,
  type Scope,
  bounded,
  childScope,
  enter,
  leave,
  lookupTable,
} from './scope.ts';
import {
  type Columns,
  type NamedValue,
  type Value,
  Dependencies,
  computedFrom,
  concatColumns,
  constant,
} from './value.ts';
import { knownColumns, noColumns, opaque, renameColumns, unionColumns, unknownColumns, withRecord } from './value.ts';

/** Columns of any statement that can stand where a query can; unknown for all others. */
export function statementColumns(analysis: Analysis, scope: Scope, node: unknown): Columns {
  const tag = tagOf(node);
  switch (tag) {
    case 'SelectStmt': {
      const columns = queryColumns(analysis, scope, node);
      const into = intoOf(record(record(node).SelectStmt));
      if (into === null) return columns;
      // SELECT INTO creates a table and returns nothing.
      recordOutputsTo(analysis, columns, newTable(into));
      return noColumns;
    }
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'DeleteStmt':
    case 'MergeStmt': {
      const columns = enter(analysis)
        ? returningColumns(analysis, scope, tag, record(record(node)[tag]))
        : unknownColumns;
      leave(analysis);
      return columns;
    }
    default:
      return unknownColumns;
  }
}

/** Columns of a wrapped query node. */
export function queryColumns(analysis: Analysis, scope: Scope, node: unknown): Columns {
  if (tagOf(node) !== 'SelectStmt') return statementColumns(analysis, scope, node);
  return selectColumns(analysis, scope, record(record(node).SelectStmt));
}

function selectColumns(analysis: Analysis, outer: Scope, select: AstRecord): Columns {
  const columns = enter(analysis)
    ? selectBody(analysis, withCtes(analysis, outer, select.withClause), select)
    : unknownColumns;
  leave(analysis);
  return columns;
}

function selectBody(analysis: Analysis, outer: Scope, select: AstRecord): Columns {
  if (select.larg !== undefined || select.rarg !== undefined) {
    const left = selectColumns(analysis, outer, record(select.larg));
    const right = selectColumns(analysis, outer, record(select.rarg));
    recordPositions(analysis, left, right);
    const both = bounded(analysis, unionColumns(left, right));
    recordSetOperation(analysis, outer, select, both);
    return both;
  }
  if (select.valuesLists !== undefined) {
    const rows = valuesColumns(analysis, outer, list(select.valuesLists));
    recordSetOperation(analysis, outer, select, rows);
    return rows;
  }
  const elements: FromElement[] = [];
  for (const item of list(select.fromClause)) {
    elements.push(fromElement(analysis, outer, childScope(outer, elements), item));
  }
  const level = childScope(outer, elements);
  const columns = targetColumns(analysis, level, list(select.targetList));
  recordSelect(analysis, level, select, columns);
  return columns;
}

/** Columns at one place take one type. */
function recordPositions(analysis: Analysis, left: Columns, right: Columns): void {
  if (analysis.flow === null || left.openAt !== -1 || right.openAt !== -1) return;
  for (const [at, { value }] of left.list.entries())
    if (at < right.list.length) recordUnified(analysis, [value, right.list[at].value]);
}

function valuesColumns(analysis: Analysis, scope: Scope, rows: readonly unknown[]): Columns {
  let columns: Columns | null = null;
  for (const row of rows) {
    const values = list(record(record(row).List).items).map((node, at) => ({
      name: `column${at + 1}`,
      value: evaluate(analysis, scope, node),
    }));
    const next = knownColumns(values);
    if (columns !== null) recordPositions(analysis, columns, next);
    columns = columns === null ? next : unionColumns(columns, next);
  }
  return columns ?? noColumns;
}

/** Output columns of a target list or RETURNING list. */
export function targetColumns(analysis: Analysis, scope: Scope, targets: readonly unknown[]): Columns {
  let columns = noColumns;
  let known: NamedValue[] = [];
  for (const target of targets) {
    if (analysis.nodesLeft < 0) return unknownColumns;
    const entry = record(record(target).ResTarget);
    const star = starColumns(analysis, scope, entry.val);
    if (star === null) {
      const name = text(entry.name);
      known.push({ name: name === '' ? outputName(entry.val) : name, value: evaluate(analysis, scope, entry.val) });
      continue;
    }
    columns = bounded(analysis, concatColumns(concatColumns(columns, knownColumns(known)), star));
    known = [];
  }
  return concatColumns(columns, knownColumns(known));
}

/** What `*`, `t.*` or `(row).*` expands to; null for any other expression. */
function starColumns(analysis: Analysis, scope: Scope, node: unknown): Columns | null {
  const columns = expanded(analysis, scope, node);
  if (columns?.mixed === undefined) return columns;
  // Any of them may stand at any place.
  const all = new Dependencies();
  all.addColumns(columns);
  return { list: [], openAt: 0, rest: all.value() };
}

function expanded(analysis: Analysis, scope: Scope, node: unknown): Columns | null {
  const tag = tagOf(node);
  const body = record(record(node)[tag]);
  if (tag === 'ColumnRef') {
    const fields = list(body.fields);
    if (tagOf(fields.at(-1)) !== 'A_Star') return null;
    const parts = names(fields);
    if (parts.length === 0) return allColumns(analysis, scope);
    return lookupTable(scope, parts.at(-2) ?? null, parts[parts.length - 1])?.columns ?? unknownColumns;
  }
  if (tag !== 'A_Indirection' || tagOf(list(body.indirection).at(-1)) !== 'A_Star') return null;
  const value = evaluate(analysis, scope, node);
  return value.row ?? { list: [], openAt: 0, rest: computedFrom(value) };
}

function allColumns(analysis: Analysis, scope: Scope): Columns {
  let all = noColumns;
  for (const element of scope.elements) {
    all = bounded(analysis, concatColumns(all, element.columns));
    if (analysis.nodesLeft < 0) return unknownColumns;
  }
  return all;
}

/** The scope extended by a WITH clause, which hides outer names. */
export function withCtes(analysis: Analysis, outer: Scope, clause: unknown): Scope {
  const items = list(record(clause).ctes);
  if (items.length === 0) return outer;
  const recursive = record(clause).recursive === true;
  let scope = outer;
  // With RECURSIVE every expression sees all, itself included; without it, those before it.
  const entries = items.map((item) => {
    const entry = cteEntry(
      analysis,
      recursive,
      () => (recursive ? scope : before),
      record(record(item).CommonTableExpr),
    );
    const before = scope;
    scope = { ...scope, ctes: { entry, next: scope.ctes } };
    return entry;
  });
  // What no one refers to may still write.
  if (analysis.flow !== null) for (const entry of entries) entry.columns();
  // Two of one name are an error of the statement; the nearest is found, and the server refuses.
  return entries.length === 0 ? outer : scope;
}

/** A recursion that has not settled after so many rounds is given up. Each round adds sources to some column. */
const roundsMax = 64;

function cteEntry(analysis: Analysis, recursive: boolean, scopeOf: () => Scope, cte: AstRecord): CteEntry {
  let state: 'new' | 'running' | 'done' = 'new';
  let columns: Columns = noColumns;
  let referred = false;
  const aliases = names(cte.aliascolnames);

  const run = (): void => {
    state = 'running';
    if (recursive) columns = seedColumns(analysis, scopeOf(), cte, aliases);
    for (let round = 0; ; round++) {
      referred = false;
      const next = renameColumns(statementColumns(analysis, scopeOf(), cte.ctequery), aliases);
      const settled = !referred || sameColumns(columns, next);
      columns = next;
      if (settled) break;
      if (round < roundsMax) continue;
      columns = unknownColumns;
      break;
    }
    columns = withSearchColumns(analysis, cte, columns);
    state = 'done';
  };
  return {
    name: text(cte.ctename),
    columns: () => {
      if (state === 'running') referred = true;
      if (state === 'new') run();
      return columns;
    },
  };
}

/** Before the first round a recursive reference holds what the first term of its UNION gives. */
function seedColumns(analysis: Analysis, scope: Scope, cte: AstRecord, aliases: readonly string[]): Columns {
  const select = record(record(cte.ctequery).SelectStmt);
  if (select.larg === undefined) return unknownColumns;
  return renameColumns(
    selectColumns(analysis, withCtes(analysis, scope, select.withClause), record(select.larg)),
    aliases,
  );
}

function sameColumns(a: Columns, b: Columns): boolean {
  if (a.list.length !== b.list.length || a.openAt !== b.openAt || !sameValue(a.rest, b.rest)) return false;
  return a.list.every((column, at) => sameValue(column.value, b.list[at].value));
}

function sameValue(a: Value, b: Value): boolean {
  return a.kind === b.kind && a.sources.size === b.sources.size;
}

/** SEARCH and CYCLE add columns that hold rows of the columns they name (manual, 7.8.2). */
function withSearchColumns(analysis: Analysis, cte: AstRecord, columns: Columns): Columns {
  const search = record(cte.search_clause);
  const cycle = record(cte.cycle_clause);
  const added: NamedValue[] = [];
  const named = (wanted: readonly string[]): Value => {
    const all = new Dependencies();
    for (const column of columns.list) if (wanted.includes(column.name)) all.add(column.value);
    if (columns.openAt !== -1) all.add(columns.rest);
    return withRecord(all.value());
  };
  const sequence = text(search.search_seq_column);
  if (sequence !== '') added.push({ name: sequence, value: named(names(search.search_col_list)) });
  if (text(cycle.cycle_mark_column) !== '') {
    // The mark's two values are literals in all but the strangest statements.
    const literal = ['A_Const', 'TypeCast'].includes(tagOf(cycle.cycle_mark_value));
    added.push({ name: text(cycle.cycle_mark_column), value: literal ? constant : opaque });
    const compared = named(names(cycle.cycle_col_list));
    added.push({ name: text(cycle.cycle_path_column), value: compared });
    // Where a row is equal to one before, the recursion ends.
    analysis.flow?.probe('set_operation', compared);
  }
  return added.length === 0 ? columns : concatColumns(columns, knownColumns(added));
}
