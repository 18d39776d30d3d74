/**
 * Code that may change what names mean while a statement runs it: a function that sets the path or the role, or that changes the
 * schema, and whatever leads to one without being a call of it in the statement's text: views, rules, defaults, policies,
 * checks, triggers, operators, casts.
 *
 * What it is reached by is told by words: whoever names a table with such a default may run it. A word too many costs a
 * question to the server, one too few would have names believed that mean something else by then.
 */
import { record, tagOf, text as textOf } from '../parse/ast.ts';
import { cutIdentifier, type ParseSql, type PgFunction, type Relation } from './catalog.ts';
import type { CatalogRow, CatalogRows } from './build.ts';
import type { Constraints } from './constraints.ts';
import { hiddenSql } from './fillers.ts';
import { sqlBody } from './functionBody.ts';

/** `path`: settings on which names hang, or the encoding of results; `schema`: also what there is. */
export type Moves = 'nothing' | 'path' | 'schema';

const order: readonly Moves[] = ['nothing', 'path', 'schema'];

export function moreMoves(a: Moves, b: Moves): Moves {
  return order[Math.max(order.indexOf(a), order.indexOf(b))];
}

export interface Movers {
  /** Nothing moves anything. */
  readonly none: boolean;
  /** What a statement of this text, or the body of a function, may move by what it names. */
  of(text: string): Moves;
  /** The same by the names of the relations and functions in a statement alone, as if it held every operator. */
  ofNames(names: readonly string[]): Moves;
  /** What the end of a transaction may move: constraint triggers run then. */
  readonly atCommit: Moves;
}

/** Settings on which the meaning of unqualified names hangs. */
export const pathSettings: ReadonlySet<string> = new Set(['search_path', 'role', 'session_authorization']);
/** With the encoding of results. */
const meaningSettings: ReadonlySet<string> = new Set([...pathSettings, 'client_encoding']);

export interface MoverParts {
  readonly functions: ReadonlyMap<number, PgFunction>;
  readonly relations: ReadonlyMap<number, Relation>;
  readonly constraints: Constraints;
  readonly rows: CatalogRows;
  readonly parse: ParseSql;
}

const nothingMoves: Movers = Object.freeze({
  none: true,
  of: () => 'nothing' as const,
  ofNames: () => 'nothing' as const,
  atCommit: 'nothing' as const,
});

/** What stands for a cast, a domain or a range: statements use them without naming them. */
const anything = '*';
/** What stands for the end of a transaction. */
const commit = '*commit*';

export function buildMovers(parts: MoverParts): Movers {
  const found = new Found();
  for (const f of parts.functions.values()) {
    found.add(f.name, movedBy(f, parts.parse));
    if (f.language === 'plpgsql' && /\bexecute\b/i.test(f.source ?? '')) found.addDynamic(f.name);
  }
  const edges = edgesOf(parts);
  for (const [to, from] of edges) if (from === '') found.add(to, 'path');
  if (found.empty) return nothingMoves;
  const bodies = [...parts.functions.values()].filter(({ source }) => source !== null);
  for (let grown = true; grown;) {
    grown = false;
    for (const [to, from] of edges) if (from !== '' && found.add(to, found.byName(from))) grown = true;
    for (const { name, source } of bodies) if (found.add(name, found.of(source ?? ''))) grown = true;
  }
  return {
    none: false,
    of: (text) => found.of(text),
    ofNames: (names) => found.ofNames(names),
    atCommit: found.byName(commit),
  };
}

/** What runs when something else does, by names; '' stands for the server's own ways to set what is given as text. */
function edgesOf({ functions, relations, constraints, rows }: MoverParts): [string, string][] {
  const { code = [], operators = [], casts = [], aggregates = [] } = rows;
  const edges: [string, string][] = [];
  const called = (oid: string | null): string | undefined => (oid === '0' ? '' : functions.get(Number(oid))?.name);
  const nameOf = (kind: string | null, oid: number): string | undefined => {
    if (kind === 'r') return relations.get(oid)?.name;
    if (kind === 'f') return functions.get(oid)?.name;
    return kind === 'c' ? commit : anything;
  };
  const add = (to: string | undefined, from: string | undefined): void => {
    if (to !== undefined && from !== undefined) edges.push([to, from]);
  };
  for (const [kind, oid, by] of code) {
    if (kind === 'v') add(relations.get(Number(oid))?.name, relations.get(Number(by))?.name);
    else add(nameOf(kind, Number(oid)), called(by));
  }
  const hidden = (row: CatalogRow): string | undefined => (row[2] === 'set_config' ? '' : called(row[1]));
  // Keywords stand for operators: LIKE, BETWEEN, IN, CASE.
  for (const row of operators) add(anything, hidden(row));
  for (const row of casts) add(anything, hidden(row));
  for (const row of aggregates) add(functions.get(Number(row[0]))?.name, hidden(row));
  // Cascades reach the tables that reference this one; rows of a parent are those of its children.
  for (const [referenced, keys] of constraints.referencing)
    for (const { relation } of keys) add(relations.get(referenced)?.name, relations.get(relation)?.name);
  for (const { name, parents } of relations.values())
    for (const parent of parents) add(relations.get(parent)?.name, name);
  return edges;
}

const words = /[\p{L}_][\p{L}\p{N}_$]*/gu;
const isWord = /^[\p{L}_][\p{L}\p{N}_$]*$/u;

/** Names that move something, as they come to light. */
class Found {
  readonly #words = new Map<string, Moves>();
  /** Names that must be quoted. */
  readonly #others = new Map<string, Moves>();
  /** Functions that run text which is made: where a statement names them, and not where a trigger of the owner's calls them. */
  readonly #dynamic = new Set<string>();

