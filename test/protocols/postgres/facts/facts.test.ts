import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type AnalyzedStatement, type Analysis, analyze } from '../../../../src/protocols/postgres/facts/facts.ts';
import { loadParser } from '../../../../src/protocols/postgres/parse/parse.ts';
import { emptyConditions, factsCases, narrowingConditions, selfJoinCases } from './statementCases.ts';

before(loadParser);

function analysed(sql: string): Analysis {
  const analysis = analyze(sql);
  if ('fault' in analysis) assert.fail(`${sql}: ${analysis.fault.detail}`);
  return analysis;
}

function only(sql: string): AnalyzedStatement {
  const { statements } = analysed(sql);
  assert.equal(statements.length, 1, sql);
  return statements[0];
}

function objectsOf(statement: AnalyzedStatement): string {
  return statement.objects
    .map((use) => `${use.schema === null ? '' : `${use.schema}.`}${use.name}:${use.access}`)
    .sort()
    .join(' ');
}

function columnsOf(statement: AnalyzedStatement): string {
  return statement.columns
    .map((use) => {
      const schema = use.schema === null ? '' : `${use.schema}.`;
      return `${schema}${use.table ?? '?'}.${use.column}${use.access === 'write' ? ':w' : ''}`;
    })
    .sort()
    .join(' ');
}

for (const [sql, kinds, objects, columns, functions, conditions] of factsCases) {
  test(`facts of: ${sql.replaceAll(/\s+/g, ' ')}`, () => {
    const statement = only(sql);
    const limit = statement.limit === 'none' ? '' : ` limit ${statement.limit}`;
    assert.deepEqual(
      {
        kind: statement.kind,
        kinds: statement.kinds.join(' '),
        objects: objectsOf(statement),
        columns: columnsOf(statement),
        functions: statement.functions.join(' '),
        conditions: statement.where + limit,
      },
      { kind: kinds.split(' ')[0], kinds, objects, columns, functions, conditions },
    );
    assert.match(statement.fingerprint, /^[0-9a-f]{16}$/);
  });
}

for (const [sql, where] of selfJoinCases) {
  test(`the condition of: ${sql}`, () => assert.equal(only(sql).where, where));
}

for (const [conditions, where] of [
  [emptyConditions, 'absent'],
  [narrowingConditions, 'present'],
] as const) {
  for (const condition of conditions) {
    test(`the condition is ${where}: ${condition}`, () => {
      assert.equal(only(`DELETE FROM t WHERE ${condition}`).where, where);
      assert.equal(only(`UPDATE t SET v = 1 WHERE ${condition}`).where, where);
    });
  }
}

test('a text that differs in a literal alone is not taken for a condition that is one', () => {
  for (const sql of [
    'n = 1 OR n <> 2',
    'n + 1 = n',
    "name LIKE 'a%'",
    'CASE WHEN n = 1 THEN 1 ELSE 2 END = 3 OR 1 = 2',
  ])
    assert.equal(analysed(`DELETE FROM t WHERE ${sql}`).literalFree, false, sql);
  for (const sql of ['n = 1', 'n IN (1, 2) AND m > 3', 'n BETWEEN 1 AND 2 OR m = 5'])
    assert.equal(analysed(`DELETE FROM t WHERE ${sql}`).literalFree, true, sql);
});

test('a condition that is too large to be looked through is none', () => {
  const items = Array.from({ length: 3000 }, (_, at) => `n = ${at}`);
  assert.equal(only(`DELETE FROM t WHERE ${items.join(' OR ')}`).where, 'present');
  const nested = `${'CASE WHEN '.repeat(60)}n = 1${' THEN n = 2 ELSE n = 3 END'.repeat(60)}`;
  assert.equal(only(`DELETE FROM t WHERE ${nested}`).where, 'present');
});

test('a recursion of names ends, and nesting hides no row', () => {
  const recursive = 'WITH RECURSIVE w AS (SELECT id FROM t WHERE id IN (SELECT id FROM w)) DELETE FROM t USING w WHERE';
  assert.equal(only(`${recursive} t.id = w.id`).where, 'absent');
  const nested = `${'(SELECT * FROM '.repeat(300)}t${') x'.repeat(300)}`;
  assert.equal(only(`DELETE FROM t USING ${nested} WHERE t.id = x.id`).where, 'absent');
});

test('an empty query is no statement', () => {
  for (const sql of ['', ';', ' ; ;\n', '-- nothing', '/* nothing */ ;'])
    assert.equal(analysed(sql).statements.length, 0, sql);
});

