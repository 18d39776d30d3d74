/**
 * Expressions that fail or take time because of a value, and branches that decide whether such an expression runs.
 *
 * The outputs are masked by their lineage, but an error or a wait is seen whatever is masked:
 * `CASE WHEN ssn LIKE '1%' THEN pg_sleep(1) END` shows a digit. A hazard is anything that can fail, wait, or leave a
 * trace; it matters by itself where it depends on columns, and by whether it runs where a branch does.
 */
import {
  type AstRecord,
  integerConstant,
  isRecord,
  list,
  names,
  record,
  tagOf,
  text,
  unwrap,
} from '../../parse/ast.ts';
import type { PgFunction } from '../../catalog/catalog.ts';
import type { PgType } from '../../catalog/types.ts';
import { failsAnyway, failsOnColumn, failsOnComputed, isSum, labours, laboursOver, tracing } from './failing.ts';
import { isDependent, isStoring } from './calls.ts';
import { evaluate } from '../expressions.ts';
import type { Analysis, Scope } from '../scope.ts';
import { recordHiddenCalls } from '../hidden.ts';
import { isAlone, isPlain } from '../plain.ts';
import { typeByName } from '../types.ts';
import { type Value, Dependencies } from '../value.ts';

/** A call, as far as its hazards are concerned. */
export interface HazardCall {
  readonly name: string;
  readonly nodes: readonly unknown[];
  readonly values: readonly Value[];
  /** What all arguments together depend on. */
  readonly all: Value;
  /** What shows through it. */
  readonly told: Value;
  /** User functions that it may mean; there may be a built-in one beside them. */
  readonly candidates: readonly PgFunction[];
  /** Whether it puts something somewhere, or nothing is known of it. */
  readonly leavesTrace: boolean;
}

/** Records a call that can fail or wait. */
export function recordCallHazard(analysis: Analysis, call: HazardCall): void {
  const flow = analysis.flow;
  if (flow === null) return;
  const { name, nodes, values, candidates } = call;
  // Functions of users may stand beside it; what they are given is recorded where they are resolved, see recordArguments.
  const isBuiltin = analysis.catalog.builtinFunction(name) !== undefined;
  const open = values.flatMap((value, at) => (isDependent(value) && !isSmallNumber(name, at, nodes[at]) ? [at] : []));
  const count = nodes.length;
  const crafted = open.some((at) => isCrafted(analysis, values[at]) && failsOnComputed(name, at, count));
  // What is put somewhere is told of by that.
  const fails = isBuiltin && !isStoring(name) && failsOn(analysis, call, open);
  if (fails) flow.probe('expression', call.all);
  if (crafted) flow.probe('expression', call.told);
  const foreign = candidates.some((f) => f.language !== 'sql' && f.extension === null);
  const runs = fails && !isForeseen(name, nodes);
  if (call.leavesTrace || tracing.has(name) || foreign || crafted || runs) flow.hazards++;
}

/** Whether a built-in function can fail, wait or need much room by what stands in columns; `open`: which arguments hang on these. */
function failsOn(analysis: Analysis, { name, nodes, values }: HazardCall, open: readonly number[]): boolean {
  if (open.length === 0) return failsAnyway(name) && !values.some(isDependent);
  const count = nodes.length;
  const onColumn = (at: number): boolean =>
    failsOnColumn(name, { at, typeOid: values[at].typeOid, isAlone: isAlone(analysis, values[at]) }, count);
  if (open.some(onColumn)) return true;
  const literals = nodes.map((node, at) => (isSmallNumber(name, at, node) ? 0 : literalText(node)));
  return (
    labours(name, literals) ||
    nodes.some((node, at) => !(at < values.length && isDependent(values[at])) && !isModest(node))
  );
}

/** Beside a column: nothing that is made as long as can be, so that the column's value decides whether there is room. */
function isModest(node: unknown): boolean {
  const literal = literalText(node);
  if (literal !== null) return typeof literal === 'number' || literal.length <= modestUnitsMax;
  const cast = unwrap(node, 'TypeCast');
  if (cast !== null) return isModest(cast.arg);
  // A parameter is at most as long as a message; a column that hangs on no table may be made of anything.
  return node === null || tagOf(node) === 'ParamRef' || isClock(node) || isBounded(node);
}

const modestUnitsMax = 10_000;

/** Arguments that take every number which is not too large, of functions that are used with lengths and positions. */
function isSmallNumber(name: string, at: number, node: unknown): boolean {
  const takesNumber = isSum(name) ? at === 0 : (name === 'substring' || name === 'substr') && at === 1;
  if (!takesNumber) return false;
  const step = unwrap(node, 'A_Expr');
  if (step === null || !['+', '-'].includes(names(step.name).at(-1) ?? '')) return isBounded(node);
  return isBounded(step.lexpr) && integerConstant(step.rexpr) !== null;
}

/** Computed from columns, so that the client has a say in what it becomes. */
function isCrafted(analysis: Analysis, value: Value): boolean {
  return isDependent(value) && !isPlain(analysis, value);
}

