/**
 * A thread that sleeps until each request is due and then wakes the driver. Timers of the event loop are whole
 * milliseconds, too coarse for 2,000 requests a second, and spinning would take a processor from what is measured.
 */
import { parentPort, workerData } from 'node:worker_threads';

export interface PacerPlan {
  /** On the clock of `nowMs`. */
  readonly startMs: number;
  readonly ratePerSecond: number;
  readonly total: number;
}

/** A clock that all threads of a process share, in ms. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

if (parentPort !== null) {
  const { startMs, ratePerSecond, total } = workerData as PacerPlan;
  const bell = new Int32Array(new SharedArrayBuffer(4));
  for (let index = 0; index < total; index++) {
    const waitMs = startMs + (index * 1000) / ratePerSecond - nowMs();
    if (waitMs > 0) Atomics.wait(bell, 0, 0, waitMs);
    parentPort.postMessage(0);
  }
}
