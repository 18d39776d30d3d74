/**
 * Which names the meaning of a statement hangs on, and which a change of the schema gives another meaning: so that of two
 * statements of different sessions it can be told whether one may change what the other does.
 *
 * Names are compared without their schemas: a path or a rename may lead anywhere.
 */
import { type AstRecord, isRecord, list, names, record, tagOf, text, unwrap } from '../parse/ast.ts';
import { anyPath, type Catalog, type PgFunction } from './catalog.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import { addsTable, changesNames } from '../session/statementRun.ts';

export interface Footprint {
  readonly names: ReadonlySet<string>;
  /** Of a change: it may touch whatever users have made. Of a statement: so may what it calls. */
  readonly all: boolean;
}

export interface Footprints {
  readonly used: readonly Footprint[];
  readonly changed: Footprint | null;
}

/** Footprints of statements, as long as the catalog stays the same: they are asked for with every run. */
export class KnownFootprints {
  readonly #known = new WeakMap<readonly AnalyzedStatement[], { catalog: Catalog | null; footprints: Footprints }>();

  /** One object for each list of statements and catalog. */
  of(statements: readonly AnalyzedStatement[], catalog: Catalog | null): Footprints {
    const known = this.#known.get(statements);
    if (known !== undefined && known.catalog === catalog) return known.footprints;
    const used = catalog === null ? [] : statements.map((statement) => statementFootprint(statement, catalog));
    const footprints = { used: used.filter((one) => one !== null), changed: changeFootprint(statements, catalog) };
    this.#known.set(statements, { catalog, footprints });
    return footprints;
  }
}

/** What functions in these do is not written in SQL. */
const compiled: ReadonlySet<string> = new Set(['c', 'internal']);
/** Definitions that are followed for one statement, and nodes that are looked at. */
const definitionsMax = 500;
const nodesMax = 200_000;

/** What the statements change for others; null: nothing that already has a name. */
export function changeFootprint(statements: readonly AnalyzedStatement[], catalog: Catalog | null): Footprint | null {
  const changes = statements.filter((statement) => changesNames(statement) && !addsTable(statement));
  if (changes.length === 0) return null;
  const found = new Set<string>();
  for (const { ast, opaque, distant } of changes) {
    const changed = opaque.length > 0 || distant !== null ? null : changedNames(ast, catalog);
    if (changed === null) return { names: found, all: true };
    for (const name of changed) found.add(name);
  }
  return { names: found, all: false };
}

const droppable: ReadonlySet<unknown> = new Set(['OBJECT_TABLE', 'OBJECT_VIEW', 'OBJECT_MATVIEW', 'OBJECT_FUNCTION']);

/** null: it may be any. */
function changedNames(ast: AstRecord, catalog: Catalog | null): readonly string[] | null {
  const tag = tagOf(ast);
  const body = record(ast[tag]);
  switch (tag) {
    case 'ViewStmt':
      return [text(record(body.view).relname)];
    case 'AlterTableStmt':
    case 'RuleStmt':
    case 'CreateTrigStmt':
      return isRecord(body.relation) ? [text(body.relation.relname)] : null;
    case 'CreateFunctionStmt':
      return functionNames(names(body.funcname), catalog);
    case 'RenameStmt':
      if (isRecord(body.relation)) return [text(body.relation.relname), text(body.newname)];
      if (body.renameType !== 'OBJECT_FUNCTION') return null;
      return functionNames([...names(objectNames(body.object)), text(body.newname)], catalog);
    case 'DropStmt': {
      if (!droppable.has(body.removeType) || body.behavior === 'DROP_CASCADE') return null;
      return functionNames(
        list(body.objects).flatMap((object) => names(objectNames(object))),
        catalog,
      );
    }
    default:
      return null;
  }
}

function objectNames(object: unknown): unknown {
  return unwrap(object, 'ObjectWithArgs')?.objname ?? object;
}

