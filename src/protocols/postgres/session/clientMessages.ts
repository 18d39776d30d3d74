/**
 * The meaning of what the client sends. A message that carries a command is decided before anything of it is forwarded;
 * what is refused is replaced by something that surely fails (session/refusals.ts). Everything else is forwarded as it is.
 */
import type { Frame } from '../../../bytes/frames.ts';
import type { Fault } from '../../../errors.ts';
import type { Decision, Permit } from '../../../facts.ts';
import type { Place, SharedLease } from '../../orderedOutput.ts';
import { ClientRecords } from './clientRecords.ts';
import type { Conversation } from './conversation.ts';
import { refusesTypes, withDeclaredTypes } from './declaredTypes.ts';
import { Expected } from './expected.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import { portalRunAt } from './portalRun.ts';
import { misspelled } from './misreading.ts';
import { isIndirect, Portal, PreparedStatement, unnamed } from './prepared.ts';
import { failingParse, failingQuery, failingUnnamedParse, isFault, refusalFor, unknownName } from './refusals.ts';
import type { Refusal } from './refusals.ts';
import { StatementRun } from './statementRun.ts';
import type { StatementTexts } from './statementTexts.ts';
import type { Verdicts } from './verdicts.ts';
import { clientFault, Frontend } from '../wire/wire.ts';
import {
  BindMessage,
  checkQuery,
  ExecuteMessage,
  NamedMessage,
  ParseMessage,
  readBind,
  readExecute,
  readNamed,
  namesTextTypes,
  readParse,
  resultFormats,
} from '../wire/frontend.ts';
import { describe } from '../wire/toTarget.ts';
import { type ByteString, decodeByteString, isAscii } from '../wire/text.ts';

export class ClientMessages {
  readonly #conversation: Conversation;
  readonly #texts: StatementTexts;
  readonly #verdicts: Verdicts;
  readonly #records: ClientRecords;
  readonly #parse = new ParseMessage();
  readonly #bind = new BindMessage();
  readonly #execute = new ExecuteMessage();
  readonly #named = new NamedMessage();
  /** The next message cannot be decided yet. */
  holding = false;
  /** Where the order stops until the records of this turn are durable. */
  #gate: Place | null = null;
  /** Those of turns before, in order. */
  readonly #gates: Place[] = [];
  /** What waited for its record has left; set by the session. */
  onForwarded: () => void = () => {};
  /** The client's side has room again; set by the session. */
  onClientDrained: () => void = () => {};

  constructor(conversation: Conversation, texts: StatementTexts, verdicts: Verdicts) {
    this.#conversation = conversation;
    this.#verdicts = verdicts;
    this.#texts = texts;
    this.#records = new ClientRecords(conversation);
  }

  /**
   * False: the message cannot be decided yet, and must be presented again; see {@link Verdicts.judge}. True: it is dealt with,
   * and perhaps more that stands behind it in bytes[.., fill): up to `frame.end`.
   */
  onMessage(bytes: Uint8Array, frame: Frame, fill: number, slot: SharedLease | null): boolean {
    this.holding = this.#texts.waiting;
    if (!this.holding) this.#dispatch(bytes, frame, fill, slot);
    if (this.holding) return false;
    this.#texts.settle();
    this.#verdicts.settle();
    return true;
  }

