/** Sub-selects in a condition: whether they have rows at all, and what they show if they read no table. */
import { type AstRecord, list, names, record, unwrap } from '../parse/ast.ts';
import { foldAny, type FoldState, stateFor, type Truth, truthOf } from './condition.ts';
import { constantOf } from './values.ts';
import { findsEveryRow } from '../facts/selfJoin.ts';

export function foldLink(link: AstRecord, state: FoldState): Truth | null {
  if (state.self !== null && findsEveryRow(state.self, link)) return 'true';
  const select = unwrap(link.subselect, 'SelectStmt');
  if (select === null) return null;
  const rows = rowsOf(select, state);
  const operator = names(link.operName).at(-1) ?? '=';
  switch (link.subLinkType) {
    case 'EXISTS_SUBLINK':
      if (rows === 'some') return 'true';
      if (rows === 'none') return 'false';
      return rows === 'unknown' ? null : rows;
    case 'ANY_SUBLINK':
    case 'ALL_SUBLINK': {
      const all = link.subLinkType === 'ALL_SUBLINK';
      if (rows === 'none') return all ? 'true' : 'false';
      const values = rows === 'some' ? valuesOf(select) : null;
      return values === null ? null : foldAny(operator, link.testexpr, values, all, state);
    }
    default:
      return null;
  }
}

/** The values of a sub-select without FROM, one a row; null: there are others. */
function valuesOf(select: AstRecord): readonly unknown[] | null {
  if (list(select.fromClause).length > 0 || select.larg !== undefined) return null;
  const rows = list(select.valuesLists);
  if (rows.length > 0) {
    const values = rows.map((row) => list(record(record(row).List).items));
    return values.every((items) => items.length === 1) ? values.map(([item]) => item) : null;
  }
  const [target, ...more] = list(select.targetList);
  return target === undefined || more.length > 0 ? null : [record(unwrap(target, 'ResTarget')).val];
}

const aggregates: ReadonlySet<string> = new Set([
  'count',
  'sum',
  'min',
  'max',
  'avg',
  'bool_and',
  'bool_or',
  'array_agg',
]);

/** Whether a sub-select has rows: for certain, or as its condition says; `unknown`: what is in tables decides it. */
function rowsOf(select: AstRecord, state: FoldState): 'some' | 'none' | 'unknown' | Truth {
  const { limitCount, limitOffset, havingClause, larg, whereClause } = select;
  const limit = limitCount === undefined ? null : constantOf(limitCount, state);
  if (limit !== null) state.usedLiteral = true;
  if (limit !== null && !limit.null && Number(limit.value) === 0) return 'none';
  const cut = limitOffset !== undefined || (limitCount !== undefined && (limit === null || limit.null));
  if (havingClause !== undefined || larg !== undefined || cut) return 'unknown';
  if (list(select.valuesLists).length > 0) return 'some';
  const grouped = list(select.groupClause).length > 0;
  if (!grouped && list(select.targetList).some((item) => isAggregate(item))) return 'some';
  const from = list(select.fromClause);
  // Columns of its own tables are others than those of the same name outside.
  const inner = from.length === 0 ? state : stateFor(null, state.work);
  const truth = whereClause === undefined ? 'true' : truthOf(whereClause, inner);
  if (inner.usedLiteral) state.usedLiteral = true;
  if (truth === 'false' || truth === 'null') return 'none';
  if (from.length > 0) return from.some((item) => isEmpty(item, inner)) ? 'none' : 'unknown';
  return truth === 'true' ? 'some' : truth;
}

function isAggregate(target: unknown): boolean {
  const call = unwrap(record(unwrap(target, 'ResTarget')).val, 'FuncCall');
  return call !== null && call.over === undefined && aggregates.has(names(call.funcname).at(-1) ?? '');
}

function isEmpty(source: unknown, state: FoldState): boolean {
  const select = unwrap(record(unwrap(source, 'RangeSubselect')).subquery, 'SelectStmt');
  return select !== null && rowsOf(select, state) === 'none';
}
