/**
 * The verdict on what a client is about to run: the policy's decision on the facts of the statements, joined with its
 * judgement of what they do with masked columns (maskedUse.ts), which hangs on the catalog and on what names mean now.
 */
import { i32 } from '../../bytes/bytes.ts';
import type { ColumnName, Decision, MaskedUse } from '../../facts.ts';
import type { Conversation } from './conversation.ts';
import { changesPath, endsTransaction, pathSetBy } from './effects.ts';
import { withExecuted } from './executed.ts';
import type { AnalyzedStatement } from './facts.ts';
import type { Foresight } from './foresight.ts';
import { looksMasked } from './maskedUse.ts';
import type { GivenToMasked } from './maskedUse.ts';
import type { OwnQueries } from './ownQueries.ts';
import type { PreparedStatement } from './prepared.ts';
import { changesNames } from './statementRun.ts';
import type { BindMessage } from './wireFrontend.ts';
import { nameKeyOfText, utf8Text } from './wireText.ts';

/** Longer values are no masks: a mask is at most as long as a name, a number or an address. */
const maskBytesMax = 4096;

export class Verdicts {
  readonly #conversation: Conversation;
  readonly #own: OwnQueries;
  #reading = false;
  /** Of the message that was judged last; null: none of its statements makes anything that another uses. */
  foresight: Foresight | null = null;
  /** A verdict that had to wait can be asked for again; set by the session. */
  onRelease: () => void = () => {};

  constructor(conversation: Conversation, own: OwnQueries) {
    this.#conversation = conversation;
    this.#own = own;
  }

  /** What runs, in order: these statements, and before each those that it executes by name. */
  running(statements: readonly AnalyzedStatement[]): readonly AnalyzedStatement[] {
    return this.#running(statements, (statement) => statement);
  }

  /** The same for a simple query, between whose statements no message can change what names mean. */
  runningQuery(statements: readonly AnalyzedStatement[]): readonly AnalyzedStatement[] {
    return this.#running(statements, (one, before) => withExecuted(this.#conversation, one, before));
  }

