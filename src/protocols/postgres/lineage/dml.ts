/**
 * Lineage of RETURNING.
 *
 * RowDescription names the written column as origin, whatever was written into it: `UPDATE t SET note = ssn RETURNING
 * note` returns an ssn. So a written column counts as itself or the value assigned to it.
 */
import { type AstRecord, list, names, record, tagOf, text } from '../parse/ast.ts';
import { evaluate } from './expressions.ts';
import { recordCondition } from './flow/conditions.ts';
import { recordChangedRows, recordNewRows, recordRemovedRows } from './flow/constraints.ts';
import type { Gift } from './flow/targets.ts';
import {
  type Inserted,
  giftOf,
  nothingInserted,
  recordAssignment,
  recordConflict,
  recordConflictAssignment,
  recordInsert,
  unnamed,
} from './flow/writes.ts';
import { fromElement, targetElement } from './from.ts';
import { type Analysis, type FromElement, type NamedTable, type Scope, childScope, relationsMeant } from './scope.ts';
import { queryColumns, targetColumns, withCtes } from './select.ts';
import {
  type Columns,
  type Value,
  Dependencies,
  computedFrom,
  constant,
  either,
  findColumn,
  noColumns,
  opaque,
} from './value.ts';

/** Columns that the RETURNING list of a data-modifying statement gives; none without one. `body`: the inner struct. */
export function returningColumns(analysis: Analysis, outer: Scope, tag: string, body: AstRecord): Columns {
  // PostgreSQL 18 wraps the list with its options; parsers before had the bare list.
  const clause = record(body.returningClause);
  const exprs = list(clause.exprs).length > 0 ? list(clause.exprs) : list(body.returningList);
  if (exprs.length === 0 && analysis.flow === null) return noColumns;
  const scope = withCtes(analysis, outer, body.withClause);
  const target = targetElement(analysis, record(body.relation));
  const written = writtenElement(analysis, scope, tag, body, target);
  if (exprs.length === 0) return noColumns;
  const level = childScope(scope, written.elements);
  return targetColumns(analysis, { ...level, hidden: rowVersions(clause, target, written.target) }, exprs);
}

interface Written {
  /** The target after the statement. */
  readonly target: FromElement;
  /** What RETURNING sees, in the order of its `*`. */
  readonly elements: readonly FromElement[];
}

function writtenElement(analysis: Analysis, scope: Scope, tag: string, body: AstRecord, target: FromElement): Written {
  const follows = followingColumns(analysis, record(body.relation));
  if (tag === 'InsertStmt') {
    const after = insertInto(analysis, scope, body, target, follows);
    return { target: after, elements: [after] };
  }
  if (tag === 'MergeStmt') return merge(analysis, scope, body, target, follows);
  const others: FromElement[] = [];
  for (const item of list(tag === 'UpdateStmt' ? body.fromClause : body.usingClause)) {
    others.push(fromElement(analysis, scope, childScope(scope, [target, ...others]), item));
  }
  const level = childScope(scope, [target, ...others]);
  if (analysis.flow !== null) recordCondition(analysis, level, body.whereClause, 'where');
  if (tag !== 'UpdateStmt') {
    recordRemovedRows(analysis, record(body.relation));
    return { target, elements: [target, ...others] };
  }
  const after = assign(target, setClause(analysis, level, body, list(body.targetList), null), follows);
  return { target: after, elements: [after, ...others] };
}

/** Says of a column whether the server computes it anew from others that are written. */
type Follows = (name: string) => boolean;

/** Generated columns follow what is assigned to others, and so may every column of a view. */
function followingColumns(analysis: Analysis, relation: AstRecord): Follows {
  const meant = relationsMeant(analysis, relation);
  if (meant.length === 0) return () => true;
  return (name) => meant.some(({ kind, byName }) => kind === 'v' || byName.get(name)?.generated === true);
}

/** Values given to columns, by name. */
type Assignments = ReadonlyMap<string, Value>;

/** The target with the assigned values beside its own. */
function assign(target: FromElement, assigned: Assignments, follows: Follows): FromElement {
  if (assigned.size === 0) return target;
  const all = new Dependencies();
  for (const value of assigned.values()) all.add(value);
  const anyAssigned = all.value();
  const valueOf = (name: string, own: Value): Value => {
    const value = assigned.get(name);
    const direct = value === undefined ? own : either(own, value);
    return follows(name) && anyAssigned.kind !== 'constant' ? either(direct, anyAssigned) : direct;
  };
  const change = (columns: Columns): Columns => ({
    ...columns,
    list: columns.list.map(({ name, value }) => ({ name, value: valueOf(name, value) })),
    rest: columns.openAt === -1 ? columns.rest : opaque,
  });
  const columns = change(target.columns);
  return {
    columns,
    tables: target.tables.map((table) => ({
      ...table,
      columns: table.columns === target.columns ? columns : change(table.columns),
    })),
  };
}

