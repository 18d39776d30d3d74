import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

import * as fc from 'fast-check';

import { Latency } from '../../src/telemetry/counters.ts';
import { latencyDefinitions, numberDefinitions } from '../../src/telemetry/definitions.ts';
import { openMetrics } from '../../src/telemetry/metrics.ts';
import { metricsReference } from '../../src/telemetry/reference.ts';

describe('metrics', () => {
  test('are read from the counters at each scrape', async () => {
    const metrics = openMetrics([{ name: 'shop', protocol: 'postgres' }]);
    const shop = metrics.connection('shop');
    shop.sessionsOpen = 3;
    shop.statementsBlocked = 2;
    shop.bytesToClient = 5e9;
    metrics.gate.policyVersion = 7;
    const first = await metrics.render();
    for (const line of [
      '# TYPE blastgate_sessions_open gauge',
      'blastgate_sessions_open{protocol="postgres",connection="shop"} 3',
      'blastgate_statements_total{protocol="postgres",connection="shop",outcome="block"} 2',
      'blastgate_statements_total{protocol="postgres",connection="shop",outcome="allow"} 0',
      'blastgate_bytes_total{protocol="postgres",connection="shop",direction="to_client"} 5000000000',
      'blastgate_policy_version 7',
    ])
      assert.ok(first.split('\n').includes(line), line);
    shop.sessionsOpen = 1;
    shop.statementsBlocked++;
    const second = await metrics.render();
    assert.match(second, /^blastgate_sessions_open\{[^}]*\} 1$/m);
    assert.match(second, /^blastgate_statements_total\{[^}]*outcome="block"\} 3$/m);
  });

  test('of the slab and the lanes are 0 until these are open', async () => {
    const metrics = openMetrics([]);
    assert.match(await metrics.render(), /^blastgate_slab_slots 0$/m);
    metrics.sources.slab = () => ({ slots: 192, used: 4, peak: 9, exhausted: 0 });
    metrics.sources.lanes = () => ({ ready: 1, inFlight: 2, submitted: 3, refused: 4, deaths: 5 });
    const text = await metrics.render();
    assert.match(text, /^blastgate_slab_slots_in_use 4$/m);
    assert.match(text, /^blastgate_lane_deaths_total 5$/m);
  });

  test('histograms are cumulative, in seconds, and end with the count', async () => {
    const metrics = openMetrics([]);
    for (const us of [0.4, 1, 3, 1000, 1e9]) metrics.gate.maskInline.observe(us);
    const lines = (await metrics.render()).split('\n').filter((line) => line.includes('where="inline",le='));
    const counts = lines.map((line) => Number(line.split(' ')[1]));
    assert.ok(lines.includes('blastgate_mask_seconds_bucket{where="inline",le="0.000001"} 2'));
    assert.ok(lines.includes('blastgate_mask_seconds_bucket{where="inline",le="0.000004"} 3'));
    assert.ok(lines.includes('blastgate_mask_seconds_bucket{where="inline",le="0.001024"} 4'));
    assert.ok(lines.includes('blastgate_mask_seconds_bucket{where="inline",le="+Inf"} 5'));
    assert.deepEqual(
      counts,
      counts.toSorted((a, b) => a - b),
    );
  });

  test('every line is in the text format, also with a hostile connection name', async () => {
    const metrics = openMetrics([{ name: 'a"b\\c}', protocol: 'postgres' }]);
    for (const line of (await metrics.render()).trimEnd().split('\n'))
      assert.match(line, /^(# (HELP|TYPE) \w+ .+|[a-z_]\w*(\{(\w+="(\\.|[^"\\])*",?)*\})? -?(Nan|[\d.e+-]+|\+Inf)|)$/);
  });

  test('unknown connections have no counters', () => {
    assert.throws(() => openMetrics([]).connection('x'));
  });

  test('names and labels follow the conventions of Prometheus', () => {
    for (const { name, type, labelNames } of [...numberDefinitions, ...latencyDefinitions]) {
      assert.match(name, /^blastgate_[a-z_]+$/);
      assert.equal(name.endsWith('_total'), type === 'counter', name);
      for (const label of labelNames) assert.match(label, /^[a-z_]+$/);
    }
  });

  test('docs/metrics.md is that of the code', () => {
    const { path, text } = metricsReference();
    const committed = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
    assert.equal(committed, text, `${path} is stale; regenerate it with ./run docs`);
  });
});

test('Latency puts every duration into the bucket whose bounds enclose it', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e12, noNaN: true }), (us) => {
      const latency = new Latency();
      latency.observe(us);
      const index = latency.buckets.indexOf(1);
      const upper = Latency.boundsSeconds[index] ?? Infinity;
      const lower = index === 0 ? -1 : Latency.boundsSeconds[index - 1];
      const bounds = [lower * 1e6, upper * 1e6].map((bound) => Math.round(bound));
      assert.ok(us > bounds[0] && us <= bounds[1], `${us} in ${bounds.join()}`);
    }),
  );
});
