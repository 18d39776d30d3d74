/**
 * What the two halves of a session share: who talks to whom, what the target still owes, which names mean what, and how a
 * session ends. The halves read; this decides nothing about bytes.
 */
import type { ErrorCode, Fault } from '../../../errors.ts';
import type { Decision, Identity, MaskRules, Permit, RuleId } from '../../../facts.ts';
import { OrderedOutput } from '../../orderedOutput.ts';
import type {
  AuditEntry,
  Services,
  SessionAudit,
  SessionCounters,
  SessionPolicy,
  Target,
  Wire,
} from '../../protocol.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import { countFillers } from '../catalog/fillers.ts';
import type { Expected } from './expected.ts';
import { ExpectedQueue } from './expected.ts';
import type { MaskContext } from '../masks/maskContext.ts';
import { Names } from './prepared.ts';
import type { Portal, PreparedStatement } from './prepared.ts';
import { changesNames, definesCode, OpenRuns, still } from './statementRun.ts';
import type { RunMoves, StatementRun } from './statementRun.ts';
import { SessionTurns, type TurnAsked } from './sessionTurns.ts';
import { TransactionStatus } from '../wire/wire.ts';
import { errorResponse } from '../wire/toClient.ts';
import { flush, terminate } from '../wire/toTarget.ts';

const flushMessage = flush();

const maskRuleIds = new WeakMap<MaskRules, readonly RuleId[]>();

export interface ConversationParts {
  readonly services: Services;
  readonly identity: Identity;
  readonly target: Target;
  readonly client: Wire;
  readonly targetWire: Wire;
  readonly audit: SessionAudit;
  readonly masks: MaskContext;
  /** Calls off what still runs at the target. Resolves when the target may be left; null: at once. */
  readonly callOff: (reason: string) => Promise<void> | null;
  readonly onEnd: (reason: string) => void;
  /** See {@link Session.crash}. */
  readonly crash: (error: unknown) => void;
}

export class Conversation {
  readonly services: Services;
  readonly identity: Identity;
  readonly target: Target;
  readonly client: Wire;
  readonly targetWire: Wire;
  readonly audit: SessionAudit;
  readonly masks: MaskContext;
  readonly counters: SessionCounters;
  readonly toClient: OrderedOutput;
  readonly toTarget: OrderedOutput;
  readonly expected = new ExpectedQueue();
  /** Names as they will be once everything that was sent is answered: what the next message of the client refers to. */
  readonly statements = new Names<PreparedStatement>();
  readonly portals = new Names<Portal>();
  /** Names as the target holds them at the answer that is read now: what rows are judged by. */
  readonly heldStatements = new Names<PreparedStatement>();
  readonly heldPortals = new Names<Portal>();
  /** One of {@link TransactionStatus}, as the last ReadyForQuery said. */
  transaction: number = TransactionStatus.idle;
  /** The target reads CopyData; Sync and Flush mean nothing to it. */
  copyIn = false;
  /** CopyDone and CopyFail that were sent so far, to a COPY that runs or is about to. */
  copyEnds = 0;
  /** A transaction that BEGIN has opened is surely still open. */
  inBlock = false;
  /** The target reports changes of search_path by itself (PostgreSQL 18). */
  reportsPath = false;
  /** A setting on which name resolution hangs was changed in the current transaction. */
  pathTouched = false;
  /** The role was changed in the current transaction. */
  roleTouched = false;
  /** The schema was changed in the current transaction. */
  schemaTouched = false;
  /** What was sent may change the schema before it is answered; other sessions are kept from trusting theirs. */
  changing = false;
  draining = false;
  /** A thread is at work on a message of the client, which waits for it. */
  analysing = false;
  ended = false;
  /**
   * For what throws where no caller of the session stands above: in callbacks of the audit, of lanes and of threads, and in
   * promises.
   */
  readonly crash: (error: unknown) => void;
  /** A message has left in part, so nothing may be put between its bytes. */
  midMessage = false;
  readonly #callOff: (reason: string) => Promise<void> | null;
  readonly #onEnd: (reason: string) => void;
  #policy: SessionPolicy;
  /** Runs whose result line is still to be written. */
  readonly #open = new OpenRuns();
  readonly #turns: SessionTurns;

  constructor(parts: ConversationParts) {
    this.services = parts.services;
    this.identity = parts.identity;
    this.target = parts.target;
    this.client = parts.client;
    this.targetWire = parts.targetWire;
    this.audit = parts.audit;
    this.masks = parts.masks;
    this.#callOff = parts.callOff;
    this.#onEnd = parts.onEnd;
    this.crash = parts.crash;
    this.counters = parts.services.countersFor(parts.target.info.name);
    this.toClient = new OrderedOutput(parts.client);
    this.toTarget = new OrderedOutput(parts.targetWire);
    this.#turns = new SessionTurns(parts.masks.turns, parts.services);
    this.#policy = parts.services.policyFor(parts.identity, parts.target.info);
  }

