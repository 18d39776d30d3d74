/** Many clients that do nothing, and one that takes nothing: neither may cost the others their service. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import type net from 'node:net';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { complete, dataRow, ready, rowDescription } from '../protocols/sessionTarget.ts';
import type { Answer } from '../protocols/sessionTarget.ts';
import { query, rowsOf } from '../support/rawPostgres.ts';
import { startPostgres } from '../support/postgres.ts';
import { assertNoLeak, dialGate, Endings, logIn, openFakeServer, openGate, until } from './support.ts';

const answer: Answer = ({ type }) =>
  type === 'Q' ? Buffer.concat([rowDescription({ name: 'one' }), dataRow('1'), complete('SELECT 1'), ready()]) : null;

/** Both ends of each socket are in this process, which needs some descriptors for itself too. */
function silentCount(wanted: number): number {
  const limit = execFileSync('/bin/sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim();
  return limit === 'unlimited' ? wanted : Math.min(wanted, Math.floor((Number(limit) - 500) / 2));
}

async function openMany(gate: { readonly port: number }, count: number): Promise<net.Socket[]> {
  const sockets: net.Socket[] = [];
  while (sockets.length < count) {
    const some = Math.min(250, count - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: some }, () => dialGate(gate)))));
  }
  return sockets;
}

test('thousands of silent sockets before the login', async (context) => {
  const endings = new Endings(context);
  const gate = await openGate(endings, {
    target: await openFakeServer(endings, { answer }),
    limits: 'authentication_ms: 60000',
  });
  const count = silentCount(5000);
  if (count < 5000) context.diagnostic(`${count} sockets: the limit of open files allows no more`);
  const early = await logIn(gate);
  const silent = await openMany(gate, count);
  await until('all of them', async () => (await gate.metric('unauthenticated_sockets_open')) === count);
  for (let round = 0; round < 20; round++) {
    const late = await logIn(gate);
    assert.deepEqual(rowsOf(await late.ask([query('select 1')])), [['1']]);
    late.close();
  }
  assert.deepEqual(rowsOf(await early.ask([query('select 1')])), [['1']]);
  for (const socket of silent) socket.destroy();
  await assertNoLeak(gate, 1);
});

test('more silent sockets than may be: the oldest makes room', async (context) => {
  const endings = new Endings(context);
  const gate = await openGate(endings, {
    target: await openFakeServer(endings, { answer }),
    limits: 'unauthenticated: 20, authentication_ms: 60000',
  });
  const silent = await openMany(gate, 60);
  const client = await logIn(gate);
  assert.deepEqual(rowsOf(await client.ask([query('select 1')])), [['1']]);
  assert.ok((await gate.metric('unauthenticated_sockets_open')) <= 20);
  for (const socket of silent) socket.destroy();
  await assertNoLeak(gate, 1);
});

test('more sessions than may be', async (context) => {
  const endings = new Endings(context);
  const gate = await openGate(endings, {
    target: await openFakeServer(endings, { answer }),
    limits: 'connections: 2',
  });
  const first = await logIn(gate);
  const second = await logIn(gate);
  await assert.rejects(logIn(gate));
  first.close();
  await until('room', async () => (await gate.metric('sockets_open')) === 1);
  const third = await logIn(gate);
  for (const client of [second, third]) assert.deepEqual(rowsOf(await client.ask([query('select 1')])), [['1']]);
  await assertNoLeak(gate, 2);
});

const masks = `name: pii
default: allow
rules:
  - id: numbers
    match: { values: [us_ssn] }
    action: mask
    with: redact
`;

for (const [what, policy] of [
  ['masked', masks],
  ['not masked', 'name: all\ndefault: allow\n'],
] as const) {
  test(`a client that asks for ten million rows and reads none, ${what}`, async (context) => {
    const endings = new Endings(context);
    const target = await startPostgres({}, endings);
    const gate = await openGate(endings, {
      target: { port: target.port, database: target.database, user: target.superuser, password: target.password },
      policy,
    });
    const good = await logIn(gate, 'bob');
    const idle = await gate.metric('slab_slots_in_use');
    const greedy = await logIn(gate);
    greedy.socket.pause();
    greedy.send(query(`select generate_series(1, 10000000) as n, 'some text about nothing in particular' as t`));
    let last = -1;
    // The target stands still once every buffer between it and the client is full.
    await until('the end of the reads from the target', async () => {
      const now = await gate.metric('bytes_total');
      const still = now === last && now > 1_000_000;
      last = now;
      await pause(150);
      return still;
    });
    assert.ok(last < 64 * 1024 * 1024, `${last} bytes moved`);
    const slots = (await gate.metric('slab_slots_in_use')) - idle;
    assert.ok(slots <= 12, `it holds ${slots} slots`);
    assert.deepEqual(rowsOf(await good.ask([query('select 1')])), [['1']]);
    greedy.socket.destroy();
    await assertNoLeak(gate, 1);
    good.close();
    await assertNoLeak(gate);
  });
}
