/** What is sent around a COPY before the target has asked for its data: nothing of it may be answered in place of something else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bind, copyData, copyDone, execute, parse, query, sync } from '../support/rawPostgres.ts';
import { canaries, policy } from './sessionExchanges.ts';
import {
  bindComplete,
  complete,
  copyIn,
  dataRow,
  diagnostic,
  parseComplete,
  ready,
  rowDescription,
} from './sessionTarget.ts';
import type { Answer } from './sessionTarget.ts';
import { World } from './sessionWires.ts';

const all = Buffer.concat;
const copy = 'copy public.orders (note) from stdin';
const hidden = "select ssn || '' as a from public.customers";
const shown = "select 'x' as a";
const failing = 'select nope';
const raw = '123-45-6789';

/** A server that reads COPY data as PostgreSQL does: Sync means nothing then, and any command is an error. */
function server(copyFails: boolean): Answer {
  let copying = false;
  let extended = false;
  let skipping = false;
  let statement = '';
  const names = new Map<string, string>();
  const rows = (text: string): Buffer => dataRow(text === hidden ? raw : 'x');
  return ({ type, body, text }) => {
    if (copying) {
      if (type === 'S' || type === 'H' || (type === 'd' && !copyFails)) return null;
      copying = false;
      skipping = extended && type !== 'c';
      const failure = diagnostic({ C: type === 'd' ? '22P04' : '57014', M: 'no' });
      if (type === 'c') return all([complete('COPY 1'), ...(extended ? [] : [ready()])]);
      return extended ? failure : all([failure, ready()]);
    }
    if (type === 'S') {
      skipping = false;
      return ready();
    }
    if (skipping) return null;
    extended = type !== 'Q';
    const [first, second] = body.toString('latin1').split('\0');
    switch (type) {
      case 'Q':
        if (text === copy) copying = true;
        if (text === copy) return copyIn(1);
        if (text === failing) return all([diagnostic({ C: '42703', M: 'no' }), ready()]);
        return all([rowDescription({ name: 'a' }), rows(text), complete('SELECT 1'), ready()]);
      case 'P':
        names.set(first, second);
        return parseComplete;
      case 'B':
        statement = names.get(second) ?? '';
        return bindComplete;
      case 'D':
        return all([Buffer.from('t\0\0\0\x06\0\0', 'latin1'), rowDescription({ name: 'a' })]);
      case 'E':
        if (statement !== copy) return all([rows(statement), complete('SELECT 1')]);
        copying = true;
        return copyIn(1);
      default:
        return null;
    }
  };
}

async function run(copyFails: boolean, steps: readonly Uint8Array[]): Promise<{ received: Buffer; ended: boolean }> {
  const world = await World.open({ policy, target: { answer: server(copyFails) } });
  const session = world.open();
  session.client.push(world.login);
  await session.rest();
  const before = session.received.length;
  for (const step of steps) {
    session.client.push(step);
    await session.rest();
  }
  const received = all(session.received.slice(before));
  const ended = session.client.closed;
  for (const canary of canaries) assert.ok(!received.includes(canary), `${canary} got out`);
  session.client.destroy();
  await session.rest();
  return { received, ended };
}

/** How often the server was ready. */
function readies(received: Buffer): number {
  return received.toString('latin1').split(ready().toString('latin1')).length - 1;
}

const prepared = all([parse('c', copy), parse('h', hidden), parse('s', shown), sync]);
const warm = all([bind('', 'h'), execute(''), sync, bind('', 's'), execute(''), sync]);

test('a Sync behind a simple COPY is not waited for', async () => {
  const { received, ended } = await run(false, [
    all([query(copy), sync]),
    all([copyData('x\n'), copyDone]),
    query(failing),
    query(hidden),
    query(shown),
  ]);
  assert.equal(ended, false);
  assert.equal(readies(received), 4);
});

test('data, its end and further statements may all be sent ahead', async () => {
  const { received, ended } = await run(false, [
    prepared,
    all([bind('', 'c'), execute(''), sync, copyData('x\n'), copyDone, sync, warm, query(hidden)]),
  ]);
  assert.equal(ended, false);
  assert.equal(readies(received), 5);
});

test('a COPY that fails leaves what was sent behind it in its order', async () => {
  const ahead = all([bind('', 'c'), execute(''), copyData('bad\n'), copyDone, sync, warm, query(hidden), query(shown)]);
  const { received, ended } = await run(true, [prepared, warm, ahead]);
  assert.equal(ended, false);
  assert.equal(readies(received), 8);
});

test('a command in the middle of the data ends the session', async () => {
  for (const command of [query(hidden), all([bind('', 'h'), execute(''), sync])]) {
    const { ended } = await run(false, [
      prepared,
      warm,
      all([bind('', 'c'), execute(''), sync, command, copyDone, sync]),
    ]);
    assert.equal(ended, true);
  }
});

test('an end of data that no COPY waits for changes nothing', async () => {
  const { received, ended } = await run(false, [
    all([query(shown), copyDone]),
    query(copy),
    all([copyDone]),
    query(hidden),
  ]);
  assert.equal(ended, false);
  assert.equal(readies(received), 3);
});
