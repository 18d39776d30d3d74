/** What views and generated columns are computed from, as their definitions say. Kept as long as the catalog is. */
import { record } from '../parse/ast.ts';
import { type Catalog, type Column, type Relation, definitionPath } from '../catalog/catalog.ts';
import { type Lineage, type OutputLineage, lineageOf, outputsFor } from './lineage.ts';
import type { SafeFunctions } from './scope.ts';

/** Views over views deeper than this are unknown: the server has trouble with fewer. */
const nestingMax = 100;
let nesting = 0;

/** Lineages by what they belong to; null: not known, or being worked out just now. */
interface Known {
  readonly views: WeakMap<Relation, Lineage | null>;
  readonly columns: WeakMap<Column, Lineage | null>;
}

/** By the functions that policies vouch for, since the same definition shows more or less with them. */
const knownBySafe = new WeakMap<SafeFunctions, Known>();

/** What a view's or generated column is computed from; null for stored columns. */
export function definedAs(
  catalog: Catalog,
  relation: Relation,
  column: Column,
  safe: SafeFunctions,
): OutputLineage | 'unknown' | null {
  const isView = relation.kind === 'v' || relation.kind === 'm';
  // The server's own views show its state, not user tables; those with samples of values are marked undecidable.
  if (isView ? relation.system : !column.generated) return null;
  let known = knownBySafe.get(safe);
  if (known === undefined) knownBySafe.set(safe, (known = { views: new WeakMap(), columns: new WeakMap() }));
  if (isView) {
    const lineage = remembered(known.views, relation, catalog, relation.definition, safe);
    const outputs = lineage === null ? null : outputsFor(lineage, relation.columns.length);
    return outputs?.[relation.columns.indexOf(column)] ?? 'unknown';
  }
  const from = `${quoted(relation.schema)}.${quoted(relation.name)}`;
  const sql = column.expression === null ? null : `SELECT (${column.expression}) FROM ${from}`;
  const lineage = remembered(known.columns, column, catalog, sql, safe);
  return (lineage === null ? null : outputsFor(lineage, 1))?.[0] ?? 'unknown';
}

function remembered<K extends object>(
  known: WeakMap<K, Lineage | null>,
  key: K,
  catalog: Catalog,
  sql: string | null,
  safe: SafeFunctions,
): Lineage | null {
  const found = known.get(key);
  if (found !== undefined || nesting >= nestingMax) return found ?? null;
  // A definition that leads back to itself finds this.
  known.set(key, null);
  nesting++;
  try {
    const lineage = definedLineage(catalog, sql, safe);
    known.set(key, lineage);
    return lineage;
  } finally {
    nesting--;
  }
}

function definedLineage(catalog: Catalog, sql: string | null, safe: SafeFunctions): Lineage | null {
  const statements = sql === null ? null : catalog.parse(sql);
  if (statements === null || statements.length !== 1 || record(statements[0]).SelectStmt === undefined) return null;
  return lineageOf(statements[0], catalog, definitionPath, safe);
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
