/**
 * The contract between the gateway and a protocol.
 *
 * The gateway owns sockets, threads and files; a protocol owns bytes. A protocol sees the two sides of a session as
 * {@link Wire}s, tells the gateway what it needs through {@link Services}, and never opens anything itself. A new
 * protocol is one folder that exports a {@link Protocol} and one line in `index.ts`.
 */
import type { Fault, ErrorCode } from '../errors.ts';
import type { ConnectionInfo, Identity, MaskedUse, MaskRules, MaskSpec, Permit } from '../facts.ts';
import type { Decision, Statement } from '../facts.ts';
import type { KernelResult, MaskPlan, RowStream, TextEncoding } from '../masking/plan.ts';

/** One side of a session: a byte stream with back pressure, plain or TLS. */
export interface Wire {
  /** `address:port` of the peer, for the audit record. */
  readonly peer: string;
  readonly encrypted: boolean;
  /** Whether this side of the gate has a certificate, so that {@link startTls} may be called. */
  readonly canTls: boolean;
  /** DER of the certificate that this side of the gate presented, for channel binding; null without TLS. */
  readonly certificate: Uint8Array | null;
  /** DER of the certificate that the peer presented; null without TLS. */
  readonly peerCertificate: Uint8Array | null;
  /** Bytes written and not yet taken by the operating system. */
  readonly queuedBytes: number;
  readonly closed: boolean;
  /** A call into the reader, or a callback of a write, has thrown: a bug, whose session is to be ended by whoever sets this. */
  onBug: (error: unknown) => void;
  /** From now on reads go to `reader`; bytes already read come first. */
  setReader(reader: WireReader): void;
  /**
   * Writes without copying: `bytes` must stay unchanged until `done` is called (also on failure, exactly once).
   */
  write(bytes: Uint8Array, done: (() => void) | null): void;
  pause(): void;
  resume(): void;
  /**
   * Goes on as TLS server. `unread`: bytes that were read already and belong to the TLS handshake. Resolves to false if
   * the handshake failed; the wire is closed then.
   */
  startTls(unread: Uint8Array | null): Promise<boolean>;
  /** Destroys the wire in `ms` milliseconds, unless this is called again before; null: never. A dialled wire has such a limit. */
  expireIn(ms: number | null): void;
  /** Writes what is queued, then closes. */
  end(): void;
  destroy(): void;
}

export interface WireReader {
  /** Where the next bytes shall land. Called before every read; must return at least one byte of space. */
  buffer(): Uint8Array;
  /** `count` bytes stand at the start of `bytes`, which is what `buffer` gave or, right after a change of readers, another. */
  onRead(bytes: Uint8Array, count: number): void;
  /** A write was taken by the operating system, so there may be room for more. Called often: must be cheap. */
  onDrain(): void;
  /** The peer is gone; nothing is read any more. Called once. */
  onClose(): void;
}

/** What a gate knows of a configured target, for a protocol to log in there. */
export interface Target {
  readonly info: ConnectionInfo;
  readonly database: string;
  /** Role that the gate logs in with. */
  readonly user: string;
  /** '' where the target asks for none. */
  password(): Promise<string | Fault>;
}

/** How a protocol wraps TLS: PostgreSQL and MySQL ask first, others start with it. */
export type TlsPreamble = 'none' | 'postgres';

/** Verifier of a user's password (SCRAM-SHA-256, RFC 5803), and who that is. */
export interface KnownUser {
  readonly identity: Identity;
  readonly verifier: string;
}

/** The policy of one identity on one connection, with everything precomputed. */
export interface SessionPolicy {
  readonly version: number;
  readonly masks: MaskRules;
  decide(statements: readonly Statement[]): Decision;
  /** The answer to what one run does with masked columns; null: nothing to answer. */
  judge(use: MaskedUse): Decision | null;
  /** The stricter of two answers on one statement. */
  both(decided: Decision, judged: Decision | null): Decision;
}

/** The constant part of a statement's audit record; built once per cached statement. */
export interface AuditedStatement {
  readonly text: string;
  readonly fingerprint: string;
  readonly kind: string;
}

