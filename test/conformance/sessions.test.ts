import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, suite, test } from 'node:test';
import { Client } from 'pg';
import type { TestGate } from '../support/gate.ts';
import type { PostgresServer } from '../support/postgres.ts';
import {
  bind,
  execute,
  fieldsOf,
  int32,
  parse,
  query,
  RawClient,
  rowsOf,
  sync,
  typesOf,
} from '../support/rawPostgres.ts';
import type { RawMessage } from '../support/rawPostgres.ts';
import { directTo, endings, openShop, policies, through } from './shop.ts';

function sent(processId: number, secret: Uint8Array): Buffer {
  return Buffer.concat([int32(12 + secret.length), int32(80_877_102), int32(processId), secret]);
}

/** Sends a CancelRequest and waits until the gate has closed the connection; returns what it answered. */
async function cancel(gate: TestGate, processId: number, secret: Uint8Array): Promise<Buffer> {
  const socket = net.connect(gate.port, gate.host);
  socket.write(sent(processId, secret));
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks);
}

suite('cancel', () => {
  const ending = endings();
  let gate: TestGate;
  let watcher: Client;
  let server: PostgresServer;
  before(async () => {
    ({ gate, server } = await openShop(ending));
    watcher = new Client(directTo(server));
    await watcher.connect();
    ending.after(() => watcher.end());
  });
  after(() => ending.end());

  const untilSleeping = async (count = 1): Promise<void> => {
    const text = "select 1 from pg_stat_activity where state = 'active' and wait_event = 'PgSleep'";
    while ((await watcher.query(text)).rows.length < count);
  };

  for (const minor of [0, 2]) {
    test(`protocol 3.${minor}: the key of a session cancels its statement and no other's`, async () => {
      const client = await RawClient.connect({ ...through(gate, 'free'), minor });
      const other = await RawClient.connect({ ...through(gate, 'free'), minor });
      client.send(query('select pg_sleep(60)'));
      other.send(query('select pg_sleep(1.5)'));
      await untilSleeping(2);
      const foreign = Buffer.from(client.secret);
      foreign[0] ^= 1;
      assert.equal((await cancel(gate, client.processId, foreign)).length, 0);
      assert.equal((await cancel(gate, client.processId, randomBytes(8))).length, 0);
      assert.equal((await cancel(gate, client.processId + 1, client.secret)).length, 0);
      assert.equal((await cancel(gate, client.processId, other.secret)).length, 0);
      assert.equal((await watcher.query("select 1 from pg_stat_activity where wait_event = 'PgSleep'")).rows.length, 2);
      assert.equal((await cancel(gate, client.processId, client.secret)).length, 0);
      const all = await client.until('Z');
      assert.equal(fieldsOf(all[1]).C, '57014');
      assert.equal(typesOf(await other.until('Z')), 'T D C Z');
      assert.deepEqual(rowsOf(await client.ask([query('select 1')])), [['1']]);
      client.close();
      other.close();
    });
  }

  test('a masked result is cancelled in the middle, and the session goes on', async () => {
    const client = await RawClient.connect(through(gate));
    client.send(query('select c.ssn, g, pg_sleep(0.001) from customers c, generate_series(1, 100000) g'));
    assert.equal((await client.next()).type, 'T');
    assert.equal((await client.next()).type, 'D');
    await cancel(gate, client.processId, client.secret);
    const all = await client.until('Z');
    const [error] = all.filter(({ type }) => type === 'E');
    assert.equal(fieldsOf(error).C, '57014');
    assert.deepEqual(rowsOf(await client.ask([query('select 1')])), [['1']]);
    client.close();
  });

  test('the key ends with its session', async () => {
    const client = await RawClient.connect(through(gate, 'free'));
    const { processId, secret } = client;
    client.close();
    await client.untilClosed();
    assert.equal((await cancel(gate, processId, secret)).length, 0);
  });

  test('a target session that is terminated ends the client with the words of the target', async () => {
    const client = await RawClient.connect(through(gate, 'free'));
    const [[pid]] = rowsOf(await client.ask([query('select pg_backend_pid()')]));
    await watcher.query('select pg_terminate_backend($1)', [Number(pid)]);
    const all = await client.untilClosed();
    assert.equal(fieldsOf(all[0]).C, '57P01');
    assert.equal(fieldsOf(all[0]).S, 'FATAL');
  });
});

suite('LISTEN and NOTIFY', () => {
  const ending = endings();
  let gate: TestGate;
  before(async () => ({ gate } = await openShop(ending)));
  after(() => ending.end());

  test('notifications come to an idle client, and detectors look at their payload', async () => {
    const idle = await RawClient.connect(through(gate, 'free'));
    const watched = await RawClient.connect(through(gate, 'watched'));
    for (const client of [idle, watched]) await client.ask([query('listen news')]);
    const speaker = await RawClient.connect(through(gate, 'alice'));
    await speaker.ask([query("notify news, 'mail to a.person@example.org'")]);
    const payload = ({ type, body }: RawMessage): string => `${type} ${body.subarray(4).toString()}`;
    assert.equal(payload(await idle.next()), 'A news\0mail to a.person@example.org\0');
    const masked = payload(await watched.next());
    assert.match(masked, /^A news\0mail to /);
    assert.doesNotMatch(masked, /person@/);
    for (const client of [idle, watched, speaker]) client.close();
  });
});

