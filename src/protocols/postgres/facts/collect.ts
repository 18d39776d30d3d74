/** What a walk over one statement gathers, and the scopes in which it resolves names. */
import type { Access, ColumnUse, ObjectUse } from '../../../facts.ts';

/** A setting that a statement changes: SET, RESET, set_config(). */
export interface SettingChange {
  /** Lower case; null where it is not a constant, or for RESET ALL. */
  readonly name: string | null;
  /** null: back to the default, or not a constant. */
  readonly value: string | null;
  readonly local: boolean;
}

/**
 * Thrown inside a walk only, and caught by `analyze`: the tree is deeper or dynamic SQL nests further than is walked, or its
 * names take too long to look up. The message is for the client.
 */
export class TreeTooDeep extends Error {
  constructor(message = 'nested too deeply to be analysed') {
    super(message);
  }
}

/** What looking up the names of one text may still cost, in places looked at. All statements in it share this. */
export interface Lookups {
  left: number;
}

/** About 20 ms: two thousand columns of two thousand tables. Names cost tables times columns, so the text alone bounds little. */
export const lookupsMax = 4_000_000;

/** Levels of nodes. A walk takes up to four stack frames for each, well within the default stack of V8. */
const depthMax = 1000;

/**
 * Walks INSERT, UPDATE, DELETE and MERGE, which may stand inside queries; false for any other tag. It comes as a value,
 * as it needs the walk of queries itself.
 */
export type ModifyWalker = (
  facts: FactsCollector,
  tag: string,
  body: { readonly [key: string]: unknown },
  outer: Scope | null,
) => boolean;

export class FactsCollector {
  readonly kinds = new Set<string>();
  readonly objects = new Map<string, ObjectUse>();
  readonly columns = new Map<string, ColumnUse>();
  readonly functions = new Set<string>();
  readonly settings: SettingChange[] = [];
  /** Prepared statements that EXECUTE names, at any depth. */
  readonly executes: string[] = [];
  /** Parts that run SQL which cannot be read here: `do`, `function_body:plpgsql`, `query_to_xml`. */
  readonly opaque = new Set<string>();
  where: 'present' | 'absent' | 'none' = 'none';
  /** False as soon as one fact, or the lineage of a result column, hangs on the value of a literal. */
  literalFree = true;
  depth = 0;
  /** Walks SQL that stands in a literal; false where it does not parse. */
  readonly walkText: (sql: string) => boolean;
  readonly walkModify: ModifyWalker;
  readonly #lookups: Lookups;

  constructor(walkText: (sql: string) => boolean, walkModify: ModifyWalker, lookups?: Lookups) {
    this.walkText = walkText;
    this.walkModify = walkModify;
    this.#lookups = lookups ?? { left: lookupsMax };
  }

  /** Counts a look at so many places. */
  look(places: number): void {
    this.#lookups.left -= places;
    if (this.#lookups.left < 0) throw new TreeTooDeep('too many tables and columns to be told apart');
  }

  enter(): void {
    if (++this.depth > depthMax) throw new TreeTooDeep();
  }

  leave(): void {
    this.depth--;
  }

  addObject(schema: string | null, name: string, access: Access): void {
    if (name === '') return;
    const key = `${access}\u0000${schema ?? ''}\u0000${name}`;
    if (!this.objects.has(key)) this.objects.set(key, { schema, name, access });
  }

  addColumn(schema: string | null, table: string | null, column: string, access: 'read' | 'write'): void {
    if (column === '') return;
    const key = `${access}\u0000${schema ?? ''}\u0000${table ?? ''}\u0000${column}`;
    if (!this.columns.has(key)) this.columns.set(key, { schema, table, column, access });
  }

  /** `parts` as written: [name] or [schema, name]. Quoted names can hold upper case; the fact is lower case. */
  addFunction(parts: readonly string[]): void {
    if (parts.length > 0) this.functions.add(parts.join('.').toLowerCase());
  }

  addWhere(restricts: boolean): void {
    if (!restricts) this.where = 'absent';
    else if (this.where === 'none') this.where = 'present';
  }

  /** Marks SQL that is built at run time, so that a rule on `dynamic_sql` or a default of `block` sees it. */
  addOpaque(what: string): void {
    this.opaque.add(what);
    this.kinds.add('dynamic_sql');
  }
}

/** Something in FROM, or the target of a data-modifying statement. */
export interface Source {
  /** Alias, else the relation's own name. */
  readonly name: string;
  /**
   * What its columns are. `table`: those of a relation. `query`: computed by a query, expression or join in this text,
   * which has been walked itself. `builtin`: computed by a function from its arguments alone. `function`: unknown.
   */
  readonly origin: 'table' | 'query' | 'builtin' | 'function';
  readonly schema: string | null;
  readonly table: string;
  /** OLD, NEW and EXCLUDED: usable as qualifiers, but not part of `*` and no home of bare column names. */
  readonly hidden: boolean;
}

/** One level of name resolution. Lookups go on with the parent. */
export interface Scope {
  readonly parent: Scope | null;
  /** Names of the WITH items that can be seen from here. */
  readonly ctes: Set<string>;
  readonly sources: Source[];
  /** How many of the sources a `*` has noted already: they are the same to the next one. */
  starred: number;
}

export function openScope(parent: Scope | null): Scope {
  return { parent, ctes: new Set(), sources: [], starred: 0 };
}

export function isCte(facts: FactsCollector, scope: Scope | null, name: string): boolean {
  for (let at = scope; at !== null; at = at.parent) {
    facts.look(1);
    if (at.ctes.has(name)) return true;
  }
  return false;
}

/** The innermost source of this name; with a schema, the one whose relation matches too. */
export function findSource(
  facts: FactsCollector,
  scope: Scope | null,
  name: string,
  schema: string | null,
): Source | null {
  for (let at = scope; at !== null; at = at.parent) {
    facts.look(1 + at.sources.length);
    for (const source of at.sources) {
      if (source.name === name && (schema === null || source.schema === null || source.schema === schema))
        return source;
    }
  }
  return null;
}

/** A name in a statement with this many candidates is noted as one of unknown home. */
const candidatesMax = 32;

/**
 * Notes a bare column name under every relation that it could belong to. No home at all (a parameter of a function, a
 * row of an unknown function) leaves it open.
 */
export function addBareColumn(facts: FactsCollector, scope: Scope | null, column: string): void {
  const tables: Source[] = [];
  let open = true;
  let unknown = false;
  for (let at = scope; at !== null && tables.length <= candidatesMax; at = at.parent) {
    facts.look(1 + at.sources.length);
    for (const source of at.sources) {
      if (source.hidden) continue;
      open = false;
      if (source.origin === 'table') tables.push(source);
      else if (source.origin === 'function') unknown = true;
    }
  }
  if (open || unknown || tables.length > candidatesMax) facts.addColumn(null, null, column, 'read');
  if (tables.length > candidatesMax) return;
  for (const table of tables) facts.addColumn(table.schema, table.table, column, 'read');
}
