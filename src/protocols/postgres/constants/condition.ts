/**
 * Whether a WHERE clause depends on the row at all.
 *
 * `DELETE FROM t WHERE 1=1` deletes as much as `DELETE FROM t`, and `OR 'a'='a'` is the oldest injection there is. A
 * condition that names no column and no table is the same for every row, whatever functions it calls, so it is no
 * condition, nor is one that compares a row with itself; only one that is known to be false (`WHERE false`) touches
 * nothing and may stand. Terms (what is compared) are dealt with in constants/terms.ts.
 */
import { type AstRecord, isRecord, list, names, record, stringNode, tagOf, unwrap } from '../parse/ast.ts';
import { foldBooleanTest, foldCase, foldCoalesce, foldNullTest } from './branches.ts';
import { foldLink } from './rows.ts';
import { isAlwaysNull, isBoolean, isNeverNull, negationOf, reduced, sameTerms, termOf } from './terms.ts';
import { compareConstants, constantOf, isTrueWord, matchesAll } from './values.ts';
import type { SelfJoin } from '../facts/selfJoin.ts';

/**
 * `true`, `false`: known. `constant`: one value for all rows, unknown here. `parameter`: the same, but a value that
 * the client binds decides it. `varies`: depends on the row.
 */
export type Fold = 'true' | 'false' | 'constant' | 'parameter' | 'varies';

/** NULL is no truth, but `IS UNKNOWN` is true of it. */
export type Truth = Fold | 'null';

export interface FoldResult {
  readonly fold: Fold;
  /** Whether the value of a literal had a say: another literal in its place could give another outcome. */
  readonly usedLiteral: boolean;
}

export interface FoldState {
  usedLiteral: boolean;
  readonly self: SelfJoin | null;
  readonly work: { left: number };
  readonly truths: Map<unknown, Truth>;
  readonly terms: Map<unknown, unknown>;
}

/** Nodes that are looked at in one condition; nothing hides behind more than that. */
const workMax = 500_000;

/** True where the condition restricts nothing. A parameter alone (`WHERE $1`) restricts nothing either. */
export function restrictsNothing(fold: Fold): boolean {
  return fold === 'true' || fold === 'constant' || fold === 'parameter';
}

/**
 * Folds a condition. The tree's depth must have been checked before.
 *
 * @param self what else in the statement stands for rows of its target.
 */
export function foldCondition(condition: unknown, self: SelfJoin): FoldResult {
  const state = stateFor(self, { left: workMax });
  const truth = truthOf(condition, state);
  if (state.work.left < 0) return { fold: 'constant', usedLiteral: true };
  return { fold: truth === 'null' ? 'false' : truth, usedLiteral: state.usedLiteral };
}

export function stateFor(self: SelfJoin | null, work: { left: number }): FoldState {
  return { usedLiteral: false, self, work, truths: new Map(), terms: new Map() };
}

export function truthOf(node: unknown, state: FoldState): Truth {
  const known = state.truths.get(node);
  if (known !== undefined) return known;
  if (--state.work.left < 0) return 'constant';
  const at = reduced(node, state);
  const truth = at === node ? truthOfTerm(node, state) : truthOf(at, state);
  state.truths.set(node, truth);
  return truth;
}

function truthOfTerm(node: unknown, state: FoldState): Truth {
  const tag = tagOf(node);
  const body = record(record(node)[tag]);
  const found = foldTagged(tag, body, state) ?? foldLiteral(node, state);
  if (found !== null) return found;
  const dependence = dependsOn(node);
  // Constants alone (`length('x') = 1`): a literal is part of it.
  if (dependence === 'constant') state.usedLiteral = true;
  return dependence;
}

