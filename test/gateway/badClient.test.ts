/** Clients that break the protocol, before the login and after it: they lose their session, and nobody else notices. */
import assert from 'node:assert/strict';
import type net from 'node:net';
import { test } from 'node:test';
import {
  bind,
  cstring,
  execute,
  int16,
  int32,
  message,
  parse,
  query,
  RawClient,
  rowsOf,
  startupMessage,
  sync,
} from '../support/rawPostgres.ts';
import {
  bindComplete,
  complete,
  dataRow,
  diagnostic,
  parseComplete,
  ready,
  rowDescription,
} from '../protocols/sessionTarget.ts';
import type { Answer } from '../protocols/sessionTarget.ts';
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
import type { Afterwards, Gate } from './support.ts';

const answer: Answer = ({ type }) => {
  if (type !== 'Q') return null;
  return Buffer.concat([rowDescription({ name: 'one' }), dataRow('1'), complete('SELECT 1'), ready()]);
};

async function openBoth(context: Afterwards, limits = ''): Promise<Gate> {
  const endings = new Endings(context);
  return await openGate(endings, { target: await openFakeServer(endings, { answer }), limits });
}

async function assertServes(client: RawClient): Promise<void> {
  assert.deepEqual(rowsOf(await client.ask([query('select 1')])), [['1']]);
}

const startups: readonly (readonly [what: string, bytes: Uint8Array, sqlstate: string | null])[] = [
  ['a length of zero', int32(0), '08P01'],
  ['a negative length', int32(-1), '08P01'],
  ['a length of two gigabytes', int32(0x7fffffff), '08P01'],
  ['a length above the limit', int32(10_005), '08P01'],
  ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), '08P01'],
  ['TLS where there is none', Buffer.from('160301010001000000', 'hex'), null],
  ['protocol 2.0', Buffer.concat([int32(8), int32(2 << 16)]), '0A000'],
  ['no user', startupMessage(0, {}), '08P01'],
  ['a string without end', Buffer.concat([int32(13), int32(3 << 16), Buffer.from('user!')]), '08P01'],
  ['a replication connection', startupMessage(0, { user: 'alice', replication: 'true' }), '0A000'],
  ['a setting that changes who runs', startupMessage(0, { user: 'alice', role: 'postgres' }), '0A000'],
  [
    'SSLRequest without end',
    Buffer.concat(Array.from({ length: 5 }, () => Buffer.concat([int32(8), int32(80_877_103)]))),
    '08P01',
  ],
  ['a password before it is asked for', message('p', cstring('secret')), '08P01'],
  [
    'a query in place of the password',
    Buffer.concat([startupMessage(0, { user: 'alice' }), query('select 1')]),
    '08P01',
  ],
  [
    'an unknown mechanism',
    Buffer.concat([startupMessage(0, { user: 'alice' }), message('p', cstring('PLAIN'), int32(0))]),
    '08P01',
  ],
  [
    'a token of a gigabyte',
    Buffer.concat([startupMessage(0, { user: 'alice' }), Buffer.from('p'), int32(1 << 30)]),
    '08P01',
  ],
];

test('before the login', async (context) => {
  const gate = await openBoth(context);
  const good = await logIn(gate);
  for (const [what, bytes, sqlstate] of startups) {
    const socket = await dialGate(gate);
    socket.write(bytes);
    const said = (await readToEnd(socket)).toString('latin1');
    if (sqlstate === null) assert.equal(said, '', what);
    else assert.ok(said.includes(`\0C${sqlstate}\0`), `${what}: ${JSON.stringify(said)}`);
    await assertServes(good);
  }
  // Whoever hangs up in the middle gets nothing and leaves nothing.
  const whole = startupMessage(0, { user: 'alice', database: 'shop' });
  for (let at = 0; at < whole.length; at += 3) {
    const socket = await dialGate(gate);
    socket.end(whole.subarray(0, at));
    await readToEnd(socket);
  }
  await assertServes(good);
  await assertNoLeak(gate, 1);
});

const messages: readonly (readonly [what: string, bytes: Uint8Array, code: string])[] = [
  ['an unknown type', message('!'), 'BG_PROTOCOL_VIOLATION'],
  ['a message of the server', message('Z', Buffer.from('I')), 'BG_PROTOCOL_VIOLATION'],
  ['a length that does not count itself', Buffer.concat([Buffer.from('Q'), int32(3)]), 'BG_PROTOCOL_VIOLATION'],
  ['a negative length', Buffer.concat([Buffer.from('Q'), int32(-5)]), 'BG_PROTOCOL_VIOLATION'],
  ['a length above the limit', Buffer.concat([Buffer.from('Q'), int32(65_537)]), 'BG_MESSAGE_TOO_LARGE'],
  ['a query without its zero byte', message('Q', Buffer.from('select 1')), 'BG_PROTOCOL_VIOLATION'],
  ['a query with two', message('Q', cstring('select 1'), cstring('drop table x')), 'BG_PROTOCOL_VIOLATION'],
  [
    'parameter types that are not there',
    message('P', cstring(''), cstring('select 1'), int16(9)),
    'BG_PROTOCOL_VIOLATION',
  ],
  [
    'a value that is not there',
    message('B', cstring(''), cstring(''), int16(0), int16(1), int32(99)),
    'BG_PROTOCOL_VIOLATION',
  ],
  [
    'a negative value',
    message('B', cstring(''), cstring(''), int16(0), int16(1), int32(-2), int16(0)),
    'BG_PROTOCOL_VIOLATION',
  ],
  ['Describe of nothing', message('D', Buffer.from('X'), cstring('')), 'BG_PROTOCOL_VIOLATION'],
  ['a late password', message('p', cstring('secret')), 'BG_PROTOCOL_VIOLATION'],
];

