/**
 * Prepared statements and portals as the target knows them.
 *
 * A name is registered when the message is sent, because pipelined messages refer to it before the answer comes, and taken
 * back if the target refuses it: otherwise a client could make the gate believe that a name means a harmless
 * statement while the target still holds the one with that name.
 */
import type { Decision } from '../../facts.ts';
import type { MaskPlan } from '../../masking/plan.ts';
import type { AnalyzedStatement } from './facts.ts';
import type { Lineage } from './lineage.ts';
import type { RowField } from './wireBackend.ts';
import type { ByteString } from './wireText.ts';
import type { StatementRun } from './statementRun.ts';

/** Names that one session may hold; the oldest of a careless client are not evicted, its next one is refused. */
export const namesMax = 20_000;

/** What rows look like: known once the target has described the statement or portal. */
export type Shape = readonly RowField[];

export class PreparedStatement {
  readonly name: ByteString;
  /** null: an empty query. */
  readonly statement: AnalyzedStatement | null;
  decision: Decision;
  policyVersion: number;
  /** Columns as Describe of the statement gives them (all in text format); null: not described yet; empty: no rows. */
  shape: Shape | null = null;
  /** What names meant when `shape` was told: `MaskContext.names`. */
  shapeNames = '';
  /** A description has been asked for and will come before any row. */
  describing = false;
  /** Plans by the result formats of the portals that ran, with the version of what they were made from. */
  readonly plans = new Map<string, { readonly version: number; readonly plan: MaskPlan | null }>();

  constructor(name: ByteString, statement: AnalyzedStatement | null, decision: Decision, policyVersion: number) {
    this.name = name;
    this.statement = statement;
    this.decision = decision;
    this.policyVersion = policyVersion;
  }
}

/** Whether a name in the statement decides what its rows are. */
export function isIndirect(statement: AnalyzedStatement | null): boolean {
  const kind = statement?.session.kind;
  return kind === 'fetch' || kind === 'execute';
}

/** A prepared statement bound to parameters, or the query of a cursor. */
export class Portal {
  readonly name: ByteString;
  readonly prepared: PreparedStatement;
  /** Result formats as Bind gave them: none (all text), one for all, or one per column. */
  readonly formats: Int8Array;
  /** Key of `formats` in {@link PreparedStatement.plans}. */
  readonly formatsKey: string;
  readonly run: StatementRun | null;
  /** Survives the end of its transaction (WITH HOLD), so that it must be closed by name. */
  readonly holdable: boolean;
  /** What Describe of this portal gave. */
  described: Shape | null = null;
  /** What names meant when the target planned its query: `MaskContext.names`. */
  names = '';
  /** Whether that is known for certain. */
  certain = false;
  /** Of its query, with what names meant then: a cursor goes on reading what it was opened on. */
  lineage: Lineage | null = null;
  /** Of a FETCH or EXECUTE: the statement that its name meant when the portal was described. */
  source: AnalyzedStatement | null = null;

  constructor(
    name: ByteString,
    prepared: PreparedStatement,
    formats: Int8Array,
    run: StatementRun | null,
    holdable: boolean,
  ) {
    this.name = name;
    this.prepared = prepared;
    this.formats = formats;
    this.formatsKey = formats.length === 0 ? '' : formats.join(',');
    this.run = run;
    this.holdable = holdable;
  }

  /** Takes what Describe of this portal gave, while names mean `names`. */
  describe(shape: Shape, names: string): void {
    this.described = shape;
    // Without formats of its own it tells the statement's shape as well.
    if (this.formats.length > 0 || this.run === null || this.prepared.shape !== null) return;
    this.prepared.shape = shape;
    this.prepared.shapeNames = names;
  }

  /** The shape of its rows: as described, or the statement's with the formats of this portal. */
  shape(): Shape | null {
    if (this.described !== null) return this.described;
    const shape = this.prepared.shape;
    if (shape === null || this.formats.length === 0) return shape;
    return shape.map((field, index) => {
      const format = this.formats[this.formats.length === 1 ? 0 : index];
      return format === 1 ? { ...field, format: 1 } : field;
    });
  }
}

/** A map that can take back what was set. */
export class Names<Value> {
  readonly #known = new Map<ByteString, Value>();

  get(name: ByteString): Value | undefined {
    return this.#known.get(name);
  }

  get full(): boolean {
    return this.#known.size >= namesMax;
  }

  /** Sets `name` and returns what undoes it. */
  set(name: ByteString, value: Value): () => void {
    const before = this.#known.get(name);
    this.#known.set(name, value);
    return () => {
      if (this.#known.get(name) !== value) return;
      if (before === undefined) this.#known.delete(name);
      else this.#known.set(name, before);
    };
  }

  /** Removes `name` and returns what undoes it. */
  remove(name: ByteString): () => void {
    const before = this.#known.get(name);
    this.#known.delete(name);
    return () => {
      if (before !== undefined && !this.#known.has(name)) this.#known.set(name, before);
    };
  }

  delete(name: ByteString): void {
    this.#known.delete(name);
  }

  deleteIf(condition: (value: Value, name: ByteString) => boolean): void {
    for (const [name, value] of this.#known) if (condition(value, name)) this.#known.delete(name);
  }

  clear(): void {
    this.#known.clear();
  }
}
