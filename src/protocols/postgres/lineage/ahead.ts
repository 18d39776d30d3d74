/**
 * What a message has made before it uses it: `CREATE VIEW v AS ..; SELECT .. FROM v`. No catalog knows it when the message is
 * judged, so it is read from the statements in front.
 *
 * Only what is plainly new is followed. A name that means, or could mean, anything else already, a rule that names a column of such
 * a table, a body that is not SQL, IF NOT EXISTS: then nothing behind it is believed, as after any other change of the schema.
 */
import { type AstRecord, list, names, record, stringNode, tagOf, text, unwrap } from '../parse/ast.ts';
import type { Catalog, PgFunction, SearchPath } from '../catalog/catalog.ts';
import { intoOf } from './flow/commands.ts';
import { type Analysis, type SafeFunctions, newAnalysis, noStores, rootScope } from './scope.ts';
import { queryColumns } from './select.ts';
import { typeByName } from './types.ts';
import { type Columns, type NamedValue, constant, knownColumns, renameColumns, unknownColumns } from './value.ts';

export interface Ahead {
  readonly catalog: Catalog;
  readonly path: SearchPath;
  readonly tables: readonly NewTable[];
  readonly functions: readonly PgFunction[];
  /** Bodies that came as trees, by what stands for them as source. */
  readonly bodies: ReadonlyMap<string, readonly unknown[]>;
}

interface NewTable {
  /** null: one of those of the path, or that of temporary tables. */
  readonly schema: string | null;
  readonly name: string;
  readonly isView: boolean;
  /** Of a new table what it was made from, which is more than it holds. */
  readonly columns: Columns;
}

/** What a creation is followed with. */
export interface Following {
  readonly catalog: Catalog;
  readonly path: SearchPath;
  readonly safe: SafeFunctions;
  /** Whether a rule names a column of this name in a table of this name, in whatever schema. */
  readonly isRuled: (table: string, column: string) => boolean;
}

/** More than this is a dump, and every statement behind it would ask for each. */
const objectsMax = 100;

/**
 * What there is behind this statement; null: not known.
 *
 * @param node a statement that changes the catalog.
 * @param before what there is in front of it; null: nothing new.
 */
export function followCreation(node: unknown, before: Ahead | null, following: Following): Ahead | null {
  const { catalog, path } = following;
  const ahead = before ?? { catalog, path, tables: [], functions: [], bodies: new Map() };
  if (ahead.tables.length + ahead.functions.length >= objectsMax) return null;
  const creation = new Creation(ahead, following);
  const tag = tagOf(node);
  const body = record(record(node)[tag]);
  switch (tag) {
    case 'CreateFunctionStmt':
      return creation.function(body);
    case 'ViewStmt':
      return creation.query(record(body.view), body.query, names(body.aliases), true);
    case 'CreateTableAsStmt':
      if (body.if_not_exists === true || tagOf(body.query) !== 'SelectStmt') return null;
      return creation.into(record(body.into), body.query);
    case 'SelectStmt': {
      const into = intoOf(body);
      return into === null ? null : creation.into(into, node);
    }
    case 'CreateStmt':
      return creation.table(body, null);
    case 'CreateSeqStmt':
      return creation.sequence(body);
    case 'CreateEnumStmt':
      return creation.type(names(body.typeName));
    case 'CreateSchemaStmt':
      return creation.schema(body);
    default:
      return null;
  }
}

/** The catalog with the new functions in it. */
export function catalogAhead({ catalog, functions, bodies }: Ahead): Catalog {
  if (functions.length === 0) return catalog;
  return {
    ...catalog,
    parse: (source) => bodies.get(source) ?? catalog.parse(source),
    // Where it is not certain that one can be meant, it counts beside the others.
    functions: (schema, name, path) => {
      const known = catalog.functions(schema, name, path);
      const added = functions.filter(
        (f) => f.name === name && (schema === null || f.schema === '' || f.schema === schema),
      );
      return added.length === 0 ? known : [...known, ...added];
    },
  };
}

/** Columns of the new table that a name means; null: it means none. */
export function newTableColumns(analysis: Analysis, schema: string | null, name: string): Columns | null {
  return meant(analysis, schema, name)?.columns ?? null;
}

/** Columns of the new view that a name means; null: it means none. */
export function newViewColumns(analysis: Analysis, schema: string | null, name: string): Columns | null {
  const found = meant(analysis, schema, name);
  return found?.isView === true ? found.columns : null;
}

function meant(
  analysis: Analysis,
  schema: string | null,
  name: string,
): { readonly columns: Columns; readonly isView: boolean } | null {
  const { ahead } = analysis;
  const found = ahead?.tables.find((table) => table.name === name);
  if (ahead === null || found === undefined) return null;
  const unclear = { columns: unknownColumns, isView: found.isView };
  if (schema !== null) {
    if (found.schema === schema || (schema === 'pg_temp' && found.schema === null)) return found;
    return found.schema === null ? unclear : null;
  }
  if (found.schema !== null && !analysis.path.schemas.includes(found.schema)) return null;
  // Bodies of functions may have a path of their own, on which the name can mean something else.
  const { path } = analysis;
  return path.schemas === ahead.path.schemas && path.temp === ahead.path.temp ? found : unclear;
}

