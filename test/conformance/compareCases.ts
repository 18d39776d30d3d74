/**
 * Conversations whose answers must be the same through the gate as without it, byte by byte. They name no OID that a
 * server makes up while they run, no process id and no time.
 */
import {
  bind,
  close,
  copyData,
  copyDone,
  copyFail,
  describe,
  execute,
  flush,
  message,
  parse,
  query,
  sync,
} from '../support/rawPostgres.ts';

/** What is sent, and up to which messages the answer is awaited before the next step. */
export interface Step {
  readonly send: readonly Uint8Array[];
  readonly until: string;
  readonly count: number;
}

export interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Too long to go byte by byte. */
  readonly bulky?: true;
}

/** A step that is over when every Query and Sync in it was answered. */
function step(...send: readonly Uint8Array[]): Step {
  const count = send.filter((bytes) => bytes[0] === 0x51 || bytes[0] === 0x53).length;
  return { send, until: 'Z', count };
}

function until(last: string, ...send: readonly Uint8Array[]): Step {
  return { send, until: last, count: 1 };
}

const simple = (name: string, ...texts: readonly string[]): Case => ({
  name,
  steps: texts.map((text) => step(query(text))),
});

const bulky = (name: string, ...texts: readonly string[]): Case => ({ ...simple(name, ...texts), bulky: true });

const columns1600 = Array.from({ length: 1600 }, (_, at) => `${at} as c${at}`).join(', ');
const orders = 'select id, customer, note, amount from orders where id <= $1 order by id';

