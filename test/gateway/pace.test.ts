/** Sessions that rest too long, clients that do not read, and logins that say too much. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PaceKeeper } from '../../src/gateway/pace.ts';
import type { PaceLimits, Traffic } from '../../src/gateway/pace.ts';
import { YoungSpace } from '../../src/gateway/youngSpace.ts';
import { complete, dataRow, ready, rowDescription } from '../protocols/sessionTarget.ts';
import type { Answer } from '../protocols/sessionTarget.ts';
import { query, RawClient, rowsOf, startupMessage } from '../support/rawPostgres.ts';
import {
  assertNoLeak,
  dialGate,
  Endings,
  lastError,
  logIn,
  openFakeServer,
  openGate,
  password,
  readToEnd,
  until,
} from './support.ts';

const limits: PaceLimits = { idleMs: 1000, slowClientMs: 3000 };
const traffic = (receivedBytes: number, takenBytes: number, queuedBytes: number): Traffic => ({
  receivedBytes,
  takenBytes,
  queuedBytes,
});

test('every byte in either direction begins the idle time anew', () => {
  const keeper = new PaceKeeper(0);
  assert.equal(keeper.judge(traffic(10, 10, 0), false, limits, 500), 'moving');
  assert.equal(keeper.judge(traffic(11, 10, 0), false, limits, 1400), 'moving');
  assert.equal(keeper.judge(traffic(11, 11, 0), false, limits, 2300), 'moving');
  assert.equal(keeper.judge(traffic(11, 11, 0), false, limits, 3299), 'moving');
  assert.equal(keeper.judge(traffic(11, 11, 0), false, limits, 3300), 'idle');
});

test('a session whose statement runs is not idle, and its idle time begins with the end', () => {
  const keeper = new PaceKeeper(0);
  assert.equal(keeper.judge(traffic(10, 0, 0), true, limits, 90_000), 'moving');
  assert.equal(keeper.judge(traffic(10, 0, 0), false, limits, 90_999), 'moving');
  assert.equal(keeper.judge(traffic(10, 0, 0), false, limits, 91_000), 'idle');
  assert.equal(new PaceKeeper(0).judge(traffic(0, 0, 0), false, { ...limits, idleMs: null }, 1e9), 'moving');
});

test('a client that takes a little now and then is not slow; one that takes nothing is, whatever it sends', () => {
  const keeper = new PaceKeeper(0);
  for (let at = 1; at <= 5; at++) {
    assert.equal(keeper.judge(traffic(1, at, 1000), true, limits, at * 2900), 'moving');
  }
  assert.equal(keeper.judge(traffic(2, 5, 2000), true, limits, 17_499), 'moving');
  assert.equal(keeper.judge(traffic(3, 5, 3000), true, limits, 17_500), 'slow');
  const reads = new PaceKeeper(0);
  assert.equal(reads.judge(traffic(1, 1, 0), true, limits, 1e9), 'moving');
});

test('the young space may grow while there are many statements', () => {
  const said: boolean[] = [];
  const space = new YoungSpace(0, (growth) => void said.push(growth));
  space.look(4_999, 1000);
  space.look(10_100, 2000);
  space.look(12_700, 2500);
  space.look(12_701, 3000);
  space.look(12_701, 3000);
  assert.deepEqual(said, [false, true, false]);
});

const all = Buffer.concat;
const row = dataRow('x'.repeat(64 * 1024));
const much = all([
  rowDescription({ name: 'x' }),
  ...Array.from({ length: 1024 }, () => row),
  complete('SELECT 1024'),
  ready(),
]);
const answer: Answer = ({ type, text }) => {
  if (type !== 'Q') return null;
  if (text === 'begin') return all([complete('BEGIN'), ready('T')]);
  if (text.includes('pg_sleep')) return rowDescription({ name: 'pg_sleep' });
  if (text.includes('much')) return much;
  return all([rowDescription({ name: 'one' }), dataRow('1'), complete('SELECT 1'), ready()]);
};

test('idle_ms: sessions at rest are closed, in a transaction or not; a running statement is waited for', async (context) => {
  const endings = new Endings(context);
  const target = await openFakeServer(endings, { answer });
  const gate = await openGate(endings, { target, limits: 'idle_ms: 1000' });
  const sleeper = await logIn(gate);
  sleeper.send(query('select pg_sleep(60)'));
  const [resting, open] = [await logIn(gate), await logIn(gate)];
  await open.ask([query('begin')]);
  for (const client of [resting, open]) {
    const error = lastError(await client.untilClosed());
    assert.deepEqual([error.code, error.severity], ['57P05', 'FATAL']);
  }
  await assertNoLeak(gate, 1);
  assert.equal(await gate.metric('idle_timeouts_total'), 2);
  assert.equal(target.connections.filter(({ socket }) => !socket.closed).length, 1);
  sleeper.close();
  await assertNoLeak(gate);
  // The last record is written a turn after its session has gone.
  let reasons: unknown[] = [];
  await until('three records', async () => {
    reasons = (await gate.audit()).filter(({ event }) => event === 'session_close').map(({ reason }) => reason);
    return reasons.length === 3;
  });
  assert.deepEqual(reasons.toSorted(), ['BG_IDLE_TIMEOUT', 'BG_IDLE_TIMEOUT', 'client']);
});

test('slow_client_ms: who leaves a result unread loses the session, and the target is let go', async (context) => {
  const endings = new Endings(context);
  const target = await openFakeServer(endings, { answer });
  const gate = await openGate(endings, { target, limits: 'slow_client_ms: 1000' });
  const good = await logIn(gate);
  const greedy = await logIn(gate);
  greedy.socket.pause();
  greedy.send(query('select much'));
  await until('the end of the slow client', async () => (await gate.metric('slow_clients_total')) === 1);
  await assertNoLeak(gate, 1);
  assert.equal(await gate.metric('cancel_requests_total'), 1, 'it goes on with nothing');
  await until('the end of its target', () => target.connections.filter(({ socket }) => !socket.closed).length === 1);
  assert.deepEqual(rowsOf(await good.ask([query('select 1')])), [['1']]);
  greedy.socket.destroy();
});

test('startup_bytes: neither one long packet nor several that are long together', async (context) => {
  const endings = new Endings(context);
  const target = await openFakeServer(endings, { answer });
  const strict = await openGate(endings, { target, limits: 'startup_bytes: 512' });
  const usual = await openGate(endings, { target });
  const parameters = { user: 'alice', database: 'shop' };
  const socket = await dialGate(strict);
  socket.write(startupMessage(0, { ...parameters, application_name: 'n'.repeat(500) }));
  assert.match((await readToEnd(socket)).toString('latin1'), /\0C08P01\0/);
  // Each message of this login is shorter than the limit.
  const login = ({ port }: { readonly port: number }): Promise<RawClient> =>
    RawClient.connect({
      host: '127.0.0.1',
      port,
      password,
      ...parameters,
      parameters: { application_name: 'n'.repeat(400) },
    });
  await assert.rejects(login(strict));
  for (const client of [await login(usual), await logIn(strict)]) {
    assert.deepEqual(rowsOf(await client.ask([query('select 1')])), [['1']]);
  }
  await assertNoLeak(strict, 1);
});
