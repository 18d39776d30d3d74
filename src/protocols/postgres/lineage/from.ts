/** Lineage through FROM: relations, joins, sub-selects, functions, XMLTABLE and JSON_TABLE. */
import { type AstRecord, list, names, record, tagOf, text } from '../parse/ast.ts';
import { anyPath, type Relation } from '../catalog/catalog.ts';
import { newTableColumns, newViewColumns } from './ahead.ts';
import { dependencies, evaluate } from './expressions.ts';
import { recordCondition } from './flow/conditions.ts';
import { recordLateral } from './flow/lateral.ts';
import { recordCallsOf } from './flow/views.ts';
import { type CallResult, resolveCall } from './functions.ts';
import { applyOperator } from './hidden.ts';
import {
  type Analysis,
  type FromElement,
  type NamedTable,
  type Scope,
  childScope,
  enter,
  findCte,
  leave,
} from './scope.ts';
import { bounded, relationColumns, relationsMeant, spend } from './scope.ts';
import { queryColumns } from './select.ts';
import {
  type Columns,
  type NamedValue,
  type Value,
  Dependencies,
  computedFrom,
  concatColumns,
  constant,
  either,
  findColumn,
  opaque,
} from './value.ts';
import { knownColumns, noColumns, renameColumns, unknownColumns } from './value.ts';

const unknownElement: FromElement = Object.freeze({ columns: unknownColumns, tables: [] });

/**
 * One element of a FROM list.
 *
 * @param outer what an ordinary sub-select sees: the enclosing query, not its neighbours.
 * @param lateral what LATERAL and functions see: also the elements to the left.
 */
export function fromElement(analysis: Analysis, outer: Scope, lateral: Scope, node: unknown): FromElement {
  const element = enter(analysis) ? elementOf(analysis, outer, lateral, node) : unknownElement;
  leave(analysis);
  return element;
}

function elementOf(analysis: Analysis, outer: Scope, lateral: Scope, node: unknown): FromElement {
  const tag = tagOf(node);
  const body = record(record(node)[tag]);
  switch (tag) {
    case 'RangeVar':
      return rangeVariable(analysis, outer, body);
    case 'JoinExpr':
      return join(analysis, outer, lateral, body);
    case 'RangeSubselect': {
      const scope = body.lateral === true ? lateral : outer;
      if (body.lateral === true) recordLateral(analysis, lateral.elements, body.subquery);
      return aliased(body, queryColumns(analysis, scope, body.subquery), '');
    }
    case 'RangeFunction':
      recordLateral(analysis, lateral.elements, body.functions);
      return functionElement(analysis, lateral, body);
    case 'RangeTableSample':
      analysis.flow?.probe('limit', dependencies(analysis, lateral, [body.args, body.repeatable]));
      return fromElement(analysis, outer, lateral, body.relation);
    case 'RangeTableFunc':
      recordLateral(analysis, lateral.elements, body);
      return tableFunction(analysis, lateral, body, 'xmltable');
    case 'JsonTable':
      recordLateral(analysis, lateral.elements, body);
      return tableFunction(analysis, lateral, body, 'json_table');
    default:
      return unknownElement;
  }
}

/** Name and column names of an Alias struct put over columns. Without an alias the element has `fallback` as name. */
function aliased(body: AstRecord, columns: Columns, fallback: string): FromElement {
  const alias = record(body.alias);
  const renamed = renameColumns(columns, names(alias.colnames));
  const name = text(alias.aliasname) || fallback;
  return { columns: renamed, tables: name === '' ? [] : [{ name, schema: null, columns: renamed }] };
}

function rangeVariable(analysis: Analysis, scope: Scope, body: AstRecord): FromElement {
  const name = text(body.relname);
  const schema = text(body.schemaname) || null;
  const cte = schema === null ? findCte(scope, name) : null;
  if (cte !== null) return aliased(body, cte.columns(), name);
  return targetElement(analysis, body);
}

