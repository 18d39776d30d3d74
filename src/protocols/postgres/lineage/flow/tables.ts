/**
 * Changes of tables that ask existing rows or move what they hold.
 *
 * A check, a unique index or a foreign key that is made over existing rows fails or not by their values. A new name
 * takes a column from under the rules that name it, and so does leaving a partition or inheritance tree.
 */
import { type AstRecord, list, names, record, tagOf, text, unwrap } from '../../parse/ast.ts';
import type { Catalog, PgFunction } from '../../catalog/catalog.ts';
import { evaluate } from '../expressions.ts';
import { recordCondition } from './conditions.ts';
import { recordNewForeignKey, recordNewPartition } from './constraints.ts';
import type { FlowDestination } from './recorder.ts';
import { writeTo } from './writes.ts';
import { targetElement } from '../from.ts';
import { isPlain } from '../plain.ts';
import { type Analysis, type Scope, childScope, spend } from '../scope.ts';
import { recordCast } from './hazards.ts';
import { typeByName } from '../types.ts';
import { type Value, Dependencies, columnValue, constant, findColumn, opaque, rowValue } from '../value.ts';

/** Tags that {@link recordTableChange} reads. */
export const tableChangeTags: ReadonlySet<string> = new Set([
  'AlterTableStmt',
  'AlterDomainStmt',
  'AlterObjectSchemaStmt',
  'AlterPolicyStmt',
  'CreateDomainStmt',
  'CreateForeignTableStmt',
  'CreatePolicyStmt',
  'CreateStatsStmt',
  'CreateStmt',
  'IndexStmt',
  'RenameStmt',
]);

export function recordTableChange(analysis: Analysis, outer: Scope, tag: string, body: AstRecord): void {
  switch (tag) {
    case 'AlterTableStmt':
      return recordAlter(analysis, outer, body);
    case 'CreateStmt':
      return lateBound(analysis, (later) => recordNewTable(later, outer, body));
    case 'CreateForeignTableStmt':
      return lateBound(analysis, (later) => recordNewTable(later, outer, record(body.base)));
    case 'CreateDomainStmt':
      return lateBound(analysis, (later) => recordNewDomain(later, outer, body));
    case 'CreatePolicyStmt':
    case 'AlterPolicyStmt': {
      // A policy's condition is a WHERE of every later query.
      const scope = tableScope(analysis, outer, record(body.table));
      lateBound(analysis, (later) => {
        recordCondition(later, scope, body.qual, 'where');
        recordCondition(later, scope, body.with_check, 'where');
      });
      return;
    }
    case 'AlterDomainStmt':
      return recordDomain(analysis, outer, body);
    case 'IndexStmt':
      return lateBound(analysis, (later) => recordIndex(later, outer, body));
    case 'CreateStatsStmt':
      // Values in statistics are read through columns that the catalog calls undecidable; how many are NULL is not.
      for (const relation of list(body.relations)) {
        const scope = tableScope(analysis, outer, record(record(relation).RangeVar));
        for (const item of list(body.exprs)) {
          const value = evaluate(analysis, scope, record(record(item).StatsElem).expr);
          if (!isPlain(analysis, value)) analysis.flow?.probe('constraint', value);
        }
      }
      return;
    default:
      return recordNewName(analysis, body);
  }
}

function tableScope(analysis: Analysis, outer: Scope, relation: AstRecord): Scope {
  return childScope(outer, [targetElement(analysis, relation)]);
}

function recordAlter(analysis: Analysis, outer: Scope, body: AstRecord): void {
  const relation = record(body.relation);
  const scope = tableScope(analysis, outer, relation);
  for (const item of list(body.cmds)) {
    const command = record(record(item).AlterTableCmd);
    recordCommand(analysis, outer, scope, relation, command);
  }
}

