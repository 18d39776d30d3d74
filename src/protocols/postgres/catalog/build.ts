/** Builds a {@link Catalog} from the rows of catalog/queries.ts. Pure; a row that makes no sense is a fault. */
import type { Fault } from '../../../errors.ts';
import { type Column, type Catalog, type BuiltinFunction, type ParseSql, type PgFunction } from './catalog.ts';
import { anyPath, type ColumnKey, columnKey, type FormerName, type Relation, type SearchPath } from './catalog.ts';
import { type Constraints, buildConstraints } from './constraints.ts';
import { mayFill, type Place } from './fillers.ts';
import { buildMovers, type Movers } from './movers.ts';
import { type CatalogSet, catalogRowsMax, firstUserOid } from './queries.ts';
import type { PgType } from './types.ts';

/** Values of one row in the order of its query. */
export type CatalogRow = readonly (string | null)[];

/** Rows of each set; `system` and `user` rows of one set are simply joined. A missing set counts as empty. */
export type CatalogRows = { readonly [set in CatalogSet]?: readonly CatalogRow[] };

/** Joins the rows of the `system` queries with those of the `user` queries. */
export function joinCatalogRows(system: CatalogRows, user: CatalogRows): CatalogRows {
  const joined: { [set in CatalogSet]?: readonly CatalogRow[] } = { ...user };
  for (const set of Object.keys(system) as CatalogSet[]) {
    joined[set] = [...(system[set] ?? []), ...(user[set] ?? [])];
  }
  return joined;
}

let lastVersion = 0;

/**
 * @param rows answers to `catalogQueries`.
 * @param parse parser for view and function definitions; it is called lazily, on first use of a definition.
 */
export function buildCatalog(rows: CatalogRows, parse: ParseSql): Catalog | { readonly fault: Fault } {
  for (const set of Object.keys(rows) as CatalogSet[]) {
    if ((rows[set]?.length ?? 0) > 2 * catalogRowsMax) return unreadable(`${set}: too many rows`);
  }
  const relations = buildRelations(rows);
  if (relations === null) return unreadable('a relation or column row is malformed');
  const types = buildTypes(rows.types ?? []);
  const functions = buildFunctions(rows.functions ?? [], groupOids(rows.aggregates ?? [], oid));
  if (types === null || functions === null) return unreadable('a type or function row is malformed');
  const constraints = buildConstraints(rows.indexes ?? [], rows.constraints ?? []);
  if (constraints === null) return unreadable('an index or constraint row is malformed');
  return assemble({
    relations,
    types,
    functions,
    builtins: buildBuiltins(rows.builtins ?? []),
    operators: groupOids(rows.operators ?? [], (name) => name),
    casts: groupOids(rows.casts ?? [], oid),
    constraints,
    builtinNames: builtinNames([rows.operators, rows.casts, rows.aggregates]),
    parse,
    rows,
  });
}

function unreadable(detail: string): { readonly fault: Fault } {
  return { fault: { code: 'BG_CATALOG_UNAVAILABLE', detail } };
}

const noFormerNames: ReadonlyMap<ColumnKey, readonly FormerName[]> = new Map();

interface CatalogParts {
  readonly relations: ReadonlyMap<number, Relation>;
  readonly types: ReadonlyMap<number, PgType>;
  readonly functions: ReadonlyMap<number, PgFunction>;
  readonly builtins: ReadonlyMap<string, BuiltinFunction>;
  readonly operators: ReadonlyMap<string, readonly number[]>;
  readonly casts: ReadonlyMap<number, readonly number[]>;
  readonly constraints: Constraints;
  readonly builtinNames: ReadonlyMap<number, string>;
  readonly parse: ParseSql;
  readonly rows: CatalogRows;
}

const noFunctions: readonly PgFunction[] = Object.freeze([]);
const noRelations: readonly Relation[] = Object.freeze([]);
const noOids: readonly number[] = Object.freeze([]);

