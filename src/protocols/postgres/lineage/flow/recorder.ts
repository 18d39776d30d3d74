/**
 * What the walk over a statement finds beside its outputs: probes and writes.
 *
 * A probe is anything that lets the client learn of a value without being shown it: which rows come, how many, in
 * which order, whether there is an error or how long it takes. A write is a place other than the client where a value
 * goes. Both are told as source columns; whether these are masked is for the caller to say.
 */
import type { ColumnKey, Relation } from '../../catalog/catalog.ts';
import type { Dependencies, Value, ValueKind } from '../value.ts';

/**
 * Where a statement asks. `from`: arguments of functions in FROM or of those that return sets. `expression`: an error
 * or the time taken tells of the value. `constraint`: a constraint, index or check that is made over existing rows, or
 * that compares existing rows with those that are written.
 * `encoding`: a result that is converted to the client's encoding fails by the characters in it.
 * `unknown`: the statement is past the limits of the analysis.
 */
export type FlowClause =
  | 'where'
  | 'join'
  | 'from'
  | 'order_by'
  | 'group_by'
  | 'distinct'
  | 'having'
  | 'window'
  | 'limit'
  | 'filter'
  | 'set_operation'
  | 'on_conflict'
  | 'merge'
  | 'expression'
  | 'constraint'
  | 'encoding'
  | 'unknown';

/** A constraint that tells. */
export interface FlowConstraint {
  /** Words for a person: `the unique index customers_email_idx`. */
  readonly what: string;
  /** `written`: whether the value that is written is there. `stored`: of values that the statement does not bring. */
  readonly tells: 'written' | 'stored';
}

export interface FlowProbe {
  readonly sources: ReadonlySet<ColumnKey>;
  /** May depend on anything; `sources` is empty then. */
  readonly opaque: boolean;
  readonly clause: FlowClause;
  /** Nothing but one bare column compared with parameters or literals for being equal. */
  readonly equality: boolean;
  /** In clause `constraint`, where one is known. */
  readonly by: FlowConstraint | null;
}

/** A bare literal or `$n` as the client gave it. */
export type Given =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'parameter'; readonly number: number };

export type FlowDestination =
  | { readonly kind: 'column'; readonly key: ColumnKey }
  | { readonly kind: 'new_table'; readonly name: string }
  | { readonly kind: 'outside'; readonly what: string }
  /** A relation that the catalog does not know, or code that cannot be read here. */
  | { readonly kind: 'unknown'; readonly reason: string };

export interface FlowWrite {
  readonly to: FlowDestination;
  readonly sources: ReadonlySet<ColumnKey>;
  readonly opaque: boolean;
  readonly valueKind: ValueKind;
  /** null: anything else than a bare literal or parameter, NULL among it. */
  readonly given: Given | null;
}

const noSources: ReadonlySet<ColumnKey> = new Set();

/** Gathers probes and writes, each once: bodies of recursion and of overloads are walked several times. */
export class FlowRecorder {
  readonly probes: FlowProbe[] = [];
  readonly writes: FlowWrite[] = [];
  /** Expressions so far that can fail, wait or leave a trace; see lineage/flow/hazards.ts. */
  hazards = 0;
  /** Takes what decides between parts of an expression inside a condition, which is told of as a whole; null: not inside one. */
  withheld: Dependencies | null = null;
  /** False while a function's body is read at its creation: its conditions take effect when it is called. */
  probing = true;
  /** What is asked meanwhile; null: nobody wants to know. */
  asked: Dependencies | null = null;
  /** False inside EXPLAIN without ANALYZE, which plans and does not execute. */
  writing = true;
  /** Inside EXPLAIN ANALYZE, which shows sizes. */
  measuring = false;
  /** Views whose functions have been walked. */
  readonly views = new Set<Relation>();
  private readonly seen = new Set<string>();

  /** What depends on no column is no probe. */
  probe(clause: FlowClause, value: Value, equality = false, by: FlowConstraint | null = null): void {
    const opaque = value.kind === 'opaque';
    if (!this.probing) this.asked?.add(value);
    if (!this.probing || (!opaque && value.sources.size === 0)) return;
    if (this.isKnown(`${clause} ${equality} ${opaque} ${sourcesText(value.sources)}`)) return;
    this.probes.push({ sources: value.sources, opaque, clause, equality: equality && !opaque, by });
  }

  /** A constant counts only where it goes to a column: elsewhere it carries nothing away and replaces nothing. */
  write(to: FlowDestination, value: Value, given: Given | null): void {
    if (!this.writing || (value.kind === 'constant' && to.kind !== 'column')) return;
    const what = given === null ? '' : given.kind === 'literal' ? `'${given.text}'` : `$${given.number}`;
    if (this.isKnown(`${destinationText(to)} ${value.kind} ${sourcesText(value.sources)} ${what}`)) return;
    this.writes.push({ to, sources: value.sources, opaque: value.kind === 'opaque', valueKind: value.kind, given });
  }

  /** Code goes on reading what it reads, whatever its names come to mean and whoever calls it: that is as good as a copy. */
  defines(what: string, read: Dependencies): void {
    this.write({ kind: 'outside', what }, read.known(), null);
  }

  /** Code that may read and write anything. */
  unreadable(reason: string): void {
    if (!this.writing || this.isKnown(`unreadable ${reason}`)) return;
    this.writes.push({
      to: { kind: 'unknown', reason },
      sources: noSources,
      opaque: true,
      valueKind: 'opaque',
      given: null,
    });
  }

  private isKnown(key: string): boolean {
    if (this.seen.has(key)) return true;
    this.seen.add(key);
    return false;
  }
}

function sourcesText(sources: ReadonlySet<ColumnKey>): string {
  let text = '';
  for (const key of sources) text += `${key},`;
  return text;
}

function destinationText(to: FlowDestination): string {
  switch (to.kind) {
    case 'column':
      return `column ${to.key}`;
    case 'new_table':
      return `new_table ${to.name}`;
    case 'outside':
      return `outside ${to.what}`;
    case 'unknown':
      return `unknown ${to.reason}`;
  }
}
