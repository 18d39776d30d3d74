import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import {
  bind,
  close,
  copyData,
  copyDone,
  describe,
  execute,
  fieldsOf,
  flush,
  int16,
  int32,
  message,
  parse,
  query,
  RawClient,
  rowsOf,
  sync,
  typesOf,
  valuesOf,
} from '../support/rawPostgres.ts';
import type { RawMessage } from '../support/rawPostgres.ts';
import { endings, openShop, through } from './shop.ts';
import type { Address } from './shop.ts';

const masked1 = '*******0001';
const masked2 = '*******0002';
const masked3 = '*******0003';

suite('masks in every form in which rows come', () => {
  const ending = endings();
  let alice: Address;
  let watched: Address;
  let direct: Address;
  let client: RawClient;
  before(async () => {
    const shop = await openShop(ending);
    alice = through(shop.gate);
    watched = through(shop.gate, 'watched');
    direct = through(shop.gate, 'free');
    client = await RawClient.connect(alice);
  });
  after(async () => {
    client.close();
    await ending.end();
  });

  const ask = async (...messages: readonly Uint8Array[]): Promise<RawMessage[]> => {
    const all = await client.ask(messages, messages.filter((bytes) => bytes[0] === 0x51 || bytes[0] === 0x53).length);
    // Whatever a test looks at, no raw number may be anywhere in any answer.
    assert.doesNotMatch(Buffer.concat(all.map(({ body }) => body)).toString('latin1'), /\d{3}-12-\d{4}/);
    return all;
  };

  test('simple queries: plain, aliased, through a view, a subquery, a CTE, a join, a set operation', async () => {
    const texts = [
      'select ssn from customers where id = 1',
      'select ssn as id from customers where id = 1',
      'select c.ssn as "x y" from customers as c where id = 1',
      'select number from customer_view where id = 1',
      'select z from (select ssn as z, id from customers) s where id = 1',
      'with a as (select ssn s from customers where id = 1) select s from a',
      'select c.ssn from orders o join customers c on c.id = o.customer where o.id = 100',
    ];
    for (const text of texts) assert.deepEqual(rowsOf(await ask(query(text))), [[masked1]], text);
    const star = rowsOf(await ask(query('select * from customers where id in (1, 100) order by id')));
    assert.deepEqual(star[0].slice(0, 4), ['1', 'name 1', 'u****@example.com', masked1]);
    assert.deepEqual(star[1].slice(0, 8), ['100', 'name 100', null, null, null, null, null, null]);
  });

  test('expressions over a masked column fail closed', async () => {
    const texts = [
      'select substr(ssn, 1, 6) from customers where id = 1',
      "select replace(ssn, '-', '') from customers where id = 1",
      'select reverse(ssn) from customers where id = 1',
      'select max(ssn) from customers',
      "select string_agg(ssn, ',') from customers",
      'select row_to_json(c) from customers c where id = 1',
      'select c from customers c where id = 1',
      'select array_agg(ssn) from customers',
      'select ascii(ssn) from customers where id = 1',
    ];
    for (const text of texts) {
      const [[value]] = rowsOf(await ask(query(text)));
      assert.doesNotMatch(value ?? '', /\d{2}/, text);
    }
  });

  test('text and binary formats per column, with Describe first or without', async () => {
    const text = 'select id, ssn, profile, tags, salary, photo, email from customers where id = $1';
    const formats = [1, 1, 1, 1, 1, 1, 0];
    const redacted = Buffer.from('[redacted]');
    const int = (value: number): Buffer => Buffer.of(0, 0, 0, value);
    // One dimension, with a bitmap of NULLs, of type text, three elements from 1 on.
    const array = Buffer.concat([
      int(1),
      int(1),
      int(25),
      int(3),
      int(1),
      int(10),
      redacted,
      Buffer.alloc(4, 0xff),
      int(10),
      redacted,
    ]);
    const wanted = [
      int(1),
      Buffer.from(masked1),
      Buffer.from('\u0001"[redacted]"'),
      array,
      null,
      redacted,
      Buffer.from('u****@example.com'),
    ];
    for (const middle of [[], [describe('P', '')]]) {
      const all = await ask(parse('', text), bind('', '', ['1'], formats), ...middle, execute(''), sync);
      assert.equal(typesOf(all), middle.length === 0 ? '1 2 D C Z' : '1 2 T D C Z');
      const row = all.find(({ type }) => type === 'D');
      assert.ok(row !== undefined);
      assert.deepEqual(valuesOf(row), wanted);
    }
    const nulls = await ask(parse('', text), bind('', '', ['100'], formats), execute(''), sync);
    assert.deepEqual(rowsOf(nulls)[0].slice(1), [null, null, null, null, null, null]);
    const plain = await ask(parse('', text), bind('', '', ['1']), execute(''), sync);
    assert.deepEqual(rowsOf(plain), [
      [
        '1',
        masked1,
        '"[redacted]"',
        '{[redacted],NULL,"[redacted]"}',
        null,
        '\\x5b72656461637465645d',
        'u****@example.com',
      ],
    ]);
  });

  test('named statements, reused with other formats, described, closed', async () => {
    await ask(parse('s', 'select ssn, id from customers where id = $1'), describe('S', 's'), sync);
    const rows = rowsOf(
      await ask(
        bind('', 's', ['1']),
        execute(''),
        bind('', 's', ['2'], [1]),
        execute(''),
        bind('p', 's', ['3'], [1, 0]),
        describe('P', 'p'),
        execute('p'),
        close('P', 'p'),
        sync,
      ),
    );
    assert.deepEqual(
      rows.map(([ssn]) => ssn),
      [masked1, masked2, masked3],
    );
    await ask(close('S', 's'), sync);
  });

  test('portals with row limits', async () => {
    await ask(query('begin'));
    const all = await ask(
      parse('', 'select ssn from customers where id <= 3 order by id'),
      bind('p', '', [], [1]),
      execute('p', 1),
      execute('p', 1),
      flush,
      execute('p'),
      sync,
    );
    assert.equal(typesOf(all), '1 2 D s D s D C Z');
    assert.deepEqual(rowsOf(all), [[masked1], [masked2], [masked3]]);
    await ask(query('commit'));
  });

  test('cursors: FETCH by either protocol, WITH HOLD, and Execute of a cursor', async () => {
    const declared = 'cursor for select ssn s, id from customers order by id';
    await ask(query(`begin; declare c ${declared}`));
    assert.deepEqual(rowsOf(await ask(query('fetch 1 from c'))), [[masked1, '1']]);
    const fetched = await ask(parse('', 'fetch 1 from c'), bind('', '', [], [1, 0]), execute(''), sync);
    assert.deepEqual(rowsOf(fetched), [[masked2, '2']]);
    assert.deepEqual(rowsOf(await ask(execute('c', 1), sync)), [[masked3, '3']]);
    assert.deepEqual(rowsOf(await ask(describe('P', 'c'), execute('c', 1), sync)), [['*******0004', '4']]);
    await ask(query('commit'));
    await ask(query(`begin; declare h ${declared.replace('cursor', 'cursor with hold')}; commit`));
    assert.deepEqual(rowsOf(await ask(query('fetch 2 from h'))), [
      [masked1, '1'],
      [masked2, '2'],
    ]);
    assert.deepEqual(rowsOf(await ask(execute('h', 1), sync)), [[masked3, '3']]);
    await ask(query('close h'));
    await ask(query(`begin; declare b binary ${declared}`));
    const [[ssn]] = rowsOf(await ask(query('fetch 1 from b')));
    assert.equal(ssn, masked1);
    await ask(query('rollback'));
  });

  test('cursors that the gate did not see being opened', async () => {
    const free = await RawClient.connect(direct);
    await free.ask([
      query(`create function open_it(refcursor) returns refcursor language plpgsql as
        $$ begin open $1 for select ssn, substr(ssn, 1, 3) from customers order by id; return $1; end $$`),
    ]);
    free.close();
    await ask(query("begin; select open_it('r')"));
    // The server names the column that rows come from; what an expression was made of, nobody knows.
    const fetched = rowsOf(await ask(query('fetch 1 from r')));
    assert.equal(fetched[0][0], masked1);
    for (const [, part] of rowsOf(await ask(query('fetch all from "r"')))) assert.doesNotMatch(part ?? '', /\d/);
    assert.doesNotMatch(fetched[0][1] ?? '', /\d/);
    // A portal that nobody declared does not exist for the protocol.
    assert.equal(fieldsOf((await ask(execute('r', 1), sync))[0]).C, '34000');
    await ask(query('rollback'));
    await ask(
      query("begin; do $$ declare s refcursor := 'd'; begin open s for select left(ssn, 3) from customers; end $$"),
    );
    for (const [ssn] of rowsOf(await ask(query('fetch 1 from d')))) assert.doesNotMatch(ssn ?? '', /\d/);
    await ask(query('rollback'));
  });

  test('an encoding of one byte a character', async () => {
    const latin = await RawClient.connect({ ...alice, parameters: { client_encoding: 'LATIN1' } });
    const all = await latin.ask([query('select ssn, chr(228) from customers where id = 1')]);
    const row = all.find(({ type }) => type === 'D');
    assert.ok(row !== undefined);
    assert.deepEqual(valuesOf(row), [Buffer.from(masked1), Buffer.of(0xe4)]);
    latin.close();
    // Characters that the gate cannot count cannot be masked, so such a session does not begin.
    const sjis = { ...alice, parameters: { client_encoding: 'SJIS' } };
    await assert.rejects(RawClient.connect(sjis), /BG_ENCODING_REFUSED/);
  });

  test('the fast path is refused, and the session goes on', async () => {
    const call = message('F', int32(2166), int16(0), int16(0), int16(0));
    const all = await client.ask([call]);
    assert.deepEqual([typesOf(all), fieldsOf(all[0]).C], ['E Z', '0A000']);
    assert.deepEqual(rowsOf(await ask(query('select 1'))), [['1']]);
  });

  test('SQL PREPARE and EXECUTE, also bound by the protocol', async () => {
    await ask(query('prepare q (int) as select ssn from customers where id = $1'));
    assert.deepEqual(rowsOf(await ask(query('execute q (1)'))), [[masked1]]);
    assert.deepEqual(rowsOf(await ask(parse('', 'execute q (2)'), bind('', '', [], [1]), execute(''), sync)), [
      [masked2],
    ]);
    assert.deepEqual(rowsOf(await ask(bind('', 'q', ['3']), execute(''), sync)), [[masked3]]);
    await ask(query('deallocate q'));
  });

  test('several statements in one query, each with its own masks', async () => {
    const all = await ask(
      query('select id from customers where id = 1; select ssn, id from customers where id = 2; select 3, 4'),
    );
    assert.deepEqual(rowsOf(all), [['1'], [masked2, '2'], ['3', '4']]);
  });

  test('RETURNING', async () => {
    await ask(query('begin'));
    assert.deepEqual(rowsOf(await ask(query("update customers set name = 'n' where id = 1 returning ssn, id"))), [
      [masked1, '1'],
    ]);
    const inserted = await ask(
      parse('', "insert into customers (id, name, ssn) values (500, 'x', '999-12-0005') returning ssn as s"),
      bind('', '', [], [1]),
      execute(''),
      sync,
    );
    assert.deepEqual(rowsOf(inserted), [['*******0005']]);
    assert.deepEqual(rowsOf(await ask(query('delete from customers where id = 500 returning *')))[0].slice(2, 4), [
      null,
      '*******0005',
    ]);
    await ask(query('rollback'));
  });

  const copied = async (text: string): Promise<string> => {
    const all = await ask(query(text));
    assert.match(typesOf(all), /^H( d)* c C Z$/);
    return all
      .filter(({ type }) => type === 'd')
      .map(({ body }) => body.toString('latin1'))
      .join('');
  };

  test('COPY out as text, csv with header and binary, of a table and of a query', async () => {
    assert.equal(
      await copied('copy (select id, ssn, tags from customers where id in (1, 100) order by id) to stdout'),
      `1\t${masked1}\t{[redacted],NULL,"[redacted]"}\n100\t\\N\t\\N\n`,
    );
    assert.equal(
      await copied('copy (select ssn as s, email, name from customers where id = 1) to stdout (format csv, header)'),
      `s,email,name\n"${masked1}","u****@example.com",name 1\n`,
    );
    const table = (await copied("copy customers (ssn, id) to stdout with csv delimiter ';'")).split('\n');
    assert.deepEqual([table.length, table[0].slice(8)], [101, `${masked1.slice(7)}";1`]);
    const binary = Buffer.from(
      await copied('copy (select ssn from customers where id = 1) to stdout (format binary)'),
      'latin1',
    );
    assert.equal(binary.subarray(0, 11).toString('latin1'), 'PGCOPY\n\u00ff\r\n\0');
    assert.deepEqual(
      binary.subarray(19),
      Buffer.concat([Buffer.of(0, 1, 0, 0, 0, 11), Buffer.from(masked1), Buffer.of(0xff, 0xff)]),
    );
    const all = await ask(parse('', 'copy customers (ssn) to stdout'), bind('', ''), execute(''), sync);
    assert.equal(all.filter(({ type }) => type === 'd').length, 100);
  });

  test('COPY in passes untouched', async () => {
    client.send(
      query('begin; copy customers (id, name, ssn) from stdin; select ssn from customers where id > 900; rollback'),
    );
    await client.until('G');
    client.send(copyData('901\tx\t123-45-6789\n'), copyData('902\ty\t\\N\n'), copyDone);
    assert.deepEqual(rowsOf(await client.until('Z')), [['*******6789'], [null]]);
  });

  test('errors quote no masked value and keep the transaction status', async () => {
    for (const text of [
      'select ssn::int from customers where id = 1',
      "insert into customers (id, name, ssn) select 1, 'x', ssn from customers where id = 1",
      "do $$ begin raise exception '%', (select ssn from customers where id = 1); end $$",
      "do $$ begin raise notice '%', (select ssn from customers where id = 1); end $$",
    ]) {
      await ask(query(text));
      await ask(query('begin'));
      const all = await ask(query(text));
      assert.equal(all.at(-1)?.body.toString(), typesOf(all).includes('E') ? 'E' : 'T', text);
      await ask(query('rollback'));
    }
    const [, error] = await ask(query('select ssn::int from customers where id = 1'));
    assert.equal(fieldsOf(error).C, '22P02');
  });

  test('detectors find values wherever they stand', async () => {
    const other = await RawClient.connect(watched);
    const rows = rowsOf(
      await other.ask([
        query('select \'mail to a.person@example.org now\', \'{"card": "4111 1111 1111 1111"}\'::jsonb, 7'),
      ]),
    );
    assert.equal(rows[0][2], '7');
    assert.doesNotMatch(`${rows[0][0]}${rows[0][1]}`, /person@|4111 1111/);
    const binary = await other.ask([
      parse('', 'select profile, name from customers where id = 1'),
      bind('', '', [], [1]),
      execute(''),
      sync,
    ]);
    assert.doesNotMatch(String(rowsOf(binary)[0][0]), /1111/);
    assert.equal(rowsOf(binary)[0][1], 'name 1');
    other.close();
  });

  test('large values, masked and not', async () => {
    const free = await RawClient.connect(direct);
    for (const [id, bytes] of [
      [1, 300_000],
      [2, 20_000_000],
    ]) {
      await free.ask([query(`insert into huge values (${id}, repeat('x', ${bytes - 4}) || 'tail')`)]);
      const [[plain]] = rowsOf(await free.ask([query(`select body from huge where id = ${id}`)]));
      assert.ok(plain === `${'x'.repeat(bytes - 4)}tail`);
      // A value longer than a slot has left in part before its end is known, so all of it becomes stars.
      const wanted = '*'.repeat(bytes);
      for (const format of [0, 1]) {
        const all = await ask(
          parse('', `select id, body, 'end' from huge where id = ${id}`),
          bind('', '', [], [format]),
          execute(''),
          sync,
        );
        const row = all.find(({ type }) => type === 'D');
        assert.ok(row !== undefined);
        const [, body, end] = valuesOf(row);
        assert.ok(body?.toString() === wanted, `${bytes} bytes, format ${format}`);
        assert.equal(end?.toString(), 'end');
      }
      const copy = (await ask(query(`copy (select body from huge where id = ${id}) to stdout`))).find(
        ({ type }) => type === 'd',
      );
      assert.ok(copy?.body.toString() === `${wanted}\n`, `${bytes} bytes, COPY`);
    }
    free.close();
  });

  test('1600 columns, one of them masked', async () => {
    const columns = Array.from({ length: 1599 }, (_, at) => `${at} as c${at}`).join(', ');
    const [row] = rowsOf(await ask(query(`select ${columns}, ssn from customers where id = 1`)));
    assert.equal(row.length, 1600);
    assert.deepEqual([row[0], row[1598], row[1599]], ['0', '1598', masked1]);
  });
});
