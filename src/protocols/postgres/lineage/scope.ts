/** Names that a query can see, and the limits of one analysis. */
import type { Catalog, Relation, SearchPath } from '../catalog/catalog.ts';
import { type AstRecord, text } from '../parse/ast.ts';
import type { Ahead } from './ahead.ts';
import type { FlowRecorder } from './flow/recorder.ts';
import type { Folded } from './folded.ts';
import {
  type Columns,
  type NamedValue,
  type Value,
  columnValue,
  findColumn,
  knownColumns,
  unknownColumns,
} from './value.ts';
import { elementOf, holdsRecord } from './plain.ts';
import { Dependencies, constant, either, opaque, rowValue } from './value.ts';

/** Functions that policies vouch for, as `schema.name`. Sets with the same functions need not be one object. */
export type SafeFunctions = ReadonlySet<string>;

export const noSafeFunctions: SafeFunctions = new Set();

/** Which places beside tables hold nothing masked, so that what is read from them may be shown. */
export interface Stores {
  /** Settings with a dot in their names, which are variables of the session. */
  readonly settings: boolean;
  readonly largeObjects: boolean;
}

export const noStores: Stores = Object.freeze({ settings: false, largeObjects: false });

/** One analysis. When a limit is passed, everything becomes opaque. */
export interface Analysis {
  readonly catalog: Catalog;
  readonly path: SearchPath;
  readonly safe: SafeFunctions;
  readonly stores: Stores;
  /** What statements in front in the same message have made; null: nothing. */
  readonly ahead: Ahead | null;
  /** Nodes that may still be visited. */
  nodesLeft: number;
  depth: number;
  /** OIDs of the functions whose bodies are being analysed, so that recursion ends. */
  readonly active: Set<number>;
  /** Takes probes and writes; null where only the outputs are asked for. */
  readonly flow: FlowRecorder | null;
  /** Takes what bodies of functions ask and write in place of `flow`, while a view is walked for these alone; else null. */
  readonly calls: FlowRecorder | null;
  /** Takes what functions may give while the statement is planned; null where the plan is not shown. */
  readonly folded: Folded | null;
}

/** Nodes visited per statement, or as much work of other kinds: an INSERT of 10,000 rows stays well below. */
const nodesMax = 1_000_000;

/**
 * An analysis of a statement that has looked at nothing yet.
 *
 * @param flow takes probes and writes; null: only the outputs are asked for.
 */
export function newAnalysis(
  { catalog, path, safe, stores, ahead }: Pick<Analysis, 'catalog' | 'path' | 'safe' | 'stores' | 'ahead'>,
  flow: FlowRecorder | null,
): Analysis {
  return {
    catalog,
    path,
    safe,
    stores,
    ahead,
    nodesLeft: nodesMax,
    depth: 0,
    active: new Set(),
    flow,
    calls: null,
    folded: null,
  };
}

/**
 * Trees nest deeply in generated SQL: `a || b || ...` takes two levels for each operator. Deeper than this is refused
 * rather than the stack risked.
 */
const depthMax = 2000;

/** Counts one node down. False: a limit is passed, and nothing that follows may be believed. */
export function enter(analysis: Analysis): boolean {
  analysis.nodesLeft--;
  analysis.depth++;
  if (analysis.depth > depthMax) analysis.nodesLeft = -1;
  return analysis.nodesLeft >= 0;
}

export function leave(analysis: Analysis): void {
  analysis.depth--;
}

/** More columns than this are treated as unknown: stars over stars double them with every level. */
const columnsMax = 10_000;

/** Counts work that grows with the number of columns or sources rather than with that of nodes. */
export function spend(analysis: Analysis, units: number): void {
  analysis.nodesLeft -= units;
}

/** The columns themselves, paid for; unknown ones where there are too many. */
export function bounded(analysis: Analysis, columns: Columns): Columns {
  spend(analysis, columns.list.length);
  return columns.list.length > columnsMax || analysis.nodesLeft < 0 ? unknownColumns : columns;
}

/** A relation that a qualified reference can name. */
export interface NamedTable {
  readonly name: string;
  /** null behind an alias: `schema.table` then names nothing. */
  readonly schema: string | null;
  readonly columns: Columns;
  /** The table of the catalog that it is, with `columns` in its order, under other names perhaps. */
  readonly relation?: Relation;
}

/** One element of FROM: what `*` and bare names see, and what qualified names see. */
export interface FromElement {
  readonly columns: Columns;
  readonly tables: readonly NamedTable[];
}

/** A common table expression, evaluated on first use. */
export interface CteEntry {
  readonly name: string;
  columns(): Columns;
}

export interface CteList {
  readonly entry: CteEntry;
  readonly next: CteList | null;
}

/** Parameters of the SQL function whose body is analysed. */
export interface Parameters {
  readonly functionName: string;
  readonly names: readonly string[];
  readonly values: readonly Value[];
}

export interface Scope {
  readonly elements: readonly FromElement[];
  readonly parent: Scope | null;
  readonly ctes: CteList | null;
  readonly parameters: Parameters | null;
  /** Relations for qualified names only: `old` and `new` of RETURNING. */
  readonly hidden: readonly NamedTable[];
}

const noTables: readonly NamedTable[] = Object.freeze([]);

export function rootScope(parameters: Parameters | null): Scope {
  return { elements: [], parent: null, ctes: null, parameters, hidden: noTables };
}

