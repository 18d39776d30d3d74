/** What a message makes, as the statements behind it see it. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { type Catalog, type SearchPath, searchPathOf } from '../../../../src/protocols/postgres/catalog/catalog.ts';
import { type Ahead, catalogAhead, followCreation } from '../../../../src/protocols/postgres/lineage/ahead.ts';
import { flowOf } from '../../../../src/protocols/postgres/lineage/flow/flow.ts';
import { noStores } from '../../../../src/protocols/postgres/lineage/scope.ts';
import { noSafeFunctions } from '../../../../src/protocols/postgres/lineage/scope.ts';
import { parserReady } from '../../../../src/protocols/postgres/parse/parse.ts';
import { keyName, parse, publicPath, shopCatalog } from '../catalog/fixture.ts';

let catalog: Catalog;
before(async () => {
  await parserReady();
  catalog = shopCatalog();
});

const isRuled = (table: string, column: string): boolean => table === 'secrets' && column === 'ssn';

/** Outputs of the last statement, `=` unchanged, `~` computed, `-` constant, `?` unknown; null: what is in front is not followed. */
function behind(sql: string, path: SearchPath = publicPath): string | null {
  const statements = parse(sql) ?? [];
  let ahead: Ahead | null = null;
  for (const statement of statements.slice(0, -1)) {
    ahead = followCreation(statement, ahead, { catalog, path, safe: noSafeFunctions, isRuled });
    if (ahead === null) return null;
  }
  assert.ok(ahead !== null);
  const { lineage } = flowOf(statements.at(-1), catalogAhead(ahead), path, noSafeFunctions, noStores, ahead);
  const marks = { column: '=', expression: '~', constant: '-', opaque: '?' } as const;
  const outputs = [...lineage.head, ...(lineage.rest === null ? [] : [lineage.rest]), ...lineage.tail];
  return outputs
    .map(({ name, kind, sources }) => {
      const keys = [...sources].map((key) => keyName(catalog, key)).toSorted();
      return `${name || '*'}${marks[kind]}${keys.join('+')}`;
    })
    .join(' ');
}

function check(cases: readonly (readonly [sql: string, expected: string | null])[], path?: SearchPath): void {
  for (const [sql, expected] of cases) assert.equal(behind(sql, path), expected, sql);
}

describe('what is plainly new is followed', () => {
  it('views', () =>
    check([
      ['create view v as select ssn, name as n from customers; select * from v', 'ssn=customers.ssn n=customers.name'],
      ['create view v (a) as select substr(ssn, 9) from customers; select upper(a) from v', 'upper~customers.ssn'],
      ['create or replace view v as select 1 as a; select a from public.v', 'a?'],
      ['create view public.v as select 1 as a; select a from public.v', 'a-'],
      ['create temp view v as select ssn from customers; select ssn from pg_temp.v', 'ssn=customers.ssn'],
      [
        'create view v as select ssn from customers; create view w as select ssn as a from v; select a from w',
        'a=customers.ssn',
      ],
    ]));

  it('tables', () =>
    check([
      ['create table t (id int primary key, a text default 1); select a, id, t from t', 'a- id- t-'],
      ['create table t (id int, check (id > 1)); insert into t values (1) returning *', 'id-'],
      ['create table t as select ssn from customers; select * from t', 'ssn=customers.ssn'],
      ['create table t (a) as select name from customers; select * from t', 'a=customers.name'],
      ['select name into temp t from customers; select * from t', 'name=customers.name'],
      ['create materialized view t as select name from customers; select * from t', 'name=customers.name'],
      ['create schema s create table t (a int) create table u (b int); select a, b from s.t, s.u', 'a- b-'],
      ['create schema s; create table s.customers (a int); select a from s.customers', 'a-'],
      ['create schema s; create table s.customers (a int); select ssn from customers', 'ssn=customers.ssn'],
    ]));

  it('functions', () =>
    check([
      [
        "create function f(text) returns text language sql as 'select upper($1)'; select f(ssn), f('x') from customers",
        'f~customers.ssn f-',
      ],
      [
        "create function f(n int, out a text, out b text) language sql as 'select ssn, name from customers'; select * from f(1)",
        'a=customers.ssn b=customers.name',
      ],
      ['create function f(a text) returns text return reverse(a); select f(name) from customers', 'f~customers.name'],
      [
        'create function f() returns table (x text) language sql begin atomic select ssn from customers; end; select x from f()',
        'x~customers.ssn',
      ],
      ["create function f(a text default 'x') returns text language sql return upper(a); select f(), f('y')", 'f? f-'],
      ["create procedure p(inout a text) language sql as 'select ssn from customers'; call p('x')", 'a~customers.ssn'],
      ["create procedure p() language sql as ''; call p()", ''],
      [
        "create function f() returns text language sql as 'select a from v'; create view v as select ssn as a from customers; select f()",
        'f~customers.ssn',
      ],
    ]));
});

