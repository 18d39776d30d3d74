/**
 * A real PostgreSQL that lives as long as this process at most: for the demo, the tests and the load test. Never part of
 * the gate itself. Listens on 127.0.0.1 only.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from './freePort.ts';
import { startGuarded } from './guard.ts';
import type { GuardedProcess, RunAs } from './guard.ts';
import { makePrivateDirectory, postgresEnv, preparePostgresFiles } from './postgresFiles.ts';
import type { PostgresFiles } from './postgresFiles.ts';

export interface PostgresOptions {
  /** Created if it is not `postgres`. */
  readonly database?: string;
  /** How clients prove their password (pg_hba.conf); `md5` also stores it as MD5. Default `scram-sha-256`. */
  readonly auth?: 'scram-sha-256' | 'md5' | 'password' | 'trust';
  /** Of the superuser `postgres`; random by default. Printable ASCII without quotes and backslashes. */
  readonly password?: string;
  /** Lines for postgresql.conf, after the defaults, so that they win. The log must stay on stderr at LOG or below. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** PEM texts. With `required`, connections without TLS are rejected. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string; readonly required?: boolean };
  /** Statements to run once before the server accepts anyone, one line each. */
  readonly setup?: readonly string[];
}

export interface PostgresServer {
  readonly host: string;
  readonly port: number;
  readonly superuser: string;
  readonly password: string;
  readonly database: string;
  /** Process id of the postmaster. */
  readonly pid: number;
  /** The last lines that the server logged, at most 500. */
  log(): readonly string[];
  /** Settles when the server has ended, by `stop` or by itself. */
  readonly ended: Promise<number>;
  /** Ends all its sessions at once (fast shutdown) and removes its data. */
  stop(): Promise<void>;
}

const host = '127.0.0.1';
const logLinesMax = 500;

// Data is thrown away with the server, so it needs no protection against a power cut.
const defaultSettings = {
  listen_addresses: host,
  unix_socket_directories: '',
  max_connections: 200,
  shared_buffers: '128MB',
  max_wal_size: '1GB',
  fsync: false,
  synchronous_commit: false,
  full_page_writes: false,
  log_min_messages: 'warning',
  timezone: 'UTC',
} as const;

