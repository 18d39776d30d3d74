import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OrderedOutput, SharedLease } from '../../src/protocols/orderedOutput.ts';
import type { Lease, Wire } from '../../src/protocols/protocol.ts';

/** Takes what is written, and says so when the test wants it to. */
class SlowWire {
  queuedBytes = 0;
  readonly written: Buffer[] = [];
  readonly #dones: (() => void)[] = [];

  write(bytes: Uint8Array, done: (() => void) | null): void {
    this.queuedBytes += bytes.length;
    // Kept as a view until it is done: whoever changes it too early is found out.
    this.#dones.push(() => {
      this.written.push(Buffer.from(bytes));
      this.queuedBytes -= bytes.length;
      done?.();
    });
  }

  settle(): void {
    for (const done of this.#dones.splice(0)) done();
  }

  get text(): string {
    return Buffer.concat(this.written).toString('latin1');
  }
}

function open(): { wire: SlowWire; output: OrderedOutput } {
  const wire = new SlowWire();
  return { wire, output: new OrderedOutput(wire as unknown as Wire) };
}

function lease(text: string): { shared: SharedLease; released: () => number } {
  let count = 0;
  const bytes = Buffer.from(text);
  const one: Lease = { bytes, base: 0, start: 0, end: bytes.length, shared: true, release: () => void count++ };
  return { shared: new SharedLease(one), released: () => count };
}

const bytesOf = (text: string): Buffer => Buffer.from(text);

test('a place holds back what comes after it, and nothing before it', () => {
  const { wire, output } = open();
  output.own(bytesOf('a'));
  const first = output.reserve(10);
  output.own(bytesOf('c'));
  const second = output.reserve(0);
  output.own(bytesOf('e'));
  output.flush();
  assert.equal(output.empty, false);
  output.fill(second, 0, bytesOf('d'), null);
  wire.settle();
  assert.equal(wire.text, 'a');
  output.fill(first, 10, bytesOf('b'), null);
  wire.settle();
  assert.equal(wire.text, 'abcde');
  assert.equal(output.heldBytes, 0);
  assert.equal(output.empty, true);
});

test('a slot goes back once its last piece is written', () => {
  const { wire, output } = open();
  const { shared, released } = lease('x'.repeat(10_000));
  output.put(shared.lease.bytes, 0, 5000, shared);
  output.put(shared.lease.bytes, 5000, 10_000, shared);
  shared.release();
  assert.equal(released(), 0);
  wire.settle();
  assert.equal(released(), 1);
  assert.equal(wire.text.length, 10_000);
});

test('what is discarded gives its memory back once and is never written', () => {
  const { wire, output } = open();
  const { shared, released } = lease('x'.repeat(10_000));
  let done = 0;
  output.reserve(0);
  output.put(shared.lease.bytes, 0, 10_000, shared);
  const place = output.reserve(0);
  output.fill(place, 0, bytesOf('late'), () => void done++);
  output.own(bytesOf('end'));
  shared.release();
  output.discard();
  wire.settle();
  assert.deepEqual([wire.text, released(), done, output.heldBytes], ['', 1, 1, 0]);
});

test('any mixture leaves in order, whichever place is filled first', () => {
  const step = fc.record({ kind: fc.constantFrom('own', 'put', 'place', 'flush'), length: fc.nat({ max: 6000 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.infiniteStream(fc.nat()), (steps, choices) => {
      const { wire, output } = open();
      const places: (() => void)[] = [];
      const leases: { released: () => number }[] = [];
      let expected = '';
      for (const [index, { kind, length }] of steps.entries()) {
        const text = String.fromCharCode(65 + (index % 26)).repeat(length);
        if (kind === 'flush') output.flush();
        else expected += text;
        if (kind === 'own') output.own(bytesOf(text));
        if (kind === 'put') {
          const one = lease(text);
          leases.push(one);
          output.put(one.shared.lease.bytes, 0, length, one.shared);
          one.shared.release();
        }
        if (kind === 'place') {
          const place = output.reserve(length);
          places.push(() => output.fill(place, length, bytesOf(text), null));
        }
      }
      output.flush();
      for (const choice of choices) {
        if (places.length === 0) break;
        places.splice(choice % places.length, 1)[0]();
        if (choice % 3 === 0) wire.settle();
      }
      wire.settle();
      assert.equal(wire.text, expected);
      assert.equal(output.heldBytes, 0);
      assert.ok(leases.every(({ released }) => released() === 1));
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 200), seed: 20261121 },
  );
});
