/** Medians, ratios, tables and the plot from made-up measurements. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Measured, RouteName } from '../../loadtest/measure.ts';
import { interleave, median, medianRatio } from '../../loadtest/measure.ts';
import { newHistogram, record, summarize } from '../../loadtest/openLoop.ts';
import { transactionsPerSecond } from '../../loadtest/pgbench.ts';
import { htmlReport, latencySvg } from '../../loadtest/plot.ts';
import { drawTable, jsonOf, tablesOf } from '../../loadtest/report.ts';
import { metricsOf } from '../../loadtest/results.ts';
import type { Results } from '../../loadtest/results.ts';

const latencies = (ms: number): ReturnType<typeof summarize> => {
  const histogram = newHistogram();
  for (let at = 1; at <= 1000; at++) record(histogram, ms * (at > 985 ? 4 : 1));
  return summarize(histogram);
};

const measured = (route: RouteName, round: number, seconds: number, cpuSeconds: number | null): Measured => ({
  route,
  round,
  seconds,
  bytes: route === 'gate' ? 0.5e9 : 1e9,
  rows: 1000,
  cpuSeconds,
  latencies: latencies(route === 'gate' ? 0.3 : 0.2),
});

const rounds: readonly Measured[] = [2, 1, 9].flatMap((seconds, at) => [
  measured('direct', at, seconds, null),
  measured('gate', at, seconds * 2, 2),
  measured('pgbouncer', at, seconds, 1.5),
]);

const nothing: Results = {
  startsMs: null,
  idle: null,
  oltp: null,
  latency: null,
  bulk: null,
  value: null,
  tenGb: null,
};

const results: Results = {
  startsMs: [900, 300, 280],
  idle: { beforeMb: 90, withMb: 140, others: { pgbouncer: 12 } },
  oltp: rounds,
  latency: rounds,
  bulk: { measured: rounds, gatePeakMb: 210 },
  value: null,
  tenGb: null,
};

test('what lacks its other half is null', () => {
  const metrics = metricsOf(results);
  assert.equal(metrics['oltp.gate_over_pgbouncer'], 0.5);
  assert.equal(metrics['bulk.cpu_over_pgbouncer'], 2 / 1.5, 'both per byte of the target, not of the masked result');
  assert.equal(metrics['bulk.mask_over_haproxy'], null);
  assert.equal(metrics['latency.added_p50_us'], 100);
  assert.equal(metrics['latency.added_p99_us'], 400);
  assert.equal(metrics['memory.value_peak_mb'], null);
  assert.equal(metrics['start.ms'], 300);
});

test('a ratio compares what stands side by side in a round', () => {
  const tps = ({ rows, seconds }: Measured): number => rows / seconds;
  const slowing = [1, 2, 40].flatMap((seconds, at) => [
    measured('pgbouncer', at, seconds, 1),
    measured('gate', at, seconds * [2, 4, 5][at], 1),
  ]);
  assert.equal(medianRatio(slowing, 'gate', 'pgbouncer', tps), 0.25);
  assert.equal(medianRatio(slowing, 'gate', 'haproxy', tps), null);
  assert.equal(medianRatio(slowing.slice(1), 'gate', 'pgbouncer', tps), (1 / 4 + 1 / 5) / 2);
});

test('JSON nests the metrics by their dots', () => {
  const json = JSON.parse(JSON.stringify(jsonOf(results, [], [], {}))) as Record<string, Record<string, unknown>>;
  assert.equal(json['oltp']['gate_over_pgbouncer'], 0.5);
  assert.equal(json['memory']['idle_1000_mb'], 140);
  assert.equal(json['bulk']['mask_over_haproxy'], null);
});

test('tables hold the routes that ran', () => {
  const text = tablesOf(results, 2000).map(drawTable).join('\n');
  assert.match(text, /^ {2}pgbouncer +500$/m);
  assert.doesNotMatch(text, /haproxy/);
  assert.match(text, /^Latency at 2,000\/s from/m);
  const own = { ...nothing, latency: rounds };
  assert.match(drawTable(tablesOf(own, 200)[0]), /^Latency at 200\/s from the intended send time, µs\n/);
  assert.deepEqual(tablesOf({ ...nothing, latency: [] }, 200), [], 'no table without a row');
  assert.equal(
    drawTable({
      title: 'T',
      header: ['', 'n'],
      rows: [
        ['a', '1'],
        ['bcd', '22'],
      ],
    }),
    'T\n         n\n  a      1\n  bcd   22',
  );
});

test('the plot has a line and a label for each route and escapes what it shows', () => {
  const curves = [
    { name: 'direct', latencies: latencies(0.2) },
    { name: 'a<b', latencies: latencies(0.3) },
  ];
  const svg = latencySvg(curves);
  assert.equal(svg.match(/<polyline/g)?.length, 2);
  assert.match(svg, /a&lt;b/);
  assert.doesNotMatch(svg, /NaN|Infinity/);
  assert.match(htmlReport('T', ['<note>'], tablesOf(results, 2000), curves), /&lt;note&gt;/);
});

test('a route that fails is left out of the rounds that follow, and of the result', async () => {
  const order: string[] = [];
  const faults: string[] = [];
  const endpoint = { host: 'h', port: 1, user: 'u', password: '', database: 'd' };
  const routes = (['direct', 'gate', 'haproxy'] as const).map((name) => ({ name, endpoint, pid: null }));
  const reporter = { progress: () => {}, fault: (text: string) => faults.push(text) };
  const all = await interleave(routes, { count: 2, warmUp: false }, reporter, async ({ name }) => {
    order.push(name);
    if (name === 'gate') throw new Error('refused');
    return { seconds: 1, bytes: 1, rows: 1, latencies: null };
  });
  assert.deepEqual(order, ['direct', 'gate', 'haproxy', 'haproxy', 'direct']);
  assert.deepEqual(faults, ['gate: refused']);
  assert.deepEqual(
    all.map(({ route }) => route),
    ['direct', 'haproxy', 'haproxy', 'direct'],
  );
});

test('the warm-up runs over every route and does not count', async () => {
  const endpoint = { host: 'h', port: 1, user: 'u', password: '', database: 'd' };
  const routes = (['direct', 'gate'] as const).map((name) => ({ name, endpoint, pid: null }));
  let runs = 0;
  const reporter = { progress: () => {}, fault: assert.fail };
  const all = await interleave(routes, { count: 1, warmUp: true }, reporter, async () => ({
    seconds: 1,
    bytes: 1,
    rows: ++runs,
    latencies: null,
  }));
  assert.deepEqual(
    all.map(({ route, round, rows }) => [route, round, rows]),
    [
      ['direct', 1, 3],
      ['gate', 1, 4],
    ],
  );
});

test('median, medianRatio', () => {
  assert.equal(median([]), null);
  assert.equal(median([3, 1]), 2);
  assert.equal(median([5, 1, 3]), 3);
});

test('what pgbench prints: the seconds after the ramp, each weighed by how long it was', () => {
  const summary = 'number of failed transactions: 0 (0.000%)\ntps = 123.5 (without initial)\n';
  const line = (at: string, tps: string): string => `progress: ${at} s, ${tps} tps, lat 0.4 ms stddev 0.1, 0 failed\n`;
  const progress = line('1.0', '10.0') + line('2.0', '100.0') + line('3.5', '200.0');
  assert.equal(transactionsPerSecond(summary, progress, 1), (100 + 1.5 * 200) / 2.5);
  assert.equal(transactionsPerSecond(summary, progress, 0), (10 + 100 + 1.5 * 200) / 3.5);
  assert.throws(() => transactionsPerSecond(summary, line('1.0', '10.0'), 1), /pgbench failed/);
  assert.throws(() => transactionsPerSecond(summary.replace(': 0', ': 2'), progress, 1), /pgbench failed/);
  assert.throws(() => transactionsPerSecond('', 'connection refused', 1), /connection refused/);
});
