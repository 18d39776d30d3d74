import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type Analysis, analyze } from '../../../../src/protocols/postgres/facts/facts.ts';
import {
  defaultParseLimits,
  loadParser,
  parseBytes,
  parseSql,
  parserReady,
} from '../../../../src/protocols/postgres/parse/parse.ts';

before(loadParser);

function codeOf(result: object): string {
  return 'fault' in result ? String((result as { fault: { code: string } }).fault.code) : 'none';
}

/** Shapes that nest with their length. Each must end as facts or as a fault, and leave a parser that works. */
const shapes: Readonly<Record<string, (n: number) => string>> = {
  brackets: (n) => `SELECT ${'('.repeat(n)}1${')'.repeat(n)}`,
  'open brackets': (n) => `SELECT ${'('.repeat(n)}`,
  subqueries: (n) => `${'SELECT * FROM ('.repeat(n)}SELECT 1${') x'.repeat(n)}`,
  'left unions': (n) => `SELECT 1${' UNION SELECT 1'.repeat(n)}`,
  'right unions': (n) => `${'SELECT 1 UNION ('.repeat(n)}SELECT 1${')'.repeat(n)}`,
  ands: (n) => `DELETE FROM t WHERE a${' AND a'.repeat(n)}`,
  additions: (n) => `SELECT 1${'+1'.repeat(n)}`,
  nots: (n) => `DELETE FROM t WHERE ${'NOT '.repeat(n)}a`,
  cases: (n) => `SELECT ${'CASE WHEN '.repeat(n)}a${' THEN 1 END'.repeat(n)}`,
  casts: (n) => `SELECT 1${'::int'.repeat(n)}`,
  subscripts: (n) => `SELECT a${'[1]'.repeat(n)}`,
  arrays: (n) => `SELECT ARRAY${'['.repeat(n)}1${']'.repeat(n)}`,
  calls: (n) => `SELECT ${'f('.repeat(n)}1${')'.repeat(n)}`,
  joins: (n) => `SELECT * FROM a${' JOIN a ON true'.repeat(n)}`,
  withs: (n) => `${'WITH x AS ('.repeat(n)}SELECT 1${') SELECT 1'.repeat(n)}`,
  fields: (n) => `SELECT ${'('.repeat(n)}a${').b'.repeat(n)}`,
  collations: (n) => `SELECT a${' COLLATE "C"'.repeat(n)}`,
};

for (const [name, shape] of Object.entries(shapes)) {
  test(`nested ${name}: facts or a fault, never a crash or a broken parser`, async () => {
    for (const depth of [50, 900, 4_000, 20_000]) {
      const code = codeOf(analyze(shape(depth)));
      const expected = depth === 50 ? ['none'] : ['none', 'BG_STATEMENT_TOO_LARGE'];
      if (name !== 'open brackets') assert.ok(expected.includes(code), `${depth}: ${code}`);
      await parserReady();
      const after = analyze('SELECT a FROM b WHERE c = 1');
      assert.ok('statements' in after, `the parser is unusable after depth ${depth}`);
    }
  });
}

test('two traps before the event loop turns: refused, then served again', async () => {
  await parserReady();
  const trap = shapes.additions(20_000);
  for (let i = 0; i < 3; i++) assert.equal(codeOf(analyze(trap)), 'BG_STATEMENT_TOO_LARGE');
  assert.equal(codeOf(analyze('SELECT 1')), 'BG_STATEMENT_TOO_LARGE');
  await parserReady();
  assert.equal(codeOf(analyze('SELECT 1')), 'none');
});

test('wide statements are no deep statements', () => {
  const wide = analyze(`INSERT INTO t VALUES ${Array.from({ length: 2_000 }, (_, i) => `(${i}, 'x')`).join(',')}`);
  assert.equal(codeOf(wide), 'none');
  const list = analyze(`DELETE FROM t WHERE id IN (${Array.from({ length: 5_000 }, (_, i) => i).join(',')})`);
  assert.equal(codeOf(list), 'none');
});

/** As many of `unit` as fill `bytes`. */
function filled(bytes: number, unit: (at: number) => string): string {
  const units: string[] = [];
  for (let length = 0, at = 0; length < bytes; at++) {
    units.push(unit(at));
    length += units[at].length + 1;
  }
  return units.join(',');
}

