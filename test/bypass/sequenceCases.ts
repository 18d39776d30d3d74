/**
 * Attacks that take several messages: names that change their meaning, between two statements or behind the back of what was
 * sent ahead. `$s` is a schema of the case's own, with two views of one shape: `$s.evil` shows slices of a masked column and
 * `$s.good` harmless text.
 */
import { bind, close, describe, execute, flush, parse, query, sync } from '../support/rawPostgres.ts';
import type { Step } from './lab.ts';

export interface Sequence {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Run as twin: the same steps with `evil` and `good` exchanged for two harmless views; a text that must come back. */
  readonly shows?: string;
  /** Each byte of the last step is sent by itself. */
  readonly cut?: boolean;
  /** Steps of a second session, run when the first one has sent its step of this index, and awaited after the last. */
  readonly other?: { readonly after: number; readonly steps: readonly Step[] };
}

/** No column of it has an origin, so that nothing but the lineage tells where it comes from. */
const slices = 'select left(a, 9) as b from v';

export const sequences: readonly Sequence[] = [
  {
    name: 'search_path changed within one simple query',
    steps: ['set search_path = $s_good', `set search_path = $s_evil; ${slices}`],
    shows: 'harmless',
  },
  {
    name: 'search_path changed within one simple query, then COPY',
    steps: ['set search_path = $s_good', `set search_path = $s_evil; copy (${slices}) to stdout`],
    shows: 'harmless',
  },
  {
    name: 'search_path changed by set_config within one simple query',
    steps: ['set search_path = $s_good', `select set_config('search_path', '$s_evil', false); ${slices}`, slices],
    shows: 'harmless',
  },
  {
    name: 'search_path changed in a pipeline',
    steps: [
      'set search_path = $s_good',
      [
        parse('', 'set search_path = $s_evil'),
        bind('', ''),
        execute(''),
        parse('', slices),
        bind('', ''),
        execute(''),
        sync,
      ],
    ],
    shows: 'harmless',
  },
  {
    name: 'search_path changed in pipelined simple queries',
    steps: ['set search_path = $s_good', [query('set search_path = $s_evil'), query(slices)]],
    shows: 'harmless',
  },
  {
    name: 'search_path taken back by a rollback to a savepoint',
    steps: [
      'set search_path = $s_evil',
      `begin; savepoint a; set search_path = $s_good; select 1; rollback to a; ${slices}`,
      slices,
      'rollback',
    ],
    shows: 'harmless',
  },
  {
    name: 'search_path taken back by a rollback, in one simple query',
    steps: ['set search_path = $s_evil', 'begin; set search_path = $s_good', `rollback; ${slices}`, 'rollback', slices],
    shows: 'harmless',
  },
  {
    name: 'search_path set for one transaction',
    steps: [
      'set search_path = $s_evil',
      'begin; set local search_path = $s_good',
      `commit; ${slices}`,
      'rollback',
      slices,
    ],
    shows: 'harmless',
  },
  {
    name: 'search_path taken back by an error',
    steps: [
      'set search_path = $s_evil',
      'set search_path = $s_good; select 1/0',
      slices,
      [query('set search_path = $s_good; select 1/0'), query(slices)],
    ],
    shows: 'harmless',
  },
  {
    name: 'search_path reset',
    steps: ['set search_path = $s_evil', `reset search_path; ${slices}`, slices.replace('from v', 'from $s_evil.v')],
    shows: 'harmless',
  },
  {
    name: 'a function that sets search_path while it runs',
    steps: [
      "create function $s_good.look() returns setof text language sql set search_path = $s_evil as 'select left(a, 9) from v'",
      'set search_path = $s_good',
      'select look()',
      'select * from $s_good.look() as x',
    ],
    shows: 'harmless',
  },
  {
    name: 'a cursor read after a change of search_path',
    steps: [
      'set search_path = $s_evil',
      `begin; declare c scroll cursor for ${slices}`,
      'set search_path = $s_good',
      'fetch all from c',
      'fetch first c',
      'fetch last c',
      'fetch prior c',
      'fetch absolute 2 c',
      'fetch relative -1 c',
      'move first c',
      'fetch backward all from c',
      [parse('', 'fetch absolute 1 c'), bind('', ''), execute(''), sync],
      [bind('', ''), execute('c'), sync],
      'rollback',
    ],
    shows: 'harmless',
  },
  {
    name: 'a held cursor read after its view was replaced',
    steps: [
      `create view $s_good.w as select * from $s_evil.v`,
      'set search_path = $s_good',
      'declare c cursor with hold for select a, left(a, 9) as b from w',
      'create or replace view w as select * from $s_good.v',
      'fetch all from c',
    ],
    // No `shows`: the gate cannot know the names' meaning here, so harmless expressions are redacted too.
  },
  {
    name: 'a portal read on after a change of search_path',
    steps: [
      'set search_path = $s_evil',
      'begin',
      [parse('', slices), bind('p', ''), execute('p', 1), sync],
      'set search_path = $s_good',
      [execute('p', 1), sync],
      [describe('P', 'p'), execute('p', 0), sync],
      'rollback',
    ],
    shows: 'harmless',
  },
  {
    name: 'a statement described under one search_path and run under another',
    steps: [
      'set search_path = $s_good',
      [parse('s', 'select a from v'), describe('S', 's'), sync],
      [bind('', 's'), execute(''), sync],
      'set search_path = $s_evil',
      [bind('', 's'), execute(''), sync],
      [bind('', 's', [], [1]), execute(''), sync],
      'set search_path = $s_good',
      [parse('', 'set search_path = $s_evil'), bind('', ''), execute(''), bind('', 's'), execute(''), sync],
    ],
    shows: 'harmless',
  },
  {
    name: 'SQL PREPARE, run under another search_path',
    steps: [
      'set search_path = $s_good',
      `prepare s as ${slices}`,
      'execute s',
      'set search_path = $s_evil',
      'execute s',
      [parse('e', 'execute s'), bind('', 'e'), execute(''), sync],
      'set search_path = $s_good; execute s; set search_path = $s_evil; execute s',
    ],
    shows: 'harmless',
  },
  {
    name: 'a view replaced in an open transaction',
    steps: [
      'create view $s_good.w as select * from $s_good.v',
      'set search_path = $s_good',
      'select a, left(a, 9) as b from w',
      'begin; create or replace view w as select * from $s_evil.v',
      'select a, left(a, 9) as b from w',
      [parse('', 'select a, left(a, 9) as b from w'), bind('', ''), execute(''), sync],
      'copy (select a, left(a, 9) as b from w) to stdout',
      'rollback',
    ],
    shows: 'harmless',
  },
  {
    name: 'a view replaced and read in one simple query',
    steps: [
      'create view $s_good.w as select * from $s_good.v',
      'select left(a, 9) from $s_good.w',
      'create or replace view $s_good.w as select * from $s_evil.v; select left(a, 9) from $s_good.w',
      'select left(a, 9) from $s_good.w',
    ],
    shows: 'harmless',
  },
  {
    name: 'a view replaced in a pipeline',
    steps: [
      'create view $s_good.w as select * from $s_good.v',
      [parse('s', 'select left(a, 9) as b from $s_good.w'), bind('', 's'), execute(''), sync],
      [
        parse('', 'create or replace view $s_good.w as select * from $s_evil.v'),
        bind('', ''),
        execute(''),
        bind('', 's'),
        execute(''),
        sync,
        bind('', 's'),
        execute(''),
        sync,
      ],
      [bind('', 's'), execute(''), sync],
    ],
    shows: 'harmless',
  },
  {
    name: 'a function replaced in an open transaction',
    steps: [
      "create function $s_good.f() returns setof text language sql as 'select left(a, 9) from $s_good.v'",
      'select $s_good.f()',
      "begin; create or replace function $s_good.f() returns setof text language sql as 'select left(a, 9) from $s_evil.v'",
      'select $s_good.f()',
      'select * from $s_good.f() x',
      'commit',
      'select $s_good.f()',
    ],
    shows: 'harmless',
  },
  {
    name: 'a temporary view in front of a table',
    steps: [
      'create table $s_good.products as select 1 as id, 2 as name',
      'select left(name::text, 9) from products',
      'create temp view products as select a as name from $s_evil.v',
      'select left(name::text, 9) from products',
      'select left(name::text, 9) from pg_temp.products',
      'copy (select left(name::text, 9) from products) to stdout',
    ],
    // No `shows`: the gate cannot know the names' meaning here, so harmless expressions are redacted too.
  },
  {
    name: 'a view replaced by another session while the statement runs',
    steps: [
      'create schema $s_front; create view $s_good.w as select * from $s_evil.v',
      'set search_path = $s_front, $s_good',
      'select left(a, 9) from w, pg_sleep(0.4)',
    ],
    other: { after: 2, steps: ['create view $s_front.w as select * from $s_good.v', 'select 1'] },
    // No `shows`: the gate cannot know the names' meaning here, so harmless expressions are redacted too.
  },
  {
    name: 'a function replaced by another session while the statement runs',
    steps: [
      "create function $s_good.f() returns setof text language sql as 'select left(a, 9) from $s_evil.v'",
      'select $s_good.f(), pg_sleep(0.1)',
      'select $s_good.f(), pg_sleep(0.1)',
    ],
    other: {
      after: 2,
      steps: [
        "create or replace function $s_good.f() returns setof text language sql as 'select left(a, 9) from $s_good.v'",
      ],
    },
    shows: 'harmless',
  },
  {
    name: 'a view replaced by a session that has not answered yet',
    steps: [
      'create view $s_good.w as select * from $s_good.v',
      'select left(a, 9) from $s_good.w',
      'begin; create or replace view $s_good.w as select * from $s_evil.v; commit; select pg_sleep(0.6)',
    ],
    other: {
      after: 2,
      steps: ['select pg_sleep(0.2)', 'select left(a, 9) from $s_good.w', 'select left(a, 9) from $s_good.w'],
    },
    shows: 'harmless',
  },
  {
    name: 'a Parse that fails, over the name of a SQL PREPARE',
    steps: [
      `prepare s as select left(a, 9) as a from $s_evil.v`,
      [parse('s', 'select a from $s_good.v'), sync, bind('', 's'), execute(''), sync],
    ],
  },
  {
    name: 'EXECUTE with a Parse of that name behind it that fails',
    steps: [
      `prepare s as select left(a, 9) as a from $s_evil.v`,
      [query('execute s'), parse('s', "select 'x' as a"), sync],
      [parse('e', 'execute s'), bind('', 'e'), execute(''), sync, parse('s', "select 'x' as a"), sync],
    ],
  },
  {
    name: 'FETCH with a Bind of that name behind it that fails',
    steps: [
      'begin; declare c scroll cursor for select left(a, 9) as a from $s_evil.v',
      [
        query('savepoint a'),
        query('fetch 2 from c'),
        parse('', "select 'x' as a"),
        bind('c', ''),
        sync,
        query('rollback to a'),
      ],
      [parse('', "select 'x' as a"), bind('c', ''), sync, query('rollback to a'), execute('c', 2), sync],
      'rollback',
    ],
  },
  {
    name: 'a portal of the name of a held cursor, bound in vain and executed',
    steps: [
      'declare c cursor with hold for select left(a, 9) as a from $s_evil.v',
      [parse('', "select 'x' as a"), bind('c', ''), sync, execute('c', 2), sync],
      [execute('c', 2), sync],
    ],
  },
  {
    name: 'a prepared EXECUTE whose name means another statement later',
    steps: [
      "prepare s as select 'harmless' as a",
      [parse('e', 'execute s'), bind('', 'e'), execute(''), sync],
      'deallocate s',
      'prepare s as select left(a, 9) as a from $s_evil.v',
      [bind('', 'e'), execute(''), sync],
      'deallocate s; prepare s as select a from $s_evil.v',
      [bind('', 'e'), execute(''), sync],
      [parse('', 'deallocate s'), bind('', ''), execute(''), bind('', 'e'), execute(''), sync],
    ],
    shows: 'harmless',
  },
  {
    name: 'a prepared FETCH whose cursor is another one later',
    steps: [
      "begin; declare c cursor for select 'harmless' as a",
      [parse('e', 'fetch all from c'), bind('', 'e'), execute(''), sync],
      'close c; declare c cursor for select left(a, 9) as a from $s_evil.v',
      [bind('', 'e'), execute(''), sync],
      'close c; declare c cursor for select a from $s_evil.v',
      [bind('', 'e'), execute(''), sync],
      'rollback',
    ],
    shows: 'harmless',
  },
  {
    name: 'a bound FETCH whose cursor is exchanged before it runs',
    steps: [
      "begin; declare c cursor for select 'harmless' as a",
      [parse('e', 'fetch 1 from c'), bind('p', 'e'), describe('P', 'p'), sync],
      'close c; declare c cursor for select a from $s_evil.v',
      [execute('p'), sync],
      'rollback',
    ],
  },
  {
    name: 'names redefined within one simple query',
    steps: [
      "prepare s as select 'harmless' as a",
      'execute s; deallocate s; prepare s as select left(a, 9) as a from $s_evil.v; execute s',
      'deallocate all; prepare s as select a from $s_evil.v; execute s; discard plans; execute s',
      'execute s',
    ],
    shows: 'harmless',
  },
  {
    name: 'a cursor redefined within one simple query',
    steps: [
      "begin; declare c cursor for select 'harmless' as a; fetch all from c; close c; declare c cursor for select left(a, 9) as a from $s_evil.v; fetch all from c",
      'close all; declare c cursor for select a from $s_evil.v; fetch 2 from c',
      'rollback',
    ],
    shows: 'harmless',
  },
  {
    name: 'a held cursor lost by a rollback, its name taken again in the same query',
    steps: [
      "begin; declare c cursor with hold for select 'harmless' as a",
      'rollback; begin; declare c cursor for select left(a, 9) as a from $s_evil.v; fetch all from c',
      'rollback',
    ],
  },
  {
    name: 'Close, then Bind of another statement under the same name',
    steps: [
      [
        parse('s', "select 'harmless' as a"),
        bind('p', 's'),
        close('S', 's'),
        parse('s', 'select left(a, 9) as a from $s_evil.v'),
        close('P', 'p'),
        bind('p', 's'),
        execute('p'),
        sync,
      ],
      [bind('', 's'), execute('', 1), execute('', 1), sync],
      [close('S', 's'), close('S', 's'), parse('s', "select 'x' as a"), bind('', 's'), execute(''), flush, sync],
    ],
    shows: 'harmless',
  },
  {
    name: 'the unnamed statement and portal, taken over in a pipeline',
    steps: [
      [
        parse('', "select 'harmless' as a"),
        bind('', ''),
        describe('P', ''),
        parse('', 'select left(a, 9) as a from $s_evil.v'),
        execute(''),
        bind('', ''),
        execute(''),
        sync,
      ],
      [
        parse('', "select 'harmless' as a"),
        bind('', ''),
        sync,
        query('select left(a, 9) from $s_evil.v'),
        execute(''),
        sync,
      ],
    ],
    shows: 'harmless',
  },
  {
    name: 'a registration undone by an error in the pipeline',
    steps: [
      [parse('s', 'select left(a, 9) as a from $s_evil.v'), sync],
      [
        parse('', 'select 1/0'),
        bind('', ''),
        execute(''),
        close('S', 's'),
        parse('s', "select 'x' as a"),
        sync,
        bind('', 's'),
        execute(''),
        sync,
      ],
      [close('S', 'nothing'), parse('x y', 'select nothing'), close('S', 's'), sync, bind('', 's'), execute(''), sync],
      [bind('', 's'), execute(''), sync],
    ],
  },
  {
    name: 'result formats: one for all, one a column, mixed',
    steps: [
      [parse('s', 'select a, left(a, 9) as b, a as c from $s_evil.v'), sync],
      [bind('', 's', [], [1]), execute(''), sync],
      [bind('', 's', [], [0, 1, 0]), execute(''), sync],
      [bind('p', 's', [], [1, 0, 1]), describe('P', 'p'), execute('p', 1), execute('p', 1), execute('p'), sync],
      [bind('', 's', [], [1, 0]), execute(''), sync],
    ],
    shows: 'harmless',
  },
  {
    name: 'a binary cursor',
    steps: [
      'begin; declare c binary cursor for select a, left(a, 9) from $s_evil.v; fetch all from c',
      [bind('', ''), execute('c'), sync],
      'rollback',
    ],
    shows: 'harmless',
  },
  {
    name: 'another role',
    steps: [
      'set role gate; select left(a, 9) from $s_evil.v',
      'set session authorization gate',
      'reset role; select left(a, 9) from $s_evil.v',
    ],
    // No `shows`: the gate cannot know the names' meaning here, so harmless expressions are redacted too.
  },
  {
    name: 'another role, whose own schema stands in front',
    steps: [
      'create view deputy.$s_v as select a from $s_evil.v; create view $s_good.$s_v as select a from $s_good.v',
      'set search_path = "$user", $s_good',
      'select left(a, 9) from $s_v',
      'set role deputy; select left(a, 9) from $s_v',
      'select left(a, 9) from $s_v',
      'copy (select left(a, 9) from $s_v) to stdout',
      'begin; set role none',
      'rollback; select left(a, 9) from $s_v',
      'select left(a, 9) from $s_v',
      "select set_config('role', 'deputy', false)",
      'select left(a, 9) from $s_v',
      'set role deputy; select 1/0',
      'select left(a, 9) from $s_v',
      'reset role',
      'select left(a, 9) from $s_v',
      'discard all',
      'set search_path = "$user", $s_good',
      'select left(a, 9) from $s_v',
    ],
    shows: 'harmless',
  },
  {
    name: 'a role for one transaction, whose own schema stands in front',
    steps: [
      'create view deputy.$s_w as select a from $s_evil.v; create view $s_good.$s_w as select a from $s_good.v',
      'set search_path = "$user", $s_good',
      'select left(a, 9) from $s_w',
      'begin',
      'set local role deputy',
      'select left(a, 9) from $s_w',
      'savepoint a; set role none',
      'select left(a, 9) from $s_w',
      'rollback to a',
      'select left(a, 9) from $s_w',
      'commit',
      'select left(a, 9) from $s_w',
      'begin; set local role deputy',
      'select 1/0',
      'rollback',
      'select left(a, 9) from $s_w',
      [
        query('begin'),
        query('set local role deputy'),
        query('select left(a, 9) from $s_w'),
        query('commit'),
        query('set role deputy'),
        query('select left(a, 9) from $s_w'),
      ],
      'select left(a, 9) from $s_w',
      [
        parse('', 'set role none'),
        bind('', ''),
        execute(''),
        sync,
        parse('', 'set role deputy'),
        bind('', ''),
        execute(''),
        parse('', 'select left(a, 9) from $s_w'),
        bind('', ''),
        execute(''),
        sync,
      ],
      "select set_config('role', 'none', true); select left(a, 9) from $s_w",
      'select left(a, 9) from $s_w',
    ],
    shows: 'harmless',
  },
  {
    name: 'a view made and read at once, then replaced in the same pipeline',
    steps: [
      [
        query('create view $s_good.w as select * from $s_good.v; select left(a, 9) from $s_good.w'),
        query('create or replace view $s_good.w as select * from $s_evil.v; select left(a, 9) from $s_good.w'),
        query('select left(a, 9) from $s_good.w'),
      ],
      'begin; create view $s_good.x as select * from $s_good.v; select left(a, 9) from $s_good.x',
      'create or replace view $s_good.x as select * from $s_evil.v; select left(a, 9) from $s_good.x',
      'select left(a, 9) from $s_good.x',
      'rollback; create view $s_good.x as select * from $s_evil.v; select left(a, 9) from $s_good.x',
    ],
    shows: 'harmless',
  },
  {
    name: 'a view made and read at once, while another session puts one in front of it',
    steps: [
      'create schema $s_front',
      'set search_path = $s_front, $s_good',
      'create view $s_good.w as select * from $s_good.v; select pg_sleep(0.4); select left(a, 9) from w',
      'select left(a, 9) from w',
    ],
    other: { after: 2, steps: ['create view $s_front.w as select * from $s_evil.v', 'select 1'] },
  },
  {
    name: 'another client encoding in mid-session',
    steps: [
      "set client_encoding = 'LATIN1'; select a, left(a, 9) from $s_evil.v",
      'select a, left(a, 9) from $s_evil.v',
      'reset client_encoding',
    ],
    shows: 'harmless',
  },
  {
    name: 'string literals of another meaning',
    steps: [
      "set standard_conforming_strings = off; select 'a\\', left(a, 9) from $s_evil.v --'",
      "select 'a\\', left(a, 9) from $s_evil.v --'",
    ],
  },
  {
    name: 'an encoding whose trail bytes look like quotes',
    steps: [`set client_encoding = 'SJIS'; select left(a, 9) from $s_evil.v`, 'select left(a, 9) from $s_evil.v'],
  },
  {
    name: 'a temporary view in front of a view, without a path that names it',
    steps: [
      'set search_path = $s_good',
      slices,
      'create temp view v as select a from $s_evil.v',
      slices,
      [parse('s', slices), bind('', 's'), execute(''), sync],
      `begin; set local search_path = pg_catalog, $s_good, pg_temp; ${slices}`,
      'rollback',
    ],
  },
  {
    name: 'a function of the name of a built-in one, in front of it',
    steps: [
      "create function $s_evil.now() returns text language sql as 'select left(a, 9) from $s_evil.v limit 1'",
      'select now()',
      "select set_config('search_path', '$s_evil, pg_catalog', false); select now()",
      'select now(), count(*)',
      'set search_path = $s_evil, pg_catalog; select now()',
      'begin; create view $s_good.x as select 1; select now()',
      'rollback',
    ],
  },
  {
    name: 'an overload of a built-in function, made and called at once',
    steps: [
      'select left(1.5::text, 3)',
      "begin; create function public.left(numeric, numeric) returns text language sql as 'select left(a, 9) from $s_evil.v limit 1'; select left(1.5, 1.5)",
      'select left(1.5, 1.5)',
      'rollback',
    ],
  },
  {
    name: 'a set operation made and called at once under a name of the server',
    steps: [
      "begin; create function public.f(int) returns text language sql as 'select left(a, 9) from $s_evil.v limit 1'; create operator public.@@@ (rightarg = int, function = public.f); select @@@ 1, f(1)",
      'select @@@ 1',
      'rollback',
    ],
  },
  {
    name: 'pipelined transactions that put a view up and take it back',
    steps: [
      'create view $s_good.w as select * from $s_good.v',
      'select left(a, 9) from $s_good.w',
      [
        query('begin; create or replace view $s_good.w as select * from $s_evil.v'),
        query('select left(a, 9) from $s_good.w'),
        query('rollback'),
        query('create or replace view $s_good.w as select * from $s_evil.v'),
        query('select left(a, 9) from $s_good.w'),
        query('create or replace view $s_good.w as select * from $s_good.v'),
        query('select left(a, 9) from $s_good.w'),
      ],
      'select left(a, 9) from $s_good.w',
    ],
    shows: 'harmless',
  },
  {
    name: 'a held cursor over a direct column, read after everything around it has changed',
    steps: [
      'begin; declare c scroll cursor with hold for select a from $s_evil.v',
      'commit',
      'set search_path = $s_good',
      'create or replace view $s_evil.v as select a from $s_good.v',
      'fetch 2 from c',
      'discard temp',
      [parse('', 'fetch backward all from c'), bind('', ''), execute(''), sync],
      [execute('c'), sync],
      'close c',
    ],
  },
  {
    name: 'a column renamed before it is read',
    steps: [
      'create table $s_good.customers as select id, ssn from customers where false',
      'begin; create view $s_good.r (renamed) as select ssn from customers; select renamed from $s_good.r; select left(renamed, 9) from $s_good.r',
      'select renamed from $s_good.r order by 1',
      'commit',
      'select renamed from $s_good.r order by 1',
      'select left(renamed, 9) from $s_good.r',
    ],
  },
  {
    name: 'messages cut at every byte',
    steps: [
      'set search_path = $s_evil',
      [parse('', slices), bind('', '', [], [1]), describe('P', ''), execute('', 1), execute('', 0), sync],
    ],
    cut: true,
    shows: 'harmless',
  },
  {
    name: 'FunctionCall',
    steps: [[Buffer.concat([Buffer.from('F\0\0\0\x10'), Buffer.alloc(12)]), sync]],
  },
];
