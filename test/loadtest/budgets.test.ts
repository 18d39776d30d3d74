import assert from 'node:assert/strict';
import { test } from 'node:test';
import { join } from 'node:path';
import { judge, metricNames, parseBudgets, readBudgets, sentence } from '../../loadtest/budgets.ts';

test('the budgets of the repository name every metric', async () => {
  const budgets = await readBudgets(join(import.meta.dirname, '..', '..', 'loadtest', 'budgets.yaml'));
  assert.deepEqual(
    budgets.map(({ metric }) => metric),
    [...metricNames],
  );
  assert.ok(budgets.every(({ aim }) => aim !== null));
});

test('min and max are inclusive; the aim is told apart', () => {
  const budgets = parseBudgets(
    'oltp.gate_over_pgbouncer: { min: 0.75, aim: 1 }\nlatency.added_p50_us: { max: 250, aim: 120 }',
  );
  const states = (oltp: number, added: number): unknown[] =>
    judge(budgets, { 'oltp.gate_over_pgbouncer': oltp, 'latency.added_p50_us': added }).map(({ state, reachesAim }) => [
      state,
      reachesAim,
    ]);
  assert.deepEqual(states(0.75, 250), [
    ['met', false],
    ['met', false],
  ]);
  assert.deepEqual(states(0.749, 251), [
    ['exceeded', false],
    ['exceeded', false],
  ]);
  assert.deepEqual(states(1, -5), [
    ['met', true],
    ['met', true],
  ]);
});

test('what was not measured is neither met nor exceeded', () => {
  const budgets = parseBudgets(
    'bulk.mask_over_haproxy: { min: 0.95 }\nmemory.idle_mb: { max: 130 }\nstart.ms: { max: 1 }',
  );
  const verdicts = judge(budgets, { 'bulk.mask_over_haproxy': null, 'memory.idle_mb': Number.NaN });
  assert.deepEqual(
    verdicts.map(({ state }) => state),
    ['not measured', 'not measured', 'not measured'],
  );
  assert.equal(sentence(verdicts[0]), 'bulk.mask_over_haproxy: not measured (budget: at least 0.95)');
});

test('an exceeded budget is named with its value', () => {
  const [verdict] = judge(parseBudgets('start.ms: { max: 700 }'), { 'start.ms': 812.4 });
  assert.equal(sentence(verdict), 'start.ms: 812, exceeded (budget: at most 700)');
});

test('misspelt metrics and missing limits are refused', () => {
  assert.throws(() => parseBudgets('oltp.gate: { min: 1 }'));
  assert.throws(() => parseBudgets('start.ms: { aim: 300 }'), /min or max/);
  assert.throws(() => parseBudgets('start.ms: { max: 1, min: 2 }'), /min or max/);
});