/**
 * SET a = .., (b, c) = (..), d[1] = ..
 *
 * @param body the statement's struct.
 * @param inserted what EXCLUDED holds in ON CONFLICT DO UPDATE, else null.
 */
function setClause(
  analysis: Analysis,
  scope: Scope,
  body: AstRecord,
  targets: readonly unknown[],
  inserted: Inserted | null,
): Assignments {
  const relation = record(body.relation);
  const assigned = new Map<string, Value>();
  const gifts: Gift[] = [];
  for (const item of targets) {
    const target = record(record(item).ResTarget);
    let value =
      tagOf(target.val) === 'MultiAssignRef'
        ? multiAssigned(analysis, scope, target.val)
        : evaluate(analysis, scope, target.val);
    // A part of a column takes the value in.
    if (list(target.indirection).length > 0) {
      const all = new Dependencies();
      all.add(value);
      for (const step of list(target.indirection))
        if (tagOf(step) === 'A_Indices') all.add(evaluate(analysis, scope, step));
      value = all.value();
    }
    if (inserted === null) recordAssignment(analysis, scope, relation, target, value);
    else recordConflictAssignment(analysis, scope, relation, target, value, inserted);
    const gift = analysis.flow === null ? null : giftOf(analysis, scope, relation, target, value, inserted);
    if (gift !== null) gifts.push(gift);
    const name = text(target.name);
    const before = assigned.get(name);
    assigned.set(name, before === undefined ? value : either(before, value));
  }
  recordChangedRows(analysis, relation, gifts);
  return assigned;
}

function multiAssigned(analysis: Analysis, scope: Scope, node: unknown): Value {
  const reference = record(record(node).MultiAssignRef);
  const at = typeof reference.colno === 'number' ? reference.colno - 1 : -1;
  const row = record(record(reference.source).RowExpr);
  if (tagOf(reference.source) === 'RowExpr')
    return at in list(row.args) ? evaluate(analysis, scope, list(row.args)[at]) : opaque;
  const link = record(record(reference.source).SubLink);
  if (link.subLinkType !== 'EXPR_SUBLINK' && link.subLinkType !== undefined)
    return evaluate(analysis, scope, reference.source);
  const columns = queryColumns(analysis, scope, link.subselect);
  return columns.openAt === -1 ? (columns.list[at]?.value ?? opaque) : opaque;
}

function insertInto(
  analysis: Analysis,
  scope: Scope,
  body: AstRecord,
  target: FromElement,
  follows: Follows,
): FromElement {
  const named = list(body.cols).map((item) => text(record(record(item).ResTarget).name));
  const order = named.length > 0 ? named : namesByPlace(target.columns);
  const assigned = new Map<string, Value>();
  let given: Inserted = nothingInserted;
  if (body.selectStmt !== undefined) {
    const source = queryColumns(analysis, scope, body.selectStmt);
    const known = source.openAt === -1 ? source.list.length : 0;
    given = recordInsert(analysis, scope, body, order, source);
    // VALUES may list fewer columns than the table has; columns of unknown number may fill any.
    order.forEach((name, at) => {
      if (source.openAt !== -1) assigned.set(name, anyOf(source));
      else if (at < known) assigned.set(name, source.list[at].value);
    });
    if (order.length === 0) for (const { name } of target.columns.list) assigned.set(name, anyOf(source));
  }
  const inserted = assign(target, assigned, follows);
  const conflict = record(body.onConflictClause);
  const excluded: NamedTable = { name: 'excluded', schema: null, columns: inserted.columns };
  const level = { ...childScope(scope, [target]), hidden: [excluded] };
  recordConflict(analysis, level, conflict, target, given);
  const targets = list(conflict.targetList);
  return targets.length === 0 ? inserted : assign(inserted, setClause(analysis, level, body, targets, given), follows);
}

/** Names of columns in their order; none where they have no places. */
export function namesByPlace({ list: columns, mixed }: Columns): readonly string[] {
  return mixed !== undefined ? [] : columns.map(({ name }) => name);
}

