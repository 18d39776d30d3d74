/**
 * The audit of one session, as protocols use it: entries that begin and end, and a question, "is everything so far
 * durable?", that is answered once per group of statements and in order.
 *
 * Where the sink has no room, records wait here, in order, until it has; a session that waits for its question to be
 * answered sends nothing, so what waits is bounded by what one client may pipeline.
 */
import type { Fault } from '../errors.ts';
import type { Decision, RuleId } from '../facts.ts';
import { decisionFragment, statementFragment } from './fragments.ts';
import type { DecisionFragment, RecordedText, StatementFragment } from './fragments.ts';
import type { AuditSession, AuditSink, ResultFacts, SessionFacts } from './sink.ts';

/** Who a session belongs to. */
export interface SessionAuditFacts extends SessionFacts {
  /** False: user and connection are what a client claimed whose login was refused. */
  readonly proven: boolean;
}

/** One statement between its two records. The counts are the protocol's to fill. */
export class RecordedStatement {
  rows = 0;
  bytes = 0;
  masked = 0;
  sqlstate: string | null = null;
  /** The sink's number; 0 while there is no room for the record. */
  id = 0;
  /** The sink has said that the record is durable, or why it is not. */
  settled = false;
  fault: Fault | null = null;
  /** Set by `end`; the result record is written once the first one is durable. */
  how: string | null = null;
  readonly startedMs = performance.now();
  endedMs = 0;
  readonly statement: StatementFragment;
  readonly decision: DecisionFragment;

  constructor(statement: StatementFragment, decision: DecisionFragment) {
    this.statement = statement;
    this.decision = decision;
  }
}

interface RecordedDecision {
  readonly of: Decision;
  readonly masks: readonly RuleId[];
  readonly fragment: DecisionFragment;
}

interface Question {
  /** Answered once the first so many statements of this session are settled. */
  readonly begun: number;
  readonly answer: (fault: Fault | null) => void;
}

const noRoom: Fault = { code: 'BG_AUDIT_UNAVAILABLE', detail: 'the audit log has no room for the session' };

const lostTrack: Fault = { code: 'BG_INTERNAL', detail: 'the audit of the session has lost track' };

/** Fragments live as long as the cached statement, and the decision, that they belong to. */
const statementFragments = new WeakMap<RecordedText, StatementFragment>();

export class SessionRecorder {
  readonly #sink: AuditSink;
  readonly #facts: SessionAuditFacts;
  readonly #decisions = new WeakMap<Decision, RecordedDecision>();
  // A session mostly repeats itself.
  #lastStatement: { readonly of: RecordedText; readonly fragment: StatementFragment } | null = null;
  #lastDecision: RecordedDecision | null = null;
  #session: AuditSession | null = null;
  #begun = 0;
  #settled = 0;
  // Statements [#settled, #begun) in order: first those that the sink has taken, then `#unrecorded` that it had no room for.
  readonly #pending: RecordedStatement[] = [];
  #unrecorded = 0;
  /** A fault among the settled statements that no question has carried away yet. */
  #fault: Fault | null = null;
  readonly #questions: Question[] = [];
  #askedForRoom = false;
  #closeReason: string | null = null;
  readonly #result: ResultFacts = { rows: 0, bytes: 0, masked: 0, durationUs: 0, sqlstate: null, ended: '' };

  constructor(sink: AuditSink, facts: SessionAuditFacts) {
    this.#sink = sink;
    this.#facts = facts;
    this.#open();
  }

