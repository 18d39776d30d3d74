/**
 * What the gate counts. Plain number fields: the hot path does `counters.rows += n` and nothing else; `registry.ts`
 * reads them when somebody asks for /metrics. Counters only grow; fields called `...Open` go up and down.
 */

const bucketCount = 24;

/** A histogram of durations with bounds at powers of two, from 1 µs to 8.4 s. */
export class Latency {
  /** Observations up to 2 ** index µs and above the bound before; the last holds all that are longer. */
  readonly buckets = new Float64Array(bucketCount + 1);
  sumUs = 0;
  count = 0;

  /** Adds one duration in microseconds. */
  observe(us: number): void {
    const whole = Math.min(Math.ceil(us), 0x7fffffff);
    this.buckets[whole <= 1 ? 0 : Math.min(32 - Math.clz32(whole - 1), bucketCount)]++;
    this.sumUs += us;
    this.count++;
  }

  /** Upper bounds of all buckets but the last, in seconds. */
  static readonly boundsSeconds: readonly number[] = Array.from(
    { length: bucketCount },
    (_, index) => 2 ** index / 1e6,
  );
}

/** Of every so many durations one is measured: where reading the clock each time would cost more than it tells. */
export const sampledEvery = 16;

/** A histogram of a sample. Its buckets are shares and quantiles, not counts of all that happened. */
class SampledLatency extends Latency {
  #passed = 0;

  /** The time to give to {@link end}, or -1 where this one is not measured. The first is. */
  begin(): number {
    return this.#passed++ % sampledEvery === 0 ? performance.now() : -1;
  }

  /** What began has not come about: the next is measured in its place. */
  drop(startedMs: number): void {
    if (startedMs >= 0) this.#passed = 0;
  }

  /** Counts what began at `startedMs`. */
  end(startedMs: number): void {
    if (startedMs >= 0) this.observe((performance.now() - startedMs) * 1000);
  }
}

/** Counts of one configured connection. */
export class ConnectionCounters {
  readonly protocol: string;
  readonly connection: string;
  sessionsOpen = 0;
  sessions = 0;
  statementsAllowed = 0;
  statementsBlocked = 0;
  statementsNeedingApproval = 0;
  /** Refused before a decision: not parsable, too large, audit not writable, a feature that is not passed. */
  statementsRefused = 0;
  /** Allowed, and then failed at the target. */
  statementsFailed = 0;
  /** A policy in `observe` mode would have decided more strictly. */
  statementsObserved = 0;
  rows = 0;
  maskedValues = 0;
  bytesFromClient = 0;
  bytesToClient = 0;
  bytesFromTarget = 0;
  bytesToTarget = 0;
  dialFailures = 0;
  /** Whether the last login of the gate there worked: 1 or 0; null: none was tried yet. */
  targetUp: 0 | 1 | null = null;
  cancelRequests = 0;

  constructor(protocol: string, connection: string) {
    this.protocol = protocol;
    this.connection = connection;
  }
}

/** Counts of the whole gate. */
export class GateCounters {
  /** Client sockets, authenticated or not. */
  socketsOpen = 0;
  sockets = 0;
  unauthenticatedOpen = 0;
  /** Closed because of a limit on sockets or sessions. */
  socketsRefused = 0;
  authenticationFailures = 0;
  authenticationTimeouts = 0;
  idleTimeouts = 0;
  slowClients = 0;
  unknownConnections = 0;
  protocolViolations = 0;
  internalErrors = 0;
  policyVersion = 0;
  policyReloads = 0;
  policyReloadsRefused = 0;
  /** Ranges masked on the main thread. */
  rangesInline = 0;
  /** Ranges masked by a lane. */
  rangesInLane = 0;
  auditFailures = 0;
  /** Analysis and decision of one command message. */
  readonly decide = new SampledLatency();
  /** Masking of one range on the main thread. */
  readonly maskInline = new SampledLatency();
  /** From handing a range to a lane to having it back. */
  readonly maskInLane = new SampledLatency();
  /** One write of the audit log, with the flush where `durability: disk`. */
  readonly auditFlush = new Latency();
}