  #running(
    statements: readonly AnalyzedStatement[],
    read: (statement: AnalyzedStatement, before: readonly AnalyzedStatement[]) => AnalyzedStatement,
  ): readonly AnalyzedStatement[] {
    if (statements.every(({ executes }) => executes.length === 0)) return statements;
    return statements.flatMap((statement, index) => {
      const before = statements.slice(0, index);
      const inner = statement.executes.map((name) => this.#meaningOf(name, before));
      return [...inner.filter((one) => one !== null), read(statement, before)];
    });
  }

  /** Decision on the facts alone. */
  decide(running: readonly AnalyzedStatement[]): Decision {
    return this.#conversation.policy().decide(running);
  }

  /** The decision on a prepared statement, taken again after a change of policy. */
  decideAgain(prepared: PreparedStatement): Decision {
    const { statement } = prepared;
    const policy = this.#conversation.policy();
    // A name that it executes may mean another statement by now.
    if (prepared.policyVersion !== policy.version || (statement !== null && statement.executes.length > 0)) {
      prepared.decision = this.decide(this.running(prepared.statements));
      prepared.policyVersion = policy.version;
    }
    return prepared.decision;
  }

  /**
   * `decision` joined with the judgement of one run. `wait`: what names mean is not known yet and soon will be; ask again
   * after {@link onRelease} or after the next answer of the target.
   */
  judge(decision: Decision, running: readonly AnalyzedStatement[]): Decision | 'wait' {
    const { masks } = this.#conversation;
    this.foresight = null;
    if (!masks.active || decision.outcome === 'block') return decision;
    const sure = masks.certainNow;
    let certain = sure;
    let pathBehind: string | null = null;
    let uses: MaskedUse[] | null = null;
    for (const statement of running) {
      // The statement behind the name stands in `running` itself, and was judged when it was prepared.
      if (statement.session.kind === 'execute') continue;
      const found =
        (certain ? this.foresight?.useOf(statement) : null) ??
        (pathBehind === null ? masks.useOf(statement, certain) : masks.useBehind(statement, pathBehind));
      if (found === 'refresh') return this.#readCatalog();
      if (found.use !== null) (uses ??= []).push(found.use);
      if (running.length === 1) break;
      // What stands behind it in the same message is run with other names.
      const isNew = this.foresight !== null;
      const path = certain && !isNew ? pathSetBy(statement) : null;
      if (path !== null) pathBehind = path;
      else if (changesPath(statement) || this.#takesBack(statement, pathBehind !== null || isNew)) certain = false;
      else if (changesNames(statement)) {
        if (pathBehind !== null || !certain) certain = false;
        else {
          this.foresight ??= masks.foresee();
          certain = this.foresight?.follow(statement) === true;
        }
      }
      if (!certain) pathBehind = null;
    }
    // Also of what is harmless the rows are judged later, by the catalog that is known then.
    const matters = uses !== null || running.some(({ objects }) => objects.length > 0);
    if (!sure && matters && (this.answersCome() || this.#own.askForCatalog())) return 'wait';
    if (uses === null) return decision;
    const policy = this.#conversation.policy();
    let judged = decision;
    for (const use of uses) judged = policy.both(judged, policy.judge(use));
    return judged;
  }

  /**
   * A masked column into which one of the statements writes what only a mask of this gate can look like: a client that
   * saw the mask would overwrite the value with it. `bind`: where parameters stand, null without any.
   */
  maskWritten(running: readonly AnalyzedStatement[], bytes: Uint8Array, bind: BindMessage | null): ColumnName | null {
    const { masks } = this.#conversation;
    if (!masks.active) return null;
    for (const statement of running) {
      const found = masks.useOf(statement, masks.certainNow);
      if (found === 'refresh' || found.given.length === 0) continue;
      const literals = found.given.some(({ given }) => given.kind === 'literal');
      // Statements of one shape share their flow, but not their literals.
      const given = literals ? masks.givenBy(statement) : found.given;
      const written = given.find((one) => isMask(one, bytes, bind));
      if (written !== undefined) return written.column;
    }
    return null;
  }

  /** Whether the target will have answered all that was sent without another message from the client. */
  answersCome(): boolean {
    const { expected } = this.#conversation;
    const last = expected.length === 0 ? null : expected.at(expected.length - 1);
    return last !== null && (last.kind === 'sync' || last.kind === 'query');
  }

  /** The statement that a name means: prepared earlier in the same batch, or in the session. */
  #meaningOf(name: string, before: readonly AnalyzedStatement[]): AnalyzedStatement | null {
    const key = nameKeyOfText(name);
    for (const { session } of before) {
      if (session.kind === 'prepare' && nameKeyOfText(session.name) === key) return session.inner;
    }
    return this.#conversation.statements.get(key)?.statement ?? null;
  }

  /** Whether a path or a change of the schema that was set before may be gone once the statement has run. */
  #takesBack(statement: AnalyzedStatement, pathSet: boolean): boolean {
    const { pathTouched, roleTouched, schemaTouched } = this.#conversation;
    return endsTransaction(statement) && (pathSet || pathTouched || roleTouched || schemaTouched);
  }

  #readCatalog(): 'wait' {
    if (this.#reading) return 'wait';
    this.#reading = true;
    void this.#conversation.masks.readCatalog().then((fault) => {
      this.#reading = false;
      if (this.#conversation.ended) return;
      if (fault === null) this.onRelease();
      else this.#conversation.fail(fault);
    });
    return 'wait';
  }
}

function isMask({ mask, given }: GivenToMasked, bytes: Uint8Array, bind: BindMessage | null): boolean {
  if (given.kind === 'literal') return given.text.length <= maskBytesMax && looksMasked(mask, given.text);
  const text = bind === null ? null : parameterText(bytes, bind, given.number);
  return text !== null && looksMasked(mask, text);
}

/** A parameter of a Bind that was read before, from 1; null if it is NULL, missing or long. */
function parameterText(bytes: Uint8Array, bind: BindMessage, number: number): string | null {
  if (number < 1 || number > bind.valueCount) return null;
  let at = bind.valuesAt;
  for (let skip = 1; skip < number; skip++) at += 4 + Math.max(0, i32(bytes, at));
  const length = i32(bytes, at);
  return length < 0 || length > maskBytesMax ? null : utf8Text(bytes, at + 4, at + 4 + length);
}
