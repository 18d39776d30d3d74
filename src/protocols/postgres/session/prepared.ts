/**
 * Prepared statements and portals as the target knows them.
 *
 * A name is registered when the message is sent, because pipelined messages refer to it before the answer comes, and taken
 * back if the target refuses it: otherwise a client could make the gate believe that a name means a harmless
 * statement while the target still holds the one with that name.
 */
import type { Decision } from '../../../facts.ts';
import type { MaskPlan } from '../../../masking/plan.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import type { Lineage } from '../lineage/lineage.ts';
import type { RowField } from '../wire/backend.ts';
import type { ByteString } from '../wire/text.ts';
import { changesNames } from './statementRun.ts';
import type { StatementRun } from './statementRun.ts';
import { mayBeTemporary } from '../facts/temporaryTables.ts';

/** Names that one session may hold; the oldest of a careless client are not evicted, its next one is refused. */
export const namesMax = 20_000;
/** Combinations of result formats that one statement may keep plans for. */
const plansMax = 500;

/** What rows look like: known once the target has described the statement or portal. */
export type Shape = readonly RowField[];

export class PreparedStatement {
  readonly name: ByteString;
  /** null: an empty query. */
  readonly statement: AnalyzedStatement | null;
  /** The same as a list. */
  readonly statements: readonly AnalyzedStatement[];
  /** Whether it may change nothing but temporary tables of the session, which is asked with every run. */
  readonly mayBeTemporary: boolean;
  /** Whether its run is decided once and for all with its Bind, and changes nothing in what names mean. */
  readonly isPlain: boolean;
  /** Its parameters are of types in which a text stays as it is sent, as far as the client has named any. */
  textParameters = false;
  decision: Decision;
  policyVersion: number;
  /** Columns as Describe of the statement gives them (all in text format); null: not described yet; empty: no rows. */
  shape: Shape | null = null;
  /** What names meant when the target prepared it, as `MaskContext.names`: it may go on with that. */
  madeUnder = '';
  /** What names meant when `shape` was told. */
  shapeNames = '';
  /** A description has been asked for and will come before any row. */
  describing = false;
  /** Plans by the result formats of the portals that ran, with the version of what they were made from. */
  readonly plans = new Map<string, { readonly version: number; readonly plan: MaskPlan | null }>();

  constructor(name: ByteString, statement: AnalyzedStatement | null, decision: Decision, policyVersion: number) {
    this.name = name;
    this.statement = statement;
    this.statements = statement === null ? [] : [statement];
    this.mayBeTemporary = statement !== null && mayBeTemporary(statement);
    this.isPlain =
      statement !== null &&
      statement.session.kind === 'none' &&
      statement.executes.length === 0 &&
      !this.mayBeTemporary &&
      !changesNames(statement);
    this.decision = decision;
    this.policyVersion = policyVersion;
  }

  /** `formats`: {@link Portal.formatsKey}. */
  keepPlan(formats: string, version: number, plan: MaskPlan | null): void {
    if (this.plans.size < plansMax || this.plans.has(formats)) this.plans.set(formats, { version, plan });
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
  /** It was judged as one whose rows may fail to be converted to the client's encoding. */
  converts = false;
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
    this.formatsKey = formatsKeyOf(formats);
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

/** All text, which is what clients nearly always ask for, is the same as no formats at all. */
function formatsKeyOf(formats: Int8Array): string {
  for (let index = 0; index < formats.length; index++) if (formats[index] !== 0) return formats.join(',');
  return '';
}

export const unnamed = '' as ByteString;

/** A map that can take back what was set. The unnamed entry, which most clients use for everything, costs no hashing. */
export class Names<Value> {
  readonly #named = new Map<ByteString, Value>();
  #unnamed: Value | undefined = undefined;

  get(name: ByteString): Value | undefined {
    return name === '' ? this.#unnamed : this.#named.get(name);
  }

  get empty(): boolean {
    return this.#unnamed === undefined && this.#named.size === 0;
  }

  get full(): boolean {
    return this.#named.size >= namesMax;
  }

  /** Sets `name` and returns what undoes it. */
  set(name: ByteString, value: Value): () => void {
    const before = this.get(name);
    this.put(name, value);
    return () => {
      if (this.get(name) === value) this.put(name, before);
    };
  }

  /** Removes `name` and returns what undoes it. */
  remove(name: ByteString): () => void {
    const before = this.get(name);
    this.put(name, undefined);
    return () => {
      if (before !== undefined && this.get(name) === undefined) this.put(name, before);
    };
  }

  /** Sets `name` for good, or removes it. */
  put(name: ByteString, value: Value | undefined): void {
    if (name === '') this.#unnamed = value;
    else if (value === undefined) this.#named.delete(name);
    else this.#named.set(name, value);
  }

  deleteIf(condition: (value: Value, name: ByteString) => boolean): void {
    if (this.#unnamed !== undefined && condition(this.#unnamed, unnamed)) this.#unnamed = undefined;
    if (this.#named.size === 0) return;
    for (const [name, value] of this.#named) if (condition(value, name)) this.#named.delete(name);
  }

  clear(): void {
    this.#named.clear();
    this.#unnamed = undefined;
  }
}
