/**
 * Whether a WHERE clause depends on the row at all.
 *
 * `DELETE FROM t WHERE 1=1` deletes as much as `DELETE FROM t`, and `OR 'a'='a'` is the oldest injection there is. A
 * condition that names no column and no table is the same for every row, whatever functions it calls, so it is no
 * condition; only one that is known to be false (`WHERE false`) touches nothing and may stand.
 */
import { type AstRecord, isRecord, list, names, record, stringNode, text, unwrap } from './ast.ts';
import { type SelfJoin, findsEveryRow, ownColumn } from './selfJoin.ts';

/**
 * `true`, `false`: known. `constant`: one value for all rows, unknown here. `parameter`: the same, but a value that
 * the client binds decides it. `varies`: depends on the row.
 */
export type Fold = 'true' | 'false' | 'constant' | 'parameter' | 'varies';

export interface FoldResult {
  readonly fold: Fold;
  /** Whether the value of a literal had a say: another literal in its place could give another outcome. */
  readonly usedLiteral: boolean;
}

/** True where the condition restricts nothing. A parameter alone (`WHERE $1`) restricts nothing either. */
export function restrictsNothing(fold: Fold): boolean {
  return fold === 'true' || fold === 'constant' || fold === 'parameter';
}

/**
 * Folds a condition. The tree's depth must have been checked before.
 *
 * @param self what else in the statement stands for rows of its target; null: nothing.
 */
export function foldCondition(condition: unknown, self: SelfJoin | null = null): FoldResult {
  const state: FoldState = { usedLiteral: false, self };
  const result = fold(condition, state);
  return { fold: result, usedLiteral: state.usedLiteral };
}

interface FoldState {
  usedLiteral: boolean;
  readonly self: SelfJoin | null;
}

function fold(node: unknown, state: FoldState): Fold {
  const boolean = unwrap(node, 'BoolExpr');
  if (boolean !== null) return foldBoolean(boolean, state);
  const known = foldLeaf(node, state.self);
  if (known === null) {
    const dependence = dependsOn(node);
    // Constants alone (`length('x') = 1`): a literal is part of it.
    if (dependence === 'constant') state.usedLiteral = true;
    return dependence;
  }
  state.usedLiteral ||= known.literal;
  return known.value ? 'true' : 'false';
}

function foldBoolean(boolean: AstRecord, state: FoldState): Fold {
  const parts = list(boolean.args).map((arg) => fold(arg, state));
  switch (boolean.boolop) {
    case 'AND_EXPR':
      return strongest(parts, ['false', 'varies', 'parameter', 'constant'], 'true');
    case 'OR_EXPR':
      if (coversEveryRow(list(boolean.args), state.self)) return 'true';
      // `id = $2 OR $1` restricts unless the client says otherwise; `id = 1 OR random() >= 0` does not.
      return strongest(parts, ['true', 'constant', 'varies', 'parameter'], 'false');
    case 'NOT_EXPR':
      return parts[0] === 'true' ? 'false' : parts[0] === 'false' ? 'true' : (parts[0] ?? 'varies');
    default:
      return 'varies';
  }
}

function strongest(parts: readonly Fold[], order: readonly Fold[], otherwise: Fold): Fold {
  for (const candidate of order) if (parts.includes(candidate)) return candidate;
  return otherwise;
}

/** `x IS NULL OR x IS NOT NULL`. */
function coversEveryRow(args: readonly unknown[], self: SelfJoin | null): boolean {
  const seen = new Map<string, string>();
  for (const arg of args) {
    const test = unwrap(arg, 'NullTest');
    if (test === null) continue;
    const column = columnKey(test.arg, self);
    if (column === null) continue;
    const kind = text(test.nulltesttype);
    const before = seen.get(column);
    if (before !== undefined && before !== kind) return true;
    seen.set(column, kind);
  }
  return false;
}

interface Known {
  readonly value: boolean;
  readonly literal: boolean;
}

