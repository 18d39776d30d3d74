import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import type { TestGate } from '../support/gate.ts';
import { endings, openShop, through } from './shop.ts';

const run = promisify(execFile);
/** Debian's own interpreter has Debian's drivers, and another may stand before it on PATH. */
const interpreters = [process.env['TEST_PYTHON'] ?? 'python3', '/usr/bin/python3'];
const patienceMs = 60_000;
const checks = {
  psycopg: 9,
  asyncpg: 5,
};

/** The first interpreter that has the driver. */
async function interpreterWith(driver: string): Promise<string | null> {
  for (const python of interpreters) {
    const found = await run(python, ['-c', `import ${driver}`]).then(
      () => true,
      () => false,
    );
    if (found) return python;
  }
  return null;
}

suite('drivers in Python', () => {
  const ending = endings();
  let gate: TestGate;
  before(async () => ({ gate } = await openShop(ending)));
  after(() => ending.end());

  for (const [driver, count] of Object.entries(checks)) {
    test(driver, async (t) => {
      const python = await interpreterWith(driver);
      if (python === null) return t.skip(`no Python has ${driver} (Debian: apt-get install python3-${driver})`);
      const address = through(gate);
      const { stdout } = await run(python, [join(import.meta.dirname, 'fixtures', 'client.py'), driver], {
        timeout: patienceMs,
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
