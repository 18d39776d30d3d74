/** Who waits for whom when one session changes the schema and another is at work. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { analyze, type AnalyzedStatement } from '../../../../src/protocols/postgres/facts/facts.ts';
import {
  changeFootprint,
  type Footprint,
  meets,
  statementFootprint,
} from '../../../../src/protocols/postgres/catalog/footprints.ts';
import { loadParser } from '../../../../src/protocols/postgres/parse/parse.ts';
import { SchemaTurns } from '../../../../src/protocols/postgres/catalog/schemaTurns.ts';
import { SessionTurns, type TurnAsked } from '../../../../src/protocols/postgres/session/sessionTurns.ts';
import { StatementRun } from '../../../../src/protocols/postgres/session/statementRun.ts';
import { shopCatalog } from './fixture.ts';

before(loadParser);

const catalog = shopCatalog();

function statements(sql: string): readonly AnalyzedStatement[] {
  const analysis = analyze(sql);
  if ('fault' in analysis) assert.fail(analysis.fault.detail);
  return analysis.statements;
}

function changeOf(sql: string): Footprint | null {
  return changeFootprint(statements(sql), catalog);
}

function useOf(sql: string): Footprint | null {
  return statementFootprint(statements(sql)[0], catalog);
}

const additions = [
  'CREATE TABLE t (a int)',
  'CREATE TEMP TABLE t AS SELECT 1',
  'CREATE INDEX ON customers (email)',
  'SELECT 1',
  'BEGIN',
];

for (const sql of additions) {
  test(`nobody waits for: ${sql}`, () => assert.equal(changeOf(sql), null));
}

const pairs: readonly (readonly [change: string, statement: string, meets: boolean])[] = [
  ['CREATE OR REPLACE VIEW v AS SELECT ssn FROM customers', 'INSERT INTO t SELECT a FROM v', true],
  ['CREATE OR REPLACE VIEW s.v AS SELECT 1', 'SELECT (SELECT a FROM v)', true],
  [
    'CREATE OR REPLACE VIEW v AS SELECT ssn FROM customers',
    'INSERT INTO orders (note) SELECT email FROM customers',
    false,
  ],
  ['ALTER TABLE customers RENAME TO c', 'UPDATE orders SET note = (SELECT 1 FROM orders o LIMIT 1)', false],
  ['ALTER TABLE orders RENAME TO customers', 'INSERT INTO t SELECT email FROM customers', true],
  ['ALTER TABLE customers RENAME COLUMN ssn TO x', 'INSERT INTO t SELECT ssn FROM contacts', true],
  ['CREATE FUNCTION lower(text) RETURNS text LANGUAGE sql RETURN 1', 'DELETE FROM t WHERE lower(a) = $1', true],
  ['CREATE FUNCTION f(text) RETURNS text LANGUAGE sql RETURN 1', 'DELETE FROM orders WHERE length(note) = $1', false],
  ['DROP VIEW v', 'INSERT INTO t SELECT a FROM w', false],
  ['DROP VIEW v CASCADE', 'INSERT INTO t SELECT a FROM w', true],
  ['ALTER SCHEMA public RENAME TO p', 'INSERT INTO t SELECT a FROM w', true],
  ['CREATE CAST (text AS int) WITHOUT FUNCTION', 'INSERT INTO t SELECT a FROM w', true],
  ["DO 'BEGIN END'", 'INSERT INTO t SELECT a FROM w', true],
  ['CREATE OR REPLACE VIEW v AS SELECT 1', 'FETCH c', true],
];

for (const [change, statement, expected] of pairs) {
  test(`${change}; and in another session: ${statement}`, () => {
    const [one, other] = [changeOf(change), useOf(statement)];
    assert.ok(one !== null && other !== null);
    assert.equal(meets(one, other), expected);
  });
}

test('what names nothing that users have made hangs on no change', () => {
  for (const sql of ['SELECT 1', 'SELECT length($1)', 'SHOW search_path', 'COMMIT'])
    assert.equal(useOf(sql), null, sql);
});

const entry = { rows: 0, bytes: 0, masked: 0, sqlstate: null };
const onView: Footprint = { names: new Set(['v']), all: false };

test('a change waits for statements of others, and they for the end of its transaction', () => {
  const turns = new SchemaTurns();
  const [alice, bob] = [{}, {}];
  const turn = { owner: alice, footprints: [onView], relies: () => true, declares: false, runs: 0 };
  let woken = 0;
  const stop = turns.wait(() => woken++);
  turns.beginTurn(turn);
  assert.equal(turns.isUsed(bob, onView), true);
  assert.equal(turns.isUsed(alice, onView), false);
  turns.endTurn(turn);
  assert.equal(woken, 1);
  assert.equal(turns.isUsed(bob, onView), false);
  turns.beginChange(bob, onView);
  assert.equal(turns.isChanging(alice, [onView]), true);
  assert.equal(turns.isChanging(bob, [onView]), false);
  turns.endChanges(alice);
  assert.equal(woken, 1);
  turns.endChanges(bob);
  assert.equal(woken, 2);
  assert.equal(turns.isChanging(alice, [onView]), false);
  stop();
  turns.beginChange(bob, onView);
  turns.endChanges(bob);
  assert.equal(woken, 2);
});

test('what is the same whatever names mean keeps nobody waiting', () => {
  const turns = new SchemaTurns();
  turns.beginTurn({ owner: {}, footprints: [onView], relies: () => false, declares: false, runs: 0 });
  assert.equal(turns.isUsed({}, onView), false);
});

/** A run as a session counts it, of a statement that hangs on the view. */
function asked(owner: object): TurnAsked {
  return { owner, footprints: [onView], changed: null, relies: () => true, declares: false, runs: 0 };
}

test('a statement that is run again and again is used while it runs, and not in between', () => {
  const turns = new SchemaTurns();
  const session = new SessionTurns(turns, { every: () => () => {} });
  const [first, second] = [new StatementRun([], entry), new StatementRun([], entry)];
  const statement = asked(session);
  for (let round = 0; round < 3; round++) {
    session.begin(first, statement);
    session.begin(second, statement);
    assert.equal(turns.isUsed({}, onView), true);
    session.end(first);
    assert.equal(turns.isUsed({}, onView), true);
    session.end(second);
    assert.equal(turns.isUsed({}, onView), false);
  }
});

test('of the statements that a session has run, one stays on the list, and none when it has left', () => {
  const turns = new SchemaTurns();
  const session = new SessionTurns(turns, { every: () => () => {} });
  const runs = Array.from({ length: 5 }, () => new StatementRun([], entry));
  for (const run of runs.slice(1)) {
    session.begin(run, asked(session));
    session.end(run);
    assert.equal(turns.length, 1);
  }
  session.begin(runs[0], asked(session));
  session.leave(false);
  session.end(runs[0]);
  assert.equal(turns.length, 0);
});
