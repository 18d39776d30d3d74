/** What stands inside or behind a call of an aggregate: FILTER, ORDER BY and WITHIN GROUP. */
import { type AstRecord, list, names, record } from '../parse/ast.ts';
import { evaluate } from './expressions.ts';
import { recordCondition } from './flow/conditions.ts';
import { recordChoice } from './flow/hazards.ts';
import { recordCompared, recordUnified } from './flow/unify.ts';
import type { Analysis, Scope } from './scope.ts';
import { type Value, Dependencies, typedAs } from './value.ts';

/**
 * FILTER and ORDER BY inside an aggregate decide which values come out and how; a window's own order does not.
 *
 * @param given the arguments.
 */
export function withModifiers(
  analysis: Analysis,
  scope: Scope,
  body: AstRecord,
  given: readonly Value[],
  result: Value,
): Value {
  if (body.agg_filter === undefined && body.agg_order === undefined) return result;
  const all = new Dependencies();
  all.add(result);
  all.add(recordCondition(analysis, scope, body.agg_filter, 'filter'));
  const within = body.agg_within_group === true;
  // count(x ORDER BY y) is still only a number.
  const counts = !within && result.kind === 'constant';
  if (analysis.flow !== null || !counts) {
    const sorted = list(body.agg_order).map((item) => evaluate(analysis, scope, record(record(item).SortBy).node));
    const order = new Dependencies();
    for (const value of sorted) order.add(value);
    if (!counts) all.add(order.value());
    // What stands behind WITHIN GROUP is itself aggregated.
    if (within) recordSorted(analysis, names(body.funcname).at(-1), given, sorted);
    else analysis.flow?.probe('order_by', order.value());
  }
  const value = typedAs(all.value(), result.resultType, result.record);
  // What decides which rows count is asked for by itself, and their order changes no size.
  return within || value.kind === 'opaque' ? value : { ...value, steady: result.steady, parts: result.parts };
}

/** Types whose values lie between others of theirs, without an error. */
const between: ReadonlySet<number> = new Set([20, 21, 23, 701]);

/** What stands behind WITHIN GROUP is compared with itself and with the arguments, and percentile_cont() calculates with it. */
function recordSorted(
  analysis: Analysis,
  name: string | undefined,
  given: readonly Value[],
  sorted: readonly Value[],
): void {
  recordCompared(analysis, sorted);
  for (const [at, value] of sorted.entries()) {
    recordUnified(analysis, at < given.length ? [value, given[at]] : [value]);
    const calculates = name === 'percentile_cont' && !between.has(value.resultType);
    if (calculates && value.sources.size > 0) recordChoice(analysis, value);
  }
}
