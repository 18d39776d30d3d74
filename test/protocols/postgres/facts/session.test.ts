import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type AnalyzedStatement, analyze } from '../../../../src/protocols/postgres/facts/facts.ts';
import { loadParser } from '../../../../src/protocols/postgres/parse/parse.ts';

before(loadParser);

function only(sql: string): AnalyzedStatement {
  const analysis = analyze(sql);
  if ('fault' in analysis) assert.fail(`${sql}: ${analysis.fault.detail}`);
  return analysis.statements[0];
}

test('PREPARE, DECLARE, EXPLAIN and COPY keep the statement behind them', () => {
  const prepare = only('PREPARE "P" AS SELECT ssn FROM customers LIMIT 1').session;
  assert.ok(prepare.kind === 'prepare');
  assert.equal(prepare.name, 'P');
  assert.equal(prepare.inner.kind, 'select');
  assert.deepEqual(prepare.inner.columns, [{ schema: null, table: 'customers', column: 'ssn', access: 'read' }]);
  assert.equal(prepare.inner.returnsRows, true);
  assert.equal(prepare.inner.limit, 'present');

  const declare = only('DECLARE C CURSOR WITH HOLD FOR TABLE customers').session;
  assert.ok(declare.kind === 'declare');
  assert.deepEqual([declare.name, declare.hold, declare.inner.kind], ['c', true, 'select']);
  const plain = only('DECLARE c CURSOR FOR SELECT 1').session;
  assert.ok(plain.kind === 'declare');
  assert.equal(plain.hold, false);

  const copy = only('COPY (DELETE FROM customers RETURNING ssn) TO STDOUT').session;
  assert.ok(copy.kind === 'copy_to');
  assert.equal(copy.inner?.kind, 'delete');
  assert.equal(copy.inner?.where, 'absent');
});

test('EXPLAIN tells whether it runs its statement', () => {
  const runs: readonly [string, boolean][] = [
    ['EXPLAIN SELECT 1', false],
    ['EXPLAIN ANALYZE SELECT 1', true],
    ['EXPLAIN (ANALYZE) SELECT 1', true],
    ['EXPLAIN (ANALYZE true) SELECT 1', true],
    ['EXPLAIN (ANALYZE off) SELECT 1', false],
    ['EXPLAIN (ANALYZE 0) SELECT 1', false],
    ['EXPLAIN (ANALYZE 1) SELECT 1', true],
    ['EXPLAIN (VERBOSE) SELECT 1', false],
  ];
  for (const [sql, expected] of runs) {
    const effect = only(sql).session;
    assert.ok(effect.kind === 'explain');
    assert.equal(effect.analyze, expected, sql);
  }
});

test('names of prepared statements and cursors; null means all', () => {
  assert.deepEqual(only('EXECUTE p(1)').session, { kind: 'execute', name: 'p' });
  assert.deepEqual(only('DEALLOCATE PREPARE p').session, { kind: 'deallocate', name: 'p' });
  assert.deepEqual(only('DEALLOCATE ALL').session, { kind: 'deallocate', name: null });
  assert.deepEqual(only('FETCH 3 FROM c').session, { kind: 'fetch', name: 'c' });
  assert.deepEqual(only('MOVE NEXT IN c').session, { kind: 'move', name: 'c' });
  assert.deepEqual(only('CLOSE c').session, { kind: 'close', name: 'c' });
  assert.deepEqual(only('CLOSE ALL').session, { kind: 'close', name: null });
  assert.deepEqual(only('DISCARD PLANS').session, { kind: 'discard', target: 'plans' });
  assert.deepEqual(only('DISCARD ALL').session, { kind: 'discard', target: 'all' });
  assert.deepEqual(only('START TRANSACTION').session, { kind: 'transaction', command: 'begin' });
  assert.deepEqual(only('DROP TABLE t').session, { kind: 'ddl' });
  assert.deepEqual(only('SELECT 1').session, { kind: 'none' });
});

test('EXECUTE is seen behind EXPLAIN and CREATE TABLE AS', () => {
  for (const sql of ['EXECUTE p', 'EXPLAIN ANALYZE EXECUTE p', 'CREATE TABLE t AS EXECUTE p']) {
    assert.deepEqual(only(sql).executes, ['p'], sql);
  }
});

