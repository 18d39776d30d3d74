import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { Client } from 'pg';
import { startGate } from '../support/gate.ts';
import { fieldsOf, RawClient } from '../support/rawPostgres.ts';
import type { RawMessage } from '../support/rawPostgres.ts';
import { openSplitRelay } from '../support/splitRelay.ts';
import { cases, maskedCases } from './compareCases.ts';
import type { Case } from './compareCases.ts';
import { directTo, endings, openShopServer, policies, through, users } from './shop.ts';
import type { Address } from './shop.ts';

interface Said {
  /** Of the step. */
  readonly index: number;
  readonly message: RawMessage;
}

async function converse(address: Address, { steps }: Case): Promise<Said[]> {
  const client = await RawClient.connect(address);
  const all: Said[] = [];
  for (const [index, { send, until, count }] of steps.entries()) {
    client.send(...send);
    for (const message of await client.until(until, count)) all.push({ index, message });
  }
  client.close();
  assert.deepEqual(await client.untilClosed(), []);
  return all;
}

function show({ index, message }: Said, scrubbed: boolean): string {
  // Words of errors may be replaced where masks are in force; what programs look at may not.
  if (scrubbed && (message.type === 'E' || message.type === 'N')) {
    const { S, V, C, P } = fieldsOf(message);
    return `${index} ${message.type} ${JSON.stringify({ S, V, C, P })}`;
  }
  if (message.type === 'E') {
    // Where the gate knows the answer by itself it cannot name the server's source file, line and routine.
    const fields = Object.entries(fieldsOf(message)).filter(([letter]) => !'FLR'.includes(letter));
    return `${index} E ${JSON.stringify(fields)}`;
  }
  // Process ids differ by nature.
  const body = message.type === 'A' ? message.body.subarray(4) : message.body;
  const text = body.toString('latin1');
  // A line of a difference must be readable, also where a value is large.
  const shown = text.length < 400 ? text : `${text.slice(0, 300)}… ${createHash('sha256').update(body).digest('hex')}`;
  return `${index} ${message.type} ${shown}`;
}

suite('the same bytes with and without the gate', () => {
  const ending = endings();
  let direct: Address;
  /** User -> address. Each has a copy of the database, so that the OIDs in it are the same and nobody sees another's work. */
  const gated = new Map<'free' | 'alice', Address>();

  before(async () => {
    const server = await openShopServer(ending);
    const client = new Client({ ...directTo(server), database: 'postgres' });
    await client.connect();
    for (const name of ['free', 'alice']) await client.query(`create database shop_${name} template shop`);
    await client.end();
    const connections = ['free', 'alice'].map((name) => ({ name, server, database: `shop_${name}` }));
    const gate = await startGate({ connections, policies, users }, ending);
    direct = directTo(server);
    gated.set('free', through(gate, 'free', 'free'));
    gated.set('alice', through(gate, 'alice', 'alice'));
  });
  after(() => ending.end());

  for (const entry of cases) {
    test(entry.name, async () => {
      const free = gated.get('free');
      const alice = gated.get('alice');
      assert.ok(free !== undefined && alice !== undefined);
      const wanted = await converse(direct, entry);
      assert.deepEqual(shown(await converse(free, entry), false), shown(wanted, false));
      assert.deepEqual(shown(await converse(alice, entry), true), shown(wanted, true));
    });
  }
});

suite('the same with every message torn at every byte, on both sides of the gate', () => {
  const ending = endings();
  let direct: Address;
  const torn = new Map<'free' | 'alice', Address>();
  let whole: Address;

  before(async () => {
    const server = await openShopServer(ending);
    const port = await openSplitRelay(server.port, ending);
    const connections = [
      { name: 'torn', server: { ...server, port }, database: 'shop' },
      { name: 'whole', server, database: 'shop' },
    ];
    const gate = await startGate({ connections, policies, users }, ending);
    const front = await openSplitRelay(gate.port, ending);
    direct = directTo(server);
    for (const user of ['free', 'alice'] as const) torn.set(user, { ...through(gate, user, 'torn'), port: front });
    whole = through(gate, 'alice', 'whole');
  });
  after(() => ending.end());

  for (const entry of cases.filter((one) => !one.bulky)) {
    test(entry.name, async () => {
      const free = torn.get('free');
      const alice = torn.get('alice');
      assert.ok(free !== undefined && alice !== undefined);
      const wanted = await converse(direct, entry);
      assert.deepEqual(shown(await converse(free, entry), true), shown(wanted, true));
      assert.deepEqual(shown(await converse(alice, entry), true), shown(wanted, true));
    });
  }

  for (const entry of maskedCases) {
    test(`masked: ${entry.name}`, async () => {
      const alice = torn.get('alice');
      assert.ok(alice !== undefined);
      const wanted = shown(await converse(whole, entry), true);
      assert.ok(!wanted.some((line) => /\d{3}-12-\d{4}/.test(line)));
      assert.deepEqual(shown(await converse(alice, entry), true), wanted);
    });
  }
});

function shown(all: readonly Said[], scrubbed: boolean): string[] {
  return all.map((said) => show(said, scrubbed));
}
