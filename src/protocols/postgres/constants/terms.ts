/**
 * What stands in a condition on either side of a comparison: which terms are the same, which are constants whatever columns
 * they name (`coalesce(1, n)`), and which are always or never NULL. The counterpart of constants/condition.ts.
 */
import { type AstRecord, isRecord, list, names, record, stringNode, tagOf, text, unwrap } from '../parse/ast.ts';
import { branchesOf } from './branches.ts';
import type { FoldState } from './condition.ts';
import { compareConstants, constantOf } from './values.ts';
import { ownColumn } from '../facts/selfJoin.ts';

export interface Term {
  /** Equal for equal terms, whatever literals are in them. */
  readonly shape: string;
  readonly full: string;
  readonly literal: boolean;
  /** It calls functions, which may give another value each time. */
  readonly calls: boolean;
}

/** The term without what changes nothing: COLLATE, branches that are never taken, `+ 0`. */
export function reduced(node: unknown, state: FoldState): unknown {
  if (!isRecord(node)) return node;
  const known = state.terms.get(node);
  if (known !== undefined) return known;
  if (--state.work.left < 0) return node;
  let at: unknown = node;
  for (;;) {
    const next = reducedOnce(at, state);
    if (next === null || next === at || --state.work.left < 0) break;
    at = next;
  }
  state.terms.set(node, at);
  return at;
}

/** null: it is what it is. */
function reducedOnce(node: unknown, state: FoldState): unknown {
  const tag = tagOf(node);
  const body = record(record(node)[tag]);
  switch (tag) {
    case 'CollateClause':
      return body.arg;
    case 'ColumnRef':
      return state.self?.constants.get(names(body.fields).join('\u0000')) ?? null;
    case 'CaseExpr':
      return takenBranch(body, state);
    case 'CoalesceExpr':
      return firstValue(list(body.args), state);
    case 'MinMaxExpr': {
      const [first, ...more] = list(body.args);
      return more.every((item) => sameTerms(first, item, state) !== null) ? first : null;
    }
    case 'SubLink':
      return body.subLinkType === 'EXPR_SUBLINK' ? valueOf(body.subselect) : null;
    case 'A_Expr':
      return body.kind === 'AEXPR_NULLIF' ? nullIf(body, state) : arithmetic(body, state);
    default:
      return null;
  }
}

function takenBranch(body: AstRecord, state: FoldState): unknown {
  for (const { when, result } of branchesOf(body, state)) {
    if (when === 'true') return result;
    if (when !== 'false' && when !== 'null') return null;
  }
  return body.defresult ?? nullConstant;
}

const nullConstant = { A_Const: { isnull: true } };
const zero = { A_Const: { ival: {} } };

function firstValue(args: readonly unknown[], state: FoldState): unknown {
  const at = args.findIndex((arg) => !isAlwaysNull(arg, state));
  if (at < 0) return nullConstant;
  if (at === args.length - 1 || isNeverNull(args[at], state)) return args[at];
  return null;
}

/** The value of `(SELECT value)`. */
function valueOf(subselect: unknown): unknown {
  const select = unwrap(subselect, 'SelectStmt');
  if (select === null) return null;
  const { targetList, limitOption: _limit, op: _op, ...more } = select;
  const [target, ...others] = list(targetList);
  if (Object.keys(more).length > 0 || others.length > 0 || target === undefined) return null;
  return record(unwrap(target, 'ResTarget')).val ?? null;
}

function nullIf({ lexpr, rexpr }: AstRecord, state: FoldState): unknown {
  if (sameTerms(lexpr, rexpr, state)?.calls === false) return nullConstant;
  if (isAlwaysNull(rexpr, state)) return lexpr;
  const [left, right] = [constantOf(lexpr, state), constantOf(rexpr, state)];
  if (left === null || right === null) return null;
  state.usedLiteral = true;
  return compareConstants('=', left, right) === false ? lexpr : null;
}

/** `n + 0`, `n * 1`, `name || ''` and `n - n`. */
function arithmetic({ kind, name, lexpr, rexpr }: AstRecord, state: FoldState): unknown {
  const operator = stringNode(list(name).at(-1)) ?? '';
  if (kind !== 'AEXPR_OP' || lexpr === undefined || rexpr === undefined) return null;
  if (operator === '-' && sameTerms(lexpr, rexpr, state)?.calls === false) return zero;
  const neutral = operator === '||' ? '' : operator === '*' || operator === '/' ? '1' : '0';
  if (!'+-*/||'.includes(operator) || operator === '|') return null;
  const [left, right] = [constantOf(lexpr, state), constantOf(rexpr, state)];
  if (left !== null || right !== null) state.usedLiteral = true;
  if (right !== null && !right.null && right.value === neutral) return lexpr;
  if (operator === '-' || operator === '/') return null;
  if (left !== null && !left.null && left.value === neutral) return rexpr;
  const nothing = operator === '*' && [left, right].some((side) => side?.null === false && side.value === '0');
  return nothing ? zero : null;
}