function anyOf(columns: Columns): Value {
  let value = computedFrom(columns.rest);
  for (const column of columns.list) value = either(value, column.value);
  return value;
}

function merge(analysis: Analysis, scope: Scope, body: AstRecord, target: FromElement, follows: Follows): Written {
  const source = fromElement(analysis, scope, childScope(scope, [target]), body.sourceRelation);
  const level = childScope(scope, [target, source]);
  if (analysis.flow !== null) recordCondition(analysis, level, body.joinCondition, 'merge');
  let after = target;
  for (const item of list(body.mergeWhenClauses)) {
    const clause = record(record(item).MergeWhenClause);
    const targets = list(clause.targetList);
    if (analysis.flow !== null) recordCondition(analysis, level, clause.condition, 'merge');
    if (clause.commandType === 'CMD_UPDATE')
      after = assign(after, setClause(analysis, level, body, targets, null), follows);
    if (clause.commandType === 'CMD_DELETE') recordRemovedRows(analysis, record(body.relation));
    if (clause.commandType !== 'CMD_INSERT') continue;
    after = assign(after, mergeInsert(analysis, level, body, targets, list(clause.values), target), follows);
  }
  // `*` gives the source's columns first (manual, MERGE, output_expression).
  return { target: after, elements: [source, after] };
}

/** What WHEN NOT MATCHED THEN INSERT gives to columns of the target. */
function mergeInsert(
  analysis: Analysis,
  level: Scope,
  body: AstRecord,
  targets: readonly unknown[],
  nodes: readonly unknown[],
  target: FromElement,
): Assignments {
  const relation = record(body.relation);
  const named = targets.map((item) => text(record(record(item).ResTarget).name));
  const order = named.length > 0 ? named : namesByPlace(target.columns);
  const values = nodes.map((node) => evaluate(analysis, level, node));
  const assigned = new Map(order.map((name, at) => [name, values[at] ?? constant]));
  const anyValue = values.reduce(either, constant);
  if (order.length === 0) for (const { name } of target.columns.list) assigned.set(name, anyValue);
  if (analysis.flow === null) return assigned;
  const gifts: Gift[] = [];
  const isPlaced = named.length === 0 && relationsMeant(analysis, relation).length > 1;
  for (const [at, value] of values.entries()) {
    const item = { name: order[at] ?? '', val: nodes[at] };
    recordAssignment(analysis, level, relation, item, value, isPlaced ? at : null);
    const gift = giftOf(analysis, level, relation, item, value, null);
    if (gift !== null) gifts.push({ ...gift, at });
  }
  recordNewRows(analysis, relation, isPlaced ? gifts.map(unnamed) : gifts);
  return assigned;
}

/** `old` and `new`, or what RETURNING WITH (OLD AS o, NEW AS n) calls them (PostgreSQL 18). */
function rowVersions(clause: AstRecord, target: FromElement, after: FromElement): readonly NamedTable[] {
  let [oldName, newName] = ['old', 'new'];
  for (const item of list(clause.options)) {
    const option = record(record(item).ReturningOption);
    if (option.option === 'RETURNING_OPTION_OLD') oldName = text(option.value);
    if (option.option === 'RETURNING_OPTION_NEW') newName = text(option.value);
  }
  return [
    { name: oldName, schema: null, columns: target.columns },
    { name: newName, schema: null, columns: after.columns },
  ];
}

/** Columns of `COPY t (a, b) TO`; without a list all but generated ones (manual, COPY). `body`: the CopyStmt struct. */
export function copyColumns(analysis: Analysis, body: AstRecord): Columns {
  const target = targetElement(analysis, record(body.relation));
  const wanted = names(body.attlist);
  if (wanted.length > 0) {
    return {
      list: wanted.map((name) => ({ name, value: findColumn(target.columns, name) ?? opaque })),
      openAt: -1,
      rest: constant,
    };
  }
  const meant = relationsMeant(analysis, record(body.relation));
  const isGenerated = (name: string): boolean => meant.at(0)?.byName.get(name)?.generated === true;
  const columns = { ...target.columns, list: target.columns.list.filter(({ name }) => !isGenerated(name)) };
  // Which places are left out, must be the same in all of them.
  const isSame = meant.every((one) => one.columns.every(({ name, generated }) => generated === isGenerated(name)));
  return isSame ? columns : { ...columns, mixed: target.columns.mixed ?? new Set() };
}
