/**
 * Queries and expressions: which relations, columns and functions they use.
 *
 * Resolution follows parse_relation.c and parse_cte.c: a WITH item hides a table of its name from FROM, but never from
 * the target of INSERT, UPDATE, DELETE or MERGE; without RECURSIVE an item sees only those before it.
 */
import {
  type AstRecord,
  isRecord,
  list,
  names,
  record,
  stringConstant,
  stringNode,
  tagOf,
  text,
  unwrap,
} from '../parse/ast.ts';
import { foldCondition, restrictsNothing } from '../constants/condition.ts';
import {
  type FactsCollector,
  type Scope,
  type Source,
  addBareColumn,
  findSource,
  isCte,
  openScope,
} from './collect.ts';
import { addNamedRelation, isRowBuiltin, noteCall } from './functions.ts';
import type { SelfJoin } from './selfJoin.ts';

/** Walks one query: SELECT, INSERT, UPDATE, DELETE or MERGE; false where it is something else. */
export function walkQuery(facts: FactsCollector, tag: string, body: AstRecord, outer: Scope | null): boolean {
  if (tag !== 'SelectStmt') return facts.walkModify(facts, tag, body, outer);
  walkSelect(facts, body, outer);
  return true;
}

/** Opens the scope of a query and walks its WITH items into it. */
export function openQuery(facts: FactsCollector, body: AstRecord, outer: Scope | null): Scope {
  const clause = record(body.withClause);
  const items = list(clause.ctes);
  if (items.length === 0) return openScope(outer);
  const scope = openScope(outer);
  if (clause.recursive === true) for (const item of items) scope.ctes.add(cteName(item));
  for (const item of items) {
    walk(facts, record(unwrap(item, 'CommonTableExpr')).ctequery, scope);
    scope.ctes.add(cteName(item));
  }
  return openScope(scope);
}

function cteName(item: unknown): string {
  return text(record(unwrap(item, 'CommonTableExpr')).ctename);
}

function walkSelect(facts: FactsCollector, top: AstRecord, outer: Scope | null): void {
  facts.kinds.add('select');
  // A UNION of many arms leans to the left, so its spine is walked in a loop.
  let body = top;
  let around = outer;
  const open: Scope[] = [];
  while (isRecord(body.larg) && isRecord(body.rarg)) {
    const scope = openQuery(facts, body, around);
    facts.enter();
    walkSelect(facts, body.rarg, scope);
    facts.leave();
    walkTail(facts, body, scope);
    open.push(scope);
    around = scope;
    body = body.larg;
  }
  const scope = openQuery(facts, body, around);
  for (const item of list(body.fromClause)) walkFrom(facts, item, scope);
  walkInto(facts, body.intoClause);
  walk(facts, body.distinctClause, scope);
  walk(facts, body.targetList, scope);
  walk(facts, body.whereClause, scope);
  walk(facts, body.groupClause, scope);
  walk(facts, body.havingClause, scope);
  walk(facts, body.windowClause, scope);
  walk(facts, body.valuesLists, scope);
  walkTail(facts, body, scope);
}

/** ORDER BY, LIMIT and GROUP BY by position make the meaning of a literal part of the query. */
function walkTail(facts: FactsCollector, body: AstRecord, scope: Scope): void {
  for (const item of list(body.sortClause)) {
    if (unwrap(record(unwrap(item, 'SortBy')).node, 'A_Const') !== null) facts.literalFree = false;
  }
  for (const item of list(body.groupClause)) if (unwrap(item, 'A_Const') !== null) facts.literalFree = false;
  walk(facts, body.sortClause, scope);
  walk(facts, body.limitCount, scope);
  walk(facts, body.limitOffset, scope);
}

/** SELECT .. INTO t makes a table. */
export function walkInto(facts: FactsCollector, into: unknown): void {
  if (!isRecord(into)) return;
  facts.kinds.add('create');
  addRelation(facts, record(into.rel), 'define');
}

export function addRelation(facts: FactsCollector, relation: AstRecord, access: 'read' | 'write' | 'define'): void {
  facts.addObject(text(relation.schemaname) || null, text(relation.relname), access);
}

export function tableSource(relation: AstRecord, alias: unknown): Source {
  const table = text(relation.relname);
  const name = text(record(alias).aliasname) || table;
  return { name, origin: 'table', schema: text(relation.schemaname) || null, table, hidden: false };
}

function aliasOnly(alias: unknown, origin: Source['origin'], fallback: string): Source {
  return { name: text(record(alias).aliasname) || fallback, origin, schema: null, table: '', hidden: false };
}