function recordCommand(analysis: Analysis, outer: Scope, scope: Scope, relation: AstRecord, command: AstRecord): void {
  const name = text(command.name);
  switch (command.subtype) {
    case 'AT_AddColumn':
      return recordColumn(analysis, scope, relation, record(record(command.def).ColumnDef));
    case 'AT_AddConstraint':
      return recordConstraint(analysis, outer, scope, relation, name, record(record(command.def).Constraint));
    case 'AT_ColumnDefault':
      return recordDefault(analysis, scope, relation, name, command.def);
    case 'AT_AlterColumnType':
      return recordNewType(analysis, scope, relation, name, record(record(command.def).ColumnDef));
    case 'AT_SetExpression':
      recordGenerated(analysis, scope, name, command.def);
      return;
    case 'AT_DropExpression':
      // The column keeps what was computed, and nothing tells any more from what.
      analysis.flow?.write(kept(`column ${name} without its expression`), columnValueOf(scope, name), null);
      return;
    case 'AT_DropInherit':
      analysis.flow?.write(kept(`table ${text(relation.relname)} on its own`), allOf(analysis, relation), null);
      return;
    case 'AT_DetachPartition': {
      const part = record(record(record(command.def).PartitionCmd).name);
      analysis.flow?.write(kept(`table ${text(part.relname)} on its own`), allOf(analysis, part), null);
      return;
    }
    case 'AT_AttachPartition':
      recordNewPartition(analysis, relation);
      // Every row must be within the bounds.
      analysis.flow?.probe('constraint', allOf(analysis, record(record(record(command.def).PartitionCmd).name)));
      return;
    case 'AT_AlterConstraint':
    case 'AT_ValidateConstraint':
      // Which columns the constraint asks, is not known here.
      analysis.flow?.probe('constraint', allOf(analysis, relation));
      return;
  }
}

function kept(what: string): FlowDestination {
  return { kind: 'outside', what };
}

function allOf(analysis: Analysis, relation: AstRecord): Value {
  return rowValue(targetElement(analysis, relation).columns);
}

function columnValueOf(scope: Scope, name: string): Value {
  const columns = scope.elements[0]?.columns;
  return columns === undefined ? opaque : (findColumn(columns, name) ?? opaque);
}

function recordNewType(analysis: Analysis, scope: Scope, relation: AstRecord, name: string, column: AstRecord): void {
  if (column.raw_default === undefined) {
    recordCast(analysis, columnValueOf(scope, name), record(column.typeName), null);
    return;
  }
  const value = evaluate(analysis, scope, column.raw_default);
  writeTo(analysis, relation, name, value, null);
}

/**
 * Defaults, constraints and partitions of CREATE TABLE. There are no rows yet that these could ask, but a function in them
 * brings what it reads into every later INSERT. Both `tableElts` and, once the columns are known, `constraints` may be there.
 */
function recordNewTable(analysis: Analysis, outer: Scope, body: AstRecord): void {
  const relation = record(body.relation);
  const scope = newValuesScope(outer, text(relation.relname));
  for (const element of list(body.tableElts)) {
    const column = unwrap(element, 'ColumnDef');
    const own = unwrap(element, 'Constraint');
    if (own !== null) recordNewConstraint(analysis, scope, relation, '', own);
    for (const item of list(column?.constraints))
      recordNewConstraint(analysis, scope, relation, text(column?.colname), record(record(item).Constraint));
  }
  const flow = analysis.flow;
  for (const item of list(record(body.partspec).partParams)) {
    const element = unwrap(item, 'PartitionElem');
    if (element?.expr !== undefined) flow?.probe('constraint', evaluate(analysis, scope, element.expr));
  }
  // Bounds are worked out now, and shown by the catalog from then on.
  const bound = record(body.partbound);
  if (body.partbound !== undefined)
    for (const parent of list(body.inhRelations)) recordNewPartition(analysis, record(unwrap(parent, 'RangeVar')));
  for (const node of [bound.listdatums, bound.lowerdatums, bound.upperdatums].flatMap(list)) {
    // MINVALUE and MAXVALUE stand there as names.
    if (tagOf(node) !== 'ColumnRef')
      flow?.write(kept(`a bound of table ${text(relation.relname)}`), evaluate(analysis, scope, node), null);
  }
}

function recordNewConstraint(
  analysis: Analysis,
  scope: Scope,
  relation: AstRecord,
  column: string,
  constraint: AstRecord,
): void {
  if (constraint.contype === 'CONSTR_DEFAULT') recordDefault(analysis, scope, relation, column, constraint.raw_expr);
  if (constraint.contype === 'CONSTR_CHECK') recordCondition(analysis, scope, constraint.raw_expr, 'constraint');
  if (constraint.contype === 'CONSTR_GENERATED') recordGenerated(analysis, scope, column, constraint.raw_expr);
  if (constraint.contype === 'CONSTR_FOREIGN')
    recordNewForeignKey(analysis, record(constraint.pktable), names(constraint.pk_attrs));
}

