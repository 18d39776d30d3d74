/** The names in a catalog, for those who look for mistakes in patterns. */
import type { Catalog, Relation } from './catalog.ts';

export interface Names {
  /** schema, table, column. */
  readonly columns: readonly (readonly string[])[];
  /** schema, name: of relations, types and functions, all of which statements name as objects. */
  readonly objects: readonly (readonly string[])[];
  /** schema, name. */
  readonly functions: readonly (readonly string[])[];
}

export function catalogNames(catalog: Catalog): Names {
  const { types = [], builtins = [], functions = [] } = catalog.rows;
  const calls = [
    ...builtins.map(([name]) => ['pg_catalog', name ?? '']),
    ...functions.map(([, schema, name]) => [schema ?? '', name ?? '']),
  ];
  const relations = [...catalog.relations.values()].map(({ schema, name }) => [schema, name]);
  const named = types.flatMap(([oid]) => catalog.type(Number(oid)) ?? []).map(({ schema, name }) => [schema, name]);
  return { columns: columnNames(catalog.relations), objects: [...relations, ...named, ...calls], functions: calls };
}

/** Composite types have no columns that a query could name. */
export function columnNames(relations: ReadonlyMap<number, Relation>): readonly (readonly string[])[] {
  const found: string[][] = [];
  for (const { kind, schema, name, columns } of relations.values())
    if (kind !== 'c') for (const column of columns) found.push([schema, name, column.name]);
  return found;
}
