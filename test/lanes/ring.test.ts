import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { KernelResult } from '../../src/masking/plan.ts';
import { createRing, RingConsumer, RingProducer } from '../../src/lanes/ring.ts';

function answer(over: Partial<KernelResult>): KernelResult {
  return { status: 'done', inputEnd: 0, outputStart: 0, outputEnd: 0, rows: 0, masked: 0, ...over };
}

test('a range and its answer pass the ring unchanged', () => {
  const shared = createRing(2);
  const producer = new RingProducer(shared);
  const consumer = new RingConsumer(shared);
  const planId = 2 ** 40 + 2 ** 31 + 5;
  assert.equal(producer.nextPlace(), 0);
  producer.submit(planId, 2_000_000_000, 2_000_000_100, 1_999_999_000);
  assert.ok(consumer.next());
  assert.deepEqual(
    [consumer.planId, consumer.start, consumer.end, consumer.outputStart],
    [planId, 2_000_000_000, 2_000_000_100, 1_999_999_000],
  );
  assert.equal(producer.reap(), -1);
  const given = answer({
    status: 'full',
    inputEnd: 2_000_000_050,
    outputStart: 1_999_999_000,
    outputEnd: 1_999_999_900,
    rows: 3,
    masked: 9,
  });
  assert.equal(consumer.finish(given), true);
  assert.equal(producer.reap(), 0);
  assert.deepEqual([producer.answer, producer.start, producer.failed], [given, 2_000_000_000, false]);
  assert.equal(producer.inFlight, 0);
});

test('only the first answer since the last acknowledgement asks for a wake-up', () => {
  const shared = createRing(4);
  const producer = new RingProducer(shared);
  const consumer = new RingConsumer(shared);
  const wakes: boolean[] = [];
  for (let range = 0; range < 3; range++) {
    producer.submit(1, range, range, range);
    consumer.next();
    wakes.push(consumer.finish(null));
  }
  producer.acknowledge();
  producer.submit(1, 9, 9, 9);
  consumer.next();
  wakes.push(consumer.finish(null));
  assert.deepEqual(wakes, [true, false, false, true]);
});

test('stop comes after everything that was submitted, even into a full ring', () => {
  const shared = createRing(2);
  const producer = new RingProducer(shared);
  const consumer = new RingConsumer(shared);
  producer.submit(1, 10, 11, 10);
  producer.submit(1, 20, 21, 20);
  assert.equal(producer.nextPlace(), -1);
  producer.stop();
  for (const start of [10, 20]) {
    assert.ok(consumer.next());
    assert.equal(consumer.start, start);
    consumer.finish(null);
  }
  assert.equal(consumer.next(), false);
  assert.equal(producer.inFlight, 2);
});

test('every status comes through', () => {
  const shared = createRing(1);
  const producer = new RingProducer(shared);
  const consumer = new RingConsumer(shared);
  for (const status of ['done', 'full', 'malformed', null] as const) {
    producer.submit(1, 0, 1, 0);
    consumer.next();
    consumer.finish(status === null ? null : answer({ status }));
    producer.reap();
    assert.equal(producer.failed ? null : producer.answer.status, status);
  }
});

test('a range that nobody answered is abandoned as failed', () => {
  const producer = new RingProducer(createRing(2));
  producer.submit(1, 10, 30, 5);
  const place = producer.abandon();
  assert.equal(producer.rangeBytes(place), 20);
  assert.deepEqual([producer.failed, producer.start], [true, 10]);
  assert.equal(producer.abandon(), -1);
});

test('a capacity that is no power of two is refused', () => {
  for (const capacity of [0, 3, -1, 1.5]) assert.throws(() => createRing(capacity), RangeError);
});

test('property: ranges come out once, in order, with their own answers, for every interleaving', () => {
  fc.assert(
    fc.property(fc.constantFrom(1, 2, 8), fc.array(fc.nat(2), { maxLength: 300 }), (capacity, steps) => {
      const shared = createRing(capacity);
      const producer = new RingProducer(shared);
      const consumer = new RingConsumer(shared);
      let submitted = 0;
      let finished = 0;
      let reaped = 0;
      for (const step of steps) {
        if (step === 0) {
          const place = producer.nextPlace();
          assert.equal(place === -1, submitted - reaped === capacity);
          if (place !== -1) producer.submit(submitted + 1, submitted, submitted + 1, submitted++);
        } else if (step === 1 && finished < submitted) {
          assert.ok(consumer.next());
          assert.equal(consumer.start, finished);
          assert.equal(consumer.planId, finished + 1);
          consumer.finish(answer({ rows: finished++ }));
        } else if (step === 2) {
          const place = producer.reap();
          assert.equal(place === -1, reaped === finished);
          if (place === -1) continue;
          assert.deepEqual([producer.start, producer.answer.rows, producer.failed], [reaped, reaped, false]);
          reaped++;
        }
        assert.equal(producer.inFlight, submitted - reaped);
      }
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 300) },
  );
});
