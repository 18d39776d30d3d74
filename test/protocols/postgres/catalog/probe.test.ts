/** The rule by which a snapshot of the catalog is believed, with a time that the tests make, and the stamp that it hangs on. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Client } from 'pg';
import type { Fault } from '../../../../src/errors.ts';
import { CatalogProbe, missesMax, readStamp } from '../../../../src/protocols/postgres/catalog/probe.ts';
import type { ProbeClient } from '../../../../src/protocols/postgres/catalog/probe.ts';
import { startPostgres } from '../../../support/postgres.ts';

/** A probe whose time the test makes, and whose target says what the test wants. */
class FakeTime {
  /** What the target's catalog sums up to; null: it fails to answer; 'silent': it never answers. */
  answer: string | null = 'one';
  reachable = true;
  open = 0;
  opened = 0;
  timers = 0;
  readonly warnings: string[] = [];
  readonly snapshot = {
    stale: true,
    stamp: null as string | null,
    invalidated: 0,
    invalidate: (): void => {
      this.snapshot.stale = true;
      this.snapshot.invalidated++;
    },
  };
  readonly probe: CatalogProbe;
  #task: (() => void) | null = null;
  #last: FakeClient | null = null;

  constructor() {
    const quiet = (): void => {};
    this.probe = new CatalogProbe({
      connection: 'shop',
      intervalMs: 1000,
      every: (ms, task) => {
        assert.equal(ms, 1000);
        this.timers++;
        this.#task = task;
        return () => {
          this.timers--;
          this.#task = null;
        };
      },
      log: { debug: quiet, info: quiet, error: quiet, warn: (_fields, text) => void this.warnings.push(text) },
      open: () => Promise.resolve(this.#connect()),
      watched: this.snapshot,
    });
  }

  /** The catalog is read now. */
  read(): void {
    this.snapshot.stale = false;
    this.snapshot.stamp = JSON.stringify([this.answer]);
    this.probe.confirm(this.probe.now);
  }

  async tick(count = 1): Promise<void> {
    for (let left = count; left > 0; left--) {
      this.#task?.();
      await turn();
    }
  }

  lose(): void {
    this.#last?.destroy();
  }

  #connect(): ProbeClient | Fault {
    if (!this.reachable) return { code: 'BG_TARGET_UNREACHABLE', detail: 'nobody there' };
    this.opened++;
    this.open++;
    this.#last = new FakeClient(this);
    return this.#last;
  }
}

class FakeClient implements ProbeClient {
  readonly #time: FakeTime;
  closed = false;
  fault: string | null = null;
  #gone: () => void = () => {};

  constructor(time: FakeTime) {
    this.#time = time;
  }

