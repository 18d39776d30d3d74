/** INSERT, UPDATE, DELETE and MERGE: what they write, what they read for it, and whether a condition limits them. */
import { type AstRecord, isRecord, list, record, stringNode, tagOf, text, unwrap } from '../parse/ast.ts';
import { type Fold, foldCondition, restrictsNothing } from '../constants/condition.ts';
import type { FactsCollector, Scope } from './collect.ts';
import { addRelation, noteWhere, openQuery, tableSource, walk, walkFrom } from './walk.ts';
import { type SelfJoin, selfJoinOf } from './selfJoin.ts';

/** The ModifyWalker of facts/collect.ts. */
export function walkModify(facts: FactsCollector, tag: string, body: AstRecord, outer: Scope | null): boolean {
  switch (tag) {
    case 'InsertStmt':
      walkInsert(facts, body, outer);
      return true;
    case 'UpdateStmt':
      walkUpdate(facts, body, outer);
      return true;
    case 'DeleteStmt':
      walkDelete(facts, body, outer);
      return true;
    case 'MergeStmt':
      walkMerge(facts, body, outer);
      return true;
    default:
      return false;
  }
}

function walkInsert(facts: FactsCollector, body: AstRecord, outer: Scope | null): void {
  facts.kinds.add('insert');
  const relation = record(body.relation);
  const inner = openQuery(facts, body, outer);
  // The rows to insert do not see the target's columns. A list of VALUES is no SELECT of its own.
  const source = unwrap(body.selectStmt, 'SelectStmt');
  const isRows = source !== null && list(source.valuesLists).length > 0 && !isRecord(source.withClause);
  if (isRows) walk(facts, source, inner);
  else walk(facts, body.selectStmt, inner);
  const scope = openTarget(facts, relation, inner);
  const columns = list(body.cols);
  if (columns.length === 0) writeColumn(facts, relation, '*');
  for (const column of columns) walkTargetColumn(facts, relation, column, scope);
  if (isRecord(body.onConflictClause)) walkOnConflict(facts, relation, body.onConflictClause, scope);
  walkReturning(facts, relation, body.returningClause, scope);
}

function walkOnConflict(facts: FactsCollector, relation: AstRecord, clause: AstRecord, scope: Scope): void {
  hide(scope, 'excluded', relation);
  walk(facts, clause.infer, scope);
  if (clause.action !== 'ONCONFLICT_UPDATE') return;
  // An upsert touches the conflicting row alone, so it adds its kind but is never an UPDATE without WHERE.
  facts.kinds.add('update');
  walkAssignments(facts, relation, clause.targetList, scope);
  walk(facts, clause.whereClause, scope);
}

function walkUpdate(facts: FactsCollector, body: AstRecord, outer: Scope | null): void {
  facts.kinds.add('update');
  const relation = record(body.relation);
  const scope = openTarget(facts, relation, openQuery(facts, body, outer));
  for (const item of list(body.fromClause)) walkFrom(facts, item, scope);
  walkAssignments(facts, relation, body.targetList, scope);
  walkCondition(facts, body, list(body.fromClause), scope);
  walkReturning(facts, relation, body.returningClause, scope);
}

function walkDelete(facts: FactsCollector, body: AstRecord, outer: Scope | null): void {
  facts.kinds.add('delete');
  const relation = record(body.relation);
  const scope = openTarget(facts, relation, openQuery(facts, body, outer));
  for (const item of list(body.usingClause)) walkFrom(facts, item, scope);
  walkCondition(facts, body, list(body.usingClause), scope);
  walkReturning(facts, relation, body.returningClause, scope);
}

function walkMerge(facts: FactsCollector, body: AstRecord, outer: Scope | null): void {
  facts.kinds.add('merge');
  const relation = record(body.relation);
  const scope = openTarget(facts, relation, openQuery(facts, body, outer));
  addRelation(facts, relation, 'read');
  walkFrom(facts, body.sourceRelation, scope);
  walk(facts, body.joinCondition, scope);
  const self = selfJoinOf(relation, [body.sourceRelation], body.withClause);
  const fold = foldNoted(facts, body.joinCondition, self);
  for (const item of list(body.mergeWhenClauses)) {
    const clause = record(unwrap(item, 'MergeWhenClause'));
    const changes = walkMergeAction(facts, relation, clause, scope);
    // ON true pairs every row with every other, and no source need have a row for any of the target; only a condition of the
    // action could limit that.
    const everyRow = clause.matchKind === 'MERGE_WHEN_NOT_MATCHED_BY_SOURCE' || restrictsNothing(fold);
    if (!changes || !everyRow) continue;
    if (!isRecord(clause.condition) || restrictsNothing(foldNoted(facts, clause.condition, self)))
      facts.addWhere(false);
  }
  walkReturning(facts, relation, body.returningClause, scope);
}

