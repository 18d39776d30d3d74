import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { after, before, suite, test } from 'node:test';
import postgres from 'postgres';
import type { Sql } from 'postgres';
import type { TestGate } from '../support/gate.ts';
import { endings, openShop, through } from './shop.ts';

const masked1 = '*******0001';

suite('the driver `postgres`', () => {
  const ending = endings();
  let gate: TestGate;
  let sql: Sql;
  const open = (user: 'alice' | 'free', max = 1): Sql => {
    const { user: username, ...rest } = through(gate, user);
    return postgres({ ...rest, username, max, onnotice: () => {} });
  };
  before(async () => {
    ({ gate } = await openShop(ending));
    sql = open('alice', 4);
  });
  after(async () => {
    await sql.end();
    await ending.end();
  });

  test('tagged queries, prepared and described by the driver', async () => {
    const id = 1;
    assert.deepEqual(
      [...(await sql`select id, ssn, tags[1:1] as tags from customers where id = ${id}`)],
      [{ id: 1, ssn: masked1, tags: null }],
    );
    assert.deepEqual(
      [...(await sql`select id from customers where id = any(${[1, 2]}) order by id`)],
      [{ id: 1 }, { id: 2 }],
    );
    assert.deepEqual([...(await sql.unsafe('select ssn from customers where id = $1', [1]))], [{ ssn: masked1 }]);
    const described = await sql`select id, ssn from customers where id = ${1}`.describe();
    assert.deepEqual(
      described.columns.map(({ name }) => name),
      ['id', 'ssn'],
    );
  });

  test('pipelining on one connection, blocked statements among others', async () => {
    const one = open('alice');
    const results = await Promise.allSettled(
      Array.from({ length: 60 }, (_, at) =>
        at % 10 === 5 ? one`drop table orders` : one`select ${at}::int as n, ssn from customers where id = 1`,
      ),
    );
    for (const [at, result] of results.entries()) {
      if (at % 10 === 5) {
        assert.equal(result.status, 'rejected');
        assert.equal((result.reason as { code: string }).code, '42501');
      } else {
        assert.equal(result.status, 'fulfilled');
        assert.deepEqual([...result.value], [{ n: at, ssn: masked1 }]);
      }
    }
    await one.end();
  });

  test('transactions, savepoints, and a block that rolls back', async () => {
    await assert.rejects(
      sql.begin(async (tx) => {
        await tx`insert into big values (1, 'x')`;
        await tx`truncate big`;
      }),
      { code: '42501' },
    );
    assert.deepEqual([...(await sql`select count(*)::int as n from big`)], [{ n: 0 }]);
    const value = await sql.begin(async (tx) => {
      await tx`insert into big values (1, 'x')`;
      await tx.savepoint((inner) => inner`drop table big`).catch(() => {});
      const [row] = await tx`delete from big returning body`;
      return (row as { body: string }).body;
    });
    assert.equal(value, 'x');
  });

  test('cursors', async () => {
    const seen: unknown[] = [];
    await sql`select ssn from customers where id < 8 order by id`.cursor(3, (rows) => {
      seen.push(...rows.map((row) => (row as { ssn: string }).ssn));
    });
    assert.deepEqual(
      seen,
      [1, 2, 3, 4, 5, 6, 7].map((id) => `*******000${id}`),
    );
    let first = 0;
    for await (const [row] of sql`select id from orders order by id`.cursor()) {
      assert.deepEqual(row, { id: 1 });
      if (++first === 1) break;
    }
  });

  test('COPY both ways', async () => {
    await sql.begin(async (tx) => {
      const writable = await tx`copy customers (id, name, ssn) from stdin`.writable();
      await pipeline(Readable.from(['2000\tx\t123-45-6789\n', '2001\ty\t\\N\n']), writable);
      const readable = await tx`copy (select ssn from customers where id >= 2000 order by id) to stdout`.readable();
      assert.equal(await text(readable), '*******6789\n\\N\n');
      await tx`delete from customers where id >= 2000`;
    });
  });

  test('listen and notify between sessions', async () => {
    const other = open('free');
    const payloads: string[] = [];
    const heard = Promise.withResolvers<void>();
    await other.listen('news', (payload) => {
      payloads.push(payload);
      if (payloads.length === 3) heard.resolve();
    });
    await sql.notify('news', 'one');
    await sql.begin((tx) => [tx`select pg_notify('news', 'two')`, tx`select pg_notify('news', 'three')`]);
    await heard.promise;
    assert.deepEqual(payloads, ['one', 'two', 'three']);
    await other.end();
  });

  test('a cancelled query', async () => {
    const one = open('free');
    const query = one`select pg_sleep(30)`.execute();
    const watcher = open('free');
    for (;;) {
      const [{ n }] =
        await watcher`select count(*)::int as n from pg_stat_activity where state = 'active' and query like '%pg_sleep(30)%' and pid <> pg_backend_pid()`;
      if (n > 0) break;
    }
    query.cancel();
    await assert.rejects(query, { code: '57014' });
    assert.deepEqual([...(await one`select 1 as a`)], [{ a: 1 }]);
    await Promise.all([one.end(), watcher.end()]);
  });
});
