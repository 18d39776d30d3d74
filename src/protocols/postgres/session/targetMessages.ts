/**
 * The meaning of what the target sends: which owed answer a message settles, what its rows look like, and what the client
 * may read of it. Bytes are framed and moved in targetHalf.ts.
 */
import type { Frame } from '../../../bytes/frames.ts';
import type { Conversation } from './conversation.ts';
import { applyEffects } from './effects.ts';
import type { ExpectedKind } from './expected.ts';
import { takeOwnRow } from './textRows.ts';
import type { OwnQueries } from './ownQueries.ts';
import { refusedSqlstate } from './refusals.ts';
import { isIndirect } from './prepared.ts';
import type { Shape } from './prepared.ts';
import { returnsRows, RowPlanner } from './rowPlanner.ts';
import { rowSourceOf } from './rowSource.ts';
import type { StatementRun } from './statementRun.ts';
import { Backend, clientFault, targetFault, TransactionStatus, WireFault } from '../wire/wire.ts';
import {
  commandRows,
  readCopyResponse,
  readDiagnostic,
  readReadyForQuery,
  readRowDescription,
} from '../wire/backend.ts';
import { answeredBy, relayNotice, relayNotification, relayParameterStatus } from './targetNotices.ts';
import type { Relayed } from './targetNotices.ts';

/** What becomes of a message: it passes, it is swallowed, these bytes go in its place, or nothing goes on until a wait ends. */
export type Fate = 'pass' | 'swallow' | 'wait' | Uint8Array;

const noShape: Shape = [];

export class TargetMessages {
  readonly #conversation: Conversation;
  readonly #own: OwnQueries;
  /** What is done to the rows that come now. */
  readonly rows: RowPlanner;
  /** Told after each ReadyForQuery. */
  onReady: () => void = () => {};
  /** Told after each read from the target, when fewer answers may be owed. */
  onAnswered: () => void = () => {};
  /** Told when the target has taken what was held for it. */
  onTargetDrained: () => void = () => {};

  constructor(conversation: Conversation, own: OwnQueries) {
    this.#conversation = conversation;
    this.#own = own;
    this.rows = new RowPlanner(conversation);
  }

  /** The run whose rows come now. */
  get run(): StatementRun | null {
    return this.#conversation.expected.front?.run ?? null;
  }

  /** Rows that come now answer a question of the gate's own. */
  get swallowsRows(): boolean {
    const front = this.#conversation.expected.front;
    return front !== null && front.own && front.kind === 'query';
  }

  tookRows(bytes: number): void {
    const run = this.run;
    if (run !== null) run.entry.bytes += bytes;
  }

  /** Rows of the gate's own question; false: malformed, and the session has been ended. */
  ownRows(bytes: Uint8Array, start: number, end: number): boolean {
    if (takeOwnRow(bytes, start, end, (values) => this.#own.onRow(values))) return true;
    this.#conversation.fail(targetFault('malformed row'));
    return false;
  }

  onTargetClosed(): void {
    const conversation = this.#conversation;
    if (conversation.ended) return;
    conversation.fail({ code: 'BG_TARGET_LOST', detail: 'the target closed the connection' });
  }

  onMessage(bytes: Uint8Array, frame: Frame): Fate {
    const { body, end } = frame;
    switch (frame.type) {
      case Backend.ParseComplete: {
        const prepared = this.#conversation.expected.front?.statement ?? null;
        if (prepared !== null) this.#conversation.heldStatements.put(prepared.name, prepared);
        return this.#settle('parse');
      }
      case Backend.BindComplete: {
        return this.#bound();
      }
      case Backend.CloseComplete: {
        const { expected, heldStatements, heldPortals } = this.#conversation;
        const { closesStatement = null, closesPortal = null } = expected.front ?? {};
        if (closesStatement !== null) heldStatements.put(closesStatement, undefined);
        if (closesPortal !== null) heldPortals.put(closesPortal, undefined);
        return this.#settle('close');
      }
      case Backend.ParameterDescription:
        return this.#parameterDescription();
      case Backend.RowDescription:
        return this.#rowDescription(bytes, body, end);
      case Backend.NoData:
        return this.#described([]);
      case Backend.CommandComplete:
        return this.#commandComplete(bytes, body, end);
      case Backend.EmptyQueryResponse:
        return this.#statementEnded('complete');
      case Backend.PortalSuspended:
        if (this.run !== null) this.#conversation.moved(this.run);
        return this.#settle('execute');
      case Backend.ErrorResponse:
        return this.#errorResponse(bytes, body, end);
      case Backend.NoticeResponse:
        return this.#relayed(relayNotice(this.#conversation, bytes, body, end));
      case Backend.ReadyForQuery:
        return this.#readyForQuery(bytes, body, end);
      case Backend.CopyInResponse:
        return this.#copyInResponse();
      case Backend.CopyOutResponse:
        return this.#copyOutResponse(bytes, body, end);
      case Backend.CopyDone:
        return this.rows.copyOut ? 'pass' : this.#violation('CopyDone without COPY');
      case Backend.ParameterStatus:
        return this.#relayed(relayParameterStatus(this.#conversation, bytes, body, end));
      case Backend.NotificationResponse:
        return this.#relayed(relayNotification(this.#conversation, bytes, body, end));
      default:
        // CopyBothResponse, FunctionCallResponse, Authentication, ...: nothing that a session of this gate asks for.
        return this.#violation(`message type ${frame.type} has no place here`);
    }
  }

  #violation(detail: string): Fate {
    this.#conversation.fail(targetFault(detail));
    return 'swallow';
  }

  /** Takes the front entry off if it is of this kind. */
  #settle(kind: ExpectedKind): Fate {
    const { expected } = this.#conversation;
    const front = expected.front;
    if (front === null || front.kind !== kind) return this.#violation(`an answer to ${kind} that nobody asked for`);
    expected.settle();
    return front.own ? 'swallow' : 'pass';
  }

