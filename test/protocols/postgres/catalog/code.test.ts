/** What a real server tells of functions that are run without being named. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { Client } from 'pg';
import { catalogQueries } from '../../../../src/protocols/postgres/catalog/queries.ts';
import { startPostgres } from '../../../support/postgres.ts';

const schema = `
create function mover() returns int language sql as 'select 1';
create function same(int, int) returns int language sql immutable as 'select 0';
create function noted() returns event_trigger language plpgsql as 'begin end';
create function fired() returns trigger language plpgsql as 'begin return new; end';
create table defaulted (a int default mover());
create view viewed as select mover() as a;
create view far as select a from viewed;
create function defaults(a int default mover()) returns int language sql as 'select 1';
create domain checked as int check (value > mover());
create table later (a int);
create constraint trigger late after insert on later deferrable for each row execute function fired();
create operator class own for type int using btree as function 1 same(int, int);
create event trigger noting on ddl_command_end execute function noted();
`;

suite('code that is run without being named', () => {
  const undos: (() => Promise<void>)[] = [];
  const context = { after: (undo: () => Promise<void>) => void undos.unshift(undo) };
  let client: Client;
  before(async () => {
    const { host, port, superuser: user, password, database } = await startPostgres({}, context);
    client = new Client({ host, port, user, password, database });
    await client.connect();
    context.after(() => client.end());
    await client.query(schema);
  });
  after(async () => {
    for (const undo of undos) await undo();
  });

  async function kindsOf(called: string): Promise<readonly string[]> {
    const sql = catalogQueries(180_000).user.find(({ set }) => set === 'code')?.sql ?? '';
    const { rows: names } = await client.query<{ oid: number }>(`select '${called}'::regproc::oid`);
    const { rows } = await client.query<{ kind: string; called: number }>(sql);
    return rows
      .filter((row) => row.called === names[0].oid)
      .map(({ kind }) => kind)
      .toSorted();
  }

  test('each is known by what runs it', async () => {
    assert.deepEqual(await kindsOf('mover'), ['f', 'r', 'r', 't']);
    assert.deepEqual(await kindsOf('fired'), ['c', 'r']);
    assert.deepEqual(await kindsOf('noted'), ['e']);
  });

  test('what depends on a function in a way that is not known is run anywhere', async () => {
    assert.deepEqual([...new Set(await kindsOf('same'))], ['t']);
  });

  test('an event trigger that is disabled runs nothing', async () => {
    await client.query('alter event trigger noting disable');
    assert.deepEqual(await kindsOf('noted'), []);
  });
});