/** The check and default of a domain are run wherever a value takes that type. */
function recordNewDomain(analysis: Analysis, outer: Scope, body: AstRecord): void {
  for (const item of list(body.constraints))
    recordDomainRule(analysis, newValuesScope(outer, ''), record(record(item).Constraint));
}

function recordDomainRule(analysis: Analysis, scope: Scope, constraint: AstRecord): void {
  const { contype, raw_expr: node } = constraint;
  if (contype === 'CONSTR_CHECK') recordCondition(analysis, scope, node, 'constraint');
  if (contype === 'CONSTR_DEFAULT') recordDomainDefault(analysis, scope, node);
}

function recordDomainDefault(analysis: Analysis, scope: Scope, node: unknown): void {
  analysis.flow?.write(kept('the default of a domain'), evaluate(analysis, scope, node), null);
}

/** A scope in which every name is a value that is still to come. */
function newValuesScope(outer: Scope, name: string): Scope {
  const columns = { list: [], openAt: 0, rest: constant };
  return childScope(outer, [{ columns, tables: [{ name, schema: null, columns }] }]);
}

/**
 * For code that is kept now and run later: by then the bodies of functions, or what their names mean on another search
 * path, may be others. So no body of a user's function counts as read.
 */
function lateBound<T>(analysis: Analysis, run: (later: Analysis) => T): T {
  const { catalog } = analysis;
  const unread = new Map<PgFunction, PgFunction>();
  const withoutBody = (f: PgFunction): PgFunction => {
    let copy = unread.get(f);
    if (copy === undefined) unread.set(f, (copy = { ...f, source: null }));
    return copy;
  };
  const functions: Catalog['functions'] = (schema, name, path) =>
    catalog.functions(schema, name, path).map(withoutBody);
  const functionByOid: Catalog['functionByOid'] = (oid) => {
    const f = catalog.functionByOid(oid);
    return f === undefined ? undefined : withoutBody(f);
  };
  const later: Analysis = { ...analysis, catalog: { ...catalog, functions, functionByOid } };
  const result = run(later);
  analysis.nodesLeft = later.nodesLeft;
  return result;
}

/** A default names no columns, but a function in it may bring any value into every new row. */
function recordDefault(analysis: Analysis, scope: Scope, relation: AstRecord, name: string, node: unknown): void {
  const value = lateBound(analysis, (later) => evaluate(later, scope, node));
  if (value.kind !== 'constant') writeTo(analysis, relation, name, value, null);
}

function recordColumn(analysis: Analysis, scope: Scope, relation: AstRecord, column: AstRecord): void {
  for (const item of list(column.constraints)) {
    const constraint = record(record(item).Constraint);
    // Uniqueness of a new column asks its own default only.
    if (constraint.contype === 'CONSTR_FOREIGN')
      recordNewForeignKey(analysis, record(constraint.pktable), names(constraint.pk_attrs));
    if (constraint.contype === 'CONSTR_CHECK')
      lateBound(analysis, (later) => recordCondition(later, withNewColumn(scope), constraint.raw_expr, 'constraint'));
    if (constraint.contype === 'CONSTR_DEFAULT')
      recordDefault(analysis, scope, relation, text(column.colname), constraint.raw_expr);
    if (constraint.contype === 'CONSTR_GENERATED')
      recordGenerated(analysis, withNewColumn(scope), text(column.colname), constraint.raw_expr);
  }
}

/**
 * A generated column keeps what it is computed from: its statistics tell how many values are NULL, and they outlive the
 * functions that gave them.
 */
function recordGenerated(analysis: Analysis, scope: Scope, name: string, node: unknown): void {
  const value = lateBound(analysis, (later) => evaluate(later, scope, node));
  // Of a bare column it tells no more than that does.
  if (!isPlain(analysis, value)) analysis.flow?.write(kept(`the generated column ${name}`), value, null);
}

/** The scope of a table, where names that it does not have yet are values to come. */
function withNewColumn(scope: Scope): Scope {
  const elements = scope.elements.map((element) => {
    const { list: known, openAt } = element.columns;
    return openAt === -1 ? { ...element, columns: { list: known, openAt: known.length, rest: constant } } : element;
  });
  return { ...scope, elements };
}