function foldNoted(facts: FactsCollector, condition: unknown, self: SelfJoin): Fold {
  const { fold, usedLiteral } = foldCondition(condition, self);
  if (usedLiteral) facts.literalFree = false;
  return fold;
}

/** Returns whether the action changes or removes rows that exist. */
function walkMergeAction(facts: FactsCollector, relation: AstRecord, clause: AstRecord, scope: Scope): boolean {
  walk(facts, clause.condition, scope);
  walk(facts, clause.values, scope);
  switch (clause.commandType) {
    case 'CMD_INSERT':
      facts.kinds.add('insert');
      walkAssignments(facts, relation, clause.targetList, scope);
      if (list(clause.targetList).length === 0) writeColumn(facts, relation, '*');
      return false;
    case 'CMD_UPDATE':
      facts.kinds.add('update');
      walkAssignments(facts, relation, clause.targetList, scope);
      return true;
    case 'CMD_DELETE':
      facts.kinds.add('delete');
      return true;
    default:
      return false;
  }
}

/** WITH items never stand for a target: parse_clause.c opens it as a relation. */
function openTarget(facts: FactsCollector, relation: AstRecord, scope: Scope): Scope {
  addRelation(facts, relation, 'write');
  scope.sources.push(tableSource(relation, relation.alias));
  return scope;
}

function hide(scope: Scope, name: string, relation: AstRecord): void {
  scope.sources.push({ ...tableSource(relation, null), name, hidden: true });
}

function walkAssignments(facts: FactsCollector, relation: AstRecord, targets: unknown, scope: Scope): void {
  for (const item of list(targets)) walkTargetColumn(facts, relation, item, scope);
}

/** A column that is written, with subscripts and the new value. */
function walkTargetColumn(facts: FactsCollector, relation: AstRecord, item: unknown, scope: Scope): void {
  const target = record(unwrap(item, 'ResTarget'));
  writeColumn(facts, relation, text(target.name));
  walk(facts, target.indirection, scope);
  walk(facts, target.val, scope);
  if (readsColumns(target.val)) addRelation(facts, relation, 'read');
}

function writeColumn(facts: FactsCollector, relation: AstRecord, column: string): void {
  facts.addColumn(text(relation.schemaname) || null, text(relation.relname), column, 'write');
}

function walkCondition(facts: FactsCollector, body: AstRecord, sources: readonly unknown[], scope: Scope): void {
  const { whereClause: condition } = body;
  const relation = record(body.relation);
  noteWhere(facts, condition, selfJoinOf(relation, sources, body.withClause));
  if (!isRecord(condition)) return;
  if (tagOf(condition) !== 'CurrentOfExpr') addRelation(facts, relation, 'read');
  walk(facts, condition, scope);
}

function walkReturning(facts: FactsCollector, relation: AstRecord, clause: unknown, scope: Scope): void {
  if (!isRecord(clause) || list(clause.exprs).length === 0) return;
  addRelation(facts, relation, 'read');
  // PostgreSQL 18: RETURNING WITH (OLD AS o, NEW AS n); both names stand for rows of the target.
  hide(scope, 'old', relation);
  hide(scope, 'new', relation);
  for (const item of list(clause.options)) {
    const option = unwrap(item, 'ReturningOption');
    if (option !== null) hide(scope, text(option.value), relation);
  }
  walk(facts, clause.exprs, scope);
}

/** Whether an expression reads a column; a bounded look, without descending into subqueries' own sources. */
function readsColumns(value: unknown): boolean {
  const open: unknown[] = [value];
  while (open.length > 0) {
    const at = open.pop();
    if (Array.isArray(at)) {
      for (const item of at) open.push(item);
    } else if (isRecord(at)) {
      if (isRecord(at.ColumnRef)) return stringNode(list(at.ColumnRef.fields)[0]) !== 'excluded';
      for (const key in at) if (typeof at[key] === 'object') open.push(at[key]);
    }
  }
  return false;
}
