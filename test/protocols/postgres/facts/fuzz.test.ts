import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as fc from 'fast-check';
import { analyze } from '../../../../src/protocols/postgres/facts/facts.ts';
import { FactsCollector } from '../../../../src/protocols/postgres/facts/collect.ts';
import { walkStatement } from '../../../../src/protocols/postgres/facts/commands.ts';
import { walkModify } from '../../../../src/protocols/postgres/facts/modify.ts';
import { loadParser, parserReady } from '../../../../src/protocols/postgres/parse/parse.ts';
import { kindOf } from '../../../../src/protocols/postgres/facts/statementKinds.ts';
import { factsCases } from './statementCases.ts';

before(loadParser);

const runs = Number(process.env.FUZZ_RUNS ?? 400);
/** Generous for a busy machine; a quadratic path takes far longer on the sizes used here. */
const oneTextMs = 1000;

const tokens = [
  'SELECT',
  'FROM',
  'WHERE',
  'DELETE',
  'UPDATE',
  'SET',
  'INSERT',
  'INTO',
  'VALUES',
  'WITH',
  'AS',
  '(',
  ')',
  ',',
  ';',
  '*',
  '.',
  'a',
  'customers',
  '"Q"',
  "'s'",
  "E'\\''",
  '$$x$$',
  '$1',
  '1',
  '1.5',
  '=',
  '+',
  '-',
  '/*',
  '*/',
  '--',
  '\n',
  'UNION',
  'JOIN',
  'ON',
  'true',
  'AND',
  'OR',
  'NOT',
  'NULL',
  'CASE',
  'WHEN',
  'END',
  'RETURNING',
  '::',
  'text',
  '[',
  ']',
  'COPY',
  'TO',
  'STDOUT',
  'CREATE',
  'TABLE',
  'DROP',
  'EXPLAIN',
  'PREPARE',
  'U&',
  '\\',
  'é',
  '😀',
  'LIMIT',
  'ORDER',
  'BY',
  'MERGE',
  'USING',
  'MATCHED',
  'THEN',
  'DO',
];

function check(sql: string): void {
  const started = performance.now();
  const analysis = analyze(sql);
  assert.ok(performance.now() - started < oneTextMs, 'took too long');
  if ('fault' in analysis) {
    assert.match(analysis.fault.code, /^BG_STATEMENT_(UNPARSABLE|TOO_LARGE)$/);
    return;
  }
  for (const statement of analysis.statements) {
    assert.ok(statement.kinds.includes(statement.kind));
    assert.ok(sql.includes(statement.text));
  }
}

test('token soup never throws and never hangs', async () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...tokens), { maxLength: 60 }), fc.constantFrom('', ' '), (soup, joiner) => {
      check(soup.join(joiner));
    }),
    { numRuns: runs * 3 },
  );
  await parserReady();
});

test('any string at all never throws', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), check), { numRuns: runs });
});

test('statements with pieces cut out, doubled or swapped never throw', async () => {
  const statements = factsCases.map(([sql]) => sql);
  const mutation = fc.tuple(
    fc.constantFrom(...statements),
    fc.nat(200),
    fc.nat(40),
    fc.constantFrom(...statements),
    fc.nat(2),
  );
  fc.assert(
    fc.property(mutation, ([sql, at, length, other, how]) => {
      const piece =
        how === 0 ? '' : how === 1 ? sql.slice(at, at + length).repeat(2) : other.slice(at / 2, at / 2 + length);
      check(sql.slice(0, at) + piece + sql.slice(at + length));
    }),
    { numRuns: runs * 2 },
  );
  await parserReady();
});

test('repeated pieces of some size stay fast', async () => {
  const piece = fc.array(fc.constantFrom(...tokens), { minLength: 1, maxLength: 3 });
  for (const [pieces, joiner] of fc.sample(fc.tuple(piece, fc.constantFrom('', ' ')), { numRuns: 60, seed: 7 })) {
    check(`SELECT ${`${pieces.join(joiner)}${joiner}`.repeat(2_000)}`);
    await parserReady();
  }
});

test('a tree from a later PostgreSQL is walked generically and keeps its own kind', () => {
  const tree = {
    SummonDemonStmt: {
      target: { relname: 'customers', schemaname: 'public' },
      using: [{ FuncCall: { funcname: [{ String: { sval: 'pg_read_file' } }] } }],
      strange: { NovelNode: { deep: { RangeVar: { relname: 'leaked' } }, number: 7, nothing: null } },
      nested: { DeleteStmt: { relation: { relname: 't' } } },
    },
  };
  const facts = new FactsCollector(() => false, walkModify);
  walkStatement(facts, tree, null);
  assert.deepEqual([...facts.kinds], ['summon_demon', 'delete']);
  assert.deepEqual(
    [...facts.objects.values()].map((use) => `${use.name}:${use.access}`),
    ['customers:define', 'leaked:define', 't:write'],
  );
  assert.deepEqual([...facts.functions], ['pg_read_file']);
  assert.equal(facts.where, 'absent');
  assert.equal(kindOf('constructor', {}), 'constructor');
  assert.equal(kindOf('ToString', {}), 'to_string');
});

test('strange trees never throw', () => {
  const tag = fc.constantFrom(
    'SelectStmt',
    'InsertStmt',
    'UpdateStmt',
    'DeleteStmt',
    'MergeStmt',
    'CopyStmt',
    'VariableSetStmt',
    'CreateFunctionStmt',
    'DropStmt',
    'FuncCall',
    'ColumnRef',
    'RangeVar',
    'JoinExpr',
    'List',
    'A_Const',
    'TypeCast',
    'CommonTableExpr',
    'BoolExpr',
    'A_Expr',
    'GrantStmt',
  );
  const field = fc.constantFrom(
    'targetList',
    'fromClause',
    'whereClause',
    'withClause',
    'ctes',
    'ctequery',
    'relation',
    'relname',
    'funcname',
    'args',
    'fields',
    'sval',
    'items',
    'query',
    'objects',
    'object',
    'larg',
    'rarg',
    'options',
    'arg',
    'lexpr',
    'rexpr',
    'name',
    'returningClause',
    'sql_body',
  );
  const tree = fc.letrec((tie) => ({
    node: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom<unknown>(null, 1, 'x', true, [], {}),
      tie('wrapped'),
      tie('struct'),
      tie('many'),
    ),
    many: fc.array(tie('node'), { maxLength: 3 }),
    struct: fc.dictionary(field, tie('node'), { maxKeys: 4 }),
    wrapped: fc.tuple(tag, tie('struct')).map(([name, body]) => ({ [name]: body })),
  }));
  fc.assert(
    fc.property(tree.wrapped, (statement) => {
      walkStatement(new FactsCollector(() => false, walkModify), statement, null);
    }),
    { numRuns: runs },
  );
});
