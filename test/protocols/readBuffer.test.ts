import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Slab } from '../../src/bytes/slab.ts';
import type { SlotIndex } from '../../src/bytes/slab.ts';
import type { Masker } from '../../src/protocols/protocol.ts';
import { ReadBuffer, SmallBuffer } from '../../src/protocols/readBuffer.ts';

const small = new SmallBuffer(4096, 64);

function open(slots = 4): { buffer: ReadBuffer; slab: Slab } {
  const slab = new Slab({ payloadBytes: 16 * 1024, headroomBytes: 256, slots });
  const acquire: Masker['acquire'] = () => {
    const slot = slab.acquire() as SlotIndex;
    const [base, start, end] = [slab.base(slot), slab.start(slot), slab.end(slot)];
    return { bytes: slab.bytes, base, start, end, shared: true, release: () => slab.release(slot) };
  };
  return { buffer: new ReadBuffer({ acquire } as unknown as Masker, small), slab };
}

/** Reads as many of `bytes` as there is room for, and returns the rest. */
function read(buffer: ReadBuffer, bytes: Uint8Array, calm = false): Uint8Array {
  const space = buffer.next(calm);
  const count = Math.min(space.length, bytes.length);
  space.set(bytes.subarray(0, count));
  buffer.took(space, count);
  return bytes.subarray(count);
}

function unread(buffer: ReadBuffer): Uint8Array {
  return buffer.bytes.slice(buffer.from, buffer.fill);
}

/** 0, 1, 2, ... so that every byte tells its place. */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 7) & 0xff);
}

test('an idle side owns a few kilobytes and no slot', () => {
  const { buffer, slab } = open();
  for (let round = 0; round < 100; round++) {
    assert.equal(read(buffer, pattern(100)).length, 0);
    assert.deepEqual(unread(buffer), pattern(100));
    buffer.consume(buffer.fill);
  }
  assert.equal(slab.used, 0);
  assert.equal(buffer.start - buffer.base, small.headroom);
});

test('traffic reads into a slot, calm goes back to private memory', () => {
  const { buffer, slab } = open();
  read(buffer, pattern(4096));
  buffer.consume(buffer.fill);
  read(buffer, pattern(16 * 1024));
  assert.equal(slab.used, 1);
  buffer.consume(buffer.fill);
  for (let round = 0; round < 10; round++) {
    read(buffer, pattern(10));
    buffer.consume(buffer.fill);
  }
  buffer.next(false);
  assert.equal(slab.used, 0);
});

test('what is unread survives every change of memory', () => {
  for (const tail of [1, 5, 100, 3000, 4095]) {
    const { buffer, slab } = open();
    read(buffer, pattern(4096));
    buffer.consume(buffer.fill - tail);
    const kept = pattern(4096).subarray(4096 - tail);
    buffer.next(false);
    assert.deepEqual(unread(buffer), kept);
    buffer.reserve(10_000);
    buffer.next(false);
    assert.deepEqual(unread(buffer), kept);
    buffer.reserve(100_000);
    assert.deepEqual(unread(buffer), kept);
    let rest: Uint8Array = pattern(100_000 - tail);
    while (rest.length > 0) rest = read(buffer, rest);
    assert.deepEqual(unread(buffer), Uint8Array.of(...kept, ...pattern(100_000 - tail)));
    buffer.consume(buffer.fill);
    buffer.close();
    assert.equal(slab.used, 0);
  }
});

test('there is always room, also when more than the large message has come', () => {
  const { buffer } = open();
  buffer.reserve(50_000);
  let rest: Uint8Array = pattern(50_000);
  while (rest.length > 0) rest = read(buffer, rest);
  for (let round = 0; round < 100; round++) {
    buffer.consume(buffer.from + 40_000);
    const before = unread(buffer);
    read(buffer, pattern(40_000));
    assert.deepEqual(unread(buffer).subarray(0, before.length), before);
    assert.equal(buffer.fill - buffer.from, before.length + 40_000);
  }
});

test('a read after the end takes no slot', () => {
  const { buffer, slab } = open();
  read(buffer, pattern(4096));
  read(buffer, pattern(8000));
  buffer.close();
  assert.equal(buffer.next(false), small.space);
  assert.equal(slab.used, 0);
  for (let round = 0; round < 3; round++) assert.ok(buffer.next(false).length > 0);
  assert.equal(slab.used, 0);
});

test('bytes that stand in the memory of another reader are taken over', () => {
  const { buffer } = open();
  for (const length of [10, 5000, 20_000]) {
    buffer.next(false);
    buffer.took(pattern(length), length);
    assert.deepEqual(unread(buffer), pattern(length));
    buffer.consume(buffer.fill);
  }
});

test("a slot is nobody else's until the read that may still land in it", () => {
  const { buffer, slab } = open();
  read(buffer, new Uint8Array(4096).fill(1));
  buffer.consume(buffer.fill);
  const space = buffer.next(false);
  assert.notEqual(buffer.slot, null);
  buffer.close();
  assert.equal(slab.used, 1);
  space.fill(2);
  buffer.took(space, 10);
  assert.equal(buffer.next(false), small.space);
  assert.equal(slab.used, 0);
});

test('the end of the wire gives the slot back at once', () => {
  const { buffer, slab } = open();
  read(buffer, new Uint8Array(4096).fill(1));
  buffer.consume(buffer.fill);
  buffer.next(false);
  buffer.onWireClosed();
  assert.equal(slab.used, 0);
});

test('what lands where the buffer was before it moved is still read', () => {
  const { buffer, slab } = open();
  read(buffer, new Uint8Array(4096).fill(1));
  const space = buffer.next(false);
  // Between two reads, more of the first one is looked at and turns out to begin a long message.
  buffer.reserve(100_000);
  space.fill(2, 0, 10);
  buffer.took(space, 10);
  assert.deepEqual([...unread(buffer).subarray(4094, 4106)], [1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]);
  buffer.next(false);
  assert.equal(slab.used, 0);
});

test('what is left unread does not stay where others read', () => {
  const [first, second] = [open().buffer, open().buffer];
  read(first, Uint8Array.of(1, 2, 3));
  first.consume(first.from + 1);
  first.settle();
  read(second, Uint8Array.of(9, 9, 9));
  assert.deepEqual([...unread(first)], [2, 3]);
});