function recordConstraint(
  analysis: Analysis,
  outer: Scope,
  scope: Scope,
  relation: AstRecord,
  name: string,
  constraint: AstRecord,
): void {
  const flow = analysis.flow;
  switch (constraint.contype) {
    case 'CONSTR_CHECK':
      lateBound(analysis, (later) => recordCondition(later, scope, constraint.raw_expr, 'constraint'));
      return;
    case 'CONSTR_NOTNULL':
      return;
    case 'CONSTR_DEFAULT':
      return recordDefault(analysis, scope, relation, name, constraint.raw_expr);
    case 'CONSTR_PRIMARY':
    case 'CONSTR_UNIQUE':
      // USING INDEX names an index that has asked already.
      for (const key of names(constraint.keys)) flow?.probe('constraint', columnValueOf(scope, key));
      return;
    case 'CONSTR_FOREIGN': {
      for (const key of names(constraint.fk_attrs)) flow?.probe('constraint', columnValueOf(scope, key));
      const other = tableScope(analysis, outer, record(constraint.pktable));
      for (const key of names(constraint.pk_attrs)) flow?.probe('constraint', columnValueOf(other, key));
      // Without a list it is the other table's primary key.
      if (names(constraint.pk_attrs).length === 0)
        flow?.probe('constraint', allOf(analysis, record(constraint.pktable)));
      return;
    }
    default:
      flow?.probe('constraint', allOf(analysis, relation));
  }
}

/** Subtypes of ALTER DOMAIN that ask no values: default, dropping constraints, and NOT NULL. */
const harmlessDomainChanges: ReadonlySet<unknown> = new Set(['T', 'X', 'O', 'N']);

/** A check of a domain is made over every column of that type. */
function recordDomain(analysis: Analysis, outer: Scope, body: AstRecord): void {
  const scope = newValuesScope(outer, '');
  const added = unwrap(body.def, 'Constraint');
  if (added !== null) lateBound(analysis, (later) => recordDomainRule(later, scope, added));
  else if (body.subtype === 'T' && body.def !== undefined)
    lateBound(analysis, (later) => recordDomainDefault(later, scope, body.def));
  if (harmlessDomainChanges.has(body.subtype)) return;
  const type = typeByName(analysis, { names: body.typeName });
  const all = new Dependencies();
  if (type === undefined) all.add(opaque);
  else
    for (const relation of analysis.catalog.relations.values()) {
      spend(analysis, 1);
      for (const column of relation.columns)
        if (column.typeOid === type.oid) all.add(columnValue(column.key, column.typeOid));
    }
  analysis.flow?.probe('constraint', all.value());
}

function recordIndex(analysis: Analysis, outer: Scope, body: AstRecord): void {
  const scope = tableScope(analysis, outer, record(body.relation));
  for (const item of list(body.indexParams)) {
    const element = record(record(item).IndexElem);
    const value =
      text(element.name) === '' ? evaluate(analysis, scope, element.expr) : columnValueOf(scope, text(element.name));
    // Of an expression there are statistics of its own, and it is run for each row.
    if (body.unique === true || !isPlain(analysis, value)) analysis.flow?.probe('constraint', value);
  }
  // A partial index's size tells how many rows meet its condition.
  recordCondition(analysis, scope, body.whereClause, 'constraint');
}

/** RENAME and SET SCHEMA of what mask rules can name: columns, tables and schemas. */
function recordNewName(analysis: Analysis, body: AstRecord): void {
  const flow = analysis.flow;
  const relation = record(body.relation);
  const kind = text(body.renameType) || text(body.objectType);
  const name = text(body.newname) || text(body.newschema);
  switch (kind) {
    case 'OBJECT_COLUMN': {
      const value = findColumn(targetElement(analysis, relation).columns, text(body.subname)) ?? opaque;
      flow?.write(kept(`column ${name}, a new name`), value, null);
      return;
    }
    case 'OBJECT_TABLE':
    case 'OBJECT_FOREIGN_TABLE':
    case 'OBJECT_VIEW':
    case 'OBJECT_MATVIEW': {
      const all = new Dependencies();
      all.add(allOf(analysis, relation));
      flow?.write(kept(`${text(body.newname) === '' ? 'schema' : 'table'} ${name}, a new name`), all.value(), null);
      return;
    }
    case 'OBJECT_SCHEMA':
    case 'OBJECT_DATABASE':
    case 'OBJECT_EXTENSION':
      if (kind !== 'OBJECT_DATABASE') flow?.unreadable(`${name} is a new name for everything in it`);
      return;
  }
}