function assemble(parts: CatalogParts): Catalog {
  const { relations, types, functions, constraints } = parts;
  // Composite types live in pg_class too, but no query can read from them.
  const relationNames = bySchema(relations.values(), (relation) => relation.kind !== 'c');
  const temporaryNames = new Set<string>();
  for (const relation of relations.values()) if (isTemporary(relation.schema)) temporaryNames.add(relation.name);
  const typeNames = bySchema(types.values(), () => true);
  const relationsAnywhere = anywhere(relations.values(), (relation) => relation.kind !== 'c');
  const typesAnywhere = anywhere(types.values(), () => true);
  const functionNames = groupByName(functions.values());
  const unusable = new Set((parts.rows.unusable ?? []).map(([schema]) => schema ?? ''));
  const searched = ({ schemas }: SearchPath): readonly string[] =>
    unusable.size === 0 ? schemas : schemas.filter((schema) => !unusable.has(schema));
  const fills = new Map<Place, boolean>();
  let movers: Movers | null = null;
  const columns = new Map<number, Column>();
  for (const relation of relations.values()) for (const column of relation.columns) columns.set(column.key, column);

  const resolve = (schema: string | null, name: string, path: SearchPath): Relation | undefined => {
    if (schema !== null) return relationNames.get(schema === 'pg_temp' ? (path.temp ?? '') : schema)?.get(name);
    // Which temporary schema is the session's own is not known: the name could mean the temporary table.
    if (path.temp === null && temporaryNames.has(name)) return undefined;
    return path === anyPath ? onlyOne(relationsAnywhere(name)) : firstInPath(relationNames, name, searched(path));
  };
  return Object.freeze({
    version: ++lastVersion,
    parse: parts.parse,
    rows: parts.rows,
    relations,
    relation: (relation: number) => relations.get(relation),
    resolve,
    relationsNamed: (schema: string | null, name: string) => {
      const inSchema =
        schema === null || schema === 'pg_temp' ? [...relationNames.values()] : [relationNames.get(schema)];
      return inSchema.flatMap((named) => named?.get(name) ?? []);
    },
    standIns: () => noRelations,
    constraintsOf: (relation: number) => constraints.own.get(relation) ?? [],
    referencing: (relation: number) => constraints.referencing.get(relation) ?? [],
    doubt: null,
    column: (relation: number, attnum: number) => columns.get(columnKey(relation, attnum)),
    type: (type: number) => types.get(type),
    resolveType: (schema: string | null, name: string, path: SearchPath) =>
      schema !== null
        ? typeNames.get(schema)?.get(name)
        : path === anyPath
          ? onlyOne(typesAnywhere(name))
          : firstInPath(typeNames, name, searched(path)),
    typesNamed: typesAnywhere,
    builtinFunction: (name: string) => parts.builtins.get(name),
    functions: (schema: string | null, name: string, path: SearchPath) => {
      const named = functionNames.get(name);
      if (named === undefined) return noFunctions;
      const wanted = schema === 'pg_temp' ? path.temp : schema;
      if (schema === null && path === anyPath) return named;
      const schemas = schema === null ? searched(path) : [wanted];
      const found = named.filter((f) => schemas.includes(f.schema));
      if (path.loose !== true || schema !== null) return found;
      return found.length > 0 || parts.builtins.has(name) ? withStandIns(found, named) : found;
    },
    functionByOid: (oid: number) => functions.get(oid),
    builtinByOid: (oid: number) => parts.builtinNames.get(oid),
    formerNames: noFormerNames,
    mayFill: (place: Place) => {
      const known = fills.get(place) ?? mayFill(functions.values(), parts.builtinNames.values(), place);
      fills.set(place, known);
      return known;
    },
    movers: () => (movers ??= buildMovers(parts)),
    operatorFunctions: (name: string) => parts.operators.get(name) ?? noOids,
    castFunctions: (type: number) => parts.casts.get(type) ?? noOids,
  });
}

/**
 * With those of other schemas: the path may be another one by the time of the call; see masks/standIns.ts. Of functions that are the
 * same in all but their schema, as those of tenants are, one stands for all: calls in their bodies would multiply.
 */
function withStandIns(found: readonly PgFunction[], named: readonly PgFunction[]): readonly PgFunction[] {
  const known = new Set(found.map(sameness));
  const others = named.filter((f) => {
    const isNew = !known.has(sameness(f)) && !isTemporary(f.schema);
    known.add(sameness(f));
    return isNew;
  });
  return [...found, ...others];
}