  async run(): Promise<(string | null)[][] | null> {
    const { answer } = this.#time;
    if (answer === 'silent') await new Promise<void>((resolve) => (this.#gone = resolve));
    return answer === null || answer === 'silent' ? null : [[answer]];
  }

  close(): void {
    this.destroy();
  }

  destroy(): void {
    if (!this.closed) this.#time.open--;
    this.closed = true;
    this.#gone();
  }
}

function watching(): FakeTime {
  const time = new FakeTime();
  time.probe.retain();
  time.read();
  time.snapshot.invalidated = 0;
  return time;
}

suite('what is believed', () => {
  test('what is confirmed stays; what differs is stale at once, and is not invalidated twice', async () => {
    const time = watching();
    await time.tick(3 * missesMax);
    assert.equal(time.snapshot.stale, false);
    assert.equal(time.opened, 1, 'one connection is kept');
    time.answer = 'two';
    await time.tick(2);
    assert.equal(time.snapshot.stale, true);
    assert.equal(time.snapshot.invalidated, 1);
  });

  test('what nothing has confirmed for six ticks is stale, and a reading begins a new count', async () => {
    const time = watching();
    await time.tick(4);
    time.reachable = false;
    time.answer = null;
    await time.tick(missesMax - 1);
    assert.equal(time.snapshot.stale, false);
    await time.tick();
    assert.equal(time.snapshot.stale, true);
    time.read();
    await time.tick(missesMax - 1);
    assert.equal(time.snapshot.stale, false);
    await time.tick();
    assert.equal(time.snapshot.stale, true);
    assert.equal(time.warnings.length, 1, 'said once');
  });

  test('a reading counts from its beginning', async () => {
    const time = watching();
    time.reachable = false;
    const began = time.probe.now;
    await time.tick(missesMax - 1);
    time.probe.confirm(began);
    await time.tick();
    assert.equal(time.snapshot.stale, true);
  });

  test('a target that does not answer: stale, and another connection is tried', async () => {
    const time = watching();
    time.answer = 'silent';
    await time.tick(missesMax);
    assert.equal(time.opened, 1, 'one question at a time');
    assert.equal(time.snapshot.stale, true);
    time.answer = 'one';
    await time.tick();
    assert.equal(time.opened, 2);
    assert.equal(time.open, 1);
  });

  test('behind a connection that was lost may be another server', async () => {
    const time = watching();
    await time.tick();
    time.lose();
    await time.tick();
    assert.equal(time.snapshot.stale, true);
    assert.equal(time.opened, 2);
  });

  test('nobody there: no connection at once, no timer after the next tick, and nothing is believed later', async () => {
    const time = watching();
    time.probe.retain();
    await time.tick();
    time.probe.release();
    assert.equal(time.open, 1);
    time.probe.release();
    assert.equal(time.open, 0);
    assert.equal(time.timers, 1);
    time.probe.retain();
    await time.tick();
    assert.deepEqual([time.timers, time.open, time.snapshot.stale], [1, 1, false], 'whoever comes in time goes on');
    time.probe.release();
    await time.tick();
    assert.deepEqual([time.timers, time.open], [0, 0]);
    time.probe.retain();
    assert.deepEqual([time.timers, time.snapshot.stale], [1, true]);
  });

  test('a session that leaves while a connection is opened leaves none behind', async () => {
    const time = watching();
    const ticked = time.tick();
    time.probe.release();
    await ticked;
    assert.equal(time.opened, 1);
    assert.equal(time.open, 0);
    assert.deepEqual(time.warnings, []);
  });
});

const schema = `
create table customers (id int primary key, name text, ssn text);
insert into customers values (1, 'Ann', '123-45-6789');
create view people as select id, name as shown from customers;
create function shown(int) returns text language sql stable as 'select name from customers where id = $1';
create table doubled (a int, b int generated always as (a * 2) stored);
create table parts (id int) partition by range (id);
create table part (id int);
create schema other;
create type pair as (l int, r int);
create function same(pair, pair) returns boolean language sql immutable as 'select ($1).l = ($2).l';
create function number(pair) returns int language sql immutable as 'select ($1).l';
`;

/** Each is one that the gate must notice. */
const changes = [
  'create table fresh (id int)',
  'alter table fresh rename to stale',
  'alter table stale set schema other',
  'alter schema other rename to another',
  'drop schema another cascade',
  'alter table customers add column note text',
  'alter table customers rename column note to remark',
  'alter table customers alter column remark type varchar(100)',
  'alter table customers drop column remark',
  'create or replace view people as select id, ssn as shown from customers',
  'alter view people rename to folk',
  `create or replace function shown(int) returns text language sql stable as 'select ssn from customers where id = $1'`,
  'alter function shown(int) rename to displayed',
  'alter function displayed(int) set search_path = pg_temp',
  'drop function displayed(int)',
  'alter table doubled alter column b set expression as (a * 3)',
  'alter table doubled alter column b drop expression',
  'alter table parts attach partition part for values from (0) to (9)',
  'alter table parts detach partition part',
  'alter type pair rename attribute r to right_one',
  'alter type pair rename to couple',
  'create domain word as text',
  'drop domain word',
  'create operator === (leftarg = couple, rightarg = couple, function = same)',
  'create cast (couple as int) with function number(couple)',
  'drop cast (couple as int)',
  'alter language sql rename to structured',
  'alter language structured rename to sql',
  'alter extension plpgsql add function same(couple, couple)',
  'alter extension plpgsql drop function same(couple, couple)',
  'create function noted() returns event_trigger language plpgsql as $$begin end$$',
  'create event trigger noting on ddl_command_end execute function noted()',
  'alter event trigger noting disable',
  'drop event trigger noting',
  'drop function noted()',
  'drop extension plpgsql',
  'create unique index customers_remark on customers (ssn)',
  'drop index customers_remark',
  'create unique index customers_remark on customers (lower(ssn)) where name is null',
  'drop index customers_remark',
  'alter table customers add constraint asked check (name <> ssn)',
  'alter table customers rename constraint asked to checked',
  'alter table customers drop constraint checked',
  'alter table customers add exclude using hash (ssn with =)',
  'create table pointing (id int, customer int); create table pointing_too (id int)',
  'alter table pointing add foreign key (customer) references customers on delete cascade',
  'alter table pointing alter constraint pointing_customer_fkey deferrable',
  'alter table pointing add constraint pointing_key unique (id)',
  'create materialized view counted as select count(*) from customers',
  'begin; alter table customers rename name to swap; alter table customers rename ssn to name; alter table customers rename swap to ssn; commit',
];

/** None of these is one. */
const noChanges = [
  'insert into customers select g from generate_series(10, 2000) g',
  'analyze',
  'vacuum',
  'vacuum freeze',
  'truncate doubled',
  'reindex table customers',
  'refresh materialized view counted',
  'grant select on customers to pg_monitor',
  'begin; drop table customers cascade; rollback',
  'create temp table mine (id serial primary key, body text default 1); create temp view my as select * from mine',
  'create function pg_temp.mine() returns int language sql return 1',
  'alter table mine rename body to rest',
  'discard temp',
];

async function stampFor(client: Client): Promise<string> {
  const stamp = await readStamp({
    run: async (text) => {
      const results: unknown = await client.query({ text, rowMode: 'array' });
      const last = (Array.isArray(results) ? results : [results]).at(-1) as { rows: (string | null)[][] };
      return last.rows;
    },
  });
  assert.ok(stamp !== null);
  return stamp;
}

suite('the stamp of a catalog', () => {
  const undos: (() => Promise<void>)[] = [];
  const context = { after: (undo: () => Promise<void>) => void undos.unshift(undo) };
  let client: Client;
  let watcher: Client;
  before(async () => {
    const { host, port, superuser: user, password, database } = await startPostgres({}, context);
    [client, watcher] = [0, 1].map(() => new Client({ host, port, user, password, database }));
    for (const one of [client, watcher]) {
      await one.connect();
      context.after(() => one.end());
    }
    await client.query(schema);
  });
  after(async () => {
    for (const undo of undos) await undo();
  });

  test('every change of the schema changes it', async () => {
    let last = await stampFor(watcher);
    for (const text of changes) {
      await client.query(text);
      const stamp = await stampFor(watcher);
      assert.notEqual(stamp, last, text);
      last = stamp;
    }
  });

  test('what leaves the schema as it is does not, nor do temporary objects', async () => {
    const first = await stampFor(watcher);
    for (const text of noChanges) {
      await client.query(text);
      assert.equal(await stampFor(watcher), first, text);
    }
  });

  test('rewriting the catalog hides no change', async () => {
    await client.query('create view later as select name from customers');
    for (const text of ['vacuum full pg_catalog.pg_rewrite', 'vacuum freeze pg_catalog.pg_rewrite']) {
      await client.query(text);
      const first = await stampFor(watcher);
      await client.query('create or replace view later as select name from customers where id > 0');
      assert.notEqual(await stampFor(watcher), first, text);
    }
  });
});
