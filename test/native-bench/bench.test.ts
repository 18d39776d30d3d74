import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { benchNames, loadBench, measureBench } from '../../native-bench/measure.ts';
import { reportOf, tableOf } from '../../native-bench/report.ts';
import type { BenchModule } from '../../native-bench/task.ts';

const main = join(import.meta.dirname, '..', '..', 'native-bench', 'main.ts');

function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [main, ...args], (_, out, err) => {
      resolve({ code: child.exitCode ?? -1, out, err });
    });
  });
}

const expected = [
  'corpus',
  'decide',
  'detectors',
  'framing',
  'hop',
  'lineage',
  'masks',
  'parse',
  'pointQuery',
  'rowWalk',
];

test('every bench is found', async () => {
  assert.deepEqual(await benchNames(), expected);
});

for (const name of expected) {
  test(`${name}: every task runs`, async () => {
    const bench = await loadBench(name);
    assert.equal(bench.name, name);
    try {
      const seen = new Set<string>();
      for (const task of await bench.tasks()) {
        assert.ok(!seen.has(task.name), `${task.name} stands twice`);
        seen.add(task.name);
        if (task.base !== undefined) assert.ok(seen.has(task.base), `${task.name} is compared with one before it`);
        if (task.bytes !== undefined) assert.ok(task.bytes > 0);
        await task.fn();
      }
      assert.ok(seen.size > 1);
    } finally {
      await bench.close?.();
    }
  });
}

const effort = { warmupMs: 1, measureMs: 5 };

test('times are of one call, and compared with the base', async () => {
  const until = (ns: number): void => {
    const end = process.hrtime.bigint() + BigInt(ns);
    while (process.hrtime.bigint() < end);
  };
  let closed = 0;
  const bench: BenchModule = {
    name: 'made up',
    tasks: async () => [
      { name: 'slow', bytes: 400_000, fn: () => until(200_000) },
      { name: 'same speed, half the bytes', bytes: 200_000, fn: () => until(100_000) },
      { name: 'no bytes', fn: () => until(100_000) },
      { name: 'short', fn: () => until(1000) },
      { name: 'later', base: 'no bytes', fn: () => new Promise((resolve) => setImmediate(resolve)) },
    ],
    close: async () => void closed++,
  };
  const [slow, half, without, short, later] = await measureBench(bench, effort);
  assert.equal(closed, 1);
  // The machine may be busy: a call is never faster than it says, and rarely very much slower.
  assert.ok(slow.nsPerOp >= 200_000 && slow.nsPerOpP99 >= slow.nsPerOp);
  assert.deepEqual([slow.base, slow.speed, slow.callsPerSample], ['slow', 1, 1]);
  assert.equal(slow.mbPerSecond, (400_000 * 1e3) / slow.nsPerOp);
  assert.equal(half.speed, (half.mbPerSecond ?? 0) / (slow.mbPerSecond ?? 0));
  assert.equal(without.mbPerSecond, null);
  assert.equal(without.speed, slow.nsPerOp / without.nsPerOp);
  assert.ok(short.callsPerSample > 1 && short.nsPerOp >= 1000 && short.nsPerOp < 100_000);
  assert.deepEqual([later.base, later.callsPerSample], ['no bytes', 1]);
});

test('a task that fails is no measurement, and what was started is ended', async () => {
  let closed = 0;
  const failing = (fn: () => void | Promise<void>): BenchModule => ({
    name: 'failing',
    tasks: async () => [{ name: 'x', fn }],
    close: async () => void closed++,
  });
  let calls = 0;
  const late = (): void => {
    if (++calls > 40) throw new Error('at last');
  };
  await assert.rejects(measureBench(failing(late), effort), /at last/);
  await assert.rejects(
    measureBench(
      failing(() => Promise.reject(new Error('no'))),
      effort,
    ),
    /no/,
  );
  assert.equal(closed, 2);
});

test('a table has one line a task, numbers to the right', () => {
  const fast = { name: 'fast', opsPerSecond: 2e8, nsPerOp: 5, nsPerOpP99: 7.25, mbPerSecond: null };
  const rest = { samples: 9, callsPerSample: 1 };
  const slow = { name: 'slow', opsPerSecond: 1234.5, nsPerOp: 810_045, nsPerOpP99: 1e6, mbPerSecond: 12.34 };
  const tasks = [
    { ...fast, ...rest, base: 'fast', speed: 1 },
    { ...slow, ...rest, base: 'fast', speed: 0.0123 },
  ];
  assert.deepEqual(tableOf({ name: 'bench', tasks }), [
    'bench         ops/s    ns/op        p99  MB/s    speed',
    '  fast  200,000,000     5.00       7.25           base',
    '  slow        1,235  810,045  1,000,000  12.3  0.0123x',
  ]);
  assert.equal(reportOf([{ name: 'bench', tasks }], true).benches[0].tasks, tasks);
});

test('the command: a table for people, JSON for machines', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'blastgate-bench-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'bench.json');
  const { code, out, err } = await run('--quick', '--json', file, 'framing');
  assert.equal(code, 0, err);
  const report = JSON.parse(readFileSync(file, 'utf8')) as ReturnType<typeof reportOf>;
  assert.deepEqual(Object.keys(report), ['version', 'quick', 'machine', 'benches']);
  assert.deepEqual([report.version, report.quick], [1, true]);
  assert.deepEqual(Object.keys(report.machine), ['node', 'platform', 'cpu', 'cores']);
  assert.equal(report.machine.node, process.version);
  assert.deepEqual(
    report.benches.map(({ name }) => name),
    ['framing'],
  );
  const keys = 'name opsPerSecond nsPerOp nsPerOpP99 mbPerSecond samples callsPerSample base speed'.split(' ');
  for (const task of report.benches[0].tasks) {
    assert.deepEqual(Object.keys(task).toSorted(), keys.toSorted());
    assert.ok(out.includes(task.name), task.name);
    const { name, base, mbPerSecond, ...numbers } = task;
    assert.ok(mbPerSecond !== null && mbPerSecond > 0, `${name} against ${base}`);
    for (const [key, value] of Object.entries(numbers)) assert.ok(value > 0 && Number.isFinite(value), key);
  }
});

test('the command: what cannot be done is said before anything is measured', async () => {
  const unknown = await run('--quick', 'frames');
  assert.equal(unknown.code, 2);
  assert.match(unknown.err, /no bench named frames/);
  assert.equal((await run('--fast')).code, 2);
  const help = await run('--help');
  assert.equal(help.code, 0);
  assert.match(help.out, /--json FILE/);
  const unwritable = await run('--quick', '--json', join(tmpdir(), 'nowhere', 'x', 'bench.json'), 'framing');
  assert.equal(unwritable.code, 2);
  assert.match(unwritable.err, /^ENOENT: [^\n]*\n$/);
  assert.equal(unwritable.out, '');
});
