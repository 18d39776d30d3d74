import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { noSlot, Slab } from '../../src/bytes/slab.ts';
import type { SlotIndex } from '../../src/bytes/slab.ts';
import { openLanes } from '../../src/lanes/lanes.ts';
import type { LaneEvent, LaneOptions, Lanes } from '../../src/lanes/lanes.ts';
import type { KernelResult, MaskPlan } from '../../src/masking/plan.ts';

const kernelModule = new URL('./fixtures/poisonKernel.ts', import.meta.url).href;

function plan(id: number): MaskPlan {
  return {
    id,
    rowFormat: 'data_row',
    copy: null,
    encoding: 'utf8',
    columns: [],
    detectors: [],
    customDetectors: [],
    hashKey: new Uint8Array(32),
  };
}

interface Bench {
  readonly slab: Slab;
  readonly lanes: Lanes;
  readonly events: LaneEvent[];
  /** Resolves with the first event of this kind from now on. */
  next(kind: LaneEvent['kind']): Promise<LaneEvent>;
}

function open(context: TestContext, options: Partial<LaneOptions> = {}): Bench {
  const slab = new Slab({ payloadBytes: 1024, headroomBytes: 64, slots: 64 });
  const events: LaneEvent[] = [];
  let waiting: { kind: string; resolve: (event: LaneEvent) => void }[] = [];
  const onEvent = (event: LaneEvent): void => {
    events.push(event);
    const ready = waiting.filter(({ kind }) => kind === event.kind);
    waiting = waiting.filter(({ kind }) => kind !== event.kind);
    for (const { resolve } of ready) resolve(event);
  };
  const lanes = openLanes({ lanes: 1, slab, kernelModule, onEvent, ...options });
  context.after(() => lanes.close());
  return { slab, lanes, events, next: (kind) => new Promise((resolve) => waiting.push({ kind, resolve })) };
}

function fill(slab: Slab, text: string): SlotIndex {
  const slot = slab.acquire();
  assert.notEqual(slot, noSlot);
  slab.view(slot as SlotIndex).write(text, 'latin1');
  return slot as SlotIndex;
}

interface Answer extends Omit<KernelResult, 'status'> {
  readonly status: KernelResult['status'] | 'failed';
  readonly start: number;
  readonly output: string;
}

/** Submits `text` as one range with 8 bytes of headroom; resolves with a copy of the answer and the output. */
function mask({ slab, lanes }: Bench, text: string, by = plan(1)): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const slot = fill(slab, text);
    const begin = slab.start(slot);
    const taken = lanes.submit(by, begin, begin + text.length, begin - 8, (result, start) => {
      const output = result === null ? '' : slab.range(result.outputStart, result.outputEnd).toString('latin1');
      slab.release(slot);
      const failed = { status: 'failed', inputEnd: 0, outputStart: 0, outputEnd: 0, rows: 0, masked: 0 } as const;
      resolve({ ...(result ?? failed), start, output });
    });
    if (!taken) reject(new Error('refused'));
  });
}

test('a lane masks in place into the headroom and answers with absolute offsets', async (context) => {
  const bench = open(context);
  await bench.lanes.start();
  const start = bench.slab.start(0 as SlotIndex);
  assert.deepEqual(await mask(bench, 'A secret 123', plan(42)), {
    status: 'done',
    start,
    inputEnd: start + 12,
    outputStart: start - 8,
    outputEnd: start + 4,
    rows: 42,
    masked: 6,
    output: 'A ****** 123',
  });
});

test('malformed and full are passed on as the kernel said', async (context) => {
  const bench = open(context);
  await bench.lanes.start();
  const malformed = await mask(bench, 'Mabc');
  assert.deepEqual([malformed.status, malformed.output], ['malformed', '']);
  const full = await mask(bench, 'Fabc');
  assert.deepEqual([full.status, full.output, full.inputEnd - full.start], ['full', 'F**', 3]);
});

test('a lane starts when it is asked for: until one is ready the answer is no', async (context) => {
  const bench = open(context, { lanes: 2, growBytes: 0 });
  const started = bench.next('started');
  await assert.rejects(mask(bench, 'abc'), /refused/);
  await started;
  assert.equal(bench.lanes.statistics().ready, 1);
  assert.equal((await mask(bench, 'abc')).output, '***');
});

test('more lanes start when the running ones have work waiting', async (context) => {
  const bench = open(context, { lanes: 2, growBytes: 0 });
  const first = bench.next('started');
  await assert.rejects(mask(bench, 'abc'), /refused/);
  await first;
  const second = bench.next('started');
  await Promise.all(['a', 'b', 'c', 'd'].map((text) => mask(bench, text)));
  await second;
  assert.equal(bench.lanes.statistics().ready, 2);
});

