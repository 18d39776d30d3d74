/** What may be fetched where rows are converted to the client's encoding. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type AnalyzedStatement, analyze } from '../../../../src/protocols/postgres/facts/facts.ts';
import { parserReady } from '../../../../src/protocols/postgres/parse/parse.ts';
import type { Conversation } from '../../../../src/protocols/postgres/session/conversation.ts';
import { MessageEncoding } from '../../../../src/protocols/postgres/session/messageEncoding.ts';
import { TransactionStatus } from '../../../../src/protocols/postgres/wire/wire.ts';

before(parserReady);

interface Given {
  readonly active?: boolean;
  readonly converts?: boolean;
  readonly transaction?: number;
  /** Cursors that were opened before, and whether as such that are converted. */
  readonly portals?: Readonly<Record<string, boolean>>;
}

/** What each statement of one message is told. */
function judged(sql: string, given: Given = {}): readonly unknown[] {
  const { active = true, converts = true, transaction = TransactionStatus.idle, portals = {} } = given;
  const encoding = { converts, copyConverts: () => false };
  const conversation = {
    masks: { active, encoding, conversionOf: () => null },
    portals: { get: (name: string) => (name in portals ? { converts: portals[name] } : undefined) },
    expected: { length: 0 },
    transaction,
  } as unknown as Conversation;
  const analysis = analyze(sql);
  assert.ok('statements' in analysis, sql);
  const message = new MessageEncoding(conversation);
  const { statements } = analysis;
  message.begin(statements.length === 1);
  return statements.map((one: AnalyzedStatement) => message.judge(one, one.settings.length > 0, true));
}

test('a cursor may be read if its rows were judged when it was opened', () => {
  const inBlock = { transaction: TransactionStatus.inTransaction };
  assert.deepEqual(judged('fetch c', { ...inBlock, portals: { c: true } }), [null]);
  assert.deepEqual(judged('fetch c', { ...inBlock, portals: { c: false } }), ['opened_before']);
  assert.deepEqual(judged('declare c cursor for select 1; fetch c', inBlock), [null, null]);
  assert.deepEqual(judged('fetch c; declare c cursor for select 1', inBlock), ['opened_before', null]);
  const recoded = "declare c cursor for select 1; set client_encoding = 'LATIN1'; fetch c";
  assert.deepEqual(judged(recoded, { converts: false }), [null, null, 'opened_before']);
  const again = 'declare c cursor for select 1; fetch c';
  assert.deepEqual(judged(again, { converts: false, portals: { c: false } }), [null, null]);
});

test('of a cursor that is surely not there the server tells', () => {
  assert.deepEqual(judged('fetch c'), [null]);
  // A function may have opened it.
  assert.deepEqual(judged('fetch c', { transaction: TransactionStatus.inTransaction }), ['opened_before']);
  assert.deepEqual(judged('select 1; fetch c'), [null, 'opened_before']);
});

test('without masks nothing was judged', () => {
  const encoding = { converts: true };
  const conversation = { masks: { active: true, encoding } };
  const message = new MessageEncoding(conversation as unknown as Conversation);
  message.begin(true);
  assert.ok(message.converts);
  conversation.masks.active = false;
  message.begin(true);
  assert.ok(!message.converts);
});
