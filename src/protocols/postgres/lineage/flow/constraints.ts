/**
 * What constraints tell of stored values when rows are written.
 *
 * Whether an INSERT fails on a unique index tells whether somebody has the value; so do exclusion constraints, foreign keys
 * (of the table that is referenced) and ON CONFLICT. A bare value of the client's asks one guess, as `=` does. A row that is
 * changed keeps its other columns, which the constraints compare or check anew: then they tell of stored values, which
 * nobody may ask by equality.
 *
 * Rows of a partition tree are met by the constraints of every partition, and those of a view by the tables behind it.
 */
import type { AstRecord } from '../../parse/ast.ts';
import { type Column, type Relation, keyAttnum, keyRelation } from '../../catalog/catalog.ts';
import {
  type CheckConstraint,
  type ForeignKey,
  type IndexConstraint,
  type NamedColumns,
  columnsOfExpression,
} from '../../catalog/constraints.ts';
import { definedAs } from '../definitions.ts';
import type { FlowConstraint } from './recorder.ts';
import {
  type Gift,
  columnsGiven,
  namesOf,
  tablesBehind,
  targetsOf,
  throughView,
  wholeTable,
  withDescendants,
} from './targets.ts';
import { type Analysis, spend } from '../scope.ts';
import { columnValue, constant } from '../value.ts';

/** The rows of one relation that a statement writes. */
interface Rows {
  readonly analysis: Analysis;
  readonly relation: Relation;
  readonly gifts: ReadonlyMap<string, Gift>;
  /** They were there before, with values in the columns that are not written. */
  readonly stored: boolean;
  /** They may go to another partition, whose constraints ask all columns. */
  readonly moving: boolean;
}

/** Rows of INSERT, COPY FROM or MERGE; `relation` is the RangeVar struct of their target. */
export function recordNewRows(analysis: Analysis, relation: AstRecord, gifts: readonly Gift[]): void {
  recordRows(analysis, relation, gifts, false);
}

/** Rows of UPDATE, MERGE or ON CONFLICT DO UPDATE. */
export function recordChangedRows(analysis: Analysis, relation: AstRecord, gifts: readonly Gift[]): void {
  recordRows(analysis, relation, gifts, true);
}

/** Rows of DELETE or MERGE: whether others reference them, is told by an error or by what goes with them. */
export function recordRemovedRows(analysis: Analysis, relation: AstRecord): void {
  if (analysis.flow?.writing !== true) return;
  const seen = new Set<Relation>();
  for (const target of targetsOf(analysis, relation, true))
    for (const table of tablesBehind(analysis, target)) removeRows(analysis, table, seen);
}

/** A partition that is made or attached now: rows that are in the default partition must not belong to it. */
export function recordNewPartition(analysis: Analysis, parent: AstRecord): void {
  for (const target of targetsOf(analysis, parent, false)) {
    for (const key of analysis.catalog.constraintsOf(target.oid)) {
      if (key.kind !== 'partition_key') continue;
      const { asked } = columnsOfExpression(analysis.catalog.parse, target, key, key.expressions);
      for (const name of [...namesOf(target, key.columns), ...asked])
        probeStored(analysis, target, name, 'the default partition');
    }
  }
}

/**
 * A foreign key that is made now: whoever inserts into its table could ask what the other one holds.
 *
 * @param relation the RangeVar struct of the table that is referenced.
 * @param keys its columns; empty: its primary key.
 */
export function recordNewForeignKey(analysis: Analysis, relation: AstRecord, keys: readonly string[]): void {
  for (const target of targetsOf(analysis, relation, false)) {
    const primary = analysis.catalog.constraintsOf(target.oid).find((one) => one.kind === 'unique' && one.primary);
    const named = keys.length > 0 ? keys : primary?.kind === 'unique' ? namesOf(target, primary.columns) : [];
    for (const name of named) probeStored(analysis, target, name, 'a foreign key');
  }
}

function recordRows(analysis: Analysis, relation: AstRecord, gifts: readonly Gift[], stored: boolean): void {
  if (analysis.flow?.writing !== true || gifts.length === 0) return;
  const asks = stored || gifts.some(({ how }) => how !== 'nothing');
  for (const target of targetsOf(analysis, relation, asks)) {
    const given = new Map<string, Gift>();
    for (const gift of gifts) for (const name of columnsGiven(gift, target)) given.set(name, gift);
    writeRows({ analysis, relation: target, gifts: given, stored, moving: false }, 0);
  }
}

function writeRows(rows: Rows, depth: number): void {
  const { analysis, relation } = rows;
  // Views over views double the ways with every level.
  spend(analysis, relation.columns.length);
  if (analysis.nodesLeft < 0) return;
  if (relation.kind === 'v') {
    for (const [behind, gifts] of throughView(analysis, relation, rows.gifts, depth))
      writeRows({ ...rows, relation: behind, gifts }, depth + 1);
    return;
  }
  // A partitioned table hands its new rows on; of those that are there, some may be in any descendant.
  const members = rows.stored || relation.kind === 'p' ? withDescendants(analysis, relation) : [relation];
  const moving = rows.stored && [...members].some((member) => movesRows({ ...rows, relation: member }));
  for (const member of members) askConstraints({ ...rows, relation: member, moving });
}