  /** What stands for the session among others at the same target. */
  get turns(): SessionTurns {
    return this.#turns;
  }

  /** Mask rules in force, for the audit record: one array per policy, so that its JSON is made once. */
  get maskRules(): readonly RuleId[] {
    const { masks } = this.policy();
    let rules = maskRuleIds.get(masks);
    if (rules === undefined) {
      rules = [...new Set([...masks.columns, ...masks.values].map(({ rule }) => rule))];
      maskRuleIds.set(masks, rules);
    }
    return rules;
  }

  /** The policy in force now: a reload takes effect with the next statement. */
  policy(): SessionPolicy {
    if (this.#policy.version !== this.services.policyVersion) {
      this.#policy = this.services.policyFor(this.identity, this.target.info);
      this.masks.usePolicy(this.#policy.masks);
    }
    return this.#policy;
  }

  /** Nothing is under way: no answer is owed and no transaction is open. */
  get idle(): boolean {
    if (this.analysing || this.#turns.waiting || this.expected.length > 0) return false;
    return this.transaction === TransactionStatus.idle && this.toTarget.empty;
  }

  /** No answer is owed, and nothing is prepared, open or spelt in a way that would hang on what was before. */
  get fresh(): boolean {
    const { statements, portals, heldStatements, heldPortals, masks } = this;
    if (this.expected.length > 0 || this.transaction !== TransactionStatus.idle || masks.encoding.misspells)
      return false;
    return statements.empty && portals.empty && heldStatements.empty && heldPortals.empty;
  }

  /** Registers what a message makes the target owe. After an error the target ignores all but Sync. */
  expect(entry: Expected): void {
    if (this.expected.skipping) {
      if (entry.kind !== 'sync') {
        if (entry.run !== null) this.finish(entry.run, 'skipped');
        entry.undo?.();
        return;
      }
      this.expected.skipping = false;
    }
    entry.copyEnds = this.copyEnds;
    this.expected.push(entry);
  }

  /** The client ends its COPY data. Without a COPY that reads it the target ignores that. */
  endCopy(): void {
    if (!this.copyIn && this.expected.lastCommand?.run?.statements.some(copiesIn) !== true) return;
    this.copyIn = false;
    this.copyEnds++;
  }

  /** Has the target send what it has answered so far; Flush itself is not answered. */
  askForAnswers(): void {
    this.toTarget.own(flushMessage);
  }

  /** Sends a message of the gate's own. The permit proves that it is not a client's. */
  sendOwn(permit: Permit, message: Uint8Array): void {
    void permit;
    this.toTarget.own(message);
    this.toTarget.flush();
  }

  started(run: StatementRun, decision: Decision, asked: TurnAsked | null, moves: RunMoves): void {
    if (asked !== null) this.#turns.begin(run, asked);
    this.#open.add(run);
    run.moves = moves;
    if (moves.ahead) this.masks.movesAhead++;
    if (moves.encoding) this.masks.encoding.begin();
    run.epoch = this.masks.epoch;
    run.serial = this.masks.schemaSerial;
    run.changesNames = moves.hidden === 'schema' || run.statements.some(changesNames);
    if (run.changesNames && this.masks.active)
      for (const statement of run.statements)
        if (definesCode(statement)) countFillers(this.masks.fillers, statement.text);
    if (run.changesNames) this.masks.changesAhead++;
    if (this.schemaTouched || run.changesNames) this.beginChange();
    if (decision.outcome === 'allow') this.counters.statementsAllowed++;
    if (decision.observed.length > 0) this.counters.statementsObserved++;
  }

  /** What a run has called may have changed what names mean. */
  moved({ moves: { hidden, encoding } }: StatementRun): void {
    if (encoding) this.masks.encoding.doubt();
    if (hidden === 'nothing') return;
    this.pathTouched = true;
    this.roleTouched = true;
    this.masks.meanings.onRole(null);
    if (hidden !== 'schema') return;
    this.schemaTouched = true;
    this.masks.doubtSchema();
  }

  /** A run has failed, after a procedure or DO in it may have committed some of what it did. */
  failed(run: StatementRun): void {
    const isOpaque = run.statements.some(({ opaque }) => opaque.length > 0);
    if (run.moves === still && !isOpaque) return;
    this.moved(run);
    this.pathTouched = true;
    this.roleTouched = true;
    this.masks.meanings.onRole(null);
    if (!isOpaque) return;
    this.schemaTouched = true;
    this.masks.doubtSchema();
  }

  /** An error or the end of a transaction may take back what it had set. */
  takeBackSettings(): void {
    if (this.roleTouched) this.masks.meanings.onRole(null);
    else if (this.pathTouched) this.masks.meanings.forgetPath();
  }

  /** From here on the target may commit a change of the schema at any moment. */
  beginChange(): void {
    if (this.changing) return;
    this.changing = true;
    this.masks.beginChange();
  }

  /** All that was sent is answered, and with it every change of the schema, unless its transaction is still open. */
  endChange(): void {
    if (this.transaction === TransactionStatus.idle) this.#turns.settle();
    if (!this.changing) return;
    this.changing = false;
    this.masks.endChange();
  }

  /** The schema has changed. What was sent behind the change was run after it. */
  schemaChanged(): void {
    const before = this.masks.epoch;
    this.masks.onSchemaChange();
    this.#open.forEach((run) => {
      if (run.epoch === before) run.epoch = this.masks.epoch;
    });
  }

