/**
 * Changes of tables that ask existing rows or move what they hold.
 *
 * A check, a unique index or a foreign key that is made over existing rows fails or not by their values. A new name
 * takes a column from under the rules that name it, and so does leaving a partition or inheritance tree.
 */
import { type AstRecord, list, names, record, text, unwrap } from './ast.ts';
import { evaluate } from './lineageExpressions.ts';
import { recordCondition } from './lineageFlowConditions.ts';
import type { FlowDestination } from './lineageFlowRecorder.ts';
import { columnOf } from './lineageFlowWrites.ts';
import { targetElement } from './lineageFrom.ts';
import { type Analysis, type Scope, childScope, spend } from './lineageScope.ts';
import { recordCast } from './lineageFlowHazards.ts';
import { typeByName } from './lineageTypes.ts';
import { type Value, Dependencies, columnValue, findColumn, opaque, rowValue } from './lineageValue.ts';

/** Tags that {@link recordTableChange} reads. */
export const tableChangeTags: ReadonlySet<string> = new Set([
  'AlterTableStmt',
  'AlterDomainStmt',
  'AlterObjectSchemaStmt',
  'AlterPolicyStmt',
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
      return recordElements(analysis, outer, record(body.relation), list(body.tableElts));
    case 'CreateForeignTableStmt': {
      const base = record(body.base);
      return recordElements(analysis, outer, record(base.relation), list(base.tableElts));
    }
    case 'CreatePolicyStmt':
    case 'AlterPolicyStmt': {
      // A policy's condition is a WHERE of every later query.
      const scope = tableScope(analysis, outer, record(body.table));
      recordCondition(analysis, scope, body.qual, 'where');
      recordCondition(analysis, scope, body.with_check, 'where');
      return;
    }
    case 'AlterDomainStmt':
      return recordDomain(analysis, body);
    case 'IndexStmt':
      return recordIndex(analysis, outer, body);
    case 'CreateStatsStmt':
      // Statistics are read through columns that the catalog calls undecidable; only errors remain.
      for (const relation of list(body.relations)) {
        const scope = tableScope(analysis, outer, record(record(relation).RangeVar));
        for (const item of list(body.exprs)) evaluate(analysis, scope, record(record(item).StatsElem).expr);
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
      evaluate(analysis, scope, command.def);
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
  analysis.flow?.write(columnOf(analysis, relation, name), value, null);
}

/** Columns and constraints of CREATE TABLE: there are no rows yet that a constraint could ask. */
function recordElements(analysis: Analysis, outer: Scope, relation: AstRecord, elements: readonly unknown[]): void {
  for (const element of elements) {
    const column = unwrap(element, 'ColumnDef');
    for (const item of list(column?.constraints)) {
      const constraint = record(record(item).Constraint);
      if (constraint.contype === 'CONSTR_DEFAULT')
        recordDefault(analysis, outer, relation, text(column?.colname), constraint.raw_expr);
    }
  }
}

/** A default names no columns, but a function in it may bring any value into every new row. */
function recordDefault(analysis: Analysis, scope: Scope, relation: AstRecord, name: string, node: unknown): void {
  const value = evaluate(analysis, scope, node);
  if (value.kind !== 'constant') analysis.flow?.write(columnOf(analysis, relation, name), value, null);
}

function recordColumn(analysis: Analysis, scope: Scope, relation: AstRecord, column: AstRecord): void {
  for (const item of list(column.constraints)) {
    const constraint = record(record(item).Constraint);
    // Checks, uniqueness and keys of a new column ask its own default only.
    if (constraint.contype === 'CONSTR_DEFAULT')
      recordDefault(analysis, scope, relation, text(column.colname), constraint.raw_expr);
    if (constraint.contype === 'CONSTR_GENERATED') evaluate(analysis, scope, constraint.raw_expr);
  }
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
      recordCondition(analysis, scope, constraint.raw_expr, 'constraint');
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
function recordDomain(analysis: Analysis, body: AstRecord): void {
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
    if (body.unique === true) analysis.flow?.probe('constraint', value);
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
