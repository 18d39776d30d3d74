/** Statements of long texts: what a thread finds out of them is what the main thread would have found out. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { strongerMask } from '../../../../src/policy/strength.ts';
import {
  type FlowAnswer,
  readAnalysis,
  readFlowAnswers,
  type TextAnswer,
  useOfAnswer,
} from '../../../../src/protocols/postgres/masks/distant.ts';
import type { Doubt } from '../../../../src/protocols/postgres/catalog/doubted.ts';
import { analyzeFlows, analyzeText, type FlowsPayload } from '../../../../src/protocols/postgres/masks/distantWork.ts';
import { analyze, type Analysis, type AnalyzedStatement } from '../../../../src/protocols/postgres/facts/facts.ts';
import { columnMasks } from '../../../../src/protocols/postgres/masks/maskIndex.ts';
import { defaultParseLimits, loadParser } from '../../../../src/protocols/postgres/parse/parse.ts';
import { StatementFlows, unknownPath } from '../../../../src/protocols/postgres/masks/statementFlows.ts';
import { publicPath, shopCatalog, shopRows } from '../catalog/fixture.ts';

before(loadParser);

const texts = [
  'SELECT id, ssn FROM customers WHERE ssn = $1 ORDER BY name',
  "INSERT INTO customers (id, ssn) VALUES (1, '[redacted]'), (2, 'x'), ($1, $2)",
  'SELECT 1; DELETE FROM customers; SELECT 1;;SELECT 2',
  'PREPARE p AS SELECT upper(ssn) FROM customers',
  'DECLARE c CURSOR WITH HOLD FOR SELECT ssn FROM customers',
  'COPY (SELECT ssn, id FROM customers) TO STDOUT',
  'EXPLAIN ANALYZE DECLARE c CURSOR FOR SELECT ssn FROM customers',
  'CREATE TABLE scratch AS SELECT ssn FROM customers',
  'SET search_path = private, public',
  "SET ROLE 'other'",
  'WITH d AS (DELETE FROM customers RETURNING ssn) SELECT * FROM d',
  'DO $$ begin end $$',
  '',
];

const payloadOf = (text: string) => ({ text: Buffer.from(text), limits: defaultParseLimits });

async function distant(text: string): Promise<Analysis> {
  const answer = readAnalysis(structuredClone(await analyzeText(payloadOf(text))));
  assert.ok(answer !== null && 'statements' in answer);
  return answer;
}

/** What a statement tells without its tree. */
function told(statement: AnalyzedStatement): object {
  const { ast: _ast, shape: _shape, distant: _distant, session, ...facts } = statement;
  const nested = 'inner' in session && session.inner !== null ? { inner: told(session.inner) } : {};
  return { ...facts, session: { ...session, ...nested } };
}

test('facts are those of an analysis on the spot', async () => {
  for (const text of texts) {
    const here = analyze(text);
    assert.ok('statements' in here);
    const there = await distant(text);
    assert.deepEqual(there.statements.map(told), here.statements.map(told), text);
    assert.equal(there.literalFree, here.literalFree);
    for (const { ast, distant: place } of there.statements) {
      assert.ok(place !== null);
      assert.ok(JSON.stringify(ast).length < 300);
    }
  }
  const shapes = (await distant('SELECT 1; SELECT 1')).statements.map(({ shape }) => shape);
  assert.notEqual(shapes[0], shapes[1]);
});

test('faults come back as they are', async () => {
  for (const text of ['SELECT FROM WHERE', 'SELECT \0', `SELECT ${'('.repeat(20_000)}`]) {
    assert.deepEqual(readAnalysis(structuredClone(await analyzeText(payloadOf(text)))), analyze(text));
  }
  const columns = Array.from({ length: 30_000 }, (_, at) => `c${at}`).join(',');
  const many = readAnalysis(await analyzeText(payloadOf(`SELECT ${columns} FROM t`)));
  assert.ok(many !== null && 'fault' in many);
  assert.equal(many.fault.code, 'BG_STATEMENT_TOO_LARGE');
});

const masks = {
  columns: [{ rule: 'p/ssn', schema: '*', table: 'customers', column: 'ssn', mask: { kind: 'redact' } }],
  values: [],
  customDetectors: [],
  safeFunctions: [],
  sealed: false,
} as const;