/**
 * Records what a function of a user is given. A value that is computed, or turned into the parameter's type, fails or is NULL
 * where the client likes, and a STRICT function runs or not by that, whatever its body says.
 */
export function recordArguments(analysis: Analysis, f: PgFunction, values: readonly Value[]): void {
  const { flow, catalog } = analysis;
  if (flow === null) return;
  const inputs = f.parameterTypes.filter((_, at) => f.modes[at] !== 'o' && f.modes[at] !== 't');
  for (const [at, value] of values.entries()) {
    if (value.kind === 'opaque' || !isDependent(value)) continue;
    const type = catalog.type(inputs[at] ?? 0);
    const converts = type !== undefined && value.row === null && conversionCanFail(value, type);
    if (!converts && isPlain(analysis, value)) continue;
    flow.hazards++;
    flow.probe('expression', value);
  }
}

/**
 * What the parts of a JSON or XML constructor depend on, each worked out once. A computed part fails where it is NULL, or too long,
 * or not as it should be.
 */
export function partsOf(analysis: Analysis, scope: Scope, body: AstRecord): Value {
  const all = new Dependencies();
  for (const part of wrappedIn(body)) {
    const value = evaluate(analysis, scope, part);
    all.add(value);
    if (analysis.flow === null || !isCrafted(analysis, value)) continue;
    analysis.flow.hazards++;
    analysis.flow.probe('expression', value);
  }
  return all.value();
}

/** The outermost wrapped nodes inside a struct that hold expressions. */
function wrappedIn(node: unknown): readonly unknown[] {
  if (Array.isArray(node)) return node.flatMap(wrappedIn);
  if (!isRecord(node)) return [];
  const tag = tagOf(node);
  if (tag !== '' && !holders.has(tag)) return [node];
  return Object.values(node).flatMap(wrappedIn);
}

/** Parts of JSON constructors that hold the expressions themselves. */
const holders: ReadonlySet<string> = new Set([
  'JsonKeyValue',
  'JsonValueExpr',
  'JsonArgument',
  'JsonBehavior',
  'JsonAggConstructor',
]);

/** XMLPARSE, JSON() and the like fail on what is not well-formed; `value` is what they depend on. */
export function recordParsing(analysis: Analysis, tag: string, body: AstRecord, value: Value): void {
  const parses =
    tag === 'JsonParseExpr' ||
    (tag === 'XmlExpr' && (body.op === 'IS_XMLPARSE' || body.op === 'IS_XMLPI')) ||
    ((tag === 'JsonObjectConstructor' || tag === 'JsonObjectAgg') && body.unique === true) ||
    (tag === 'JsonFuncExpr' && [body.on_error, body.on_empty].some(raises));
  if (!parses || analysis.flow === null) return;
  analysis.flow.hazards++;
  analysis.flow.probe('expression', value);
}

function raises(behavior: unknown): boolean {
  const kind = text(record(behavior).btype) || text(record(record(behavior).JsonBehavior).btype);
  return kind === 'JSON_BEHAVIOR_ERROR';
}

/** With literals alone the server works the outcome out before it runs anything; only waiting it does each time. */
function isForeseen(name: string, nodes: readonly unknown[]): boolean {
  return !name.startsWith('pg_sleep') && nodes.every((node) => literalOf(node) !== null);
}

/** The A_Const inside casts, or null. */
function literalOf(node: unknown): AstRecord | null {
  let at = node;
  for (let casts = 0; casts < 10; casts++) {
    const cast = unwrap(at, 'TypeCast');
    if (cast === null) break;
    at = cast.arg;
  }
  return unwrap(at, 'A_Const');
}

/** The text or whole number of a literal; null for what is none. */
function literalText(node: unknown): string | number | null {
  const literal = literalOf(node);
  if (literal === null) return null;
  if (literal.isnull === true || literal.fval !== undefined || literal.boolval !== undefined) return 0;
  return literal.sval === undefined ? Number(record(literal.ival).ival ?? 0) : text(record(literal.sval).sval);
}

/** Operators that fail on some right operand: zero, or below zero. */
const dividing: ReadonlySet<string> = new Set(['/', '%', '^', '|/']);

/** Operators whose right operand is a pattern, which can be malformed. */
const matching: ReadonlySet<string> = new Set(['~', '~*', '!~', '!~*', '~~', '~~*', '!~~', '!~~*']);

/** Those of regular expressions. */
const regular: ReadonlySet<string> = new Set(['~', '~*', '!~', '!~*']);

/** Operators that fail when the result is too large for an integer. */
const growing: ReadonlySet<string> = new Set(['+', '-', '*', '<<']);

