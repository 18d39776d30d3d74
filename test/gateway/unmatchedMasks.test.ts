/** Mask rules that name no column of a connection are warned of once per rule and connection. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from 'pg';
import { gatePassword, startGate } from '../support/gate.ts';
import { startPostgres } from '../support/postgres.ts';
import { until } from './support.ts';

const rule = (id: string, column: string): string =>
  `  - { id: ${id}, match: { columns: ["${column}"] }, action: mask, with: redact }\n`;
const head = 'name: p\ndefault: allow\nrules:\n';

test('a mask rule that masks nothing is told after the catalog was read, and after a change', async (t) => {
  const server = await startPostgres({ database: 'shop' }, t);
  const { host, port, superuser, password, database } = server;
  const direct = new Client({ host, port, user: superuser, password, database });
  await direct.connect();
  await direct.query('create table customers (id int, ssn text)');
  await direct.end();
  const elsewhere =
    '  - { id: other, match: { columns: [none] }, action: mask, with: redact, applies_to: { connections: [b] } }\n';
  const gate = await startGate(
    {
      connections: [{ name: 'shop', server }],
      policies: { 'p.yaml': `${head}${rule('ssn', '*.costumers.ssn')}${rule('good', 'customers.ssn')}${elsewhere}` },
      users: { alice: [] },
    },
    t,
  );
  const ask = async (): Promise<void> => {
    const client = new Client({
      host: gate.host,
      port: gate.port,
      user: 'alice',
      password: gatePassword,
      database: 'shop',
    });
    await client.connect();
    await client.query('select id from customers');
    await client.end();
  };
  const told = () => gate.log.filter(({ msg }) => /names no column/.test(String(msg)));
  await ask();
  await until('a warning', () => told().length > 0);
  await ask();
  assert.equal(told().length, 1, 'once');
  const [{ connection, rule: id, pattern, nearest, place, level }] = told();
  assert.deepEqual([connection, id, pattern, nearest], ['shop', 'p/ssn', '*.costumers.ssn', 'customers.ssn']);
  assert.match(String(place), /p\.yaml:4$/);
  assert.ok(level === 'warn' || level === 40, String(level));

  assert.ok(await gate.changePolicy('p.yaml', `${head}${rule('ssn', '*.customers.snn')}`));
  await until('a warning', () => told().length > 1);
  assert.equal(told()[1].nearest, 'customers.ssn');
  assert.equal(told().length, 2);
});
