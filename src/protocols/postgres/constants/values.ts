/** Constants in a condition, and how they compare; in unsure cases nothing is known. */
import { type AstRecord, isRecord, list, names, text, unwrap } from '../parse/ast.ts';
import { type FoldState, truthOf } from './condition.ts';
import { isBoolean, reduced } from './terms.ts';

export interface Constant {
  readonly null: boolean;
  readonly value: string;
  /** A cast may have made another value of it: texts that differ say nothing. */
  readonly cast: boolean;
}

/** A constant, through casts and conditions that are one. */
export function constantOf(node: unknown, state: FoldState): Constant | null {
  let at = reduced(node, state);
  let cast = false;
  for (let inner = unwrap(at, 'TypeCast'); inner !== null; inner = unwrap(at, 'TypeCast')) {
    cast = true;
    at = reduced(inner.arg, state);
  }
  const constant = unwrap(at, 'A_Const');
  if (constant !== null) return literalOf(constant, cast);
  if (!isBoolean(at)) return null;
  const truth = truthOf(at, state);
  if (truth === 'null') return { null: true, value: '', cast: true };
  return truth === 'true' || truth === 'false' ? { null: false, value: truth, cast: true } : null;
}

function literalOf(constant: AstRecord, cast: boolean): Constant | null {
  if (constant.isnull === true) return { null: true, value: '', cast };
  if (isRecord(constant.ival)) return { null: false, value: String(constant.ival.ival ?? 0), cast };
  if (isRecord(constant.boolval)) return { null: false, value: String(constant.boolval.boolval === true), cast: true };
  if (isRecord(constant.fval)) return { null: false, value: text(constant.fval.fval).replaceAll('_', ''), cast };
  if (isRecord(constant.sval)) return { null: false, value: text(constant.sval.sval), cast };
  return null;
}

/** null: not known. */
export function compareConstants(operator: string, one: Constant, other: Constant): boolean | null {
  const found = compareTexts(operator, one.value, other.value);
  if (!one.cast && !other.cast) return found;
  // `'t' = true`, and `1.4::int = 1`: the texts differ, and the values do not.
  const truths = [one, other].map(({ value }) => (isWord(value) ? String(isTrueWord(value)) : null));
  const booleans = [one, other].some(({ value }) => value === 'true' || value === 'false');
  if (booleans && truths[0] !== null && truths[1] !== null) {
    const [left, right] = truths;
    if (operator === '=') return left === right;
    if (operator === '<>' || operator === '!=') return left !== right;
    return null;
  }
  return one.value === other.value ? found : null;
}

function isWord(value: string): boolean {
  const word = value.trim().toLowerCase();
  return word !== '' && ['true', 'false', 'yes', 'no', 'on', 'off', '1', '0'].some((full) => full.startsWith(word));
}

function compareTexts(operator: string, left: string, right: string): boolean | null {
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

/** parse_bool of the server: any unambiguous prefix of true, yes, on; 1; and `0`, no, off the other way. */
export function isTrueWord(value: string): boolean {
  const word = value.trim().toLowerCase();
  if (word === '') return false;
  return word === '1' || 'true'.startsWith(word) || 'yes'.startsWith(word) || word === 'on';
}

/** Whether every text matches the pattern; null: it is none that is known, or the operator matches nothing. */
export function matchesAll(operator: string, right: unknown, state: FoldState): boolean | null {
  const call = unwrap(right, 'FuncCall');
  const similar = names(call?.funcname).at(-1) === 'similar_to_escape';
  const pattern = constantOf(similar ? list(call?.args)[0] : right, state);
  if (pattern === null || pattern.null) return null;
  const plain = operator.replace(/^!/, '');
  if (similar || plain === '~~' || plain === '~~*') return /^%+$/.test(pattern.value);
  if (plain === '~' || plain === '~*') return /^(?:\^|\(\?[a-z]+\))*(?:\(?\.\*\??\)?|\(\)|)*\$?$/.test(pattern.value);
  return plain === '^@' ? pattern.value === '' : null;
}