/** A RangeVar that can only be a catalog relation: the target of INSERT, UPDATE, DELETE, MERGE and COPY. */
export function targetElement(analysis: Analysis, body: AstRecord): FromElement {
  const name = text(body.relname);
  const schema = text(body.schemaname) || null;
  const made = newTableColumns(analysis, schema, name);
  if (made !== null) {
    if (newViewColumns(analysis, schema, name) !== null) analysis.folded?.add(opaque);
    return aliased(body, made, name);
  }
  const relation = analysis.catalog.resolve(schema, name, analysis.path);
  if (relation === undefined) {
    analysis.folded?.add(opaque);
    const unclear = analysis.path === anyPath && body.schemaname === undefined;
    return aliased(body, unclear ? anyColumns(analysis, name) : unknownColumns, name);
  }
  const meant = relationsMeant(analysis, body);
  for (const one of meant) {
    analysis.folded?.addRelation(analysis, one);
    recordCallsOf(analysis, one);
  }
  const others = meant.length > 1 ? othersMeant(analysis, relation, meant) : [];
  if (others.length > 0) return aliased(body, mixedColumns(analysis, [relation, ...others]), name);
  const columns = relationColumns(analysis.catalog, relation);
  const table = meant.every((one) => isKeyedLike(analysis, one, relation)) ? { relation } : {};
  if (body.alias === undefined) return { columns, tables: [{ name, schema: relation.schema, columns, ...table }] };
  const element = aliased(body, columns, name);
  return { ...element, tables: element.tables.map((one) => ({ ...one, ...table })) };
}

/** Those of the relations that are hidden otherwise than the one that is believed, or have other columns. */
function othersMeant({ catalog }: Analysis, relation: Relation, meant: readonly Relation[]): readonly Relation[] {
  const columnsOf = ({ columns }: Relation): string => columns.map(({ name }) => name).join('\0');
  const others = new Map(meant.map((one) => [columnsOf(one), one]));
  others.delete(columnsOf(relation));
  return [...new Set([...catalog.standIns(relation), ...others.values()])];
}

/** Whether two tables have the same columns and the same keys, as those of tenants have, so that what one decides the other does. */
function isKeyedLike({ catalog }: Analysis, a: Relation, b: Relation): boolean {
  if (a === b) return true;
  const keysOf = ({ oid }: Relation): string =>
    catalog
      .constraintsOf(oid)
      .flatMap((one) => (one.kind === 'unique' ? [`${one.columns.join()} ${one.identifies}`] : []))
      .toSorted()
      .join('; ');
  return (
    a.kind === b.kind &&
    (a.children.length === 0) === (b.children.length === 0) &&
    a.columns.length === b.columns.length &&
    a.columns.every(({ attnum, name }, at) => attnum === b.columns[at].attnum && name === b.columns[at].name) &&
    keysOf(a) === keysOf(b)
  );
}

/** Any column of any relation of this name. */
function anyColumns(analysis: Analysis, name: string): Columns {
  const found = analysis.catalog.relationsNamed(null, name);
  if (found.length === 0) return unknownColumns;
  const all = new Dependencies();
  for (const relation of found) {
    spend(analysis, relation.columns.length);
    all.addColumns(relationColumns(analysis.catalog, relation));
  }
  return { list: [], openAt: 0, rest: all.value() };
}

/** Of a name that may mean any of these: each column may be any of theirs with its name. */
function mixedColumns(analysis: Analysis, relations: readonly Relation[]): Columns {
  const byName = new Map<string, Value>();
  const counts = new Map<string, number>();
  for (const relation of relations) {
    spend(analysis, relation.columns.length);
    for (const { name, value } of relationColumns(analysis.catalog, relation).list) {
      const known = byName.get(name);
      counts.set(name, (counts.get(name) ?? 0) + 1);
      // Whichever it is, it is one column's.
      byName.set(name, known === undefined ? value : { ...either(known, value), alone: known.alone && value.alone });
    }
  }
  const missing = [...counts].flatMap(([name, count]) => (count < relations.length ? [name] : []));
  return { ...knownColumns([...byName].map(([name, value]) => ({ name, value }))), mixed: new Set(missing) };
}

function join(analysis: Analysis, outer: Scope, lateral: Scope, body: AstRecord): FromElement {
  const left = fromElement(analysis, outer, lateral, body.larg);
  const besides = childScope(outer, [...lateral.elements, left]);
  const right = fromElement(analysis, outer, besides, body.rarg);
  const merged = mergedColumns(body, left.columns, right.columns);
  if (analysis.flow !== null) recordJoin(analysis, childScope(outer, [left, right]), body, merged?.shared ?? noColumns);
  const columns = bounded(analysis, merged === null ? concatColumns(left.columns, right.columns) : merged.columns);
  let tables: readonly NamedTable[] = [...left.tables, ...right.tables];
  const using = text(record(body.join_using_alias).aliasname);
  if (using !== '' && merged !== null) tables = [...tables, { name: using, schema: null, columns: merged.shared }];
  if (body.alias === undefined) return { columns, tables };
  // An alias on a join hides the names inside it (manual, 7.2.1.2).
  return aliased(body, columns, '');
}

