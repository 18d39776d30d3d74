/** Evidence before effect: the record is in the file before the target has the statement, or the statement does not run. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import {
  bindComplete,
  complete,
  dataRow,
  diagnostic,
  parseComplete,
  ready,
  rowDescription,
} from '../protocols/sessionTarget.ts';
import type { Answer } from '../protocols/sessionTarget.ts';
import { bind, execute, parse, query, rowsOf, sync } from '../support/rawPostgres.ts';
import {
  assertNoLeak,
  Endings,
  lastError,
  logIn,
  openFakeServer,
  openGate,
  password,
  readAudit,
  until,
  writeConfiguration,
} from './support.ts';
import type { Afterwards, FakeServer } from './support.ts';

const result = Buffer.concat([rowDescription({ name: 'one' }), dataRow('1'), complete('SELECT 1')]);

test('the record of a statement is written before the target has it', async (context) => {
  const endings = new Endings(context);
  let folder = '';
  const seen: { readonly text: string; readonly recorded: boolean }[] = [];
  const recorded = (text: string): boolean =>
    readdirSync(folder).some((file) => readFileSync(join(folder, file), 'utf8').includes(JSON.stringify(text)));
  let prepared = '';
  const answer: Answer = ({ type, text }) => {
    if (type === 'P') {
      prepared = text;
      return parseComplete;
    }
    if (type === 'Q' || type === 'B' || type === 'E') {
      const wanted = type === 'Q' ? text : prepared;
      seen.push({ text: wanted, recorded: recorded(wanted) });
    }
    if (type === 'Q') return Buffer.concat([result, ready()]);
    if (type === 'B') return bindComplete;
    if (type === 'E') return complete('SELECT 0');
    return type === 'S' ? ready() : null;
  };
  const gate = await openGate(endings, { target: await openFakeServer(endings, { answer }) });
  folder = join(gate.directory, 'data', 'audit');
  const client = await logIn(gate);
  for (let round = 0; round < 50; round++) await client.ask([query(`select 'simple ${round}'`)]);
  const batch = Array.from({ length: 50 }, (_, at) => query(`select 'pipelined ${at}'`));
  await client.ask(batch, batch.length);
  const extended = Array.from({ length: 50 }, (_, at) => [
    parse('', `select 'extended ${at}'`),
    bind('', ''),
    execute(''),
    sync,
  ]);
  await client.ask(extended.flat(), extended.length);
  assert.equal(seen.length, 200);
  assert.deepEqual(
    seen.filter((one) => !one.recorded),
    [],
  );
  client.close();
  await assertNoLeak(gate);
  const records = await gate.audit();
  const statements = records.filter(({ event }) => event === 'statement');
  const ended = new Set(records.filter(({ event }) => event === 'result').map(({ id }) => id));
  assert.equal(statements.length, 150);
  assert.ok(
    statements.every(({ id }) => ended.has(id)),
    'a statement without its result',
  );
});

test('what nobody allowed does not reach the target, and is recorded all the same', async (context) => {
  const endings = new Endings(context);
  const texts: string[] = [];
  const answer: Answer = ({ type, text }) => {
    texts.push(text);
    if (type !== 'Q') return null;
    const fails = text.startsWith('blastgate');
    return Buffer.concat([fails ? diagnostic({ C: '42601', P: '1', M: 'syntax error' }) : result, ready()]);
  };
  const policy = `name: reads
applies_to: { groups: [engineering] }
default: block
rules:
  - id: select
    match: { statement: [select] }
    action: allow
`;
  const gate = await openGate(endings, { target: await openFakeServer(endings, { answer }), policy });
  const alice = await logIn(gate);
  await alice.ask([query('select 1')]);
  await alice.ask([query('drop table customers')]);
  // No policy applies to bob.
  const bob = await logIn(gate, 'bob');
  await bob.ask([query('select 2')]);
  assert.ok(texts.includes('select 1'));
  assert.ok(!texts.some((text) => /drop|select 2/.test(text)));
  alice.close();
  bob.close();
  await assertNoLeak(gate);
  const outcomes = (await gate.audit()).filter(({ event }) => event === 'statement');
  assert.deepEqual(
    outcomes.map(({ user, outcome }) => [user, outcome]),
    [
      ['alice', 'allow'],
      ['alice', 'block'],
      ['bob', 'block'],
    ],
  );
});

interface Process {
  readonly port: number;
  readonly pid: number;
  readonly directory: string;
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** The gate as a process of its own, so that its limits can be changed and signals be sent. */
async function serve(context: Afterwards, target: FakeServer): Promise<Process> {
  const directory = await writeConfiguration(context, { target });
  const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
  const child = spawn(process.execPath, [main, 'serve', '--config', join(directory, 'blastgate.yaml')], {
    env: { USER_PASSWORD: password },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exit = once(child, 'exit') as Promise<[number | null]>;
  context.after(async () => {
    child.kill('SIGKILL');
    await exit;
  });
  for await (const line of createInterface({ input: child.stderr })) {
    const { msg, port } = JSON.parse(line) as { msg: string; port?: number };
    if (msg !== 'accepting' || port === undefined) continue;
    child.stderr.resume();
    const end = async (signal: NodeJS.Signals): Promise<number | null> => {
      child.kill(signal);
      return (await exit)[0];
    };
    return { port, pid: child.pid ?? 0, directory, end };
  }
  throw new Error('the gate did not start');
}

function hasPrlimit(): boolean {
  try {
    execFileSync('prlimit', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test('a log that cannot be written', { skip: hasPrlimit() ? false : 'prlimit is not installed' }, async (context) => {
  const endings = new Endings(context);
  const texts: string[] = [];
  const server = await openFakeServer(endings, {
    answer: ({ type, text }) => {
      texts.push(text);
      return type === 'Q' ? Buffer.concat([result, ready()]) : null;
    },
  });
  const gate = await serve(endings, server);
  const before = await logIn(gate);
  assert.deepEqual(rowsOf(await before.ask([query('select 1')])), [['1']]);
  // From here on no file of the gate may grow, which is what a full disk looks like to it.
  execFileSync('prlimit', [`--pid=${gate.pid}`, '--fsize=0:']);
  before.send(query('select 2'));
  const { code, text, severity } = lastError(await before.untilClosed());
  assert.deepEqual([code, severity], ['58030', 'FATAL']);
  assert.match(text, /BG_AUDIT_UNAVAILABLE/);
  assert.ok(!texts.includes('select 2'), 'it ran without a record');
  execFileSync('prlimit', [`--pid=${gate.pid}`, '--fsize=unlimited:']);
  // It comes back by itself once there is room.
  await until('a statement that runs', async () => {
    const client = await logIn(gate).catch(() => null);
    if (client === null) return false;
    client.send(query('select 3'));
    const done = (await client.until('Z').catch(() => [])).some(({ type }) => type === 'D');
    client.close();
    return done;
  });
  assert.ok(texts.includes('select 3'));
  assert.equal(await gate.end('SIGTERM'), 0);
  const records = (await readAudit(gate.directory)).filter(({ event }) => event === 'statement');
  assert.ok(records.some(({ text: recorded }) => recorded === 'select 3'));
});