/** Walks an item of FROM (or USING) and adds it to the scope's sources. */
export function walkFrom(facts: FactsCollector, item: unknown, scope: Scope): void {
  const tag = tagOf(item);
  const body = record(record(item)[tag]);
  facts.enter();
  switch (tag) {
    case 'RangeVar':
      walkRangeVar(facts, body, scope);
      break;
    case 'RangeSubselect': {
      // Without LATERAL a subquery does not see its neighbours.
      walk(facts, body.subquery, body.lateral === true ? scope : withoutSources(scope));
      scope.sources.push(aliasOnly(body.alias, 'query', ''));
      break;
    }
    case 'RangeFunction': {
      walk(facts, body.functions, scope);
      scope.sources.push(functionSource(body));
      break;
    }
    case 'JoinExpr':
      walkJoin(facts, body, scope);
      break;
    case 'RangeTableSample':
      walkFrom(facts, body.relation, scope);
      facts.addFunction(names(body.method));
      walk(facts, body.args, scope);
      walk(facts, body.repeatable, scope);
      break;
    default:
      // XMLTABLE and JSON_TABLE compute their columns; of what later versions add nothing is known.
      facts.literalFree = false;
      walk(facts, item, scope);
      scope.sources.push(
        aliasOnly(body.alias, tag === 'JsonTable' || tag === 'RangeTableFunc' ? 'query' : 'function', ''),
      );
  }
  facts.leave();
}

function withoutSources(scope: Scope): Scope {
  return { parent: scope.parent, ctes: scope.ctes, sources: [], starred: 0 };
}

function walkRangeVar(facts: FactsCollector, body: AstRecord, scope: Scope): void {
  const relation = text(body.relname);
  if (text(body.schemaname) === '' && isCte(facts, scope, relation)) {
    scope.sources.push(aliasOnly(body.alias, 'query', relation));
    return;
  }
  addRelation(facts, body, 'read');
  const source = tableSource(body, body.alias);
  scope.sources.push(source);
  // `customers AS c (a, b)` renames columns by position, so any of them may stand behind any name.
  if (renamesColumns(body.alias)) facts.addColumn(source.schema, source.table, '*', 'read');
}

function renamesColumns(alias: unknown): boolean {
  return list(record(alias).colnames).length > 0;
}

function walkJoin(facts: FactsCollector, body: AstRecord, scope: Scope): void {
  walkFrom(facts, body.larg, scope);
  walkFrom(facts, body.rarg, scope);
  walk(facts, body.quals, scope);
  for (const column of names(body.usingClause)) addBareColumn(facts, scope, column);
  if (!isRecord(body.alias)) return;
  scope.sources.push({ ...aliasOnly(body.alias, 'query', ''), hidden: true });
  if (renamesColumns(body.alias)) noteStar(facts, scope);
}

/** Each item of `functions` is a list of the call and its column definitions. */
function functionSource(body: AstRecord): Source {
  const paths = list(body.functions).map((item) => {
    const call = list(record(record(item).List).items)[0];
    return names(record(unwrap(call, 'FuncCall')).funcname);
  });
  const origin = paths.every(isRowBuiltin) ? 'builtin' : 'function';
  return aliasOnly(body.alias, origin, paths[0]?.at(-1) ?? '');
}

/** Walks any node, list or struct: known ones with their meaning, all others field by field. */
export function walk(facts: FactsCollector, value: unknown, scope: Scope | null): void {
  if (typeof value !== 'object' || value === null) return;
  facts.enter();
  if (Array.isArray(value)) for (const item of value) walk(facts, item, scope);
  else if (isRecord(value)) {
    for (const key in value) {
      const inner = value[key];
      if (typeof inner !== 'object' || inner === null) continue;
      const first = key.charCodeAt(0);
      const isTag = first >= 65 && first <= 90;
      if (isTag && isRecord(inner)) walkNode(facts, key, inner, scope);
      else walkField(facts, key, inner, scope);
    }
  }
  facts.leave();
}

/** A bare struct that a field holds. Only these carry names without a tag of their own. */
function walkField(facts: FactsCollector, key: string, inner: object, scope: Scope | null): void {
  if (isRecord(inner) && typeof inner.relname === 'string') addRelation(facts, inner, 'read');
  else if (isRecord(inner) && key === 'funccall') walkNode(facts, 'FuncCall', inner, scope);
  else walk(facts, inner, scope);
}

function walkNode(facts: FactsCollector, tag: string, body: AstRecord, scope: Scope | null): void {
  if (walkQuery(facts, tag, body, scope)) return;
  switch (tag) {
    case 'ColumnRef':
      noteColumn(facts, list(body.fields), scope);
      return;
    case 'A_Const':
    case 'ParamRef':
    case 'String':
    case 'TypeName':
      return;
    case 'RangeVar':
      addRelation(facts, body, 'read');
      return;
    case 'FuncCall':
      noteCall(facts, body);
      break;
    case 'TypeCast':
      noteCast(facts, body);
      break;
    case 'A_Expr':
      noteOperator(facts, body);
      break;
    case 'A_Indirection':
      noteIndirection(facts, body);
      break;
    case 'SQLValueFunction':
      facts.addFunction([
        text(body.op)
          .replace(/^SVFOP_/, '')
          .replace(/_N$/, '')
          .toLowerCase(),
      ]);
      break;
    case 'LockingClause':
      // The names in it are those of FROM.
      return;
    default:
      if (tag.startsWith('Json') || tag.startsWith('Xml')) facts.literalFree = false;
  }
  walk(facts, body, scope);
}