  get empty(): boolean {
    return this.#words.size + this.#others.size + this.#dynamic.size === 0;
  }

  addDynamic(name: string): void {
    this.#dynamic.add(name.toLowerCase());
  }

  ofNames(names: readonly string[]): Moves {
    let moves = this.byName(anything);
    for (const one of this.#others.values()) moves = moreMoves(moves, one);
    for (const name of names) {
      moves = moreMoves(moves, this.byName(name));
      if (this.#dynamic.has(name.toLowerCase())) moves = moreMoves(moves, 'path');
    }
    return moves;
  }

  /** True: that is news. */
  add(name: string, moves: Moves): boolean {
    if (moves === 'nothing') return false;
    const key = name.toLowerCase();
    const names = isWord.test(key) ? this.#words : this.#others;
    const before = names.get(key) ?? 'nothing';
    const after = moreMoves(before, moves);
    if (after === before) return false;
    names.set(key, after);
    return true;
  }

  byName(name: string): Moves {
    const key = name.toLowerCase();
    return this.#words.get(key) ?? this.#others.get(key) ?? 'nothing';
  }

  of(text: string): Moves {
    const lower = text.toLowerCase().replaceAll('""', '"');
    let moves = this.byName(anything);
    // Such a name is written in a way that does not show it.
    if (lower.includes('u&')) {
      for (const one of this.#words.values()) moves = moreMoves(moves, one);
      if (this.#dynamic.size > 0) moves = moreMoves(moves, 'path');
    }
    if (this.#words.size + this.#dynamic.size > 0)
      for (const [word] of lower.matchAll(words)) {
        const name = cutIdentifier(word);
        const known = this.#words.get(name);
        if (known !== undefined) moves = moreMoves(moves, known);
        if (this.#dynamic.has(name)) moves = moreMoves(moves, 'path');
      }
    for (const [name, one] of this.#others) if (lower.includes(name)) moves = moreMoves(moves, one);
    return moves;
  }
}

/** Ways to run text that is made, and to write a name so that it is not found. */
const hides = new RegExp(hiddenSql, 'i');
const comments = /--[^\n]*|\/\*[\s\S]*?\*\//g;
const setConfig = /set_config/gi;
/** The literal is all of the name: nothing is put behind it, and it does not go on in the next line. */
const harmlessConfig = /set_config"?\s*\(\s*'([\w.]+)'\s*,/gi;

/** Whether SQL text can set what names hang on by a call. */
export function setsByCall(source: string): boolean {
  if (hides.test(source) || /pg_settings/i.test(source)) return true;
  const calls = source.match(setConfig)?.length ?? 0;
  if (calls === 0) return false;
  const harmless = [...source.matchAll(harmlessConfig)].filter(([, name]) => !meaningSettings.has(name.toLowerCase()));
  return harmless.length < calls;
}

const plpgsqlSets =
  /search_path|client_encoding|\bset\s+(?:local\s+|session\s+)?names\b|\bset\s+(?:local\s+|session\s+)?(?:role|schema|session\s+authorization)\b|\breset\b|\bdiscard\b/i;
const plpgsqlDefines = /\b(?:create|alter|drop|import)\b/i;

/** What the body of a function may move by itself. One of an extension is believed where its code cannot be read. */
function movedBy({ language, kind, extension, source }: PgFunction, parse: ParseSql): Moves {
  if (kind === 'a') return 'nothing';
  if (language === 'c' || language === 'internal') return extension === null ? 'schema' : 'nothing';
  if (source === null) return 'schema';
  const byCall: Moves = setsByCall(source) ? 'path' : 'nothing';
  if (language === 'sql') return moreMoves(byCall, movedByStatements(source, parse));
  if (language !== 'plpgsql') return 'path';
  // What looks like a comment may stand in a string.
  const texts = [source, source.replaceAll(comments, ' ')];
  if (texts.some((text) => plpgsqlDefines.test(text))) return 'schema';
  return texts.some((text) => plpgsqlSets.test(text)) ? 'path' : byCall;
}

const queries: ReadonlySet<string> = new Set(['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt']);
/** Without one of these no statement of a body is anything but a query. */
const commands = /\b(?:set|reset|discard|create|alter|drop|import|do|call|execute|security|comment|grant|revoke)\b/i;

function movedByStatements(source: string, parse: ParseSql): Moves {
  const sql = sqlBody(source);
  if (!commands.test(sql)) return 'nothing';
  const statements = parse(sql);
  if (statements === null) return 'schema';
  let moves: Moves = 'nothing';
  for (const statement of statements) moves = moreMoves(moves, movedByStatement(statement));
  return moves;
}

const harmless: ReadonlySet<string> = new Set([
  'NotifyStmt',
  'LockStmt',
  'ListenStmt',
  'ExplainStmt',
  'TruncateStmt',
  'VariableShowStmt',
]);

function movedByStatement(statement: unknown): Moves {
  const tag = tagOf(statement);
  if (queries.has(tag) || harmless.has(tag)) return 'nothing';
  if (tag === 'DiscardStmt') return 'path';
  // What it calls is found by its name.
  if (tag === 'CallStmt') return 'nothing';
  if (tag !== 'VariableSetStmt') return 'schema';
  const { name, kind } = record(record(statement)[tag]);
  return kind === 'VAR_RESET_ALL' || meaningSettings.has(textOf(name).toLowerCase()) ? 'path' : 'nothing';
}
