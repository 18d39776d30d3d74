/** Runs one kind of load over every route in turn, several rounds, and takes medians. */
import type { Endpoint } from './client.ts';
import type { Outcome } from './driver.ts';
import type { Latencies } from './openLoop.ts';
import { cpuSeconds } from './processStats.ts';

export type RouteName = 'direct' | 'gate' | 'gate, detectors' | 'pgbouncer' | 'haproxy';

/** A way to the database; `pid` is the process between, null where there is none that can be measured. */
export interface Route {
  readonly name: RouteName;
  readonly endpoint: Endpoint;
  readonly pid: number | null;
}

export interface Measured {
  readonly route: RouteName;
  readonly round: number;
  readonly seconds: number;
  readonly bytes: number;
  readonly rows: number;
  /** Of the process between; null for direct. */
  readonly cpuSeconds: number | null;
  readonly latencies: Latencies | null;
}

export interface Reporter {
  progress(text: string): void;
  /** A route failed; the other routes go on without it. */
  fault(text: string): void;
}

export interface Rounds {
  readonly count: number;
  /**
   * One more round in front that does not count, for every route alike: a gate runs for months, and its first seconds,
   * in which its code is being compiled, say nothing about them.
   */
  readonly warmUp: boolean;
}

/**
 * `run` for each route, then again the other way round, and so on: what else the machine does meanwhile falls on all of them
 * alike, and so does what a route leaves behind for the next.
 */
export async function interleave(
  routes: readonly Route[],
  { count, warmUp }: Rounds,
  reporter: Reporter,
  run: (route: Route) => Promise<Outcome>,
): Promise<readonly Measured[]> {
  const measured: Measured[] = [];
  const failed = new Set<RouteName>();
  for (let round = warmUp ? 0 : 1; round <= count; round++) {
    const order = round % 2 === 1 ? routes : routes.toReversed();
    for (const route of order.filter(({ name }) => !failed.has(name))) {
      reporter.progress(`${round === 0 ? 'warm-up' : `round ${round} of ${count}`}: ${route.name}`);
      try {
        const one = await measureOnce(route, round, run);
        if (round > 0) measured.push(one);
      } catch (error) {
        failed.add(route.name);
        reporter.fault(`${route.name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  // Half a measurement of a route that then broke would look like a whole one.
  return measured.filter(({ route }) => !failed.has(route));
}

async function measureOnce(route: Route, round: number, run: (route: Route) => Promise<Outcome>): Promise<Measured> {
  const before = route.pid === null ? 0 : cpuSeconds(route.pid);
  const { seconds, bytes, rows, latencies } = await run(route);
  const cpu = route.pid === null ? null : cpuSeconds(route.pid) - before;
  return { route: route.name, round, seconds, bytes, rows, cpuSeconds: cpu, latencies };
}

/** null: of nothing. */
export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Median of `value` over the rounds of one route; null where the route was not measured. */
export function medianOf(
  measured: readonly Measured[],
  route: RouteName,
  value: (one: Measured) => number | null,
): number | null {
  const values = measured.filter((one) => one.route === route).map(value);
  return median(values.filter((one) => one !== null));
}

/**
 * Median over the rounds of `above` by `below`, which stand side by side in each: a machine that slows down for a minute then
 * slows both. null where one of the routes was not measured.
 */
export function medianRatio(
  measured: readonly Measured[],
  above: RouteName,
  below: RouteName,
  value: (one: Measured) => number | null,
): number | null {
  const ratios = measured.flatMap((one) => {
    const other = one.route === above ? measured.find(isPeer(one.round, below)) : undefined;
    const [a, b] = [value(one), other === undefined ? null : value(other)];
    return a === null || b === null || b === 0 ? [] : [a / b];
  });
  return median(ratios);
}

function isPeer(round: number, route: RouteName): (one: Measured) => boolean {
  return (one) => one.round === round && one.route === route;
}

export function difference(above: number | null, below: number | null): number | null {
  return above === null || below === null ? null : above - below;
}

/** Latencies of a route: the median over the rounds at each percentile. */
export function medianLatencies(measured: readonly Measured[], route: RouteName): Latencies | null {
  const all = measured.flatMap((one) => (one.route === route && one.latencies !== null ? [one.latencies] : []));
  if (all.length === 0) return null;
  const at = (value: (one: Latencies) => number): number => median(all.map(value)) ?? 0;
  return {
    count: all.reduce((sum, one) => sum + one.count, 0),
    p50: at((one) => one.p50),
    p99: at((one) => one.p99),
    p999: at((one) => one.p999),
    max: at((one) => one.max),
    curve: all[0].curve.map(([percentile], index) => [percentile, at((one) => one.curve[index][1])] as const),
  };
}
