/**
 * Rows of a statement's target that are met a second time in it.
 *
 * `DELETE FROM t USING t w WHERE t.id = w.id` deletes as much as `DELETE FROM t`: every row finds itself. Only copies with
 * all rows count, so that whatever narrows a copy (a WHERE of its own, LIMIT, a join) leaves the condition what it is.
 */
import { type AstRecord, isRecord, list, names, record, tagOf, text, unwrap } from '../parse/ast.ts';
import { foldCondition, restrictsNothing } from '../constants/condition.ts';

/** Own column of the target by the name under which a copy shows it; null: the names are the same. */
type ColumnNames = ReadonlyMap<string, string> | null;

export interface SelfJoin {
  readonly target: AstRecord;
  /** Names that stand for rows of the target: its own and those of its copies. */
  readonly names: ReadonlyMap<string, ColumnNames>;
  readonly ctes: readonly unknown[];
  /** What columns of FROM items without a table of their own stand for: `(SELECT 1 AS x) s` shows 1 as s.x. */
  readonly constants: ReadonlyMap<string, unknown>;
  readonly work: { left: number };
}

/**
 * More relations than this are not looked into, and count as copies: a recursion over names of WITH must end, and nesting
 * must not hide anything.
 */
const looksMax = 200;

/**
 * @param relation the target's RangeVar struct.
 * @param sources its FROM or USING items, or the source of a MERGE.
 * @param withClause of the statement.
 */
export function selfJoinOf(relation: AstRecord, sources: readonly unknown[], withClause: unknown): SelfJoin {
  const found = new Map<string, ColumnNames>([[nameOf(relation), null]]);
  const join: SelfJoin = {
    target: relation,
    names: found,
    ctes: list(record(withClause).ctes),
    constants: constantsOf(sources),
    work: { left: looksMax },
  };
  for (const source of sources) addCopies(join, found, source);
  return join;
}

function constantsOf(sources: readonly unknown[]): ReadonlyMap<string, unknown> {
  const found = new Map<string, unknown>();
  for (const source of sources) {
    const { subquery, alias } = record(unwrap(source, 'RangeSubselect'));
    const select = unwrap(subquery, 'SelectStmt');
    const name = text(record(alias).aliasname);
    const columns = names(record(alias).colnames);
    if (select === null || list(select.fromClause).length > 0 || select.larg !== undefined) continue;
    for (const [at, item] of list(select.targetList).entries()) {
      const target = record(unwrap(item, 'ResTarget'));
      const column = columns[at] ?? shownName(target);
      if (column === null || !isConstant(target.val)) continue;
      found.set(column, target.val);
      found.set(`${name}\u0000${column}`, target.val);
    }
  }
  return found;
}

function isConstant(value: unknown): boolean {
  let at = value;
  for (let cast = unwrap(at, 'TypeCast'); cast !== null; cast = unwrap(at, 'TypeCast')) at = cast.arg;
  return tagOf(at) === 'A_Const';
}

/** The target's own column that a reference means, in whatever copy; null: it may be another one. */
export function ownColumn(join: SelfJoin, parts: readonly string[]): string | null {
  const column = parts.at(-1) ?? '';
  if (parts.length === 1) return column;
  const known = join.names.get(parts[parts.length - 2]);
  if (known === undefined) return null;
  return known === null ? column : (known.get(column) ?? null);
}

/** Whether `x IN (SELECT ..)` or `EXISTS (..)` finds every row in the table itself; `link` is a SubLink struct. */
export function findsEveryRow(join: SelfJoin, link: AstRecord): boolean {
  const select = unwrap(link.subselect, 'SelectStmt');
  if (link.subLinkType === 'EXISTS_SUBLINK') return select !== null && isFoundAgain(join, select);
  if (link.subLinkType !== 'ANY_SUBLINK') return false;
  const operator = names(link.operName).at(-1) ?? '=';
  if (operator !== '=' && operator !== '>=' && operator !== '<=') return false;
  const copy = select === null ? undefined : copyBySelect(join, select);
  const own = ownColumn(join, names(unwrap(link.testexpr, 'ColumnRef')?.fields));
  if (select === null || copy === undefined || own === null || own === '') return false;
  const [shown, ...more] = list(select.targetList);
  if (more.length > 0) return false;
  const name = shownName(record(unwrap(shown, 'ResTarget')));
  return name !== null && (copy === null ? name : copy.get(name)) === own;
}

/** Whether a sub-select over copies alone has a condition that each row meets with itself. */
function isFoundAgain(join: SelfJoin, select: AstRecord): boolean {
  const sources = list(select.fromClause);
  if (sources.length === 0 || isNarrowed(select)) return false;
  const found = new Map(join.names);
  for (const source of sources) {
    const tag = tagOf(source);
    const body = record(record(source)[tag]);
    const copy = copyIn(join, tag, body);
    if (copy === undefined) return false;
    found.set(nameOf(body), copy);
  }
  return isNoCondition({ ...join, names: found }, select.whereClause);
}

