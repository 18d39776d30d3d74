import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as fc from 'fast-check';
import { type AnalyzedStatement, type Analysis, analyze } from '../../../../src/protocols/postgres/facts/facts.ts';
import { loadParser } from '../../../../src/protocols/postgres/parse/parse.ts';
import { writeSkeleton } from '../../../../src/protocols/postgres/parse/skeleton.ts';
import { StatementCache } from '../../../../src/protocols/postgres/parse/statementCache.ts';

before(loadParser);

const runs = Number(process.env.FUZZ_RUNS ?? 300);

function through(cache: StatementCache, sql: string): Analysis {
  const bytes = Buffer.from(`..${sql}..`, 'utf8');
  const analysis = cache.analyze(bytes, 2, bytes.length - 2);
  if ('fault' in analysis) assert.fail(`${sql}: ${analysis.fault.detail}`);
  return analysis;
}

/** What must not differ between a cached and a fresh analysis. */
function comparable(statement: AnalyzedStatement): object {
  const { ast: _ast, exact: _exact, shape: _shape, session, ...facts } = statement;
  return { ...facts, session: session.kind };
}

test('the exact text is found again, wherever it stands, as the same object', () => {
  const cache = new StatementCache();
  const sql = "SELECT 'ä' FROM t ORDER BY 2";
  const first = through(cache, sql);
  assert.equal(through(cache, sql), first);
  const bytes = Buffer.from(sql, 'utf8');
  assert.equal(cache.lookup(bytes, 0, bytes.length), first);
  assert.equal(cache.lookup(bytes, 0, bytes.length - 1), null);
  assert.deepEqual([cache.hits, cache.shapeHits, cache.misses], [2, 0, 1]);
});

test('other literals share the shape and keep their own text', () => {
  const cache = new StatementCache();
  const first = through(cache, "SELECT a FROM t WHERE b = 1 AND c = 'x';").statements[0];
  const second = through(cache, "SELECT a FROM t WHERE b = 22 AND c = 'it''s';").statements[0];
  assert.equal(cache.shapeHits, 1);
  assert.equal(second.text, "SELECT a FROM t WHERE b = 22 AND c = 'it''s'");
  assert.equal(second.shape, first.shape);
  assert.deepEqual(comparable(second), { ...comparable(first), text: second.text });
});

test('texts whose facts or lineage hang on a literal are never shared', () => {
  const pairs: readonly [string, string][] = [
    ['SELECT a, ssn FROM t ORDER BY 1', 'SELECT a, ssn FROM t ORDER BY 2'],
    ['SELECT a, ssn FROM t GROUP BY 1', 'SELECT a, ssn FROM t GROUP BY 2'],
    ['DELETE FROM t WHERE id = 5 OR 1 = 2', 'DELETE FROM t WHERE id = 5 OR 1 = 1'],
    ['UPDATE t SET a = 1 WHERE 0 = 1', 'UPDATE t SET a = 1 WHERE 1 = 1'],
    ["DELETE FROM t WHERE length('x') = 2", "DELETE FROM t WHERE length('x') = 1"],
    ["SELECT profile->>'name' FROM t", "SELECT profile->>'ssn' FROM t"],
    ["SELECT profile #>> '{a}' FROM t", "SELECT profile #>> '{ssn}' FROM t"],
    ["SELECT profile['a'] FROM t", "SELECT profile['ssn'] FROM t"],
    ["SELECT jsonb_extract_path(profile, 'a') FROM t", "SELECT jsonb_extract_path(profile, 'ssn') FROM t"],
    ["SELECT JSON_VALUE(profile, '$.a') FROM t", "SELECT JSON_VALUE(profile, '$.ssn') FROM t"],
    ["SELECT query_to_xml('SELECT 1', true, true, '')", "SELECT query_to_xml('DROP TABLE t', true, true, '')"],
    ["SELECT 'a'::regclass", "SELECT 'customers'::regclass"],
    ["SELECT nextval('a')", "SELECT nextval('b')"],
    ["SELECT set_config('a.b', 'off', true)", "SELECT set_config('role', 'admin', true)"],
    ["SET search_path = 'a'", "SET search_path = 'b'"],
    ["COPY t TO STDOUT DELIMITER 'a'", "COPY t TO STDOUT DELIMITER 'b'"],
    ["COPY t TO PROGRAM 'a'", "COPY t TO PROGRAM 'b'"],
    ["DO 'BEGIN END'", "DO 'DROP'"],
    ["SELECT * FROM dblink('a', 'SELECT 1') AS t(a int)", "SELECT * FROM dblink('a', 'DROP TABLE t') AS t(a int)"],
    [
      'MERGE INTO t USING s ON 0 = 1 WHEN MATCHED THEN DELETE',
      'MERGE INTO t USING s ON 1 = 1 WHEN MATCHED THEN DELETE',
    ],
  ];
  for (const [first, second] of pairs) {
    const cache = new StatementCache();
    assert.equal(through(cache, first).literalFree, false, first);
    const cached = through(cache, second).statements[0];
    assert.equal(cache.shapeHits, 0, second);
    const fresh = analyze(second);
    assert.ok('statements' in fresh);
    assert.deepEqual(comparable(cached), comparable(fresh.statements[0]));
  }
});

