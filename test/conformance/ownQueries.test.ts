/** The gate's own queries on a client's connection, between what the client has sent ahead. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { TestGate } from '../support/gate.ts';
import { bind, execute, parse, query, RawClient, rowsOf, sync } from '../support/rawPostgres.ts';
import type { RawMessage } from '../support/rawPostgres.ts';
import { endings, openShop, through } from './shop.ts';

suite('own queries', () => {
  const ending = endings();
  let gate: TestGate;
  before(async () => {
    ({ gate } = await openShop(ending));
  });
  after(() => ending.end());

  test('what waits for one is answered behind it, and each row under the plan of its statement', async () => {
    const client = await RawClient.connect(through(gate, 'alice'));
    client.send(
      parse('', 'create temp table overtaken (x int)'),
      bind('', ''),
      execute('', 1),
      sync,
      parse('', 'select number from customer_view where id = 12'),
      bind('p1', ''),
      execute('p1'),
      query('commit'),
      query("select ssn || '' from customers where id = 3"),
      query("select 'x'::text"),
      query('select pg_sleep(0)'),
      query('select 9'),
    );
    const messages: RawMessage[] = [];
    for (let readies = 0; readies < 6;) {
      const message = await client.next();
      messages.push(message);
      if (message.type === 'Z') readies++;
    }
    client.socket.destroy();
    const rows = rowsOf(messages).map(([value]) => value);
    assert.deepEqual(rows, ['*******0012', '[redacted]', 'x', '', '9']);
  });
});
