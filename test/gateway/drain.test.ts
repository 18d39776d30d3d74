/** The end of a gate, and changes of its policies while sessions go on. */
import assert from 'node:assert/strict';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { complete, dataRow, diagnostic, ready, rowDescription } from '../protocols/sessionTarget.ts';
import type { Answer } from '../protocols/sessionTarget.ts';
import { query, rowsOf } from '../support/rawPostgres.ts';
import {
  assertNoLeak,
  dialGate,
  Endings,
  lastError,
  logIn,
  openFakeServer,
  openGate,
  readToEnd,
  until,
} from './support.ts';
import type { Gate } from './support.ts';

const all = Buffer.concat;
const one = all([rowDescription({ name: 'one' }), dataRow('1'), complete('SELECT 1')]);
/** Knows transactions; `select pg_sleep` never ends. */
const answer: Answer = ({ type, text }) => {
  if (type !== 'Q') return null;
  if (text === 'begin') return all([complete('BEGIN'), ready('T')]);
  if (text === 'commit') return all([complete('COMMIT'), ready()]);
  if (text.includes('pg_sleep')) return rowDescription({ name: 'pg_sleep' });
  if (text.startsWith('blastgate')) return all([diagnostic({ C: '42601', P: '1', M: 'syntax error' }), ready()]);
  return all([one, ready(text.includes('within') ? 'T' : 'I')]);
};

test('a drain: idle sessions end at once, a transaction is finished', async (context) => {
  const endings = new Endings(context);
  const gate = await openGate(endings, {
    target: await openFakeServer(endings, { answer }),
    limits: 'drain_ms: 20000',
  });
  const idle = await logIn(gate);
  const busy = await logIn(gate);
  const silent = await dialGate(gate);
  await busy.ask([query('begin')]);
  const stopped = gate.stop();
  assert.equal(lastError(await idle.untilClosed()).code, '57P01');
  assert.match((await readToEnd(silent)).toString('latin1'), /\0C57P01\0/);
  assert.deepEqual(rowsOf(await busy.ask([query('select 1 as within')])), [['1']]);
  const last = await busy.ask([query('commit')]);
  assert.equal(last.at(-1)?.type, 'Z');
  assert.equal(lastError(await busy.untilClosed()).code, '57P01');
  await stopped;
  await assert.rejects(dialGate(gate), 'nobody listens any more');
  const closed = (await gate.audit()).filter(({ event }) => event === 'session_close');
  assert.equal(closed.length, 2);
});

test('a drain: what does not end in time is ended', async (context) => {
  const endings = new Endings(context);
  const gate = await openGate(endings, { target: await openFakeServer(endings, { answer }), limits: 'drain_ms: 100' });
  const sleeper = await logIn(gate);
  const open = await logIn(gate);
  sleeper.send(query('select pg_sleep(1000)'));
  await sleeper.until('T');
  await open.ask([query('begin')]);
  await gate.stop();
  for (const client of [sleeper, open]) assert.equal(lastError(await client.untilClosed()).code, '57P01');
  const records = await gate.audit();
  const lost = records.filter(({ event, ended }) => event === 'result' && ended === 'lost');
  assert.equal(lost.length, 1, 'the result of what was cut short');
});

async function changePolicy(gate: Gate, text: string, outcome: RegExp): Promise<void> {
  const seen = gate.log.length;
  // By renaming, so that no half file is read.
  await writeFile(join(gate.directory, 'next'), text);
  await rename(join(gate.directory, 'next'), join(gate.directory, 'policies', 'policy.yaml'));
  await until(String(outcome), () => gate.log.slice(seen).some(({ msg }) => outcome.test(String(msg))));
}

const rule = (statement: string): string => `name: all
default: allow
rules:
  - id: none
    match: { statement: [${statement}] }
    action: block
`;

test('a policy file with errors changes nothing; a right one counts from the next statement on', async (context) => {
  const endings = new Endings(context);
  const gate = await openGate(endings, { target: await openFakeServer(endings, { answer }), policy: rule('drop') });
  const client = await logIn(gate);
  const blocked = async (text: string): Promise<boolean> => {
    const said = await client.ask([query(text)]);
    return said.some(({ type }) => type === 'E');
  };
  assert.equal(await blocked('drop table x'), true);
  for (const wrong of ['rules: [', 'name: all\nrules: 7\n', `${rule('drop')}    colour: red\n`, rule('no_such_kind')]) {
    await changePolicy(gate, wrong, /^policy change refused/);
    assert.equal(await blocked('drop table x'), true);
    assert.equal(await blocked('select 1'), false);
  }
  await changePolicy(gate, rule('select'), /^policies reloaded/);
  const file = (name: string): string => join(gate.directory, 'policies', name);
  const said = (): unknown[] => {
    const line = gate.log.findLast(({ msg }) => msg === 'policies reloaded');
    return [line?.['changed'], line?.['added'], line?.['removed']];
  };
  assert.deepEqual(said(), [[file('policy.yaml')], [], []]);
  assert.equal(await blocked('select 1'), true);
  assert.equal(await blocked('drop table x'), false);
  assert.equal(await gate.metric('policy_reloads_refused_total'), 4);
  await writeFile(file('more.yaml'), 'name: more\n');
  await until('the new file', () => String(said()[1]) === file('more.yaml'));
  assert.deepEqual(said(), [[], [file('more.yaml')], []]);
  await rm(file('more.yaml'));
  await until('its end', () => String(said()[2]) === file('more.yaml'));
  assert.deepEqual(said(), [[], [], [file('more.yaml')]]);
  client.close();
  await assertNoLeak(gate);
});
