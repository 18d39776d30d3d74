/**
 * Whether a value is a column's own, so that a question about it tells no more than the column itself would.
 *
 * Columns of views and generated columns are looked into: `count(v.s)` over a view with `nullif(ssn, '1') AS s` answers the
 * question that is in the view.
 */
import { type Catalog, type Column, type ColumnKey, keyAttnum, keyRelation } from '../catalog/catalog.ts';
import { definedAs } from './definitions.ts';
import type { Analysis, SafeFunctions } from './scope.ts';
import type { Value } from './value.ts';

/**
 * What stands in a column. `alone`: a value that is stored as that of one column. `mixed`: one of several stored values or
 * literals, unchanged. `computed`: anything else.
 */
type Nature = 'computed' | 'mixed' | 'alone';

/** Views over views deeper than this are not looked into. */
const depthMax = 100;

const natures = new WeakMap<SafeFunctions, WeakMap<Column, Nature>>();

/** A value of which being NULL tells no more than that a column's own value is: one passed through, or a row of such. */
export function isPlain(analysis: Analysis, value: Value): boolean {
  return natureOf(analysis, value) !== 'computed';
}

/**
 * A value that is one column's and cannot be another's or a literal: it cannot be compared with one by counting how many
 * different values there are.
 */
export function isAlone(analysis: Analysis, value: Value): boolean {
  return natureOf(analysis, value) === 'alone';
}

/**
 * The bare column, or no column at all, as an argument of a function that policy vouches for. Rows are none:
 * `f(t)` may mean the column f of t (manual, 8.16.5), whatever functions of this name there are.
 */
export function isBare(analysis: Analysis, value: Value): boolean {
  if (value.row !== null || !isAlone(analysis, value)) return false;
  return value.kind === 'constant' || isScalar(analysis.catalog, value.typeOid);
}

function natureOf(analysis: Analysis, value: Value): Nature {
  const { kind, row, sources, alone } = value;
  if (row !== null) {
    if (row.openAt !== -1) return 'computed';
    let nature: Nature = 'alone';
    for (const column of row.list) nature = lesser(nature, natureOf(analysis, column.value));
    return nature;
  }
  if (kind === 'constant') return 'alone';
  return kind === 'column' ? natureOfSources(analysis.catalog, analysis.safe, sources, alone, 0) : 'computed';
}

function natureOfSources(
  catalog: Catalog,
  safe: SafeFunctions,
  sources: ReadonlySet<ColumnKey>,
  alone: boolean,
  depth: number,
): Nature {
  let nature: Nature = alone ? 'alone' : 'mixed';
  for (const key of sources) nature = lesser(nature, natureOfColumn(catalog, safe, key, depth));
  return nature;
}

function natureOfColumn(catalog: Catalog, safe: SafeFunctions, key: ColumnKey, depth: number): Nature {
  const relation = catalog.relation(keyRelation(key));
  const column = catalog.column(keyRelation(key), keyAttnum(key));
  if (relation === undefined || column === undefined || depth > depthMax) return 'computed';
  let known = natures.get(safe);
  if (known === undefined) natures.set(safe, (known = new WeakMap()));
  const found = known.get(column);
  if (found !== undefined) return found;
  const origin = definedAs(catalog, relation, column, safe);
  if (origin === null) return 'alone';
  // A view that leads back to itself finds this.
  known.set(column, 'computed');
  let nature: Nature = 'computed';
  if (origin !== 'unknown' && origin.kind === 'constant') nature = 'alone';
  if (origin !== 'unknown' && origin.kind === 'column')
    nature = natureOfSources(catalog, safe, origin.sources, origin.alone, depth + 1);
  known.set(column, nature);
  return nature;
}

function lesser(a: Nature, b: Nature): Nature {
  if (a === 'computed' || b === 'computed') return 'computed';
  return a === 'mixed' ? a : b;
}

/** Whether values of the type are records, or may hold some: composite types and `record`, and arrays of these. */
export function holdsRecord(catalog: Catalog, typeOid: number): boolean {
  let type = catalog.type(typeOid);
  for (let depth = 0; type !== undefined && depth < depthMax; depth++) {
    if (type.kind === 'c' || type.kind === 'p') return true;
    const inner = type.kind === 'd' ? type.baseType : type.elementType;
    if (inner === 0) return false;
    type = catalog.type(inner);
  }
  return true;
}

/** The type that values of a domain have, and elements of an array: conversions go by it. */
export function elementOf(catalog: Catalog, typeOid: number): number {
  let oid = typeOid;
  for (let depth = 0; depth < depthMax; depth++) {
    const type = catalog.type(oid);
    const inner = type === undefined ? 0 : type.kind === 'd' ? type.baseType : type.elementType;
    // oidvector and int2vector are arrays that the catalog does not call so.
    if (inner === 0) return oid === 30 ? 26 : oid;
    oid = inner;
  }
  return 0;
}

/** A type that surely has no fields. */
export function isScalar(catalog: Catalog, typeOid: number): boolean {
  let type = catalog.type(typeOid);
  for (let domains = 0; type?.kind === 'd' && domains < depthMax; domains++) type = catalog.type(type.baseType);
  return type !== undefined && type.kind !== 'c' && type.kind !== 'd' && type.kind !== 'p';
}