function foldTagged(tag: string, body: AstRecord, state: FoldState): Truth | null {
  switch (tag) {
    case 'BoolExpr':
      return foldBoolean(body, state);
    case 'A_Expr':
      return foldExpression(body, state);
    case 'BooleanTest':
      return foldBooleanTest(body, state);
    case 'NullTest':
      return foldNullTest(body, state);
    case 'CaseExpr':
      return foldCase(body, state);
    case 'CoalesceExpr':
      return foldCoalesce(body, state);
    case 'SubLink':
      return foldLink(body, state);
    case 'FuncCall':
      return foldCall(body, state);
    case 'TypeCast':
      return isBoolean(body.arg) ? truthOf(body.arg, state) : null;
    default:
      return null;
  }
}

function foldLiteral(node: unknown, state: FoldState): Truth | null {
  const literal = isBoolean(node) && unwrap(withoutCasts(node), 'A_Const') === null ? null : constantOf(node, state);
  if (literal === null) return null;
  state.usedLiteral = true;
  return literal.null ? 'null' : isTrueWord(literal.value) ? 'true' : 'false';
}

function foldBoolean(boolean: AstRecord, state: FoldState): Truth {
  const { boolop } = boolean;
  const args = flat(boolean, boolop);
  if (boolop === 'NOT_EXPR') return not(truthOf(args[0], state));
  if (boolop !== 'AND_EXPR' && boolop !== 'OR_EXPR') return 'varies';
  const parts = args.map((arg) => truthOf(arg, state));
  const opposed = opposites(args, state);
  if (boolop === 'AND_EXPR') {
    if (opposed !== null) parts.push(not(opposed));
    return strongest(parts, ['false', 'varies', 'parameter', 'constant', 'null'], 'true');
  }
  if (opposed !== null) parts.push(opposed);
  // `id = $2 OR $1` restricts unless the client says otherwise; `id = 1 OR random() >= 0` does not.
  return strongest(parts, ['true', 'constant', 'varies', 'parameter', 'null'], 'false');
}

/** Of `a OR (b OR c)` all three. */
function flat(boolean: AstRecord, boolop: unknown): readonly unknown[] {
  const args = list(boolean.args);
  if (boolop === 'NOT_EXPR') return args;
  return args.flatMap((arg) => {
    const inner = unwrap(arg, 'BoolExpr');
    return inner !== null && inner.boolop === boolop ? flat(inner, boolop) : [arg];
  });
}

function not(truth: Truth): Truth {
  if (truth === 'true') return 'false';
  return truth === 'false' ? 'true' : truth;
}

function strongest(parts: readonly Truth[], order: readonly Truth[], otherwise: Truth): Truth {
  for (const candidate of order) if (parts.includes(candidate)) return candidate;
  return otherwise;
}

/** `x IS NULL OR x IS NOT NULL`, `n = 1 OR n <> 1`: one of them always holds. null: no two are of this kind. */
function opposites(args: readonly unknown[], state: FoldState): Truth | null {
  if (args.length < 2) return null;
  const seen = new Map<string, Set<string>>();
  const terms = args.map((arg) => termOf(arg, state));
  for (const { shape, full } of terms) {
    const same = seen.get(shape);
    if (same === undefined) seen.set(shape, new Set([full]));
    else same.add(full);
  }
  for (const arg of args) {
    const opposite = negationOf(arg, state);
    const same = opposite === null ? undefined : seen.get(opposite.shape);
    if (opposite === null || same === undefined) continue;
    if (opposite.literal) state.usedLiteral = true;
    if (same.has(opposite.full)) return opposite.calls ? 'constant' : 'true';
  }
  return null;
}

function foldExpression(expression: AstRecord, state: FoldState): Truth | null {
  const operator = stringNode(list(expression.name).at(-1)) ?? '';
  const { kind, lexpr: left, rexpr: right } = expression;
  switch (kind) {
    case 'AEXPR_OP':
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
    case 'AEXPR_SIMILAR':
      return comparePair(operator, left, right, state);
    case 'AEXPR_DISTINCT':
      return foldDistinct(left, right, state);
    case 'AEXPR_NOT_DISTINCT':
      return orNull(foldDistinct(left, right, state), not);
    case 'AEXPR_IN':
      return foldAny(operator, left, list(record(record(right).List).items), operator === '<>', state);
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL': {
      const array = unwrap(withoutCasts(right), 'A_ArrayExpr');
      return array === null ? null : foldAny(operator, left, list(array.elements), kind === 'AEXPR_OP_ALL', state);
    }
    case 'AEXPR_BETWEEN':
    case 'AEXPR_BETWEEN_SYM':
      return foldBetween(left, right, state);
    case 'AEXPR_NOT_BETWEEN':
    case 'AEXPR_NOT_BETWEEN_SYM':
      return orNull(foldBetween(left, right, state), not);
    default:
      return null;
  }
}

