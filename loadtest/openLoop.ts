/**
 * A fixed rate that does not slow down when the server does. Latency counts from the moment a request was *meant* to be
 * sent: a closed loop, or a clock started at the real send, would leave out just those requests that a stall delayed
 * ("coordinated omission").
 */
import { build } from 'hdr-histogram-js';
import type { Histogram } from 'hdr-histogram-js';

/** Latencies in µs. `curve` holds [percentile, µs] pairs for the plot. */
export interface Latencies {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly curve: readonly (readonly [number, number])[];
}

const latencyUsMax = 600_000_000;
const curvePercentiles = [
  1, 5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 97, 98, 99, 99.3, 99.5, 99.7, 99.8, 99.9,
];

/** What to send when. Pure: the caller has the clock. Times in ms, rate per second. */
export class OpenLoop {
  readonly #startMs: number;
  readonly #intervalMs: number;
  readonly #total: number;
  readonly #histogram: Histogram;
  #taken = 0;
  #completed = 0;

  constructor(startMs: number, ratePerSecond: number, total: number) {
    this.#startMs = startMs;
    this.#intervalMs = 1000 / ratePerSecond;
    this.#total = total;
    this.#histogram = newHistogram();
  }

  get done(): boolean {
    return this.#completed === this.#total;
  }

  /** When request `index` is meant to be sent. */
  intendedMs(index: number): number {
    return this.#startMs + index * this.#intervalMs;
  }

  /** The next request if its time has come, else -1. */
  take(nowMs: number): number {
    if (this.#taken === this.#total || this.intendedMs(this.#taken) > nowMs) return -1;
    return this.#taken++;
  }

  /** The answer to request `index` is complete. */
  complete(index: number, nowMs: number): void {
    this.#completed++;
    record(this.#histogram, nowMs - this.intendedMs(index));
  }

  latencies(): Latencies {
    return summarize(this.#histogram);
  }
}

/** Counts microseconds with three digits; {@link record} fills it. */
export function newHistogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: latencyUsMax,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 64,
  });
}

export function record(histogram: Histogram, latencyMs: number): void {
  histogram.recordValue(Math.min(latencyUsMax, Math.max(0, Math.round(latencyMs * 1000))));
}

export function summarize(histogram: Histogram): Latencies {
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile);
  return {
    count: histogram.totalCount,
    p50: at(50),
    p99: at(99),
    p999: at(99.9),
    max: histogram.maxValue,
    curve: curvePercentiles.map((percentile) => [percentile, at(percentile)] as const),
  };
}
