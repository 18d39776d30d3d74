/** A schema that the role may not use is passed over by the server, and so it is by the gate. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leaks, openLab, send } from './lab.ts';

const whole = 'select c::text from customers c where id = 3';

test('a table in front, in a schema that may not be used, stands for nothing', async (context) => {
  const lab = await openLab();
  context.after(() => lab.end());
  await lab.direct.query(
    `revoke deputy from gate; create schema gate; create table gate.customers (id int, city text);
     grant select on gate.customers to gate`,
  );
  const past = await send(await lab.connectDirect(), whole);
  assert.notDeepEqual(leaks(past), [], 'the server passes over it');
  assert.deepEqual(leaks(await send(await lab.connect(), whole)), []);
});

test('also once it may not be used any more', async (context) => {
  const lab = await openLab();
  context.after(() => lab.end());
  await lab.direct.query(
    `revoke deputy from gate; create schema gate; create table gate.customers (id int, city text);
     grant usage on schema gate to gate; grant select on gate.customers to gate; alter schema gate owner to gate`,
  );
  const client = await lab.connect();
  await send(client, 'select id, city from customers');
  const owner = await lab.connect('dana');
  const revoked = await send(owner, 'revoke all on schema gate from gate');
  assert.ok(revoked.some(({ type }) => type === 'C'));
  assert.notDeepEqual(leaks(await send(await lab.connectDirect(), whole)), [], 'the server passes over it');
  assert.deepEqual(leaks(await send(client, whole)), []);
});
