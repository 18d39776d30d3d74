/**
 * `run loadtest`: proves the latency and throughput budgets end to end, on the machine at hand or against a gate that
 * already runs. An entry: it reads arguments and environment, and it sets the exit code.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, platform, release } from 'node:os';
import { dirname, join } from 'node:path';
import { startEnvironment } from '../src/demo/gateCommand.ts';
import { judge, readBudgets, sentence } from './budgets.ts';
import type { Verdict } from './budgets.ts';
import { Cleanup } from './cleanup.ts';
import { startDriver } from './driverProcess.ts';
import { medianLatencies } from './measure.ts';
import type { Measured } from './measure.ts';
import { help, readOptions } from './options.ts';
import type { Options } from './options.ts';
import { measureOwnTarget, ownMetrics } from './ownTarget.ts';
import { htmlReport } from './plot.ts';
import { budgetTable, drawTable, jsonOf, tablesOf } from './report.ts';
import { metricsOf, routeNames } from './results.ts';
import type { Results } from './results.ts';
import { ratePerSecond } from './scenarios.ts';
import { runSuite } from './suite.ts';

const began = performance.now();

function say(text: string): void {
  process.stderr.write(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${text}\n`);
}

async function loadtest(options: Options, cleanup: Cleanup): Promise<number> {
  const budgets = await readBudgets(options.budgets ?? join(import.meta.dirname, 'budgets.yaml'));
  if (options.own !== null) {
    const faults: string[] = [];
    const driver = startDriver();
    await cleanup.add(driver.stop);
    const latency = await measureOwnTarget(options.own, driver, { progress: say, fault: (text) => faults.push(text) });
    const verdicts = judge(
      budgets.filter(({ metric }) => metric.startsWith('latency.')),
      ownMetrics(latency),
    );
    return publish(options, { ...nothing, latency }, verdicts, faults, []);
  }
  const env = startEnvironment(process.env);
  const { results, faults, missing } = await runSuite({ quick: options.quick, only: options.only, env, cleanup, say });
  return publish(options, results, judge(budgets, metricsOf(results)), faults, missing);
}

const nothing: Results = {
  startsMs: null,
  idle: null,
  oltp: null,
  latency: null,
  bulk: null,
  value: null,
  tenGb: null,
};

/** Tables to stdout, files where asked for; the exit code. */
async function publish(
  options: Options,
  results: Results,
  verdicts: readonly Verdict[],
  faults: readonly string[],
  notes: readonly string[],
): Promise<number> {
  const found = tablesOf(results, options.own?.ratePerSecond ?? ratePerSecond);
  // Where all failed there is nothing to hold to budgets, and the cause is what matters.
  const failed = found.length === 0 && faults.length > 0;
  const tables = failed ? [] : [...found, budgetTable(verdicts)];
  process.stdout.write('\n');
  for (const fault of faults) process.stdout.write(`failed: ${fault}\n`);
  process.stdout.write(`${faults.length > 0 ? '\n' : ''}${tables.map((table) => `${drawTable(table)}\n\n`).join('')}`);
  const machine = `${cpus().length} processors (${cpus()[0]?.model.trim() ?? 'unknown'}), ${platform()} ${release()}, Node ${process.version}`;
  const environment = { machine, quick: options.quick, seconds: (performance.now() - began) / 1000, notes };
  if (options.json !== null) {
    await write(options.json, `${JSON.stringify(jsonOf(results, verdicts, faults, environment), null, 2)}\n`);
  }
  const html = options.html ?? join(import.meta.dirname, '..', 'data', 'loadtest', 'report.html');
  await write(
    html,
    htmlReport('blastgate load test', [machine, ...notes, ...faults], tables, curvesOf(results.latency ?? [])),
  );
  process.stdout.write(`Tables and latency plot: ${html}\n`);
  for (const line of notes) process.stdout.write(`${line}\n`);
  for (const verdict of verdicts)
    if (verdict.state !== 'met' && !failed) process.stdout.write(`${sentence(verdict)}\n`);
  const exceeded = verdicts.filter(({ state }) => state === 'exceeded').length;
  const unmeasured = verdicts.filter(({ state }) => state === 'not measured').length;
  const counts = `${verdicts.length - exceeded - unmeasured} budgets met, ${exceeded} exceeded, ${unmeasured} not measured`;
  process.stdout.write(`${counts}${faults.length > 0 ? `, ${faults.length} failed` : ''}\n`);
  return exceeded > 0 || faults.length > 0 ? 1 : 0;
}

function curvesOf(latency: readonly Measured[]): { name: string; latencies: NonNullable<Measured['latencies']> }[] {
  return routeNames.flatMap((name) => {
    const latencies = medianLatencies(latency, name);
    return latencies === null ? [] : [{ name, latencies }];
  });
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options === 'help') {
    process.stdout.write(help);
    return;
  }
  if ('wrong' in options) {
    process.stderr.write(`loadtest: ${options.wrong} (--help tells more)\n`);
    process.exitCode = 2;
    return;
  }
  const cleanup = new Cleanup();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      // A second signal ends this process at once; the guards stop what was started even then.
      say('stopping');
      void cleanup.run().finally(() => process.exit(130));
    });
  }
  try {
    process.exitCode = await loadtest(options, cleanup);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  } finally {
    await cleanup.run();
  }
}

await main();
