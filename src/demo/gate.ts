/** Starts the gate for the demo as anyone would: a configuration file and the public command. */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresServer } from './embeddedPostgres.ts';
import { freePort } from './freePort.ts';
import { gateCommand } from './gateCommand.ts';
import { startGuarded } from './guard.ts';

export interface DemoUser {
  readonly name: string;
  readonly group: string;
  readonly password: string;
}

export interface DemoGate {
  readonly port: number;
  readonly controlPort: number;
  readonly users: { readonly alice: DemoUser; readonly dana: DemoUser };
  /** Where the audit log stands. */
  readonly data: string;
  readonly config: string;
  /** From starting the process to ready, in milliseconds. */
  readonly startMs: number;
  /** The last lines that the gate wrote. */
  log(): readonly string[];
  readonly ended: Promise<number>;
  stop(): Promise<void>;
}

export interface GateOptions {
  /** Of the checkout: holds policies/ and src/. */
  readonly root: string;
  /** An empty directory for configuration and data. */
  readonly directory: string;
  readonly target: PostgresServer;
  /** The role that the gate logs in with at the target. */
  readonly credential: { readonly user: string; readonly password: string };
  /** Preferred ports; taken ones are replaced by free ones. 0: any. */
  readonly port: number;
  readonly controlPort: number;
  /** PATH and the like for the child. */
  readonly env: Readonly<Record<string, string>>;
}

const logLinesMax = 200;
const readyWaitMs = 20_000;
/** Who stops the demo wants it to end, and to read of a statement that was called off. */
export const drainMs = 1_000;

/** Throws with the last words of the gate if it does not become ready. */
export async function startGate(options: GateOptions): Promise<DemoGate> {
  const port = await freePort(options.port);
  const controlPort = await freePort(options.controlPort);
  const users = {
    alice: { name: 'alice', group: 'engineering', password: randomBytes(9).toString('base64url') },
    dana: { name: 'dana', group: 'dba', password: randomBytes(9).toString('base64url') },
  };
  const data = join(options.directory, 'data');
  await mkdir(data, { mode: 0o700 });
  const config = join(options.directory, 'blastgate.yaml');
  await writeFile(config, configuration(options, port, controlPort, data, users), { mode: 0o600 });
  const started = performance.now();
  const { command, env } = gateCommand(options.root, config, {
    ...options.env,
    DEMO_ALICE_PASSWORD: users.alice.password,
    DEMO_DANA_PASSWORD: users.dana.password,
    DEMO_SHOP_PASSWORD: options.credential.password,
  });
  const child = startGuarded(command, { stopSignal: 'TERM', stopWaitMs: drainMs + 4_000, cwd: options.directory, env });
  const lines: string[] = [];
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on('line', (line) => {
      lines.push(line);
      if (lines.length > logLinesMax) lines.shift();
    });
  }
  const ready = await Promise.race([untilReady(controlPort), child.ended.then(() => false)]);
  const startMs = performance.now() - started;
  if (!ready) {
    await child.stop();
    throw new Error(`the gate did not become ready:\n${lines.slice(-15).join('\n')}`);
  }
  const { ended, stop } = child;
  return { port, controlPort, users, data, config, startMs, log: () => lines, ended, stop };
}

function configuration(
  options: GateOptions,
  port: number,
  controlPort: number,
  data: string,
  users: DemoGate['users'],
): string {
  const { target, credential } = options;
  const quote = JSON.stringify;
  return `# Written by the demo. Passwords are references: the demo hands them over in the environment.
listen:
  postgres: { host: 127.0.0.1, port: ${port} }
  control: { host: 127.0.0.1, port: ${controlPort} }
data: ${quote(data)}
policies: ${quote(join(options.root, 'policies'))}
identity:
  users:
    - { name: ${users.alice.name}, groups: [${users.alice.group}], password: { env: DEMO_ALICE_PASSWORD } }
    - { name: ${users.dana.name}, groups: [${users.dana.group}], password: { env: DEMO_DANA_PASSWORD } }
connections:
  - name: shop
    protocol: postgres
    target: { host: ${target.host}, port: ${target.port}, database: ${quote(target.database)}, tls: disable }
    credential: { user: ${quote(credential.user)}, password: { env: DEMO_SHOP_PASSWORD } }
    labels: { env: demo }
limits: { drain_ms: ${drainMs} }
`;
}

async function untilReady(controlPort: number): Promise<boolean> {
  const deadline = performance.now() + readyWaitMs;
  while (performance.now() < deadline) {
    if ((await statusOf(`http://127.0.0.1:${controlPort}/readyz`)) === 200) return true;
    await sleep(20);
  }
  return false;
}

/** HTTP status, or 0 where nobody answers. */
function statusOf(url: string): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const request = get(url, { agent: false, timeout: 2000 }, (response) => {
    response.resume();
    resolve(response.statusCode ?? 0);
  });
  request.on('timeout', () => request.destroy());
  request.on('error', () => resolve(0));
  return promise;
}