test('every statement of a batch is analysed, each with its own slice of the text', () => {
  const sql = 'SELECT \'ä€😀;\' ; /* ü */ DROP TABLE "größe";; DELETE FROM t';
  const { statements } = analysed(sql);
  assert.deepEqual(
    statements.map((one) => one.kind),
    ['select', 'drop', 'delete'],
  );
  assert.equal(statements[0].text.trim(), "SELECT 'ä€😀;'");
  assert.match(statements[1].text, /DROP TABLE "größe"$/);
  assert.equal(statements[2].text, 'DELETE FROM t');
  assert.deepEqual(statements[1].objects, [{ schema: null, name: 'größe', access: 'define' }]);
});

test('what cannot be parsed is a fault, and its detail quotes nothing', () => {
  for (const sql of [
    'SELEC 1',
    "SELECT 'unterminated",
    'SELECT 1; DROP',
    'DELETE FROM',
    '$$',
    'START_REPLICATION SLOT s',
  ]) {
    const analysis = analyze(sql);
    assert.ok('fault' in analysis, sql);
    assert.equal(analysis.fault.code, 'BG_STATEMENT_UNPARSABLE');
    assert.match(analysis.fault.detail, /^syntax error at character \d+$/);
  }
});

test('NUL bytes and text that is not Unicode are faults', () => {
  for (const sql of ['SELECT 1\0; DROP TABLE t', 'SELECT \ud800']) {
    const analysis = analyze(sql);
    assert.ok('fault' in analysis, sql);
    assert.equal(analysis.fault.code, 'BG_STATEMENT_UNPARSABLE');
  }
});

test('rows may come back exactly where the server sends a row description or copy data', () => {
  const yes = [
    'SELECT 1',
    'VALUES (1)',
    'INSERT INTO t VALUES (1) RETURNING a',
    'DELETE FROM t RETURNING *',
    'SHOW a',
    'FETCH c',
    'EXPLAIN SELECT 1',
    'EXECUTE p',
    'CALL p()',
    'COPY t TO STDOUT',
  ];
  const no = [
    'SELECT 1 INTO x',
    'INSERT INTO t VALUES (1)',
    'UPDATE t SET a = 1',
    'DECLARE c CURSOR FOR SELECT 1',
    'MOVE c',
    'PREPARE p AS SELECT 1',
    'CREATE TABLE t AS SELECT 1',
    'COPY t FROM STDIN',
    "COPY t TO '/tmp/x'",
    'BEGIN',
    'SET a = 1',
    'SELECT 1 INTO x UNION SELECT 2',
  ];
  for (const sql of yes) assert.equal(only(sql).returnsRows, true, sql);
  for (const sql of no) assert.equal(only(sql).returnsRows, false, sql);
});

test('fingerprints group statements that differ in literals only', () => {
  assert.equal(only('SELECT a FROM t WHERE b = 1').fingerprint, only("SELECT a FROM t WHERE b = 'x'").fingerprint);
  assert.notEqual(only('SELECT a FROM t').fingerprint, only('SELECT a FROM u').fingerprint);
});

test('SQL that cannot be read is marked', () => {
  assert.deepEqual(only('DO $$ BEGIN END $$').opaque, ['do']);
  assert.deepEqual(only("CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'x'").opaque, ['function_body:plpgsql']);
  assert.deepEqual(only("CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'lib', 'sym'").opaque, ['function_body:c']);
  assert.deepEqual(only('SELECT query_to_xml(q, true, true, $1) FROM t').opaque, ['query_to_xml']);
  assert.deepEqual(only("SELECT query_to_xml('SELECT 1', true, true, '')").opaque, []);
});

test('SQL in literals is followed to a bounded depth', () => {
  let sql = 'SELECT 1';
  for (let i = 0; i < 8; i++) sql = `SELECT query_to_xml('${sql.replaceAll("'", "''")}', true, true, '')`;
  const analysis = analyze(sql);
  assert.ok('fault' in analysis);
  assert.equal(analysis.fault.code, 'BG_STATEMENT_TOO_LARGE');
});

test('the catalog is stale after DDL at any depth', () => {
  for (const sql of [
    'CREATE TABLE t (a int)',
    'SELECT 1 INTO t',
    'EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1',
    'GRANT a TO b',
  ]) {
    assert.equal(only(sql).changesCatalog, true, sql);
  }
  for (const sql of ['SELECT 1', 'INSERT INTO t VALUES (1)', 'SET a = 1'])
    assert.equal(only(sql).changesCatalog, false, sql);
});

test('facts are plain data that a lane can send', () => {
  const statement = only('SELECT ssn FROM customers');
  assert.deepEqual(structuredClone(statement), statement);
});
