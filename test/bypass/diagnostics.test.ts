/** Errors, notices and side channels of the protocol quote no masked value. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { bind, copyData, copyDone, execute, fieldsOf, parse, query, sync } from '../support/rawPostgres.ts';
import type { RawMessage } from '../support/rawPostgres.ts';
import { errorOf, leaks, openLab, send } from './lab.ts';
import type { Lab, Step } from './lab.ts';

const one = '(select ssn from customers where id = 3)';

/** Statements whose error, notice or report would quote a raw value. */
const quoting: readonly Step[] = [
  `select ${one}::int`,
  `select ${one}::date`,
  `select ${one}::json`,
  `select ${one}::xml`,
  `select ${one}::uuid, ${one}::inet, ${one}::point`,
  `select cast(${one} as numeric(3))`,
  `select ${one}::regclass`,
  `select ${one}::regproc`,
  `select nextval(${one})`,
  `select set_config(${one}, 'x', false)`,
  `select set_config('statement_timeout', ${one}, false)`,
  `select set_config('x.y', ${one}, false)`,
  `select current_setting(${one})`,
  `select to_timestamp(${one}, 'YYYY')`,
  `select to_number(${one}, '999')`,
  `select to_date(${one}, 'YYYY-MM-DD')`,
  `select encode('x', ${one})`,
  `select decode(${one}, 'hex')`,
  `select decode(${one}, 'base64')`,
  `select convert_to('x', ${one})`,
  `select format(${one} || '%z')`,
  `select regexp_replace('x', '(' || ${one}, '')`,
  `select 'x' ~ ('(' || ${one})`,
  `select 'x' like '\\'`,
  `select to_tsquery(${one} || ' & ! (')`,
  `select ${one}::tsquery`,
  `select jsonb_path_query('{}', ${one}::jsonpath)`,
  `select has_table_privilege(${one}, 'select')`,
  `select has_database_privilege(current_user, ${one})`,
  `select pg_get_serial_sequence(${one}, 'x')`,
  `select date_trunc(${one}, now())`,
  `select extract(epoch from now() at time zone ${one})`,
  `select make_interval(years => ${one}::int)`,
  `select array_in(textin(${one}::cstring), 25, -1)`,
  `select ${one}::text[]`,
  `select ('{' || ${one} || ',{')::text[]`,
  `select row_to_json(x)::text::int from customers x`,
  `select x::text::int from customers x`,
  `select 1 / (case when ${one} like 'Z%' then 0 else 1 end)`,
  `select (select ssn from customers)`,
  `insert into customers select * from customers where id = 3`,
  `update customers set email = (select email from customers where id = 4) where id = 3`,
  `update customers set first_name = null where id = 3`,
  `update customers set id = 4 where id = 3`,
  `insert into customers (id, first_name, email, ssn, profile, created_at) select 99, null, email, ssn, '{}', now() from customers where id = 3`,
  `insert into orders (id, customer_id, status, total, created_at) values (-1, -1, 'x', 1, now())`,
  `delete from customers where id = 3`,
  `create table lab_check as select ssn from customers; create unique index on lab_check ((left(ssn, 4)))`,
  `create table lab_type (n int); insert into lab_type select ssn::int from customers`,
  `explain (analyze, costs off, timing off, summary off, buffers off) select * from customers where ssn = ${one}`,
  `explain verbose select 1 from customers where ssn = any (array(select ssn from customers))`,
  `set client_min_messages = debug5; select ssn from customers`,
  `set debug_print_plan = on; set client_min_messages = log; select ssn from customers`,
  `set log_statement = 'all'; set client_min_messages = log; select 'x' from customers where ssn = 'x'`,
  `reset client_min_messages; analyze verbose customers`,
  `select most_common_vals, histogram_bounds from pg_stats where tablename = 'customers'`,
  `select histogram_bounds::text from pg_stats where tablename = 'customers'`,
  `select stavalues1, stavalues2 from pg_statistic`,
  `select * from pg_statistic`,
  `listen lab; select pg_notify('lab', ${one}); select 1`,
  `select pg_notify(left(${one}, 9), '')`,
  `show x.y`,
  `select current_setting('x.y')`,
  `select name, setting from pg_settings where name = 'x.y'`,
  `select query from pg_stat_activity`,
  `declare "c" cursor for select ssn from customers; fetch c; select * from pg_cursors`,
];

