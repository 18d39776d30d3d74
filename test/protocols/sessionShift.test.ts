/** What would let rows pass under the plan of another statement: answers that come where another one is owed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copyData, copyFail, query, sync } from '../support/rawPostgres.ts';
import { canaries, policy } from './sessionExchanges.ts';
import { complete, copyIn, dataRow, diagnostic, ready, rowDescription } from './sessionTarget.ts';
import type { Answer } from './sessionTarget.ts';
import { World } from './sessionWires.ts';

const all = Buffer.concat;
const copy = 'copy public.orders (note) from stdin';
const hidden = "select ssn || '' as a from public.customers";
const shown = "select 'x' as a";
const raw = '123-45-6789';

/** Reads of COPY data what comes first and refuses it; a Sync behind that is answered, as by PostgreSQL. */
const server: Answer = ({ type, text }) => {
  if (type === 'd') return all([diagnostic({ C: '22P04', M: 'no' }), ready()]);
  if (type === 'S') return ready();
  if (type !== 'Q') return null;
  if (text === copy) return copyIn(1);
  return all([rowDescription({ name: 'a' }), dataRow(text === hidden ? raw : 'x'), complete('SELECT 1'), ready()]);
};

test('a Sync in the data of a COPY that has failed is not taken for the end of the next query', async () => {
  const world = await World.open({ policy, target: { answer: server } });
  const session = world.open();
  session.client.push(world.login);
  await session.rest();
  session.client.push(
    all([query(copy), copyData('bad\n'), sync, copyFail('x'), query(hidden), query(shown), query(shown)]),
  );
  await session.rest();
  const received = all(session.received);
  for (const canary of canaries) assert.ok(!received.includes(canary), `${canary} got out`);
  assert.ok(!received.includes(raw));
  assert.equal(session.client.closed, true);
});
