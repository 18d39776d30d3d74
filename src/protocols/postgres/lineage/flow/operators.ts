/**
 * Operators that fail or take time because of a value; see lineage/flow/hazards.ts.
 *
 * As with functions there is a list of what takes every value, and whatever is not on it fails: operators of extensions as well,
 * and those that PostgreSQL may have one day.
 */
import { type AstRecord, isRecord, list, names, record, tagOf, text, unwrap } from '../../parse/ast.ts';
import { isDependent } from './calls.ts';
import { laboursOver } from './failing.ts';
import { builtinCalled, isBounded, isClock, isCrafted, literalOf, literalText, recordGaps } from './hazards.ts';
import { evaluate } from '../expressions.ts';
import { isScalar } from '../plain.ts';
import { recordCollations, recordCompared, recordUnified } from './unify.ts';
import type { Analysis, Scope } from '../scope.ts';
import { typeByName } from '../types.ts';
import { type Value, Dependencies, commonType, typedAs } from '../value.ts';

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

/** Operators whose operands are of types of their own. */
const mixing: ReadonlySet<string> = new Set('-> ->> #> #>> ? ?| ?& ~~ ~~* !~~ !~~* ~ ~* !~ !~* || @? @@ #-'.split(' '));

/** Further operators that take every value of the types that they are made for. */
const taking: ReadonlySet<string> = new Set('-> ->> #> #>> ? ?| ?& -|- <<= >>='.split(' '));

/** The same, but for lines, paths and other shapes, whose distances overflow. */
const containing: ReadonlySet<string> = new Set('@> <@ && &< &> >>'.split(' '));
/** point, lseg, path, box, polygon, line, circle. */
const shapes: ReadonlySet<number> = new Set([600, 601, 602, 603, 604, 628, 718]);

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
const jsonbOid = 3802;
const intervalOid = 1186;
const integers: ReadonlySet<number> = new Set([int2, int4, int8]);
/** Types that a small factor does not leave: numeric, float8. */
const roomy: ReadonlySet<number> = new Set([1700, 701]);
/** Types whose quotients have room, however small the divisor: integers and numeric, which keeps so many digits. */
const exact: ReadonlySet<number> = new Set([...integers, 1700]);

/** Records an operator that can fail or wait. */
export function recordOperatorHazard(analysis: Analysis, scope: Scope, operation: Operation): void {
  const { flow } = analysis;
  // Past the limits all is unknown anyway.
  if (flow === null || analysis.nodesLeft < 0) return;
  const { operator, body, operands, both } = operation;
  const right = operands[operands.length - 1];
  const fails = (value: Value): void => {
    flow.hazards++;
    flow.probe('expression', value);
  };
  for (const value of notCalledFor(operator, body, operands)) recordGaps(analysis, value);
  if (mixing.has(operator)) recordCollations(analysis, operands);
  else recordUnified(analysis, operands);
  if (comparing.has(operator) || containing.has(operator) || operator.includes('BETWEEN'))
    recordCompared(analysis, operands);
  if (comparing.has(operator) || operator.includes('BETWEEN')) return;
  if (likening.has(operator)) {
    if (!isWholePattern(body.rexpr)) fails(both);
  } else if (regular.has(operator) && body.lexpr !== undefined) {
    if (isCrafted(analysis, right)) fails(right);
    if (laboursOver(literalText(body.rexpr))) fails(both);
  } else if (!isSafe(analysis, scope, operation)) {
    fails(failsByRight(operator, right) ? right : both);
  }
}

/** Those of the operands that keep it from failing where they are NULL: on zero, a wrong pattern, or two collations. */
function notCalledFor(operator: string, { lexpr, rexpr }: AstRecord, operands: readonly Value[]): readonly Value[] {
  if (divides(operator)) return tagOf(rexpr) === 'A_Const' ? [] : operands.slice(0, 1);
  if (regular.has(operator)) return lexpr === undefined ? [] : operands;
  const compares = comparing.has(operator) || likening.has(operator) || operator.includes('BETWEEN');
  return compares ? operands : [];
}