/** Starts a server on a free port. Throws with the end of its log if it does not come up. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const files = await preparePostgresFiles();
  const password = options.password ?? randomBytes(18).toString('base64url');
  if (!/^[\x20-\x7e]+$/.test(password) || /['\\]/.test(password)) throw new Error('unusable superuser password');
  const attemptsMax = 5;
  for (let attempt = 1; ; attempt++) {
    const started = await startOnce(options, password, files);
    if (!Array.isArray(started)) return started;
    // Between finding a free port and listening on it, someone else may take it.
    const portWasTaken = started.some((line) => line.includes('could not bind'));
    if (!portWasTaken || attempt === attemptsMax) {
      throw new Error(`PostgreSQL did not start:\n${started.slice(-10).join('\n')}`);
    }
  }
}

/** One attempt: the server, or its log if it ended before it was ready. */
async function startOnce(
  options: PostgresOptions,
  password: string,
  files: PostgresFiles,
): Promise<PostgresServer | string[]> {
  const directory = await makePrivateDirectory(files.base, 'blastgate-postgres-data-', files.runAs);
  try {
    const data = join(directory, 'data');
    await execute('/bin/cp', ['-R', files.template, data], files);
    await configure(data, options, files.runAs);
    await bootstrap(data, options, password, files);
    return await launch(directory, options.database ?? 'postgres', password, files);
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

async function configure(data: string, options: PostgresOptions, runAs: RunAs | undefined): Promise<void> {
  const settings: Record<string, string | number | boolean> = { ...defaultSettings };
  if (options.auth === 'md5') Object.assign(settings, { password_encryption: 'md5', md5_password_warnings: false });
  const { tls } = options;
  if (tls !== undefined) {
    Object.assign(settings, { ssl: true, ssl_cert_file: 'server.crt', ssl_key_file: 'server.key' });
    await writeOwned(join(data, 'server.crt'), tls.cert, runAs);
    await writeOwned(join(data, 'server.key'), tls.key, runAs);
    if (tls.ca !== undefined) {
      settings['ssl_ca_file'] = 'ca.crt';
      await writeOwned(join(data, 'ca.crt'), tls.ca, runAs);
    }
  }
  Object.assign(settings, options.settings);
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'\n`);
  await writeOwned(join(data, 'postgresql.auto.conf'), lines.join(''), runAs);
  const kind = tls?.required === true ? 'hostssl' : 'host';
  const auth = options.auth ?? 'scram-sha-256';
  const hba = `${kind} all all ${host}/32 ${auth}\n${kind} replication all ${host}/32 ${auth}\n`;
  await writeOwned(join(data, 'pg_hba.conf'), hba, runAs);
}

/** Sets the password and creates the database in single-user mode: at no moment does a server without password listen. */
async function bootstrap(
  data: string,
  options: PostgresOptions,
  password: string,
  files: PostgresFiles,
): Promise<void> {
  const { database = 'postgres' } = options;
  const statements = [`ALTER ROLE postgres PASSWORD '${password}'`];
  if (database !== 'postgres') statements.push(`CREATE DATABASE "${database.replaceAll('"', '""')}"`);
  statements.push(...(options.setup ?? []));
  const output = await execute(
    join(files.native, 'bin', 'postgres'),
    ['--single', '-D', data, '-c', 'log_min_messages=error', 'postgres'],
    files,
    statements.map((statement) => `${statement};\n`).join(''),
  );
  const fault = /^.*(?:ERROR|FATAL|PANIC): .*$/m.exec(output);
  if (fault !== null) throw new Error(`PostgreSQL could not be set up: ${fault[0]}`);
}

async function launch(
  directory: string,
  database: string,
  password: string,
  files: PostgresFiles,
): Promise<PostgresServer | string[]> {
  const data = join(directory, 'data');
  const port = await freePort();
  const lines: string[] = [];
  const child = startGuarded([join(files.native, 'bin', 'postgres'), '-D', data, '-p', String(port)], {
    stopSignal: 'INT',
    stopWaitMs: 20_000,
    cwd: files.base,
    env: postgresEnv,
    runAs: files.runAs,
    removeDirectory: directory,
  });
  if (!(await untilReady(child, lines))) return lines;
  const pid = Number((await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n', 1)[0]);
  child.unref();
  const { ended, stop } = child;
  return { host, port, superuser: 'postgres', password, database, pid, log: () => lines, ended, stop };
}

/** Collects the log into `lines`; true once the server accepts connections, false when it ended before. */
function untilReady(child: GuardedProcess, lines: string[]): Promise<boolean> {
  child.stdout.resume();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line);
    if (lines.length > logLinesMax) lines.shift();
    if (line.includes('database system is ready to accept connections')) resolve(true);
  });
  void child.ended.then(() => resolve(false));
  return promise;
}

async function writeOwned(path: string, text: string, runAs: RunAs | undefined): Promise<void> {
  await writeFile(path, text, { mode: 0o600 });
  if (runAs !== undefined) await chown(path, runAs.uid, runAs.gid);
}

/** Runs a command to its end as the server's user; returns stdout and stderr together, throws on a bad exit. */
function execute(file: string, args: readonly string[], files: PostgresFiles, input = ''): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options = { env: postgresEnv, cwd: files.base, ...files.runAs };
  const child = execFile(file, [...args], options, (error, stdout, stderr) => {
    if (error === null) resolve(stdout + stderr);
    else reject(new Error(`${file} failed: ${stderr.trim() || error.message}`));
  });
  child.stdin?.end(input);
  return promise;
}
