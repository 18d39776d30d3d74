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
import { failsAnyway, failsOnColumn, failsOnComputed, isSum, labours, tracing } from './failing.ts';
import { isDependent, isStoring } from './calls.ts';
import { recordCollations, recordCompared, recordUnified } from './unify.ts';
import { builtinNature, isSteadyCall } from '../builtins.ts';
import { evaluate } from '../expressions.ts';
import type { Analysis, Scope } from '../scope.ts';
import { recordHiddenCalls } from '../hidden.ts';
import { isAlone, isPlain } from '../plain.ts';
import { typeByName } from '../types.ts';
import { type Columns, type Value, Dependencies, gapsOf, widening } from '../value.ts';

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
  if (builtinNature(name, null) === 'computed') for (const value of values) recordGaps(analysis, value);
  // Functions of users may stand beside it; what they are given is recorded where they are resolved, see recordArguments.
  const isBuiltin = analysis.catalog.builtinFunction(name) !== undefined;
  const open = values.flatMap((value, at) =>
    isDependent(value) && !isSmallNumber(analysis, name, at, nodes[at]) ? [at] : [],
  );
  const count = nodes.length;
  const isCraftedAt = (at: number): boolean =>
    isCrafted(analysis, values[at]) && !(gathering.has(name) && values[at].steady && values[at].parts <= partsMax);
  const crafted = open.some((at) => failsOnComputed(name, at, count) && isCraftedAt(at));
  // What is put somewhere is told of by that.
  const fails = isBuiltin && !isStoring(name) && failsOn(analysis, call, open);
  if (fails) flow.probe('expression', call.all);
  if (crafted) flow.probe('expression', call.told);
  // EXPLAIN ANALYZE tells how much room results, sorts and tables in between have taken.
  if (flow.measuring && isBuiltin && !isSteadyCall(name, nodes)) flow.probe('expression', call.told);
  recordCollations(analysis, values);
  if (isBuiltin && !takingRecords.has(name)) recordCompared(analysis, values);
  if (isBuiltin && unifying.test(name)) recordUnified(analysis, values);
  const foreign = candidates.some((f) => f.language !== 'sql' && f.extension === null);
  const runs = fails && !isForeseen(name, nodes);
  if (call.leavesTrace || tracing.has(name) || foreign || crafted || runs) flow.hazards++;
}

/** Functions that compare nothing of what they are given, so that they take any record. */
const takingRecords: ReadonlySet<string> = new Set(
  (
    'to_json to_jsonb row_to_json json_agg jsonb_agg json_agg_strict jsonb_agg_strict json_build_array jsonb_build_array ' +
    'json_build_object jsonb_build_object json_object_agg jsonb_object_agg array_to_json count num_nulls num_nonnulls pg_typeof ' +
    'array_agg any_value first_value last_value nth_value lag lead row_number array_append array_prepend array_cat unnest ' +
    'cardinality array_length array_upper array_lower array_ndims array_to_string concat concat_ws format pg_column_size ' +
    'jsonb_populate_record json_populate_record'
  ).split(' '),
);

/** Functions that fail on nothing but what is too large. */
const gathering: ReadonlySet<string> = new Set(
  (
    'concat concat_ws string_agg json_agg jsonb_agg json_build_array jsonb_build_array json_build_object jsonb_build_object to_json ' +
    'to_jsonb row_to_json'
  ).split(' '),
);

/** A value that is put together of so few others is too large only where these are. */
const partsMax = 1000;

/** Functions that make one type of several arguments. */
const unifying = /^(?:array_\w+|width_bucket|lag|lead|rank|dense_rank|percent_rank|cume_dist)$/;

/** Whether a built-in function can fail, wait or need much room by what stands in columns; `open`: which arguments hang on these. */
function failsOn(analysis: Analysis, { name, nodes, values }: HazardCall, open: readonly number[]): boolean {
  if (open.length === 0) return failsAnyway(name) && !values.some(isDependent);
  const count = nodes.length;
  const onColumn = (at: number): boolean =>
    failsOnColumn(name, { at, typeOid: values[at].typeOid, isAlone: isAlone(analysis, values[at]) }, count);
  if (open.some(onColumn)) return true;
  const literals = nodes.map((node, at) => (isSmallNumber(analysis, name, at, node) ? 0 : literalText(node)));
  return (
    labours(name, literals) ||
    nodes.some((node, at) => !(at < values.length && isDependent(values[at])) && !isModest(analysis, node))
  );
}

