import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CancelRegistry } from '../../../../src/protocols/postgres/login/cancel.ts';

/** Distinct and reproducible, not random: the registry only asks for bytes. */
function countingBytes(): (count: number) => Uint8Array {
  let next = 0;
  return (count) => Uint8Array.from({ length: count }, () => next++ & 0xff);
}

test('a key opens its own session and no other', () => {
  const registry = new CancelRegistry<string>(countingBytes(), 10);
  const old = registry.issue('old', 0);
  const recent = registry.issue('recent', 2);
  assert.ok(old && recent);
  assert.equal(old.secret.length, 4);
  assert.equal(recent.secret.length, 32);
  assert.equal(registry.find(old.processId, old.secret), 'old');
  assert.equal(registry.find(recent.processId, recent.secret), 'recent');
  assert.equal(registry.find(old.processId, recent.secret), null);
  assert.equal(registry.find(recent.processId, old.secret), null);
  assert.equal(registry.find(recent.processId, recent.secret.subarray(0, 4)), null);
  assert.equal(registry.find(old.processId, new Uint8Array(256)), null);
  assert.equal(registry.find(old.processId, new Uint8Array(0)), null);
  assert.equal(registry.find(12345, old.secret), null);
  for (let i = 0; i < 4; i++) {
    const wrong: Uint8Array = Uint8Array.from(old.secret);
    wrong[i] ^= 1;
    assert.equal(registry.find(old.processId, wrong), null);
  }
});

test('a revoked key opens nothing; a full registry gives none', () => {
  const registry = new CancelRegistry<number>(countingBytes(), 2);
  const first = registry.issue(1, 0);
  assert.ok(first && registry.issue(2, 0));
  assert.equal(registry.issue(3, 0), null);
  registry.revoke(first.processId);
  assert.equal(registry.find(first.processId, first.secret), null);
  assert.equal(registry.size, 1);
  assert.ok(registry.issue(3, 0));
});

test('process ids are positive and unique even if the randomness repeats itself', () => {
  const script = [
    [0, 0, 0, 0],
    [0xff, 0xff, 0xff, 0xff],
    [1, 2, 3, 4],
    [0xff, 0xff, 0xff, 0xff],
    [0, 0, 0, 2],
    [9, 9, 9, 9],
  ];
  const registry = new CancelRegistry<string>(
    (count) => (count === 32 ? new Uint8Array(32) : Uint8Array.from(script.shift() ?? [])),
    10,
  );
  assert.equal(registry.issue('a', 0)?.processId, 0x7fffffff);
  assert.equal(registry.issue('b', 0)?.processId, 1);
});