suite('diagnostics', () => {
  let lab: Lab;
  before(async () => {
    lab = await openLab();
  });
  after(() => lab.end());

  for (const format of ['simple', 'extended'] as const) {
    test(`nothing raw is quoted, ${format}`, async () => {
      const found: string[] = [];
      for (const step of quoting) {
        const client = await lab.connect();
        const sql = String(step);
        const sent: Step = format === 'simple' ? `begin; ${sql}` : [parse('', sql), bind('', ''), execute(''), sync];
        const seen = [
          ...(await send(client, sent)),
          ...(await send(client, 'rollback')),
          ...(await send(client, 'select 1')),
        ];
        client.close();
        const leaked = leaks(seen);
        if (leaked.length > 0) found.push(`${sql}: ${leaked.join(', ')}`);
      }
      assert.deepEqual(found, []);
    });
  }

  test('a value of one candidate is not confirmed by an error that quotes it', async () => {
    const client = await lab.connect();
    const seen = await send(client, `select ${one}::int -- Zq7k`);
    assert.deepEqual(leaks(seen), []);
    assert.equal(errorOf(seen)?.slice(0, 5), '42501');
  });

  test('errors of the statement itself stay readable', async () => {
    const [gated, direct] = [await lab.connect(), await lab.connectDirect()];
    for (const sql of [
      'select nothing from customers',
      'select * from nowhere',
      'selec 1',
      'select 1 +',
      "select 'x'::int",
      'select f(1)',
      'insert into products values (1)',
    ]) {
      assert.equal(errorOf(await send(gated, sql)), errorOf(await send(direct, sql)), sql);
    }
  });

  /** Fields that people read. */
  const read = (seen: readonly RawMessage[]): { M: string | undefined; D: string | undefined } => {
    const error = seen.find(({ type }) => type === 'E');
    const { M, D }: Record<string, string | undefined> = error === undefined ? {} : fieldsOf(error);
    return { M, D };
  };

  const harmless: Readonly<Record<string, readonly Step[]>> = {
    'the key of a column without a mask': [
      "insert into products (id, name, price) values (1, 'x', 1)",
      'update products set id = 2 where id = 1',
    ],
    'a foreign key between columns without masks': [
      'create temp table tops (id int primary key)',
      'create temp table subs (top int references tops)',
      'insert into subs values (7)',
    ],
    'a parameter of a type that it does not fit': [
      [parse('', 'select name from products where id = $1'), bind('', '', ['abc']), execute(''), sync],
      [parse('', 'select name from products where price > $1'), bind('', '', ['12,5']), execute(''), sync],
    ],
    'a value of COPY': [[query('copy products (id, name, price) from stdin'), copyData('abc\tx\t1\n'), copyDone]],
  };
  for (const [name, steps] of Object.entries(harmless)) {
    test(`the client reads what it has given: ${name}`, async () => {
      const [gated, direct] = [await lab.connect(), await lab.connectDirect()];
      for (const step of steps) {
        const [got, wanted] = [read(await send(gated, step)), read(await send(direct, step))];
        assert.deepEqual(got, wanted, String(step));
      }
      assert.notDeepEqual(read(await send(gated, steps[steps.length - 1])), { M: undefined, D: undefined });
      gated.close();
      direct.close();
    });
  }

  test('a key of a masked column, or one that a detector knows, is not quoted', async () => {
    const client = await lab.connect();
    const values = "99999, 'a', 'b', 'aJv8hJv8hJv8h3@example.com', '{}', now()";
    const taken = `insert into customers (id, first_name, last_name, email, profile, created_at) values (${values})`;
    assert.equal(read(await send(client, taken)).D, 'Key (email)=([masked]).');
    await send(client, 'create temp table cards (number text primary key)');
    const card = "insert into cards values ('4111111111111111')";
    await send(client, card);
    assert.equal(String(read(await send(client, card)).D).includes('4111111111111111'), false);
    client.close();
  });

  test('the record of a refusal says why, with columns and without values', async () => {
    const client = await lab.connect();
    const refused: readonly (readonly [string, string, readonly string[] | undefined])[] = [
      ["select id from customers where ssn = '1'", 'BG_POLICY_BLOCKED', ['probes public.customers.ssn in where']],
      ["update customers set ssn = '****' where id = 3", 'BG_MASK_WRITTEN', ['writes a mask to public.customers.ssn']],
      ['selec 1', 'BG_STATEMENT_UNPARSABLE', undefined],
    ];
    for (const [sql] of refused) await send(client, sql);
    client.close();
    const lines = await lab.gate.audit();
    for (const [sql, code, uses] of refused) {
      const line = lines.findLast((one) => one['text'] === sql);
      assert.deepEqual([line?.['code'], line?.['uses']], [code, uses], sql);
    }
  });
});