export const cases: readonly Case[] = [
  simple('one row', "select 1 as a, 'x' as b, null as c"),
  simple('rows of a table', 'select id, note, amount from orders order by id limit 20'),
  simple('no rows', 'select id from orders where false'),
  simple('no columns', 'select from orders limit 3'),
  bulky('many rows', "select n, repeat('x', n % 50) from generate_series(1, 20000) n"),
  bulky('1600 columns', `select ${columns1600}`),
  simple(
    'types as text',
    "select true, 1::int2, 2::int8, 1.5::float4, 'NaN'::float8, 12.340::numeric, date '2020-01-02', timestamptz '2020-01-02 03:04:05+00', " +
      "interval '1 day 2 hours', '\\x00ff'::bytea, '{1,2}'::int[], '{a,NULL,\"b,c\"}'::text[], '{\"a\": [1]}'::json, '[1]'::jsonb, " +
      "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, point '(1,2)', int4range(1, 5), row(1, 'x'), '10.0.0.1'::inet, 'a'::\"char\", b'101', '<a/>'::xml",
  ),
  simple('empty queries', '', ';', ' -- only a comment\n', ';;;'),
  simple('several statements', "select 1; select 'two'; select 3 where false"),
  simple('several statements, the second fails', 'select 1; select 1/0; select 3', 'select 4'),
  simple('division by zero', 'select 1/0'),
  simple(
    'unknown table and column, with positions',
    'select * from missing',
    'select missing from orders',
    'select missing(1)',
  ),
  simple(
    'syntax errors',
    'selec 1',
    'select 1 from',
    "select 'é', 'unterminated",
    'select 1; selec 2',
    'begin',
    'select )',
    'select 1',
    'rollback',
  ),
  simple('wrong type', "select 'x'::int", 'select 1 + true'),
  simple('a transaction', 'begin', 'select 1', 'commit', 'select 2'),
  simple('a failed transaction', 'begin', 'select 1/0', 'select 1', 'commit', 'select 2'),
  simple('a failed transaction, rolled back', 'begin', 'select * from missing', 'select 1', 'rollback', 'select 2'),
  simple('warnings about transactions', 'commit', 'rollback', 'begin', 'begin', 'commit'),
  simple('savepoints', 'begin', 'savepoint a', 'select 1/0', 'rollback to a', 'select 1', 'release a', 'commit'),
  simple(
    'an implicit transaction',
    'create temp table implicit (a int); insert into implicit values (1); select 1/0',
    "select count(*) from pg_class where relname = 'implicit'",
  ),
  simple('begin and failure in one query', 'begin; select 1; select 1/0; select 2', 'select 3', 'rollback'),
  simple('isolation and read only', 'begin isolation level serializable read only', 'delete from orders', 'rollback'),
  simple(
    'a deferred constraint that fails at commit',
    'begin',
    'create table d (a int unique deferrable initially deferred)',
    'insert into d values (1), (1)',
    'commit',
    'select 1',
  ),
  simple(
    'notices',
    "do $$ begin raise notice 'hello %', 1; raise warning 'careful'; raise info 'by the way'; end $$",
    'create table if not exists big ()',
  ),
  simple(
    'errors that are raised',
    "do $$ begin raise exception 'custom' using errcode = '22023', hint = 'do that', detail = 'because'; end $$",
  ),
  simple(
    'settings',
    "set timezone = 'Europe/Paris'",
    'show timezone',
    "set application_name = 'me'",
    'reset timezone',
    "set local work_mem = '8MB'",
    'show nonsense',
  ),
  simple('search_path', 'set search_path = pg_catalog, public', 'show search_path', 'reset search_path'),
  simple(
    'insert, update, delete',
    "insert into big values (1, 'a'), (2, 'b') returning id, body",
    "update big set body = 'c' where id = 1 returning body",
    'delete from big returning id',
    'select count(*) from big',
  ),
  simple(
    'a constraint that fails',
    'insert into big values (5, null)',
    'insert into big values (5, null)',
    'delete from big',
  ),
  simple(
    'merge',
    "merge into big using (values (7, 'x')) v (id, body) on big.id = v.id when not matched then insert values (v.id, v.body)",
    'delete from big where id = 7',
  ),
  simple(
    'cursors',
    'begin',
    'declare c scroll cursor for select id, note from orders order by id',
    'fetch 3 from c',
    'fetch backward 2 from c',
    'move 5 in c',
    'fetch absolute 1 from c',
    'close c',
    'fetch c',
    'rollback',
  ),
  simple(
    'a cursor WITH HOLD',
    'begin',
    'declare h cursor with hold for select id from orders order by id',
    'commit',
    'fetch 2 from h',
    'fetch all from h',
    'close h',
    'fetch h',
  ),
  simple(
    'PREPARE and EXECUTE',
    'prepare p (int) as select id, note from orders where id = $1',
    'execute p (3)',
    'execute p (4)',
    "execute p ('x')",
    'prepare p as select 1',
    'deallocate p',
    'execute p (1)',
    'deallocate all',
  ),
  simple(
    'explain',
    'explain (costs off) select id from orders where id = 1',
    'explain (costs off, format json) select 1',
  ),
  simple(
    'listen and notify itself',
    'listen ch',
    "notify ch, 'hi'",
    "begin; notify ch, 'a'; notify ch, 'b'; commit",
    'unlisten *',
    "notify ch, 'unheard'",
  ),
  simple('discard', 'prepare x as select 1', 'discard all', 'execute x', 'discard plans'),
  bulky('long text', `select length('${'é'.repeat(20_000)}'), '${'x'.repeat(300_000)}'`),
  simple(
    'functions, values, set operations, windows',
    'select add_one(41)',
    'values (1, 2), (3, 4)',
    'select 1 union all select 2 order by 1',
    'with recursive r (n) as (select 1 union all select n + 1 from r where n < 5) select n, sum(n) over (order by n) from r',
    'table orders limit 1 offset 3000',
  ),
  simple(
    'copy to stdout',
    'copy (select id, note from orders order by id limit 5) to stdout',
    "copy (select 1, null, 'a,b') to stdout (format csv, header)",
    "copy (select 1, 'x'::text) to stdout (format binary)",
  ),
  simple(
    'copy that fails on the way out',
    'copy (select 10 / (5 - n) from generate_series(1, 9) n) to stdout',
    'select 1',
  ),
  {
    name: 'copy from stdin',
    steps: [
      until('G', query('copy big from stdin')),
      step(
        copyData('1\tone\n2\ttw'),
        copyData('o\n'),
        copyDone,
        query('select id, body from big order by id; delete from big'),
      ),
    ].map((entry, at) => (at === 1 ? { ...entry, count: 2 } : entry)),
  },
  {
    name: 'copy from stdin without waiting',
    steps: [
      {
        send: [query('copy big from stdin (format csv)'), copyData('1,one\n'), copyDone, query('delete from big')],
        until: 'Z',
        count: 2,
      },
    ],
  },
  {
    name: 'copy given up by the client',
    steps: [
      until('G', query('copy big from stdin')),
      { send: [copyData('1\tone\n'), copyFail('changed my mind')], until: 'Z', count: 1 },
      step(query('select count(*) from big')),
    ],
  },
  {
    name: 'copy of bad data',
    steps: [
      until('G', query('copy big from stdin')),
      { send: [copyData('x\tone\n'), copyData('2\ttwo\n'), copyDone], until: 'Z', count: 1 },
      step(query('select count(*) from big')),
    ],
  },
  {
    name: 'copy between other statements',
    steps: [
      until('G', query('select 1; copy big from stdin; delete from big; select 2')),
      { send: [copyData('1\tone\n'), copyDone], until: 'Z', count: 1 },
    ],
  },
  {
    name: 'copy by the extended protocol',
    steps: [
      until('G', parse('', 'copy big from stdin'), bind('', ''), execute(''), sync),
      step(copyData('1\tone\n'), copyDone, sync),
      step(query('delete from big')),
    ],
  },
  {
    name: 'copy out by the extended protocol',
    steps: [step(parse('', 'copy (select 1, 2) to stdout'), bind('', ''), describe('P', ''), execute(''), sync)],
  },
  {
    name: 'a failing copy by the extended protocol',
    steps: [
      until('G', parse('', 'copy big from stdin'), bind('', ''), execute(''), flush),
      step(copyData('x\tone\n'), copyDone, sync),
      step(query('select count(*) from big')),
    ],
  },
  {
    name: 'extended query',
    steps: [step(parse('', orders), bind('', '', ['3']), describe('P', ''), execute(''), sync)],
  },
  {
    name: 'extended query in one go with describe of the statement',
    steps: [step(parse('', orders, [23]), describe('S', ''), bind('', '', ['3'], [1]), execute(''), sync)],
  },
  {
    name: 'formats per column',
    steps: [
      step(parse('f', orders), sync),
      step(bind('', 'f', ['2'], [1, 0, 0, 1]), describe('P', ''), execute(''), sync),
      step(bind('', 'f', ['2'], [0, 1, 1, 0]), execute(''), sync),
      step(bind('', 'f', ['2'], [1]), execute(''), close('S', 'f'), sync),
    ],
  },
  {
    name: 'named statements, reused and closed',
    steps: [
      step(parse('n', 'select $1::int + 1'), sync),
      step(bind('', 'n', ['1']), execute(''), bind('', 'n', ['2']), execute(''), sync),
      step(parse('n', 'select 2'), sync),
      step(close('S', 'n'), sync),
      step(bind('', 'n', ['1']), sync),
      step(close('S', 'never was'), sync),
    ],
  },
  {
    name: 'row limits',
    steps: [
      step(query('begin')),
      step(parse('', orders), bind('p', '', ['7']), execute('p', 3), sync),
      step(execute('p', 3), sync),
      step(execute('p', 3), sync),
      step(execute('p', 3), sync),
      step(close('P', 'p'), query('commit')),
    ],
  },
  {
    name: 'row limits that end with the transaction',
    steps: [
      step(parse('', orders), bind('p', '', ['7']), execute('p', 3), sync),
      step(execute('p', 3), sync),
      step(query('select 1')),
    ],
  },
  {
    name: 'two portals in turn',
    steps: [
      step(query('begin')),
      step(
        parse('', orders),
        bind('a', '', ['4']),
        bind('b', '', ['6'], [1]),
        execute('a', 1),
        execute('b', 2),
        execute('a', 2),
        execute('b'),
        execute('a'),
        sync,
      ),
      step(query('commit')),
    ],
  },
  {
    name: 'an SQL cursor executed by the protocol',
    steps: [
      step(query('begin')),
      step(query('declare c cursor for select id, note from orders order by id')),
      step(describe('P', 'c'), execute('c', 2), execute('c', 2), sync),
      step(query('fetch 1 from c')),
      step(query('commit')),
      step(execute('c'), sync),
    ],
  },
  {
    name: 'a protocol portal fetched by SQL',
    steps: [
      step(query('begin')),
      step(parse('', orders), bind('p', '', ['7']), execute('p', 2), sync),
      step(query('fetch 2 from p')),
      step(execute('p'), sync),
      step(query('commit')),
    ],
  },
  {
    name: 'SQL PREPARE bound by the protocol, and the other way round',
    steps: [
      step(query('prepare s1 as select note from orders where id = $1')),
      step(bind('', 's1', ['2']), describe('P', ''), execute(''), sync),
      step(parse('s2', 'select $1::int'), sync),
      step(query('execute s2 (5)')),
      step(query('deallocate s2')),
      step(bind('', 's2', ['2']), execute(''), sync),
    ],
  },
  {
    name: 'statements without rows',
    steps: [
      step(
        parse('', 'insert into big values (9, $1)'),
        describe('S', ''),
        bind('', '', ['x']),
        describe('P', ''),
        execute(''),
        parse('', 'delete from big'),
        bind('', ''),
        execute(''),
        sync,
      ),
    ],
  },
  {
    name: 'RETURNING',
    steps: [
      step(
        parse('', 'insert into big values ($1, $2) returning id, body'),
        bind('', '', ['9', null], [1, 0]),
        describe('P', ''),
        execute(''),
        sync,
      ),
      step(parse('', 'delete from big returning id'), bind('', ''), execute(''), sync),
    ],
  },
  {
    name: 'empty extended queries',
    steps: [
      step(parse('', ''), describe('S', ''), bind('', ''), describe('P', ''), execute(''), sync),
      step(parse('', ' ; '), bind('', ''), execute(''), sync),
    ],
  },
  {
    name: 'several statements in one Parse',
    steps: [step(parse('', 'select 1; select 2'), bind('', ''), execute(''), sync), step(query('select 3'))],
  },
  {
    name: 'errors at every stage',
    steps: [
      step(parse('', 'select * from missing'), bind('', ''), execute(''), sync),
      step(parse('', 'select $1::int'), bind('', '', ['x']), describe('P', ''), execute(''), sync),
      step(parse('', 'select $1::int'), bind('', '', []), execute(''), sync),
      step(parse('', 'select 1/$1::int'), bind('', '', ['0']), execute(''), sync),
      step(parse('', 'select 1, 2'), bind('', '', [], [0, 1, 0]), execute(''), sync),
      step(parse('', 'select from where'), bind('', ''), execute(''), sync),
      step(bind('', 'missing'), execute(''), sync),
      step(bind('', ''), execute(''), sync),
      step(execute(''), sync),
      step(execute('missing'), sync),
      step(describe('S', 'missing'), sync),
      step(describe('P', 'missing'), sync),
      step(query('select 1')),
    ],
  },
  {
    name: 'a pipeline',
    steps: [
      step(
        parse('', 'select $1::text'),
        bind('', '', ['a']),
        execute(''),
        sync,
        bind('', '', ['b']),
        execute(''),
        sync,
        query('select 3'),
        parse('', 'select 4'),
        bind('', ''),
        execute(''),
        sync,
      ),
    ],
  },
  {
    name: 'a pipeline with an error in the middle',
    steps: [
      step(
        parse('a', 'select 1'),
        bind('', 'a'),
        execute(''),
        parse('b', 'select 1/0'),
        bind('', 'b'),
        execute(''),
        parse('c', 'select 3'),
        bind('', 'c'),
        execute(''),
        sync,
        bind('', 'a'),
        execute(''),
        sync,
      ),
      step(bind('', 'c'), execute(''), sync),
      step(bind('', 'b'), execute(''), sync),
    ],
  },
  {
    name: 'a pipeline that fails at its first message',
    steps: [
      step(
        parse('', 'select nope'),
        bind('', ''),
        describe('P', ''),
        execute(''),
        close('S', ''),
        flush,
        sync,
        parse('', 'select 1'),
        bind('', ''),
        execute(''),
        sync,
      ),
    ],
  },
  {
    name: 'a pipeline in a transaction that fails',
    steps: [
      step(
        parse('', 'begin'),
        bind('', ''),
        execute(''),
        parse('', 'select 1/0'),
        bind('', ''),
        execute(''),
        sync,
        parse('', 'select 1'),
        bind('', ''),
        execute(''),
        sync,
        query('select 2'),
        parse('', 'rollback'),
        bind('', ''),
        execute(''),
        sync,
      ),
    ],
  },
  {
    name: 'an implicit transaction over a pipeline',
    steps: [
      step(
        parse('', "insert into big values (1, 'x')"),
        bind('', ''),
        execute(''),
        parse('', 'select 1/0'),
        bind('', ''),
        execute(''),
        sync,
      ),
      step(query('select count(*) from big')),
    ],
  },
  {
    name: 'a Query in the middle of an extended one',
    steps: [step(parse('', 'select 1'), bind('', ''), query('select 2'), execute(''), sync), step(query('select 3'))],
  },
  {
    name: 'a Query that is ignored up to Sync',
    steps: [
      { send: [parse('', 'select nope'), bind('', ''), query('select 2'), execute(''), sync], until: 'Z', count: 1 },
      step(query('select 3')),
    ],
  },
  {
    name: 'Flush without Sync',
    steps: [
      until('C', parse('', 'select 1'), bind('', ''), execute(''), flush),
      step(sync),
      until('E', parse('', 'select nope'), flush),
      step(bind('', ''), execute(''), sync),
    ],
  },
  { name: 'Sync alone, twice', steps: [step(sync, sync)] },
  {
    name: 'changed shape of a prepared statement',
    steps: [
      step(query('create temp table s (a int)')),
      step(parse('s', 'select count(*), max(s.a) + 1 from s'), bind('', 's'), execute(''), sync),
      step(query('alter table s alter a type bigint')),
      step(bind('', 's'), execute(''), sync),
      step(query('deallocate s')),
    ],
  },
  {
    name: 'FETCH with a prepared statement',
    steps: [
      step(query('begin; declare c cursor for select id from orders order by id')),
      step(
        parse('', 'fetch 2 from c'),
        bind('', '', [], [1]),
        describe('P', ''),
        execute(''),
        bind('', ''),
        execute(''),
        sync,
      ),
      step(query('commit')),
    ],
  },
  {
    name: 'extended statements of a transaction',
    steps: ['begin', 'savepoint s', 'select 1/0', 'rollback to s', 'select 1', 'commit'].map((text) =>
      step(parse('', text), bind('', ''), describe('P', ''), execute(''), sync),
    ),
  },
  {
    name: 'a large parameter and a large value',
    bulky: true,
    steps: [
      step(
        parse('', 'select length($1::text), $1::text'),
        bind('', '', ['y'.repeat(400_000)], [0, 1]),
        execute(''),
        sync,
      ),
    ],
  },
  {
    name: 'Close of a portal in mid-result',
    steps: [
      step(query('begin')),
      step(parse('', orders), bind('p', '', ['7']), execute('p', 2), close('P', 'p'), execute('p', 2), sync),
      step(query('rollback')),
    ],
  },
  {
    name: 'CopyData out of place is ignored',
    steps: [
      step(copyData('x'), query('select 1')),
      step(copyDone, query('select 1')),
      step(message('f', Buffer.from('x\0')), query('select 1')),
    ],
  },
];

const customers = 'select * from customers where id < 4 or id = 100 order by id';

/** Conversations with masked rows: how they are read must not change what comes out. */
export const maskedCases: readonly Case[] = [
  simple('rows', customers, 'select ssn, substr(ssn, 1, 3), email from customers where id < 3'),
  simple('cursor', 'begin', `declare c cursor for ${customers}`, 'fetch 2 from c', 'fetch all from c', 'commit'),
  simple(
    'copy',
    `copy (${customers}) to stdout`,
    `copy (${customers}) to stdout (format csv, header)`,
    `copy (${customers}) to stdout (format binary)`,
  ),
  {
    name: 'formats',
    steps: [
      step(parse('s', customers), describe('S', 's'), sync),
      step(bind('', 's', [], [1]), execute(''), bind('p', 's'), execute('p', 2), execute('p'), sync),
    ],
  },
  simple('errors', 'select ssn::int from customers', 'drop table customers', 'selec'),
];
