import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { format, inspect } from 'node:util';

import type { SecretRef } from '../../src/config/config.ts';
import { openHashKey } from '../../src/credentials/hashKey.ts';
import { Secret } from '../../src/credentials/secret.ts';
import { openSecrets, secretBytesMax } from '../../src/credentials/secrets.ts';
import type { Secrets } from '../../src/credentials/secrets.ts';
import type { Fault } from '../../src/errors.ts';

const directory = mkdtempSync(join(tmpdir(), 'bg-secrets-'));
after(() => rmSync(directory, { recursive: true, force: true }));

function place(name: string, content: string | Uint8Array): SecretRef {
  const path = join(directory, name);
  writeFileSync(path, content);
  return { kind: 'file', path };
}

/** Runs `script` with node; `$COUNT` in it is a file that it may append to. */
function program(script: string, more: Partial<Extract<SecretRef, { kind: 'exec' }>> = {}): SecretRef {
  const argv = [process.execPath, '-e', script];
  return { kind: 'exec', argv, passEnv: [], timeoutMs: 10_000, ttlMs: 60_000, ...more };
}

function text(result: Secret | Fault): string {
  return result instanceof Secret ? result.reveal() : `${result.code}: ${result.detail}`;
}

function open(env: Record<string, string> = {}): Secrets {
  return openSecrets({ env, now: () => 0 });
}

test('a Secret shows itself nowhere', () => {
  const secret = new Secret('hunter2');
  const shown = [
    String(secret),
    JSON.stringify({ secret }),
    inspect({ secret }, { showHidden: true, depth: 9 }),
    format('%s %o %j', secret, secret, secret),
    inspect(structuredClone({ secret })),
    inspect(Object.entries(secret)),
  ];
  for (const line of shown) assert.ok(!line.includes('hunter2'), line);
  assert.equal(shown[0], '[secret]');
  assert.equal(secret.reveal(), 'hunter2');
});

describe('environment', () => {
  test('gives the variable as it is', async () => {
    assert.equal(text(await open({ P: ' x\n' }).resolve({ kind: 'env', name: 'P' })), ' x\n');
  });

  test('that is missing or empty is a fault', async () => {
    const secrets = open({ EMPTY: '' });
    assert.match(text(await secrets.resolve({ kind: 'env', name: 'NONE' })), /BG_SECRET_UNAVAILABLE.*NONE is not set/);
    assert.match(text(await secrets.resolve({ kind: 'env', name: 'EMPTY' })), /EMPTY is empty/);
  });
});

describe('files', () => {
  test('lose one trailing newline and nothing else', async () => {
    const secrets = open();
    assert.equal(text(await secrets.resolve(place('a', 'pass word \n'))), 'pass word ');
    assert.equal(text(await secrets.resolve(place('b', 'pass\r\n'))), 'pass');
    assert.equal(text(await secrets.resolve(place('c', 'pass\n\n'))), 'pass\n');
    assert.equal(text(await secrets.resolve(place('d', 'x'.repeat(secretBytesMax)))), 'x'.repeat(secretBytesMax));
  });

  test('that hold no usable secret are faults that do not quote them', async () => {
    const secrets = open();
    const cases: readonly (readonly [SecretRef, RegExp])[] = [
      [place('e', ''), /is empty/],
      [place('f', '\n'), /is empty/],
      [place('g', `hunter2${'x'.repeat(secretBytesMax)}`), /more than 65536 bytes/],
      [place('h', Buffer.from([0x68, 0xff, 0xfe])), /not UTF-8/],
      [place('i', 'hunter2\0tail'), /NUL/],
      [{ kind: 'file', path: join(directory, 'none') }, /cannot be read \(ENOENT\)/],
      [{ kind: 'file', path: directory }, /not a regular file/],
      [{ kind: 'file', path: '/dev/zero' }, /not a regular file/],
    ];
    for (const [ref, expected] of cases) {
      const shown = text(await secrets.resolve(ref));
      assert.match(shown, expected);
      assert.ok(!shown.includes('hunter2'));
    }
  });

  test('a FIFO that nobody writes to does not hang the gate', async () => {
    const path = join(directory, 'fifo');
    execFileSync('mkfifo', [path]);
    assert.match(text(await open().resolve({ kind: 'file', path })), /not a regular file/);
  });
});

