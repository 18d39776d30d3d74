/**
 * Bind, Describe, Execute and Sync that come in one piece are dealt with at once. Whatever the target then does, the client
 * and the audit log must get what they get when the messages come one by one.
 */
import assert from 'node:assert/strict';
import { describe as suite, test } from 'node:test';
import { SessionRecorder } from '../../src/audit/sessionAudit.ts';
import type { AuditSink, ResultFacts } from '../../src/audit/sink.ts';
import { bind, describe, execute, flush, parse, query, sync } from '../support/rawPostgres.ts';
import { canaries, policy } from './sessionExchanges.ts';
import {
  bindComplete,
  complete,
  copyIn,
  customers,
  dataRow,
  diagnostic,
  emptyQuery,
  noData,
  parameterDescription,
  parseComplete,
  ready,
  rowDescription,
  suspended,
} from './sessionTarget.ts';
import type { Answer, Asked } from './sessionTarget.ts';
import { World } from './sessionWires.ts';

const all = Buffer.concat;
const { id, ssn } = customers;
const description = rowDescription(id, ssn);
const row = dataRow('1', '123-45-6789');
const failure = diagnostic({ C: '22012', M: 'division by zero' });

/** What the target says in the second of three runs, in place of what it should; the rest of that run is then skipped. */
const surprises: Readonly<Record<string, Partial<Record<'B' | 'D' | 'E' | 'S', Uint8Array>>>> = {
  none: {},
  'an error at Bind': { B: failure },
  'an error at Describe': { D: failure },
  'an error at Execute': { E: failure },
  'an error behind a row': { E: all([row, failure]) },
  'an error at Sync': { S: all([failure, ready()]) },
  'no rows to describe': { D: noData, E: complete('UPDATE 3') },
  'an empty query': { D: noData, E: emptyQuery },
  'a row limit that nobody set': { E: all([row, suspended]) },
  'a transaction that stays open': { S: ready('T') },
  'a failed transaction': { E: failure, S: ready('E') },
  'a notice between rows': {
    E: all([row, diagnostic({ M: 'Key (ssn)=(123-45-6789)' }, 'N'), row, complete('SELECT 2')]),
  },
};

/** The same of what ends the session. */
const violations: typeof surprises = {
  'rows without BindComplete': { B: all([row, bindComplete]) },
  'CopyInResponse in place of a description': { D: copyIn(1) },
  'ReadyForQuery too early': { D: ready() },
  'BindComplete twice': { B: all([bindComplete, bindComplete]) },
};

function server(surprise: Partial<Record<string, Uint8Array>>): Answer {
  let skipping = false;
  let run = 0;
  return ({ type, body }: Asked) => {
    if (type === 'S') {
      const answer = run === 2 ? (surprise['S'] ?? ready()) : ready();
      skipping = false;
      return answer;
    }
    if (skipping) return null;
    if (type === 'B') run++;
    const special = run === 2 ? surprise[type] : undefined;
    if (special !== undefined) {
      skipping = Buffer.from(special).includes(failure);
      return special;
    }
    if (type === 'P') return parseComplete;
    if (type === 'B') return bindComplete;
    if (type === 'D') return body[0] === 0x53 ? all([parameterDescription(), description]) : description;
    if (type === 'E') return all([row, complete('SELECT 1')]);
    if (type === 'Q') return all([description, row, complete('SELECT 1'), ready()]);
    return null;
  };
}

/** Keeps results in memory. A record is durable with the next turn. */
class MemorySink implements AuditSink {
  readonly fault = null;
  readonly results: Omit<ResultFacts, 'durationUs'>[] = [];
  #id = 0;

  openSession(): ReturnType<AuditSink['openSession']> {
    return { id: 'session', fragment: Buffer.alloc(0) };
  }

  closeSession(): void {}
  loginRefused(): void {}
  whenRoom(): void {}

  begin(...[, , , onDurable]: Parameters<AuditSink['begin']>): number {
    const number = ++this.#id;
    setImmediate(() => onDurable(null, number));
    return number;
  }

  end(...[, { rows, bytes, masked, sqlstate, ended }]: Parameters<AuditSink['end']>): void {
    this.results.push({ rows, bytes, masked, sqlstate, ended });
  }

  reopen(): void {}

  close(): Promise<null> {
    return Promise.resolve(null);
  }
}

interface Seen {
  readonly received: string;
  readonly asked: string;
  readonly results: MemorySink['results'];
  readonly logged: number;
}

async function see(runs: Buffer, surprise: Partial<Record<string, Uint8Array>>, inPieces: boolean): Promise<Seen> {
  const sink = new MemorySink();
  const world = await World.open({
    policy,
    target: { answer: server(surprise) },
    guarded: true,
    openAudit: (user, identity, connection, client) =>
      new SessionRecorder(sink, {
        proven: true,
        protocol: 'postgres',
        clientAddress: client.peer,
        groups: identity?.groups ?? [],
        user,
        connection,
      }),
  });
  const session = world.open();
  session.client.push(world.login);
  await session.rest();
  session.client.push(all([parse('s', 'select id, ssn from public.customers'), sync]));
  await session.rest();
  const before = session.received.length;
  const messages = inPieces ? cutAtMessages(runs) : [runs];
  for (const message of messages) session.client.push(message);
  await session.rest();
  session.client.push(query('select id, ssn from public.customers'));
  await session.rest();
  const received = all(session.received.slice(before));
  for (const canary of canaries) assert.ok(!received.includes(canary), `${canary} got out`);
  const asked = world.dialled[0].target.asked
    .map(({ type }) => type)
    .filter((type) => type !== 'H')
    .join('');
  session.client.destroy();
  await session.rest();
  assert.equal(world.slab.used, 0);
  const logged = world.logged.filter(({ level }) => level === 'error').length;
  return { received: received.toString('latin1'), asked, results: sink.results, logged };
}

function cutAtMessages(stream: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < stream.length;) {
    const end = at + 1 + stream.readInt32BE(at + 1);
    messages.push(stream.subarray(at, end));
    at = end;
  }
  return messages;
}

const shapes: Readonly<Record<string, readonly Buffer[]>> = {
  'with Describe': [bind('', 's'), describe('P', ''), execute(''), sync],
  'without Describe': [bind('', 's'), execute(''), sync],
  'of a named portal': [bind('p', 's'), describe('P', 'p'), execute('p'), sync],
  'with a row limit': [bind('', 's'), execute('', 1), sync],
};

function threeTimes(messages: readonly Buffer[]): Buffer {
  return all([...messages, ...messages, ...messages]);
}

for (const [shape, [bound, ...rest]] of Object.entries(shapes)) {
  suite(`runs ${shape}, three in a row`, () => {
    const runs = threeTimes([bound, ...rest]);
    // Nothing asks for a Flush, so only the gate's way of reading is another.
    const apart = threeTimes([bound, flush, ...rest]);
    for (const [name, surprise] of Object.entries({ ...surprises, ...violations })) {
      test(name, async () => {
        const whole = await see(runs, surprise, false);
        assert.deepEqual(whole, await see(apart, surprise, false));
        assert.equal(whole.logged, 0);
        assert.ok(whole.results.length >= 3);
        // When each message comes is another matter for the log, which counts what came behind an error.
        assert.equal(whole.received, (await see(runs, surprise, true)).received);
      });
    }
  });
}