/** Positions of a text, which equal terms need not share. */
const positions: ReadonlySet<string> = new Set([
  'location',
  'name_location',
  'list_start',
  'list_end',
  'rexpr_list_start',
  'rexpr_list_end',
]);

const flipped: { readonly [operator: string]: string } = { '<': '>', '<=': '>=' };

/** The term in a form in which equal ones are equal. */
export function termOf(node: unknown, state: FoldState): Term {
  const at = reduced(node, state);
  const tag = tagOf(at);
  const body = record(record(at)[tag]);
  if (tag === 'ColumnRef') return named(columnKey(names(body.fields), state));
  if (tag === 'A_Const') {
    return { shape: '?', full: JSON.stringify(body, withoutPositions), literal: true, calls: false };
  }
  if (tag === 'A_Expr' && body.kind === 'AEXPR_OP') return operation(body, state);
  return structure(at, tag === 'FuncCall' || tag === 'SubLink', state);
}

function withoutPositions(key: string, value: unknown): unknown {
  return positions.has(key) ? undefined : value;
}

function named(full: string): Term {
  return { shape: full, full, literal: false, calls: false };
}

/** `1 = n` is `n = 1`, and `n > 1` is `1 < n`. */
function operation({ name, lexpr, rexpr }: AstRecord, state: FoldState): Term {
  const operator = stringNode(list(name).at(-1)) ?? '';
  const sides = [termOf(lexpr, state), termOf(rexpr, state)];
  const turned = Object.hasOwn(flipped, operator);
  if (turned) sides.reverse();
  if (operator === '=' || operator === '<>') sides.sort((one, other) => order(one, other));
  return group(turned ? flipped[operator] : operator, sides);
}

function order(one: Term, other: Term): number {
  if (one.shape !== other.shape) return one.shape < other.shape ? -1 : 1;
  return one.full < other.full ? -1 : 1;
}

function group(name: string, parts: readonly Term[]): Term {
  return {
    shape: `${name}(${parts.map(({ shape }) => shape).join(',')})`,
    full: `${name}(${parts.map(({ full }) => full).join(',')})`,
    literal: parts.some(({ literal }) => literal),
    calls: parts.some(({ calls }) => calls),
  };
}

function structure(node: unknown, calls: boolean, state: FoldState): Term {
  if (--state.work.left < 0) return named('');
  if (Array.isArray(node))
    return group(
      '',
      node.map((item) => termOf(item, state)),
    );
  if (!isRecord(node)) return named(JSON.stringify(node) ?? '');
  const parts: Term[] = [];
  for (const key in node) if (!positions.has(key)) parts.push(group(key, [termOrStructure(node[key], state)]));
  const whole = group('', parts);
  return calls ? { ...whole, calls } : whole;
}

function termOrStructure(value: unknown, state: FoldState): Term {
  return tagOf(value) === '' ? structure(value, false, state) : termOf(value, state);
}

/** null: they are not, or nobody knows. */
export function sameTerms(left: unknown, right: unknown, state: FoldState): Term | null {
  const one = termOf(left, state);
  const other = termOf(right, state);
  if (one.shape !== other.shape || one.shape === '?') return null;
  if (one.literal) state.usedLiteral = true;
  return one.full === other.full ? one : null;
}

const negatedOperators: { readonly [operator: string]: string } = {
  '=': '<>',
  '<>': '=',
  '<': '>=',
  '>=': '<',
  '>': '<=',
  '<=': '>',
  '~~': '!~~',
  '!~~': '~~',
  '~~*': '!~~*',
  '!~~*': '~~*',
  '~': '!~',
  '!~': '~',
  '~*': '!~*',
  '!~*': '~*',
};

const negatedKinds: { readonly [kind: string]: string } = {
  AEXPR_DISTINCT: 'AEXPR_NOT_DISTINCT',
  AEXPR_NOT_DISTINCT: 'AEXPR_DISTINCT',
};