describe('programs', () => {
  test('give their output, see no shell, no input and a small environment', async () => {
    const env = { PATH: process.env['PATH'] ?? '', VAULT_ADDR: 'v', OTHER_PASSWORD: 'no' };
    const script =
      'process.stdin.resume().on("end", () => console.log(JSON.stringify([process.argv[1], process.env])))';
    const base = program(script, { passEnv: ['VAULT_ADDR', 'ABSENT'] });
    assert.ok(base.kind === 'exec');
    const output: unknown = JSON.parse(text(await open(env).resolve({ ...base, argv: [...base.argv, '$(id); `id`'] })));
    assert.deepEqual(output, ['$(id); `id`', { PATH: env.PATH, VAULT_ADDR: 'v' }]);
  });

  test('that fail, hang, flood or do not exist are faults that do not quote them', async () => {
    const secrets = open();
    const cases: readonly (readonly [SecretRef, RegExp])[] = [
      [program('console.log("hunter2"); console.error("hunter2"); process.exit(3)'), /ended with status 3/],
      [program('console.log("hunter2"); setInterval(() => 0, 1000)', { timeoutMs: 300 }), /within 300 ms/],
      [program('process.stdout.write("hunter2".repeat(100000))'), /more than 65536 bytes/],
      [program(''), /is empty/],
      [program('', { argv: ['/nowhere/program'] }), /cannot be run \(ENOENT\)/],
    ];
    for (const [ref, expected] of cases) {
      const shown = text(await secrets.resolve(ref));
      assert.match(shown, expected);
      assert.ok(!shown.includes('hunter2'));
    }
  });

  test('run once for callers at the same time, and again when their time is over or they are forgotten', async () => {
    const log = join(directory, 'runs');
    writeFileSync(log, '');
    const ref = program(`require('node:fs').appendFileSync(${JSON.stringify(log)}, 'x'); console.log('pw')`, {
      ttlMs: 100,
    });
    let nowMs = 0;
    const secrets = openSecrets({ env: {}, now: () => nowMs });
    const runs = (): number => readFileSync(log, 'utf8').length;
    const together = await Promise.all([secrets.resolve(ref), secrets.resolve(ref), secrets.resolve(ref)]);
    assert.deepEqual(together.map(text), ['pw', 'pw', 'pw']);
    assert.equal(runs(), 1);
    nowMs = 99;
    await secrets.resolve(ref);
    assert.equal(runs(), 1);
    nowMs = 100;
    await secrets.resolve(ref);
    assert.equal(runs(), 2);
    secrets.forget(ref);
    await secrets.resolve(ref);
    assert.equal(runs(), 3);
  });

  test('that fail are not run again for a second', async () => {
    const log = join(directory, 'failures');
    writeFileSync(log, '');
    const ref = program(`require('node:fs').appendFileSync(${JSON.stringify(log)}, 'x'); process.exit(1)`);
    let nowMs = 0;
    const secrets = openSecrets({ env: {}, now: () => nowMs });
    await secrets.resolve(ref);
    nowMs = 999;
    await secrets.resolve(ref);
    assert.equal(readFileSync(log, 'utf8').length, 1);
    nowMs = 1_000;
    await secrets.resolve(ref);
    assert.equal(readFileSync(log, 'utf8').length, 2);
  });
});

describe('hash key', () => {
  test('is made once, privately, and the same for gates that start together', async () => {
    const data = join(directory, 'data');
    const keys = await Promise.all([1, 2, 3, 4].map(() => openHashKey(null, data, open())));
    for (const key of keys) {
      assert.ok(key instanceof Uint8Array);
      assert.equal(key.length, 32);
      assert.deepEqual(key, keys[0]);
    }
    assert.deepEqual(await openHashKey(null, data, open()), keys[0]);
    assert.equal(statSync(join(data, 'hash.key')).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(data), ['hash.key']);
  });

  test('comes from a configured secret, so that gates can share it', async () => {
    const secrets = open({ KEY: 'shared' });
    const key = await openHashKey({ kind: 'env', name: 'KEY' }, '/nowhere', secrets);
    assert.ok(key instanceof Uint8Array);
    assert.deepEqual(key, await openHashKey({ kind: 'env', name: 'KEY' }, '/elsewhere', secrets));
    const missing = await openHashKey({ kind: 'env', name: 'NONE' }, '/nowhere', secrets);
    assert.ok('code' in missing);
  });

  test('that was damaged is a fault, not a new key', async () => {
    const data = mkdtempSync(join(directory, 'damaged-'));
    writeFileSync(join(data, 'hash.key'), 'short');
    const key = await openHashKey(null, data, open());
    assert.ok('code' in key && /does not hold 32 bytes/.test(key.detail));
    assert.equal(readFileSync(join(data, 'hash.key'), 'utf8'), 'short');
  });
});