test('after the login', async (context) => {
  const gate = await openBoth(context, 'message_bytes: 65536');
  const good = await logIn(gate);
  for (const [what, bytes, code] of messages) {
    const bad = await logIn(gate);
    bad.send(bytes);
    const { code: sqlstate, text, severity } = lastError(await bad.untilClosed());
    assert.equal(severity, 'FATAL', what);
    assert.equal(sqlstate, '08P01', what);
    assert.ok(text.includes(`[${code}]`), `${what}: ${text}`);
    await assertServes(good);
  }
  for (const cut of [1, 4, 5, 9]) {
    const bad = await logIn(gate);
    bad.send(query('select 1').subarray(0, cut));
    bad.close();
    await bad.untilClosed();
  }
  await assertServes(good);
  await assertNoLeak(gate, 1);
});

test('who is not known, or not who he says, or wants what does not exist', async (context) => {
  const gate = await openBoth(context, 'connections_per_user: 2');
  const refused = async (user: string, secret: string, database: string): Promise<string> => {
    const options = { host: '127.0.0.1', port: gate.port, user, password: secret, database };
    const cause = await RawClient.connect(options).then(
      () => null,
      (error: unknown) => error,
    );
    assert.ok(cause instanceof Error);
    return cause.message;
  };
  const wrong = await refused('alice', 'wrong', 'shop');
  assert.match(wrong, /"C":"28P01"/);
  // Word for word the same, so that nobody learns which users there are.
  assert.equal(await refused('nobody', password, 'shop'), wrong);
  assert.equal(await refused('nobody', password, 'nowhere'), wrong);
  assert.match(await refused('alice', password, 'nowhere'), /"C":"3D000"/);
  const first = await logIn(gate);
  const second = await logIn(gate);
  assert.match(await refused('alice', password, 'shop'), /"C":"53300".*limits\.connections_per_user/);
  const other = await logIn(gate, 'bob');
  for (const client of [first, second, other]) {
    await assertServes(client);
    client.close();
  }
  await assertNoLeak(gate);
  let refusals: readonly Record<string, unknown>[] = [];
  await until('their records', async () => {
    refusals = (await gate.audit()).filter(({ event }) => event === 'login_refused');
    return refusals.length === 4;
  });
  assert.deepEqual(
    refusals.map(({ reason }) => reason),
    ['BG_AUTH_FAILED', 'BG_AUTH_FAILED', 'BG_AUTH_FAILED', 'BG_UNKNOWN_CONNECTION'],
  );
  // As they were claimed: who looks into an attack wants to know at whom it was aimed.
  assert.deepEqual(
    refusals.map(({ user, connection }) => [user, connection]),
    [
      ['alice', 'shop'],
      ['nobody', 'shop'],
      ['nobody', 'nowhere'],
      ['alice', 'nowhere'],
    ],
  );
  const [logged] = gate.log.filter(({ msg }) => msg === 'client turned away');
  assert.deepEqual([logged['user'], logged['connection']], ['alice', 'shop']);
  assert.equal(await gate.metric('authentication_failures_total'), 3);
  assert.equal(await gate.metric('unknown_connections_total'), 1);
});

test('a refusal names the limit that was hit, and no way that does not exist', async (context) => {
  const few = await openBoth(context, 'unauthenticated: 1');
  const oldest = await dialGate(few);
  await until('it is seen', async () => (await few.metric('unauthenticated_sockets_open')) === 1);
  const newer = await dialGate(few);
  assert.match((await readToEnd(oldest)).toString('latin1'), /BG_TOO_MANY_CONNECTIONS.*`limits\.unauthenticated`/);
  newer.destroy();
  const one = await openBoth(context, 'connections: 1');
  const client = await logIn(one);
  for (let turn = 0; turn < 3; turn++) await readToEnd(await dialGate(one));
  for (const [gate, limit] of [
    [few, 'limits.unauthenticated'],
    [one, 'limits.connections'],
  ] as const) {
    const warned = gate.log.filter(({ msg }) => msg === 'too many connections: clients are turned away');
    assert.deepEqual(
      warned.map((line) => line['limit']),
      [limit],
    );
  }
  client.close();
  await assertNoLeak(one);
  const replication = { host: '127.0.0.1', port: one.port, user: 'alice', password, database: 'shop' };
  await assert.rejects(RawClient.connect({ ...replication, parameters: { replication: 'true' } }), (error: Error) => {
    assert.match(error.message, /BG_FEATURE_REFUSED.*no policy lets them through/);
    return true;
  });
});

