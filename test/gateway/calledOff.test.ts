/** What runs at a target when its session ends is called off there, so that nothing is committed that nobody waits for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from 'pg';
import { startPostgres } from '../support/postgres.ts';
import { query } from '../support/rawPostgres.ts';
import type { RawClient } from '../support/rawPostgres.ts';
import { assertNoLeak, Endings, lastError, logIn, openGate, until } from './support.ts';
import type { Gate } from './support.ts';

interface Stage {
  readonly gate: Gate;
  /** Past the gate. */
  readonly watcher: Client;
  sleeping(): Promise<number>;
  written(): Promise<number>;
}

async function stage(endings: Endings, limits: string): Promise<Stage> {
  const server = await startPostgres({ database: 'shop' }, endings);
  const { host, port, database, superuser: user, password } = server;
  const watcher = new Client({ host, port, user, password, database });
  await watcher.connect();
  endings.after(() => watcher.end());
  await watcher.query('create table written (n int)');
  const gate = await openGate(endings, { target: { port, database, user, password }, limits });
  const count = async (text: string): Promise<number> => Number((await watcher.query<{ n: string }>(text)).rows[0].n);
  return {
    gate,
    watcher,
    sleeping: () => count("select count(*) n from pg_stat_activity where wait_event = 'PgSleep'"),
    written: () => count('select count(*) n from written'),
  };
}

async function startWriting({ gate, sleeping }: Stage, seconds: number): Promise<RawClient> {
  const client = await logIn(gate);
  client.send(query(`insert into written select 1 from pg_sleep(${seconds})`));
  await until('the statement', async () => (await sleeping()) === 1);
  return client;
}

test('a drain that has no more time rolls back what runs, as a server that shuts down does', async (context) => {
  const endings = new Endings(context);
  const at = await stage(endings, 'drain_ms: 100');
  const client = await startWriting(at, 600);
  await at.gate.stop();
  assert.equal(lastError(await client.untilClosed()).code, '57P01');
  await until('its end at the target', async () => (await at.sleeping()) === 0);
  assert.equal(await at.written(), 0);
});

test('a client that is gone leaves nothing running; one that takes its leave has what it sent run', async (context) => {
  const endings = new Endings(context);
  const at = await stage(endings, '');
  const gone = await startWriting(at, 600);
  gone.socket.destroy();
  await until('its end at the target', async () => (await at.sleeping()) === 0);
  assert.equal(await at.written(), 0);
  assert.equal(await at.gate.metric('cancel_requests_total'), 1);
  const leaving = await startWriting(at, 1);
  leaving.close();
  await until('the row', async () => (await at.written()) === 1);
  assert.equal(await at.gate.metric('cancel_requests_total'), 1);
  // At rest there is nothing to call off.
  const resting = await logIn(at.gate);
  resting.socket.destroy();
  await assertNoLeak(at.gate);
  assert.equal(await at.gate.metric('cancel_requests_total'), 1);
});
