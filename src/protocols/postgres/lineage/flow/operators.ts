/**
 * Operators that fail or take time because of a value; see lineage/flow/hazards.ts.
 *
 * As with functions there is a list of what takes every value, and whatever is not on it fails: operators of extensions as well,
 * and those that PostgreSQL may have one day.
 */
import { type AstRecord, list, names, record, tagOf, text, unwrap } from '../../parse/ast.ts';
import { isDependent } from './calls.ts';
import { laboursOver } from './failing.ts';
import { isBounded, isClock, isCrafted, literalOf, literalText, recordGaps } from './hazards.ts';
import { evaluate } from '../expressions.ts';
import { isScalar } from '../plain.ts';
import type { Analysis, Scope } from '../scope.ts';
import { typeByName } from '../types.ts';
import type { Value } from '../value.ts';

/** One application of an operator. */
export interface Operation {
  readonly operator: string;
  /** The A_Expr struct. */
  readonly body: AstRecord;
  /** The right one alone of a prefix operator. */
  readonly operands: readonly Value[];
  readonly both: Value;
}

/** Operators that compare values of whatever type: no value fails, and none takes long. */
const comparing: ReadonlySet<string> = new Set(
  '= <> != < > <= >= ~<~ ~<=~ ~>~ ~>=~ ~= *= *<> *< *> *<= *>= ^@'.split(' '),
);

/** Further operators that take every value of the types that they are made for. */
const taking: ReadonlySet<string> = new Set('-> ->> #> #>> @> <@ ? ?| ?& && @@ @@@ @? &< &> >> -|- <<= >>='.split(' '));

/** Operators whose right operand is a pattern of LIKE. */
const likening: ReadonlySet<string> = new Set(['~~', '~~*', '!~~', '!~~*']);

/** Those of regular expressions. */
const regular: ReadonlySet<string> = new Set(['~', '~*', '!~', '!~*']);

/** Operators that fail when the result is too large for the type. */
const growing: ReadonlySet<string> = new Set(['+', '-', '*', '<<']);

/** Further operators of PostgreSQL, which fail on some value, whatever others of these names users have made. */
const failing: ReadonlySet<string> = new Set(
  '# ## #- & | ^ |/ ||/ @ @-@ ?- ?|| ?-| ?# <-> <^ >^ <<| |>> &<| |&> !! ~'.split(' '),
);

/** Operators on the bits of a number. On bit strings and addresses they fail where the lengths are not the same. */
const bitwise: ReadonlySet<string> = new Set(['&', '|', '#', '~']);

const int2 = 21;
const int4 = 23;
const int8 = 20;
const oidOid = 26;
const jsonbOid = 3802;
const integers: ReadonlySet<number> = new Set([int2, int4, int8]);
/** Types that a small factor does not leave: int8, numeric, float8. */
const roomy: ReadonlySet<number> = new Set([int8, 1700, 701]);

/** Records an operator that can fail or wait. */
export function recordOperatorHazard(analysis: Analysis, scope: Scope, operation: Operation): void {
  const { flow } = analysis;
  if (flow === null) return;
  const { operator, body, operands, both } = operation;
  const right = operands[operands.length - 1];
  const fails = (value: Value): void => {
    flow.hazards++;
    flow.probe('expression', value);
  };
  if (comparing.has(operator) || typeof body.kind !== 'string' || operator.includes('BETWEEN')) {
    if (isNumberOfObject(operands)) fails(both);
    return;
  }
  // NULL can be divided by zero.
  if (divides(operator) && tagOf(body.rexpr) !== 'A_Const') recordGaps(analysis, operands[0]);
  if (likening.has(operator)) {
    if (!isWholePattern(body.rexpr)) fails(both);
  } else if (regular.has(operator) && body.lexpr !== undefined) {
    // What is no regular expression fails, but not on NULL.
    for (const value of operands) recordGaps(analysis, value);
    if (isCrafted(analysis, right)) fails(right);
    if (laboursOver(literalText(body.rexpr))) fails(both);
  } else if (!isSafe(analysis, scope, operation)) {
    fails(failsByRight(operator, right) ? right : both);
  }
}

/** Numbers beyond those of objects fail where they are compared with one. */
function isNumberOfObject(operands: readonly Value[]): boolean {
  return (
    operands.some(({ typeOid }) => typeOid === oidOid) &&
    operands.some((one) => isDependent(one) && one.typeOid !== oidOid)
  );
}

function isSafe(analysis: Analysis, scope: Scope, { operator, body, operands, both }: Operation): boolean {
  if (taking.has(operator)) return true;
  if (divides(operator)) return isSafeDivisor(analysis, scope, operator, body.rexpr);
  if (growing.has(operator)) return isSmallStep(analysis, scope, operator, body);
  // What hangs on no column fails, or takes its time, whatever stands in any.
  if (!isDependent(both)) return true;
  if (operator === '||')
    return isJoinOfTexts(analysis, scope, body) || !operands.some((one) => isCrafted(analysis, one));
  if (operator === '^') return isSmallPower(analysis, scope, body);
  if (bitwise.has(operator)) return operands.every((one) => one.kind === 'constant' || integers.has(one.typeOid));
  if (operator === '@') return operands.every((one) => !isCrafted(analysis, one));
  // What users have made is followed into its functions.
  return !failing.has(operator) && analysis.catalog.operatorFunctions(operator).length > 0;
}

