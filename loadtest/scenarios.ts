/** The scenarios, each over every route that is there. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Driver } from './driverProcess.ts';
import type { LoadGate } from './gateProcess.ts';
import { interleave } from './measure.ts';
import type { Measured, Reporter, Route } from './measure.ts';
import { runPgbench } from './pgbench.ts';
import { memoryOf, resetPeak } from './processStats.ts';
import { bulkSql, pointSql, valueBytes, valueSql } from './sampleData.ts';

export const scenarioNames = ['start', 'idle', 'oltp', 'latency', 'bulk', 'value', 'ten_gb'] as const;
export type ScenarioName = (typeof scenarioNames)[number];

/** How much of everything. */
export interface Effort {
  readonly rows: number;
  readonly starts: number;
  readonly oltp: { readonly rounds: number; readonly seconds: number };
  readonly latency: { readonly rounds: number; readonly seconds: number };
  readonly bulk: { readonly rounds: number; readonly times: number };
  readonly tenGb: boolean;
}

export const quick: Effort = {
  rows: 500_000,
  starts: 3,
  oltp: { rounds: 6, seconds: 2 },
  latency: { rounds: 3, seconds: 3 },
  bulk: { rounds: 5, times: 1 },
  tenGb: false,
};

export const full: Effort = {
  rows: 500_000,
  starts: 7,
  oltp: { rounds: 7, seconds: 10 },
  latency: { rounds: 7, seconds: 15 },
  bulk: { rounds: 9, times: 2 },
  tenGb: true,
};

export interface Bench {
  readonly driver: Driver;
  readonly effort: Effort;
  /** Without the one with detectors, which only `bulk` and `value` use. */
  readonly routes: readonly Route[];
  readonly detectRoute: Route;
  readonly gate: LoadGate;
  /** Path of pgbench; null: the driver's own closed loop. */
  readonly pgbench: string | null;
  readonly reporter: Reporter;
}

const pointClients = 16;
/** Of each run over each route, not counted: fresh backends fill their caches and page tables then. */
const rampSeconds = 1;
/** Requests a second of the latency scenario. */
export const ratePerSecond = 2000;
const idleConnections = 1000;
/** Time for garbage and buffers of what went before to be given back. */
const settleMs = 1500;

/** Point queries as fast as the answers come. */
export function oltp({ driver, effort, routes, pgbench, reporter }: Bench): Promise<readonly Measured[]> {
  const load = { sql: pointSql, keys: effort.rows, clients: pointClients, seconds: effort.oltp.seconds, rampSeconds };
  return interleave(routes, { count: effort.oltp.rounds, warmUp: true }, reporter, ({ endpoint }) =>
    pgbench === null
      ? driver.run({ kind: 'closed', endpoint, ...load })
      : runPgbench({ program: pgbench, endpoint, ...load }),
  );
}

/** Point queries at a fixed rate, whether or not the one before is answered. */
export function latency({ driver, effort, routes, reporter }: Bench): Promise<readonly Measured[]> {
  const { rounds, seconds } = effort.latency;
  const load = { sql: pointSql, keys: effort.rows, clients: pointClients, seconds, ratePerSecond };
  return interleave(routes, { count: rounds, warmUp: false }, reporter, ({ endpoint }) =>
    driver.run({ kind: 'open', endpoint, ...load }),
  );
}

export interface BulkResult {
  readonly measured: readonly Measured[];
  readonly gatePeakMb: number;
}

/** A large result, read to its end. A route that loses rows has failed. */
export async function bulk(bench: Bench): Promise<BulkResult> {
  const { driver, effort, routes, detectRoute, gate, reporter } = bench;
  resetPeak(gate.pid);
  const { rounds, times } = effort.bulk;
  const all = [...routes, detectRoute];
  const measured = await interleave(all, { count: rounds, warmUp: false }, reporter, async ({ endpoint }) => {
    const outcome = await driver.run({ kind: 'drain', endpoint, sql: bulkSql, times });
    const expected = effort.rows * times;
    if (outcome.rows !== expected) throw new Error(`${outcome.rows} of ${expected} rows arrived`);
    return outcome;
  });
  return { measured, gatePeakMb: memoryOf(gate.pid).peakMb };
}

export interface IdleResult {
  /** Of the gate: before any client, and with 1,000 that do nothing. */
  readonly beforeMb: number;
  readonly withMb: number;
  /** The same of the others, for comparison. */
  readonly others: Readonly<Record<string, number>>;
}

/** Clients that have logged in and do nothing. */
export async function idle({ driver, routes, gate, reporter }: Bench): Promise<IdleResult> {
  await sleep(settleMs);
  const beforeMb = memoryOf(gate.pid).rssMb;
  const found = new Map<string, number>();
  for (const route of routes) {
    if (route.pid === null) continue;
    reporter.progress(`${idleConnections} idle connections: ${route.name}`);
    await driver.run({ kind: 'hold', endpoint: route.endpoint, connections: idleConnections });
    await sleep(settleMs);
    found.set(route.name, memoryOf(route.pid).rssMb);
    await driver.run({ kind: 'release' });
    await sleep(settleMs);
  }
  const withMb = found.get('gate') ?? Number.NaN;
  found.delete('gate');
  return { beforeMb, withMb, others: Object.fromEntries(found) };
}

export interface ValueResult {
  readonly measured: readonly Measured[];
  readonly gatePeakMb: number;
}

/** A single value of 500 MB, which no buffer holds. A route that loses bytes has failed. */
export async function value({ driver, routes, detectRoute, gate, reporter }: Bench): Promise<ValueResult> {
  resetPeak(gate.pid);
  const measured = await interleave(
    [...routes, detectRoute],
    { count: 1, warmUp: false },
    reporter,
    async ({ endpoint }) => {
      const outcome = await driver.run({ kind: 'drain', endpoint, sql: valueSql, times: 1 });
      if (outcome.bytes < valueBytes) throw new Error(`${outcome.bytes} of ${valueBytes} bytes arrived`);
      return outcome;
    },
  );
  return { measured, gatePeakMb: memoryOf(gate.pid).peakMb };
}

export interface TenGbResult {
  readonly bytes: number;
  readonly seconds: number;
  /** Resident memory of the gate after each result. */
  readonly rssMb: readonly number[];
  /** Most in the last quarter over most in the first. */
  readonly growthMb: number;
}

const tenGb = 10e9;

/** 10 GB of masked rows through one gate, to see whether its memory grows. */
export async function tenGigabytes({ driver, gate, reporter }: Bench): Promise<TenGbResult> {
  const rssMb: number[] = [];
  let [bytes, seconds] = [0, 0];
  while (bytes < tenGb) {
    const outcome = await driver.run({ kind: 'drain', endpoint: gate.masked, sql: bulkSql, times: 5 });
    bytes += outcome.bytes;
    seconds += outcome.seconds;
    rssMb.push(memoryOf(gate.pid).rssMb);
    reporter.progress(`${(bytes / 1e9).toFixed(1)} of 10 GB, gate ${rssMb[rssMb.length - 1].toFixed(0)} MB`);
  }
  const quarter = Math.ceil(rssMb.length / 4);
  const growthMb = Math.max(...rssMb.slice(-quarter)) - Math.max(...rssMb.slice(0, quarter));
  return { bytes, seconds, rssMb, growthMb };
}