/** One statement's record between its write-ahead line and its result line. */
export interface AuditEntry {
  rows: number;
  bytes: number;
  masked: number;
  /** Five characters, or null without an error. */
  sqlstate: string | null;
}

export interface SessionAudit {
  /**
   * Appends the write-ahead line. The caller must not let the target act before `whenDurable` has called back.
   * `statements` of one batch make one record.
   */
  begin(statement: AuditedStatement, decision: Decision, maskRules: readonly string[]): AuditEntry;
  /** Appends the result line. `how`: complete, error, blocked, suspended, cancelled, lost. */
  end(entry: AuditEntry, how: string): void;
  /** Calls back once everything appended so far is durable, or with the fault that stops it. */
  whenDurable(callback: (fault: Fault | null) => void): void;
  close(reason: string): void;
}

/** Memory that a session holds for a while: a slot of the shared slab, or private memory when the slab is exhausted. */
export interface Lease {
  readonly bytes: Uint8Array;
  /** Usable offsets are [start, end); [base, start) is headroom. */
  readonly base: number;
  readonly start: number;
  readonly end: number;
  /** Lanes can see it. */
  readonly shared: boolean;
  release(): void;
}

/** Where result ranges are masked: on the spot or in a lane. */
export interface Masker {
  /** Usable bytes of a slot. A longer row is masked as it passes, with equal lengths. */
  readonly slotBytes: number;
  /** A slot, or private memory of the same size when the slab is exhausted (then bounded by the number of sessions). */
  acquire(): Lease;
  /** Whether a range of this length should go to a lane, as things are now. */
  wantsLane(plan: MaskPlan, length: number): boolean;
  /** Masks bytes[start, end) on the spot. `first`: the range begins the result. The result is valid until the next call. */
  mask(
    plan: MaskPlan,
    bytes: Uint8Array,
    start: number,
    end: number,
    outputStart: number,
    first: boolean,
  ): KernelResult;
  /**
   * Gives a range of the slab to a lane. False: no lane takes it now. `done` comes exactly once, on a later turn; null: the
   * lane died, and the range must not be sent.
   */
  submit(
    plan: MaskPlan,
    start: number,
    end: number,
    outputStart: number,
    done: (result: KernelResult | null) => void,
  ): boolean;
  openRowStream(plan: MaskPlan): RowStream;
  /** Masks what detectors find in short texts outside results. */
  textMasker(rules: MaskRules, encoding: TextEncoding): TextMasker;
}

export interface TextMasker {
  /** A masked copy of bytes[start, end); null if nothing was found. */
  mask(bytes: Uint8Array, start: number, end: number): Uint8Array | null;
}

/** Counts of one connection. Plain fields, read when metrics are scraped: never a metrics call per message. */
export interface SessionCounters {
  statementsAllowed: number;
  statementsBlocked: number;
  statementsNeedingApproval: number;
  statementsRefused: number;
  statementsFailed: number;
  statementsObserved: number;
  rows: number;
  maskedValues: number;
  bytesFromClient: number;
  bytesToClient: number;
  bytesFromTarget: number;
  bytesToTarget: number;
  cancelRequests: number;
}

/** Measures some of many durations; a protocol has no clock of its own. */
export interface SampledTime {
  /** For {@link end}. */
  begin(): number;
  end(started: number): void;
}

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface Limits {
  readonly messageBytesMax: number;
  readonly statementBytesMax: number;
  /** Longer statement texts are analysed in a thread, if there is {@link Services.heavy}. */
  readonly statementInlineBytes: number;
  /** Time for that, waiting included. */
  readonly analysisMs: number;
  readonly authenticationMs: number;
  /** All that a client may send before it has logged in. */
  readonly startupBytesMax: number;
  /** How often a target is asked whether its schema has changed past the gate; 0: never. */
  readonly catalogProbeMs: number;
}

