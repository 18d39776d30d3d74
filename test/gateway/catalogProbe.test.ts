/** Changes of the schema that do not pass the gate are noticed while sessions with masks are open. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from 'pg';
import { gatePassword, startGate } from '../support/gate.ts';
import type { TestGate } from '../support/gate.ts';
import { startPostgres } from '../support/postgres.ts';
import type { PostgresServer } from '../support/postgres.ts';
import { query, RawClient, rowsOf } from '../support/rawPostgres.ts';
import { Endings, until } from './support.ts';
import type { Afterwards } from './support.ts';

const schema = `
create table customers (id int primary key, name text, ssn text);
insert into customers values (1, 'Ann', '123-45-6789');
create view people as select id, name as shown from customers;
`;

function connect(server: PostgresServer, context: Afterwards): Promise<Client> {
  const { host, port, superuser: user, password, database } = server;
  const client = new Client({ host, port, user, password, database });
  // Some tests take the server away.
  client.on('error', () => {});
  context.after(() => client.end().catch(() => {}));
  return client.connect().then(() => client);
}

const intervalMs = 100;

const policy = `name: engineering
applies_to: { groups: [engineering] }
default: allow
rules:
  - { id: ssn, match: { columns: ["*.customers.ssn"] }, action: mask, with: { keep_last: 4 } }
`;

interface World {
  readonly server: PostgresServer;
  readonly gate: TestGate;
  readonly direct: Client;
  logIn(user: string): Promise<RawClient>;
}

/** `gateContext` ends the gate, if it is to end by itself. */
async function openWorld(
  context: Afterwards,
  gateContext: Afterwards = context,
  probeMs: number = intervalMs,
): Promise<World> {
  const server = await startPostgres({ database: 'shop' }, context);
  const direct = await connect(server, context);
  await direct.query(schema);
  const gate = await startGate(
    {
      connections: [{ name: 'shop', server }],
      policies: {
        'engineering.yaml': policy,
        'free.yaml': 'name: free\napplies_to: { groups: [dba] }\ndefault: allow\n',
      },
      users: { alice: ['engineering'], bob: ['dba'] },
      more: `masking: { catalog_probe_ms: ${probeMs} }`,
    },
    gateContext,
  );
  const { host, port } = gate;
  const logIn = (user: string): Promise<RawClient> =>
    RawClient.connect({ host, port, user, password: gatePassword, database: 'shop' });
  return { server, gate, direct, logIn };
}

/** Process ids of the gate's own connections. */
async function own(direct: Client): Promise<number[]> {
  const { rows } = await direct.query<{ pid: number }>(
    "select pid from pg_stat_activity where application_name = 'blastgate'",
  );
  return rows.map(({ pid }) => pid);
}

async function untilMasked(client: RawClient, text: string): Promise<void> {
  await until(`a mask on ${text}`, async () => {
    const [[value]] = rowsOf(await client.ask([query(text)]));
    return /^(?:\*{7}6789|\[redacted\])$/.test(String(value));
  });
}

const replaceView = 'create or replace view people as select id, ssn as shown from customers';

test('a view that is replaced at the server shows masked values soon', async (context) => {
  const { direct, logIn } = await openWorld(new Endings(context));
  const client = await logIn('alice');
  const prepared = await logIn('alice');
  assert.deepEqual(rowsOf(await client.ask([query('select shown from people')])), [['Ann']]);
  await prepared.ask([query('prepare p as select shown from people where id = 1')]);
  await direct.query(replaceView);
  await untilMasked(client, 'select shown from people');
  await untilMasked(client, "select shown || '' from people");
  await untilMasked(prepared, 'execute p');
  client.close();
  prepared.close();
});

test('columns that change their names at the server', async (context) => {
  const { direct, logIn } = await openWorld(new Endings(context));
  const client = await logIn('alice');
  assert.deepEqual(rowsOf(await client.ask([query("select name || '' from customers")])), [['Ann']]);
  // In one message, and so in one transaction.
  await direct.query(`alter table customers rename name to swap; alter table customers rename ssn to name;
    alter table customers rename swap to ssn`);
  await untilMasked(client, "select name || '' from customers");
  client.close();
});

