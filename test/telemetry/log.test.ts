import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';

import { Secret } from '../../src/credentials/secret.ts';
import { openLog } from '../../src/telemetry/log.ts';

function collect(): { lines: string[]; write(line: string): void } {
  const lines: string[] = [];
  return { lines, write: (line) => void lines.push(line) };
}

test('lines are JSON with level, time, process and fields', () => {
  const to = collect();
  const log = openLog('info', to).child({ part: 'gateway' });
  log.debug('not written');
  log.info({ session: 7 }, 'session opened');
  assert.equal(to.lines.length, 1);
  const line: unknown = JSON.parse(to.lines[0]);
  assert.ok(typeof line === 'object' && line !== null && 'time' in line);
  assert.match(String(line.time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.deepEqual(
    { ...line, time: '' },
    { level: 'info', time: '', pid: process.pid, part: 'gateway', session: 7, msg: 'session opened' },
  );
});

test('secrets and payloads are cut out, at the top and one level down', () => {
  const to = collect();
  const log = openLog('trace', to);
  log.info({ password: 'hunter2', inner: { token: 'hunter2', row: 'hunter2' }, sql: 'hunter2' }, 'mistake');
  log.info({ credentials: new Secret('hunter2') }, 'wrapped');
  assert.equal(to.lines.length, 2);
  for (const line of to.lines) assert.ok(!line.includes('hunter2'), line);
  assert.match(to.lines[0], /\[redacted\]/);
  assert.match(to.lines[1], /\[secret\]/);
});

test('the last lines before an exit are written', () => {
  const module = new URL('../../src/telemetry/log.ts', import.meta.url).href;
  const script = `const { openLog } = await import(${JSON.stringify(module)});
    const log = openLog('info');
    for (let i = 0; i < 100; i++) log.info({ i }, 'line');
    process.exit(0);`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.equal(status, 0);
  const numbers = stderr
    .trimEnd()
    .split('\n')
    .map((line) => Number(/"i":(\d+)/.exec(line)?.[1]));
  assert.deepEqual(
    numbers,
    Array.from({ length: 100 }, (_, index) => index),
  );
});

test('a reader that stops reading stops neither the gate nor its memory', async () => {
  const module = new URL('../../src/telemetry/log.ts', import.meta.url).href;
  const script = `const { openLog } = await import(${JSON.stringify(module)});
    const log = openLog('info');
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 100; i++) {
      for (let j = 0; j < 1000; j++) log.info({ filler: 'x'.repeat(1000) }, 'line');
      await new Promise((resolve) => setImmediate(resolve));
    }
    console.log(process.memoryUsage().rss - before);
    process.kill(process.pid, 'SIGKILL');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  let grown = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (grown += part));
  await once(child, 'exit');
  assert.ok(Number(grown) > 0 && Number(grown) < 70e6, `grown by ${grown}`);
});