function noteColumn(facts: FactsCollector, fields: readonly unknown[], scope: Scope | null): void {
  const path = names(fields);
  if (unwrap(fields.at(-1), 'A_Star') !== null) {
    if (path.length === 0) noteStar(facts, scope);
    else noteQualified(facts, path, '*', scope);
    return;
  }
  const column = path.pop() ?? '';
  if (path.length > 0) {
    noteQualified(facts, path, column, scope);
    return;
  }
  // A bare name that is a source's name is the whole row, unless a column is called so too: both are noted.
  const row = findSource(facts, scope, column, null);
  if (row !== null && row.origin === 'table') facts.addColumn(row.schema, row.table, '*', 'read');
  else if (row !== null && row.origin === 'function') facts.addColumn(null, null, '*', 'read');
  addBareColumn(facts, scope, column);
}

function noteStar(facts: FactsCollector, scope: Scope | null): void {
  if (scope === null) return;
  for (; scope.starred < scope.sources.length; scope.starred++) {
    const source = scope.sources[scope.starred];
    if (source.hidden) continue;
    if (source.origin === 'table') facts.addColumn(source.schema, source.table, '*', 'read');
    else if (source.origin === 'function') facts.addColumn(null, null, '*', 'read');
  }
}

/**
 * Functions that take any row. `c.to_jsonb` is `to_jsonb(c)` where `c` has no such column (manual, "Functional and
 * attribute notation"), so these names count as calls when they stand behind a table's name.
 */
const rowFunctions = new Set([
  'row_to_json',
  'to_json',
  'to_jsonb',
  'json_agg',
  'jsonb_agg',
  'array_agg',
  'record_out',
  'record_send',
  'hstore',
  'quote_literal',
  'quote_nullable',
  'pg_typeof',
  'format',
  'concat',
]);

function noteQualified(facts: FactsCollector, path: readonly string[], column: string, scope: Scope | null): void {
  const schema = path.length > 1 ? path[path.length - 2] : null;
  const source = findSource(facts, scope, path[path.length - 1], schema);
  switch (source?.origin) {
    case 'table':
      facts.addColumn(source.schema, source.table, column, 'read');
      if (rowFunctions.has(column)) facts.addColumn(source.schema, source.table, '*', 'read');
      break;
    case 'query':
      // What the query behind it reads has been noted there; an aliased join shows its tables' columns itself.
      if (source.hidden && column === '*') noteStar(facts, scope);
      else if (source.hidden) addBareColumn(facts, scope, column);
      break;
    case 'builtin':
      break;
    default:
      facts.addColumn(null, null, column, 'read');
  }
  // `f.pg_read_file` over `unnest(array['/etc/passwd']) f` is a call: f is a plain text there.
  const row = source !== null && (source.origin === 'table' || source.origin === 'query');
  if (row ? rowFunctions.has(column) : column !== '*') facts.addFunction([column]);
}

/** `'customers'::regclass` names a relation, and other reg types name functions or roles. */
function noteCast(facts: FactsCollector, cast: AstRecord): void {
  const type = names(record(cast.typeName).names).at(-1) ?? '';
  if (!type.startsWith('reg')) return;
  facts.literalFree = false;
  const constant = stringConstant(cast.arg);
  if (constant === null) return;
  if (type === 'regclass') addNamedRelation(facts, constant, 'read');
  else if (type === 'regproc' || type === 'regprocedure') facts.addFunction([constant.replace(/\(.*$/s, '').trim()]);
}

/** The key right of `->>` decides what of a document comes out, so it is part of the lineage. */
function noteOperator(facts: FactsCollector, expression: AstRecord): void {
  const operator = stringNode(list(expression.name).at(-1)) ?? '';
  if (operator.includes('->') || operator.includes('#') || operator.includes('@') || operator.includes('?')) {
    facts.literalFree = false;
  }
}

/** `(x).name` is a field, or a call of `name(x)`: `('/etc/passwd'::text).pg_read_file` reads the file. */
function noteIndirection(facts: FactsCollector, body: AstRecord): void {
  facts.literalFree = false;
  for (const step of list(body.indirection)) {
    const name = stringNode(step);
    if (name === null) continue;
    facts.addFunction([name]);
    facts.addColumn(null, null, name, 'read');
  }
}

/**
 * Notes whether a WHERE clause restricts the rows of an UPDATE or DELETE.
 *
 * @param self what else in the statement stands for rows of its target.
 */
export function noteWhere(facts: FactsCollector, condition: unknown, self: SelfJoin): void {
  if (!isRecord(condition)) {
    facts.addWhere(false);
    return;
  }
  const { fold, usedLiteral } = foldCondition(condition, self);
  if (usedLiteral) facts.literalFree = false;
  facts.addWhere(!restrictsNothing(fold));
}
