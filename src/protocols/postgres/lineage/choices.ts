/** Expressions that give one of several values: GREATEST and LEAST, COALESCE, CASE. */
import { type AstRecord, list, record } from '../parse/ast.ts';
import { evaluate } from './expressions.ts';
import { hazardsOf, recordBranches, recordChoice, recordGaps } from './flow/hazards.ts';
import { recordCompared, recordUnified } from './flow/unify.ts';
import { untyped } from './literals.ts';
import { isPlain } from './plain.ts';
import type { Analysis, Scope } from './scope.ts';
import { type Value, Dependencies, computedFrom, constant, either, typedAs } from './value.ts';

/** GREATEST and LEAST: NULL only where all are. */
export function minMax(analysis: Analysis, scope: Scope, args: readonly unknown[]): Value {
  const values = args.map((arg) => evaluate(analysis, scope, arg));
  recordUnified(analysis, values);
  recordCompared(analysis, values);
  for (const value of values) recordGaps(analysis, value);
  let result = values.length === 0 ? constant : values[0];
  for (const value of values) result = either(result, value);
  return typedAs(computedFrom(result), result.resultType, result.record);
}

/** One of the arguments, unchanged. Which one tells more than being NULL only where an argument is computed. */
export function coalesce(analysis: Analysis, scope: Scope, args: readonly unknown[]): Value {
  const conditions = new Dependencies();
  const choices = new Dependencies();
  const values: Value[] = [];
  let result: Value = untyped;
  for (const arg of args) {
    const before = hazardsOf(analysis);
    const value = evaluate(analysis, scope, arg);
    // It is worked out only where all in front of it are NULL.
    recordBranches(analysis, before, conditions.value());
    if (!isPlain(analysis, value)) conditions.add(value);
    if (!value.steady) choices.add(value);
    result = either(result, value);
    values.push(value);
  }
  recordUnified(analysis, values);
  recordChoice(analysis, choices.value());
  return result;
}

/** Results pass through unchanged; what conditions tell of a column is taken as computed from it. */
export function caseExpression(analysis: Analysis, scope: Scope, body: AstRecord): Value {
  const conditions = new Dependencies();
  conditions.add(evaluate(analysis, scope, body.arg));
  let result = body.defresult === undefined ? untyped : evaluate(analysis, scope, body.defresult);
  const values = [result];
  for (const item of list(body.args)) {
    const when = record(record(item).CaseWhen);
    conditions.add(evaluate(analysis, scope, when.expr));
    const value = evaluate(analysis, scope, when.result);
    values.push(value);
    result = either(result, value);
  }
  recordUnified(analysis, values);
  const told = conditions.value();
  recordChoice(analysis, told);
  if (told.kind === 'constant') return result;
  return typedAs(either(computedFrom(result), told), result.resultType, result.record);
}
