import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { AnalyzedStatement } from '../../../../src/protocols/postgres/facts/facts.ts';
import { analyze } from '../../../../src/protocols/postgres/facts/facts.ts';
import { SessionEncoding } from '../../../../src/protocols/postgres/masks/sessionEncoding.ts';
import { parserReady } from '../../../../src/protocols/postgres/parse/parse.ts';
import { misreadingFault } from '../../../../src/protocols/postgres/session/misreading.ts';

before(parserReady);

function statement(sql: string): AnalyzedStatement {
  const analysis = analyze(sql);
  assert.ok('statements' in analysis, sql);
  return analysis.statements[0];
}

function session(server: string, client: string): SessionEncoding {
  const encoding = new SessionEncoding();
  assert.ok(encoding.onReported('server_encoding', server));
  assert.ok(encoding.onReported('client_encoding', client));
  assert.ok(!encoding.onReported('application_name', 'x'));
  return encoding;
}

test('results are converted where the client wants another encoding than the server has', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['UTF8', 'UTF8', false],
    ['UTF8', 'unicode', false],
    ['UTF8', 'SQL_ASCII', false],
    ['UTF8', 'LATIN1', true],
    ['LATIN1', 'UTF8', false],
    ['LATIN1', 'LATIN1', false],
    ['WIN1251', 'UTF8', true],
    ['SQL_ASCII', 'UTF8', true],
  ];
  for (const [server, client, converts] of cases)
    assert.equal(session(server, client).converts, converts, `${server} ${client}`);
});

test('a COPY may have an encoding of its own', () => {
  const encoding = session('UTF8', 'UTF8');
  assert.ok(encoding.copyConverts(statement("copy t to stdout (encoding 'LATIN1')")));
  assert.ok(!encoding.copyConverts(statement("copy t to stdout (encoding 'utf-8')")));
  assert.ok(!encoding.copyConverts(statement('copy t to stdout')));
});

test('what may change it is in doubt until the target has told', () => {
  const encoding = session('UTF8', 'UTF8');
  for (const sql of [
    "set client_encoding = 'LATIN1'",
    "set names 'WIN1252'",
    "select set_config('client_encoding', 'LATIN1', false)",
    'select set_config($1, $2, false)',
    'reset all',
    'discard all',
  ])
    assert.ok(encoding.changedBy(statement(sql)), sql);
  for (const sql of ["set client_encoding = 'UTF8'", "set names 'utf-8'", 'set work_mem = 1000', 'select 1'])
    assert.ok(!encoding.changedBy(statement(sql)), sql);
  encoding.begin();
  assert.ok(encoding.converts);
  encoding.end();
  encoding.doubt();
  encoding.onReady(false);
  assert.ok(encoding.converts);
  encoding.onReady(true);
  assert.ok(!encoding.converts);
  assert.ok(encoding.isTouched);
  encoding.endTransaction();
  assert.ok(!encoding.isTouched);
});

test('what would have texts read otherwise is refused', () => {
  const refused = [
    'set standard_conforming_strings = off',
    "select set_config('standard_conforming_strings', 'FALSE', true)",
    "select set_config('standard_conforming_strings', v, true) from t",
    "set client_encoding = 'SJIS'",
    "select set_config('client_encoding', v, true) from t",
    "select set_config(n, 'of', true) from t",
    "select set_config(n, 'Shift_JIS', true) from t",
    'select set_config(n, v, true) from t',
    "select set_config('standard_conforming_stringsX'::char(27), 'off', true)",
    "select set_config('client_encoding '::bpchar, 'SJIS', true)",
    "create aggregate a(text, bool) (sfunc = set_config, stype = text, initcond = 'x')",
    "create function f() returns text language sql as $$select set_config('standard_conforming_strings', 'off', true)$$",
  ];
  for (const sql of refused) assert.equal(misreadingFault(statement(sql), false)?.code, 'BG_ENCODING_REFUSED', sql);
  const harmless = [
    'set standard_conforming_strings = on',
    'reset standard_conforming_strings',
    "set client_encoding = 'LATIN1'",
    'reset client_encoding',
    'reset all',
    'discard all',
    "select set_config('search_path', v, false) from t",
    "select set_config(name, 'view, foreign-table', false) from pg_settings",
    'create aggregate a(int) (sfunc = int4pl, stype = int)',
    "select set_config('app.tenant'::text, v::text, true) from t",
  ];
  for (const sql of harmless) assert.equal(misreadingFault(statement(sql), false), null, sql);
});