function orNull(truth: Truth | null, use: (truth: Truth) => Truth): Truth | null {
  return truth === null ? null : use(truth);
}

function withoutCasts(node: unknown): unknown {
  let at = node;
  for (let cast = unwrap(at, 'TypeCast'); cast !== null; cast = unwrap(at, 'TypeCast')) at = cast.arg;
  return at;
}

const holdsOfItself: ReadonlySet<string> = new Set(['=', '>=', '<=', '~~', '~~*', '@>', '<@', '~=', '&&']);
const failsOfItself: ReadonlySet<string> = new Set(['<>', '!=', '<', '>', '!~~', '!~~*']);

/** null: nothing is known of it but what it hangs on. */
function comparePair(operator: string, leftNode: unknown, rightNode: unknown, state: FoldState): Truth | null {
  if (leftNode === undefined || rightNode === undefined) return null;
  const left = reduced(leftNode, state);
  const right = reduced(rightNode, state);
  if (isAlwaysNull(left, state) || isAlwaysNull(right, state)) return 'null';
  const same = sameTerms(left, right, state);
  if (same !== null) {
    // What a function gives may be another value each time, and is unknown for certain.
    if (holdsOfItself.has(operator)) return same.calls ? 'constant' : 'true';
    if (failsOfItself.has(operator)) return same.calls ? 'constant' : 'false';
  }
  return (
    compareRows(operator, left, right, state) ??
    matchPattern(operator, left, right, state) ??
    compareLiterals(operator, left, right, state) ??
    compareTruths(operator, left, right, state)
  );
}

function compareRows(operator: string, left: unknown, right: unknown, state: FoldState): Truth | null {
  const [one, other] = [unwrap(left, 'RowExpr'), unwrap(right, 'RowExpr')];
  if (one === null || other === null || (operator !== '=' && operator !== '<>')) return null;
  const [ones, others] = [list(one.args), list(other.args)];
  if (ones.length !== others.length) return null;
  const parts = ones.map((item, at) => pairTruth(operator, item, others[at], state));
  return operator === '='
    ? strongest(parts, ['false', 'varies', 'parameter', 'constant', 'null'], 'true')
    : strongest(parts, ['true', 'constant', 'varies', 'parameter', 'null'], 'false');
}

export function pairTruth(operator: string, left: unknown, right: unknown, state: FoldState): Truth {
  return comparePair(operator, left, right, state) ?? dependsOn([left, right]);
}

/** `name LIKE '%'`, `name ~ ''`. */
function matchPattern(operator: string, left: unknown, right: unknown, state: FoldState): Truth | null {
  const matches = matchesAll(operator, right, state);
  if (matches === null || dependsOn(left) !== 'varies') return null;
  state.usedLiteral = true;
  if (!matches) return null;
  return operator.startsWith('!') ? 'false' : 'true';
}

function compareLiterals(operator: string, left: unknown, right: unknown, state: FoldState): Truth | null {
  const one = constantOf(left, state);
  const other = one === null ? null : constantOf(right, state);
  if (one === null || other === null) return null;
  state.usedLiteral = true;
  if (one.null || other.null) return 'null';
  const value = compareConstants(operator, one, other);
  if (value === null) return 'constant';
  return value ? 'true' : 'false';
}