/** The outcome of a task in a thread. Foreign bytes were at work there, so `value` proves nothing of its shape. */
export type HeavyResult =
  | { readonly kind: 'done'; readonly value: unknown }
  | { readonly kind: 'timeout' }
  /** Too many tasks wait already. */
  | { readonly kind: 'busy' }
  /** The task threw, or its thread died. For the log. */
  | { readonly kind: 'failed'; readonly detail: string };

/** Runs a task of the protocol's own in a thread. Payload and result are copied. Never rejects. */
export type RunHeavy = (task: string, payload: unknown, timeoutMs: number) => Promise<HeavyResult>;

/** Everything a session may ask of the gateway. */
export interface Services {
  readonly limits: Limits;
  readonly log: Log;
  readonly masker: Masker;
  /** null: everything runs on the main thread. */
  readonly heavy: RunHeavy | null;
  readonly hashKey: Uint8Array;
  /** The stronger of two masks. */
  readonly strongerMask: (a: MaskSpec, b: MaskSpec) => MaskSpec;
  readonly tlsRequired: boolean;
  findUser(name: string): KnownUser | null;
  findTarget(name: string): Target | null;
  /** Changes with every accepted policy reload; a session compares before it trusts an older decision. */
  readonly policyVersion: number;
  /** Opens a connection to a target; TLS as configured, after the protocol's own preamble. */
  dial(target: Target, preamble: TlsPreamble): Promise<Wire | Fault>;
  /** A login of the gate at a target has worked (null), or the target, or a secret, was in its way. */
  onTargetLogin(connection: string, fault: Fault | null): void;
  /** Where a command message spends its time until it is decided. */
  readonly decideTime: SampledTime;
  policyFor(identity: Identity, connection: ConnectionInfo): SessionPolicy;
  /** `identity` null: a login that was refused; user and connection are then what the client claimed. */
  openAudit(user: string, identity: Identity | null, connection: string, client: Wire): SessionAudit;
  countersFor(connection: string): SessionCounters;
  /** For statements of the gate's own making: catalog reads, and what stands in for a refused statement. */
  readonly gatePermit: Permit;
  /** The catalog of a connection was read (again). `columns`: schema, table and column of each as last read; dear to make. */
  catalogRead(connection: string, columns: () => readonly (readonly string[])[]): void;
  /** Calls `task` every `ms` milliseconds until the returned function is called, or the gate stops. Keeps no process alive. */
  every(ms: number, task: () => void): () => void;
  /** Resolves when everybody else has had a turn: for work that is long in all, done piece by piece. */
  nextTurn(): Promise<void>;
  /** Random bytes from the operating system. */
  random(count: number): Uint8Array;
}

/** A running session, as the gateway sees it when it drains or stops. */
export interface Session {
  /** Something is under way that the client may wait for: a login, or a statement. A transaction at rest is not. */
  readonly busy: boolean;
  /** Finish what is under way, then say goodbye and close; at once if idle. */
  drain(): void;
  /** Close now, with a native error where the stream allows one. */
  abort(code: ErrorCode): void;
  /** Something threw in a call into the session, which is a bug: log where, and close now whatever state it is in. */
  crash(error: unknown): void;
}

/** What a session tells the gateway about itself. */
export interface SessionEvents {
  /** The client has proven who it is. False: too many sessions of this user; the protocol says so and closes. */
  onAuthenticated(identity: Identity, connection: ConnectionInfo): boolean;
  /** Both sides are closed. Called once, always. `reason`: a code of `errors.ts`, or another short constant. */
  onEnd(reason: string): void;
}

export interface ProtocolStatistics {
  /** Texts of statements whose analysis was known, and those that were analysed. */
  readonly cacheHits: number;
  readonly cacheMisses: number;
}

export interface Protocol {
  readonly name: string;
  /** Loads what the protocol needs before the first session (parsers, tables). */
  prepare(): Promise<void>;
  /** Takes over a freshly accepted client. */
  accept(client: Wire, services: Services, events: SessionEvents): Session;
  /** Resolves when what ended sessions had to call off at their targets is called off. Never rejects. */
  settled(): Promise<void>;
  statistics(): ProtocolStatistics;
}
