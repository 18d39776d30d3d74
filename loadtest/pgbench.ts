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
  readonly seconds: number;
}

/** `rows` of the outcome are transactions; the time to connect does not count. */
export async function runPgbench({ program, endpoint, sql, keys, clients, seconds }: PgbenchOptions): Promise<Outcome> {
  const directory = await mkdtemp(join(tmpdir(), 'blastgate-loadtest-pgbench-'));
  try {
    const script = join(directory, 'point.sql');
    await writeFile(script, `\\set id random(1, ${keys})\n${sql.replace('$1', ':id')};\n`);
    const load = ['-n', '-f', script, '-M', 'prepared', '-c', String(clients), '-T', String(seconds)];
    const where = ['-h', endpoint.host, '-p', String(endpoint.port), '-U', endpoint.user, endpoint.database];
    const { stdout } = await run(program, [...load, ...where], {
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', PGPASSWORD: endpoint.password, PGSSLMODE: 'disable' },
      timeout: (seconds + 60) * 1000,
    });
    return { seconds, bytes: 0, rows: transactionsPerSecond(stdout) * seconds, latencies: null };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Throws where pgbench reports none, or failed transactions. */
export function transactionsPerSecond(output: string): number {
  const tps = /^tps = ([0-9.]+)/m.exec(output);
  const failed = /^number of failed transactions: (\d+)/m.exec(output);
  if (tps === null || (failed !== null && failed[1] !== '0')) throw new Error(`pgbench failed:\n${output}`);
  return Number(tps[1]);
}