test('names with other letters than ASCII are refused where their bytes are converted', () => {
  for (const sql of ['select 1 from "é"', 'select "é"()', 'select 1 from "é".t', 'prepare "é" as select 1']) {
    assert.equal(misreadingFault(statement(sql), true)?.code, 'BG_ENCODING_REFUSED', sql);
    assert.equal(misreadingFault(statement(sql), false), null, sql);
  }
  assert.equal(misreadingFault(statement("select 'é' from t"), true), null);
});

test('names are certain where both sides use UTF8, or the server checks what is said to have no encoding', () => {
  for (const [server, client] of [
    ['UTF8', 'LATIN1'],
    ['LATIN1', 'UTF8'],
    ['LATIN1', 'LATIN1'],
    ['SQL_ASCII', 'SQL_ASCII'],
  ])
    assert.ok(session(server, client).misspells, `${server} ${client}`);
  for (const client of ['UTF8', 'SQL_ASCII']) assert.ok(!session('UTF8', client).misspells, client);
});

test('names are looked for in the text, as aliases are in no fact', () => {
  const refused = [
    'select ssn as "é" from customers',
    'select 1 é',
    'with "é" as (select 1) select 1',
    'execute "é"',
    'explain analyze execute "é"',
    'create table mine as execute "é"',
    'savepoint "é"',
    'select \'a"\' as "é"',
    "select 'it''s' || \"é\"",
    "select 1 /* é */, 'x'",
    "select 'x' -- é",
    "select E'\\'é'",
    'select $$é$$',
    'select $1$é$$2$',
    'do $x$begin perform 1 as "é"; end$x$',
    'do \'begin perform 1 as "é"; end\'',
    'create function f() returns int language sql as \'select 1 as "é"\'',
    "select query_to_xml('select 1 as \"é\"', true, true, '')",
    "select query_to_xml(E'select 1 as \"\\u00e9\"', true, true, '')",
    'select U&"a\\0062"',
    'select u&"ab"',
    "set search_path = 'é', public",
    "set role = 'é'",
    "select set_config('search_path', E'\\u00e9', false)",
  ];
  for (const sql of refused) {
    if (!('statements' in analyze(sql))) assert.ok(sql.includes('$1$'), sql);
    else assert.equal(misreadingFault(statement(sql), true)?.code, 'BG_ENCODING_REFUSED', sql);
  }
  const harmless = [
    "select 'é' from t",
    "select \"a\", 'é ''quoted'' \"é\"', $1 from t where a = 'ü'",
    "insert into t values ('é', E'\\u00e9')".replace('é', 'e'),
    "set application_name = 'é'",
    "comment on table t is 'é'",
    '/* plain */ select 1 -- plain',
    'do $x$begin perform 1; end$x$',
  ];
  for (const sql of harmless) assert.equal(misreadingFault(statement(sql), true), null, sql);
});

test('a long text is looked through', () => {
  const one = statement('select 1');
  const text = `select '${"é''".repeat(500_000)}'`;
  assert.equal(misreadingFault({ ...one, text }, true), null);
});

test('with the login both encodings are told at once, in whatever order', () => {
  const told: readonly (readonly [string, string])[] = [
    ['client_encoding', 'LATIN1'],
    ['server_encoding', 'LATIN1'],
  ];
  for (const order of [told, told.toReversed()]) {
    const encoding = new SessionEncoding();
    encoding.onLogin(new Map(order));
    for (const [name, value] of order) {
      encoding.onReported(name, value);
      assert.ok(!encoding.converts, name);
    }
  }
  const encoding = new SessionEncoding();
  encoding.onLogin(new Map([['server_encoding', 'SQL_ASCII']]));
  assert.ok(encoding.converts);
});