/** Whether a key of partitions is written; that there is no partition for a row, tells of the rest of the key. */
function movesRows(rows: Rows): boolean {
  const { analysis, relation } = rows;
  let moves = false;
  for (const key of analysis.catalog.constraintsOf(relation.oid)) {
    if (key.kind !== 'partition_key') continue;
    const { asked, tested } = columnsOfExpression(analysis.catalog.parse, relation, key, key.expressions);
    const names = [...namesOf(relation, key.columns), ...asked];
    if (!isTouched(rows, [...names, ...tested])) continue;
    moves = true;
    for (const name of names)
      if (howGiven(rows, name) === null) probeStored(analysis, relation, name, 'the bounds of its partitions');
  }
  return moves;
}

function askConstraints(rows: Rows): void {
  const { analysis, relation } = rows;
  const constraints = analysis.catalog.constraintsOf(relation.oid);
  spend(analysis, constraints.length);
  for (const constraint of constraints) {
    switch (constraint.kind) {
      case 'unique':
      case 'exclusion':
        askIndex(rows, constraint);
        break;
      case 'check':
        askCheck(rows, constraint);
        break;
      case 'foreign_key':
        askForeignKey(rows, constraint);
        break;
      case 'partition_key':
        break;
    }
  }
  if (rows.stored) askReferencing(rows, new Set());
  if (relation.kind === 'f') askForeignTable(rows);
}

function askIndex(rows: Rows, index: IndexConstraint): void {
  const { analysis, relation } = rows;
  const { parse } = analysis.catalog;
  const keys = namesOf(relation, index.columns);
  const expressions = columnsOfExpression(parse, relation, index, index.expressions);
  const predicate = columnsOfExpression(parse, relation, index, index.predicate);
  const computed = [...expressions.asked];
  const all = [...keys, ...computed, ...predicate.asked];
  if (!isTouched(rows, [...keys, ...computed, ...expressions.tested]) && !entersIndex(rows, predicate)) return;
  const what = index.kind === 'unique' ? `the unique index ${index.name}` : `the exclusion constraint ${index.name}`;
  for (const name of keys) {
    const how = howGiven(rows, name);
    if (how === null && rows.stored) probeStored(analysis, relation, name, what);
    if (how === 'bare' || how === 'computed') {
      const equality = how === 'bare' && index.plain;
      probe(analysis, relation, name, { what, tells: 'written' }, equality);
    }
  }
  for (const name of computed) {
    const how = howGiven(rows, name);
    if (how === null ? rows.stored : how !== 'nothing')
      probe(analysis, relation, name, { what, tells: how === null ? 'stored' : 'written' }, false);
  }
  // Which other rows are in a partial index, hangs on what is stored in them.
  for (const name of predicate.asked) probeStored(analysis, relation, name, what);
  probeGiven(rows, all, what);
}

/** Whether rows that are there may come under a partial index by what is written. */
function entersIndex(rows: Rows, { asked, tested, mustBeNull }: NamedColumns): boolean {
  if (!rows.stored) return false;
  for (const name of [...asked, ...tested]) {
    const leaves = mustBeNull.has(name) && rows.gifts.get(name)?.notNull === true;
    if (howGiven(rows, name) !== null && !leaves) return true;
  }
  return false;
}

function askCheck(rows: Rows, check: CheckConstraint): void {
  const { analysis, relation } = rows;
  const { asked, tested } = columnsOfExpression(analysis.catalog.parse, relation, check, check.expression);
  const columns = [...asked];
  if (!rows.moving && ![...columns, ...tested].some((name) => howGiven(rows, name) !== null)) return;
  const what = `the check ${check.name}`;
  if (rows.stored)
    for (const name of columns) if (howGiven(rows, name) === null) probeStored(analysis, relation, name, what);
  probeGiven(rows, columns, what);
}

function askForeignKey(rows: Rows, key: ForeignKey): void {
  const { analysis, relation } = rows;
  const other = analysis.catalog.relation(key.references);
  const own = namesOf(relation, key.columns);
  if (other === undefined || !isTouched(rows, own)) return;
  const what = `the foreign key ${key.name}`;
  const referenced = namesOf(other, key.referenced);
  own.forEach((name, at) => {
    const how = howGiven(rows, name);
    if (how === 'bare' || how === 'computed')
      probe(analysis, other, referenced[at], { what, tells: 'written' }, how === 'bare');
    if (how !== null || !rows.stored) return;
    probeStored(analysis, other, referenced[at], what);
    probeStored(analysis, relation, name, what);
  });
  probeGiven(rows, own, what);
}

