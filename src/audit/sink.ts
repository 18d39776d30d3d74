/**
 * What the gate needs of an audit log, whatever keeps it.
 *
 * The promise is *evidence before effect*: a statement goes to its target only after `onDurable` said so. Each statement
 * has two records, joined by its id: `statement` before it runs, `result` when it has ended or was refused. Values of
 * parameters are never recorded.
 */
import type { Fault } from '../errors.ts';
import type { DecisionFragment, StatementFragment } from './fragments.ts';

/** Who, from where, to what. */
export interface SessionFacts {
  readonly user: string;
  readonly groups: readonly string[];
  readonly connection: string;
  readonly protocol: string;
  /** Address and port of the client. */
  readonly clientAddress: string;
}

/** A client that was turned away before it had a session. What it called itself is not proven; null: it never said. */
export interface RefusedLogin {
  readonly user: string | null;
  readonly connection: string | null;
  readonly protocol: string;
  readonly clientAddress: string;
  /** A code of `errors.ts`, or another short constant. */
  readonly reason: string;
}

/** A session known to the sink, with what is the same in each of its records. */
export interface AuditSession {
  readonly id: string;
  readonly fragment: Buffer;
}

/** Callers may fill the same object again for each statement: it is read before `end` returns. */
export interface ResultFacts {
  rows: number;
  /** Bytes of rows sent to the client. */
  bytes: number;
  /** Values changed by masks. */
  masked: number;
  durationUs: number;
  /** Five characters, or null where the statement succeeded. */
  sqlstate: string | null;
  /**
   * How it ended, a short constant: `complete`, `error`, `refused`, `lost`, ... The sink itself writes `not_run` where a
   * record may stand in the log of a statement that was not forwarded, since its record came late or is in doubt.
   */
  ended: string;
}

/** `fault` null: the record is durable, the statement may run. Else it must not run and must not be ended. */
export type OnDurable = (fault: Fault | null, id: number) => void;

/** `fault` null: there may be room, try again. Else refuse. */
export type OnRoom = (fault: Fault | null) => void;

export interface AuditSink {
  /** Why records cannot be written now, or null. For readiness and for refusing early. */
  readonly fault: Fault | null;

  /** null: no room; refuse the client with BG_AUDIT_UNAVAILABLE. */
  openSession(facts: SessionFacts): AuditSession | null;
  /** Ends a session once. `reason`: a short constant such as `client` or an error code. */
  closeSession(session: AuditSession, reason: string): void;
  loginRefused(refused: RefusedLogin): void;

  /**
   * Records a statement, also one that policy refuses. Returns its id, or 0 for no room: then stop reading from this client and ask
   * {@link whenRoom}. `onDurable` comes exactly once, on a later turn, in the order of the calls. Every id for which it
   * brought no fault must be ended once.
   */
  begin(session: AuditSession, statement: StatementFragment, decision: DecisionFragment, onDurable: OnDurable): number;
  /** Records how a statement ended. Never refused: its room was set aside by `begin`. */
  end(id: number, result: ResultFacts): void;
  whenRoom(onRoom: OnRoom): void;
  /** Continues in a new file, for instance after SIGHUP. */
  reopen(): void;
  /** Writes what is left and makes it durable. The fault says that something could not be. */
  close(): Promise<Fault | null>;
}