/** The term that holds where this one does not; null: it is written in no other way. */
export function negationOf(node: unknown, state: FoldState): Term | null {
  const at = reduced(node, state);
  const tag = tagOf(at);
  const body = record(record(at)[tag]);
  switch (tag) {
    case 'BoolExpr':
      return body.boolop === 'NOT_EXPR' ? termOf(list(body.args)[0], state) : null;
    case 'A_Expr': {
      const kind = text(body.kind);
      if (Object.hasOwn(negatedKinds, kind)) return termOf({ A_Expr: { ...body, kind: negatedKinds[kind] } }, state);
      const operator = stringNode(list(body.name).at(-1)) ?? '';
      if (!Object.hasOwn(negatedOperators, operator)) return null;
      return termOf({ A_Expr: { ...body, name: [{ String: { sval: negatedOperators[operator] } }] } }, state);
    }
    case 'NullTest':
      return termOf({ NullTest: { ...body, nulltesttype: negatedTest(text(body.nulltesttype)) } }, state);
    case 'BooleanTest':
      return termOf({ BooleanTest: { ...body, booltesttype: negatedTest(text(body.booltesttype)) } }, state);
    default:
      return null;
  }
}

function negatedTest(test: string): string {
  return test.startsWith('IS_NOT_') ? `IS_${test.slice(7)}` : `IS_NOT_${test.slice(3)}`;
}

/** Whether it is NULL for every row. */
export function isAlwaysNull(node: unknown, state: FoldState): boolean {
  const at = reduced(node, state);
  const tag = tagOf(at);
  const body = record(record(at)[tag]);
  if (tag === 'TypeCast') return isAlwaysNull(body.arg, state);
  if (tag === 'A_Const') {
    if (body.isnull === true) state.usedLiteral = true;
    return body.isnull === true;
  }
  if (tag !== 'A_Expr' || body.kind !== 'AEXPR_OP' || --state.work.left < 0) return false;
  return [body.lexpr, body.rexpr].some((side) => side !== undefined && isAlwaysNull(side, state));
}

const neverNull: ReadonlySet<string> = new Set(['A_ArrayExpr', 'NullTest', 'BooleanTest']);
const neverNullCalls: ReadonlySet<string> = new Set(
  'concat json_build_array jsonb_build_array json_build_object jsonb_build_object num_nulls num_nonnulls pg_typeof row_number now'.split(
    ' ',
  ),
);
/** Columns that every row has (manual, 5.6). */
const systemColumns: ReadonlySet<string> = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid']);

/** Whether it is NULL for no row. */
export function isNeverNull(node: unknown, state: FoldState): boolean {
  const at = reduced(node, state);
  const tag = tagOf(at);
  const body = record(record(at)[tag]);
  if (neverNull.has(tag)) return true;
  switch (tag) {
    case 'A_Const':
      state.usedLiteral = true;
      return body.isnull !== true;
    case 'TypeCast':
      return isNeverNull(body.arg, state);
    case 'CoalesceExpr':
      return list(body.args).some((arg) => isNeverNull(arg, state));
    case 'A_Expr':
      return body.kind === 'AEXPR_DISTINCT' || body.kind === 'AEXPR_NOT_DISTINCT';
    case 'SubLink':
      return body.subLinkType === 'EXISTS_SUBLINK';
    case 'FuncCall':
      return neverNullCalls.has(names(body.funcname).at(-1) ?? '');
    case 'ColumnRef':
      // Behind a name it may be a column of a sub-select.
      return list(body.fields).length === 1 && systemColumns.has(names(body.fields)[0]);
    default:
      return false;
  }
}

const comparing: ReadonlySet<string> = new Set(['=', '<>', '<', '>', '<=', '>=']);
const booleanTags: ReadonlySet<string> = new Set(['BoolExpr', 'NullTest', 'BooleanTest']);

/** Whether it is a condition by its form, whose truth can be asked for. */
export function isBoolean(node: unknown): boolean {
  const tag = tagOf(node);
  const body = record(record(node)[tag]);
  if (booleanTags.has(tag)) return true;
  if (tag === 'SubLink') return body.subLinkType === 'EXISTS_SUBLINK' || body.subLinkType === 'ANY_SUBLINK';
  if (tag === 'CaseExpr') return list(body.args).some((item) => isBoolean(record(unwrap(item, 'CaseWhen')).result));
  if (tag === 'CoalesceExpr') return list(body.args).some((arg) => isBoolean(arg));
  if (tag === 'A_Const') return body.boolval !== undefined;
  if (tag === 'TypeCast') return isBoolean(body.arg);
  if (tag !== 'A_Expr') return false;
  return body.kind !== 'AEXPR_NULLIF' && (body.kind !== 'AEXPR_OP' || comparing.has(operatorName(body)));
}

function operatorName(body: AstRecord): string {
  return stringNode(list(body.name).at(-1)) ?? '';
}

function columnKey(parts: readonly string[], state: FoldState): string {
  const own = state.self === null ? null : ownColumn(state.self, parts);
  return JSON.stringify(own ?? parts);
}