test('settings: SET, RESET and set_config, at any depth', () => {
  const settings: readonly [string, string | null, string | null, boolean][] = [
    ['SET standard_conforming_strings = off', 'standard_conforming_strings', 'off', false],
    ['SET LOCAL Search_Path TO a, "B"', 'search_path', 'a, B', true],
    ['SET work_mem TO DEFAULT', 'work_mem', null, false],
    ['RESET work_mem', 'work_mem', null, false],
    ['RESET ALL', null, null, false],
    ["SET NAMES 'BIG5'", 'client_encoding', 'BIG5', false],
    ['SET statement_timeout = 0', 'statement_timeout', '0', false],
    ["SET TIME ZONE 'UTC'", 'timezone', 'UTC', false],
    ["SELECT 1 WHERE set_config('CLIENT_ENCODING', 'SJIS', true) <> ''", 'client_encoding', 'SJIS', true],
    ['SELECT pg_catalog.set_config($1, $2, false)', null, null, false],
    ["WITH x AS (SELECT set_config('role', 'admin', false)) SELECT * FROM x", 'role', 'admin', false],
    ['ALTER ROLE r SET backslash_quote = on', 'backslash_quote', 'on', false],
    ['CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = evil RETURN 1', 'search_path', 'evil', false],
  ];
  for (const [sql, name, value, local] of settings) assert.deepEqual(only(sql).settings, [{ name, value, local }], sql);
  assert.deepEqual(only('SET a.b = 1').session, { kind: 'set', name: 'a.b', value: '1', local: false });
});

test('COPY options in both grammars', () => {
  const tab = 9;
  const quote = 34;
  const text = { delimiter: tab, nullText: '\\N', quote, escape: quote, header: false };
  const csv = { delimiter: 44, nullText: '', quote, escape: quote, header: false };
  const cases: readonly [string, string, object, string][] = [
    ['COPY t TO STDOUT', 'text', text, 'stdio'],
    ['COPY t TO STDOUT CSV', 'csv', csv, 'stdio'],
    ['COPY t TO STDOUT BINARY', 'binary', text, 'stdio'],
    ['COPY t TO STDOUT (FORMAT binary)', 'binary', text, 'stdio'],
    ['COPY t TO STDOUT (FORMAT parquet)', 'other', text, 'stdio'],
    [
      "COPY t TO STDOUT WITH (FORMAT CSV, HEADER, DELIMITER ';', NULL 'N', QUOTE '''', ESCAPE '\\')",
      'csv',
      { delimiter: 59, nullText: 'N', quote: 39, escape: 92, header: true },
      'stdio',
    ],
    ["COPY t TO STDOUT CSV HEADER QUOTE '#'", 'csv', { ...csv, quote: 35, escape: 35, header: true }, 'stdio'],
    ['COPY t TO STDOUT (FORMAT csv, HEADER off)', 'csv', csv, 'stdio'],
    ['COPY t TO STDOUT (FORMAT csv, HEADER 1)', 'csv', { ...csv, header: true }, 'stdio'],
    ["COPY t TO STDOUT DELIMITER '|' NULL ''", 'text', { ...text, delimiter: 124, nullText: '' }, 'stdio'],
    ["COPY t TO '/tmp/x'", 'text', text, 'file'],
    ["COPY t TO PROGRAM 'cat'", 'text', text, 'program'],
  ];
  for (const [sql, format, options, target] of cases) {
    const effect = only(sql).session;
    assert.ok(effect.kind === 'copy_to', sql);
    assert.deepEqual([effect.copy.format, effect.copy.options, effect.copy.target], [format, options, target], sql);
  }
  const from = only("COPY s.t (a, b) FROM STDIN (FORMAT csv, HEADER match, ENCODING 'LATIN1')").session;
  assert.ok(from.kind === 'copy_from');
  assert.deepEqual(from.copy, {
    relation: { schema: 's', name: 't' },
    columns: ['a', 'b'],
    target: 'stdio',
    format: 'csv',
    options: { ...csv, header: true },
    encoding: 'LATIN1',
  });
});
