/**
 * `run test`: types, lint, format, then every test. All of it runs even if a part fails, so that one run tells all; the
 * test runner comes last and ends with its summary.
 *
 *     run test [--install] [FILE or DIRECTORY ...]
 *
 * `--install` installs the programs that some tests drive (psql, pgbench, pgbouncer, haproxy) where that is possible.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { installPrograms } from './packages.ts';

const root = join(import.meta.dirname, '..', '..');
const sources = ['src', 'test', 'native-bench', 'loadtest'];
/** A single test that hangs must not eat the time of all. */
const testTimeoutMs = 120_000;

interface Check {
  readonly name: string;
  readonly package: string;
  readonly args: readonly string[];
}

const checks: readonly Check[] = [
  { name: 'types', package: 'typescript/bin/tsc', args: ['-p', '.'] },
  { name: 'lint', package: 'oxlint/bin/oxlint', args: sources },
  { name: 'format', package: 'oxfmt/bin/oxfmt', args: ['--check', ...sources.map((folder) => `${folder}/**/*.ts`)] },
];

const help = `run test [--install] [FILE or DIRECTORY ...]

Without a name: types, lint, format, then every test. Exit code: 0 all held, 1 something failed, 2 wrong usage.
  --install   install the programs that some tests drive (psql, pgbench, pgbouncer, haproxy) where that is possible`;

function wrongUsage(problem: string): void {
  process.stderr.write(`test: ${problem} (--help tells more)\n`);
  process.exitCode = 2;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function runNode(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal));
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

/** Test files of what was named, of everything if nothing was. Paths are relative to the checkout. */
function testFiles(named: readonly string[]): string[] {
  const patterns = named.map((path) => {
    const inRoot = relative(root, resolve(path));
    return statSync(resolve(path)).isDirectory() ? join(inRoot, '**', '*.test.ts') : inRoot;
  });
  return (patterns.length === 0 ? ['test/**/*.test.ts'] : patterns)
    .flatMap((pattern) => globSync(pattern, { cwd: root }))
    .toSorted();
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const named = args.filter((arg) => !arg.startsWith('-'));
  if (args.includes('--help') || args.includes('-h')) return say(help);
  const unknown = args.find((arg) => arg.startsWith('-') && arg !== '--install');
  if (unknown !== undefined) return wrongUsage(`unknown option '${unknown}'`);
  const missing = named.find((path) => !existsSync(resolve(path)));
  if (missing !== undefined) return wrongUsage(`there is no file or directory '${missing}'`);
  const files = testFiles(named);
  if (files.length === 0) return wrongUsage(`no test file is in ${named.join(', ')}`);
  if (args.includes('--install')) for (const reason of await installPrograms(say)) say(`will be skipped: ${reason}`);
  const failed: string[] = [];
  if (named.length === 0) {
    for (const check of checks) {
      say(`— ${check.name}`);
      if ((await runNode([join(root, 'node_modules', check.package), ...check.args])) !== 0) failed.push(check.name);
    }
    say(failed.length === 0 ? '— tests' : `— tests (failed so far: ${failed.join(', ')})`);
  }
  // Many tests start servers and worker threads of their own, so more at a time than there are cores only slows them.
  const concurrency = Math.min(availableParallelism(), 4);
  const options = [`--test-concurrency=${concurrency}`, `--test-timeout=${testTimeoutMs}`];
  const code = await runNode(['--test', ...options, ...files]);
  if (failed.length > 0) process.stderr.write(`failed besides the tests above: ${failed.join(', ')}\n`);
  process.exitCode = code === 0 && failed.length === 0 ? 0 : 1;
}

await main();