test('a client that calls itself anything is recorded in bounds', async (context) => {
  const gate = await openBoth(context, '');
  const user = `"}\n${'x'.repeat(250)}`;
  const options = { host: '127.0.0.1', port: gate.port, user, password, database: 'shop' };
  await assert.rejects(RawClient.connect(options), /28P01/);
  await assertNoLeak(gate);
  let refusals: readonly Record<string, unknown>[] = [];
  await until('the record', async () => {
    refusals = (await gate.audit()).filter(({ event }) => event === 'login_refused');
    return refusals.length === 1;
  });
  const [logged] = gate.log.filter(({ msg }) => msg === 'client turned away');
  for (const shown of [refusals[0]['user'], logged['user']]) {
    assert.ok(String(shown).startsWith('"}\nxxx') && String(shown).length < 260, String(shown));
  }
});

test('a login that takes too long, silent or byte by byte', async (context) => {
  const gate = await openBoth(context, 'authentication_ms: 300');
  const good = await logIn(gate);
  const silent = await dialGate(gate);
  const slow = await dialGate(gate);
  const bytes = startupMessage(0, { user: 'alice', database: 'shop', application_name: 'x'.repeat(200) });
  // The gate may close while a byte is under way.
  slow.on('error', () => {});
  let at = 0;
  const drip = setInterval(() => slow.write(bytes.subarray(at, ++at)), 5);
  const ends = await Promise.all([readToEnd(silent), readToEnd(slow)]);
  clearInterval(drip);
  for (const end of ends)
    assert.ok(end.toString('latin1').includes('\0C57014\0'), JSON.stringify(end.toString('latin1')));
  await assertServes(good);
  await assertNoLeak(gate, 1);
});

test('a client that sends without end and never reads is not read any more', async (context) => {
  const endings = new Endings(context);
  const row = dataRow('x'.repeat(1000));
  const big = Buffer.concat([
    rowDescription({ name: 'one' }),
    ...Array.from({ length: 10 }, () => row),
    complete('SELECT 10'),
    ready(),
  ]);
  const gate = await openGate(endings, {
    target: await openFakeServer(endings, { answer: ({ type }) => (type === 'Q' ? big : null) }),
  });
  const good = await logIn(gate);
  const { socket } = await logIn(gate);
  socket.pause();
  const some = Buffer.concat(Array.from({ length: 1000 }, () => query('select 1')));
  const enough = 64 * 1024 * 1024;
  let sent = 0;
  // What the gate does not read stays in this process, so writing has stopped once nothing has moved for a while.
  while (sent < enough && (await written(socket, some, 500))) sent += some.length;
  assert.ok(sent < enough, 'the gate took everything');
  assert.deepEqual(rowsOf(await good.ask([query('select 1')])).length, 10);
  socket.destroy();
  await assertNoLeak(gate, 1);
});

/** Whether the bytes were taken within `ms`. */
async function written(socket: net.Socket, bytes: Uint8Array, ms: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    socket.write(bytes, () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

test('thousands of commands before one Sync, to a server that answers only when it is told to', async (context) => {
  const endings = new Endings(context);
  let held: Buffer[] = [];
  const lazy: Answer = ({ type }) => {
    if (type === 'P') held.push(parseComplete);
    if (type === 'B') held.push(bindComplete);
    if (type === 'E') held.push(complete('INSERT 0 1'));
    if (type !== 'S' && type !== 'H') return null;
    const answers = Buffer.concat(type === 'S' ? [...held, ready()] : held);
    held = [];
    return answers;
  };
  const gate = await openGate(endings, { target: await openFakeServer(endings, { answer: lazy }) });
  const client = await logIn(gate);
  const count = 5000;
  const each = [bind('', 's'), execute('')];
  client.send(parse('s', 'insert into t values (1)'), ...Array.from({ length: count }, () => each).flat(), sync);
  const answers = await client.until('Z');
  assert.equal(answers.filter(({ type }) => type === 'C').length, count);
  assert.equal(answers.length, 2 * count + 2);
  client.close();
  await assertNoLeak(gate);
});

test('names and batches in the wrong order', async (context) => {
  const endings = new Endings(context);
  let skipping = false;
  const failing: Answer = ({ type, text }) => {
    if (type === 'S') {
      skipping = false;
      return ready();
    }
    if (skipping || type !== 'P' || text === 'select 1') return null;
    skipping = true;
    return diagnostic({ C: '42601', M: 'no' });
  };
  const gate = await openGate(endings, { target: await openFakeServer(endings, { answer: failing }) });
  const client = await logIn(gate);
  for (const batch of [
    [bind('', 'nothing'), execute(''), sync],
    [execute('nothing'), sync],
    [parse('', 'select from from'), bind('', ''), execute(''), sync],
  ]) {
    const answers = await client.ask(batch);
    assert.deepEqual(
      answers.map(({ type }) => type),
      ['E', 'Z'],
    );
    assert.ok(['26000', '34000', '42601'].includes(lastError(answers).code));
  }
  client.close();
  await until('the end', async () => (await gate.metric('sessions_open')) === 0);
  await assertNoLeak(gate);
});