const samenesses = new WeakMap<PgFunction, string>();

/** Equal for functions of which a call does the same, wherever they stand. */
function sameness(f: PgFunction): string {
  let known = samenesses.get(f);
  if (known === undefined) {
    const isRead = f.language === 'sql' || f.language === 'plpgsql';
    // What others do is not in their source.
    known = isRead ? JSON.stringify({ ...f, oid: 0, schema: '' }) : String(f.oid);
    samenesses.set(f, known);
  }
  return known;
}

function isTemporary(schema: string): boolean {
  return schema.startsWith('pg_temp_');
}

function bySchema<T extends { readonly schema: string; readonly name: string }>(
  items: Iterable<T>,
  keep: (item: T) => boolean,
): ReadonlyMap<string, ReadonlyMap<string, T>> {
  const schemas = new Map<string, Map<string, T>>();
  for (const item of items) {
    if (!keep(item)) continue;
    let named = schemas.get(item.schema);
    if (named === undefined) schemas.set(item.schema, (named = new Map()));
    named.set(item.name, item);
  }
  return schemas;
}

function firstInPath<T>(
  names: ReadonlyMap<string, ReadonlyMap<string, T>>,
  name: string,
  schemas: readonly string[],
): T | undefined {
  for (const schema of schemas) {
    const found = names.get(schema)?.get(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Finds everything of a name in all schemas. The names are gathered on first use. */
function anywhere<T extends { readonly name: string }>(
  items: Iterable<T>,
  keep: (item: T) => boolean,
): (name: string) => readonly T[] {
  let known: ReadonlyMap<string, readonly T[]> | null = null;
  return (name) => (known ??= groupByName([...items].filter(keep))).get(name) ?? [];
}

function onlyOne<T>(items: readonly T[]): T | undefined {
  return items.length === 1 ? items[0] : undefined;
}

function groupByName<T extends { readonly name: string }>(items: Iterable<T>): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(item.name);
    if (group === undefined) groups.set(item.name, [item]);
    else group.push(item);
  }
  return groups;
}

function groupOids<K>(rows: readonly CatalogRow[], keyOf: (text: string) => K): ReadonlyMap<K, readonly number[]> {
  const groups = new Map<K, number[]>();
  for (const row of rows) {
    const key = keyOf(row[0] ?? '');
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [oid(row[1])]);
    else group.push(oid(row[1]));
  }
  return groups;
}

/** An OID or small number; NaN where the text is none. */
function oid(text: string | null | undefined): number {
  return text === null || text === undefined || text === '' ? Number.NaN : Number(text);
}

/** Columns of system relations that hold copies of user values: statistics and large objects. */
const undecidableNames =
  /^(most_common_vals|most_common_elems|histogram_bounds|range_.*_histogram|stavalues\d|stxdmcv|stxdexpr)$/;

function isUndecidable(relation: string, column: string): boolean {
  return undecidableNames.test(column) || (relation === 'pg_largeobject' && column === 'data');
}

function buildRelations(rows: CatalogRows): ReadonlyMap<number, Relation> | null {
  const definitions = new Map<number, string | null>();
  for (const row of rows.views ?? []) definitions.set(oid(row[0]), row[1]);
  const parents = groupOids(rows.inheritance ?? [], oid);
  const children = groupOids(
    (rows.inheritance ?? []).map((row) => [row[1], row[0]]),
    oid,
  );
  const relations = new Map<number, Relation & { columns: Column[]; byName: Map<string, Column> }>();
  for (const row of rows.relations ?? []) {
    const id = oid(row[0]);
    const [, schema, name, kind] = row;
    if (!Number.isSafeInteger(id) || !schema || !name || !kind) return null;
    relations.set(id, {
      oid: id,
      schema,
      name,
      kind,
      system: id < firstUserOid,
      columns: [],
      byName: new Map(),
      definition: definitions.get(id) ?? null,
      parents: parents.get(id) ?? noOids,
      children: children.get(id) ?? noOids,
    });
  }
  for (const row of rows.columns ?? []) {
    const relation = relations.get(oid(row[0]));
    const attnum = oid(row[1]);
    const name = row[2];
    if (!(attnum > 0 && attnum < 4096) || !name) return null;
    // A relation that appeared between two statements: its columns come without it.
    if (relation === undefined) continue;
    const column: Column = {
      key: columnKey(relation.oid, attnum),
      attnum,
      name,
      typeOid: oid(row[3]),
      generated: row[4] !== '' && row[4] !== null && row[4] !== undefined,
      expression: row[5] ?? null,
      undecidable: relation.system && isUndecidable(relation.name, name),
    };
    relation.columns.push(column);
    relation.byName.set(name, column);
  }
  for (const relation of relations.values()) relation.columns.sort((a, b) => a.attnum - b.attnum);
  return relations;
}

