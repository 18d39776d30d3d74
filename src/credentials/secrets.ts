/** Resolves secret references: environment variables, files and programs. */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

import type { SecretRef } from '../config/config.ts';
import { errnoOf } from '../errors.ts';
import type { Fault } from '../errors.ts';
import { Secret } from './secret.ts';
import type { SecretSource } from './secret.ts';

/** Longer than any password or PEM key; a wrong path must not fill memory. */
export const secretBytesMax = 65_536;

/** A program that failed is not run again for this long, so that a burst of logins does not become a fork storm. */
const failureTtlMs = 1_000;

type ExecRef = Extract<SecretRef, { kind: 'exec' }>;

export interface SecretDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds from a monotonic clock. */
  readonly now: () => number;
}

export interface Secrets extends SecretSource {
  /** Forgets the cached output of a program, e.g. after the target refused it: the next use runs it again. */
  forget(ref: SecretRef): void;
}

interface CachedRun {
  readonly result: Promise<Secret | Fault>;
  /** Infinity while the program runs: callers share one run. */
  expiresAt: number;
}

/** The cache holds one entry for each distinct program that the configuration names. */
export function openSecrets(deps: SecretDeps): Secrets {
  const runs = new Map<string, CachedRun>();
  return {
    resolve: async (ref) => {
      switch (ref.kind) {
        case 'env':
          return fromText(deps.env[ref.name], `environment variable ${ref.name}`);
        case 'file':
          return await fromFile(ref.path);
        case 'exec':
          return await cachedRun(ref, deps, runs);
      }
    },
    forget: (ref) => {
      if (ref.kind === 'exec') runs.delete(cacheKey(ref));
    },
  };
}

function cachedRun(ref: ExecRef, deps: SecretDeps, runs: Map<string, CachedRun>): Promise<Secret | Fault> {
  const key = cacheKey(ref);
  const cached = runs.get(key);
  if (cached && deps.now() < cached.expiresAt) return cached.result;
  const run: CachedRun = { result: fromProgram(ref, deps.env), expiresAt: Infinity };
  runs.set(key, run);
  void run.result.then((result) => {
    run.expiresAt = deps.now() + (result instanceof Secret ? ref.ttlMs : failureTtlMs);
  });
  return run.result;
}

function cacheKey(ref: ExecRef): string {
  return JSON.stringify([ref.argv, ref.passEnv]);
}

async function fromFile(path: string): Promise<Secret | Fault> {
  const source = `file ${path}`;
  try {
    // Without O_NONBLOCK, opening a FIFO that nobody writes to would wait for ever.
    await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await handle.stat()).isFile()) return unavailable(source, 'is not a regular file');
    const bytes = Buffer.alloc(secretBytesMax + 1);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    return fromBytes(bytes.subarray(0, bytesRead), source);
  } catch (cause) {
    return unavailable(source, `cannot be read (${errnoOf(cause) ?? 'unknown error'})`);
  }
}

/**
 * No shell, so nothing in an argument is interpreted, and a small environment, so that the gate's other secrets are
 * not handed to every helper. What the program printed is in no fault: it may be half a secret.
 */
function fromProgram(ref: ExecRef, env: SecretDeps['env']): Promise<Secret | Fault> {
  const [program, ...args] = ref.argv;
  const source = `program ${program}`;
  const names = ['PATH', 'HOME', 'LANG', ...ref.passEnv];
  const given = Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
  const options = {
    env: given,
    timeout: ref.timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: secretBytesMax,
    encoding: 'buffer',
    shell: false,
  } as const;
  return new Promise((resolve) => {
    const child = execFile(program, args, options, (error, stdout) => {
      if (error === null) resolve(fromBytes(stdout, source));
      else resolve(unavailable(source, runFailure(error, ref.timeoutMs)));
    });
    // A helper that asks for input must see its end instead of waiting for the timeout. One that never reads would
    // otherwise raise EPIPE here.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end();
  });
}

function runFailure(error: Error & { code?: unknown; killed?: boolean }, timeoutMs: number): string {
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return `printed more than ${secretBytesMax} bytes`;
  if (error.killed === true) return `did not end within ${timeoutMs} ms`;
  return typeof error.code === 'number'
    ? `ended with status ${error.code}`
    : `cannot be run (${errnoOf(error) ?? 'unknown error'})`;
}

function fromBytes(bytes: Buffer, source: string): Secret | Fault {
  if (bytes.length > secretBytesMax) return unavailable(source, `holds more than ${secretBytesMax} bytes`);
  const text = bytes.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(bytes)) return unavailable(source, 'is not UTF-8 text');
  return fromText(text.replace(/\r?\n$/, ''), source);
}

function fromText(text: string | undefined, source: string): Secret | Fault {
  if (text === undefined) return unavailable(source, 'is not set');
  if (text === '') return unavailable(source, 'is empty');
  // Wire protocols end strings at NUL: the rest of the password would silently not count.
  if (text.includes('\0')) return unavailable(source, 'holds a NUL character');
  return new Secret(text);
}

function unavailable(source: string, reason: string): Fault {
  return { code: 'BG_SECRET_UNAVAILABLE', detail: `${source} ${reason}` };
}