/** Beside a column: nothing that is made as long as can be, so that the column's value decides whether there is room. */
function isModest(analysis: Analysis, node: unknown): boolean {
  const literal = literalText(node);
  if (literal !== null) return typeof literal === 'number' || literal.length <= modestUnitsMax;
  const cast = unwrap(node, 'TypeCast');
  if (cast !== null) return isModest(analysis, cast.arg);
  // A parameter is at most as long as a message; a column that hangs on no table may be made of anything.
  return node === null || tagOf(node) === 'ParamRef' || isClock(analysis, node) || isBounded(analysis, node);
}

const modestUnitsMax = 10_000;

/** Arguments that take every number which is not too large, of functions that are used with lengths and positions. */
function isSmallNumber(analysis: Analysis, name: string, at: number, node: unknown): boolean {
  const takesNumber = isSum(name) ? at === 0 : (name === 'substring' || name === 'substr') && at === 1;
  if (!takesNumber) return false;
  const step = unwrap(node, 'A_Expr');
  if (step === null || !['+', '-'].includes(names(step.name).at(-1) ?? '')) return isBounded(analysis, node);
  return isBounded(analysis, step.lexpr) && integerConstant(step.rexpr) !== null;
}

/**
 * Functions give NULL for NULL at once: whether they fail, and how long they take, tells of what decides whether they are given one.
 */
export function recordGaps(analysis: Analysis, value: Value): void {
  if (value.kind === 'opaque') return;
  recordChoice(analysis, value.kind === 'column' && !isPlain(analysis, value) ? value : gapsOf(value));
}