  /** Appends the record. The target must not act before {@link whenDurable} has answered without a fault. */
  begin(statement: RecordedText, decision: Decision, maskRules: readonly RuleId[]): RecordedStatement {
    const entry = new RecordedStatement(this.#statement(statement), this.#decision(decision, maskRules));
    this.#begun++;
    this.#pending.push(entry);
    if (this.#unrecorded > 0 || !this.#record(entry)) {
      this.#unrecorded++;
      this.#askForRoom();
    }
    return entry;
  }

  /** Appends the result record, once. `how`: a short constant. */
  end(entry: RecordedStatement, how: string): void {
    if (entry.how !== null) return;
    entry.how = how;
    entry.endedMs = performance.now();
    if (entry.settled) this.#writeResult(entry);
  }

  /**
   * Answers once all that began so far is durable: at once if it is, else on a later turn. A fault says that at least one
   * of the statements since the last question must not run.
   */
  whenDurable(answer: (fault: Fault | null) => void): void {
    this.#questions.push({ begun: this.#begun, answer });
    this.#answer();
  }

  close(reason: string): void {
    if (this.#closeReason !== null) return;
    this.#closeReason = reason;
    const { proven, user, connection, protocol, clientAddress } = this.#facts;
    if (!proven) this.#sink.loginRefused({ user, connection, protocol, clientAddress, reason });
    this.#closeWhenSettled();
  }

  #open(): boolean {
    if (this.#closeReason !== null) return this.#session !== null;
    if (this.#facts.proven) this.#session ??= this.#sink.openSession(this.#facts);
    return this.#session !== null;
  }

  #record(entry: RecordedStatement): boolean {
    if (!this.#open() || this.#session === null) return false;
    const id = this.#sink.begin(this.#session, entry.statement, entry.decision, this.#onDurable);
    if (id === 0) return false;
    entry.id = id;
    return true;
  }

  /** The sink answers in the order of the records, so the oldest is the one that is meant. */
  readonly #onDurable = (fault: Fault | null, id: number): void => {
    try {
      this.#settle(fault, id);
    } catch (error) {
      this.#giveUp();
      throw error;
    }
  };

  /** After a bug in here nobody knows what is durable: what waits must not run, and must not wait for ever. */
  #giveUp(): void {
    for (const { answer } of this.#questions.splice(0)) answer(lostTrack);
  }

  #settle(fault: Fault | null, id: number): void {
    const entry = this.#pending.length > 0 ? this.#pending[0] : null;
    if (entry === null || entry.id !== id) throw new Error('audit records were made durable out of order');
    entry.fault = fault;
    entry.settled = true;
    this.#advance();
  }

  #advance(): void {
    while (this.#pending.length > 0 && this.#pending[0].settled) {
      const entry = takeFirst(this.#pending);
      if (entry === undefined) break;
      this.#settled++;
      this.#fault ??= entry.fault;
      if (entry.how !== null) this.#writeResult(entry);
      this.#answer();
    }
    this.#closeWhenSettled();
  }

  #answer(): void {
    while (this.#questions.length > 0 && this.#questions[0].begun <= this.#settled) {
      const question = takeFirst(this.#questions);
      const fault = this.#fault;
      this.#fault = null;
      question?.answer(fault);
    }
  }

  /** What did not get its first record gets no second; the sink says `not_run` where that is in doubt. */
  #writeResult(entry: RecordedStatement): void {
    if (entry.fault !== null || entry.how === null) return;
    const result = this.#result;
    result.rows = entry.rows;
    result.bytes = entry.bytes;
    result.masked = entry.masked;
    result.sqlstate = entry.sqlstate;
    result.durationUs = (entry.endedMs - entry.startedMs) * 1000;
    result.ended = entry.how;
    this.#sink.end(entry.id, result);
  }

  #askForRoom(): void {
    if (this.#askedForRoom) return;
    this.#askedForRoom = true;
    this.#sink.whenRoom(this.#onRoom);
  }

  readonly #onRoom = (fault: Fault | null): void => {
    this.#askedForRoom = false;
    // Also after a fault the oldest is tried: it may fit now, and then the write of its record decides.
    while (this.#unrecorded > 0 && this.#record(this.#pending[this.#pending.length - this.#unrecorded]))
      this.#unrecorded--;
    if (this.#unrecorded === 0) return;
    if (fault === null && this.#session !== null) return this.#askForRoom();
    for (const entry of this.#pending.slice(-this.#unrecorded)) {
      entry.fault = fault ?? noRoom;
      entry.settled = true;
    }
    this.#unrecorded = 0;
    this.#advance();
  };

  #closeWhenSettled(): void {
    if (this.#closeReason === null || this.#session === null || this.#settled < this.#begun) return;
    const session = this.#session;
    this.#session = null;
    this.#sink.closeSession(session, this.#closeReason);
  }

  #statement(statement: RecordedText): StatementFragment {
    if (this.#lastStatement?.of === statement) return this.#lastStatement.fragment;
    let fragment = statementFragments.get(statement);
    if (fragment === undefined) {
      fragment = statementFragment(statement);
      statementFragments.set(statement, fragment);
    }
    this.#lastStatement = { of: statement, fragment };
    return fragment;
  }

  #decision(decision: Decision, masks: readonly RuleId[]): DecisionFragment {
    const last = this.#lastDecision;
    if (last !== null && last.of === decision && last.masks === masks) return last.fragment;
    let known = this.#decisions.get(decision);
    if (known === undefined || known.masks !== masks) {
      known = { of: decision, masks, fragment: decisionFragment(decision, masks) };
      this.#decisions.set(decision, known);
    }
    this.#lastDecision = known;
    return known.fragment;
  }
}

/** Nearly always there is just one, and then `pop` moves nothing. */
function takeFirst<Item>(items: Item[]): Item | undefined {
  return items.length === 1 ? items.pop() : items.shift();
}
