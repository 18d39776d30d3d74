/** The gate of whoever runs this: one statement at a fixed rate, with the database behind it to compare with. */
import type { Metrics } from './budgets.ts';
import type { Driver } from './driverProcess.ts';
import { difference, interleave, medianLatencies } from './measure.ts';
import type { Measured, Reporter, Route } from './measure.ts';
import type { OwnTarget } from './options.ts';

export async function measureOwnTarget(
  { target, direct, query, ...load }: OwnTarget,
  driver: Driver,
  reporter: Reporter,
): Promise<readonly Measured[]> {
  const gate: Route = { name: 'gate', endpoint: target, pid: null };
  const routes: readonly Route[] = direct === null ? [gate] : [{ name: 'direct', endpoint: direct, pid: null }, gate];
  return interleave(routes, { count: load.rounds, warmUp: false }, reporter, ({ endpoint }) =>
    driver.run({ kind: 'open', endpoint, sql: query, keys: 0, ...load }),
  );
}

/** What can be said of a foreign gate: the latency that it adds, where there is something to compare with. */
export function ownMetrics(measured: readonly Measured[]): Metrics {
  const [gate, direct] = [medianLatencies(measured, 'gate'), medianLatencies(measured, 'direct')];
  return {
    'latency.added_p50_us': difference(gate?.p50 ?? null, direct?.p50 ?? null),
    'latency.added_p99_us': difference(gate?.p99 ?? null, direct?.p99 ?? null),
  };
}