function skeleton(sql: string): string | null {
  const bytes = Buffer.from(sql, 'utf8');
  const out = new Uint8Array(4096);
  const length = writeSkeleton(bytes, 0, bytes.length, out);
  return length === -1 ? null : Buffer.from(out.subarray(0, length)).toString('latin1');
}

test('skeletons mark plain literals only', () => {
  assert.equal(skeleton("SELECT a1, 'x''y', 42, $1 FROM t2"), 'SELECT a1, \x01, \x00, $1 FROM t2');
  assert.equal(skeleton('SELECT "a 1" FROM t WHERE b=-5'), 'SELECT "a 1" FROM t WHERE b=-\x00');
});

test('whatever the skeleton reader is not sure of has no skeleton', () => {
  const unsure = [
    "SELECT E'a'",
    "SELECT e'a'",
    "SELECT B'1'",
    "SELECT X'1'",
    "SELECT N'a'",
    "SELECT U&'a'",
    'SELECT U&"a"',
    "SELECT 'a\\'",
    'SELECT 1.5',
    'SELECT .5',
    'SELECT 1e5',
    'SELECT 0x1f',
    'SELECT 1_000',
    'SELECT 1a',
    'SELECT $$a$$',
    'SELECT $a$b$a$',
    'SELECT $1a',
    'SELECT 1 -- x',
    'SELECT /* x */ 1',
    "SELECT 'ä'",
    'SELECT ä',
    "SELECT 'a",
    'SELECT "a',
    'SELECT 1\0',
    "SELECT 'a\0'",
    "SELECT 'a\x01b'",
    'SELECT \x00',
    `SELECT ${'a'.repeat(5000)}`,
    'SELECT 5.',
    "SELECT a$'x'",
  ];
  for (const sql of unsure) assert.equal(skeleton(sql), null, sql);
});

test('a shared shape never gives other facts than a fresh analysis', () => {
  const literal = fc.oneof(
    fc.nat(99).map(String),
    fc.stringMatching(/^[a-z; ('-]{0,6}$/).map((s) => `'${s.replaceAll("'", "''")}'`),
  );
  const piece = fc.constantFrom(
    'a = ?',
    '? = ?',
    'a IN (?, ?)',
    'a LIKE ?',
    'b BETWEEN ? AND ?',
    'NOT a = ?',
    'lower(a) = ?',
    'f(?) = a',
    'a->>? = b',
    '? IS NULL',
    'a < ? + ?',
    'CASE WHEN a = ? THEN true ELSE ? = ? END',
    'EXISTS (SELECT ? FROM u WHERE u.x = ?)',
  );
  const frame = fc.constantFrom(
    'DELETE FROM t WHERE @',
    'SELECT a, ? FROM t WHERE @',
    'UPDATE t SET a = ? WHERE @',
    'SELECT a FROM t WHERE @ ORDER BY ?',
    'SELECT a FROM t WHERE @ LIMIT ?',
    'INSERT INTO t SELECT ?, a FROM u WHERE @',
    "SELECT query_to_xml(?, true, true, '') WHERE @",
    'WITH x AS (DELETE FROM t WHERE @ RETURNING ?) SELECT * FROM x',
    'SELECT a FROM t GROUP BY ?, a HAVING @',
  );
  const condition = fc
    .tuple(fc.array(piece, { minLength: 1, maxLength: 3 }), fc.constantFrom(' AND ', ' OR '))
    .map(([pieces, joiner]) => pieces.join(joiner));
  const cache = new StatementCache();
  fc.assert(
    fc.property(frame, condition, fc.array(literal, { minLength: 24, maxLength: 24 }), (outer, where, literals) => {
      let at = 0;
      const sql = outer.replace('@', where).replaceAll('?', () => literals[at++ % literals.length]);
      const fresh = analyze(sql);
      const bytes = Buffer.from(sql);
      const cached = cache.analyze(bytes, 0, bytes.length);
      assert.equal('fault' in cached, 'fault' in fresh, sql);
      if ('fault' in cached || 'fault' in fresh) return;
      assert.deepEqual(cached.statements.map(comparable), fresh.statements.map(comparable), sql);
    }),
    { numRuns: runs },
  );
  assert.ok(cache.shapeHits > 0);
});

test('the cache is bounded, and one large text does not drive out the rest', () => {
  const cache = new StatementCache({ entriesMax: 10, bytesMax: 256 * 1024 });
  for (let i = 0; i < 50; i++) through(cache, `SELECT c${i} FROM t`);
  const early = Buffer.from('SELECT c0 FROM t');
  assert.equal(cache.lookup(early, 0, early.length), null);
  const late = Buffer.from('SELECT c49 FROM t');
  assert.ok(cache.lookup(late, 0, late.length) !== null);
  const large = `INSERT INTO t VALUES (0)${', (1)'.repeat(2_000)}`;
  through(cache, large);
  assert.equal(cache.lookup(Buffer.from(large), 0, large.length), null);
  assert.ok(cache.lookup(late, 0, late.length) !== null);
});

test('faults are not kept', () => {
  const cache = new StatementCache();
  const bytes = Buffer.from('SELEC 1');
  for (let i = 0; i < 2; i++) assert.ok('fault' in cache.analyze(bytes, 0, bytes.length));
  assert.equal(cache.lookup(bytes, 0, bytes.length), null);
  assert.equal(cache.misses, 2);
});
