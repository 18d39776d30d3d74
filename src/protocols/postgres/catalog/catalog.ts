/**
 * A snapshot of what the gate must know of a target's schema: an immutable value with a version number.
 *
 * It turns the OIDs of RowDescription into names, resolves names as the server would, and carries the definitions
 * (views, SQL functions, generated columns) through which values travel, and the constraints that compare them. It is
 * built from the rows of the queries in catalog/queries.ts by buildCatalog in catalog/build.ts.
 */
import type { CatalogRows } from './build.ts';
import type { Constraint, ForeignKey } from './constraints.ts';
import type { Place } from './fillers.ts';
import type { Movers } from './movers.ts';
import type { PgType } from './types.ts';
import { isAscii } from '../wire/text.ts';

declare const columnKeyBrand: unique symbol;
/** One column of one relation as a number: OID * 4096 + attnum. Unique, because attnum is below 1,664. */
export type ColumnKey = number & { readonly [columnKeyBrand]: true };

/** Key of a live user column; `attnum` must be positive. */
export function columnKey(relation: number, attnum: number): ColumnKey {
  return (relation * 4096 + attnum) as ColumnKey;
}

export function keyRelation(key: ColumnKey): number {
  return Math.floor(key / 4096);
}

export function keyAttnum(key: ColumnKey): number {
  return key % 4096;
}

export interface Column {
  readonly key: ColumnKey;
  readonly attnum: number;
  readonly name: string;
  readonly typeOid: number;
  /** Whether it is computed from others; `expression` is then its SQL, or null where that could not be had. */
  readonly generated: boolean;
  readonly expression: string | null;
  /** Holds copies of values of other tables (statistics, large objects), so its sources cannot be known. */
  readonly undecidable: boolean;
}

export interface Relation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** pg_class.relkind: r table, p partitioned, v view, m materialized view, f foreign, S sequence, c composite type. */
  readonly kind: string;
  /** Made by initdb: pg_catalog and information_schema. */
  readonly system: boolean;
  /** Live columns in catalog order, the order of `*`. */
  readonly columns: readonly Column[];
  readonly byName: ReadonlyMap<string, Column>;
  /** SQL of a view or materialized view; null for others and where it is too long. */
  readonly definition: string | null;
  /** OIDs of inheritance or partition parents and children, one level each way. */
  readonly parents: readonly number[];
  readonly children: readonly number[];
}

export interface PgFunction {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly language: string;
  /** pg_proc.prokind: f function, p procedure, a aggregate, w window. */
  readonly kind: string;
  readonly volatile: boolean;
  /** What it gives for constants may be worked out when a statement is planned. */
  readonly immutable: boolean;
  readonly returnsSet: boolean;
  readonly returnType: number;
  /** Least and greatest number of arguments in a call; greatest is Infinity with VARIADIC. */
  readonly argumentsMin: number;
  readonly argumentsMax: number;
  /** Names of input parameters, '' where unnamed. */
  readonly inputNames: readonly string[];
  /** Names of OUT, INOUT and TABLE columns; empty where there are none. */
  readonly outputNames: readonly string[];
  /** pg_proc.proargmodes: i, o, b, v and t, one a parameter; empty where all are i. */
  readonly modes: readonly string[];
  /** Of an aggregate, the OIDs of the functions that it calls; empty for others, and where they are not known. */
  readonly calls: readonly number[];
  /** OIDs of the types of all its parameters, whichever way they go. */
  readonly parameterTypes: readonly number[];
  /** Source text (an SQL-standard body included), null where too long. */
  readonly source: string | null;
  /** Name of the extension that owns it, else null. */
  readonly extension: string | null;
  /** Its own `SET search_path`, else null: names in its source mean what they mean to the caller. */
  readonly searchPath: string | null;
}

/** Functions that initdb made, summed up by name. */
export interface BuiltinFunction {
  /** Some overload may return a row whose columns the name alone does not tell (polymorphic, record). */
  readonly open: boolean;
  /** Names of OUT columns where all overloads with several agree, else empty. */
  readonly outputNames: readonly string[];
}

/** Schemas in the order in which the server looks unqualified names up; see searchPathOf. */
export interface SearchPath {
  readonly schemas: readonly string[];
  /** The session's own temporary schema (`pg_temp_3`); '' where it surely has none, null where that is not known. */
  readonly temp: string | null;
  /** It may be another one by the time when names are looked up, or may have been when they were: see masks/standIns.ts. */
  readonly loose?: true;
}

/** Names in definitions that the server printed are qualified but for those of pg_catalog; see catalogPrelude. */
export const definitionPath: SearchPath = Object.freeze({ schemas: Object.freeze(['pg_catalog']), temp: '' });

/**
 * Stands for a path that is not known: that of whoever will read a view over functions. A relation or type resolves if it is
 * the only one of its name anywhere, and a function may be any of its name.
 */
export const anyPath: SearchPath = Object.freeze({ schemas: Object.freeze(['pg_catalog']), temp: null });

/** Parses SQL to its statement nodes; null where it does not parse. */
export type ParseSql = (text: string) => readonly unknown[] | null;

/** What a column was called before it, its table or its schema was renamed. */
export interface FormerName {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
}

