/**
 * When a client has gone quiet, or has stopped reading. Sockets count bytes anyway; this compares the counts now and then,
 * so that no message pays for a timer.
 */

/** What a socket has done so far. */
export interface Traffic {
  readonly receivedBytes: number;
  /** Written and taken by the operating system. */
  readonly takenBytes: number;
  /** Written and not taken yet. */
  readonly queuedBytes: number;
}

export interface PaceLimits {
  /** null: a session may be idle for ever. */
  readonly idleMs: number | null;
  readonly slowClientMs: number;
}

export type Pace = 'moving' | 'idle' | 'slow';

/** One client's pace. Both times begin anew with every byte that moves. */
export class PaceKeeper {
  #receivedBytes = 0;
  #takenBytes = 0;
  #movedAtMs: number;
  #readAtMs: number;

  constructor(nowMs: number) {
    this.#movedAtMs = nowMs;
    this.#readAtMs = nowMs;
  }

  /** `busy`: a statement is under way, whose client may wait for it as long as it takes. */
  judge(traffic: Traffic, busy: boolean, limits: PaceLimits, nowMs: number): Pace {
    const { receivedBytes, takenBytes, queuedBytes } = traffic;
    if (takenBytes !== this.#takenBytes || queuedBytes === 0) this.#readAtMs = nowMs;
    if (busy || takenBytes !== this.#takenBytes || receivedBytes !== this.#receivedBytes) this.#movedAtMs = nowMs;
    this.#takenBytes = takenBytes;
    this.#receivedBytes = receivedBytes;
    if (nowMs - this.#readAtMs >= limits.slowClientMs) return 'slow';
    return limits.idleMs !== null && nowMs - this.#movedAtMs >= limits.idleMs ? 'idle' : 'moving';
  }
}
