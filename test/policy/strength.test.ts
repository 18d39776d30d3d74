import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { MaskSpec } from '../../src/facts.ts';
import { compareStrength, formatMask, sameMask, strongerMask, strongestMask } from '../../src/policy/strength.ts';

const count = fc.integer({ min: 1, max: 9 });
const masks: fc.Arbitrary<MaskSpec> = fc.oneof(
  fc.constantFrom<MaskSpec>(
    { kind: 'null' },
    { kind: 'redact' },
    { kind: 'stars' },
    { kind: 'hash' },
    { kind: 'email' },
  ),
  count.map((n): MaskSpec => ({ kind: 'keep_first', count: n })),
  count.map((n): MaskSpec => ({ kind: 'keep_last', count: n })),
);

test('the order of strength is that of the reference', () => {
  const ordered: MaskSpec[] = [
    { kind: 'null' },
    { kind: 'redact' },
    { kind: 'stars' },
    { kind: 'hash' },
    { kind: 'keep_last', count: 1 },
  ];
  for (const [index, strong] of ordered.entries()) {
    for (const weak of ordered.slice(index)) {
      assert.deepEqual(strongerMask(strong, weak), strong);
      assert.deepEqual(strongerMask(weak, strong), strong);
    }
  }
});

test('two partial masks: the one that shows less, or redact if they show different parts', () => {
  const last = (n: number): MaskSpec => ({ kind: 'keep_last', count: n });
  const first = (n: number): MaskSpec => ({ kind: 'keep_first', count: n });
  assert.deepEqual(strongerMask(last(4), last(2)), last(2));
  assert.deepEqual(strongerMask(first(1), first(3)), first(1));
  assert.deepEqual(strongerMask(first(1), last(1)), { kind: 'redact' });
  assert.deepEqual(strongerMask({ kind: 'email' }, last(1)), { kind: 'redact' });
  assert.deepEqual(strongerMask({ kind: 'email' }, { kind: 'email' }), { kind: 'email' });
});

test('the result is never weaker than either, and does not depend on the order of two', () => {
  fc.assert(
    fc.property(masks, masks, (a, b) => {
      const stronger = strongerMask(a, b);
      assert.ok(compareStrength(stronger, a) <= 0 && compareStrength(stronger, b) <= 0);
      assert.ok(sameMask(stronger, strongerMask(b, a)));
    }),
  );
});

test('the strongest of many does not depend on their order', () => {
  fc.assert(
    fc.property(fc.array(masks, { maxLength: 6 }), (list) => {
      const forwards = strongestMask(list);
      const backwards = strongestMask(list.toReversed());
      assert.ok(forwards === null ? backwards === null : backwards !== null && sameMask(forwards, backwards));
    }),
  );
  assert.equal(strongestMask([]), null);
});

test('masks are written as in a file', () => {
  assert.equal(formatMask({ kind: 'keep_last', count: 4 }), 'keep_last: 4');
  assert.equal(formatMask({ kind: 'null' }), 'null');
});
