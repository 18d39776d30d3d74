/**
 * What GROUP BY, DISTINCT and ORDER BY do not tell, because the primary key of the table stands beside it.
 *
 *     GROUP BY c.id, c.email      each group is one row of c, whatever its email
 *     ORDER BY c.id, c.email      rows that agree in id agree in email
 *
 * Rows that an outer join fills with NULL are NULL in the key and in the column alike.
 *
 * The order in which the server goes through the rows counts as well. Of a GROUP BY the planner keeps one key and drops what it
 * determines (remove_useless_groupby_columns): the primary key or, since version 18, any unique index. With grouping sets, in an
 * inheritance parent and for DISTINCT it drops nothing. So a column of a unique index and a column of a DISTINCT may be what the
 * rows are sorted by. That does not show where an ORDER BY settles their order by the key and nothing in the query counts along:
 * no window, no sequence, no function but plain aggregates.
 */
import { type AstRecord, bareName, integerConstant, list, names, record, tagOf, unwrap } from '../parse/ast.ts';
import type { Column, Relation } from '../catalog/catalog.ts';
import { countsAlong } from './plainQuery.ts';
import type { Analysis, NamedTable, Scope } from './scope.ts';
import type { Columns } from './value.ts';

/** A column of one table in FROM, as such. */
interface Reference {
  readonly table: NamedTable;
  readonly column: Column;
}

/** What need not be probed. */
export interface Aside {
  /** Items of GROUP BY, DISTINCT ON and ORDER BY. */
  readonly items: ReadonlySet<unknown>;
  /** Outputs of a bare DISTINCT, by their place. */
  readonly outputs: ReadonlySet<number>;
}

const nothing: Aside = Object.freeze({ items: new Set<never>(), outputs: new Set<never>() });

/**
 * @param level the scope of the FROM of `select`.
 * @param columns its outputs.
 */
export function besideKeys(analysis: Analysis, level: Scope, select: AstRecord, columns: Columns): Aside {
  const sorting = list(select.sortClause);
  const grouping = list(select.groupClause);
  const distinct = list(select.distinctClause);
  // A name in the body of a function may be one of its variables.
  if (level.parameters !== null || sorting.length + grouping.length + distinct.length < 1) return nothing;
  const names = new ReferenceNames(level, list(select.targetList), columns);
  const [items, outputs] = [new Set<unknown>(), new Set<number>()];

  const sorted = new Keys(analysis, []);
  for (const item of sorting) {
    const { node, sortby_dir: direction } = record(record(item).SortBy);
    // An operator of somebody's own may call different keys equal.
    const found = direction === 'SORTBY_USING' ? null : names.shown(node);
    if (sorted.decide(found)) items.add(item);
    sorted.add(found);
  }
  const settles = (one: Reference | null): boolean => sorted.decide(one) && !countsAlong(analysis, level, select);
  if (!grouping.some((item) => tagOf(item) === 'GroupingSet')) {
    const found = grouping.map((item) => names.grouped(item));
    const keys = new Keys(analysis, found);
    grouping.forEach((item, at) => {
      const one = found[at];
      if (keys.decide(one) && (!isIndexed(analysis, one) || settles(one))) items.add(item);
    });
  }
  if (distinct.length > 0 && sorting.length > 0) {
    const isBare = tagOf(distinct[0]) === '';
    const found = isBare ? (names.outputs ?? []) : distinct.map((item) => names.shown(item));
    const keys = new Keys(analysis, found);
    found.forEach((one, at) => {
      if (!keys.decide(one) || !settles(one)) return;
      if (isBare) outputs.add(at);
      else items.add(distinct[at]);
    });
  }
  return items.size + outputs.size === 0 ? nothing : { items, outputs };
}

/** Tables with the columns of theirs that stand in one place. */
class Keys {
  readonly #analysis: Analysis;
  readonly #named = new Map<NamedTable, Set<number>>();

  constructor(analysis: Analysis, references: readonly (Reference | null)[]) {
    this.#analysis = analysis;
    for (const one of references) this.add(one);
  }

  add(reference: Reference | null): void {
    if (reference === null) return;
    const columns = this.#named.get(reference.table);
    if (columns === undefined) this.#named.set(reference.table, new Set([reference.column.attnum]));
    else columns.add(reference.column.attnum);
  }

