import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import type { TestGate } from '../support/gate.ts';
import { endings, openShop, through } from './shop.ts';

const run = promisify(execFile);
/** An interpreter that has the drivers, where that is not the one on PATH. */
const python = process.env['TEST_PYTHON'] ?? 'python3';
const checks = {
  psycopg: 9,
  pg8000: 3,
};

/** Why a driver cannot be tested here; false: it can. */
async function missing(driver: string): Promise<string | false> {
  try {
    await run(python, ['-c', `import ${driver}`]);
    return false;
  } catch {
    return `${python} has no ${driver} (pip install "psycopg[binary]" pg8000; TEST_PYTHON names another interpreter)`;
  }
}

suite('drivers in Python', () => {
  const ending = endings();
  let gate: TestGate;
  before(async () => ({ gate } = await openShop(ending)));
  after(() => ending.end());

  for (const [driver, count] of Object.entries(checks)) {
    test(driver, async (t) => {
      const reason = await missing(driver);
      if (reason !== false) return t.skip(reason);
      const address = through(gate);
      const { stdout } = await run(python, [join(import.meta.dirname, 'fixtures', 'client.py'), driver], {
        env: {
          PATH: process.env['PATH'] ?? '',
          PGHOST: address.host,
          PGPORT: String(address.port),
          PGUSER: address.user,
          PGPASSWORD: address.password,
          PGDATABASE: address.database,
        },
      });
      assert.equal(stdout.trim().split('\n').length, count, stdout);
    });
  }
});
