/**
 * Which tables a statement writes to, for lineage/flow/constraints.ts: what a name may mean, what stands behind a view, and the
 * partitions of a table.
 */
import { type AstRecord, text } from '../../parse/ast.ts';
import { type Column, type Relation, keyAttnum, keyRelation } from '../../catalog/catalog.ts';
import { definedAs } from '../definitions.ts';
import { newViewColumns } from '../ahead.ts';
import { type Analysis, relationColumns, relationsMeant, spend } from '../scope.ts';
import { type Columns, type Value, Dependencies, opaque } from '../value.ts';

/**
 * What a statement gives to one column, in all its rows. `nothing`: NULL or the column's default. `bare`: besides, literals and
 * parameters of the client's. `computed`: anything else.
 */
export interface Gift {
  /** '': not known, and it is the column at `at`, or where that is -1 any column. */
  readonly column: string;
  readonly at: number;
  readonly how: 'nothing' | 'bare' | 'computed';
  /** Surely not NULL in any row. */
  readonly notNull: boolean;
  readonly value: Value;
}

/** Views over views deeper than this cannot be written through here. */
const viewsMax = 100;
/** Levels of partitions of partitions. */
const partitionsMax = 100;

/** What the name may mean. Where it may mean something that is not known, anything may be asked. */
export function targetsOf(analysis: Analysis, relation: AstRecord, asks: boolean): readonly Relation[] {
  const { catalog } = analysis;
  const meant = relationsMeant(analysis, relation);
  if (meant.length > 0) return meant;
  const [schema, name] = [text(relation.schemaname) || null, text(relation.relname)];
  if (asks && catalog.doubt === 'any') analysis.flow?.probe('constraint', opaque);
  const made = asks ? newViewColumns(analysis, schema, name) : null;
  if (made !== null) probeBehind(analysis, made);
  return catalog.relationsNamed(schema, name);
}

/**
 * A view that the same message has made is written through. Which of its columns are given what is not followed: any column of
 * the tables behind it may be asked by a constraint.
 */
function probeBehind(analysis: Analysis, view: Columns): void {
  const all = new Dependencies();
  all.addColumns(view);
  const shown = all.value();
  const tables = new Set<Relation>();
  for (const key of shown.sources) {
    const relation = analysis.catalog.relation(keyRelation(key));
    if (relation === undefined) continue;
    for (const table of tablesBehind(analysis, relation)) tables.add(table);
  }
  for (const table of tables) all.addColumns(relationColumns(analysis.catalog, table));
  analysis.flow?.probe('constraint', all.value());
}

/** Names of the columns of `target` that a gift may go to. */
export function columnsGiven({ column, at }: Gift, target: Relation): readonly string[] {
  if (column !== '') return [column];
  return (at === -1 ? target.columns : target.columns.slice(at, at + 1)).map(({ name }) => name);
}

/**
 * What is given to the tables or views right behind a view. Beyond the limit, and where a definition is not known, anything
 * may be asked.
 */
export function throughView(
  analysis: Analysis,
  view: Relation,
  gifts: ReadonlyMap<string, Gift>,
  depth: number,
): ReadonlyMap<Relation, ReadonlyMap<string, Gift>> {
  const behind = new Map<Relation, Map<string, Gift>>();
  for (const column of view.columns) {
    const gift = gifts.get(column.name);
    if (gift === undefined) continue;
    const base = depth > viewsMax ? null : baseOf(analysis, view, column);
    if (base === null) {
      // What is computed cannot be written.
      if (depth > viewsMax || isUnknown(analysis, view, column)) analysis.flow?.probe('constraint', opaque);
      continue;
    }
    let given = behind.get(base.relation);
    if (given === undefined) behind.set(base.relation, (given = new Map()));
    given.set(base.column.name, gift);
  }
  return behind;
}

interface Base {
  readonly relation: Relation;
  readonly column: Column;
}

/** The column that a view's column is, unchanged; null: it is computed or not known. */
function baseOf({ catalog, safe }: Analysis, view: Relation, column: Column): Base | null {
  const origin = definedAs(catalog, view, column, safe);
  if (origin === null || origin === 'unknown' || origin.kind !== 'column' || origin.sources.size !== 1) return null;
  const [key] = origin.sources;
  const relation = catalog.relation(keyRelation(key));
  const base = catalog.column(keyRelation(key), keyAttnum(key));
  return relation === undefined || base === undefined ? null : { relation, column: base };
}

function isUnknown({ catalog, safe }: Analysis, view: Relation, column: Column): boolean {
  const origin = definedAs(catalog, view, column, safe);
  return origin === 'unknown' || (origin !== null && origin.kind === 'opaque');
}

/** The tables whose rows a relation shows as they are: itself, or those behind a view. */
export function tablesBehind(analysis: Analysis, relation: Relation): ReadonlySet<Relation> {
  const seen = new Set([relation]);
  const tables = new Set<Relation>();
  for (const one of seen) {
    spend(analysis, 1 + one.columns.length);
    if (one.kind !== 'v') {
      tables.add(one);
      continue;
    }
    for (const column of one.columns) {
      const base = baseOf(analysis, one, column);
      if (base !== null) seen.add(base.relation);
      else if (isUnknown(analysis, one, column)) analysis.flow?.probe('constraint', opaque);
    }
  }
  return tables;
}

/** The partitioned table that a partition belongs to; else the relation itself. */
export function wholeTable({ catalog }: Analysis, relation: Relation): Relation {
  let whole = relation;
  for (let depth = 0; depth < partitionsMax && whole.parents.length === 1; depth++) {
    const parent = catalog.relation(whole.parents[0]);
    if (parent?.kind !== 'p') break;
    whole = parent;
  }
  return whole;
}

export function withDescendants(analysis: Analysis, relation: Relation): ReadonlySet<Relation> {
  const { catalog } = analysis;
  const members = new Set([relation]);
  for (const member of members) {
    for (const oid of member.children) {
      const child = catalog.relation(oid);
      if (child !== undefined) members.add(child);
    }
  }
  spend(analysis, members.size);
  return members;
}

/** Names of columns; a number without a column is left out, as it can only be newer than the snapshot. */
export function namesOf(relation: Relation, columns: readonly number[]): string[] {
  return columns.flatMap((attnum) => relation.columns.find((column) => column.attnum === attnum)?.name ?? []);
}