test('a full ring refuses, and takes ranges again once answers came', async (context) => {
  const bench = open(context, { ringCapacity: 2 });
  await bench.lanes.start();
  const taken = [mask(bench, 'one'), mask(bench, 'two')];
  await assert.rejects(mask(bench, 'three'), /refused/);
  assert.deepEqual(
    (await Promise.all(taken)).map(({ output }) => output),
    ['***', '***'],
  );
  assert.equal((await mask(bench, 'four')).output, '****');
  assert.equal(bench.lanes.statistics().refused, 1);
});

test('ranges are answered in order, thousands of them, with plans beyond the cache limit', async (context) => {
  const bench = open(context, { plansMax: 3 });
  await bench.lanes.start();
  for (let round = 0; round < 60; round++) {
    const ids = Array.from({ length: 40 }, (_, index) => 1 + ((round * 7 + index * index) % 9));
    const seen: number[] = [];
    await Promise.all(
      ids.map(async (id) => {
        const result = await mask(bench, `x${id}`, plan(id));
        assert.equal(result.status, 'done');
        seen.push(result.rows);
      }),
    );
    assert.deepEqual(seen, ids);
    bench.lanes.forget(plan(1 + (round % 9)));
  }
  assert.equal(bench.slab.used, 0);
});

test('a kernel that throws fails its range and no other', async (context) => {
  const bench = open(context);
  await bench.lanes.start();
  const [before, poisoned, after] = await Promise.all(['ok', '!', 'ok'].map((text) => mask(bench, text)));
  assert.deepEqual([before?.status, poisoned?.status, after?.status], ['done', 'failed', 'done']);
  assert.equal(poisoned?.outputEnd, 0);
  assert.equal(bench.lanes.statistics().deaths, 0);
});

test('a plan that does not compile fails its ranges and no other', async (context) => {
  const bench = open(context);
  await bench.lanes.start();
  const broken: MaskPlan = {
    ...plan(5),
    columns: [{ action: 'pass', mask: { kind: 'null' }, type: 'text', format: 0 }],
  };
  for (let attempt = 0; attempt < 2; attempt++) assert.equal((await mask(bench, 'abc', broken)).status, 'failed');
  assert.equal((await mask(bench, 'abc', plan(6))).status, 'done');
});

for (const [name, poison, options] of [
  ['exits', 'X', {}],
  ['runs out of heap', 'O', { heapMbMax: 16 }],
  ['never returns', 'L', { stallMs: 100 }],
] as const) {
  test(`a lane that ${name} fails what it held, and a new one takes over`, async (context) => {
    const bench = open(context, { restartMs: 1, ...options });
    await bench.lanes.start();
    const answers = await Promise.all(['good', poison, 'waits', 'too'].map((text) => mask(bench, text)));
    assert.deepEqual(
      answers.map(({ status }) => status),
      ['done', 'failed', 'failed', 'failed'],
    );
    const ended = bench.events.find((event) => event.kind === 'ended');
    assert.ok(ended?.kind === 'ended' && ended.cause !== null);
    assert.equal(ended.failedRanges, 3);
    await bench.lanes.start();
    assert.equal((await mask(bench, 'again')).output, '*****');
    assert.equal(bench.slab.used, 0);
    assert.deepEqual(bench.lanes.statistics(), { ready: 1, inFlight: 0, submitted: 5, refused: 0, deaths: 1 });
  });
}

test('the death of one lane leaves the ranges of another alone', async (context) => {
  const bench = open(context, { lanes: 2 });
  await bench.lanes.start();
  const big = 'x'.repeat(900);
  // The first long range goes to one lane, so the poison goes to the other, and the last one back to the first.
  const [first, poisoned, last] = await Promise.all([big, 'X', big].map((text) => mask(bench, text)));
  assert.equal(first?.status, 'done');
  assert.equal(poisoned?.status, 'failed');
  assert.ok(last?.status === 'done' || last?.status === 'failed');
  assert.equal((await mask(bench, 'alive')).status, 'done');
});

test('a lane that dies over and over is started at a falling rate', async (context) => {
  const bench = open(context, { restartMs: 60_000 });
  await bench.lanes.start();
  assert.equal((await mask(bench, 'X')).status, 'failed');
  const startedBefore = bench.events.filter(({ kind }) => kind === 'started').length;
  for (let attempt = 0; attempt < 5; attempt++) await assert.rejects(mask(bench, 'abc'), /refused/);
  assert.equal(bench.events.filter(({ kind }) => kind === 'started').length, startedBefore);
  assert.equal(bench.lanes.statistics().inFlight, 0);
});

test('a kernel module that cannot be loaded ends the lane and names the cause', async (context) => {
  const bench = open(context, { kernelModule: new URL('./fixtures/noKernel.ts', import.meta.url).href });
  const ended = bench.next('ended');
  await bench.lanes.start();
  const event = await ended;
  assert.ok(event.kind === 'ended' && event.cause !== null);
  assert.match(event.cause.message, /createKernel/);
  await assert.rejects(mask(bench, 'abc'), /refused/);
});

