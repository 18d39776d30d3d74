/** Point queries by pgbench, where it is installed: the client that everyone's numbers come from. */
import { execFile } from 'node:child_process';
import { rm, writeFile, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Endpoint } from './client.ts';
import type { Outcome } from './driver.ts';

const run = promisify(execFile);

export interface PgbenchOptions {
  readonly program: string;
  readonly endpoint: Endpoint;
  /** With `$1` for the key, from 1 to `keys`. */
  readonly sql: string;
  readonly keys: number;
  readonly clients: number;
  /** Seconds that count, and whole ones in front of them that do not. */
  readonly seconds: number;
  readonly rampSeconds: number;
}

/**
 * `rows` of the outcome are transactions, at the rate of the seconds that count, over the whole run: processor time is taken
 * over all of it. The time to connect does not count.
 */
export async function runPgbench(options: PgbenchOptions): Promise<Outcome> {
  const { program, endpoint, sql, keys, clients, seconds, rampSeconds } = options;
  const directory = await mkdtemp(join(tmpdir(), 'blastgate-loadtest-pgbench-'));
  try {
    const script = join(directory, 'point.sql');
    await writeFile(script, `\\set id random(1, ${keys})\n${sql.replace('$1', ':id')};\n`);
    const all = seconds + rampSeconds;
    const load = ['-n', '-f', script, '-M', 'prepared', '-c', String(clients), '-T', String(all), '-P', '1'];
    const where = ['-h', endpoint.host, '-p', String(endpoint.port), '-U', endpoint.user, endpoint.database];
    const { stdout, stderr } = await run(program, [...load, ...where], {
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', PGPASSWORD: endpoint.password, PGSSLMODE: 'disable' },
      timeout: (all + 60) * 1000,
    });
    const rows = transactionsPerSecond(stdout, stderr, rampSeconds) * all;
    return { seconds: all, bytes: 0, rows, latencies: null };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * Of pgbench with `-P 1`: a line a second on stderr, the summary on stdout. Throws where a second after the ramp is missing,
 * or transactions failed.
 */
export function transactionsPerSecond(summary: string, progress: string, rampSeconds: number): number {
  const lines = Array.from(progress.matchAll(/^progress: ([0-9.]+) s, ([0-9.]+) tps/gm), ([, at, tps]) => ({
    atSeconds: Number(at),
    tps: Number(tps),
  }));
  const failed = /^number of failed transactions: (\d+)/m.exec(summary);
  if (!/^tps = /m.test(summary) || (failed !== null && failed[1] !== '0') || lines.length <= rampSeconds)
    throw new Error(`pgbench failed:\n${progress}\n${summary}`);
  let transactions = 0;
  // The lines come some milliseconds late, so each counts for the time since the one before.
  for (let at = rampSeconds; at < lines.length; at++)
    transactions += lines[at].tps * (lines[at].atSeconds - (at === 0 ? 0 : lines[at - 1].atSeconds));
  const from = rampSeconds === 0 ? 0 : lines[rampSeconds - 1].atSeconds;
  return transactions / (lines[lines.length - 1].atSeconds - from);
}
