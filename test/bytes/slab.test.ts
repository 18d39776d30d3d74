import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { noSlot, Slab } from '../../src/bytes/slab.ts';
import type { SlotIndex } from '../../src/bytes/slab.ts';

function acquired(slab: Slab): SlotIndex {
  const slot = slab.acquire();
  assert.notEqual(slot, noSlot);
  return slot as SlotIndex;
}

test('a slot has its headroom in front of its payload, and slots do not overlap', () => {
  const slab = new Slab({ payloadBytes: 100, headroomBytes: 20, slots: 3 });
  assert.equal(slab.shared.byteLength, 360);
  const slots = [acquired(slab), acquired(slab), acquired(slab)];
  assert.deepEqual(slots, [0, 1, 2]);
  assert.deepEqual(
    slots.map((slot) => [slab.base(slot), slab.start(slot), slab.end(slot)]),
    [
      [0, 20, 120],
      [120, 140, 240],
      [240, 260, 360],
    ],
  );
});

test('views and ranges show the same memory as the absolute offsets', () => {
  const slab = new Slab({ payloadBytes: 16, headroomBytes: 4, slots: 2 });
  acquired(slab);
  const slot = acquired(slab);
  slab.view(slot).write('payload', 'latin1');
  assert.equal(slab.view(slot).length, 16);
  assert.equal(slab.view(slot), slab.view(slot));
  assert.equal(slab.bytes[slab.start(slot)], 'p'.charCodeAt(0));
  assert.equal(slab.range(slab.start(slot) + 3, slab.start(slot) + 7).toString('latin1'), 'load');
});

test('exhaustion is an answer, and the slot released last comes back first', () => {
  const slab = new Slab({ payloadBytes: 8, headroomBytes: 0, slots: 2 });
  const first = acquired(slab);
  const second = acquired(slab);
  assert.equal(slab.acquire(), noSlot);
  slab.release(first);
  slab.release(second);
  assert.equal(slab.acquire(), second);
  assert.deepEqual(slab.statistics(), { slots: 2, used: 1, peak: 2, exhausted: 1, bytes: 16, touchedBytesMax: 16 });
});

test('releasing twice, or what was never acquired, throws', () => {
  const slab = new Slab({ payloadBytes: 8, headroomBytes: 0, slots: 2 });
  const slot = acquired(slab);
  slab.release(slot);
  assert.throws(() => slab.release(slot), /not held/);
  for (const foreign of [1, -1, 2, 0.5, Number.NaN])
    assert.throws(() => slab.release(foreign as SlotIndex), /not held/);
  assert.equal(slab.used, 0);
});

test('sizes that cannot work are refused', () => {
  assert.throws(() => new Slab({ slots: 0 }), RangeError);
  assert.throws(() => new Slab({ payloadBytes: 1.5 }), RangeError);
  assert.throws(() => new Slab({ headroomBytes: -1 }), RangeError);
  assert.throws(() => new Slab({ payloadBytes: 2 ** 30, slots: 2 }), /2 GiB/);
});

test('property: no slot is ever held twice, and touched slots never exceed the peak in use', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.array(fc.nat(20), { maxLength: 200 }), (slots, steps) => {
      const slab = new Slab({ payloadBytes: 1, headroomBytes: 0, slots });
      const held: SlotIndex[] = [];
      const touched = new Set<number>();
      let peak = 0;
      for (const step of steps) {
        if (step % 2 === 0) {
          const slot = slab.acquire();
          if (slot === noSlot) {
            assert.equal(held.length, slots);
            continue;
          }
          assert.ok(!held.includes(slot));
          held.push(slot);
          touched.add(slot);
        } else if (held.length > 0) {
          const [slot] = held.splice(step % held.length, 1);
          if (slot !== undefined) slab.release(slot);
        }
        peak = Math.max(peak, held.length);
        assert.equal(slab.used, held.length);
      }
      assert.equal(touched.size, peak);
      assert.equal(slab.statistics().peak, peak);
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 300) },
  );
});