/** An even number of backslashes at its end, or of each in an array: LIKE fails where it comes to a single one. */
function isWholePattern(node: unknown): boolean {
  const array = unwrap(node, 'A_ArrayExpr');
  if (array !== null) return list(array.elements).every(isWholePattern);
  const cast = unwrap(node, 'TypeCast');
  if (cast !== null) return isWholePattern(cast.arg);
  const pattern = literalText(node);
  // A list of patterns in one literal is not taken apart.
  if (typeof pattern !== 'string') return pattern !== null;
  return /(?:^|[^\\])(?:\\\\)*$/.test(pattern) && !(pattern.startsWith('{') && pattern.includes('\\'));
}

function divides(operator: string): boolean {
  return operator === '/' || operator === '%';
}

/** Whether zero alone, on the right, makes it fail: a quotient by less than one may be too large as well. */
function failsByRight(operator: string, right: Value): boolean {
  if (!divides(operator) || !isDependent(right)) return false;
  return operator === '%' || (right.kind === 'column' && integers.has(right.typeOid));
}

/** A number that no quotient is too large for, or `NULLIF(x, 0)`. */
function isSafeDivisor(analysis: Analysis, scope: Scope, operator: string, node: unknown): boolean {
  const literal = unwrap(node, 'A_Const');
  if (literal !== null) {
    const size = magnitudeOf(literal);
    return size !== null && (operator === '%' ? size !== 0 : size >= 1);
  }
  // A number of rows is a whole one, and hangs on what is asked elsewhere.
  if (isCount(analysis, scope, node)) return true;
  const call = unwrap(node, 'A_Expr');
  if (call === null || call.kind !== 'AEXPR_NULLIF' || names(call.name).at(-1) !== '=') return false;
  const zero = unwrap(call.rexpr, 'A_Const');
  return zero !== null && magnitudeOf(zero) === 0;
}

function isCount(analysis: Analysis, scope: Scope, node: unknown): boolean {
  const call = unwrap(node, 'FuncCall');
  return call !== null && names(call.funcname).at(-1) === 'count' && isUngrown(analysis, scope, node);
}

/** Absolute value of a numeric literal, null for all others. */
function magnitudeOf(literal: AstRecord): number | null {
  if (literal.ival !== undefined) return Math.abs(Number(record(literal.ival).ival ?? 0));
  const said = text(record(literal.fval).fval) || text(record(literal.sval).sval);
  const value = said.trim() === '' ? NaN : Number(said);
  return Number.isFinite(value) ? Math.abs(value) : null;
}

const factorMax = 1000;
const summandMax = 1_000_000;
const exponentMax = 4;

/** `x ^ 2`, whose result has room in any type of a number. */
function isSmallPower(analysis: Analysis, scope: Scope, body: AstRecord): boolean {
  const exponent = unwrap(body.rexpr, 'A_Const');
  if (exponent?.ival === undefined || body.lexpr === undefined) return false;
  const value = Number(record(exponent.ival).ival ?? 0);
  const isSmall = value >= 0 && value <= exponentMax;
  return isSmall && (isUngrown(analysis, scope, body.lexpr) || isBounded(body.lexpr));
}

/**
 * `salary * 12`: a plain column, or one aggregate of it, with a small literal cannot be driven over the limit at a
 * point that the client chooses. Time from the clock is no such point either.
 */
function isSmallStep(analysis: Analysis, scope: Scope, operator: string, body: AstRecord): boolean {
  // A sign before a value.
  if (body.lexpr === undefined) return true;
  const left = literalOf(body.lexpr);
  const right = literalOf(body.rexpr);
  if (left !== null && (right !== null || isClock(body.rexpr))) return true;
  if (right !== null && isClock(body.lexpr)) return true;
  const other = left === null ? body.lexpr : body.rexpr;
  const clock = isClock(body.lexpr) ? body.rexpr : isClock(body.rexpr) ? body.lexpr : null;
  if (operator === '-' && clock !== null) return isUngrown(analysis, scope, clock);
  const literal = left ?? right;
  const isSum = operator === '+' || operator === '-';
  if (literal === null || !(isUngrown(analysis, scope, other) || (isSum && isBounded(other)))) return false;
  const { typeOid } = evaluate(analysis, scope, other);
  if (operator === '-' && typeOid === jsonbOid) return literal.sval !== undefined;
  const size = magnitudeOf(literal);
  if (size === null || operator === '<<') return false;
  if (operator === '*') return size <= factorMax && isRoomy(analysis, scope, other, literal);
  // A literal of two bytes keeps the sum in two.
  const isNarrow = typeOid === int2 && tagOf(left === null ? body.rexpr : body.lexpr) === 'TypeCast';
  return size <= summandMax && !isNarrow;
}

