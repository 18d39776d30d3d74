/** Expressions that are worked out from left to right, and no further than it takes: lists, ranges, rows. */
import { type AstRecord, list, record, tagOf } from '../../parse/ast.ts';
import { literalOf, recordBranches, recordChoice } from './hazards.ts';
import { evaluate } from '../expressions.ts';
import { isPlain } from '../plain.ts';
import type { Analysis, Scope } from '../scope.ts';
import type { Value } from '../value.ts';

/** Whether the right side of this A_Expr struct is such. */
export function isStepwise({ kind, lexpr, rexpr }: AstRecord): boolean {
  const isList = typeof kind === 'string' && (kind === 'AEXPR_IN' || kind.includes('BETWEEN'));
  return isList || tagOf(lexpr) === 'RowExpr' || tagOf(rexpr) === 'RowExpr';
}

/** What decides how far it goes is told by what fails on the way, or takes time. */
export function recordSteps(analysis: Analysis, scope: Scope, before: number, steps: unknown, told: Value): void {
  recordBranches(analysis, before, told);
  if (analysis.flow !== null && !areGiven(analysis, scope, steps)) recordChoice(analysis, told);
}

/** Columns, literals and parameters alone, which take no time and do not fail later than at once. */
function areGiven(analysis: Analysis, scope: Scope, node: unknown): boolean {
  if (Array.isArray(node)) return node.every((one) => areGiven(analysis, scope, one));
  const tag = tagOf(node);
  const body = record(record(node)[tag]);
  if (tag === 'List') return areGiven(analysis, scope, list(body.items));
  if (tag === 'RowExpr') return list(body.args).every((one) => isGiven(analysis, scope, one));
  return isGiven(analysis, scope, node);
}

function isGiven(analysis: Analysis, scope: Scope, node: unknown): boolean {
  const tag = tagOf(node);
  // The server may put what a sub-select computes in the place of its name.
  if (tag === 'ColumnRef') {
    const value = evaluate(analysis, scope, node);
    // Of a column whose type is not known the comparison may fail.
    return !value.record && value.typeOid !== 0 && isPlain(analysis, value);
  }
  return tag === 'ParamRef' || tag === 'SQLValueFunction' || literalOf(node) !== null;
}