export interface Catalog {
  /** Unique in the process, so caches can key on it. */
  readonly version: number;
  readonly parse: ParseSql;
  /** What it was built from, to build it elsewhere again. */
  readonly rows: CatalogRows;
  readonly relations: ReadonlyMap<number, Relation>;
  relation(oid: number): Relation | undefined;
  /** Relation that `schema.name` means on this path; undefined where there is none or it is not certain. */
  resolve(schema: string | null, name: string, path: SearchPath): Relation | undefined;
  /** Every relation of this name that queries can name, in this schema or (null) in any. */
  relationsNamed(schema: string | null, name: string): readonly Relation[];
  /**
   * Other relations that an unqualified name means where a path is another one than is believed, and of which more is hidden;
   * see masks/standIns.ts.
   */
  standIns(relation: Relation): readonly Relation[];
  column(oid: number, attnum: number): Column | undefined;
  /** Unique indexes, exclusion constraints, checks and foreign keys of a table. */
  constraintsOf(oid: number): readonly Constraint[];
  /** Foreign keys of other tables, or its own, that reference a table. */
  referencing(oid: number): readonly ForeignKey[];
  /**
   * What users have made may be another thing by now, and no name of theirs resolves. `new_tables`: all that was changed
   * is that tables and types were added. See catalog/doubted.ts.
   */
  readonly doubt: 'new_tables' | 'any' | null;
  type(oid: number): PgType | undefined;
  /** Type by name on this path, for casts. */
  resolveType(schema: string | null, name: string, path: SearchPath): PgType | undefined;
  /** Every type of this name, in whatever schema. */
  typesNamed(name: string): readonly PgType[];
  builtinFunction(name: string): BuiltinFunction | undefined;
  /** User functions (and those of extensions) that a call could mean: on a loose path those of every schema. Temporary ones need their qualifier. */
  functions(schema: string | null, name: string, path: SearchPath): readonly PgFunction[];
  functionByOid(oid: number): PgFunction | undefined;
  /** Name of a function of initdb behind an operator, cast or aggregate that users made. */
  builtinByOid(oid: number): string | undefined;
  /** Names of columns that have been renamed since the gate first read the catalog; see catalog/history.ts. */
  readonly formerNames: ReadonlyMap<ColumnKey, readonly FormerName[]>;
  /** OIDs of the functions behind user-made operators of this name, in any schema. */
  operatorFunctions(name: string): readonly number[];
  /** Whether functions of users could put values into a place without a statement that shows it; see catalog/fillers.ts. */
  mayFill(place: Place): boolean;
  /** What may change what names mean while a statement runs; see catalog/movers.ts. */
  movers(): Movers;
  /** OIDs of the functions behind user-made casts to this type. */
  castFunctions(typeOid: number): readonly number[];
}

/**
 * The path that a `search_path` setting means: `"$user"` becomes the role, and what the server searches without being
 * told (the temporary schema, then pg_catalog) is put in front (manual, 5.10.3 and client connection defaults).
 * Schemas that do not exist do no harm. A setting that is no list of names gives pg_catalog alone, so that user names
 * stay unresolved.
 */
export function searchPathOf(setting: string, role: string, temp: string | null): SearchPath {
  const unknown = { schemas: implicitSchemas([], temp), temp };
  const listed: string[] = [];
  const item = /[ \t\n\r\f\v]*(?:"((?:[^"]|"")*)"|([^ \t\n\r\f\v",]+))[ \t\n\r\f\v]*(,|$)/y;
  while (item.lastIndex < setting.length) {
    const found = item.exec(setting);
    if (found === null || listed.length === pathItemsMax) return unknown;
    const name = cutIdentifier(found[1] === undefined ? lowerAscii(found[2]) : found[1].replaceAll('""', '"'));
    if (name === '$user') listed.push(role);
    else if (name === 'pg_temp') listed.push(temp ?? '');
    else if (name !== '') listed.push(name);
    if (found[3] === '') break;
  }
  return { schemas: implicitSchemas(listed, temp), temp };
}

/** More is believed to be no path at all. */
const pathItemsMax = 1000;
const identifierBytesMax = 63;

/** Whether a path with this setting hangs on the role. */
export function namesRole(setting: string): boolean {
  return /\$user/i.test(setting);
}

/** Only these letters have a lower case for the server, whatever the locale (downcase_identifier, in UTF8). */
export function lowerAscii(name: string): string {
  if (isAscii(name)) return name.toLowerCase();
  return name.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Cut as the server cuts names: to whole characters within NAMEDATALEN (truncate_identifier). */
export function cutIdentifier(name: string): string {
  if (name.length * 3 <= identifierBytesMax) return name;
  let bytes = 0;
  let cut = '';
  for (const character of name) {
    bytes += Buffer.byteLength(character);
    if (bytes > identifierBytesMax) break;
    cut += character;
  }
  return cut;
}

function implicitSchemas(listed: readonly string[], temp: string | null): readonly string[] {
  const schemas = [...listed];
  if (!schemas.includes('pg_catalog')) schemas.unshift('pg_catalog');
  if (temp !== null && temp !== '' && !schemas.includes(temp)) schemas.unshift(temp);
  return schemas;
}