/** Records an arithmetic operator; `body` is its A_Expr struct. */
export function recordOperatorHazard(
  analysis: Analysis,
  scope: Scope,
  operator: string,
  body: AstRecord,
  right: Value,
  both: Value,
): void {
  const flow = analysis.flow;
  if (flow === null) return;
  if (matching.has(operator) && isCrafted(analysis, right)) {
    flow.hazards++;
    flow.probe('expression', right);
  }
  if (regular.has(operator) && laboursOver(literalText(body.rexpr))) {
    flow.hazards++;
    flow.probe('expression', both);
  }
  if (body.kind !== 'AEXPR_OP') return;
  if (dividing.has(operator)) {
    if (isSafeDivisor(body.rexpr)) return;
    flow.hazards++;
    flow.probe('expression', right);
  } else if (growing.has(operator) && !isSmallStep(analysis, scope, operator, body)) {
    flow.hazards++;
    flow.probe('expression', both);
  }
}

/** A literal other than zero, or `NULLIF(x, 0)`. */
function isSafeDivisor(node: unknown): boolean {
  const literal = literalOf(node);
  if (literal !== null) return magnitudeOf(literal) !== 0;
  const call = unwrap(node, 'A_Expr');
  if (call === null || call.kind !== 'AEXPR_NULLIF' || names(call.name).at(-1) !== '=') return false;
  const zero = unwrap(call.rexpr, 'A_Const');
  return zero !== null && magnitudeOf(zero) === 0;
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
const jsonbOid = 3802;

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
  if (operator === '-' && evaluate(analysis, scope, other).typeOid === jsonbOid) return true;
  const size = magnitudeOf(literal);
  return size !== null && operator !== '<<' && size <= (operator === '*' ? factorMax : summandMax);
}

function isClock(node: unknown): boolean {
  return tagOf(node) === 'SQLValueFunction' || names(unwrap(node, 'FuncCall')?.funcname).at(-1) === 'now';
}

/** Lengths and positions are below 2^30. */
const bounded: ReadonlySet<string> = new Set('length char_length octet_length position strpos ascii'.split(' '));

function isBounded(node: unknown): boolean {
  return bounded.has(names(unwrap(node, 'FuncCall')?.funcname).at(-1) ?? '');
}

const aggregates: ReadonlySet<string> = new Set(['sum', 'avg', 'min', 'max', 'count']);

function isUngrown(analysis: Analysis, scope: Scope, node: unknown): boolean {
  const call = unwrap(node, 'FuncCall');
  if (call === null) return tagOf(node) === 'ColumnRef' && evaluate(analysis, scope, node).kind === 'column';
  if (!aggregates.has(names(call.funcname).at(-1) ?? '')) return false;
  return list(call.args).every((arg) => tagOf(arg) === 'ColumnRef' && evaluate(analysis, scope, arg).kind === 'column');
}

/** Types in an order in which each takes every value of those before it: int2, int4, int8, numeric. */
const widening: readonly number[] = [21, 23, 20, 1700];

/** Pairs that never fail: integers to float8, timestamps to dates. */
const harmlessPairs: ReadonlySet<string> = new Set(['21>701', '23>701', '20>701', '1114>1082', '1184>1082']);

/** A cast tells by its error whether the value has the target's form; casts to strings never fail. */
export function recordCast(analysis: Analysis, inner: Value, typeName: AstRecord, node: unknown): void {
  const flow = analysis.flow;
  if (flow === null) return;
  const target = typeByName(analysis, typeName);
  if (target !== undefined) recordHiddenCalls(analysis, analysis.catalog.castFunctions(target.oid), [inner]);
  if (target !== undefined && !castCanFail(inner, target, typeName)) return;
  // A literal or parameter is given in the type at once.
  if (tagOf(node) !== 'A_Const' && tagOf(node) !== 'ParamRef') flow.hazards++;
  flow.probe('expression', inner);
}

type Target = Pick<PgType, 'oid' | 'kind' | 'category'>;

function castCanFail(inner: Value, target: Target, typeName: AstRecord): boolean {
  if (list(typeName.arrayBounds).length > 0) return true;
  const cut = list(typeName.typmods).length > 0 && !isString(target);
  return cut || conversionCanFail(inner, target);
}

/** `name` and "char" cut without an error. */
function isString({ oid, kind, category }: Target): boolean {
  return kind === 'b' && (category === 'S' || oid === 18);
}

function conversionCanFail(inner: Value, target: Target): boolean {
  // Domains check, enums know their labels; the polymorphic types take what there is.
  if (isString(target) || target.kind === 'p') return false;
  if (target.oid === inner.typeOid) return false;
  if (harmlessPairs.has(`${inner.typeOid}>${target.oid}`)) return false;
  const from = widening.indexOf(inner.typeOid);
  return from === -1 || widening.indexOf(target.oid) < from;
}

/**
 * Where `conditions` decide which parts of an expression run, and one of these is a hazard, the hazard tells of them.
 *
 * @param before the number of hazards when the expression began.
 */
export function recordBranches(analysis: Analysis, before: number, conditions: Value): void {
  if (analysis.flow !== null && analysis.flow.hazards > before) analysis.flow.probe('expression', conditions);
}

/** Number of hazards so far, to be given to {@link recordBranches}. */
export function hazardsOf(analysis: Analysis): number {
  return analysis.flow?.hazards ?? 0;
}