test('a probe whose connection is ended goes on with another', async (context) => {
  const { direct, logIn } = await openWorld(new Endings(context));
  const client = await logIn('alice');
  let first: number | undefined;
  await until('a probe', async () => (first = (await own(direct))[0]) !== undefined);
  await direct.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'blastgate'");
  await until('another probe', async () => (await own(direct)).some((pid) => pid !== first));
  await direct.query(replaceView);
  await untilMasked(client, 'select shown from people');
  client.close();
});

test('a target that is started anew', async (context) => {
  const endings = new Endings(context);
  const { server, gate, direct, logIn } = await openWorld(endings);
  const client = await logIn('alice');
  assert.deepEqual(rowsOf(await client.ask([query('select shown from people')])), [['Ann']]);
  const { rows } = await direct.query<{ pid: number }>('select pg_backend_pid() as pid');
  // Commits are not flushed at once here.
  await direct.query('checkpoint');
  // After the death of one process the server ends all others and recovers.
  process.kill(rows[0].pid, 'SIGKILL');
  await client.untilClosed();
  let again: Client | null = null;
  await until('the server', async () => (again = await connect(server, endings).catch(() => null)) !== null);
  const next = await logIn('alice');
  await (again as Client | null)?.query(replaceView);
  await untilMasked(next, 'select shown from people');
  next.close();
  assert.deepEqual(
    gate.log.filter(({ msg }) => /bug/.test(String(msg))),
    [],
  );
});

test('without masks, and without sessions, the target has no connection of the gate', async (context) => {
  const { direct, gate, logIn } = await openWorld(new Endings(context));
  const free = await logIn('bob');
  const end = performance.now() + 5 * intervalMs;
  while (performance.now() < end) {
    await free.ask([query('select 1')]);
    assert.deepEqual(await own(direct), []);
  }
  const masked = await logIn('alice');
  await until('a probe', async () => (await own(direct)).length === 1);
  // A policy without masks needs none, and one with masks needs it again.
  assert.equal(await gate.changePolicy('engineering.yaml', 'name: engineering\ndefault: allow\n'), true);
  await masked.ask([query('select 1')]);
  await until('no connection', async () => (await own(direct)).length === 0);
  assert.equal(await gate.changePolicy('engineering.yaml', policy), true);
  await untilMasked(masked, 'select ssn from customers');
  await until('a probe', async () => (await own(direct)).length === 1);
  masked.close();
  await until('no connection', async () => (await own(direct)).length === 0);
  // What was changed while nobody looked is known to the next session from its first statement on.
  const stopped = performance.now() + 3 * intervalMs;
  while (performance.now() < stopped) await direct.query('select 1');
  await direct.query(replaceView);
  const next = await logIn('alice');
  assert.deepEqual(rowsOf(await next.ask([query('select shown from people')])), [['*******6789']]);
  next.close();
  free.close();
});

test('a gate that stops ends its probes', async (context) => {
  const server = new Endings(context);
  let stop = (): Promise<void> => Promise.resolve();
  const { direct, logIn } = await openWorld(server, { after: (undo) => (stop = undo) });
  await logIn('alice');
  await until('a probe', async () => (await own(direct)).length === 1);
  await stop();
  await until('no connection', async () => (await own(direct)).length === 0);
  const end = performance.now() + 5 * intervalMs;
  while (performance.now() < end) assert.deepEqual(await own(direct), []);
});

test('0 asks for no probes', async (context) => {
  const endings = new Endings(context);
  const { direct, logIn } = await openWorld(endings, endings, 0);
  const client = await logIn('alice');
  const end = performance.now() + 5 * intervalMs;
  while (performance.now() < end) {
    await client.ask([query('select 1')]);
    assert.deepEqual(await own(direct), []);
  }
  client.close();
});