function nameOf(relation: AstRecord): string {
  return text(record(relation.alias).aliasname) || text(relation.relname);
}

function addCopies(join: SelfJoin, found: Map<string, ColumnNames>, node: unknown): void {
  const tag = tagOf(node);
  const body = record(record(node)[tag]);
  if (tag === 'JoinExpr') {
    // What an outer join keeps is kept whole; any other join may drop rows.
    const crosses = body.quals === undefined && body.isNatural !== true && list(body.usingClause).length === 0;
    const inner = body.jointype === 'JOIN_INNER';
    if (inner ? crosses : body.jointype !== 'JOIN_RIGHT') addCopies(join, found, body.larg);
    if (inner ? crosses : body.jointype !== 'JOIN_LEFT') addCopies(join, found, body.rarg);
    return;
  }
  const copy = copyIn(join, tag, body);
  const { aliasname, colnames } = record(body.alias);
  const name = text(aliasname) || text(body.relname);
  if (copy === undefined || name === '' || list(colnames).length > 0) return;
  found.set(name, copy);
}

/** Columns that a FROM item shows, if it is a copy of the target with all its rows. */
function copyIn(join: SelfJoin, tag: string, body: AstRecord): ColumnNames | undefined {
  if (--join.work.left < 0) return null;
  if (tag === 'RangeSubselect') {
    const select = unwrap(body.subquery, 'SelectStmt');
    return select === null ? undefined : copyBySelect(join, select);
  }
  if (tag !== 'RangeVar') return undefined;
  if (text(body.schemaname) === '') {
    const named = join.ctes
      .map((item) => record(unwrap(item, 'CommonTableExpr')))
      .find((cte) => cte.ctename === body.relname);
    if (named !== undefined) {
      const select = unwrap(named.ctequery, 'SelectStmt');
      return select === null || list(named.aliascolnames).length > 0 ? undefined : copyBySelect(join, select);
    }
  }
  return isTarget(join.target, body) ? null : undefined;
}

/** The same table, as far as the text tells: one of the two may be written without its schema. */
function isTarget(target: AstRecord, other: AstRecord): boolean {
  const [own, wanted] = [text(target.schemaname), text(other.schemaname)];
  return text(target.relname) === text(other.relname) && (own === '' || wanted === '' || own === wanted);
}

/** Whether a SELECT may leave values out, for all but its WHERE. GROUP BY and a bare DISTINCT keep one of each. */
function isNarrowed(select: AstRecord): boolean {
  const { havingClause, valuesLists, larg, withClause, limitCount, limitOffset } = select;
  if ([havingClause, valuesLists, larg, withClause].some((part) => part !== undefined)) return true;
  if (list(select.distinctClause).some((item) => tagOf(item) !== '')) return true;
  const all = unwrap(limitCount, 'A_Const');
  const zero = unwrap(limitOffset, 'A_Const');
  const takesAll = limitCount === undefined || all?.isnull === true;
  return !takesAll || (limitOffset !== undefined && record(zero?.ival).ival !== undefined);
}

function isNoCondition(join: SelfJoin, condition: unknown): boolean {
  return condition === undefined || restrictsNothing(foldCondition(condition, join).fold);
}

/** Columns that a SELECT shows, if it gives all rows of the target. */
function copyBySelect(join: SelfJoin, select: AstRecord): ColumnNames | undefined {
  const [from, ...more] = list(select.fromClause);
  if (more.length > 0 || isNarrowed(select)) return undefined;
  const tag = tagOf(from);
  const body = record(record(from)[tag]);
  const inner = copyIn(join, tag, body);
  if (inner === undefined) return undefined;
  const within = new Map(join.names).set(nameOf(body), inner);
  if (!isNoCondition({ ...join, names: within }, select.whereClause)) return undefined;
  const shown = new Map<string, string>();
  for (const item of list(select.targetList)) {
    const target = record(unwrap(item, 'ResTarget'));
    const fields = list(unwrap(target.val, 'ColumnRef')?.fields);
    if (tagOf(fields.at(-1)) === 'A_Star') return inner;
    const column = names(fields).at(-1);
    const name = shownName(target);
    const own = column === undefined || inner === null ? column : inner.get(column);
    if (name !== null && own !== undefined) shown.set(name, own);
  }
  return shown;
}

function shownName(target: AstRecord): string | null {
  if (!isRecord(target.val)) return null;
  return text(target.name) || (names(unwrap(target.val, 'ColumnRef')?.fields).at(-1) ?? null);
}