  /** Whether the table's whole key is there, which decides this column. The key itself is asked like anything else. */
  decide(reference: Reference | null): boolean {
    const columns = reference === null ? undefined : this.#named.get(reference.table);
    if (reference === null || columns === undefined || reference.table.relation === undefined) return false;
    const key = primaryKeyOf(this.#analysis, reference.table.relation);
    return key !== null && key.every((at) => columns.has(at)) && !key.includes(reference.column.attnum);
  }
}

/** Whether a unique index has the column, so that the server may group by it instead of by the key. */
function isIndexed(analysis: Analysis, reference: Reference | null): boolean {
  const relation = reference?.table.relation;
  if (reference === null || relation === undefined) return true;
  return analysis.catalog
    .constraintsOf(relation.oid)
    .some((one) => one.kind === 'unique' && one.columns.includes(reference.column.attnum));
}

/** Columns of which no two rows that the table shows have the same. The key of a parent says nothing of its children. */
function primaryKeyOf(analysis: Analysis, relation: Relation): readonly number[] | null {
  const isTable = relation.kind === 'p' || (relation.kind === 'r' && relation.children.length === 0);
  if (!isTable) return null;
  for (const one of analysis.catalog.constraintsOf(relation.oid)) {
    if (one.kind === 'unique' && one.identifies && one.columns.length > 0) return one.columns;
  }
  return null;
}

/** Which column of which table names of a query mean; null wherever it is not plain. */
class ReferenceNames {
  readonly #level: Scope;
  readonly #tables: readonly NamedTable[];
  readonly #columns: Columns;
  /** Of all outputs in their order; null: how many there are is not known. */
  readonly outputs: readonly (Reference | null)[] | null;

  constructor(level: Scope, targets: readonly unknown[], columns: Columns) {
    this.#level = level;
    this.#tables = level.elements.flatMap(({ tables }) => tables);
    this.#columns = columns;
    const outputs = targets.flatMap((target) => this.#targets(record(record(target).ResTarget).val));
    const isKnown = columns.openAt === -1 && outputs.length === columns.list.length;
    this.outputs = isKnown ? outputs : null;
  }

  /** For GROUP BY, where a name means an input before it means an output. */
  grouped(node: unknown): Reference | null {
    const name = bareName(node);
    if (name === null || this.#isInput(name)) return this.#output(node) ?? this.#input(node);
    return this.#outputNamed(name);
  }

  /** For ORDER BY and DISTINCT ON, where it is the other way round. */
  shown(node: unknown): Reference | null {
    const name = bareName(node);
    if (name === null) return this.#output(node) ?? this.#input(node);
    if (this.#columns.openAt !== -1) return null;
    return this.#columns.list.some((column) => column.name === name) ? this.#outputNamed(name) : this.#input(node);
  }

  #isInput(name: string): boolean {
    return this.#level.elements.some(
      ({ columns }) => columns.openAt !== -1 || columns.list.some((column) => column.name === name),
    );
  }

  /** `2` stands for the second output. */
  #output(node: unknown): Reference | null {
    const place = integerConstant(node);
    return place === null ? null : (this.outputs?.[place - 1] ?? null);
  }

  #outputNamed(name: string): Reference | null {
    const places = [...this.#columns.list.keys()].filter((at) => this.#columns.list[at].name === name);
    return places.length === 1 ? (this.outputs?.[places[0]] ?? null) : null;
  }

  #input(node: unknown): Reference | null {
    const reference = unwrap(node, 'ColumnRef');
    const fields = list(reference?.fields);
    if (fields.length === 0 || fields.length > 3 || tagOf(fields.at(-1)) !== 'String') return null;
    const parts = names(fields);
    const name = parts[parts.length - 1];
    if (parts.length === 1) return this.#unqualified(name);
    const table = this.#table(parts.slice(0, -1));
    return table === null ? null : columnIn(table, name);
  }

  #unqualified(name: string): Reference | null {
    let count = 0;
    for (const { columns } of this.#level.elements) {
      if (columns.openAt !== -1) return null;
      count += columns.list.filter((column) => column.name === name).length;
    }
    // A column that USING has merged stands in several tables, one of a join with an alias in none.
    const having = this.#tables.filter(({ columns }) => columns.list.some((column) => column.name === name));
    return count === 1 && having.length === 1 ? columnIn(having[0], name) : null;
  }

  #table(parts: readonly string[]): NamedTable | null {
    const [name, schema = null] = parts.toReversed();
    const found = this.#tables.filter((table) => table.name === name && (schema === null || table.schema === schema));
    return found.length === 1 ? found[0] : null;
  }

  /** What one item of the target list gives. */
  #targets(node: unknown): readonly (Reference | null)[] {
    const fields = list(unwrap(node, 'ColumnRef')?.fields);
    if (tagOf(fields.at(-1)) !== 'A_Star') return [this.#input(node)];
    const parts = names(fields);
    if (parts.length > 0) {
      const table = this.#table(parts);
      return table === null ? [] : columnsIn(table);
    }
    return this.#level.elements.flatMap(({ columns, tables }) =>
      tables.length === 1 && tables[0].columns === columns ? columnsIn(tables[0]) : columns.list.map(() => null),
    );
  }
}

function columnsIn(table: NamedTable): readonly (Reference | null)[] {
  return table.columns.list.map((_, at) => referenceAt(table, at));
}

function columnIn(table: NamedTable, name: string): Reference | null {
  const places = [...table.columns.list.keys()].filter((at) => table.columns.list[at].name === name);
  return places.length === 1 ? referenceAt(table, places[0]) : null;
}

/** Aliases rename columns and leave them in their places. */
function referenceAt(table: NamedTable, at: number): Reference | null {
  const { relation, columns } = table;
  if (relation === undefined || columns.openAt !== -1 || columns.list.length !== relation.columns.length) return null;
  return { table, column: relation.columns[at] };
}
