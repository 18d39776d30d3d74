/** Records and arrays that a statement puts together, and their parts. */
import { type AstRecord, list, record, tagOf, text } from '../parse/ast.ts';
import { dependencies, evaluate, fieldOrCall } from './expressions.ts';
import { isDependent } from './flow/calls.ts';
import { type Analysis, type Scope, enter, leave } from './scope.ts';
import { type Value, Dependencies, commonType, opaque, typedAs, withGaps, withRecord } from './value.ts';

/** `ROW(a, b)` as a value. */
export function rowExpression(analysis: Analysis, scope: Scope, args: unknown): Value {
  return withRecord(dependencies(analysis, scope, args));
}

/** An operand of an operator. The right side of IN and BETWEEN is a list, and rows there are compared part by part. */
export function operand(analysis: Analysis, scope: Scope, node: unknown): Value {
  // Counted like the node itself, since the stack grows by both.
  const value = !enter(analysis) ? opaque : operandValue(analysis, scope, node);
  leave(analysis);
  return value;
}

function operandValue(analysis: Analysis, scope: Scope, node: unknown): Value {
  const tag = tagOf(node);
  if (tag !== '' && tag !== 'List' && tag !== 'RowExpr') return evaluate(analysis, scope, node);
  const parts = partsOfRows(node).map((part) => evaluate(analysis, scope, part));
  const all = new Dependencies();
  for (const part of parts) all.add(part);
  const value = all.value();
  return typedAs(value, commonType(parts), value.record);
}

function partsOfRows(node: unknown): readonly unknown[] {
  if (Array.isArray(node)) return node.flatMap(partsOfRows);
  if (tagOf(node) === 'List') return partsOfRows(record(record(node).List).items);
  if (tagOf(node) === 'RowExpr') return list(record(record(node).RowExpr).args);
  return node === undefined || node === null ? [] : [node];
}

/** `(x).field`, `x[subscript]`, and chains of them. */
export function indirection(analysis: Analysis, scope: Scope, body: AstRecord): Value {
  let value = evaluate(analysis, scope, body.arg);
  const steps = list(body.indirection);
  for (const [at, step] of steps.entries()) {
    const tag = tagOf(step);
    if (tag === 'String') {
      const before = at === 0 ? body.arg : { A_Indirection: { arg: body.arg, indirection: steps.slice(0, at) } };
      value = fieldOrCall(analysis, scope, value, before, text(record(record(step).String).sval));
    } else if (tag === 'A_Indices') value = element(analysis, scope, value, record(step).A_Indices);
    else if (tag !== 'A_Star') return opaque;
  }
  return value;
}

/** A subscript chooses what is given, as CASE does, and fails where it is no number of an element. */
function element(analysis: Analysis, scope: Scope, value: Value, indices: unknown): Value {
  const subscripts = dependencies(analysis, scope, indices);
  if (analysis.flow !== null && isDependent(subscripts)) {
    analysis.flow.hazards++;
    analysis.flow.probe('expression', subscripts);
  }
  const all = new Dependencies();
  all.add(value);
  all.add(subscripts);
  return withGaps(all.value());
}