/** A query level inside `parent`. */
export function childScope(parent: Scope, elements: readonly FromElement[]): Scope {
  return { elements, parent, ctes: parent.ctes, parameters: parent.parameters, hidden: noTables };
}

const columnsOf = new WeakMap<Relation, Columns>();

/** Columns of a catalog relation as values of themselves. */
export function relationColumns(catalog: Catalog, relation: Relation): Columns {
  let columns = columnsOf.get(relation);
  if (columns === undefined) {
    const list: NamedValue[] = [];
    for (const column of relation.columns) {
      const { key, typeOid } = column;
      const value = column.undecidable
        ? opaque
        : columnValue(key, typeOid, holdsRecord(catalog, typeOid), elementOf(catalog, typeOid));
      list.push({ name: column.name, value });
    }
    columns = knownColumns(list);
    columnsOf.set(relation, columns);
  }
  return columns;
}

/** The relations that a RangeVar struct may mean: behind a path that moves all of that name. Empty: the catalog knows none. */
export function relationsMeant({ catalog, path }: Analysis, { schemaname, relname }: AstRecord): readonly Relation[] {
  const [schema, name] = [text(schemaname) || null, text(relname)];
  const known = catalog.resolve(schema, name, path);
  if (known === undefined) return [];
  if (schema !== null || path.loose !== true) return [known];
  // Nobody comes to the temporary tables of others.
  const isForeign = (one: Relation): boolean =>
    path.temp !== null && one.schema.startsWith('pg_temp_') && one.schema !== path.temp;
  return [known, ...catalog.relationsNamed(null, name).filter((other) => other !== known && !isForeign(other))];
}

const systemColumns: ReadonlySet<string> = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid']);

/** System columns (manual, 5.6): row bookkeeping that holds no user value. */
export function isSystemColumn(name: string): boolean {
  return systemColumns.has(name);
}

/** Value of a bare name: a column of the nearest level that has it, else a whole row, else a parameter. */
export function lookupName(scope: Scope, name: string): Value {
  return findColumnOutwards(scope, name) ?? wholeRow(scope, name) ?? parameterNamed(scope, name) ?? opaque;
}

function findColumnOutwards(scope: Scope, name: string): Value | undefined {
  for (let at: Scope | null = scope; at !== null; at = at.parent) {
    let unknown = false;
    for (const element of at.elements) {
      if (!element.columns.list.some((column) => column.name === name)) continue;
      const found = findColumn(element.columns, name) ?? opaque;
      return element.columns.mixed?.has(name) === true
        ? either(found, meantOtherwise(at, element, scope, name))
        : found;
    }
    for (const element of at.elements) if (element.columns.openAt !== -1) unknown = true;
    if (unknown) return unknownColumn(at, scope, name);
    if (at.elements.length > 0 && isSystemColumn(name)) return constant;
  }
  return undefined;
}

/** What the name means where the column of this element is not there: a neighbour's, or what it would mean without this level. */
function meantOtherwise(level: Scope, element: FromElement, scope: Scope, name: string): Value {
  const all = new Dependencies();
  for (const other of level.elements) {
    const found = other === element ? undefined : findColumn(other.columns, name);
    if (found !== undefined) all.add(found);
  }
  const outer = level.parent === null ? undefined : findColumnOutwards(level.parent, name);
  all.add(outer ?? wholeRow(scope, name) ?? parameterNamed(scope, name) ?? constant);
  return all.value();
}

/** The name may be an unknown column of this level, or anything that it would mean if no level here had it. */
function unknownColumn(level: Scope, scope: Scope, name: string): Value {
  const all = new Dependencies();
  for (const element of level.elements) if (element.columns.openAt !== -1) all.add(element.columns.rest);
  const outer = level.parent === null ? undefined : findColumnOutwards(level.parent, name);
  const further = outer ?? wholeRow(scope, name) ?? parameterNamed(scope, name);
  if (further !== null) all.add(further);
  return all.value();
}

function wholeRow(scope: Scope, name: string): Value | null {
  const table = lookupTable(scope, null, name);
  return table === null ? null : rowValue(table.columns);
}

/** The argument of this name inside the body of a function. */
export function parameterNamed(scope: Scope, name: string): Value | null {
  const at = scope.parameters === null ? -1 : scope.parameters.names.indexOf(name);
  return at === -1 || scope.parameters === null ? null : scope.parameters.values[at];
}

export function lookupTable(scope: Scope, schema: string | null, name: string): NamedTable | null {
  for (let at: Scope | null = scope; at !== null; at = at.parent) {
    for (const element of at.elements) {
      for (const table of element.tables)
        if (table.name === name && (schema === null || table.schema === schema)) return table;
    }
    for (const table of at.hidden) if (table.name === name && schema === null) return table;
  }
  return null;
}

/** Value of `table.column` and `schema.table.column`. */
export function lookupQualified(scope: Scope, schema: string | null, tableName: string, name: string): Value {
  const table = lookupTable(scope, schema, tableName);
  if (table !== null) {
    const found = findColumn(table.columns, name);
    if (found !== undefined) return found;
    return isSystemColumn(name) ? constant : opaque;
  }
  const parameters = scope.parameters;
  if (schema === null && parameters !== null && parameters.functionName === tableName)
    return parameterNamed(scope, name) ?? opaque;
  return opaque;
}

export function findCte(scope: Scope, name: string): CteEntry | null {
  for (let at = scope.ctes; at !== null; at = at.next) if (at.entry.name === name) return at.entry;
  return null;
}
