/** Ctrl-C in the demo while a client waits for a long statement. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { Client } from 'pg';

const main = join(import.meta.dirname, '..', '..', 'src', 'demo', 'main.ts');

test('it says what it waits for, and calls off what does not end', async (context) => {
  const child = spawn(process.execPath, [main, '--customers', '100', '--port', '0'], {
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  context.after(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  const lines: string[] = [];
  let door = '';
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (line.includes('unmasked, through the gate')) door = /'(postgresql:[^']+)'/.exec(line)?.[1] ?? '';
    if (line.includes('Ctrl-C stops')) {
      const client = new Client({ connectionString: door });
      // It ends with the gate; how, the query below tells.
      client.on('error', () => {});
      await client.connect();
      await client.query('begin');
      const waiting = assert.rejects(client.query('select pg_sleep(600)'), { code: '57P01' });
      child.kill('SIGINT');
      // A gate that is killed because it does not end says no farewell.
      await waiting;
    }
  }
  assert.deepEqual(await ended, [0, null], lines.join('\n'));
  assert.ok(lines.includes('stopping: statements under way have 1 s to end, then they are called off'));
});