  readonly #closes = (portal: Portal): boolean => {
    if (!endsWithTransaction(portal)) return false;
    if (portal.run !== null) this.finish(portal.run, 'closed');
    return true;
  };

  /** Portals end with their transaction, except cursors WITH HOLD; changes of the schema can now be seen by others. */
  endTransaction(): void {
    this.heldPortals.deleteIf(endsWithTransaction);
    // Portals that the client has bound ahead belong to the next transaction.
    if (this.expected.length === 0) this.portals.deleteIf(this.#closes);
    this.pathTouched = false;
    this.roleTouched = false;
    this.masks.encoding.endTransaction();
    if (!this.schemaTouched) return;
    this.schemaTouched = false;
    this.schemaChanged();
  }

  /** Goes on with what a promise gives. */
  follow<T>(promise: Promise<T>, goOn: (value: T) => void): void {
    promise.then(goOn).catch(this.crash);
  }

  /** Writes the result line of `run`, once. */
  finish(run: StatementRun, how: string): void {
    if (run.ended) return;
    run.ended = true;
    this.#open.delete(run);
    if (run.changesNames) this.masks.changesAhead--;
    if (run.moves.ahead) this.masks.movesAhead--;
    if (run.moves.encoding) this.masks.encoding.end();
    this.#turns.end(run);
    this.counters.rows += run.entry.rows;
    this.counters.maskedValues += run.entry.masked;
    if (run.entry.sqlstate !== null) this.counters.statementsFailed++;
    this.audit.end(run.entry, how);
  }

  /** The result line of a statement that never ran. */
  refused(entry: AuditEntry, code: ErrorCode): void {
    if (code === 'BG_POLICY_BLOCKED') this.counters.statementsBlocked++;
    else if (code === 'BG_POLICY_NEEDS_APPROVAL') this.counters.statementsNeedingApproval++;
    else this.counters.statementsRefused++;
    this.audit.end(entry, 'refused');
  }

  /**
   * Ends the session with an error that the client can read, unless a message has left in part. Whatever was not yet written
   * is dropped: after a fault nobody knows whether it was masked rightly.
   */
  fail(fault: Fault): void {
    if (this.ended) return;
    this.services.log.warn(
      { code: fault.code, detail: fault.detail, connection: this.target.info.name, user: this.identity.user },
      'session closed by a fault',
    );
    this.close(fault.code, this.midMessage ? null : errorResponse(fault.code));
  }

  /** Ends the session. `farewell` is the last that the client reads. */
  close(reason: string, farewell: Uint8Array | null): void {
    if (this.ended) return;
    this.ended = true;
    // The target may still be at it.
    if (this.changing || this.schemaTouched) this.masks.onSchemaChange();
    this.endChange();
    this.#turns.leave(this.expected.length > 0);
    this.#open.forEach((run) => this.finish(run, 'lost'));
    // What was put out before leaves, masked and in order; what a lane still holds, and all behind it, does not. Such a
    // piece begins between two messages, so the farewell can be read in its place.
    this.toClient.flush();
    this.toClient.discard();
    this.toTarget.discard();
    if (farewell !== null) this.client.write(farewell, null);
    this.client.end();
    // A pooler in front of the target forgets the key of a session that has left, so the cancel goes first.
    const calledOff = this.#callOff(reason);
    if (calledOff === null) this.#leaveTarget();
    else this.#leaveAfter(calledOff);
    this.audit.close(reason);
    this.#onEnd(reason);
  }

  #leaveAfter(calledOff: Promise<void>): void {
    const leave = calledOff.then(() => this.#leaveTarget());
    leave.catch((error: unknown) => {
      this.targetWire.destroy();
      this.crash(error);
    });
  }

  /** Terminate lets the target end its session in order; a transaction that is open is rolled back either way. */
  #leaveTarget(): void {
    this.targetWire.write(terminate(), null);
    this.targetWire.end();
  }
}

function endsWithTransaction({ holdable }: Portal): boolean {
  return !holdable;
}

function copiesIn({ session }: AnalyzedStatement): boolean {
  return session.kind === 'copy_from';
}
