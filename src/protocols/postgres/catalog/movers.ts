/**
 * Code that may change what names mean while a statement runs it: a function that sets the path or the role, or that changes the
 * schema, and whatever leads to one without being a call of it in the statement's text: views, rules, defaults, policies,
 * checks, triggers, operators, casts.
 *
 * What it is reached by is told by words: whoever names a table with such a default may run it. A word too many costs a
 * question to the server, one too few would have names believed that mean something else by then.
 */
import type { CatalogRow, CatalogRows } from './build.ts';
import { cutIdentifier, lowerAscii, type ParseSql, type PgFunction, type Relation } from './catalog.ts';
import type { Constraints } from './constraints.ts';
import { hidesNames, movedBy, moreMoves, type Moves, runsMadeText } from './movingCode.ts';
import { isAscii } from '../wire/text.ts';

export interface Movers {
  /** Nothing moves anything. */
  readonly none: boolean;
  /** What a statement of this text may move by what it names. */
  of(text: string): Moves;
  /** The same by the names of the relations and functions in a statement alone, as if it held every operator. */
  ofNames(names: readonly string[]): Moves;
  /** What the end of a transaction may move: constraint triggers run then. */
  readonly atCommit: Moves;
  /** What a change of the schema may move: event triggers run then. */
  readonly atChange: Moves;
}

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
  atChange: 'nothing' as const,
});

export function buildMovers(parts: MoverParts): Movers {
  const functions = [...parts.functions.values()];
  const graph = new Graph();
  for (const f of functions) {
    const node = graph.named(f.name);
    graph.raise(node, movedBy(f, parts.parse));
    if (runsMadeText(f)) graph.raiseDynamic(node);
  }
  for (const edge of edgesOf(parts)) graph.connect(edge);
  if (graph.still) return nothingMoves;
  for (const { name } of parts.relations.values()) graph.named(name);
  for (const { name, source } of functions) if (source !== null) graph.read(graph.named(name), source);
  graph.spread();
  return moversOf(graph);
}

interface Named {
  readonly kind: 'name';
  readonly name: string;
}

/** Where code is run: where a function or relation is named, or without a name: by a cast, a type or an operator `anywhere`. */
type Place = Named | { readonly kind: 'anywhere' | 'commit' | 'change' };

/** What is run there. `settings`: the server's own ways to set what is given as text. */
type Code = Named | { readonly kind: 'settings' };

interface Edge {
  readonly to: Place;
  readonly from: Code;
  /** Whoever names the one gives the other its arguments. */
  readonly calls: boolean;
}

const anywhere: Place = { kind: 'anywhere' };
const commit: Place = { kind: 'commit' };
const change: Place = { kind: 'change' };
const settings: Code = { kind: 'settings' };

/** What runs when something else does, as far as the catalog says so. */
function edgesOf({ functions, relations, constraints, rows }: MoverParts): readonly Edge[] {
  const { code = [], operators = [], casts = [], aggregates = [] } = rows;
  const edges: Edge[] = [];
  const functionAt = (oid: string | null): Named | null => named(functions.get(Number(oid)));
  const relationAt = (oid: string | number | null): Named | null => named(relations.get(Number(oid)));
  const placeOf = (kind: string | null, oid: string | null): Place | null => {
    if (kind === 'r') return relationAt(oid);
    if (kind === 'f') return functionAt(oid);
    if (kind === 'c') return commit;
    return kind === 'e' ? change : anywhere;
  };
  const add = (to: Place | null, from: Code | null, calls = false): void => {
    if (to !== null && from !== null) edges.push({ to, from, calls });
  };
  for (const [kind, oid, by] of code) {
    if (kind === 'v') add(relationAt(oid), relationAt(by));
    else add(placeOf(kind, oid), by === '0' ? settings : functionAt(by));
  }
  const hidden = (row: CatalogRow): Code | null => (row[2] === 'set_config' ? settings : functionAt(row[1]));
  // Keywords stand for operators: LIKE, BETWEEN, IN, CASE.
  for (const row of operators) add(anywhere, hidden(row));
  for (const row of casts) add(anywhere, hidden(row));
  for (const row of aggregates) add(functionAt(row[0]), hidden(row), true);
  // Cascades reach the tables that reference this one; rows of a parent are those of its children.
  for (const [referenced, keys] of constraints.referencing)
    for (const { relation } of keys) add(relationAt(referenced), relationAt(relation));
  for (const relation of relations.values())
    for (const parent of relation.parents) add(relationAt(parent), named(relation));
  return edges;
}

function named(object: { readonly name: string } | undefined): Named | null {
  return object === undefined ? null : { kind: 'name', name: object.name };
}

/** Words as the server's lexer sees them, in ASCII lower case: every letter outside ASCII may stand in a name. */
const words = /[a-z_\u0080-\uffff][a-z0-9_$\u0080-\uffff]*/g;
const isWord = /^[a-z_\u0080-\uffff][a-z0-9_$\u0080-\uffff]*$/;

/** A text so that names in it can be compared: no more is folded than the server folds, or a name would be cut elsewhere. */
function comparable(text: string): string {
  return lowerAscii(text).replaceAll('""', '"');
}