function payload(questions: FlowsPayload['questions']): FlowsPayload {
  const json = Buffer.from(JSON.stringify(shopRows));
  const rows = new SharedArrayBuffer(json.length);
  new Uint8Array(rows).set(json);
  return { catalog: { id: 1, rows, formerNames: new Map() }, masks: { id: 1, ...masks }, questions };
}

async function flowOfText(text: string, steps: number, doubt: Doubt | null): Promise<FlowAnswer> {
  const path = doubt === null ? publicPath : unknownPath;
  const found = await analyzeFlows(payload([{ text, steps, path, doubt, builtinsFirst: true }]), strongerMask);
  const read = readFlowAnswers(structuredClone(found), 1);
  assert.ok(read !== null);
  return read[0];
}

test('flows are those of an analysis on the spot, believed and doubted', async () => {
  const index = columnMasks(shopCatalog(), masks, strongerMask);
  const flows = new StatementFlows(strongerMask, null);
  for (const text of texts) {
    const here = analyze(text);
    assert.ok('statements' in here);
    for (const outer of here.statements) {
      const inner = 'inner' in outer.session ? outer.session.inner : null;
      for (const [steps, statement] of [outer, inner].entries()) {
        if (statement === null) continue;
        const sure = await flowOfText(outer.text, steps, null);
        assert.deepEqual(sure.lineage, flows.lineage(statement, index, publicPath, 1), text);
        const use = flows.use(statement, index, publicPath, 1);
        assert.ok(use !== 'refresh');
        assert.deepEqual(useOfAnswer(sure).use, use.use, text);
        const doubted = await flowOfText(outer.text, steps, 'any');
        assert.deepEqual(doubted.lineage, flows.doubtedLineage(statement, index, publicPath), text);
        const doubtedUse = flows.doubtedUse(statement, index, publicPath);
        assert.ok(doubtedUse !== 'refresh');
        assert.deepEqual(useOfAnswer(doubted).use, doubtedUse.use, text);
      }
    }
  }
});

test('of what is given to masked columns, masks and parameters come back', async () => {
  const answer = await flowOfText(texts[1], 0, null);
  const given = useOfAnswer(answer).given.map((one) => one.given);
  assert.deepEqual(given, [
    { kind: 'literal', text: '[redacted]' },
    { kind: 'parameter', number: 2 },
  ]);
});

test('outputs beyond what a server gives are unknown, and a text without a tree may do anything', async () => {
  const wide = await flowOfText(`SELECT ${'id,'.repeat(20_000)}id FROM customers`, 0, null);
  assert.equal(wide.lineage.rest?.kind, 'opaque');
  for (const text of ['SELECT FROM WHERE', 'SELECT 1; SELECT 2']) {
    const { use, lineage } = await flowOfText(text, 0, null);
    assert.ok((use?.unreadable.length ?? 0) > 0);
    assert.equal(lineage.rest?.kind, 'opaque');
  }
});

test('what is no answer is none', async () => {
  const good = structuredClone(await analyzeText(payloadOf('PREPARE p AS SELECT ssn FROM customers'))) as TextAnswer;
  assert.notEqual(readAnalysis(good), null);
  const broken: unknown[] = [
    null,
    42,
    [],
    {},
    { fault: {} },
    { fault: { code: 'BG_NO_SUCH_CODE', detail: '' } },
    { ...good, texts: [] },
    { ...good, texts: [1] },
    { ...good, which: Uint32Array.of(1) },
    { ...good, which: [0] },
    { ...good, bytes: 'many' },
    { ...good, literalFree: 1 },
    ...Object.keys(good.facts[0])
      .filter((key) => key !== 'text')
      .map((key) => ({ ...good, facts: [{ ...good.facts[0], [key]: undefined }] })),
    { ...good, facts: [{ ...good.facts[0], kinds: [] }] },
    { ...good, facts: [{ ...good.facts[0], objects: [null] }] },
    { ...good, facts: [{ ...good.facts[0], session: { kind: 'prepare', name: 'p', inner: {} } }] },
    { ...good, facts: [{ ...good.facts[0], distant: null }] },
  ];
  for (const value of broken) assert.equal(readAnalysis(value), null, JSON.stringify(value));
  const flow = await flowOfText('SELECT ssn FROM customers', 0, null);
  assert.equal(readFlowAnswers([flow], 2), null);
  for (const key of Object.keys(flow)) assert.equal(readFlowAnswers([{ ...flow, [key]: undefined }], 1), null, key);
  assert.equal(readFlowAnswers([{ ...flow, lineage: { ...flow.lineage, head: [{}] } }], 1), null);
});
