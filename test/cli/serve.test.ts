/** `serve` where the machine is in its way: it says which key and what to do, and ends with nothing left open. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { password, writeConfiguration } from '../gateway/support.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts');

/** Runs `serve` with some text of the usual configuration replaced; a process that does not end by itself is killed. */
async function serve(context: TestContext, from: string, to: string): Promise<{ status: number | null; said: string }> {
  const directory = await writeConfiguration(
    { after: (undo) => context.after(undo) },
    { target: { port: 1, password: 'x' } },
  );
  const path = join(directory, 'blastgate.yaml');
  const text = await readFile(path, 'utf8');
  assert.ok(text.includes(from));
  await writeFile(path, text.replace(from, to));
  const env = { ...process.env, USER_PASSWORD: password, TARGET_PASSWORD: 'x' };
  const child = spawn(process.execPath, [main, 'serve', '--config', path], { env, timeout: 20_000 });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => (said += part));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, said };
}

async function takePort(context: TestContext): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

test('a port in use: no other port stays open, and the process ends', async (context) => {
  const taken = await takePort(context);
  for (const key of ['postgres', 'control']) {
    const from = `${key}: { host: 127.0.0.1, port: 0 }`;
    const { status, said } = await serve(context, from, `${key}: { host: 127.0.0.1, port: ${taken} }`);
    assert.equal(status, 1, said);
    assert.ok(!said.includes('accepting'), 'no client is served by a gate that does not start');
    const expected = `blastgate.yaml: listen.${key}: cannot listen on 127.0.0.1:${taken} (EADDRINUSE): another process listens there; stop it or choose another port\n`;
    assert.ok(said.includes(expected), said);
  }
});

test('a data directory that cannot be', async (context) => {
  const directory = await mkdtemp(join(tmpdir(), 'blastgate-serve-'));
  context.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'file');
  await writeFile(file, '');
  const cases = [
    [file, /data: a directory is wanted here, and this is a file: .*\/file\n/],
    [join(file, 'data'), /data: .* cannot be used \(ENOTDIR: a part of the path is a file\); name a directory/],
    // Node's own recursive mkdir would never come back from here.
    ['/proc/blastgate', /data: \/proc\/blastgate cannot be used \(\w+: .*\); name a directory/],
    ['/proc', /data: \/proc cannot be used/],
  ] as const;
  for (const [data, expected] of cases) {
    const { status, said } = await serve(context, 'workers: 1\n', `workers: 1\ndata: ${data}\n`);
    assert.equal(status, 1, said);
    assert.match(said, expected);
  }
});