function isSafe(analysis: Analysis, scope: Scope, { operator, body, operands, both }: Operation): boolean {
  if (taking.has(operator)) return true;
  if (containing.has(operator)) return operands.every((one) => !isDependent(one) || isNoShape(one));
  if (divides(operator)) return isSafeQuotient(analysis, scope, operator, body);
  if (growing.has(operator)) return isSmallStep(analysis, scope, operator, body);
  const isCraftedHere = (one: Value): boolean => isCrafted(analysis, one);
  // What hangs on no column fails, or takes its time, whatever stands in any.
  if (!isDependent(both)) return true;
  if (operator === '||') return isTextual(analysis, scope, { A_Expr: body }) || !operands.some(isCraftedHere);
  if (operator === '^') return isSmallPower(analysis, scope, body);
  if (bitwise.has(operator)) return operands.every((one) => one.kind === 'constant' || integers.has(one.typeOid));
  if (operator === '@') return !operands.some(isCraftedHere);
  // What users have made is followed into its functions.
  return !failing.has(operator) && analysis.catalog.operatorFunctions(operator).length > 0;
}

/** Surely a range, an array of other things than records, JSON or an address. */
function isNoShape({ kind, typeOid }: Value): boolean {
  return kind === 'column' && typeOid !== 0 && !shapes.has(typeOid);
}

