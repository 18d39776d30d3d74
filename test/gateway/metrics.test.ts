/** Every metric that docs/metrics.md promises moves when what it counts happens. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { latencyDefinitions, numberDefinitions } from '../../src/telemetry/definitions.ts';
import { complete, customers, dataRow, diagnostic, ready, rowDescription } from '../protocols/sessionTarget.ts';
import type { Answer } from '../protocols/sessionTarget.ts';
import { cstring, message, query, RawClient, typesOf } from '../support/rawPostgres.ts';
import { assertNoLeak, dialGate, Endings, logIn, openFakeServer, openGate, password, until } from './support.ts';

const all = Buffer.concat;
const described = rowDescription(customers.id, customers.ssn);
const rows = (count: number): Buffer => all(Array.from({ length: count }, () => dataRow('1', '123-45-6789')));
/** Enough for a lane to be started. */
const much = all([described, rows(40_000), complete('SELECT 40000'), ready()]);

const answer: Answer = ({ type, text }) => {
  if (type !== 'Q') return null;
  if (text.includes('pg_sleep')) return rowDescription({ name: 'pg_sleep' });
  if (text.includes('fails')) return all([diagnostic({ C: '22012' }), ready()]);
  if (text.startsWith('blastgate')) return all([diagnostic({ C: '42601' }), ready()]);
  return text.includes('offset 1') ? much : all([described, rows(2), complete('SELECT 2'), ready()]);
};

const policy = `name: all
default: allow
rules:
  - { id: ssn, match: { columns: ['*.customers.ssn'] }, action: mask, with: redact }
  - { id: drop, match: { statement: [drop] }, action: block }
  - { id: truncate, match: { statement: [truncate] }, action: approve, approvers: { groups: [dba] } }
`;
const observed = `name: watched
mode: observe
rules:
  - { id: all, match: { statement: [select] }, action: block }
`;

/** What this test does not drive, and why. Everything else must move here. */
const elsewhere: Readonly<Record<string, string>> = {
  idle_timeouts_total: 'needs a second of rest: pace.test.ts asserts it',
  slow_clients_total: 'needs a second of not reading: pace.test.ts asserts it',
  internal_errors_total: 'needs a bug: bugs.test.ts asserts it',
  audit_failures_total: 'needs a failing disk: FileSink reports it, as test/audit asserts',
  audit_records_waiting: 'is above 0 only within a turn of the event loop',
  slab_slots_in_use: 'is above 0 only while a result passes; its peak moves',
  slab_exhausted_total: 'needs more slots than there are: test/bytes asserts it',
  lane_ranges_in_flight: 'is above 0 only while a lane is at work',
  lane_ranges_refused_total: 'needs every lane busy: test/lanes asserts it',
  lane_deaths_total: 'needs a lane that dies: test/lanes asserts it',
};