function buildTypes(rows: readonly CatalogRow[]): ReadonlyMap<number, PgType> | null {
  const types = new Map<number, PgType>();
  for (const row of rows) {
    const id = oid(row[0]);
    const [, schema, name, kind, category] = row;
    if (!Number.isSafeInteger(id) || !schema || !name || !kind || !category) return null;
    const [baseType, elementType, relation] = [oid(row[5]) || 0, oid(row[6]) || 0, oid(row[7]) || 0];
    types.set(id, { oid: id, schema, name, kind, category, baseType, elementType, relation });
  }
  return types;
}

function buildBuiltins(rows: readonly CatalogRow[]): ReadonlyMap<string, BuiltinFunction> {
  const builtins = new Map<string, BuiltinFunction>();
  for (const row of rows) {
    if (!row[0]) continue;
    const outputs = stringList(row[2]);
    // Overloads with different columns: which one is called depends on types that are not known here.
    const several = (oid(row[3]) || 0) > 1;
    const named = several ? [] : outputs;
    const open = named.length === 0 && (row[1] === 't' || several);
    builtins.set(row[0], { open, outputNames: named });
  }
  return builtins;
}

/** From rows whose second value is an OID and whose third is its name, if it is of initdb. */
function builtinNames(sets: readonly (readonly CatalogRow[] | undefined)[]): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  for (const rows of sets) for (const row of rows ?? []) if (row[2]) found.set(oid(row[1]), row[2]);
  return found;
}

function buildFunctions(
  rows: readonly CatalogRow[],
  calls: ReadonlyMap<number, readonly number[]>,
): ReadonlyMap<number, PgFunction> | null {
  const functions = new Map<number, PgFunction>();
  for (const row of rows) {
    const id = oid(row[0]);
    const [, schema, name, language, kind] = row;
    if (!Number.isSafeInteger(id) || !schema || !name || !language || !kind) return null;
    const [inputs, defaults] = [oid(row[8]) || 0, oid(row[9]) || 0];
    const names = stringList(row[11]);
    const modes = stringList(row[12]);
    functions.set(id, {
      oid: id,
      schema,
      name,
      language,
      kind,
      volatile: row[5] === 'v',
      immutable: row[5] === 'i',
      returnsSet: row[6] === 't',
      returnType: oid(row[7]) || 0,
      argumentsMin: inputs - defaults - (row[10] === 't' ? 1 : 0),
      argumentsMax: row[10] === 't' ? Infinity : inputs,
      inputNames: modes.length === 0 ? names : names.filter((_, at) => 'ibv'.includes(modes[at] ?? 'i')),
      outputNames: names.filter((_, at) => modes.length > 0 && 'obt'.includes(modes[at] ?? 'i')),
      modes,
      calls: calls.get(id) ?? noOids,
      parameterTypes: stringList(row[16]).map(Number),
      source: row[13] ?? null,
      extension: row[14] ?? null,
      searchPath: row[15] ?? null,
    });
  }
  return functions;
}

/** A JSON array of strings; anything else is empty, which leaves names unknown and what hangs on them undecided. */
function stringList(text: string | null | undefined): readonly string[] {
  if (!text) return [];
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.map((item) => (typeof item === 'string' ? item : '')) : [];
  } catch {
    return [];
  }
}
