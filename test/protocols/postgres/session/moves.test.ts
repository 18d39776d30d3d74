/** What a message may change of what names mean, by the code that it reaches. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { CatalogRow, CatalogRows } from '../../../../src/protocols/postgres/catalog/build.ts';
import { type AnalyzedStatement, analyze } from '../../../../src/protocols/postgres/facts/facts.ts';
import { SessionEncoding } from '../../../../src/protocols/postgres/masks/sessionEncoding.ts';
import { parserReady } from '../../../../src/protocols/postgres/parse/parse.ts';
import type { Conversation } from '../../../../src/protocols/postgres/session/conversation.ts';
import { hiddenMoves, isUnknownCursor } from '../../../../src/protocols/postgres/session/moves.ts';
import { Names, type Portal } from '../../../../src/protocols/postgres/session/prepared.ts';
import { nameKeyOfText } from '../../../../src/protocols/postgres/wire/text.ts';
import { shopCatalog, shopRows } from '../catalog/fixture.ts';

before(parserReady);

function statements(sql: string): readonly AnalyzedStatement[] {
  const analysis = analyze(sql);
  assert.ok('statements' in analysis, sql.slice(0, 80));
  return analysis.statements;
}

const mover = "select set_config('search_path', 'x', false)";
const functions: readonly CatalogRow[] = [
  ['19001', 'public', 'mover', 'sql', 'f', 'v', 'f', '25', '0', '0', 'f', null, null, mover, null, null],
];

function session(code: readonly CatalogRow[] = []): Conversation {
  const rows: CatalogRows = { ...shopRows, operators: [], casts: [], aggregates: [], functions, code };
  const masks = { movers: shopCatalog(rows).movers(), encoding: new SessionEncoding(), movesAhead: 0, changesAhead: 0 };
  return {
    masks,
    portals: new Names(),
    statements: new Names(),
    heldStatements: new Names(),
  } as unknown as Conversation;
}

test('what changes the schema moves what event triggers do', () => {
  const conversation = session([['e', '0', '19001']]);
  const moves = (sql: string): string => {
    const running = statements(sql);
    return hiddenMoves(conversation, running[0], running);
  };
  for (const sql of ['create table t ()', 'select 1 as a into t', 'grant select on orders to x', 'do $$$$', 'vacuum'])
    assert.equal(moves(sql), 'path', sql);
  for (const sql of [
    'select 1',
    'update orders set id = 1',
    'begin',
    'commit',
    'set work_mem = 1',
    'copy orders to stdout',
  ])
    assert.equal(moves(sql), 'nothing', sql);
});

test('a cursor moves what any that it may mean does', () => {
  const conversation = session();
  const last = (sql: string): string => {
    const running = statements(sql);
    return hiddenMoves(conversation, running[running.length - 1], running);
  };
  const plain = 'declare c cursor for select 1';
  const moving = 'declare c cursor for select mover()';
  assert.equal(last('fetch c'), 'path');
  assert.equal(last(`${plain}; fetch c`), 'nothing');
  assert.equal(last(`${plain}; close c; ${moving}; fetch c`), 'path');
  conversation.portals.put(nameKeyOfText('c'), { prepared: { statement: statements(moving)[0] } } as unknown as Portal);
  assert.equal(last('fetch c'), 'path');
  assert.equal(last(`${plain}; fetch c`), 'path');
  assert.ok(!isUnknownCursor(conversation, statements('fetch c')[0], statements('fetch c')));
  assert.ok(isUnknownCursor(conversation, statements('fetch d')[0], statements('fetch d')));
});
