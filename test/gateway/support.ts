/** A gate in front of a scripted target, and the question that ends every test here: is everything given back? */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { formatFault } from '../../src/config/faults.ts';
import { loadConfig } from '../../src/config/load.ts';
import { openGateway } from '../../src/gateway/gateway.ts';
import { openLog } from '../../src/telemetry/log.ts';
import { ScriptedTarget } from '../protocols/sessionTarget.ts';
import type { ScriptedOptions } from '../protocols/sessionTarget.ts';
import { fieldsOf, openSocket, RawClient } from '../support/rawPostgres.ts';
import type { RawMessage } from '../support/rawPostgres.ts';

export interface Afterwards {
  after(undo: () => Promise<void>): void;
}

/** Undoes in the reverse order. */
export class Endings implements Afterwards {
  readonly #undos: (() => Promise<void>)[] = [];

  constructor(context: Afterwards) {
    context.after(async () => {
      for (const undo of this.#undos.toReversed()) await undo();
    });
  }

  after(undo: () => Promise<void>): void {
    this.#undos.push(undo);
  }
}

export interface TargetAddress {
  readonly port: number;
  readonly database?: string;
  readonly user?: string;
  readonly password?: string;
}

export interface FakeServer extends TargetAddress {
  /** Connections so far, catalog reads included. */
  readonly connections: readonly { readonly socket: net.Socket; readonly target: ScriptedTarget }[];
}

/** A scripted target that listens. `onConnection` may do what it likes to the socket. */
export async function openFakeServer(
  context: Afterwards,
  options: ScriptedOptions,
  onConnection: (socket: net.Socket) => void = () => {},
): Promise<FakeServer> {
  const connections: { socket: net.Socket; target: ScriptedTarget }[] = [];
  const server = net.createServer({ noDelay: true }, (socket) => {
    // Like a server, it reads no further commands while nobody takes its answers.
    const target = new ScriptedTarget(options, (bytes) => {
      if (!socket.write(bytes)) socket.pause();
    });
    socket.on('drain', () => socket.resume());
    connections.push({ socket, target });
    socket.on('data', (bytes) => target.receive(bytes));
    // A gate that ends a session may reset the connection to its target.
    socket.on('error', () => {});
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(async () => {
    for (const { socket } of connections) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return { port: portOf(server), connections };
}

function portOf(server: net.Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export interface GateOptions {
  readonly target: TargetAddress;
  readonly policy?: string;
  /** More keys of `limits`, in YAML's flow form: `drain_ms: 100, dial_ms: 200`. */
  readonly limits?: string;
  /** The same of `masking`. */
  readonly masking?: string;
  /** More items of `connections`, each a line that begins with `  - `. */
  readonly connections?: readonly string[];
}

const allowAll = 'name: all\ndefault: allow\n';
export const password = 'correct horse';
const environment = { USER_PASSWORD: password };

/** Writes a configuration for users alice and bob; returns its directory, which goes when the test ends. */
export async function writeConfiguration(context: Afterwards, options: GateOptions): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'blastgate-gateway-'));
  context.after(() => rm(directory, { recursive: true, force: true }));
  await mkdir(join(directory, 'policies'));
  await writeFile(join(directory, 'policies', 'policy.yaml'), options.policy ?? allowAll);
  const { port, database = 'shop', user = 'gate', password: secret } = options.target;
  const credential = secret === undefined ? '' : ', password: { env: TARGET_PASSWORD }';
  await writeFile(
    join(directory, 'blastgate.yaml'),
    `listen:
  postgres: { host: 127.0.0.1, port: 0 }
  control: { host: 127.0.0.1, port: 0 }
workers: 1
identity:
  users:
    - { name: alice, groups: [engineering], password: { env: USER_PASSWORD } }
    - { name: bob, groups: [dba], password: { env: USER_PASSWORD } }
connections:
  - name: shop
    protocol: postgres
    target: { host: 127.0.0.1, port: ${port}, database: ${database}, tls: disable }
    credential: { user: ${user}${credential} }
${(options.connections ?? []).map((item) => `${item}\n`).join('')}limits: { ${options.limits ?? ''} }
masking: { ${options.masking ?? ''} }
`,
  );
  return directory;
}

export interface Gate {
  readonly port: number;
  readonly directory: string;
  readonly log: readonly Record<string, unknown>[];
  /** Sum over all labels. */
  metric(name: string): Promise<number>;
  /** All of /metrics. */
  metrics(): Promise<string>;
  readonly controlPort: number;
  audit(): Promise<readonly Record<string, unknown>[]>;
  /** Drains and closes; again does nothing. */
  stop(): Promise<void>;
}

export async function openGate(context: Afterwards, options: GateOptions): Promise<Gate> {
  const directory = await writeConfiguration(context, options);
  const env = { ...environment, TARGET_PASSWORD: options.target.password };
  const loaded = await loadConfig(join(directory, 'blastgate.yaml'), { env });
  if ('faults' in loaded) throw new Error(loaded.faults.map(formatFault).join('\n'));
  const log: Record<string, unknown>[] = [];
  const write = (line: string): void => void log.push(JSON.parse(line) as Record<string, unknown>);
  const gateway = await openGateway(loaded.config, { env, log: openLog('debug', { write }) });
  let stopping: Promise<void> | null = null;
  const stop = (): Promise<void> => (stopping ??= gateway.stop());
  context.after(stop);
  return {
    port: gateway.port,
    directory,
    log,
    controlPort: gateway.controlPort ?? 0,
    metrics: () => readMetrics(gateway.controlPort ?? 0),
    metric: async (name) => await readMetric(gateway.controlPort ?? 0, name),
    audit: () => readAudit(directory),
    stop,
  };
}

async function readMetric(controlPort: number, name: string): Promise<number> {
  const lines = (await readMetrics(controlPort))
    .split('\n')
    .filter((line) => /^[a-z_]+/.exec(line)?.[0] === `blastgate_${name}`);
  if (lines.length === 0) throw new Error(`no metric ${name}`);
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

async function readMetrics(controlPort: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${controlPort}/metrics`, { headers: { connection: 'close' } });
  return await response.text();
}

export async function readAudit(directory: string): Promise<Record<string, unknown>[]> {
  const folder = join(directory, 'data', 'audit');
  const files = (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).toSorted();
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
  const lines = texts.flatMap((text) => text.split('\n')).filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Waits until `condition` holds; fails after ten seconds, which is twice what a farewell may linger. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadline) assert.fail(`${what} did not come about`);
    await pause(10);
  }
}

/** Nothing of any session is left: no socket, no session, no slot, no waiting range, and no bug was logged. */
export async function assertNoLeak(gate: Gate, sessions = 0): Promise<void> {
  for (const [name, count] of [
    ['sockets_open', sessions],
    ['sessions_open', sessions],
    ['unauthenticated_sockets_open', 0],
    ['lane_ranges_in_flight', 0],
    // An idle session owns private memory only.
    ['slab_slots_in_use', 0],
  ] as const) {
    let last = -1;
    await until(`${name} ${count}`, async () => (last = await gate.metric(name)) === count).catch((cause: unknown) => {
      throw new Error(`${name} is ${last}`, { cause });
    });
  }
  const bugs = gate.log.filter(({ msg }) => /bug/.test(String(msg)));
  assert.deepEqual(bugs, []);
}

export async function logIn(gate: { readonly port: number }, user = 'alice', database = 'shop'): Promise<RawClient> {
  return await RawClient.connect({ host: '127.0.0.1', port: gate.port, user, password, database });
}

export async function dialGate(gate: { readonly port: number }): Promise<net.Socket> {
  const socket = await openSocket({ host: '127.0.0.1', port: gate.port });
  // A gate that turns a client away may reset it.
  socket.on('error', () => {});
  return socket;
}

/** Everything that comes until the other side closes. */
export async function readToEnd(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (!socket.closed) await once(socket, 'close');
  return Buffer.concat(chunks);
}

/** SQLSTATE and message of the last error among `messages`; fails if there is none. */
export function lastError(messages: readonly RawMessage[]): { code: string; text: string; severity: string } {
  const error = messages.findLast(({ type }) => type === 'E');
  assert.ok(error, 'no error came');
  const { C = '', M = '', S = '' } = fieldsOf(error);
  return { code: C, text: M, severity: S };
}