  #dispatch(bytes: Uint8Array, frame: Frame, fill: number, slot: SharedLease | null): void {
    const { start, body, end } = frame;
    const conversation = this.#conversation;
    if (conversation.copyIn && !allowedInCopy.has(frame.type)) {
      conversation.fail(clientFault('a command during COPY'));
      return;
    }
    switch (frame.type) {
      case Frontend.Query:
        return this.#onQuery(bytes, start, body, end);
      case Frontend.Parse:
        return this.#onParse(bytes, start, body, end);
      case Frontend.Bind:
        return this.#onBind(bytes, frame, fill, slot);
      case Frontend.Execute:
        return this.#onExecute(bytes, start, body, end);
      case Frontend.Describe:
      case Frontend.Close:
        return this.#onNamed(frame.type, bytes, start, body, end);
      case Frontend.Sync:
        // In copy-in mode the target ignores Sync, so it will not be answered.
        if (!conversation.copyIn) conversation.expect(new Expected('sync', false));
        return this.#control(bytes, start, end);
      case Frontend.CopyDone:
      case Frontend.CopyFail:
        conversation.endCopy();
        return this.#control(bytes, start, end);
      case Frontend.CopyData:
        return this.copyBytes(bytes, start, end, slot);
      case Frontend.Flush:
        return this.#control(bytes, start, end);
      case Frontend.FunctionCall:
        return this.#refuse('query', failingQuery, refusalFor('BG_FEATURE_REFUSED'));
      case Frontend.Terminate:
        return conversation.close('client', null);
      default:
        conversation.fail(clientFault(`message type ${frame.type} has no place here`));
    }
  }

  /** COPY data: it runs nothing, so it needs no permit of its own. */
  copyBytes(bytes: Uint8Array, start: number, end: number, slot: SharedLease | null): void {
    this.#conversation.toTarget.put(bytes, start, end, slot);
  }

  /** Lets out what this read brought, once the records that it made are durable. */
  endTurn(): void {
    const { toTarget, audit } = this.#conversation;
    toTarget.flush();
    if (this.#gate === null) return;
    this.#gates.push(this.#gate);
    this.#gate = null;
    audit.whenDurable(this.#onDurable);
  }

  /** Answers come in the order of the questions. */
  readonly #onDurable = (fault: Fault | null): void => {
    const gate = this.#gates.length === 1 ? this.#gates.pop() : this.#gates.shift();
    const conversation = this.#conversation;
    if (conversation.ended || gate === undefined) return;
    if (fault !== null) return conversation.fail(fault);
    try {
      conversation.toTarget.fill(gate, 0, null, null);
      this.onForwarded();
    } catch (error) {
      conversation.crash(error);
    }
  };

  #onQuery(bytes: Uint8Array, start: number, body: number, end: number): void {
    const bad = checkQuery(bytes, body, end);
    if (bad !== null) return this.#conversation.fail(bad);
    const analysis = this.#texts.analyze(bytes, body, end - 1);
    if (analysis === 'wait') return this.#hold();
    if ('fault' in analysis) {
      return this.#refuse('query', failingQuery, this.#records.unparsable(analysis.fault, bytes, body, end - 1));
    }
    const { statements } = analysis;
    const running = this.#verdicts.runningQuery(statements);
    const decided = this.#verdicts.decideNow(running);
    const decision = decided === 'wait' ? decided : this.#verdicts.judge(decided, running);
    if (decision === 'wait') return this.#hold();
    if (isFault(decision) || decision.permit === null) {
      return this.#refuse('query', failingQuery, this.#records.blocked(statements, decision));
    }
    const { foresight } = this.#verdicts;
    const written = this.#verdicts.maskWritten(running, bytes, null);
    if (written !== null) return this.#refuse('query', failingQuery, this.#records.maskRefused(statements, written));
    const entry = new Expected('query', false);
    entry.run = this.#begin(statements, decision);
    entry.run.foresight = foresight;
    this.#conversation.expect(entry);
    this.#command(decision.permit, bytes, start, end);
  }

  #onParse(bytes: Uint8Array, start: number, body: number, end: number): void {
    const message = this.#parse;
    const bad = readParse(bytes, body, end, message) ?? this.#misnamed(message.name);
    if (bad !== null) return this.#conversation.fail(bad);
    const failing = message.name === '' ? failingUnnamedParse : failingParse;
    const analysis = this.#texts.analyze(bytes, message.queryStart, message.queryEnd);
    if (analysis === 'wait') return this.#hold();
    if ('fault' in analysis) {
      const refusal = this.#records.unparsable(analysis.fault, bytes, message.queryStart, message.queryEnd);
      return this.#refuse('parse', failing, refusal);
    }
    // Also without masks, which may come with another policy before it is run.
    const statements = analysis.statements.map((one) => withDeclaredTypes(one, bytes, message));
    // The names that it is prepared under are those of now.
    if (this.#verdicts.namesCome) return this.#hold();
    const decision = this.#verdicts.decideNow(this.#verdicts.running(statements));
    if (decision === 'wait') return this.#hold();
    const misread =
      this.#verdicts.refusesNames(statements) ??
      (this.#conversation.masks.active ? refusesTypes(statements, bytes, message) : null);
    const refused = decision.permit === null ? decision : misread;
    if (decision.permit === null || refused !== null)
      return this.#refuse('parse', failing, this.#records.blocked(statements, refused ?? decision));
    const conversation = this.#conversation;
    if (conversation.statements.full) return conversation.fail(clientFault('too many prepared statements'));
    // Of several statements the target refuses all; the first stands for them until it does.
    const statement = statements.length === 0 ? null : statements[0];
    const prepared = new PreparedStatement(message.name, statement, decision, conversation.policy().version);
    prepared.madeUnder = conversation.masks.names;
    prepared.textParameters = namesTextTypes(bytes, message);
    const entry = new Expected('parse', false);
    entry.statement = prepared;
    entry.undo = conversation.statements.set(message.name, prepared);
    conversation.expect(entry);
    this.#command(decision.permit, bytes, start, end);
  }

  #onBind(bytes: Uint8Array, frame: Frame, fill: number, slot: SharedLease | null): void {
    const conversation = this.#conversation;
    const message = this.#bind;
    const bad = readBind(bytes, frame.body, frame.end, message) ?? this.#misnamed(message.statement, message.portal);
    if (bad !== null) return conversation.fail(bad);
    const prepared = conversation.statements.get(message.statement);
    if (prepared === undefined) {
      // A PREPARE, or a DECLARE below, that has not been answered yet may bring the name.
      if (this.#verdicts.answersCome()) return this.#hold();
      return this.#refuse('bind', failingParse, unknownName('statement', decodeByteString(message.statement)));
    }
    const { statements } = prepared;
    const decision = this.#verdicts.judgeRun(prepared, bytes, message);
    if (decision === 'wait') return this.#hold();
    if (isFault(decision) || decision.permit === null)
      return this.#refuse('bind', failingParse, this.#records.blocked(statements, decision));
    const written = this.#verdicts.maskWritten(statements, bytes, message);
    if (written !== null) return this.#refuse('bind', failingParse, this.#records.maskRefused(statements, written));
    if (conversation.portals.full) return conversation.fail(clientFault('too many portals'));
    const { masks } = conversation;
    // A name in it may mean another thing at every run, so each run is described by itself.
    const again = masks.active && (isIndirect(prepared.statement) || masks.mayHaveChanged(prepared));
    if (!again) this.#describeFirst(prepared);
    // The record is made here and not at Execute: planning may already run functions that claim to be immutable.
    const run = this.#begin(statements, decision);
    const portal = new Portal(message.portal, prepared, resultFormats(bytes, message), run, false);
    portal.converts = run.converts;
    const entry = new Expected('bind', false);
    entry.run = run;
    entry.portal = portal;
    entry.replaces = conversation.portals.get(message.portal)?.run ?? null;
    entry.undo = conversation.portals.set(message.portal, portal);
    const alone = message.portal !== unnamed || again || !prepared.isPlain || conversation.expected.skipping;
    const behind = alone ? null : portalRunAt(bytes, frame.end, fill);
    if (behind !== null) {
      entry.behind = behind.answers;
      frame.end += behind.bytes.length;
    }
    conversation.expect(entry);
    this.#command(decision.permit, bytes, frame.start, frame.end, slot);
    if (again && prepared.statement !== null) this.#describePortal(portal);
  }

  #onExecute(bytes: Uint8Array, start: number, body: number, end: number): void {
    const conversation = this.#conversation;
    const message = this.#execute;
    const bad = readExecute(bytes, body, end, message) ?? this.#misnamed(message.portal);
    if (bad !== null) return conversation.fail(bad);
    const portal = conversation.portals.get(message.portal);
    if (portal === undefined) {
      if (this.#verdicts.answersCome()) return this.#hold();
      return this.#refuse('execute', failingParse, unknownName('portal', decodeByteString(message.portal)));
    }
    const { prepared } = portal;
    const { statements } = prepared;
    // A cursor of DECLARE, or a portal that has run to its end, is a statement of its own when it is executed.
    const goesOn = portal.run !== null && !portal.run.ended;
    const decision = goesOn ? this.#verdicts.judgeRest(portal) : this.#verdicts.judgeRun(prepared, bytes, null);
    if (decision === 'wait') return this.#hold();
    if (isFault(decision) || decision.permit === null)
      return this.#refuse('execute', failingParse, this.#records.blocked(statements, decision));
    const entry = new Expected('execute', false);
    entry.portal = portal;
    entry.run = portal.run !== null && goesOn ? portal.run : this.#begin(statements, decision);
    if (portal.run === null && portal.described === null && conversation.masks.active) this.#describePortal(portal);
    // It may have been bound long ago.
    if (entry.run.changesNames) conversation.beginChange();
    conversation.expect(entry);
    this.#command(decision.permit, bytes, start, end);
  }

  #onNamed(type: number, bytes: Uint8Array, start: number, body: number, end: number): void {
    const conversation = this.#conversation;
    const message = this.#named;
    const bad = readNamed(bytes, body, end, message) ?? this.#misnamed(message.name);
    if (bad !== null) return conversation.fail(bad);
    const { statements, portals } = conversation;
    const isStatement = message.kind === 'statement';
    let entry: Expected;
    if (type === Frontend.Close) {
      entry = new Expected('close', false);
      entry.undo = isStatement ? statements.remove(message.name) : portals.remove(message.name);
      if (isStatement) entry.closesStatement = message.name;
      else entry.closesPortal = message.name;
    } else if (isStatement) {
      entry = new Expected('describe_statement', false);
      entry.statement = statements.get(message.name) ?? null;
      if (entry.statement !== null) entry.statement.describing = true;
    } else {
      entry = new Expected('describe_portal', false);
      entry.portal = portals.get(message.name) ?? null;
      // The target plans a portal's query at the latest now, so an error is the run's.
      entry.run = entry.portal?.run ?? null;
    }
    conversation.expect(entry);
    this.#control(bytes, start, end);
  }

  /** Has the target describe a statement whose rows may have to be masked, unless the client has asked already. */
  #describeFirst(prepared: PreparedStatement): void {
    const { masks } = this.#conversation;
    if (!masks.active || prepared.shape !== null || prepared.describing || prepared.statement === null) return;
    prepared.describing = true;
    const entry = new Expected('describe_statement', true);
    entry.statement = prepared;
    // If the target never gets to it, it must be asked again.
    entry.undo = () => {
      prepared.describing = false;
    };
    this.#conversation.expect(entry);
    this.#conversation.toTarget.own(describe('statement', prepared.name));
  }

  #describePortal(portal: Portal): void {
    const entry = new Expected('describe_portal', true);
    entry.portal = portal;
    this.#conversation.expect(entry);
    this.#conversation.toTarget.own(describe('portal', portal.name));
  }

  /** A name may grow on its way, and be cut to that of another. */
  #misnamed(name: ByteString, other: ByteString = unnamed): Fault | null {
    const { active, encoding } = this.#conversation.masks;
    if (!active || !encoding.misspells) return null;
    return isAscii(name) && isAscii(other) ? null : misspelled;
  }

  #hold(): void {
    this.holding = true;
  }

  #begin(statements: readonly AnalyzedStatement[], decision: Decision): StatementRun {
    const run = new StatementRun(statements, this.#records.begin(statements, decision));
    run.converts = this.#verdicts.converts;
    this.#conversation.started(run, decision, this.#verdicts.turn, this.#verdicts.moves);
    this.#gate ??= this.#conversation.toTarget.reserve(0);
    return run;
  }

  /** Sends something that fails in place of a refused message. */
  #refuse(kind: 'query' | 'parse' | 'bind' | 'execute', failing: Uint8Array, refusal: Refusal): void {
    const entry = new Expected(kind, false);
    entry.refusal = refusal;
    this.#conversation.expect(entry);
    this.#conversation.toTarget.own(failing);
  }

  /** The only way for a client's command to the target: it takes the proof that it was allowed. */
  #command(permit: Permit, bytes: Uint8Array, start: number, end: number, slot: SharedLease | null = null): void {
    void permit;
    this.#conversation.toTarget.put(bytes, start, end, slot);
  }

  /** Messages that run nothing: Sync, Flush, Describe, Close, and the end of COPY data. */
  #control(bytes: Uint8Array, start: number, end: number): void {
    this.#conversation.toTarget.copy(bytes, start, end);
  }
}

const allowedInCopy: ReadonlySet<number> = new Set([
  Frontend.CopyData,
  Frontend.CopyDone,
  Frontend.CopyFail,
  Frontend.Flush,
  Frontend.Sync,
  Frontend.Terminate,
]);