/** Keys that others reference cannot change, or take those along. */
function askReferencing(rows: Rows, seen: Set<Relation>): void {
  const { analysis, relation } = rows;
  for (const key of analysis.catalog.referencing(relation.oid)) {
    const names = namesOf(relation, key.referenced);
    const other = analysis.catalog.relation(key.relation);
    if (other === undefined || !names.some((name) => rows.gifts.has(name))) continue;
    probeReferencing(analysis, relation, other, key);
    if (!'ar'.includes(key.onUpdate)) changeKeys(analysis, other, key, seen);
  }
}

function removeRows(analysis: Analysis, relation: Relation, seen: Set<Relation>): void {
  for (const member of withDescendants(analysis, relation)) {
    if (seen.has(member)) continue;
    seen.add(member);
    for (const key of analysis.catalog.referencing(member.oid)) {
      spend(analysis, 1);
      const other = analysis.catalog.relation(key.relation);
      if (other === undefined) continue;
      probeReferencing(analysis, member, other, key);
      if (key.onDelete === 'c') removeRows(analysis, other, seen);
      else if (!'ar'.includes(key.onDelete)) changeKeys(analysis, other, key, new Set());
    }
  }
}

/** Rows that reference others take what becomes of these: NULL, a default, or another key. */
function changeKeys(analysis: Analysis, relation: Relation, key: ForeignKey, seen: Set<Relation>): void {
  if (seen.has(relation)) return;
  seen.add(relation);
  const names = namesOf(relation, key.columns);
  const gifts = new Map(
    names.map((column): [string, Gift] => [column, { column, at: 0, how: 'nothing', notNull: false, value: constant }]),
  );
  const rows: Rows = { analysis, relation, gifts, stored: true, moving: false };
  for (const constraint of analysis.catalog.constraintsOf(relation.oid)) {
    spend(analysis, 1);
    if (constraint.kind === 'check') askCheck(rows, constraint);
    if (constraint.kind === 'unique' || constraint.kind === 'exclusion') askIndex(rows, constraint);
  }
  askReferencing(rows, seen);
}

/** Both sides are compared, as in a join. */
function probeReferencing(analysis: Analysis, relation: Relation, other: Relation, key: ForeignKey): void {
  const what = `the foreign key ${key.name}`;
  for (const name of namesOf(relation, key.referenced)) probeStored(analysis, relation, name, what);
  for (const name of namesOf(other, key.columns)) probeStored(analysis, other, name, what);
}

/** What is unique in a foreign table is known to its own server only. */
function askForeignTable(rows: Rows): void {
  for (const [name, { how }] of rows.gifts)
    if (how !== 'nothing')
      probe(rows.analysis, rows.relation, name, { what: 'the server of the table', tells: 'written' }, how === 'bare');
}

/** What is given to the column; null: it is not written. */
function howGiven({ analysis, relation, gifts }: Rows, name: string): Gift['how'] | null {
  const gift = gifts.get(name);
  if (gift !== undefined) return gift.how;
  const column = relation.byName.get(name);
  return column?.generated === true && followsGiven(analysis, relation, column, gifts) ? 'computed' : null;
}

/** Whether a generated column is computed from one that is given. */
function followsGiven(
  { catalog, safe }: Analysis,
  relation: Relation,
  column: Column,
  gifts: ReadonlyMap<string, Gift>,
): boolean {
  const origin = definedAs(catalog, relation, column, safe);
  if (origin === null || origin === 'unknown' || origin.kind === 'opaque') return true;
  for (const key of origin.sources) {
    const name = catalog.column(keyRelation(key), keyAttnum(key))?.name;
    const gift = name === undefined ? undefined : gifts.get(name);
    if (gift !== undefined && gift.how !== 'nothing') return true;
  }
  return false;
}

/** A new row asks by what is given to it; a stored one also by what is taken from it. */
function isTouched(rows: Rows, names: readonly string[]): boolean {
  if (rows.moving) return true;
  return names.some((name) => {
    const how = howGiven(rows, name);
    return how !== null && (rows.stored || how !== 'nothing');
  });
}

/** Whether a value that comes from columns is accepted, tells of these. */
function probeGiven({ analysis, gifts }: Rows, names: readonly string[], what: string): void {
  for (const name of names) {
    const value = gifts.get(name)?.value;
    if (value !== undefined && value.kind !== 'opaque')
      analysis.flow?.probe('constraint', value, false, { what, tells: 'stored' });
  }
}

function probeStored(analysis: Analysis, relation: Relation, name: string, what: string): void {
  probe(analysis, relation, name, { what, tells: 'stored' }, false);
}

function probe(analysis: Analysis, relation: Relation, name: string, by: FlowConstraint, equality: boolean): void {
  // A value in a partition is one of the whole table's, under the same masks: one probe is enough for thousands of them.
  const column = wholeTable(analysis, relation).byName.get(name) ?? relation.byName.get(name);
  if (column !== undefined) analysis.flow?.probe('constraint', columnValue(column.key, column.typeOid), equality, by);
}