class Creation {
  readonly #ahead: Ahead;
  readonly #following: Following;
  readonly #analysis: Analysis;

  constructor(ahead: Ahead, following: Following) {
    this.#ahead = ahead;
    this.#following = following;
    const { path, safe } = following;
    this.#analysis = newAnalysis({ catalog: catalogAhead(ahead), path, safe, stores: noStores, ahead }, null);
  }

  into(into: AstRecord, query: unknown): Ahead | null {
    const select = record(record(query).SelectStmt);
    // The INTO itself has no columns.
    const plain = select.intoClause === undefined ? query : { SelectStmt: { ...select, intoClause: undefined } };
    return this.query(record(into.rel), plain, names(into.colNames), false);
  }

  /** A view, or a table that is made from a query. */
  query(relation: AstRecord, query: unknown, aliases: readonly string[], isView: boolean): Ahead | null {
    const analysis = this.#analysis;
    const columns = renameColumns(queryColumns(analysis, rootScope(null), query), aliases);
    return analysis.nodesLeft < 0 ? null : this.#withTable(relation, null, columns, isView);
  }

  table(body: AstRecord, schema: string | null): Ahead | null {
    const odd = [body.inhRelations, body.ofTypename, body.partbound, body.partspec, body.if_not_exists];
    if (odd.some((one) => one !== undefined)) return null;
    const columns: NamedValue[] = [];
    for (const element of list(body.tableElts)) {
      if (unwrap(element, 'Constraint') !== null) continue;
      const column = unwrap(element, 'ColumnDef');
      if (column === null || list(column.constraints).some(isGenerated)) return null;
      const typeOid = typeByName(this.#analysis, record(column.typeName))?.oid ?? 0;
      columns.push({ name: text(column.colname), value: { ...constant, typeOid } });
    }
    return this.#withTable(record(body.relation), schema, knownColumns(columns), false);
  }

  sequence(body: AstRecord): Ahead | null {
    if (body.if_not_exists === true) return null;
    const columns = ['last_value', 'log_cnt', 'is_called'].map((name) => ({ name, value: constant }));
    return this.#withTable(record(body.sequence), null, knownColumns(columns), false);
  }

  /** A type whose values are of its own: what is cast to it stays unknown. */
  type(parts: readonly string[]): Ahead | null {
    const { catalog, tables } = this.#ahead;
    const { path } = this.#following;
    const [schema, name] = [parts.at(-2) ?? null, parts.at(-1) ?? ''];
    const isTaken = [null, schema].some((where) => catalog.resolveType(where, name, path) !== undefined);
    return isTaken || tables.some((table) => table.name === name) ? null : this.#ahead;
  }

  /** With nothing in it but tables. */
  schema(body: AstRecord): Ahead | null {
    const name = text(body.schemaname);
    if (name === '' || body.if_not_exists === true) return null;
    let ahead: Ahead | null = this.#ahead;
    for (const element of list(body.schemaElts)) {
      const table = unwrap(element, 'CreateStmt');
      const named = text(record(table?.relation).schemaname);
      if (ahead === null || table === null || (named !== '' && named !== name)) return null;
      ahead = new Creation(ahead, this.#following).table(table, name);
    }
    return ahead;
  }

  function(body: AstRecord): Ahead | null {
    const parts = names(body.funcname);
    const name = parts.at(-1) ?? '';
    const { catalog, functions, path } = { ...this.#ahead, path: this.#following.path };
    const schema = parts.length === 2 ? parts[0] : null;
    const isTaken =
      catalog.functions(schema, name, path).length > 0 ||
      catalog.functions(null, name, path).length > 0 ||
      catalog.builtinFunction(name) !== undefined ||
      functions.some((f) => f.name === name);
    if (isTaken || parts.length > 2 || schema === 'pg_temp') return null;
    const read = functionOf(this.#analysis, body, -1 - functions.length);
    if (read === null) return null;
    const { tree, ...f } = read;
    const bodies = tree === null ? this.#ahead.bodies : new Map([...this.#ahead.bodies, [f.source ?? '', tree]]);
    return { ...this.#ahead, functions: [...functions, { ...f, schema: schema ?? '', name }], bodies };
  }

  #withTable(relation: AstRecord, inSchema: string | null, columns: Columns, isView: boolean): Ahead | null {
    const { catalog, tables } = this.#ahead;
    const { path, isRuled } = this.#following;
    const name = text(relation.relname);
    const named = text(relation.schemaname) || null;
    const schema = inSchema ?? (named === 'pg_temp' ? null : named);
    const isThere = (where: string | null): boolean =>
      catalog.resolve(where, name, path) !== undefined || catalog.resolveType(where, name, path) !== undefined;
    const isOnPath = schema === null || path.schemas.includes(schema);
    const isTaken =
      tables.some((table) => table.name === name) ||
      (schema !== null && isThere(schema)) ||
      (isOnPath &&
        (isThere(null) || catalog.relationsNamed(null, name).some((other) => other.schema.startsWith('pg_temp_'))));
    const isUnknown = name === '' || columns.openAt !== -1;
    if (isTaken || isUnknown || columns.list.some((column) => isRuled(name, column.name))) return null;
    return { ...this.#ahead, tables: [...tables, { schema, name, isView, columns }] };
  }
}

function isGenerated(constraint: unknown): boolean {
  return record(record(constraint).Constraint).contype === 'CONSTR_GENERATED';
}

const recordOid = 2249;

/** A function as its CREATE says, without its name; null where it says something unusual. */
function functionOf(
  analysis: Analysis,
  body: AstRecord,
  oid: number,
): (PgFunction & { readonly tree: readonly unknown[] | null }) | null {
  const options = new Map(
    list(body.options).map((item) => {
      const { defname, arg } = record(record(item).DefElem);
      return [text(defname), arg] as const;
    }),
  );
  const parameters = list(body.parameters).map((item) => record(record(item).FunctionParameter));
  const modes = parameters.map(modeOf);
  const source = sourceOf(body, options, oid);
  if (source === null || modes.includes('') || options.has('set') || options.has('window')) return null;
  const returns = body.returnType === undefined ? null : record(body.returnType);
  const outputs = parameters.filter((_, at) => 'obt'.includes(modes[at]));
  const type = returns ?? (outputs.length === 1 ? record(outputs[0].argType) : null);
  const returnType = type === null || body.is_procedure === true ? recordOid : typeByName(analysis, type)?.oid;
  if (returnType === undefined || returns?.pct_type === true) return null;
  const inputs = parameters.filter((_, at) => 'ib'.includes(modes[at]));
  const parameterTypes: number[] = [];
  for (const { argType } of parameters) {
    const typeName = record(argType);
    if (typeName.pct_type === true) return null;
    // A row of a new table, which can come from nowhere else.
    const isRow = analysis.ahead?.tables.some(({ name }) => name === names(typeName.names).at(-1)) === true;
    const parameterType = typeByName(analysis, typeName)?.oid ?? (isRow ? 0 : undefined);
    if (parameterType === undefined) return null;
    parameterTypes.push(parameterType);
  }
  return {
    ...source,
    oid,
    schema: '',
    name: '',
    language: 'sql',
    kind: body.is_procedure === true ? 'p' : 'f',
    volatile: !['immutable', 'stable'].includes(stringNode(options.get('volatility')) ?? ''),
    immutable: stringNode(options.get('volatility')) === 'immutable',
    returnsSet: returns?.setof === true,
    returnType,
    argumentsMin: inputs.filter((item) => item.defexpr === undefined).length,
    argumentsMax: inputs.length,
    inputNames: inputs.map((item) => text(item.name)),
    outputNames: outputs.map((item) => text(item.name)),
    modes,
    calls: [],
    parameterTypes,
    extension: null,
    searchPath: null,
  };
}

/** As in pg_proc.proargmodes; '': one that is not followed. */
function modeOf({ mode }: AstRecord): string {
  switch (mode) {
    case 'FUNC_PARAM_IN':
    case 'FUNC_PARAM_DEFAULT':
      return 'i';
    case 'FUNC_PARAM_OUT':
      return 'o';
    case 'FUNC_PARAM_INOUT':
      return 'b';
    case 'FUNC_PARAM_TABLE':
      return 't';
    default:
      return '';
  }
}

/** The body as text, or as a tree with a name that no text has. */
function sourceOf(
  body: AstRecord,
  options: ReadonlyMap<string, unknown>,
  oid: number,
): { readonly source: string; readonly tree: readonly unknown[] | null } | null {
  if (body.sql_body !== undefined) {
    const { sql_body: tree } = body;
    // BEGIN ATOMIC is a list of one list of statements.
    const statements = list(record(record(tree).List).items).flatMap((item) => list(record(record(item).List).items));
    const value = unwrap(tree, 'ReturnStmt')?.returnval;
    const select = { SelectStmt: { targetList: [{ ResTarget: { val: value } }], op: 'SETOP_NONE' } };
    return { source: `\0${oid}`, tree: value === undefined ? statements : [select] };
  }
  const language = stringNode(options.get('language'))?.toLowerCase();
  const parts = list(record(record(options.get('as')).List).items);
  const source = parts.length === 1 ? stringNode(parts[0]) : null;
  return language === 'sql' && source !== null ? { source, tree: null } : null;
}
