/** A bug of ours ends the session in which it shows, and nothing else: not the process, and not another session. */
import assert from 'node:assert/strict';
import type net from 'node:net';
import { test } from 'node:test';
import { errnoOf, reportBug } from '../../src/errors.ts';
import type { Identity } from '../../src/facts.ts';
import { Listener } from '../../src/gateway/listener.ts';
import { Timers } from '../../src/gateway/timers.ts';
import type { Protocol, Services, Session, SessionEvents, Wire, WireReader } from '../../src/protocols/protocol.ts';
import { ConnectionCounters, GateCounters } from '../../src/telemetry/counters.ts';
import { openSocket } from '../support/rawPostgres.ts';
import { Endings, until } from './support.ts';

class Bug extends Error {}

/** Every way in which the gate calls a session. */
const entries = [
  'accept',
  'buffer',
  'onRead',
  'onDrain',
  'onClose',
  'written',
  'busy',
  'abort',
  'drain',
  // A session that cannot even end itself.
  'crash',
] as const;
type Entry = (typeof entries)[number];

const identity: Identity = { user: 'alice', groups: [], method: 'password' };

/** Echoes what it reads; a session whose client has sent the name of an entry throws when it comes to that. */
class StubSession implements Session, WireReader {
  readonly #wire: Wire;
  readonly #events: SessionEvents;
  readonly #space = new Uint8Array(100);
  #throws: Entry | null = null;
  crashed = 0;

  constructor(wire: Wire, events: SessionEvents) {
    this.#wire = wire;
    this.#events = events;
    events.onAuthenticated(identity, { name: 'shop', protocol: 'stub', labels: {} });
    wire.setReader(this);
  }

  #pass(entry: Entry): void {
    if (this.#throws === entry) throw new Bug('SELECT secret\n    at secret');
  }

  buffer(): Uint8Array {
    this.#pass('buffer');
    return this.#space;
  }