  /** A client can make the gate expect another statement under a name than the target holds; then this is found out here. */
  #bound(): Fate {
    const conversation = this.#conversation;
    const front = conversation.expected.front;
    const portal = front?.portal ?? null;
    if (front !== null && portal !== null && front.run !== null) {
      if (conversation.heldStatements.get(portal.prepared.name) !== portal.prepared) return this.#misnamed();
      if (front.replaces !== null) conversation.finish(front.replaces, 'closed');
      if (conversation.masks.active) conversation.masks.onOpened(portal, front.run);
      conversation.heldPortals.put(portal.name, portal);
    }
    return this.#settle('bind');
  }

  #misnamed(): Fate {
    this.rows.misnamed();
    return 'swallow';
  }

  #parameterDescription(): Fate {
    const front = this.#conversation.expected.front;
    if (front?.kind !== 'describe_statement') return this.#violation('ParameterDescription that nobody asked for');
    return front.own ? 'swallow' : 'pass';
  }

  #rowDescription(bytes: Uint8Array, body: number, end: number): Fate {
    const conversation = this.#conversation;
    const front = conversation.expected.front;
    if (front === null) return this.#violation('RowDescription that nobody asked for');
    if (front.kind === 'query') {
      if (front.own) return this.#own.onResult();
      const { run } = front;
      if (run === null) return this.#violation('rows for a refused statement');
      if (!conversation.masks.active) {
        run.usePlan(null, conversation.masks.version);
        return 'pass';
      }
      const shape = readRowDescription(bytes, body, end);
      if (shape instanceof WireFault) return this.#violation(shape.detail);
      const planned = this.rows.plan(front, run, shape);
      if (planned === 'wait') return 'wait';
      run.shape = shape;
      run.usePlan(planned, conversation.masks.version);
      return 'pass';
    }
    // As long as names mean the same, a prepared statement has the same rows, so one reading is enough.
    const { portal } = front;
    if (
      portal !== null &&
      !isIndirect(portal.prepared.statement) &&
      !conversation.masks.mayHaveChanged(portal.prepared)
    ) {
      const known = portal.shape();
      if (known !== null) return this.#described(known);
    }
    const shape = conversation.masks.active ? readRowDescription(bytes, body, end) : noShape;
    if (shape instanceof WireFault) return this.#violation(shape.detail);
    return this.#described(shape);
  }

  /** The answer to Describe, rows or none. */
  #described(shape: Shape): Fate {
    const conversation = this.#conversation;
    const { expected } = conversation;
    const front = expected.front;
    if (front === null) return this.#violation('a description that nobody asked for');
    if (front.kind === 'describe_statement') {
      const { statement } = front;
      if (statement !== null) {
        statement.shape = shape;
        statement.shapeNames = conversation.masks.names;
      }
    } else if (front.kind === 'describe_portal') {
      const { portal } = front;
      if (portal !== null) {
        // A client may ask about a portal that is another one to the target: rows are never judged by that answer.
        if (conversation.heldPortals.get(portal.name) !== portal) return this.#misnamed();
        portal.describe(shape, conversation.masks.names);
        portal.source = rowSourceOf(conversation, portal.prepared.statement, portal).statement;
      }
    } else return this.#violation('a description that nobody asked for');
    expected.settle();
    return front.own ? 'swallow' : 'pass';
  }

  #commandComplete(bytes: Uint8Array, body: number, end: number): Fate {
    const run = this.run;
    if (run !== null) run.entry.rows += Math.max(0, commandRows(bytes, body, end));
    return this.#statementEnded('complete');
  }

  /** One statement is done: that of an Execute, or one of a simple query. */
  #statementEnded(how: string): Fate {
    const conversation = this.#conversation;
    const front = conversation.expected.front;
    if (front === null || !returnsRows(front)) {
      return this.#violation('the end of a statement that nobody asked for');
    }
    this.rows.copyOut = false;
    conversation.copyIn = false;
    const { run } = front;
    front.answered = run === null || run.index + 1 >= run.statements.length;
    if (front.own) return 'swallow';
    if (run !== null) {
      const statement = run.current;
      if (statement !== null) applyEffects(conversation, statement, run);
      conversation.moved(run);
      if (front.kind === 'query') {
        run.index++;
        run.planned = false;
        run.shape = null;
      } else conversation.finish(run, how);
    }
    if (front.kind === 'execute') conversation.expected.settle();
    return 'pass';
  }

  #errorResponse(bytes: Uint8Array, body: number, end: number): Fate {
    const conversation = this.#conversation;
    const front = conversation.expected.front;
    const fields = readDiagnostic(bytes, body, end);
    if (fields instanceof WireFault) return this.#violation(fields.detail);
    this.rows.copyOut = false;
    conversation.copyIn = false;
    const sqlstate = fields.find((field) => field.type === 'C')?.value ?? 'XX000';
    // Anything but the syntax error that was provoked (a shutdown, a timeout) is the target's own to say.
    const refusal = sqlstate === refusedSqlstate ? (front?.refusal ?? null) : null;
    const own = front?.own === true && front.kind === 'query';
    const answered = answeredBy(front);
    if (front !== null) front.answered = true;
    conversation.takeBackSettings();
    if (front !== null && front.run !== null) conversation.failed(front.run);
    conversation.inBlock = false;
    if (front?.run?.ended === false) {
      front.run.entry.sqlstate = sqlstate;
      conversation.finish(front.run, 'error');
    }
    if (front !== null && front.kind !== 'query') {
      conversation.expected.skipToSync((entry) => {
        if (entry.run !== null) conversation.finish(entry.run, 'skipped');
      });
    }
    if (refusal !== null) return refusal.response;
    if (own) return this.#own.onError();
    if (!conversation.masks.active) return 'pass';
    return conversation.masks.scrub(Backend.ErrorResponse, fields, answered);
  }

  /** What became of a message that can come at any time. */
  #relayed(outcome: Relayed): Fate {
    return outcome instanceof WireFault ? this.#violation(outcome.detail) : outcome;
  }

  #readyForQuery(bytes: Uint8Array, body: number, end: number): Fate {
    const conversation = this.#conversation;
    const status = readReadyForQuery(bytes, body, end);
    if (status instanceof WireFault) return this.#violation(status.detail);
    const front = conversation.expected.front;
    if (front === null || (front.kind !== 'sync' && front.kind !== 'query')) {
      return this.#violation('ReadyForQuery that nobody asked for');
    }
    if (front.kind === 'query' && !front.answered) return this.#violation('ReadyForQuery before the answer to a query');
    conversation.expected.settle();
    conversation.transaction = status;
    conversation.inBlock = status === TransactionStatus.inTransaction;
    this.rows.copyOut = false;
    if (front.run !== null) conversation.finish(front.run, 'complete');
    if (status === TransactionStatus.idle) conversation.endTransaction();
    conversation.masks.meanings.onReady();
    conversation.masks.encoding.onReady(conversation.expected.length === 0);
    if (conversation.masks.meanings.discarded) conversation.masks.meanings.settle(conversation.fresh);
    if (conversation.expected.length === 0) conversation.endChange();
    if (front.own) {
      this.#own.onReady();
      return 'swallow';
    }
    this.onReady();
    return 'pass';
  }

  #copyInResponse(): Fate {
    const conversation = this.#conversation;
    const { front } = conversation.expected;
    const copies = front !== null && returnsRows(front) && front.run?.current?.session.kind === 'copy_from';
    if (!copies) return this.#violation('CopyInResponse that nobody asked for');
    if (!conversation.expected.beginCopy()) {
      conversation.fail(clientFault('a command during COPY'));
      return 'swallow';
    }
    conversation.copyIn = conversation.copyEnds < front.copyEnds + front.copies;
    return 'pass';
  }

  #copyOutResponse(bytes: Uint8Array, body: number, end: number): Fate {
    const conversation = this.#conversation;
    const response = readCopyResponse(bytes, body, end);
    if (response instanceof WireFault) return this.#violation(response.detail);
    const { front } = conversation.expected;
    const run = front !== null && returnsRows(front) ? front.run : null;
    if (run === null) return this.#violation('CopyOutResponse that nobody asked for');
    const planned = conversation.masks.active ? conversation.masks.planCopy(run, response) : null;
    if (planned === 'refresh') {
      this.rows.refresh();
      return 'wait';
    }
    if (planned !== null && 'code' in planned) {
      conversation.fail(planned);
      return 'swallow';
    }
    run.usePlan(planned, conversation.masks.version);
    this.rows.copyOut = true;
    return 'pass';
  }
}