describe('what is not plainly new is not followed', () => {
  it('taken names', () =>
    check([
      ['create view customers as select 1 as a; select 1', null],
      ['create or replace view snapshot as select 1 as a; select 1', null],
      ['create table mood (a int); select 1', null],
      ['create table t (a int); create table t (a int); select 1', null],
      ["create function shout(int) returns text language sql as 'select 1'; select 1", null],
      ["create or replace function shout(text) returns text language sql as 'select 1'; select 1", null],
      ["create function upper(int) returns text language sql as 'select 1'; select 1", null],
      [
        "create function f() returns int language sql as 'select 1'; create or replace function f() returns int language sql as 'select 2'; select 1",
        null,
      ],
    ]));

  it('names that may be some session’s temporary table', () =>
    check([
      ['create view public.customers2 as select 1 as a; select a from customers2', 'a-'],
      ['create table pg_temp.customers (a int); select 1', null],
    ]));

  it('tables that a rule names', () =>
    check([
      ['create schema s; create table s.secrets (ssn text); select 1', null],
      ["create view secrets as select 'x' as ssn; select 1", null],
      ["create view secrets as select 'x' as a; select a from secrets", 'a-'],
    ]));

  it('anything unusual', () => {
    const all = [
      'create table if not exists t (a int)',
      'create table if not exists t as select 1 as a',
      'create schema if not exists s',
      'create schema authorization gate',
      'create schema s create view v as select 1 as a',
      'create table t (like customers)',
      'create table t () inherits (customers)',
      'create table t partition of customers default',
      'create table t (a int) partition by range (a)',
      'create table t of address',
      'create table t (a int, b int generated always as (a + 1) stored)',
      'create table t as execute p',
      'create view v as select * from nothing',
      "create function f() returns int language plpgsql as 'begin return 1; end'",
      "create function f() returns int language sql set search_path = odd as 'select 1'",
      "create function f(variadic a int[]) returns int language sql as 'select 1'",
      "create function f() returns no_such_type language sql as 'select 1'",
      "create function f() returns customers.ssn%type language sql as 'select 1'",
      "create function pg_temp.f() returns int language sql as 'select 1'",
      "create function f() returns int language c as 'file', 'symbol'",
      'drop table customers',
      'alter table customers rename to c',
      'create type y as (a int)',
      'create domain y as int',
      'select 1',
    ];
    check(all.map((sql) => [`${sql}; select 1`, null] as const));
  });
});

it('a name that is looked up on another path means nothing', () => {
  const path = searchPathOf('odd, public', 'alice', '');
  check(
    [
      // Which of the two schemas it is in, is not known.
      ['create view v as select 1 as a; select a from odd.v', 'a?'],
      ['create view v as select 1 as a; select a from v', 'a-'],
      ['create view other.v as select 1 as a; select a from v', 'a?'],
      ['create view odd.v as select 1 as a; select a from public.v', 'a?'],
    ],
    path,
  );
  check([
    ["create function f() returns int language sql set search_path = odd as 'select 1'; select 1", null],
    ['create view v as select 1 as a; select other_path()', 'other_path~odd.Customers.SSN'],
  ]);
});

it('there is a limit', () => {
  const many = Array.from({ length: 120 }, (_, n) => `create table t${n} (a int)`).join('; ');
  assert.equal(behind(`${many}; select a from t1`), null);
});