/** An even number of backslashes at its end, or of each in an array: LIKE fails where it comes to a single one. */
function isWholePattern(node: unknown): boolean {
  const array = unwrap(node, 'A_ArrayExpr');
  if (array !== null) return list(array.elements).every((one) => literalOf(one) !== null && isWholePattern(one));
  const pattern = literalText(node);
  if (typeof pattern !== 'string') return pattern !== null;
  if (!pattern.includes('\\')) return true;
  // A list of patterns in one literal is not taken apart, and a cast may cut or decode it.
  if (tagOf(node) === 'TypeCast' || /^\s*[[{]|^\\x/.test(pattern)) return false;
  return /(?:^|[^\\])(?:\\\\)*$/.test(pattern);
}

function divides(operator: string): boolean {
  return operator === '/' || operator === '%';
}

/** Whether zero alone, on the right, makes it fail: a quotient by less than one may be too large as well. */
function failsByRight(operator: string, right: Value): boolean {
  if (!divides(operator) || !isDependent(right)) return false;
  return operator === '%' || (right.kind === 'column' && integers.has(right.typeOid));
}

/** Divided by a number of 1 and more, by a number of rows, or by `NULLIF(x, 0)`; and not again and again, until there is no room. */
function isSafeQuotient(analysis: Analysis, scope: Scope, operator: string, { lexpr, rexpr }: AstRecord): boolean {
  const literal = unwrap(rexpr, 'A_Const');
  const size = literal === null ? null : magnitudeOf(literal);
  if (operator === '%') return size !== null ? size !== 0 : literal === null && isWhole(analysis, scope, rexpr);
  const dividend = magnitudeOf(literalOf(lexpr) ?? {});
  const isSmall =
    dividend !== null ? dividend <= summandMax : isUngrown(analysis, scope, lexpr) || isBounded(analysis, lexpr);
  if (!isSmall) return false;
  if (literal !== null) return size !== null && size >= 1 && size <= summandMax;
  return (dividend !== null || isExact(analysis, scope, lexpr)) && isWhole(analysis, scope, rexpr);
}

/** A number of rows, or `NULLIF(x, 0)` of a number of some exact type. */
function isWhole(analysis: Analysis, scope: Scope, node: unknown): boolean {
  if (builtinCalled(analysis, node) === 'count') return isUngrown(analysis, scope, node);
  const call = unwrap(node, 'A_Expr');
  if (call === null || call.kind !== 'AEXPR_NULLIF' || names(call.name).at(-1) !== '=') return false;
  const zero = unwrap(call.rexpr, 'A_Const');
  return zero !== null && magnitudeOf(zero) === 0 && isExact(analysis, scope, call.lexpr);
}

/** A column, or an aggregate or length, of a type whose quotients have room. */
function isExact(analysis: Analysis, scope: Scope, node: unknown): boolean {
  if (isBounded(analysis, node)) return true;
  if (!isUngrown(analysis, scope, node)) return false;
  const call = unwrap(node, 'FuncCall');
  const columns = call === null ? [node] : list(call.args);
  return columns.every((one) => exact.has(evaluate(analysis, scope, one).typeOid));
}

/** Absolute value of a numeric literal, null for all others. */
function magnitudeOf(literal: AstRecord): number | null {
  if (literal.ival !== undefined) return Math.abs(Number(record(literal.ival).ival ?? 0));
  const said = text(record(literal.fval).fval) || text(record(literal.sval).sval);
  const value = said.trim() === '' ? NaN : Number(said);
  return Number.isFinite(value) ? Math.abs(value) : null;
}

const factorMax = 1000;
/** With less the product of a small number may be too small for its type. */
const factorMin = 1e-6;
const summandMax = 1_000_000;
const exponentMax = 4;

/** `x ^ 2`, whose result has room in any type of a number. */
function isSmallPower(analysis: Analysis, scope: Scope, body: AstRecord): boolean {
  const exponent = unwrap(body.rexpr, 'A_Const');
  if (exponent?.ival === undefined || body.lexpr === undefined) return false;
  const value = Number(record(exponent.ival).ival ?? 0);
  const isSmall = value >= 0 && value <= exponentMax;
  return isSmall && (isUngrown(analysis, scope, body.lexpr) || isBounded(analysis, body.lexpr));
}

/**
 * `salary * 12`: a plain column, or one aggregate of it, with a small literal cannot be driven over the limit at a
 * point that the client chooses. Time from the clock is no such point either.
 */
function isSmallStep(analysis: Analysis, scope: Scope, operator: string, body: AstRecord): boolean {
  // A sign before a value: what is computed may be made the one number that has no opposite.
  if (body.lexpr === undefined)
    return literalOf(body.rexpr) !== null || isUngrown(analysis, scope, body.rexpr) || isBounded(analysis, body.rexpr);
  const left = literalOf(body.lexpr);
  const right = literalOf(body.rexpr);
  const clocks = [body.lexpr, body.rexpr].map((node) => isClock(analysis, node));
  if (left !== null && (right !== null || clocks[1])) return true;
  if (right !== null && clocks[0]) return true;
  const other = left === null ? body.lexpr : body.rexpr;
  const clock = clocks[0] ? body.rexpr : clocks[1] ? body.lexpr : null;
  // An interval may be longer than there is time.
  if (operator === '-' && clock !== null)
    return isUngrown(analysis, scope, clock) && evaluate(analysis, scope, clock).typeOid !== intervalOid;
  const literal = left ?? right;
  const isSum = operator === '+' || operator === '-';
  if (literal === null || !(isUngrown(analysis, scope, other) || (isSum && isBounded(analysis, other)))) return false;
  // Of a scalar nothing can be taken away.
  if (operator === '-' && tagOf(other) === 'ColumnRef' && evaluate(analysis, scope, other).typeOid === jsonbOid)
    return false;
  const size = magnitudeOf(literal);
  if (size === null || operator === '<<') return false;
  // Under a cast it may be of a type with less room than the column's.
  if (tagOf(left === null ? body.rexpr : body.lexpr) === 'TypeCast') return false;
  if (operator === '*')
    return size <= factorMax && (size === 0 || size >= factorMin) && isRoomy(analysis, scope, other, literal);
  return size <= summandMax;
}

/** Whether a product of `node` and the literal is of a type with room for it. */
function isRoomy(analysis: Analysis, scope: Scope, node: unknown, literal: AstRecord): boolean {
  const call = unwrap(node, 'FuncCall');
  const name = builtinCalled(analysis, node);
  // A number of rows tells of no value.
  if (name === 'count') return true;
  return (call === null ? [node] : list(call.args)).every((one) => {
    const { typeOid } = evaluate(analysis, scope, one);
    // A factor with a fraction makes a numeric of an integer; averages of integers, and sums of bigint, are such already.
    const isWidened = literal.fval !== undefined || name === 'avg' || (name === 'sum' && typeOid === int8);
    return roomy.has(typeOid) || (isWidened && integers.has(typeOid));
  });
}

/** Functions that give a text. */
const textual: ReadonlySet<string> = new Set(
  (
    'upper lower initcap left right reverse btrim ltrim rtrim trim substr substring replace regexp_replace translate overlay ' +
    'concat concat_ws md5 encode to_char quote_literal quote_ident quote_nullable format split_part regexp_substr'
  ).split(' '),
);

/** What is known of nodes in a scope, so that each operator of a long chain is looked at once. */
const known = new WeakMap<Scope, WeakMap<AstRecord, boolean>>();

/**
 * Surely a text or another scalar, and no array, row or JSON. Put behind one another such always fit; with an array on either
 * side it would be `||` of arrays, which have sizes.
 */
function isTextual(analysis: Analysis, scope: Scope, node: unknown): boolean {
  const body = record(node)[tagOf(node)];
  if (!isRecord(body)) return false;
  let inScope = known.get(scope);
  if (inScope === undefined) known.set(scope, (inScope = new WeakMap()));
  let found = inScope.get(body);
  if (found === undefined) inScope.set(body, (found = looksTextual(analysis, scope, node)));
  return found;
}

function looksTextual(analysis: Analysis, scope: Scope, node: unknown): boolean {
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
      return textual.has(builtinCalled(analysis, node));
    case 'TypeCast': {
      const type = typeByName(analysis, record(body.typeName));
      return type?.category === 'S' && type.kind === 'b' && list(record(body.typeName).arrayBounds).length === 0;
    }
    case 'A_Expr':
      return (
        body.kind === 'AEXPR_OP' &&
        names(body.name).at(-1) === '||' &&
        analysis.catalog.operatorFunctions('||').length === 0 &&
        [body.lexpr, body.rexpr].every((one) => one !== undefined && isTextual(analysis, scope, one))
      );
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

/** `ARRAY[a, b]`, which fails where its elements are arrays of other sizes. Each is worked out once, however deep they nest. */
export function arrayOf(analysis: Analysis, scope: Scope, elements: readonly unknown[]): Value {
  const values = elements.map((node) => evaluate(analysis, scope, node));
  recordUnified(analysis, values);
  const gathered = new Dependencies();
  for (const value of values) gathered.add(value);
  const all = typedAs(
    gathered.value(),
    commonType(values),
    values.some((value) => value.record),
  );
  const { flow } = analysis;
  const isScalarHere = (node: unknown, { kind, typeOid }: Value): boolean =>
    kind === 'constant' || isTextual(analysis, scope, node) || (kind === 'column' && isElement(analysis, typeOid));
  if (flow === null || elements.length < 2 || elements.every((node, at) => isScalarHere(node, values[at]))) return all;
  flow.hazards++;
  flow.probe('expression', all);
  return all;
}

function isElement({ catalog }: Analysis, typeOid: number): boolean {
  return isScalar(catalog, typeOid) && catalog.type(typeOid)?.category !== 'A';
}

/** Lengths, counts and the like; see {@link isSmallStep}. */
const aggregates: ReadonlySet<string> = new Set(['sum', 'avg', 'min', 'max', 'count']);

function isUngrown(analysis: Analysis, scope: Scope, node: unknown): boolean {
  const call = unwrap(node, 'FuncCall');
  if (call === null) return tagOf(node) === 'ColumnRef' && evaluate(analysis, scope, node).kind === 'column';
  if (!aggregates.has(builtinCalled(analysis, node))) return false;
  return list(call.args).every((arg) => tagOf(arg) === 'ColumnRef' && evaluate(analysis, scope, arg).kind === 'column');
}
