/**
 * Where data-modifying statements put values, and what they ask on the way.
 *
 * DEFAULT gives nothing of the statement's own and is no write. What defaults, triggers and generated columns do with
 * written values is out of sight here; generated columns are followed by the mask index.
 */
import { type AstRecord, list, names, record, tagOf, text, unwrap } from '../../parse/ast.ts';
import { evaluate } from '../expressions.ts';
import { recordNewRows } from './constraints.ts';
import type { Gift } from './targets.ts';
import { givenOf, recordCondition } from './conditions.ts';
import type { FlowDestination, Given } from './recorder.ts';
import { type Analysis, type FromElement, type Scope, relationsMeant, spend } from '../scope.ts';
import { type Columns, type Value, Dependencies, constant, findColumn, opaque } from '../value.ts';

/**
 * A write to a column of the relation that a RangeVar struct means, or of each that it may mean.
 *
 * @param column its name, or where none was given its place.
 * @param keeps whether it goes on holding what it holds, whichever relation it is.
 */
export function writeTo(
  analysis: Analysis,
  relation: AstRecord,
  column: string | number,
  value: Value,
  given: Given | null,
  keeps = false,
): void {
  const { flow } = analysis;
  const meant = relationsMeant(analysis, relation);
  if (keeps && meant.length > 1) return;
  spend(analysis, meant.length);
  const found = meant.flatMap(
    (one) => (typeof column === 'string' ? one.byName.get(column) : one.columns[column]) ?? [],
  );
  for (const { key } of found) flow?.write({ kind: 'column', key }, value, given);
  if (found.length > 0) return;
  const reason = typeof column === 'string' && column !== '' ? `column ${column} of ` : 'table ';
  flow?.write({ kind: 'unknown', reason: `${reason}${text(relation.relname)}` }, value, given);
}

/**
 * One assignment of UPDATE, MERGE or ON CONFLICT DO UPDATE; `target` is its ResTarget struct.
 *
 * @param place of the column, where its name is not known; else null.
 */
export function recordAssignment(
  analysis: Analysis,
  scope: Scope,
  relation: AstRecord,
  target: AstRecord,
  value: Value,
  place: number | null = null,
): void {
  if (analysis.flow === null) return;
  const node = assignedNode(target);
  if (tagOf(node) === 'SetToDefault') return;
  const name = text(target.name);
  const keeps = givenOf(scope, node) === null && keepsItself(scope, relation, node, name);
  writeTo(analysis, relation, place ?? name, value, givenOf(scope, node), keeps);
}

/** `coalesce($1, x)`, given to x: what the client gives, what EXCLUDED brings to it, or what stands there. */
function keepsItself(scope: Scope, relation: AstRecord, node: unknown, name: string): boolean {
  const coalesce = unwrap(node, 'CoalesceExpr');
  if (coalesce !== null) return list(coalesce.args).every((arg) => keepsItself(scope, relation, arg, name));
  if (givenOf(scope, node) !== null || excludedColumn(node) === name) return true;
  return names(unwrap(node, 'ColumnRef')?.fields).at(-1) === name && isOfTarget(scope, relation, node);
}

/**
 * What an assignment gives to rows that are there; null: what stands there already. `target` is its ResTarget struct.
 *
 * @param inserted what EXCLUDED holds in ON CONFLICT DO UPDATE, else null.
 */
export function giftOf(
  analysis: Analysis,
  scope: Scope,
  relation: AstRecord,
  target: AstRecord,
  value: Value,
  inserted: Inserted | null,
): Gift | null {
  const gift = { column: text(target.name), at: -1, value };
  const node = assignedNode(target);
  if (list(target.indirection).length > 0) return { ...gift, how: 'computed', notNull: false };
  const excluded = inserted === null ? null : excludedColumn(node);
  // Which one it is, is not known where there are places alone.
  if (excluded !== null && inserted?.gifts.every(({ column }) => column !== '') === true) {
    const given = inserted.gifts.find(({ column }) => column === excluded);
    return { how: 'nothing', notNull: false, value: constant, ...given, column: gift.column, at: -1 };
  }
  if (value.kind === 'column' && value.sources.size === 1 && isOfTarget(scope, relation, node)) {
    const own = relationsMeant(analysis, relation).at(0)?.byName.get(gift.column);
    if (own !== undefined && value.sources.has(own.key)) return null;
  }
  return { ...gift, how: howGiven(scope, node), notNull: isNotNull(scope, node) };
}

