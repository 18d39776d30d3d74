/** The fixed-rate schedule counts from the intended send time, so that a stall shows in the percentiles. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenLoop, newHistogram, record, summarize } from '../../loadtest/openLoop.ts';

const stall = { fromMs: 500, toMs: 1500 };
/** A server that answers in 1 ms, except that it does nothing for a second. */
const answeredMs = (sentMs: number): number =>
  sentMs >= stall.fromMs && sentMs < stall.toMs ? stall.toMs + 1 : sentMs + 1;

test('a stall of a second counts for all requests that were due in it', () => {
  const loop = new OpenLoop(0, 1000, 10_000);
  let freeMs = 0;
  while (!loop.done) {
    let index = loop.take(freeMs);
    if (index < 0) {
      // One connection: it waits until the next request is due.
      freeMs = Math.ceil(freeMs + 0.001);
      index = loop.take(freeMs);
    }
    freeMs = answeredMs(freeMs);
    loop.complete(index, freeMs);
  }
  const open = loop.latencies();
  assert.equal(open.count, 10_000);
  assert.ok(open.p99 > 500_000, `p99 ${open.p99} µs`);
  assert.ok(open.max >= 1_000_000);
});

test('a closed loop leaves the same stall out, which is why it is not used for latency', () => {
  const histogram = newHistogram();
  for (let now = 0, count = 0; count < 10_000; count++) {
    const answered = answeredMs(now);
    record(histogram, answered - now);
    now = answered;
  }
  assert.ok(summarize(histogram).p99 < 2000);
});

test('nothing is sent early, and what is late is sent at once', () => {
  const loop = new OpenLoop(100, 2000, 4);
  assert.equal(loop.take(99.9), -1);
  assert.equal(loop.take(100), 0);
  assert.equal(loop.take(100.4), -1);
  assert.deepEqual([loop.take(101), loop.take(101), loop.take(101)], [1, 2, -1]);
  assert.equal(loop.intendedMs(3), 101.5);
  assert.equal(loop.take(200), 3);
  assert.equal(loop.take(200), -1);
  assert.equal(loop.done, false);
});