class Node {
  /** As texts write it; null: a place without a name. */
  readonly name: string | null;
  moves: Moves = 'nothing';
  /**
   * It runs text that is made. That counts where a statement names it, or what calls it by name, and not where a default or a
   * trigger of the owner's runs it, with the owner's text.
   */
  dynamic = false;
  /** Places and functions where it runs. */
  readonly runsIn: { readonly at: Node; readonly calls: boolean }[] = [];
  /** It has changed since this was told to those. */
  waiting = false;

  constructor(name: string | null) {
    this.name = name;
  }

  /** Where a statement names it. */
  get whereNamed(): Moves {
    return this.dynamic ? moreMoves(this.moves, 'path') : this.moves;
  }
}

/** What runs where, and what it moves: a node for each name, as a path or a rename may lead to any function that has it. */
class Graph {
  readonly anywhere = new Node(null);
  readonly commit = new Node(null);
  readonly change = new Node(null);
  readonly names = new Map<string, Node>();
  /** Functions with what their bodies say, where that may be needed again. */
  readonly #bodies: { readonly node: Node; readonly text: string }[] = [];
  /** Functions whose bodies may name any other without showing it. */
  readonly #hiding: Node[] = [];
  /** Nodes that move more than has been told to where they run. */
  readonly #waiting: Node[] = [];

  get still(): boolean {
    return this.#waiting.length === 0;
  }

  named(name: string): Node {
    const key = comparable(name);
    let node = this.names.get(key);
    if (node === undefined) this.names.set(key, (node = new Node(key)));
    return node;
  }

  connect({ to, from, calls }: Edge): void {
    const at = to.kind === 'name' ? this.named(to.name) : this[to.kind];
    if (from.kind === 'settings') this.raise(at, 'path');
    else this.named(from.name).runsIn.push({ at, calls });
  }

  raise(node: Node, moves: Moves): void {
    const raised = moreMoves(node.moves, moves);
    if (raised === node.moves) return;
    node.moves = raised;
    this.#wait(node);
  }

  raiseDynamic(node: Node): void {
    if (node.dynamic) return;
    node.dynamic = true;
    this.#wait(node);
  }

  #wait(node: Node): void {
    if (node.waiting) return;
    node.waiting = true;
    this.#waiting.push(node);
  }

  /** Notes whom the body of a function names. Names that are no words are looked for when one of them is found to move something. */
  read(node: Node, source: string): void {
    const text = comparable(source);
    this.#bodies.push({ node, text });
    if (hidesNames(text)) this.#hiding.push(node);
    for (const word of new Set(text.match(words))) {
      const called = this.names.get(cutIdentifier(word));
      if (called !== undefined && called !== node) called.runsIn.push({ at: node, calls: true });
    }
  }

  /** Tells each place what is moved by what runs there. A node is told of at most three times, so this ends. */
  spread(): void {
    for (let node = this.#waiting.pop(); node !== undefined; node = this.#waiting.pop()) {
      node.waiting = false;
      for (const { at, calls } of node.runsIn) this.#tell(node, at, calls);
      if (node.name === null) continue;
      for (const at of this.#hiding) this.#tell(node, at, true);
      if (isWord.test(node.name)) continue;
      for (const { node: at, text } of this.#bodies) if (text.includes(node.name)) this.#tell(node, at, true);
    }
  }

  #tell(node: Node, at: Node, calls: boolean): void {
    this.raise(at, node.moves);
    if (calls && node.dynamic) this.raiseDynamic(at);
  }
}

/** What statements may move, by the names in their texts. */
function moversOf(graph: Graph): Movers {
  const everywhere = graph.anywhere.moves;
  const byWord = new Map<string, Moves>();
  const quoted: [string, Moves][] = [];
  let [any, untold]: [Moves, Moves] = [everywhere, everywhere];
  for (const [name, { whereNamed }] of graph.names) {
    if (whereNamed === 'nothing') continue;
    any = moreMoves(any, whereNamed);
    if (isWord.test(name)) byWord.set(name, whereNamed);
    else quoted.push([name, whereNamed]);
    if (!isWord.test(name) || !isAscii(name)) untold = moreMoves(untold, whereNamed);
  }
  return {
    none: false,
    of: (text) => {
      const lower = comparable(text);
      if (hidesNames(lower)) return any;
      let moves = everywhere;
      if (byWord.size > 0)
        for (const [word] of lower.matchAll(words))
          moves = moreMoves(moves, byWord.get(cutIdentifier(word)) ?? 'nothing');
      for (const [name, one] of quoted) if (lower.includes(name)) moves = moreMoves(moves, one);
      return moves;
    },
    // Names of functions come in lower case, of any letter, and without what stands in front of their last dot: not every name
    // can be told from them.
    ofNames: (names) => {
      let moves = untold;
      for (const name of names) moves = moreMoves(moves, byWord.get(comparable(name)) ?? 'nothing');
      return moves;
    },
    atCommit: moreMoves(everywhere, graph.commit.moves),
    atChange: moreMoves(everywhere, graph.change.moves),
  };
}