/** A reference to a column that can only be the target's own. */
function isOfTarget(scope: Scope, relation: AstRecord, node: unknown): boolean {
  const fields = unwrap(node, 'ColumnRef')?.fields;
  const parts = names(fields);
  if (parts.length !== list(fields).length || parts.length > 2) return false;
  const name = text(record(relation.alias).aliasname) || text(relation.relname);
  return parts.length === 2 ? parts[0] === name : scope.elements.length === 1;
}

/** The expression that a SET gives to one column; null: a part of what a sub-select gives. */
function assignedNode(target: AstRecord): unknown {
  const multiple = unwrap(target.val, 'MultiAssignRef');
  if (multiple === null) return target.val;
  const row = unwrap(multiple.source, 'RowExpr');
  return row === null ? null : list(row.args)[Number(multiple.colno) - 1];
}

/** x of a bare `EXCLUDED.x`. */
function excludedColumn(node: unknown): string | null {
  const fields = unwrap(node, 'ColumnRef')?.fields;
  const parts = names(fields);
  return parts.length === 2 && parts[0] === 'excluded' && list(fields).length === 2 ? parts[1] : null;
}

function howGiven(scope: Scope, node: unknown): Gift['how'] {
  if (isNothing(node)) return 'nothing';
  return givenOf(scope, node) === null ? 'computed' : 'bare';
}

/** DEFAULT, or NULL behind whatever casts. */
function isNothing(node: unknown): boolean {
  let at = node;
  for (let cast = unwrap(at, 'TypeCast'); cast !== null; cast = unwrap(at, 'TypeCast')) at = cast.arg;
  return tagOf(at) === 'SetToDefault' || unwrap(at, 'A_Const')?.isnull === true;
}

/** A literal, or the time as of now. */
function isNotNull(scope: Scope, node: unknown): boolean {
  if (givenOf(scope, node)?.kind === 'literal' || tagOf(node) === 'SQLValueFunction') return true;
  const call = unwrap(node, 'FuncCall');
  return call !== null && names(call.funcname).join('.') === 'now';
}

/** What an INSERT gives to its target's columns, for EXCLUDED of its ON CONFLICT. */
export interface Inserted {
  readonly values: ReadonlyMap<string, Value>;
  /** Literals and parameters of each column in all rows; null where some row has something else. */
  readonly givens: ReadonlyMap<string, readonly Given[] | null>;
  readonly gifts: readonly Gift[];
}

export const nothingInserted: Inserted = { values: new Map(), givens: new Map(), gifts: [] };

/**
 * Records an INSERT's writes.
 *
 * @param order names of the target's columns in the order of the source's; empty where they are not known.
 */
export function recordInsert(
  analysis: Analysis,
  scope: Scope,
  body: AstRecord,
  order: readonly string[],
  source: Columns,
): Inserted {
  const flow = analysis.flow;
  if (flow === null) return nothingInserted;
  const relation = record(body.relation);
  const isPlaced = list(body.cols).length === 0 && relationsMeant(analysis, relation).length > 1;
  const values = new Map<string, Value>();
  const givens = new Map<string, readonly Given[] | null>();
  const gifts: Gift[] = [];
  const rows = source.openAt === -1 ? literalRows(body.selectStmt) : null;
  const all = new Dependencies();
  all.addColumns(source);
  const count = source.openAt === -1 ? source.list.length : Math.max(order.length, 1);
  for (let at = 0; at < count; at++) {
    const name = order[at] ?? '';
    const value = source.openAt === -1 ? source.list[at].value : all.value();
    // Of an unknown number of columns any may come to any place.
    const to = isPlaced && source.openAt === -1 ? at : name;
    const cells = rows === null ? null : cellsOf(scope, rows, at);
    for (const given of cells?.given ?? []) writeTo(analysis, relation, to, constant, given);
    if (cells?.hasOther !== false) writeTo(analysis, relation, to, value, null);
    values.set(name, value);
    givens.set(name, cells === null || cells.hasOther ? null : cells.given);
    gifts.push({
      column: name,
      at: source.openAt === -1 ? at : -1,
      how: howRowsGive(scope, rows, at),
      notNull: false,
      value,
    });
  }
  recordNewRows(analysis, relation, isPlaced ? gifts.map(unnamed) : gifts);
  return { values, givens, gifts };
}

/** The same to whatever column stands in its place. */
export function unnamed(gift: Gift): Gift {
  return { ...gift, column: '' };
}

