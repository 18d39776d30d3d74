import assert from 'node:assert/strict';
import { pipeline } from 'node:stream/promises';
import { Readable, Writable } from 'node:stream';
import { after, before, suite, test } from 'node:test';
import { Client, Pool } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import Cursor from 'pg-cursor';
import QueryStream from 'pg-query-stream';
import type { TestGate } from '../support/gate.ts';
import { endings, openShop, through } from './shop.ts';

const masked1 = '*******0001';

suite('the driver `pg`', () => {
  const ending = endings();
  let gate: TestGate;
  let client: Client;
  before(async () => {
    ({ gate } = await openShop(ending));
    client = new Client(through(gate));
    await client.connect();
  });
  after(async () => {
    await client.end();
    await ending.end();
  });

  test('queries with and without parameters', async () => {
    const plain = await client.query('select id, ssn, born from customers where id = 1');
    assert.deepEqual(plain.rows, [{ id: 1, ssn: masked1, born: new Date(1970, 0, 2) }]);
    const bound = await client.query('select ssn as x, profile, tags, salary from customers where id = $1', [1]);
    assert.deepEqual(bound.rows, [
      { x: masked1, profile: '[redacted]', tags: ['[redacted]', null, '[redacted]'], salary: null },
    ]);
    assert.deepEqual([bound.command, bound.rowCount, bound.fields.length], ['SELECT', 1, 4]);
    const several = (await client.query('select 1 as a; select ssn from customers where id = 1')) as unknown as {
      rows: unknown[];
    }[];
    assert.deepEqual(
      several.map(({ rows }) => rows),
      [[{ a: 1 }], [{ ssn: masked1 }]],
    );
  });

  test('prepared statements, many times and in turn', async () => {
    for (let id = 1; id <= 60; id++) {
      const one = await client.query({
        name: 'by-id',
        text: 'select id, ssn from customers where id = $1',
        values: [1 + (id % 99)],
      });
      assert.match((one.rows[0] as { ssn: string }).ssn, /^\*{7}\d{4}$/);
      const two = await client.query({ name: 'sum', text: 'select $1::int + 1 as n', values: [id] });
      assert.deepEqual(two.rows, [{ n: id + 1 }]);
    }
  });

  test('errors, and life after them', async () => {
    await assert.rejects(client.query('drop table orders'), { code: '42501', severity: 'ERROR' });
    await assert.rejects(client.query('drop table orders where $1', [1]), { code: '42601' });
    await assert.rejects(client.query('select * frm orders'), {
      code: '42601',
      position: '10',
      message: 'syntax error at or near "frm"',
    });
    await assert.rejects(client.query({ name: 'bad', text: 'truncate orders' }), { code: '42501' });
    await client.query('begin');
    await assert.rejects(client.query('select secret from vault where true or $1', [true]), { code: '42501' });
    await assert.rejects(client.query('select 1'), { code: '25P02' });
    await client.query('rollback');
    assert.deepEqual((await client.query('select 1 as a')).rows, [{ a: 1 }]);
  });

  test('pg-cursor', async () => {
    const cursor = client.query(new Cursor('select id, ssn from customers where id <= $1 order by id', [7]));
    const ids: number[] = [];
    for (;;) {
      const rows = (await cursor.read(3)) as { id: number; ssn: string }[];
      if (rows.length === 0) break;
      for (const { id, ssn } of rows) {
        ids.push(id);
        assert.equal(ssn, `*******${String(id).padStart(4, '0')}`);
      }
    }
    assert.deepEqual(ids, [1, 2, 3, 4, 5, 6, 7]);
    const early = client.query(new Cursor('select ssn from customers'));
    assert.equal((await early.read(2)).length, 2);
    await early.close();
    assert.deepEqual((await client.query('select 1 as a')).rows, [{ a: 1 }]);
  });

  test('pg-query-stream over many rows', async () => {
    const text = 'select n, c.ssn from generate_series(1, 20000) n join customers c on c.id = 1 + n % 99';
    let rows = 0;
    for await (const row of client.query(new QueryStream(text, [], { batchSize: 500 }))) {
      rows++;
      assert.match((row as { ssn: string }).ssn, /^\*{7}\d{4}$/);
    }
    assert.equal(rows, 20_000);
  });

  test('pg-copy-streams both ways', async () => {
    const lines = Array.from(
      { length: 20_000 },
      (_, at) => `${1000 + at}\tname\t${100 + (at % 800)}-12-${String(at % 10_000).padStart(4, '0')}\n`,
    );
    await client.query('begin');
    await pipeline(Readable.from(lines), client.query(copyFrom('copy customers (id, name, ssn) from stdin')));
    const chunks: Buffer[] = [];
    const into = new Writable({ write: (chunk: Buffer, _, done) => (chunks.push(chunk), done()) });
    await pipeline(
      client.query(copyTo('copy (select id, ssn from customers where id >= 1000 order by id) to stdout')),
      into,
    );
    const got = Buffer.concat(chunks).toString().split('\n');
    assert.equal(got.length, 20_001);
    assert.equal(got[0], '1000\t*******0000');
    assert.ok(got.slice(0, -1).every((line) => /^\d+\t\*{7}\d{4}$/.test(line)));
    await client.query('rollback');
    await assert.rejects(
      pipeline(Readable.from(['x\n']), client.query(copyFrom('copy customers (id, name) from stdin'))),
      { code: /^22/ },
    );
    assert.deepEqual((await client.query('select 1 as a')).rows, [{ a: 1 }]);
  });

  test('large values in both directions, and as parameters', async () => {
    const large = 'ä'.repeat(1_000_000);
    const { rows } = await client.query('select $1::text as back, length($1) as length', [large]);
    const [{ back, length }] = rows as { back: string; length: number }[];
    assert.ok(back === large);
    assert.equal(length, 1_000_000);
    const bytes = Buffer.alloc(300_000, 0xab);
    const binary = await client.query('select $1::bytea as bytes', [bytes]);
    assert.ok((binary.rows[0] as { bytes: Buffer }).bytes.equals(bytes));
  });

  test('a parameter over the limit of a message ends that session with an error', async () => {
    const other = new Client(through(gate));
    await other.connect();
    // The gate closes it; what it says, the query below tells.
    other.on('error', () => {});
    await assert.rejects(other.query('select length($1)', ['x'.repeat(65 << 20)]));
    await other.end().catch(() => {});
    assert.deepEqual((await client.query('select 1 as a')).rows, [{ a: 1 }]);
  });

  test('a pool of sessions at once', async () => {
    const pool = new Pool({ ...through(gate), max: 10 });
    const all = await Promise.all(
      Array.from({ length: 200 }, (_, at) => pool.query('select $1::int as n, ssn from customers where id = 1', [at])),
    );
    assert.deepEqual(
      all.map(({ rows }) => rows),
      Array.from({ length: 200 }, (_, n) => [{ n, ssn: masked1 }]),
    );
    await pool.end();
  });
});
