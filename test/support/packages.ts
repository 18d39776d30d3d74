/**
 * Programs that some tests compare with or drive: found on PATH or where Debian hides them, installed on request.
 *
 *     const psql = await findProgram('psql');
 *     test('...', { skip: psql.path === null ? psql.reason : false }, ...)
 */
import { execFile } from 'node:child_process';
import { access, constants, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Program -> Debian package. */
const debianPackages = {
  psql: 'postgresql-client',
  pgbench: 'postgresql',
  pgbouncer: 'pgbouncer',
  haproxy: 'haproxy',
} as const;

export type Program = keyof typeof debianPackages;

export type FoundProgram =
  | { readonly path: string; readonly reason: null }
  | { readonly path: null; /** For `skip`: what is missing and how to get it. */ readonly reason: string };

/** Drivers in another language, as Debian's Python has them. Their tests look for them with any interpreter. */
const pythonDrivers = ['psycopg', 'asyncpg'] as const;
const pythonModules = '/usr/lib/python3/dist-packages';

/** Looks only; never installs. */
export async function findProgram(program: Program): Promise<FoundProgram> {
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '');
  // System programs are often not on the PATH of ordinary users; Debian keeps servers and pgbench below a version.
  directories.push('/usr/sbin', '/usr/local/sbin', ...(await debianDirectories()));
  for (const directory of directories) {
    const path = join(directory, program);
    if (await isExecutable(path)) return { path, reason: null };
  }
  return { path: null, reason: `${program} is not installed (Debian: apt-get install ${debianPackages[program]})` };
}

/**
 * Installs what is missing with apt, where this process may. Returns one line for each package that stays missing;
 * tests that need it then skip.
 */
export async function installPrograms(say: (text: string) => void): Promise<readonly string[]> {
  const before = await missing();
  if (before.length === 0) return [];
  if (process.getuid?.() !== 0 || !(await isExecutable('/usr/bin/apt-get'))) return before.map(({ reason }) => reason);
  const packages = [...new Set(before.map(({ name }) => name))];
  say(`installing ${packages.join(', ')}`);
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, timeout: 300_000, maxBuffer: 1 << 26 };
  try {
    await run('apt-get', ['update', '-qq'], options);
    await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], options);
  } catch (error) {
    say(`apt-get failed: ${error instanceof Error ? error.message.split('\n', 1)[0] : String(error)}`);
  }
  return (await missing()).map(({ reason }) => reason);
}

/** Debian packages that are missing. */
async function missing(): Promise<{ name: string; reason: string }[]> {
  const programs = Object.keys(debianPackages) as Program[];
  const ofPrograms = programs.map(async (program) => {
    const { reason } = await findProgram(program);
    return reason === null ? [] : [{ name: debianPackages[program], reason }];
  });
  const ofDrivers = pythonDrivers.map(async (driver) => {
    const isThere = await access(join(pythonModules, driver)).then(
      () => true,
      () => false,
    );
    const name = `python3-${driver}`;
    return isThere ? [] : [{ name, reason: `${name} is not installed (Debian: apt-get install ${name})` }];
  });
  return (await Promise.all([...ofPrograms, ...ofDrivers])).flat();
}

async function debianDirectories(): Promise<string[]> {
  const versions = await readdir('/usr/lib/postgresql').catch(() => []);
  return versions.toSorted((a, b) => Number(b) - Number(a)).map((version) => `/usr/lib/postgresql/${version}/bin`);
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
