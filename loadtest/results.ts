/** What the scenarios found, and the numbers that budgets are about. */
import type { Metrics } from './budgets.ts';
import { difference, medianLatencies, medianOf, medianRatio } from './measure.ts';
import type { Measured, RouteName } from './measure.ts';
import type { BulkResult, IdleResult, TenGbResult, ValueResult } from './scenarios.ts';

/** A scenario that did not run is null. */
export interface Results {
  readonly startsMs: readonly number[] | null;
  readonly idle: IdleResult | null;
  readonly oltp: readonly Measured[] | null;
  readonly latency: readonly Measured[] | null;
  readonly bulk: BulkResult | null;
  readonly value: ValueResult | null;
  readonly tenGb: TenGbResult | null;
}

export const routeNames: readonly RouteName[] = ['direct', 'gate', 'gate, detectors', 'pgbouncer', 'haproxy'];

/** Per second and route: rows of point queries are transactions. */
export function transactionsPerSecond(measured: readonly Measured[], route: RouteName): number | null {
  return medianOf(measured, route, ({ rows, seconds }) => rows / seconds);
}

/**
 * MB (10^6 bytes) of the target's result per second. Masks change how long a result is, so every route is counted by the
 * bytes that the target sends: what the direct route received.
 */
export function megabytesPerSecond(measured: readonly Measured[], route: RouteName): number | null {
  const bytes = targetBytes(measured);
  return bytes === null ? null : medianOf(measured, route, ({ seconds }) => bytes / 1e6 / seconds);
}

/** Processor seconds of the process between, per GB (10^9 bytes) of the target's result. */
export function cpuPerGb(measured: readonly Measured[], route: RouteName): number | null {
  const bytes = targetBytes(measured);
  if (bytes === null) return null;
  return medianOf(measured, route, ({ cpuSeconds }) => (cpuSeconds === null ? null : cpuSeconds / (bytes / 1e9)));
}

function targetBytes(measured: readonly Measured[]): number | null {
  return medianOf(measured, 'direct', ({ bytes }) => bytes);
}

/** What budgets are about; null: not measured. */
export function metricsOf({ startsMs, idle, oltp, latency, bulk, value }: Results): Metrics {
  // Every route of the bulk scenario carries the same result.
  const bulkRatio = (above: RouteName, below: RouteName, value: (one: Measured) => number | null): number | null =>
    medianRatio(bulk?.measured ?? [], above, below, value);
  const speed = ({ seconds }: Measured): number => 1 / seconds;
  const added = (of: 'p50' | 'p99'): number | null => {
    const [gate, direct] = (['gate', 'direct'] as const).map((route) => medianLatencies(latency ?? [], route));
    return difference(gate?.[of] ?? null, direct?.[of] ?? null);
  };
  const starts = startsMs?.toSorted((a, b) => a - b) ?? [];
  return {
    'oltp.gate_over_pgbouncer': medianRatio(oltp ?? [], 'gate', 'pgbouncer', ({ rows, seconds }) => rows / seconds),
    'bulk.mask_over_haproxy': bulkRatio('gate', 'haproxy', speed),
    'bulk.detect_over_haproxy': bulkRatio('gate, detectors', 'haproxy', speed),
    'bulk.cpu_over_pgbouncer': bulkRatio('gate', 'pgbouncer', ({ cpuSeconds }) => cpuSeconds),
    'latency.added_p50_us': added('p50'),
    'latency.added_p99_us': added('p99'),
    'memory.idle_mb': idle?.beforeMb ?? null,
    'memory.idle_1000_mb': idle?.withMb ?? null,
    'memory.bulk_peak_mb': bulk?.gatePeakMb ?? null,
    'memory.value_peak_mb': value?.gatePeakMb ?? null,
    'start.ms': starts[starts.length >> 1] ?? null,
  };
}