/** Name and labels -> value, of histograms their counts. */
function parsed(text: string): Map<string, number> {
  const series = text.split('\n').filter((line) => line.startsWith('blastgate_') && !line.includes('_bucket{'));
  return new Map(
    series.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

test('every metric moves', async (context) => {
  const endings = new Endings(context);
  const gate = await openGate(endings, {
    target: await openFakeServer(endings, { answer }),
    policy,
    limits: 'connections_per_user: 3, authentication_ms: 300',
    masking: 'inline_bytes: 10000',
    connections: [
      '  - { name: down, protocol: postgres, target: { host: 127.0.0.1, port: 1, tls: disable }, credential: { user: gate } }',
    ],
  });
  const refused = (user: string, database: string, secret = password): Promise<void> =>
    assert.rejects(RawClient.connect({ host: '127.0.0.1', port: gate.port, user, password: secret, database }));
  await writeFile(join(gate.directory, 'policies', 'watched.yaml'), observed);
  await until('the new policy', async () => (await gate.metric('policy_reloads_total')) === 1);
  await writeFile(join(gate.directory, 'policies', 'wrong.yaml'), 'rules: [');
  await until('the wrong one', async () => (await gate.metric('policy_reloads_refused_total')) === 1);

  const client = await logIn(gate);
  for (const text of ['select id, ssn from customers', 'select id, ssn from customers', 'select fails', 'selec'])
    await client.ask([query(text)]);
  assert.equal(typesOf(await client.ask([query('drop table x')])), 'E Z');
  assert.equal(typesOf(await client.ask([query('truncate x')])), 'E Z');
  await until('a lane', async () => {
    await client.ask([query('select id, ssn from customers offset 1')]);
    return (await gate.metric('lane_ranges_total')) > 0;
  });
  const sleeper = await logIn(gate);
  sleeper.send(query('select pg_sleep(1000)'));
  await sleeper.until('T');
  const third = await logIn(gate);
  await refused('alice', 'shop');
  await refused('bob', 'shop', 'wrong');
  await refused('bob', 'nowhere');
  await refused('bob', 'down');
  const broken = await logIn(gate, 'bob');
  broken.send(message('!', cstring('x')));
  await broken.untilClosed();
  sleeper.socket.destroy();
  await until('its cancel', async () => (await gate.metric('cancel_requests_total')) === 1);
  const silent = await dialGate(gate);
  await until('it is seen', async () => (await gate.metric('unauthenticated_sockets_open')) === 1);
  const during = parsed(await gate.metrics());
  await until('its end', async () => (await gate.metric('authentication_timeouts_total')) === 1);
  silent.destroy();
  third.close();
  await until('the records', async () => (await gate.metric('audit_records_total')) > 10);
  const after = parsed(await gate.metrics());

  const still = [...numberDefinitions, ...latencyDefinitions].flatMap(({ name }) => {
    const series = [...after].filter(
      ([key]) =>
        key === name || key === `${name}_count` || key.startsWith(`${name}{`) || key.startsWith(`${name}_count{`),
    );
    if (series.length === 0) return [`${name} is not there`];
    const where = series.filter(([key]) => !key.includes('connection="down"'));
    return (where.length > 0 ? where : series)
      .filter(([key, value]) => value === 0 && (during.get(key) ?? 0) === 0)
      .map(([key]) => key.replace(/_count(?=\{|$)/, ''));
  });
  const excused = (key: string): boolean => key.replace(/\{.*/, '').replace('blastgate_', '') in elsewhere;
  // Of `shop` no dial has failed; that of `down` is looked at below.
  assert.deepEqual(
    still.filter((key) => !excused(key) && !key.startsWith('blastgate_dial_failures_total')),
    [],
  );
  const shown = (name: string, connection: string): number | undefined =>
    after.get(`blastgate_${name}{protocol="postgres",connection="${connection}"}`);
  assert.equal(shown('dial_failures_total', 'down'), 1);
  assert.equal(shown('target_up', 'down'), 0);
  assert.equal(shown('target_up', 'shop'), 1);
  client.close();
  await assertNoLeak(gate);
});

test('the list of what is not driven names metrics that exist', () => {
  const names = new Set(numberDefinitions.map(({ name }) => name.replace('blastgate_', '')));
  for (const name of Object.keys(elsewhere)) assert.ok(names.has(name), name);
});

test('a secret that cannot be read is said at the start, and takes nobody out of service', async (context) => {
  const endings = new Endings(context);
  const target = await openFakeServer(endings, { answer });
  const gate = await openGate(endings, {
    target,
    connections: [
      '  - { name: lost, protocol: postgres, target: { host: 127.0.0.1, port: 1, tls: disable }, credential: { user: gate, password: { exec: [/nowhere/secret-program] } } }',
    ],
  });
  await until('the warning', () => gate.log.some(({ level, connection }) => level === 'warn' && connection === 'lost'));
  const [warning] = gate.log.filter(({ connection }) => connection === 'lost');
  assert.deepEqual(
    [warning['msg'], warning['code'], warning['detail']],
    [
      'a connection cannot work: no credential',
      'BG_SECRET_UNAVAILABLE',
      'program /nowhere/secret-program cannot be run (ENOENT)',
    ],
  );
  assert.match(await gate.metrics(), /^blastgate_target_up\{protocol="postgres",connection="lost"\} 0$/m);
  const ready = await fetch(`http://127.0.0.1:${gate.controlPort}/readyz`, { headers: { connection: 'close' } });
  assert.deepEqual([ready.status, await ready.json()], [200, { status: 'ready' }]);
  (await logIn(gate)).close();
});