/** Rows of an INSERT's VALUES, or the select lists of its SELECTs; null where a star hides which item is which. */
function literalRows(node: unknown): readonly (readonly unknown[])[] | null {
  const rows: (readonly unknown[])[] = [];
  const queue: unknown[] = [record(node).SelectStmt];
  for (let select = queue.pop(); select !== undefined; select = queue.pop()) {
    const body = record(select);
    if (body.larg !== undefined || body.rarg !== undefined) queue.push(body.larg, body.rarg);
    else if (body.valuesLists !== undefined)
      for (const row of list(body.valuesLists)) rows.push(list(record(record(row).List).items));
    else {
      const targets = list(body.targetList).map((target) => record(record(target).ResTarget).val);
      if (targets.some(isStar)) return null;
      rows.push(targets);
    }
  }
  return rows;
}

function isStar(node: unknown): boolean {
  const parts = unwrap(node, 'ColumnRef')?.fields ?? unwrap(node, 'A_Indirection')?.indirection;
  return tagOf(list(parts).at(-1)) === 'A_Star';
}

function cellsOf(
  scope: Scope,
  rows: readonly (readonly unknown[])[],
  at: number,
): { given: Given[]; hasOther: boolean } {
  const given: Given[] = [];
  let hasOther = false;
  for (const row of rows) {
    if (tagOf(row[at]) === 'SetToDefault') continue;
    const found = givenOf(scope, row[at]);
    if (found === null) hasOther = true;
    else given.push(found);
  }
  return { given, hasOther };
}

/** What all rows together give to one column. */
function howRowsGive(scope: Scope, rows: readonly (readonly unknown[])[] | null, at: number): Gift['how'] {
  let how: Gift['how'] = 'nothing';
  for (const row of rows ?? []) {
    const own = howGiven(scope, row[at]);
    if (own === 'computed') return own;
    if (own === 'bare') how = own;
  }
  return rows === null ? 'computed' : how;
}

/**
 * ON CONFLICT: whether a row is there already, is answered by what happens.
 *
 * @param level what the DO UPDATE part sees: the target and EXCLUDED.
 */
export function recordConflict(
  analysis: Analysis,
  level: Scope,
  conflict: AstRecord,
  target: FromElement,
  inserted: Inserted,
): void {
  const flow = analysis.flow;
  if (flow === null || Object.keys(conflict).length === 0) return;
  const infer = record(conflict.infer);
  const elements = list(infer.indexElems);
  // Without a list of columns it is about constraints that the INSERT has asked already, if the table is known.
  if (elements.length === 0 && target.columns.openAt !== -1) {
    const all = new Dependencies();
    all.addColumns(target.columns);
    flow.probe('on_conflict', all.value());
  }
  const arbiter: Scope = { ...level, hidden: [] };
  for (const item of elements) {
    const element = record(record(item).IndexElem);
    const name = text(element.name);
    if (name === '') flow.probe('on_conflict', evaluate(analysis, arbiter, element.expr));
    else flow.probe('on_conflict', findColumn(target.columns, name) ?? opaque, asksOneValue(element, inserted, name));
  }
  recordCondition(analysis, arbiter, infer.whereClause, 'on_conflict');
  recordCondition(analysis, level, conflict.whereClause, 'on_conflict');
}

/** Inserting a given value asks whether it is there, as `column = 'value'` does. */
function asksOneValue(element: AstRecord, inserted: Inserted, name: string): boolean {
  const given = inserted.givens.get(name) ?? null;
  return given !== null && list(element.opclass).length === 0 && list(element.collation).length === 0;
}

/** SET of ON CONFLICT DO UPDATE: a bare `EXCLUDED.x` is what the INSERT gives to x, and nothing that is stored. */
export function recordConflictAssignment(
  analysis: Analysis,
  scope: Scope,
  relation: AstRecord,
  target: AstRecord,
  value: Value,
  inserted: Inserted,
): void {
  const excluded = excludedColumn(target.val);
  if (analysis.flow === null || excluded === null) {
    recordAssignment(analysis, scope, relation, target, value);
    return;
  }
  const to = text(target.name);
  const givens = inserted.givens.get(excluded) ?? null;
  if (givens !== null) for (const given of givens) writeTo(analysis, relation, to, constant, given);
  else writeTo(analysis, relation, to, inserted.values.get(excluded) ?? value, null, excluded === to);
}

/** Every output of a query goes to one place: a new table, a file. */
export function recordOutputsTo(analysis: Analysis, columns: Columns, to: FlowDestination): void {
  for (const column of columns.list) analysis.flow?.write(to, column.value, null);
  if (columns.openAt !== -1) analysis.flow?.write(to, columns.rest, null);
}