/** Whether a product of `node` and the literal is of a type with room for it. */
function isRoomy(analysis: Analysis, scope: Scope, node: unknown, literal: AstRecord): boolean {
  const call = unwrap(node, 'FuncCall');
  const typeOf = (one: unknown): number => evaluate(analysis, scope, one).typeOid;
  if (call === null) return roomy.has(typeOf(node)) || (literal.fval !== undefined && integers.has(typeOf(node)));
  const name = names(call.funcname).at(-1) ?? '';
  return ['sum', 'avg', 'count'].includes(name) || list(call.args).every((arg) => roomy.has(typeOf(arg)));
}

/** Functions that give a text. */
const textual: ReadonlySet<string> = new Set(
  (
    'upper lower initcap left right reverse btrim ltrim rtrim trim substr substring replace regexp_replace translate overlay ' +
    'concat concat_ws md5 encode to_char quote_literal quote_ident quote_nullable format split_part regexp_substr'
  ).split(' '),
);

/** Texts, numbers and the like put behind one another. With an array on either side it would be `||` of arrays, which have sizes. */
function isJoinOfTexts(analysis: Analysis, scope: Scope, body: AstRecord): boolean {
  return body.lexpr !== undefined && isTextual(analysis, scope, body.lexpr) && isTextual(analysis, scope, body.rexpr);
}

/** Surely a text or another scalar, and no array, row or JSON. */
function isTextual(analysis: Analysis, scope: Scope, node: unknown): boolean {
  const tag = tagOf(node);
  const body = record(record(node)[tag]);
  switch (tag) {
    case 'A_Const': {
      const literal = literalText(node);
      return typeof literal !== 'string' || !/^\s*[[{(]/.test(literal);
    }
    case 'ColumnRef': {
      const { kind, typeOid } = evaluate(analysis, scope, node);
      const type = analysis.catalog.type(typeOid);
      return kind === 'column' && type !== undefined && isScalar(analysis.catalog, typeOid) && !isContainer(type);
    }
    case 'FuncCall':
      return textual.has(names(body.funcname).at(-1) ?? '') && names(body.funcname).length <= 2;
    case 'TypeCast': {
      const type = typeByName(analysis, record(body.typeName));
      return type?.category === 'S' && type.kind === 'b' && list(record(body.typeName).arrayBounds).length === 0;
    }
    case 'A_Expr':
      return body.kind === 'AEXPR_OP' && names(body.name).at(-1) === '||' && isJoinOfTexts(analysis, scope, body);
    case 'CoalesceExpr':
      return list(body.args).every((arg) => isTextual(analysis, scope, arg));
    case 'CaseExpr':
      return [body.defresult, ...list(body.args).map((one) => record(record(one).CaseWhen).result)].every(
        (one) => one === undefined || isTextual(analysis, scope, one),
      );
    default:
      return false;
  }
}

/** Arrays, JSON, bit strings and what else `||` puts together in its own way. */
function isContainer({ oid, category, elementType }: { oid: number; category: string; elementType: number }): boolean {
  return category === 'A' || elementType !== 0 || oid === jsonbOid || category === 'V' || category === 'U';
}

/** `ARRAY[a, b]` fails where its elements are arrays of other sizes. */
export function recordArray(analysis: Analysis, scope: Scope, elements: readonly unknown[], value: Value): void {
  const { flow } = analysis;
  if (flow === null || !isDependent(value) || elements.length < 2) return;
  if (elements.every((node) => isTextual(analysis, scope, node) || tagOf(node) === 'ParamRef')) return;
  const values = elements.map((node) => evaluate(analysis, scope, node));
  if (
    values.every(
      (one) =>
        one.kind === 'constant' ||
        (one.kind === 'column' &&
          isScalar(analysis.catalog, one.typeOid) &&
          analysis.catalog.type(one.typeOid)?.category !== 'A'),
    )
  )
    return;
  flow.hazards++;
  flow.probe('expression', value);
}

/** Lengths, counts and the like; see {@link isSmallStep}. */
const aggregates: ReadonlySet<string> = new Set(['sum', 'avg', 'min', 'max', 'count']);

function isUngrown(analysis: Analysis, scope: Scope, node: unknown): boolean {
  const call = unwrap(node, 'FuncCall');
  if (call === null) return tagOf(node) === 'ColumnRef' && evaluate(analysis, scope, node).kind === 'column';
  if (!aggregates.has(names(call.funcname).at(-1) ?? '')) return false;
  return list(call.args).every((arg) => tagOf(arg) === 'ColumnRef' && evaluate(analysis, scope, arg).kind === 'column');
}