test('an idle lane ends, and the next use starts it again', async (context) => {
  const bench = open(context, { idleMs: 50 });
  const ended = bench.next('ended');
  await bench.lanes.start();
  assert.deepEqual(await ended, { kind: 'ended', cause: null, failedRanges: 0 });
  await bench.lanes.start();
  assert.equal((await mask(bench, 'abc')).output, '***');
});

test('load that lasts starts a lane, one long answer does not', async (context) => {
  const bench = open(context, { growBytes: 10 });
  await assert.rejects(mask(bench, 'long'), /refused/);
  await assert.rejects(mask(bench, 'longer'.slice(0, 5)), /refused/);
  assert.equal(bench.events.length, 0);
  const started = bench.next('started');
  await assert.rejects(mask(bench, '!'), /refused/);
  await started;
  assert.equal((await mask(bench, 'abc')).output, '***');
});

test('a callback that throws is reported, and the answers behind it still come', async (context) => {
  const bench = open(context);
  await bench.lanes.start();
  const slot = fill(bench.slab, 'abc');
  const start = bench.slab.start(slot);
  const bug = bench.next('bug');
  bench.lanes.submit(plan(1), start, start + 3, start, () => {
    throw new Error('session bug');
  });
  assert.equal((await mask(bench, 'abc')).status, 'done');
  const event = await bug;
  assert.ok(event.kind === 'bug' && event.error instanceof Error && event.error.message === 'session bug');
});

test('close finishes what was submitted and then refuses', async (context) => {
  const bench = open(context);
  await bench.lanes.start();
  const answers = Promise.all(['one', 'two', 'three'].map((text) => mask(bench, text)));
  await bench.lanes.close();
  assert.deepEqual(
    (await answers).map(({ status }) => status),
    ['done', 'done', 'done'],
  );
  await assert.rejects(mask(bench, 'late'), /refused/);
});

test('close cuts off a lane that hangs', async (context) => {
  const bench = open(context, { closeWaitMs: 50 });
  await bench.lanes.start();
  const hanging = mask(bench, 'L');
  await bench.lanes.close();
  assert.equal((await hanging).status, 'failed');
});

test('zero lanes always refuse', async (context) => {
  const bench = open(context, { lanes: 0 });
  await bench.lanes.start();
  await assert.rejects(mask(bench, 'abc'), /refused/);
});

test('an idle lane costs no CPU, and a process whose lanes are closed exits by itself', async () => {
  const script = `
    const { Slab } = await import(${JSON.stringify(new URL('../../src/bytes/slab.ts', import.meta.url).href)});
    const { openLanes } = await import(${JSON.stringify(new URL('../../src/lanes/lanes.ts', import.meta.url).href)});
    const lanes = openLanes({ lanes: 2, slab: new Slab(), kernelModule: ${JSON.stringify(kernelModule)} });
    await lanes.start();
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const { user, system } = process.cpuUsage(before);
    await lanes.close();
    console.log((user + system) / 1000);
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    timeout: 20_000,
  });
  // Two lanes that spin would burn 1000 ms in this time; a loaded machine still adds some for timers and GC.
  assert.ok(Number(stdout) < 200, `${stdout.trim()} ms of CPU while idle`);
});

test('heavy work: results, failures, deaths and timeouts are values', async (context) => {
  const module = new URL('./fixtures/heavyTasks.ts', import.meta.url).href;
  const heavy = Object.fromEntries(['double', 'fail', 'hang', 'die'].map((name) => [name, { module, export: name }]));
  const { lanes } = open(context, { heavy });
  assert.deepEqual(await lanes.runHeavy('double', 21, 10_000), { kind: 'done', value: 42 });
  assert.deepEqual(await lanes.runHeavy('fail', null, 10_000), {
    kind: 'failed',
    detail: 'Error at no place of ours',
  });
  assert.deepEqual(await lanes.runHeavy('hang', null, 100), { kind: 'timeout' });
  assert.equal((await lanes.runHeavy('die', null, 10_000)).kind, 'failed');
  assert.deepEqual(await lanes.runHeavy('double', 4, 10_000), { kind: 'done', value: 8 });
  await assert.rejects(lanes.runHeavy('unknown', null, 10), /no heavy task/);
  await assert.rejects(lanes.runHeavy('toString', null, 10), /no heavy task/);
});

test('heavy work is bounded: beyond the queue the answer is busy', async (context) => {
  const module = new URL('./fixtures/heavyTasks.ts', import.meta.url).href;
  const { lanes } = open(context, { heavy: { double: { module, export: 'double' } } });
  const answers = await Promise.all(Array.from({ length: 80 }, (_, value) => lanes.runHeavy('double', value, 10_000)));
  assert.equal(answers.filter(({ kind }) => kind === 'done').length, 66);
  assert.equal(answers.filter(({ kind }) => kind === 'busy').length, 14);
});
