import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import {
  bind,
  copyData,
  copyDone,
  describe,
  execute,
  fieldsOf,
  parse,
  query,
  RawClient,
  sync,
  typesOf,
} from '../support/rawPostgres.ts';
import type { RawMessage } from '../support/rawPostgres.ts';
import { directTo, endings, openShop, through } from './shop.ts';
import type { Address } from './shop.ts';

/** Stands for the statement that the gate blocks, or for one that the server itself finds wrong. */
const blocked = 'drop table orders';
const wrong = 'delete from nothing_of_that_name';

/** Each step: what is sent, and how many ReadyForQuery it brings. `bad` is put in by the caller. */
type Script = (bad: string) => readonly (readonly [readonly Uint8Array[], number])[];

const extended = (text: string): readonly Uint8Array[] => [
  parse('', text),
  bind('', ''),
  describe('P', ''),
  execute(''),
];

const scripts: Readonly<Record<string, Script>> = {
  alone: (bad) => [
    [[query(bad)], 1],
    [[query('select 1')], 1],
  ],
  'in a transaction': (bad) => [
    [[query('begin')], 1],
    [[query(bad)], 1],
    [[query('select 1')], 1],
    [[query('commit')], 1],
    [[query('select 1')], 1],
  ],
  'after a savepoint': (bad) => [
    [[query('begin'), query('savepoint s')], 2],
    [[query(bad)], 1],
    [[query('rollback to s'), query('select 1'), query('commit')], 3],
  ],
  'in a transaction that has failed already': (bad) => [
    [[query('begin'), query('select 1/0')], 2],
    [[query('rollback')], 1],
    [[query(bad)], 1],
  ],
  'in one query with begin': (bad) => [
    [[query(bad), query('begin')], 2],
    [[query(bad), query('select 1'), query('rollback')], 3],
  ],
  'by the extended protocol': (bad) => [
    [[...extended(bad), sync], 1],
    [[...extended('select 1'), sync], 1],
  ],
  'under a name': (bad) => [
    [[parse('n', bad), sync], 1],
    [[bind('', 'n'), execute(''), sync], 1],
    [[parse('n', 'select 1'), bind('', 'n'), execute(''), sync], 1],
  ],
  'in the middle of a pipeline': (bad) => [
    [[...extended('select 1'), ...extended(bad), ...extended('select 2'), sync, ...extended('select 3'), sync], 2],
  ],
  'in a pipeline in a transaction': (bad) => [
    [[...extended('begin'), sync, ...extended(bad), sync, ...extended('select 1'), sync, query('rollback')], 4],
    [[query('select 1')], 1],
  ],
  'as a Query without Sync after extended messages': (bad) => [
    [[...extended('select 1'), query(bad), ...extended('select 2'), sync], 2],
  ],
  'before an older unnamed statement is bound again': (bad) => [
    [[parse('', 'select 7'), sync], 1],
    [[parse('', bad), sync], 1],
    [[bind('', ''), execute(''), sync], 1],
  ],
  'behind an error that skips it': (bad) => [
    [[...extended('select nope'), ...extended(bad), sync], 1],
    [[query('select 1')], 1],
  ],
  'with an open portal': (bad) => [
    [[query('begin'), parse('', 'select generate_series(1, 9)'), bind('p', ''), execute('p', 2), sync], 2],
    [[query(bad)], 1],
    [[execute('p', 2), sync], 1],
    [[query('rollback')], 1],
  ],
  'pipelined behind a COPY': (bad) => [
    [[query('copy big from stdin'), copyData('1\tx\n'), copyDone, query(bad), query('delete from big')], 3],
  ],
};

/** Everything that a program steers by: types, transaction status, tags and rows; of an error, that it is one. */
function outline(messages: readonly RawMessage[]): string[] {
  return messages.map(({ type, body }) => (type === 'E' || type === 'N' ? type : `${type} ${body.toString('latin1')}`));
}

async function run(address: Address, script: Script, bad: string): Promise<RawMessage[][]> {
  const client = await RawClient.connect(address);
  const steps: RawMessage[][] = [];
  for (const [messages, count] of script(bad)) steps.push(await client.ask(messages, count));
  client.close();
  return steps;
}

suite('a blocked statement leaves what a failed one leaves', () => {
  const ending = endings();
  let direct: Address;
  let alice: Address;
  before(async () => {
    const shop = await openShop(ending);
    direct = directTo(shop.server);
    alice = through(shop.gate);
  });
  after(() => ending.end());

  for (const [name, script] of Object.entries(scripts)) {
    test(name, async () => {
      const wanted = await run(direct, script, wrong);
      const got = await run(alice, script, blocked);
      assert.deepEqual(got.map(outline), wanted.map(outline));
    });
  }

  test('the error names rule, code and sentence, and is of the class of a refused privilege', async () => {
    const client = await RawClient.connect(alice);
    const [error, ready] = await client.ask([query(blocked)]);
    assert.deepEqual(fieldsOf(error), {
      S: 'ERROR',
      V: 'ERROR',
      C: '42501',
      M: 'Schema changes go through migrations. [BG_POLICY_BLOCKED]',
      D: 'Decided by engineering/no-drop.',
      H: 'Ask the owner of the named rule; `policy explain` shows whoever runs this gate why.',
    });
    assert.equal(ready.body.toString(), 'I');
    client.close();
  });

  test('of several statements in one query none runs if one is blocked', async () => {
    const client = await RawClient.connect(alice);
    const text = "insert into big values (1, 'x'); drop table orders; insert into big values (2, 'y')";
    assert.equal(typesOf(await client.ask([query(text)])), 'E Z');
    const texts = [
      "begin; insert into big values (3, 'x'); commit; truncate big",
      'select secret from vault; select 1',
    ];
    for (const one of texts) assert.equal(typesOf(await client.ask([query(one)])), 'E Z');
    const count = await client.ask([query('select count(*)::int from big')]);
    assert.equal(count.find(({ type }) => type === 'D')?.body.at(-1), 0x30);
    client.close();
  });

  test('no way round: prepared under a name, behind EXECUTE, in a cursor, in COPY, in a DO block', async () => {
    const client = await RawClient.connect(alice);
    const ways = [
      'prepare p as select secret from vault',
      'begin; declare c cursor for select secret from vault',
      'copy vault to stdout',
      'copy (select secret from vault) to stdout',
      'explain analyze select secret from vault',
      'create table stolen as select secret from vault',
      'with v as (select * from vault) select * from v',
      'select (select secret from vault)',
      'table vault',
    ];
    for (const way of ways) {
      const all = await client.ask([query(way)]);
      assert.equal(typesOf(all), 'E Z', way);
      assert.equal(all[1].body.toString(), 'I', way);
      const [error] = await client.ask([...extended(way.replace('begin; ', '')), sync]);
      assert.equal(fieldsOf(error).C, '42501', way);
    }
    client.close();
  });
});