/** `(n = n) = true`. */
function compareTruths(operator: string, left: unknown, right: unknown, state: FoldState): Truth | null {
  if (!isBoolean(left) && !isBoolean(right)) return null;
  const [one, other] = [truthOf(left, state), truthOf(right, state)];
  if (one === 'varies' || other === 'varies') return null;
  if (one === 'null' || other === 'null') return 'null';
  if (one === 'parameter' || other === 'parameter') return 'parameter';
  if (one === 'constant' || other === 'constant') return 'constant';
  const value = compareConstants(
    operator,
    { null: false, value: one, cast: true },
    { null: false, value: other, cast: true },
  );
  if (value === null) return 'constant';
  return value ? 'true' : 'false';
}

function foldDistinct(left: unknown, right: unknown, state: FoldState): Truth | null {
  const nulls = [isAlwaysNull(left, state), isAlwaysNull(right, state)];
  if (nulls[0] && nulls[1]) return 'false';
  if (nulls[0] || nulls[1]) return isNeverNull(nulls[0] ? right : left, state) ? 'true' : null;
  const truth = comparePair('<>', left, right, state);
  return truth === 'null' ? 'true' : truth;
}

/** `n IN (..)` and `n = ANY (ARRAY[..])`; `all`: NOT IN and ALL. */
export function foldAny(
  operator: string,
  left: unknown,
  items: readonly unknown[],
  all: boolean,
  state: FoldState,
): Truth | null {
  const literal = constantOf(reduced(left, state), state) !== null;
  const isPlain = !literal && !isBoolean(left) && !isAlwaysNull(left, state);
  const parts: Truth[] = [];
  for (const item of items) {
    // Long lists of constants are what a column is compared with; of each it is known that it may be another value.
    const constant = isPlain ? unwrap(item, 'A_Const') : null;
    const plain = constant !== null && constant.isnull !== true;
    const truth = plain ? 'varies' : pairTruth(operator, left, item, state);
    if (!parts.includes(truth)) parts.push(truth);
  }
  if (parts.includes('varies') && dependsOn(left) !== 'varies' && !parts.some((part) => part !== 'varies')) {
    return dependsOn([left, items]);
  }
  return all
    ? strongest(parts, ['false', 'varies', 'parameter', 'constant', 'null'], 'true')
    : strongest(parts, ['true', 'constant', 'varies', 'parameter', 'null'], 'false');
}

function foldBetween(left: unknown, right: unknown, state: FoldState): Truth | null {
  const [low, high] = list(record(record(right).List).items);
  const parts = [pairTruth('>=', left, low, state), pairTruth('<=', left, high, state)];
  return strongest(parts, ['false', 'varies', 'parameter', 'constant', 'null'], 'true');
}

/** `int4eq(n, n)` is `n = n`. */
function foldCall({ funcname, args }: AstRecord, state: FoldState): Truth | null {
  const name = names(funcname).at(-1) ?? '';
  const [left, right, ...more] = list(args);
  if (left === undefined || right === undefined || more.length > 0) return null;
  if (name === 'starts_with') return comparePair('^@', left, right, state);
  const operator = /^(?:[a-z]+[0-9]*_?|)(eq|ge|le|ne|gt|lt)$/.exec(name)?.[1];
  return operator === undefined ? null : comparePair(operatorOf[operator] ?? '', left, right, state);
}

const operatorOf: { readonly [name: string]: string } = { eq: '=', ge: '>=', le: '<=', ne: '<>', gt: '>', lt: '<' };

/** What an expression hangs on: any column, table or cursor makes it vary; else a parameter; else nothing. */
function dependsOn(node: unknown): Fold {
  let parameter = false;
  const open: unknown[] = [node];
  while (open.length > 0) {
    const value = open.pop();
    if (Array.isArray(value)) {
      for (const item of value) open.push(item);
      continue;
    }
    if (!isRecord(value)) continue;
    for (const key in value) {
      if (key === 'ColumnRef' || key === 'RangeVar' || key === 'CurrentOfExpr' || key === 'relname') return 'varies';
      if (key === 'ParamRef') parameter = true;
      const inner = value[key];
      if (typeof inner === 'object') open.push(record(inner) === inner ? inner : list(inner));
    }
  }
  return parameter ? 'parameter' : 'constant';
}
