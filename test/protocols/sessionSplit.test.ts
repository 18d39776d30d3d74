/** Every exchange with the client's and the target's stream cut at every byte: the client must read the same bytes. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { canaries, exchanges, policy } from './sessionExchanges.ts';
import type { Exchange } from './sessionExchanges.ts';
import { World } from './sessionWires.ts';
import type { WorldOptions } from './sessionWires.ts';

const stride = 1;

function typesOf(stream: Buffer): string {
  const types: string[] = [];
  for (let at = 0; at < stream.length; at += 1 + stream.readInt32BE(at + 1))
    types.push(String.fromCharCode(stream[at]));
  return types.join(' ');
}

async function openWorld({ answer }: Exchange, more: Partial<WorldOptions> = {}, reportsPath = true): Promise<World> {
  return await World.open({ target: { answer, reportsPath }, policy, ...more });
}

function everyByte(length: number): number[] {
  return Array.from({ length: Math.max(0, length - 1) }, (_, at) => at + 1);
}

for (const exchange of exchanges) {
  describe(exchange.name, () => {
    let whole: Buffer | null = null;

    async function expected(): Promise<Buffer> {
      if (whole === null) whole = await (await openWorld(exchange)).run(exchange.client, [], []);
      return whole;
    }

    test('answers as it should', async () => {
      const world = await openWorld(exchange);
      const received = await world.run(exchange.client, [], []);
      assert.equal(typesOf(received), exchange.types);
      for (const text of exchange.seen) assert.ok(received.includes(text), `${text} is missing`);
      for (const canary of canaries) assert.ok(!received.includes(canary), `${canary} got out`);
      const asked = world.dialled[0].target.asked.map(({ type }) => type).filter((type) => type !== 'X');
      assert.equal(asked.join(' '), exchange.asked);
      assert.deepEqual(
        world.logged.filter(({ level }) => level === 'error' || level === 'warn'),
        [],
      );
      assert.equal(world.slab.used, 0);
      assert.equal(world.ended, 2);
    });

    test('the stream of the client cut anywhere', async () => {
      const world = await openWorld(exchange);
      for (let at = 1; at < exchange.client.length; at += stride) {
        const received = await world.run(exchange.client, [at], []);
        assert.deepEqual(received, await expected(), `cut at ${at}`);
      }
      assert.equal(world.slab.used, 0);
    });

    test('the stream of the target cut anywhere', async () => {
      const world = await openWorld(exchange);
      await world.run(exchange.client, [], []);
      const sent = world.dialled[0].sent;
      for (let at = 1; at < sent; at += stride) {
        const received = await world.run(exchange.client, [], [at]);
        assert.deepEqual(received, await expected(), `cut at ${at}`);
      }
      assert.equal(world.slab.used, 0);
    });

    test('both streams byte by byte', async () => {
      const world = await openWorld(exchange);
      await world.run(exchange.client, [], []);
      const everywhere = everyByte(world.dialled[0].sent);
      const received = await world.run(exchange.client, everyByte(exchange.client.length), everywhere);
      assert.deepEqual(received, await expected());
      assert.equal(world.slab.used, 0);
    });

    test('the same when lanes answer late and out of order', async () => {
      const world = await openWorld(exchange, { lanes: true });
      for (let at = 0; at < exchange.client.length; at += 7 * stride) {
        assert.deepEqual(await world.run(exchange.client, [], [at]), await expected(), `cut at ${at}`);
      }
      assert.equal(world.slab.used, 0);
    });

    test('the same from a server that does not tell its search path', async () => {
      const world = await openWorld(exchange, {}, false);
      const received = await world.run(exchange.client, [], []);
      // Its question for the path goes unanswered here and must not be mixed up with the client's own.
      assert.equal(world.slab.used, 0);
      for (const canary of canaries) assert.ok(!received.includes(canary), `${canary} got out`);
    });

    after(() => {
      whole = null;
    });
  });
}