/** null: a function of this name stands behind an operator, a cast or an aggregate, which are used without it. */
function functionNames(parts: readonly string[], catalog: Catalog | null): readonly string[] | null {
  if (catalog === null) return null;
  const { operators = [], casts = [], aggregates = [] } = catalog.rows;
  const oids = new Set(parts.flatMap((name) => catalog.functions(null, name, anyPath).map(({ oid }) => String(oid))));
  const hidden = [operators, casts, aggregates].some((rows) =>
    rows.some((row) => row.some((value) => value !== null && oids.has(value))),
  );
  return hidden ? null : parts;
}

const known = new WeakMap<object, { readonly catalog: Catalog; readonly footprint: Footprint | null }>();

/** What a statement hangs on; null: on nothing that users have made. */
export function statementFootprint(statement: AnalyzedStatement, catalog: Catalog): Footprint | null {
  const kept = known.get(statement.shape);
  if (kept !== undefined && kept.catalog === catalog) return kept.footprint;
  const footprint = new Reader(catalog).read(statement);
  known.set(statement.shape, { catalog, footprint });
  return footprint;
}

class Reader {
  readonly #catalog: Catalog;
  readonly #names = new Set<string>();
  readonly #seen = new Set<number>();
  #nodes = 0;
  #all = false;
  /** Relations or functions of users that were found. */
  #users = false;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  read({ objects, functions, distant, opaque, session, ast }: AnalyzedStatement): Footprint | null {
    // A cursor runs what its query says, and what that calls.
    if (distant !== null || opaque.length > 0 || session.kind === 'fetch') this.#all = true;
    for (const { name } of objects) if (name !== null) this.#relation(name);
    for (const name of functions) this.#function(name.slice(name.lastIndexOf('.') + 1));
    this.#walk(ast);
    return this.#users || this.#all ? { names: this.#names, all: this.#all } : null;
  }

  #relation(name: string): void {
    this.#names.add(name);
    const relations = this.#catalog.relationsNamed(null, name);
    if (relations.length === 0) this.#users = true;
    for (const { oid, system, definition, kind } of relations) {
      if (system) continue;
      this.#users = true;
      if ((kind !== 'v' && kind !== 'm') || this.#seen.has(oid)) continue;
      this.#seen.add(oid);
      const statements = definition === null ? null : this.#catalog.parse(definition);
      if (statements === null || this.#seen.size > definitionsMax) this.#all = true;
      else this.#walk(statements);
    }
  }

  /** The body of a function may name anything. */
  #function(name: string): void {
    this.#names.add(name);
    this.#called(this.#catalog.functions(null, name, anyPath));
  }

  #called(functions: readonly (PgFunction | undefined)[]): void {
    if (functions.length === 0) return;
    this.#users = true;
    if (functions.some((called) => called === undefined || !compiled.has(called.language))) this.#all = true;
  }

  #walk(tree: unknown): void {
    const open: unknown[] = [tree];
    while (open.length > 0 && !this.#all) {
      const at = open.pop();
      if (++this.#nodes > nodesMax) this.#all = true;
      if (Array.isArray(at)) for (const item of at) open.push(item);
      if (!isRecord(at)) continue;
      if (isRecord(at.RangeVar)) this.#relation(text(at.RangeVar.relname));
      if (isRecord(at.FuncCall)) this.#function(names(at.FuncCall.funcname).at(-1) ?? '');
      if (isRecord(at.A_Expr)) this.#operator(at.A_Expr);
      for (const key in at) if (typeof at[key] === 'object') open.push(at[key]);
    }
  }

  #operator({ name }: AstRecord): void {
    const oids = this.#catalog.operatorFunctions(names(name).at(-1) ?? '');
    const users = oids.filter((oid) => this.#catalog.builtinByOid(oid) === undefined);
    this.#called(users.map((oid) => this.#catalog.functionByOid(oid)));
  }
}

/** Whether the change may give the statement another meaning. */
export function meets(change: Footprint, statement: Footprint): boolean {
  if (change.all || statement.all) return true;
  for (const name of change.names) if (statement.names.has(name)) return true;
  return false;
}