  onRead(bytes: Uint8Array, count: number): void {
    this.#pass('onRead');
    const text = Buffer.from(bytes.subarray(0, count)).toString();
    this.#throws ??= entries.find((entry) => entry === text) ?? null;
    this.#wire.write(Buffer.from(text), () => this.#pass('written'));
    if (this.#throws === 'crash') throw new Bug();
  }

  onDrain(): void {
    this.#pass('onDrain');
  }

  onClose(): void {
    this.#pass('onClose');
    this.#events.onEnd('gone');
  }

  get busy(): boolean {
    this.#pass('busy');
    return false;
  }

  drain(): void {
    this.#pass('drain');
    this.#wire.end();
  }

  abort(): void {
    this.#pass('abort');
    this.#wire.end();
  }

  crash(): void {
    this.#pass('crash');
    this.crashed++;
    this.#wire.end();
    this.#events.onEnd('BG_INTERNAL');
  }
}

interface Stage {
  readonly listener: Listener;
  readonly port: number;
  readonly log: readonly object[];
  readonly counters: GateCounters;
}

async function stage(context: Endings, throwsAtOnce: boolean): Promise<Stage> {
  const log: object[] = [];
  const write = (fields: object): void => void log.push(fields);
  const protocol: Protocol = {
    name: 'stub',
    prepare: () => Promise.resolve(),
    settled: () => Promise.resolve(),
    statistics: () => ({ cacheHits: 0, cacheMisses: 0 }),
    accept: (wire, _services, events) => {
      if (throwsAtOnce && accepted++ === 0) throw new Bug();
      return new StubSession(wire, events);
    },
  };
  let accepted = 0;
  const services = { log: { debug: write, info: write, warn: write, error: write } } as unknown as Services;
  const counters = new GateCounters();
  const listener = new Listener({
    protocol,
    services,
    host: '127.0.0.1',
    port: 0,
    tls: null,
    connectionsMax: 100,
    perUserMax: 100,
    unauthenticatedMax: 100,
    authenticationMs: 60_000,
    pace: { idleMs: 1000, slowClientMs: 60_000 },
    counters,
    connectionCounters: () => new ConnectionCounters('stub', 'shop'),
  });
  const { port } = await listener.listen();
  context.after(() => listener.drain(100));
  return { listener, port, log, counters };
}

async function echo(socket: net.Socket, text: string): Promise<string> {
  const answer = new Promise<string>((resolve) => socket.once('data', (bytes) => resolve(String(bytes))));
  socket.write(text);
  return await answer;
}

for (const entry of entries) {
  test(`a session that throws at ${entry} ends, and others go on`, async (context) => {
    const endings = new Endings(context);
    const { listener, port, log, counters } = await stage(endings, entry === 'accept');
    const broken = await openSocket({ host: '127.0.0.1', port });
    // How it ends, with a farewell or a reset, hangs on where the session threw.
    broken.on('error', () => {});
    broken.resume();
    const closed = new Promise<void>((resolve) => broken.once('close', () => resolve()));
    await until('the first', () => listener.open === (entry === 'accept' ? 0 : 1));
    const other = await openSocket({ host: '127.0.0.1', port });
    assert.equal(await echo(other, 'hello'), 'hello');
    broken.write(entry);
    // What comes next makes it throw: more bytes, the end, a look for idle sessions, a drain.
    await until('its bytes', () => broken.bytesRead > 0 || broken.destroyed);
    if (!broken.destroyed) broken.write('more');
    await until('more', () => broken.bytesRead > entry.length || broken.destroyed);
    if (entry === 'onClose') broken.destroy();
    if (entry === 'busy' || entry === 'abort') {
      listener.look(performance.now());
      assert.equal(await echo(other, 'still here'), 'still here');
      if (entry === 'abort') {
        other.pause();
        listener.look(performance.now() + 100_000);
      }
    }
    if (entry === 'drain') void listener.drain(50);
    else await closed;
    await until('nothing of it is left', () => listener.open <= 1);
    const all = JSON.stringify(log);
    if (entry === 'accept' || entry === 'crash') assert.match(all, /"bug":\{"kind":"(?:Bug|Error)"/);
    assert.ok(!all.includes('secret'), 'the log quotes a message');
    if (entry !== 'drain' && entry !== 'abort') assert.equal(await echo(other, 'and on'), 'and on');
    other.destroy();
    broken.destroy();
    await until('all are gone', () => listener.open === 0);
    if (entry !== 'onClose' && entry !== 'drain') assert.equal(counters.internalErrors, 1);
  });
}

test('what throws in a timer stops neither the timer nor the process', async () => {
  const bugs: unknown[] = [];
  const timers = new Timers((error) => bugs.push(error));
  timers.every(1, () => {
    throw new Bug();
  });
  await until('several', () => bugs.length > 2);
  timers.close();
});

test('a report of a bug holds places in our own code and nothing that anybody sent', () => {
  const error = new TypeError('SELECT secret\n    at file:///src/secret.ts:1:1');
  const report = reportBug(error);
  assert.equal(report.kind, 'TypeError');
  assert.ok(!JSON.stringify(report).includes('secret'));
  assert.deepEqual(reportBug('secret'), { kind: 'string', frames: [] });
  let thrown: unknown = null;
  try {
    new Timers(() => {}).every(Symbol('secret') as unknown as number, () => {});
  } catch (caught) {
    thrown = caught;
  }
  assert.match(reportBug(thrown).frames[0] ?? '', /^gateway\/timers\.ts:\d+:\d+$/);
});

test('of a failure of the system its name is told, and of any other nothing', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:5432'), { code: 'ECONNREFUSED' });
  assert.equal(errnoOf(refused), 'ECONNREFUSED');
  assert.equal(errnoOf(Object.assign(new Error('ended'), { code: 1 })), null);
  assert.equal(errnoOf(new Error('secret')), null);
  assert.equal(errnoOf({ code: 'ENOENT' }), null);
});
