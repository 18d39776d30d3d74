/**
 * Sessions whose client or target does not keep to the protocol: nothing may throw, the session ends or goes on, memory comes
 * back, and no raw value passes because messages come in another order than they should.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { message } from '../support/rawPostgres.ts';
import { canaries, exchanges, policy } from './sessionExchanges.ts';
import { complete, ready } from './sessionTarget.ts';
import type { Answer } from './sessionTarget.ts';
import { World } from './sessionWires.ts';

const runs = Number(process.env['FUZZ_RUNS'] ?? 400);
const settings = { numRuns: runs, seed: 20261121 };
const exchangeIndex = fc.nat({ max: exchanges.length - 1 });

/** The messages in a stream of whole ones. */
function split(stream: Uint8Array): Buffer[] {
  const all = Buffer.from(stream);
  const messages: Buffer[] = [];
  for (let at = 0; at < all.length;) {
    const end = at + 1 + all.readInt32BE(at + 1);
    messages.push(all.subarray(at, end));
    at = end;
  }
  return messages;
}

type Change =
  | { readonly kind: 'drop' | 'twice' | 'swap' | 'truncate'; readonly at: number }
  | { readonly kind: 'insert'; readonly at: number; readonly type: number; readonly body: Uint8Array };

/** Letters of messages of both directions, and others. */
const types = fc.constantFrom(...Buffer.from('RSKZTDC123nstENIGHWcdfAVvQPBXFp\0\u00ff', 'latin1'));
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constantFrom('drop', 'twice', 'swap', 'truncate'), at: fc.nat({ max: 40 }) }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: fc.nat({ max: 40 }),
    type: types,
    body: fc.uint8Array({ maxLength: 12 }),
  }),
);

function changed(stream: Uint8Array, changes: readonly Change[]): Buffer {
  const messages = split(stream);
  for (const step of changes) {
    if (messages.length === 0) break;
    const at = step.at % messages.length;
    const here = messages[at];
    if (step.kind === 'insert') messages.splice(at, 0, message(String.fromCharCode(step.type), step.body));
    else if (step.kind === 'drop') messages.splice(at, 1);
    else if (step.kind === 'twice') messages.splice(at, 0, here);
    else if (step.kind === 'swap') messages.splice(at, 2, ...messages.slice(at, at + 2).toReversed());
    else messages[at] = here.subarray(0, Math.ceil(here.length / 2));
  }
  return Buffer.concat(messages);
}

/** Changes what the target says as a whole, across its answers. */
function changedAnswer(answer: Answer, changes: readonly Change[]): Answer {
  let count = 0;
  return (asked, target) => {
    const bytes = answer(asked, target);
    if (bytes === null) return null;
    const here = changes.filter(({ at }) => at % 4 === count % 4);
    count++;
    return changed(bytes, here);
  };
}

function check(world: World, received: Buffer | null): void {
  assert.deepEqual(
    world.logged.filter(({ level }) => level === 'error'),
    [],
    'a bug was logged',
  );
  assert.equal(world.slab.used, 0, 'slots were not given back');
  assert.equal(world.ended, world.opened, 'a session did not end');
  if (received === null) return;
  for (const canary of canaries) assert.ok(!received.includes(canary), `${canary} got out`);
}

test('messages of the target dropped, repeated, swapped, truncated and made up', async () => {
  let answer: Answer = exchanges[0].answer;
  const world = await World.open({ target: { answer: (asked, target) => answer(asked, target) }, policy });
  const changes = fc.array(change, { minLength: 1, maxLength: 5 });
  const cuts = fc.uniqueArray(fc.nat({ max: 600 }), { maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(exchangeIndex, changes, cuts, async (index, steps, at) => {
      answer = changedAnswer(exchanges[index].answer, steps);
      check(
        world,
        await world.run(
          exchanges[index].client,
          [],
          at.toSorted((a, b) => a - b),
        ),
      );
    }),
    settings,
  );
});

test('messages of the client dropped, repeated, swapped, truncated and made up', async () => {
  let answer: Answer = exchanges[0].answer;
  const world = await World.open({ target: { answer: (asked, target) => answer(asked, target) }, policy });
  await fc.assert(
    fc.asyncProperty(exchangeIndex, fc.array(change, { minLength: 1, maxLength: 5 }), async (index, steps) => {
      answer = exchanges[index].answer;
      check(world, await world.run(changed(exchanges[index].client, steps), [], []));
    }),
    settings,
  );
});

/** A byte is replaced, and everything from some place on is noise. What a lying target writes into a value is not judged. */
const noise = fc.record({
  at: fc.nat({ max: 700 }),
  byte: fc.nat({ max: 255 }),
  tail: fc.option(fc.uint8Array({ minLength: 1, maxLength: 60 }), { nil: null }),
});

function noisy(stream: Uint8Array, { at, byte, tail }: { at: number; byte: number; tail: Uint8Array | null }): Buffer {
  const bytes = Buffer.from(stream);
  if (bytes.length === 0) return bytes;
  const here = at % bytes.length;
  bytes[here] = byte;
  return tail === null ? bytes : Buffer.concat([bytes.subarray(0, here), tail]);
}

test('bytes of the target are noise', async () => {
  let answer: Answer = exchanges[0].answer;
  const world = await World.open({ target: { answer: (asked, target) => answer(asked, target) }, policy });
  await fc.assert(
    fc.asyncProperty(exchangeIndex, noise, fc.nat({ max: 5 }), async (index, how, which) => {
      let count = 0;
      answer = (asked, target) => {
        const bytes = exchanges[index].answer(asked, target);
        return bytes === null || count++ !== which ? bytes : noisy(bytes, how);
      };
      await world.run(exchanges[index].client, [], []);
      check(world, null);
    }),
    settings,
  );
});

test('bytes of the client are noise, before the login and after it', async () => {
  let answer: Answer = exchanges[0].answer;
  const world = await World.open({ target: { answer: (asked, target) => answer(asked, target) }, policy });
  await fc.assert(
    fc.asyncProperty(exchangeIndex, noise, fc.boolean(), async (index, how, before) => {
      answer = exchanges[index].answer;
      if (!before) {
        check(world, await world.run(noisy(exchanges[index].client, how), [], []));
        return;
      }
      const session = world.open();
      session.client.push(noisy(world.login, how));
      await session.rest();
      session.client.destroy();
      await session.rest();
      check(world, Buffer.concat(session.received));
    }),
    settings,
  );
});

test('noise in place of a login at the target', async () => {
  for (const greeting of [
    Buffer.alloc(0),
    Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
    Buffer.from([0x52, 0x7f, 0xff, 0xff, 0xff]),
    Buffer.from([0x52, 0, 0, 0, 3]),
    Buffer.concat([message('R', Buffer.of(0, 0, 0, 0)), complete('SELECT 1'), ready()]),
    Buffer.concat(Array.from({ length: 300 }, () => message('R', Buffer.of(0, 0, 0, 12, 0x76)))),
    Buffer.concat([
      message('R', Buffer.of(0, 0, 0, 0)),
      ...Array.from({ length: 100_000 }, (_, at) => message('S', Buffer.from(`p${at}\0v\0`))),
    ]),
  ]) {
    const world = await World.open({ target: { answer: () => null, greeting }, policy });
    assert.equal(world.slab.used, 0);
    assert.equal(world.ended, world.opened);
    assert.deepEqual(
      world.logged.filter(({ level }) => level === 'error'),
      [],
    );
  }
});