suite('a change of policy', () => {
  const ending = endings();
  let gate: TestGate;
  before(async () => ({ gate } = await openShop(ending)));
  after(() => ending.end());

  const original = policies['engineering.yaml'];

  test('takes effect with the next statement, prepared ones included; an invalid one changes nothing', async () => {
    const client = await RawClient.connect(through(gate));
    const row = async (...messages: readonly Uint8Array[]): Promise<string> => {
      const all = await client.ask(messages);
      const [error] = all.filter(({ type }) => type === 'E');
      return error === undefined ? String(rowsOf(all)[0][0]) : fieldsOf(error).C;
    };
    await client.ask([parse('s', 'select ssn from customers where id = 1'), sync]);
    await client.ask([parse('n', 'select name from customers where id = 1'), sync]);
    await client.ask([query('prepare q as select ssn from customers where id = 1')]);
    const prepared = (name: string): Promise<string> => row(bind('', name), execute(''), sync);
    assert.deepEqual(
      [await prepared('s'), await prepared('n'), await row(query('execute q'))],
      ['*******0001', 'name 1', '*******0001'],
    );

    assert.ok(await gate.changePolicy('engineering.yaml', original.replace('keep_last: 4', 'keep_first: 3')));
    assert.deepEqual([await prepared('s'), await row(query('execute q'))], ['101********', '101********']);

    assert.ok(
      await gate.changePolicy('engineering.yaml', original.replace('"*.customers.email"', '"*.customers.name"')),
    );
    assert.notEqual(await prepared('n'), 'name 1');

    assert.ok(!(await gate.changePolicy('engineering.yaml', `${original}  - id: [broken\n`)));
    assert.ok(!(await gate.changePolicy('engineering.yaml', original.replace('action: mask', 'action: unmask'))));
    assert.notEqual(await prepared('n'), 'name 1');
    assert.equal(await prepared('s'), '*******0001');

    assert.ok(await gate.changePolicy('engineering.yaml', original.replace('"*.vault"', '"*.customers"')));
    assert.deepEqual(
      [await prepared('s'), await row(query('execute q')), await row(query('select ssn from customers'))],
      ['42501', '42501', '42501'],
    );
    assert.equal(await row(query('select 1')), '1');

    assert.ok(await gate.changePolicy('engineering.yaml', original));
    assert.deepEqual([await prepared('s'), await row(query('execute q'))], ['*******0001', '*******0001']);
    client.close();
  });

  test('is in force for the rest of a portal that is open', async () => {
    const client = await RawClient.connect(through(gate));
    await client.ask([query('begin')]);
    const first = await client.ask([
      parse('', 'select name from customers order by id'),
      bind('p', ''),
      execute('p', 1),
      sync,
    ]);
    assert.deepEqual(rowsOf(first), [['name 1']]);
    await client.ask([query('declare c cursor for select name from customers order by id')]);
    assert.ok(
      await gate.changePolicy('engineering.yaml', original.replace('"*.customers.email"', '"*.customers.name"')),
    );
    for (const message of [execute('p', 1), query('fetch 1 from c'), execute('c', 1)]) {
      const all = await client.ask(message[0] === 0x51 ? [message] : [message, sync]);
      assert.doesNotMatch(String(rowsOf(all)), /name \d/);
      assert.equal(rowsOf(all).length, 1);
    }
    assert.ok(await gate.changePolicy('engineering.yaml', original.replace('"*.vault"', '"*.customers"')));
    const [error] = await client.ask([execute('p', 1), sync]);
    assert.equal(fieldsOf(error).C, '42501');
    await client.ask([query('rollback')]);
    client.close();
    assert.ok(await gate.changePolicy('engineering.yaml', original));
  });

  test('every statement was recorded before it ran, and its end after', async () => {
    const client = await RawClient.connect(through(gate));
    await client.ask([query('select ssn from customers where id < 4')]);
    await client.ask([query('drop table orders')]);
    await client.ask([query('select 1/0')]);
    client.close();
    await client.untilClosed();
    const records = await gate.audit();
    const session = records.findLast(({ event }) => event === 'session_open')?.session;
    const own = records.filter((record) => record['session'] === session);
    const outcomes = own.filter(({ event }) => event === 'statement').map(({ outcome, text }) => `${outcome} ${text}`);
    assert.deepEqual(outcomes, [
      'allow select ssn from customers where id < 4',
      'block drop table orders',
      'allow select 1/0',
    ]);
  });
});