/** Computed from columns, so that the client has a say in what it becomes. */
export function isCrafted(analysis: Analysis, value: Value): boolean {
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

/** Records what the body of a function gives where it is made the declared type, which fails like a cast. */
export function recordConverted(analysis: Analysis, types: readonly number[], { list: given, openAt }: Columns): void {
  const { flow, catalog } = analysis;
  if (flow === null || openAt !== -1) return;
  for (const [at, { value }] of given.entries()) {
    const type = at < types.length ? catalog.type(types[at]) : undefined;
    if (type === undefined || value.kind === 'opaque' || value.sources.size === 0 || value.row !== null) continue;
    if (type.oid === value.resultType || !conversionCanFail(value, type)) continue;
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
export function recordParsing(analysis: Analysis, scope: Scope, tag: string, body: AstRecord, value: Value): void {
  if (analysis.flow === null) return;
  const parses =
    tag === 'JsonParseExpr' ||
    (tag === 'JsonSerializeExpr' && !isJson(analysis, scope, body.expr)) ||
    (tag === 'JsonFuncExpr' && !isJson(analysis, scope, body.context_item)) ||
    (tag.startsWith('Json') && hasFormat(body)) ||
    (tag === 'XmlExpr' && (body.op === 'IS_XMLPARSE' || body.op === 'IS_XMLPI')) ||
    ((tag === 'JsonObjectConstructor' || tag === 'JsonObjectAgg') && body.unique === true) ||
    (tag === 'JsonFuncExpr' && [body.on_error, body.on_empty].some(raises)) ||
    (tag === 'JsonFuncExpr' && !isPlainPath(body.pathspec)) ||
    (tag === 'XmlSerialize' && body.xmloption === 'XMLOPTION_DOCUMENT');
  if (!parses) return;
  analysis.flow.hazards++;
  analysis.flow.probe('expression', value);
}

/** Members and elements alone: conditions, variables and methods fail on some values, whatever stands behind ON ERROR. */
const plainPath = /^\s*(?:(?:lax|strict)\s+)?\$(?:\s*\.\s*(?:\w+|"[^"\\]*"|\*)|\s*\[\s*(?:\*|\d+)\s*\])*\s*$/;

function isPlainPath(node: unknown): boolean {
  const path = literalText(node);
  return typeof path === 'string' && plainPath.test(path);
}

/** What stands in place of a value that is missing, or wrong, is worked out only then. A literal is masked like any other. */
export function hasDefault(body: AstRecord): boolean {
  return [body.on_error, body.on_empty].some((behavior) => {
    const said = unwrap(behavior, 'JsonBehavior') ?? record(behavior);
    return said.expr !== undefined && literalOf(said.expr) === null;
  });
}

function raises(behavior: unknown): boolean {
  const kind = text(record(behavior).btype) || text(record(record(behavior).JsonBehavior).btype);
  return kind === 'JSON_BEHAVIOR_ERROR';
}

const jsonOids: ReadonlySet<number> = new Set([114, 3802]);
const givesJson =
  /^(?:to_jsonb?|row_to_json|jsonb?_(?:build_array|build_object|agg|object_agg|extract_path|strip_nulls))$/;

/** Whether it is JSON already, so that no text is read as such. `node`: a JsonValueExpr or its struct. */
function isJson(analysis: Analysis, scope: Scope, node: unknown): boolean {
  const holder = unwrap(node, 'JsonValueExpr') ?? record(node);
  const raw = holder.raw_expr ?? node;
  const cast = unwrap(raw, 'TypeCast');
  if (cast !== null) return jsonOids.has(typeByName(analysis, record(cast.typeName))?.oid ?? 0);
  if (tagOf(raw) === 'FuncCall') return givesJson.test(builtinCalled(analysis, raw));
  if (tagOf(raw) === 'ColumnRef') return jsonOids.has(evaluate(analysis, scope, raw).typeOid);
  return tagOf(raw) === 'A_Const' || tagOf(raw).startsWith('Json');
}

/** FORMAT JSON in its own parts: a text is read as JSON. */
function hasFormat(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(hasFormat);
  if (!isRecord(node)) return false;
  const tag = tagOf(node);
  if (tag !== '' && tag !== 'JsonFormat' && !holders.has(tag)) return false;
  return text(node.format_type) === 'JS_FORMAT_JSON' || Object.values(node).some(hasFormat);
}

/** With literals alone the server works the outcome out before it runs anything; only waiting it does each time. */
function isForeseen(name: string, nodes: readonly unknown[]): boolean {
  return !name.startsWith('pg_sleep') && nodes.every((node) => literalOf(node) !== null);
}

/** The A_Const inside casts, or null. */
export function literalOf(node: unknown): AstRecord | null {
  let at = node;
  for (let casts = 0; casts < 10; casts++) {
    const cast = unwrap(at, 'TypeCast');
    if (cast === null) break;
    at = cast.arg;
  }
  return unwrap(at, 'A_Const');
}

/** The text or whole number of a literal; null for what is none. */
export function literalText(node: unknown): string | number | null {
  const literal = literalOf(node);
  if (literal === null) return null;
  if (literal.isnull === true || literal.fval !== undefined || literal.boolval !== undefined) return 0;
  return literal.sval === undefined ? Number(record(literal.ival).ival ?? 0) : text(record(literal.sval).sval);
}

/** Name of the built-in function that is called; '' where it is no call, or may be one of a function of a user's. */
export function builtinCalled(analysis: Analysis, node: unknown): string {
  const parts = names(unwrap(node, 'FuncCall')?.funcname);
  const name = parts.at(-1) ?? '';
  const schema = parts.at(-2) ?? null;
  const { catalog, path } = analysis;
  if (parts.length > 2 || catalog.builtinFunction(name) === undefined) return '';
  return catalog.functions(schema, name, path).length === 0 ? name : '';
}

export function isClock(analysis: Analysis, node: unknown): boolean {
  return tagOf(node) === 'SQLValueFunction' || builtinCalled(analysis, node) === 'now';
}

/** Lengths and positions are below 2^30. */
const bounded: ReadonlySet<string> = new Set('length char_length octet_length position strpos ascii'.split(' '));

export function isBounded(analysis: Analysis, node: unknown): boolean {
  return bounded.has(builtinCalled(analysis, node));
}

/** Pairs that never fail: integers to float8, timestamps to dates. */
const harmlessPairs: ReadonlySet<string> = new Set(['21>701', '23>701', '20>701', '1114>1082', '1184>1082']);

/** A cast tells by its error whether the value has the target's form; casts to strings never fail. */
export function recordCast(analysis: Analysis, inner: Value, typeName: AstRecord, node: unknown): void {
  const flow = analysis.flow;
  if (flow === null) return;
  const target = typeByName(analysis, typeName);
  if (target !== undefined) recordHiddenCalls(analysis, analysis.catalog.castFunctions(target.oid), [inner]);
  else flow.write({ kind: 'outside', what: `a cast to ${names(typeName.names).join('.')}` }, inner, null);
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
  const from = widening.indexOf(inner.resultType);
  return from === -1 || widening.indexOf(target.oid) < from;
}

/**
 * What a value decides of what is shown in its place, or of what runs, is an answer whatever masks hide: in NULLs and errors, in
 * the size of the result and in the time it takes.
 */
export function recordChoice(analysis: Analysis, conditions: Value): void {
  const { flow } = analysis;
  if (flow?.withheld === null) flow.probe('expression', conditions);
  else flow?.withheld.add(conditions);
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
