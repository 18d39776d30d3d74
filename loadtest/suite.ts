/** Sets everything up, runs the scenarios one after the other, and survives the failure of one. */
import type { Cleanup } from './cleanup.ts';
import type { Endpoint } from './client.ts';
import { startDriver } from './driverProcess.ts';
import { startLoadGate } from './gateProcess.ts';
import type { LoadGate } from './gateProcess.ts';
import type { Route } from './measure.ts';
import { findProgram, installHints, startProxy } from './proxies.ts';
import type { ProxyName } from './proxies.ts';
import type { Results } from './results.ts';
import { loadPeople, startTarget } from './sampleData.ts';
import { bulk, full, idle, latency, oltp, quick, scenarioNames, tenGigabytes, value } from './scenarios.ts';
import type { Bench, Effort, ScenarioName } from './scenarios.ts';
import { verifyMasks } from './verify.ts';

export interface SuiteOptions {
  readonly quick: boolean;
  /** Empty: all that belong to the effort. */
  readonly only: readonly ScenarioName[];
  /** PATH, and what else the gate's process needs. */
  readonly env: Readonly<Record<string, string>>;
  readonly cleanup: Cleanup;
  say(text: string): void;
}

export interface SuiteOutcome {
  readonly results: Results;
  /** Scenarios that failed; each is a sentence. */
  readonly faults: readonly string[];
  /** What was not there to compare with, and how to get it. */
  readonly missing: readonly string[];
}

export async function runSuite(options: SuiteOptions): Promise<SuiteOutcome> {
  const { cleanup, say, env } = options;
  const effort = options.quick ? quick : full;
  const wanted =
    options.only.length > 0 ? options.only : scenarioNames.filter((name) => name !== 'ten_gb' || effort.tenGb);
  const driver = startDriver();
  await cleanup.add(driver.stop);
  say('starting PostgreSQL');
  const server = await startTarget();
  await cleanup.add(() => server.stop());
  say(`loading ${effort.rows} rows`);
  const target = await loadPeople(server, effort.rows);
  const { gate, startsMs } = await startGates(target, effort, options);
  await verifyMasks(target, gate.masked, gate.detect);
  const { routes, missing } = await openRoutes(target, gate, options);
  const detectRoute: Route = { name: 'gate, detectors', endpoint: gate.detect, pid: gate.pid };
  const pgbench = await findProgram('pgbench', env['PATH'] ?? '');
  if (pgbench === null) say('pgbench is not installed: point queries come from the own client');
  const bench: Omit<Bench, 'reporter'> = { driver, effort, routes, detectRoute, gate, pgbench };
  const faults: string[] = [];
  const attempt = async <T>(name: ScenarioName, run: (bench: Bench) => Promise<T>): Promise<T | null> => {
    if (!wanted.includes(name)) return null;
    const fault = (text: string): void => {
      faults.push(`${name} failed: ${text}`);
      say(faults[faults.length - 1]);
    };
    try {
      return await run({ ...bench, reporter: { progress: (text) => say(`${name}: ${text}`), fault } });
    } catch (error) {
      fault(error instanceof Error ? error.message : String(error));
      return null;
    }
  };
  // Memory at rest comes first: nothing else has touched the process then but the check of its masks.
  const results: Results = {
    startsMs: wanted.includes('start') ? startsMs : null,
    idle: await attempt('idle', idle),
    oltp: await attempt('oltp', oltp),
    latency: await attempt('latency', latency),
    bulk: await attempt('bulk', bulk),
    value: await attempt('value', value),
    tenGb: await attempt('ten_gb', tenGigabytes),
  };
  return { results, faults, missing };
}

/** The last gate that was started stays. The first start, which fills the compile cache, does not count. */
async function startGates(
  target: Endpoint,
  effort: Effort,
  { cleanup, say, env }: SuiteOptions,
): Promise<{ gate: LoadGate; startsMs: readonly number[] }> {
  const startsMs: number[] = [];
  for (let start = 0; ; start++) {
    const gate = await startLoadGate({ target, env });
    await cleanup.add(gate.stop);
    if (start > 0) startsMs.push(gate.startMs);
    say(`the gate answers ${gate.startMs.toFixed(0)} ms after its start`);
    if (start === effort.starts) return { gate, startsMs };
    await gate.stop();
  }
}

async function openRoutes(
  target: Endpoint,
  gate: LoadGate,
  { cleanup, say, env }: SuiteOptions,
): Promise<{ routes: readonly Route[]; missing: readonly string[] }> {
  const routes: Route[] = [
    { name: 'direct', endpoint: target, pid: null },
    { name: 'gate', endpoint: gate.masked, pid: gate.pid },
  ];
  const missing: string[] = [];
  for (const name of ['pgbouncer', 'haproxy'] satisfies ProxyName[]) {
    const program = await findProgram(name, env['PATH'] ?? '');
    if (program === null) {
      missing.push(
        `${name} is not installed, so what compares with it is not measured. To have it: ${installHints[name]}`,
      );
      say(missing[missing.length - 1]);
      continue;
    }
    const proxy = await startProxy(name, program, target);
    await cleanup.add(proxy.stop);
    const database = name === 'pgbouncer' ? 'load' : target.database;
    routes.push({ name, endpoint: { ...target, port: proxy.port, database }, pid: proxy.pid });
  }
  return { routes, missing };
}
