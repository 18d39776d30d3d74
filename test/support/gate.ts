/** A whole gate inside the test's process: configuration file, policy directory, free port, captured log. */
import { randomBytes } from 'node:crypto';
import { EventEmitter, on } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load.ts';
import { formatFault } from '../../src/config/faults.ts';
import { openGateway } from '../../src/gateway/gateway.ts';
import { openLog } from '../../src/telemetry/log.ts';
import type { PostgresServer } from '../../src/demo/embeddedPostgres.ts';

export interface GateConnection {
  readonly name: string;
  readonly server: PostgresServer;
  /** Default: the server's. */
  readonly database?: string;
  readonly tls?: 'disable' | 'require' | 'verify-full';
  /** PEM. */
  readonly ca?: string;
  readonly serverName?: string;
  /** Default: the server's superuser and its password. */
  readonly credential?: { readonly user: string; readonly password: string };
}

export interface GateOptions {
  readonly connections: readonly GateConnection[];
  /** File name -> YAML. */
  readonly policies: Readonly<Record<string, string>>;
  /** Name -> groups. Every user has the password {@link gatePassword}. */
  readonly users: Readonly<Record<string, readonly string[]>>;
  /** PEM texts for clients. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly required: boolean };
  /** More top-level keys of the configuration, as YAML. */
  readonly more?: string;
}

export interface TestGate {
  readonly host: string;
  readonly port: number;
  /** Writes or replaces a policy file and waits until the gate has taken or refused the change; true: taken. */
  changePolicy(file: string, text: string): Promise<boolean>;
  /** Records of the audit log that are written so far. */
  audit(): Promise<readonly Record<string, unknown>[]>;
  /** What the gate logged, as parsed lines. */
  readonly log: readonly Record<string, unknown>[];
}

interface Afterwards {
  after(undo: () => Promise<void>): void;
}

export const gatePassword = randomBytes(12).toString('base64url');
const credentialName = (index: number): string => `TEST_CREDENTIAL_${index}`;

/** Starts a gate that ends with `context`. */
export async function startGate(options: GateOptions, context: Afterwards): Promise<TestGate> {
  const directory = await mkdtemp(join(tmpdir(), 'blastgate-test-'));
  const policies = join(directory, 'policies');
  await mkdir(policies);
  for (const [file, text] of Object.entries(options.policies)) await writeFile(join(policies, file), text);
  const path = join(directory, 'blastgate.yaml');
  await writeFile(path, await configuration(directory, options));
  const env: Record<string, string> = { TEST_USER: gatePassword };
  for (const [index, { server, credential }] of options.connections.entries()) {
    env[credentialName(index)] = credential?.password ?? server.password;
  }
  const loaded = await loadConfig(path, { env });
  if ('faults' in loaded) throw new Error(loaded.faults.map(formatFault).join('\n'));
  const log: Record<string, unknown>[] = [];
  const news = new EventEmitter();
  const take = (line: string): void => {
    const entry = JSON.parse(line) as Record<string, unknown>;
    log.push(entry);
    news.emit('line', entry);
  };
  const gateway = await openGateway(loaded.config, { env, log: openLog(loaded.config.log.level, { write: take }) });
  context.after(async () => {
    await gateway.stop();
    await rm(directory, { recursive: true, force: true });
  });
  return {
    host: '127.0.0.1',
    port: gateway.port,
    log,
    changePolicy: async (file, text) => {
      const changed = untilChanged(news);
      // By renaming, so that the gate never reads half a file.
      await writeFile(join(directory, 'next'), text);
      await rename(join(directory, 'next'), join(policies, file));
      return await changed;
    },
    audit: () => readAudit(join(directory, 'data', 'audit')),
  };
}

async function untilChanged(news: EventEmitter): Promise<boolean> {
  for await (const [entry] of on(news, 'line') as AsyncIterable<[{ msg?: string }]>) {
    if (entry.msg === 'policies reloaded') return true;
    if (entry.msg?.startsWith('policy change refused') === true) return false;
  }
  throw new Error('the log ended');
}

async function readAudit(directory: string): Promise<Record<string, unknown>[]> {
  const files = (await readdir(directory)).filter((name) => name.endsWith('.jsonl')).toSorted();
  const texts = await Promise.all(files.map((name) => readFile(join(directory, name), 'utf8')));
  return texts
    .flatMap((text) => text.split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function configuration(directory: string, options: GateOptions): Promise<string> {
  const quote = JSON.stringify;
  let tls = '';
  if (options.tls !== undefined) {
    await writeFile(join(directory, 'gate.crt'), options.tls.cert);
    await writeFile(join(directory, 'gate.key'), options.tls.key, { mode: 0o600 });
    tls = `, tls: { cert: gate.crt, key: gate.key, required: ${options.tls.required} }`;
  }
  const users = Object.entries(options.users).map(
    ([name, groups]) => `    - { name: ${quote(name)}, groups: ${quote(groups)}, password: { env: TEST_USER } }`,
  );
  const connections: string[] = [];
  for (const [index, connection] of options.connections.entries()) {
    const { name, server, database = server.database, serverName } = connection;
    let more = '';
    if (connection.ca !== undefined) {
      await writeFile(join(directory, `ca${index}.crt`), connection.ca);
      more += `, ca: ca${index}.crt`;
    }
    if (serverName !== undefined) more += `, server_name: ${serverName}`;
    connections.push(`  - name: ${quote(name)}
    protocol: postgres
    target: { host: ${server.host}, port: ${server.port}, database: ${quote(database)}, tls: ${connection.tls ?? 'disable'}${more} }
    credential: { user: ${quote(connection.credential?.user ?? server.superuser)}, password: { env: ${credentialName(index)} } }`);
  }
  return `listen:
  postgres: { host: 127.0.0.1, port: 0${tls} }
identity:
  users:
${users.join('\n')}
connections:
${connections.join('\n')}
log: { level: debug }
${options.more ?? ''}`;
}