test('names times tables: linear where that is possible, else a limit and never a minute of work', () => {
  const stars = `SELECT ${filled(60_000, () => '*')} FROM ${filled(60_000, () => 't')}`;
  assert.equal(codeOf(analyze(stars)), 'none');
  const bare = `SELECT ${filled(60_000, () => 'a')} FROM ${filled(60_000, () => 't')}`;
  assert.equal(codeOf(analyze(bare)), 'BG_STATEMENT_TOO_LARGE');
  const qualified = `SELECT ${filled(60_000, (n) => `t${n}.a`)} FROM ${filled(60_000, (n) => `t t${n}`)}`;
  const fault = analyze(qualified);
  assert.ok('fault' in fault);
  assert.equal(fault.fault.detail, 'too many tables and columns to be told apart');
  const ordinary = `SELECT ${filled(10_000, (n) => `t${n % 400}.a`)} FROM ${filled(4_000, (n) => `t t${n}`)}`;
  assert.equal(codeOf(analyze(ordinary)), 'none');
});

test('stars are noted once for each table, also of those that came later', () => {
  const facts = analyze('SELECT *, * FROM a, LATERAL (SELECT *) x JOIN b ON EXISTS (SELECT * FROM c)');
  assert.ok('statements' in facts);
  const stars = facts.statements[0].columns.filter(({ column }) => column === '*').map(({ table }) => table);
  assert.deepEqual(stars.toSorted(), ['a', 'b', 'c']);
});

test('limits on bytes, statements and the size of the tree', () => {
  const limits = { ...defaultParseLimits, textBytesMax: 20, statementsMax: 2, astBytesMax: 650 };
  assert.equal(codeOf(parseSql('SELECT 1;SELECT 2', limits)), 'none');
  assert.equal(
    codeOf(parseSql('SELECT 1; SELECT 2; SELECT 3', { ...limits, textBytesMax: 100 })),
    'BG_STATEMENT_TOO_LARGE',
  );
  assert.equal(codeOf(parseSql('SELECT 1234567890123', limits)), 'none');
  assert.equal(codeOf(parseSql('SELECT 12345678901234', limits)), 'BG_STATEMENT_TOO_LARGE');
  assert.equal(codeOf(parseSql("SELECT 'ääääääää'", limits)), 'BG_STATEMENT_TOO_LARGE');
  assert.equal(codeOf(parseSql('SELECT a,b,c,d,e,f', limits)), 'BG_STATEMENT_TOO_LARGE');
  assert.equal(codeOf(parseSql('x'.repeat(defaultParseLimits.textBytesMax + 1))), 'BG_STATEMENT_TOO_LARGE');
});

test('runs that cost the scanner the square of their length are refused at once', () => {
  for (const run of ['+', '-+', '/*', '*/', '<>', '@']) {
    const started = performance.now();
    assert.equal(codeOf(analyze(`SELECT ${run.repeat(400_000 / run.length)}1`)), 'BG_STATEMENT_TOO_LARGE', run);
    assert.ok(performance.now() - started < 500, run);
  }
  // Their benign twins: banners in comments.
  const banner = `/*${'*'.repeat(200)}*/\n--${'='.repeat(200)}\n`;
  assert.equal(codeOf(analyze(`${banner.repeat(20)}SELECT 1`)), 'none');
});

test('offsets are bytes: texts around multi-byte characters are cut exactly', () => {
  const parts = ["SELECT '😀'", 'SELECT "ä", \'€\'', "SELECT 'x'"];
  const bytes = Buffer.from(`xx${parts.join(';')}yy`, 'utf8');
  const parsed = parseBytes(bytes, 2, bytes.length - 2);
  assert.ok('statements' in parsed);
  assert.deepEqual(
    parsed.statements.map((one) => one.text),
    parts,
  );
});

test('a byte order mark is not skipped silently', () => {
  const analysis: Analysis | { fault: unknown } = analyze('\ufeffDROP TABLE t');
  assert.ok('fault' in analysis || analysis.statements[0].kind !== 'select');
});

test('bytes that are not UTF-8 are a fault', () => {
  const bytes = Buffer.from([...Buffer.from("SELECT '"), 0xe2, 0x82, 0x27]);
  assert.equal(codeOf(parseBytes(bytes, 0, bytes.length)), 'BG_STATEMENT_UNPARSABLE');
});
