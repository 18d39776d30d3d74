/** A message whose text a thread analyses is held, with all behind it, until the answer comes, or something else does. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Slab } from '../../src/bytes/slab.ts';
import { heavyModules } from '../../src/gateway/heavyModules.ts';
import { openLanes } from '../../src/lanes/lanes.ts';
import { strongerMask } from '../../src/policy/strength.ts';
import { flowsTask, type TextPayload, textTask } from '../../src/protocols/postgres/masks/distant.ts';
import { analyzeFlows, analyzeText, type FlowsPayload } from '../../src/protocols/postgres/masks/distantWork.ts';
import { loadParser } from '../../src/protocols/postgres/parse/parse.ts';
import type { HeavyResult, RunHeavy } from '../../src/protocols/protocol.ts';
import { bind, describe, execute, int32, parse, query, type RawMessage, sync } from '../support/rawPostgres.ts';
import { fieldsOf } from '../support/rawPostgres.ts';
import {
  type Answer,
  bindComplete,
  complete,
  customers,
  dataRow,
  diagnostic,
  parameterDescription,
  parseComplete,
  ready,
  rowDescription,
} from './sessionTarget.ts';
import { type OpenSession, World } from './sessionWires.ts';

before(loadParser);

const policy = `name: engineering
default: allow
rules:
  - id: no-drop
    match: { statement: [drop] }
    action: block
  - id: ssn
    match: { columns: ['*.customers.ssn'] }
    action: mask
    with: redact
`;

const long = (text: string): string => `${text} /* ${'x'.repeat(300)} */`;
const row = Buffer.concat([rowDescription(customers.ssn), dataRow('123-45-6789'), complete('SELECT 1')]);

const answer: Answer = ({ type, text }) => {
  const failing = text.startsWith('blastgate_refused');
  if (failing) return Buffer.concat([diagnostic({ C: '42601' }), ...(type === 'Q' ? [ready()] : [])]);
  if (type === 'Q') return Buffer.concat([row, ready()]);
  if (type === 'P') return parseComplete;
  if (type === 'D') return Buffer.concat([parameterDescription(), rowDescription(customers.ssn)]);
  if (type === 'B') return bindComplete;
  if (type === 'E') return Buffer.concat([dataRow('123-45-6789'), complete('SELECT 1')]);
  return type === 'S' ? ready() : null;
};

/** Threads that answer when the test says so. */
class Threads {
  readonly asked: { readonly task: string; readonly payload: unknown; answer(result: HeavyResult): void }[] = [];

  readonly run: RunHeavy = (task, payload) => {
    return new Promise((resolve) => {
      this.asked.push({ task, payload: structuredClone(payload), answer: resolve });
    });
  };

  /** Does what was asked first. */
  async work(): Promise<void> {
    const next = this.asked.shift();
    assert.ok(next, 'nothing was asked of a thread');
    const { task, payload } = next;
    const value =
      task === textTask
        ? await analyzeText(payload as TextPayload)
        : await analyzeFlows(payload as FlowsPayload, strongerMask);
    next.answer({ kind: 'done', value: structuredClone(value) });
  }
}

async function open(heavy: RunHeavy): Promise<{ world: World; session: OpenSession; begin: number }> {
  const world = await World.open({ target: { answer }, policy, heavy, statementInlineBytes: 200 });
  const session = world.open();
  session.client.push(world.login);
  await session.rest();
  return { world, session, begin: session.received.length };
}

function messagesOf({ received }: OpenSession, from: number): RawMessage[] {
  const bytes = Buffer.concat(received.slice(from));
  const messages: RawMessage[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    messages.push({ type: String.fromCharCode(bytes[at]), body: bytes.subarray(at + 5, end) });
    at = end;
  }
  return messages;
}

const types = (messages: readonly RawMessage[]): string => messages.map(({ type }) => type).join('');
const asked = (world: World): string[] =>
  (world.dialled[0]?.target.asked ?? []).map(({ type, text }) => type + text.slice(0, 12));

async function send(session: OpenSession, ...messages: readonly Uint8Array[]): Promise<void> {
  session.client.push(Buffer.concat(messages));
  await session.rest();
}

test('simple query: held while threads are at work, masked like any other, known the second time', async () => {
  const threads = new Threads();
  const { world, session, begin } = await open(threads.run);
  const text = long('SELECT ssn FROM customers');
  await send(session, query(text), query('SELECT ssn FROM customers'));
  assert.deepEqual(asked(world), []);
  assert.ok(session.session.busy);
  await threads.work();
  await session.rest();
  assert.deepEqual(asked(world), []);
  await threads.work();
  await session.rest();
  assert.equal(types(messagesOf(session, begin)), 'TDCZTDCZ');
  assert.ok(!Buffer.concat(session.received).includes('123-45'));
  await send(session, query(text));
  assert.equal(types(messagesOf(session, begin)), 'TDCZTDCZTDCZ');
  assert.equal(threads.asked.length, 0);
  assert.ok(!session.session.busy);
  session.client.destroy();
});

test('extended protocol: a long Parse holds what is pipelined behind it, in order', async () => {
  const threads = new Threads();
  const { world, session, begin } = await open(threads.run);
  const text = long('SELECT ssn FROM customers');
  await send(session, parse('a', 'SELECT 1'), parse('b', text), describe('S', 'b'), bind('', 'b'), execute(''), sync);
  assert.deepEqual(asked(world), ['PSELECT 1']);
  await threads.work();
  await session.rest();
  assert.deepEqual(asked(world), ['PSELECT 1', 'PSELECT ssn F', 'D']);
  await threads.work();
  await session.rest();
  assert.equal(types(messagesOf(session, begin)), '11tT2DCZ');
  assert.ok(!Buffer.concat(session.received).includes('123-45'));
  session.client.destroy();
});

test('the facts count: a long statement that policy blocks is blocked, and one that asks of a masked column', async () => {
  const threads = new Threads();
  const { world, session, begin } = await open(threads.run);
  await send(session, query(long('DROP TABLE customers')));
  await threads.work();
  await session.rest();
  await send(session, query(long("SELECT id FROM customers WHERE ssn = '1'")));
  await threads.work();
  await session.rest();
  await threads.work();
  await session.rest();
  await send(session, query(long("UPDATE customers SET ssn = '[redacted]' WHERE id = 1")));
  await threads.work();
  await session.rest();
  await threads.work();
  await session.rest();
  const messages = messagesOf(session, begin);
  assert.equal(types(messages), 'EZEZEZ');
  const said = messages.filter(({ type }) => type === 'E').map((error) => fieldsOf(error).M ?? '');
  assert.match(said[1], /ssn/);
  assert.match(said[2], /is a mask/);
  assert.ok(asked(world).every((text) => text.startsWith('Qblastgate')));
  session.client.destroy();
});

test('syntax errors of long texts come in the words of the server', async () => {
  const threads = new Threads();
  const { session, begin } = await open(threads.run);
  await send(session, query(long('SELEC 1')));
  await threads.work();
  await session.rest();
  const [error] = messagesOf(session, begin);
  assert.match(fieldsOf(error).M ?? '', /^syntax error at or near "SELEC"$/);
  session.client.destroy();
});

const failures: readonly { name: string; result: HeavyResult; code: string; says: RegExp }[] = [
  { name: 'too slow', result: { kind: 'timeout' }, code: '54001', says: /BG_STATEMENT_TOO_LARGE|longer than 10000 ms/ },
  { name: 'too many', result: { kind: 'busy' }, code: '53000', says: /too many long statements/ },
  { name: 'died', result: { kind: 'failed', detail: 'SELECT secret' }, code: 'XX000', says: /could not be analysed/ },
  {
    name: 'garbage',
    result: { kind: 'done', value: { statements: [] } },
    code: 'XX000',
    says: /could not be analysed/,
  },
];

for (const { name, result, code, says } of failures) {
  test(`${name}: the statement is refused and the session goes on, whichever task it was`, async () => {
    for (const tasksBefore of [0, 1]) {
      const threads = new Threads();
      const { world, session, begin } = await open(threads.run);
      await send(session, query(long('SELECT ssn FROM customers')), query('SELECT ssn FROM customers'));
      for (let task = 0; task < tasksBefore; task++) {
        await threads.work();
        await session.rest();
      }
      const last = threads.asked.shift();
      assert.equal(last?.task, tasksBefore === 0 ? textTask : flowsTask);
      last?.answer(result);
      await session.rest();
      const messages = messagesOf(session, begin);
      assert.equal(types(messages), 'EZTDCZ');
      const error = fieldsOf(messages[0]);
      assert.equal(error.C, code);
      assert.match(error.M ?? '', says);
      assert.ok(!(error.M ?? '').includes('secret'));
      assert.deepEqual(asked(world), ['Qblastgate_re', 'QSELECT ssn F']);
      // The next try begins anew.
      await send(session, query(long('SELECT ssn FROM customers')));
      assert.equal(threads.asked.length, 1);
      session.client.destroy();
    }
  });
}

test('a client that leaves while threads are at work leaves nothing behind', async () => {
  for (const tasksBefore of [0, 1]) {
    const threads = new Threads();
    const { world, session } = await open(threads.run);
    await send(session, query(long('SELECT ssn FROM customers')));
    if (tasksBefore === 1) await threads.work();
    await session.rest();
    session.client.destroy();
    await session.rest();
    assert.equal(world.ended, world.opened);
    assert.ok(world.dialled[0].wire.closed);
    await threads.work();
    await session.rest();
    assert.deepEqual(
      asked(world).filter((text) => text !== 'X'),
      [],
    );
    assert.equal(world.slab.statistics().used, 0);
    assert.deepEqual(
      world.logged.filter(({ level }) => level === 'error'),
      [],
    );
  }
});

test('a cancel request reaches what threads are at work on, and what comes behind it runs', async () => {
  for (const tasksBefore of [0, 1]) {
    const threads = new Threads();
    const { world, session, begin } = await open(threads.run);
    const key = messagesOf(session, 0).find(({ type }) => type === 'K');
    assert.ok(key);
    await send(session, query(long('SELECT ssn FROM customers')), query('SELECT ssn FROM customers'));
    if (tasksBefore === 1) await threads.work();
    await session.rest();
    const target = world.dialled;
    const canceller = world.open();
    canceller.client.push(Buffer.concat([int32(16), int32(80877102), key.body]));
    await canceller.rest();
    world.dialled = target;
    await session.rest();
    const messages = messagesOf(session, begin);
    assert.equal(types(messages), 'EZTDCZ');
    assert.equal(fieldsOf(messages[0]).C, '57014');
    // The late answer changes nothing.
    await threads.work();
    await session.rest();
    assert.equal(types(messagesOf(session, begin)), 'EZTDCZ');
    session.client.destroy();
  }
});

test('drain waits for what threads are at work on', async () => {
  const threads = new Threads();
  const { session, begin } = await open(threads.run);
  await send(session, query(long('SELECT 1')));
  session.session.drain();
  await session.rest();
  assert.equal(types(messagesOf(session, begin)), '');
  while (threads.asked.length > 0) {
    await threads.work();
    await session.rest();
  }
  assert.equal(types(messagesOf(session, begin)), 'TDCZE');
});

test('a thread that dies refuses the statement', async (context) => {
  const module = new URL('../lanes/fixtures/heavyTasks.ts', import.meta.url).href;
  const slab = new Slab({ payloadBytes: 16_384, headroomBytes: 4096, slots: 2 });
  const lanes = openLanes({ lanes: 0, slab, heavy: { [textTask]: { module, export: 'die' } } });
  context.after(() => lanes.close());
  const answered = Promise.withResolvers<void>();
  const { session, begin } = await open(async (task, payload, timeoutMs) => {
    const result = await lanes.runHeavy(task, payload, timeoutMs);
    setImmediate(() => answered.resolve());
    return result;
  });
  await send(session, query(long('SELECT 1')));
  await answered.promise;
  await session.rest();
  assert.equal(fieldsOf(messagesOf(session, begin)[0]).C, 'XX000');
  session.client.destroy();
});

test('the tasks are where the gate says', () => {
  assert.deepEqual(Object.keys(heavyModules).toSorted(), [flowsTask, textTask].toSorted());
});