/** Truth of constants, of comparisons between constants, and of a column compared with itself. */
function foldLeaf(node: unknown, self: SelfJoin | null): Known | null {
  const own = constantOf(node);
  if (own !== null) return { value: own.null ? false : isTrueWord(own.value), literal: true };
  const comparison = unwrap(node, 'A_Expr');
  if (comparison !== null) return foldComparison(comparison, self);
  const link = unwrap(node, 'SubLink');
  if (link !== null && self !== null && findsEveryRow(self, link)) return { value: true, literal: false };
  const test = unwrap(node, 'NullTest');
  const tested = test === null ? null : constantOf(test.arg);
  if (test !== null && tested !== null) {
    return { value: tested.null === (test.nulltesttype === 'IS_NULL'), literal: true };
  }
  return null;
}

function foldComparison(comparison: AstRecord, self: SelfJoin | null): Known | null {
  const operator = stringNode(list(comparison.name).at(-1));
  if (comparison.kind !== 'AEXPR_OP' && comparison.kind !== 'AEXPR_NOT_DISTINCT') return null;
  const columnLeft = columnKey(comparison.lexpr, self);
  if (columnLeft !== null && columnLeft === columnKey(comparison.rexpr, self)) {
    const same = operator === '=' || operator === '>=' || operator === '<=';
    return same ? { value: true, literal: false } : null;
  }
  const left = constantOf(comparison.lexpr);
  const right = constantOf(comparison.rexpr);
  if (left === null || right === null) return null;
  if (left.null || right.null) return { value: false, literal: true };
  const value = compare(operator ?? '', left.value, right.value);
  return value === null ? null : { value, literal: true };
}

function compare(operator: string, left: string, right: string): boolean | null {
  const a = Number(left);
  const b = Number(right);
  const numeric = left.trim() !== '' && right.trim() !== '' && !Number.isNaN(a) && !Number.isNaN(b);
  switch (operator) {
    case '=':
      return numeric ? a === b : left === right;
    case '<>':
    case '!=':
      return numeric ? a !== b : left !== right;
    // The order of strings depends on the collation of the target.
    case '<':
      return numeric ? a < b : null;
    case '<=':
      return numeric ? a <= b : null;
    case '>':
      return numeric ? a > b : null;
    case '>=':
      return numeric ? a >= b : null;
    default:
      return null;
  }
}

interface Constant {
  readonly null: boolean;
  readonly value: string;
}

/** Text of a constant, through casts. A cast can change the value (`0.4::int`), but no fact needs that precision. */
function constantOf(node: unknown): Constant | null {
  let at = node;
  for (let cast = unwrap(at, 'TypeCast'); cast !== null; cast = unwrap(at, 'TypeCast')) at = cast.arg;
  const constant = unwrap(at, 'A_Const');
  if (constant === null) return null;
  if (constant.isnull === true) return { null: true, value: '' };
  if (isRecord(constant.ival)) return { null: false, value: String(constant.ival.ival ?? 0) };
  if (isRecord(constant.boolval)) return { null: false, value: constant.boolval.boolval === true ? 'true' : 'false' };
  if (isRecord(constant.fval)) return { null: false, value: text(constant.fval.fval) };
  if (isRecord(constant.sval)) return { null: false, value: text(constant.sval.sval) };
  return null;
}

/** parse_bool of the server: any unambiguous prefix of true, yes, on; 1; and `0`, no, off the other way. */
function isTrueWord(value: string): boolean {
  const word = value.trim().toLowerCase();
  if (word === '') return false;
  return word === '1' || 'true'.startsWith(word) || 'yes'.startsWith(word) || word === 'on';
}

function columnKey(node: unknown, self: SelfJoin | null): string | null {
  const column = unwrap(node, 'ColumnRef');
  if (column === null) return null;
  const parts = names(column.fields);
  const own = self === null ? null : ownColumn(self, parts);
  return own ?? parts.join('\u0000');
}

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
