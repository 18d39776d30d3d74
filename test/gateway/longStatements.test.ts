/** A statement of a megabyte keeps threads busy and nobody else waiting. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { complete, dataRow, diagnostic, ready, rowDescription } from '../protocols/sessionTarget.ts';
import type { Answer } from '../protocols/sessionTarget.ts';
import { query, rowsOf, typesOf } from '../support/rawPostgres.ts';
import { assertNoLeak, Endings, lastError, logIn, openFakeServer, openGate, until } from './support.ts';

const answer: Answer = ({ type, text }) => {
  if (type !== 'Q') return null;
  if (text === 'blastgate_refused') return Buffer.concat([diagnostic({ C: '42601' }), ready()]);
  return Buffer.concat([rowDescription({ name: 'one' }), dataRow('1'), complete('SELECT 1'), ready()]);
};

/** Dense: every two bytes make a column. */
const megabyte = `SELECT ${'a,'.repeat(500_000)}a FROM t`;

const policy = `name: all
default: allow
rules:
  - { id: ssn, match: { columns: ['*.customers.ssn'] }, action: mask, with: redact }
`;

for (const [what, file] of Object.entries({ 'without masks': undefined, 'with masks': policy })) {
  test(`others go on while a megabyte is analysed, ${what}`, async (context) => {
    const endings = new Endings(context);
    const target = await openFakeServer(endings, { answer });
    const gate = await openGate(endings, { target, ...(file === undefined ? {} : { policy: file }) });
    const [one, other] = [await logIn(gate), await logIn(gate, 'bob')];
    const order: string[] = [];
    const analysed = one.ask([query(megabyte)]).then((messages) => {
      order.push('long');
      return messages;
    });
    // A session that had to wait for the analysis would have its answer after it, every time.
    for (let turn = 0; turn < 20; turn++) {
      assert.deepEqual(rowsOf(await other.ask([query(`select ${turn}`)])), [['1']]);
      order.push('short');
    }
    assert.equal(typesOf(await analysed).at(-1), 'Z');
    assert.ok(order.indexOf('long') > 10, order.join(' '));
    one.close();
    other.close();
    await assertNoLeak(gate);
  });
}

test('a client that leaves while its statement is analysed leaves nothing behind', async (context) => {
  const endings = new Endings(context);
  const target = await openFakeServer(endings, { answer });
  const gate = await openGate(endings, { target });
  const client = await logIn(gate);
  client.send(query(megabyte));
  await until('all of it', async () => (await gate.metric('bytes_total')) > megabyte.length);
  client.socket.destroy();
  await assertNoLeak(gate);
});

test('what takes too long is refused, and the next statement is served', async (context) => {
  const endings = new Endings(context);
  const target = await openFakeServer(endings, { answer });
  const gate = await openGate(endings, { target, limits: 'analysis_ms: 100' });
  const client = await logIn(gate);
  const { code, text } = lastError(await client.ask([query(megabyte)]));
  assert.equal(code, '54001');
  assert.match(text, /longer than 100 ms/);
  assert.deepEqual(rowsOf(await client.ask([query('select 1')])), [['1']]);
  assert.deepEqual(
    target.connections.at(-1)?.target.asked.map(({ text: asked }) => asked),
    ['blastgate_refused', 'select 1'],
  );
  client.close();
  await assertNoLeak(gate);
});
