/** Expressions that are worked out from left to right, and no further than it takes: lists, ranges, rows. */
import { type AstRecord, record, tagOf } from '../../parse/ast.ts';
import { recordBranches, recordChoice } from './hazards.ts';
import type { Analysis } from '../scope.ts';
import type { Value } from '../value.ts';

/** Whether the right side of this A_Expr struct is such. */
export function isStepwise({ kind, lexpr, rexpr }: AstRecord): boolean {
  const isList = typeof kind === 'string' && (kind === 'AEXPR_IN' || kind.includes('BETWEEN'));
  return isList || tagOf(lexpr) === 'RowExpr' || tagOf(rexpr) === 'RowExpr';
}

/** What decides how far it goes is told by what fails on the way, or takes time. */
export function recordSteps(analysis: Analysis, before: number, steps: unknown, told: Value): void {
  recordBranches(analysis, before, told);
  if (!areGiven(steps)) recordChoice(analysis, told);
}

/** Literals and parameters alone, which take no time and do not fail later than at once. */
function areGiven(node: unknown): boolean {
  if (Array.isArray(node)) return node.every(areGiven);
  const tag = tagOf(node);
  if (tag === 'List' || tag === 'RowExpr' || tag === 'TypeCast') {
    const body = record(record(node)[tag]);
    return areGiven(body.items ?? body.args ?? body.arg);
  }
  return tag === 'A_Const' || tag === 'ParamRef' || tag === 'ColumnRef' || tag === 'SQLValueFunction';
}
