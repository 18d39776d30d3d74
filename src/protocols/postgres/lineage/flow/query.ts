/** Probes of a query's clauses: which rows, how many of them and in which order depends on what. */
import { type AstRecord, bareName, integerConstant, list, record, tagOf, unwrap } from '../../parse/ast.ts';
import { evaluate } from '../expressions.ts';
import { recordCondition } from './conditions.ts';
import type { FlowClause } from './recorder.ts';
import { besideKeys } from '../keys.ts';
import { type Analysis, type Scope, enter, leave } from '../scope.ts';
import { type Columns, type Value, Dependencies, constant, findColumn, opaque } from '../value.ts';

/**
 * Clauses of a SELECT that is no set operation.
 *
 * @param level the scope of its FROM.
 * @param columns its outputs, which ORDER BY and GROUP BY can name.
 */
export function recordSelect(analysis: Analysis, level: Scope, select: AstRecord, columns: Columns): void {
  const flow = analysis.flow;
  if (flow === null) return;
  if (flow.measuring) recordMeasured(analysis, columns);
  recordCondition(analysis, level, select.whereClause, 'where');
  const aside = besideKeys(analysis, level, select, columns);
  for (const item of list(select.groupClause)) if (!aside.items.has(item)) recordGroup(analysis, level, columns, item);
  recordCondition(analysis, level, select.havingClause, 'having');
  for (const item of list(select.windowClause)) recordWindow(analysis, level, record(record(item).WindowDef));
  const distinct = list(select.distinctClause);
  // A bare DISTINCT is a list of one empty item.
  if (distinct.length > 0 && tagOf(distinct[0]) === '') recordOutputs(analysis, columns, 'distinct', aside.outputs);
  else
    for (const item of distinct)
      if (!aside.items.has(item)) flow.probe('distinct', outputOrExpression(analysis, level, columns, item));
  recordOrderAndLimit(analysis, level, select, columns, aside.items);
}

/** EXPLAIN ANALYZE tells how much room what is computed has taken, at every level, and what it is sorted and kept in. */
function recordMeasured(analysis: Analysis, columns: Columns): void {
  for (const { value } of columns.list) if (value.kind !== 'column') analysis.flow?.probe('expression', value);
  if (columns.openAt !== -1 && columns.rest.kind !== 'column') analysis.flow?.probe('expression', columns.rest);
}

/** A set operation or VALUES: the former compare whole rows unless it is UNION ALL. */
export function recordSetOperation(analysis: Analysis, outer: Scope, select: AstRecord, columns: Columns): void {
  if (analysis.flow === null) return;
  const keepsAll = select.valuesLists !== undefined || (select.op === 'SETOP_UNION' && select.all === true);
  if (!keepsAll) recordOutputs(analysis, columns, 'set_operation');
  recordOrderAndLimit(analysis, outer, select, columns);
}

const none: ReadonlySet<never> = new Set();

function recordOrderAndLimit(
  analysis: Analysis,
  scope: Scope,
  select: AstRecord,
  columns: Columns,
  aside: ReadonlySet<unknown> = none,
): void {
  for (const item of list(select.sortClause)) {
    if (aside.has(item)) continue;
    const value = outputOrExpression(analysis, scope, columns, record(record(item).SortBy).node);
    analysis.flow?.probe('order_by', value);
  }
  analysis.flow?.probe('limit', evaluate(analysis, scope, select.limitCount));
  analysis.flow?.probe('limit', evaluate(analysis, scope, select.limitOffset));
}

function recordOutputs(
  analysis: Analysis,
  columns: Columns,
  clause: FlowClause,
  aside: ReadonlySet<number> = none,
): void {
  for (const [at, column] of columns.list.entries()) if (!aside.has(at)) analysis.flow?.probe(clause, column.value);
  if (columns.openAt !== -1) analysis.flow?.probe(clause, columns.rest);
}

/** PARTITION BY, ORDER BY and the frame of a window: they decide what every window function answers. */
export function recordWindow(analysis: Analysis, scope: Scope, window: AstRecord): void {
  const probe = (node: unknown): void => analysis.flow?.probe('window', evaluate(analysis, scope, node));
  list(window.partitionClause).forEach(probe);
  for (const item of list(window.orderClause)) probe(record(record(item).SortBy).node);
  probe(window.startOffset);
  probe(window.endOffset);
}

/** GROUP BY takes a name for an input column before it takes it for an output; ORDER BY the other way round. */
function recordGroup(analysis: Analysis, level: Scope, columns: Columns, node: unknown): void {
  if (!enter(analysis)) analysis.flow?.probe('group_by', opaque);
  else {
    const parts = unwrap(node, 'GroupingSet')?.content ?? unwrap(node, 'RowExpr')?.args;
    if (tagOf(node) === 'GroupingSet' || tagOf(node) === 'RowExpr')
      for (const part of list(parts)) recordGroup(analysis, level, columns, part);
    else analysis.flow?.probe('group_by', groupValue(analysis, level, columns, node));
  }
  leave(analysis);
}

function groupValue(analysis: Analysis, level: Scope, columns: Columns, node: unknown): Value {
  const name = bareName(node);
  // Among unknown columns the name may be an input or an output: both count.
  if (name !== null) {
    const all = new Dependencies();
    let found = false;
    for (const element of level.elements) {
      const value = findColumn(element.columns, name);
      if (value === undefined) continue;
      all.add(value);
      if (element.columns.list.some((column) => column.name === name)) found = true;
    }
    if (found) return all.value();
    all.add(outputOrExpression(analysis, level, columns, node));
    return all.value();
  }
  return outputOrExpression(analysis, level, columns, node);
}

/** `2` and `alias` stand for outputs, anything else for itself (manual, SELECT, ORDER BY clause). */
function outputOrExpression(analysis: Analysis, scope: Scope, columns: Columns, node: unknown): Value {
  const position = integerConstant(node);
  if (position !== null) return outputAt(columns, position);
  const name = bareName(node);
  if (name === null) return evaluate(analysis, scope, node);
  if (columns.list.some((column) => column.name === name)) return findColumn(columns, name) ?? opaque;
  if (columns.openAt === -1) return evaluate(analysis, scope, node);
  const all = new Dependencies();
  all.add(columns.rest);
  all.add(evaluate(analysis, scope, node));
  return all.value();
}

function outputAt(columns: Columns, position: number): Value {
  const at = position - 1;
  if (columns.openAt === -1 || at < columns.openAt) return columns.list[at]?.value ?? constant;
  const all = new Dependencies();
  all.add(columns.rest);
  for (const column of columns.list.slice(columns.openAt)) all.add(column.value);
  return all.value();
}