/** ON, USING and NATURAL compare both sides. */
function recordJoin(analysis: Analysis, scope: Scope, body: AstRecord, shared: Columns): void {
  recordCondition(analysis, scope, body.quals, 'join');
  for (const column of shared.list) analysis.flow?.probe('join', column.value);
  if (shared.openAt !== -1) analysis.flow?.probe('join', shared.rest);
  // They are compared by an operator `=` that a user may have made.
  for (const { value } of shared.list) analysis.flow?.probe('join', applyOperator(analysis, '=', [value, value]));
}

/**
 * USING and NATURAL: the shared columns come first, once (manual, 7.2.1.1). Equal values of both sides reveal each
 * other, so a shared column counts as both. null: no columns are shared.
 */
function mergedColumns(body: AstRecord, left: Columns, right: Columns): { columns: Columns; shared: Columns } | null {
  const natural = body.isNatural === true;
  // With unknown columns NATURAL shares an unknown number of them.
  if (natural && (left.openAt !== -1 || right.openAt !== -1))
    return { columns: unknownColumns, shared: unknownColumns };
  const shared = natural
    ? left.list.map((column) => column.name).filter((name) => right.list.some((column) => column.name === name))
    : names(body.usingClause);
  if (shared.length === 0) return null;
  const values: NamedValue[] = shared.map((name) => ({
    name,
    value: either(findColumn(left, name) ?? constant, findColumn(right, name) ?? constant),
  }));
  const first = knownColumns(values);
  const rest = concatColumns(without(left, shared), without(right, shared));
  return { columns: concatColumns(first, rest), shared: first };
}

function without(columns: Columns, dropped: readonly string[]): Columns {
  const kept = (column: NamedValue): boolean => !dropped.includes(column.name);
  const before = columns.openAt === -1 ? -1 : columns.list.slice(0, columns.openAt).filter(kept).length;
  return { ...columns, list: columns.list.filter(kept), openAt: before };
}

/** Functions in FROM; several in ROWS FROM stand side by side, and WITH ORDINALITY adds a counter. */
function functionElement(analysis: Analysis, scope: Scope, body: AstRecord): FromElement {
  const items = list(body.functions);
  const alias = record(body.alias);
  let columns = noColumns;
  let fallback = '';
  for (const item of items) {
    const [call, definitions] = list(record(record(item).List).items);
    const result = callElement(analysis, scope, call);
    const named = list(tagOf(definitions) === 'List' ? record(record(definitions).List).items : body.coldeflist);
    const own = named.length > 0 ? definedColumns(named, result) : result.columns;
    const single = items.length === 1 && result.scalar && named.length === 0;
    const name = text(alias.aliasname);
    columns = concatColumns(columns, single && name !== '' ? renameColumns(own, [name]) : own);
    fallback ||= names(record(record(call).FuncCall).funcname).at(-1) ?? '';
  }
  if (body.ordinality === true)
    columns = concatColumns(columns, knownColumns([{ name: 'ordinality', value: constant }]));
  return aliased(body, columns, fallback);
}

function callElement(analysis: Analysis, scope: Scope, node: unknown): CallResult {
  if (tagOf(node) === 'FuncCall') return resolveCall(analysis, scope, record(record(node).FuncCall));
  // CURRENT_DATE, COALESCE(..) and casts may stand here too.
  const value = evaluate(analysis, scope, node);
  return { value, columns: { list: [], openAt: 0, rest: value }, scalar: false };
}

/** `AS t(a int, b text)`: the list tells names and number; each may come from anything that the function uses. */
function definedColumns(definitions: readonly unknown[], result: CallResult): Columns {
  const value = computedFrom(result.value);
  return knownColumns(definitions.map((item) => ({ name: text(record(record(item).ColumnDef).colname), value })));
}

/** XMLTABLE and JSON_TABLE: every column is computed from the document, the paths and its own default. */
function tableFunction(analysis: Analysis, scope: Scope, body: AstRecord, fallback: string): FromElement {
  const value = dependencies(analysis, scope, { ...body, columns: undefined, alias: undefined });
  // How many rows there are, depends on the document.
  analysis.flow?.probe('from', value);
  const found: NamedValue[] = [];
  collectColumns(analysis, scope, list(body.columns), found);
  const columns = found.map((column) => ({ name: column.name, value: either(value, column.value) }));
  return aliased(body, knownColumns(columns), fallback);
}

function collectColumns(analysis: Analysis, scope: Scope, nodes: readonly unknown[], found: NamedValue[]): void {
  for (const node of nodes) {
    const tag = tagOf(node);
    const column = record(record(node)[tag]);
    if (!enter(analysis)) found.push({ name: '', value: unknownColumns.rest });
    else if (column.coltype === 'JTC_NESTED') collectColumns(analysis, scope, list(column.columns), found);
    else found.push({ name: text(column.colname) || text(column.name), value: dependencies(analysis, scope, column) });
    leave(analysis);
  }
}
