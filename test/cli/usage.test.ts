/** Every command helps with exit 0, and says in one line what is wrong with its arguments, with exit 2. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeVerifier, parseVerifier } from '../../src/scram/verifier.ts';

const root = join(import.meta.dirname, '..', '..');
const entries = {
  gate: 'src/main.ts',
  demo: 'src/demo/main.ts',
  test: 'test/support/runTests.ts',
  bypass: 'test/bypass/main.ts',
  loadtest: 'loadtest/main.ts',
  bench: 'native-bench/main.ts',
} as const;

async function run(entry: keyof typeof entries, args: readonly string[], input = '') {
  const child = spawn(process.execPath, [join(root, entries[entry]), ...args], { cwd: root });
  const output = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => void (output.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => void (output.err += chunk.toString()));
  // A command that reads no input may have ended before it is written.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number];
  return { code, ...output };
}

test('--help', async () => {
  const commands = [[], ['serve'], ['policy'], ['policy', 'check'], ['scram'], ['docs'], ['version']];
  for (const [entry, command] of [
    ...commands.map((command) => ['gate', command] as const),
    ...(['demo', 'test', 'bypass', 'loadtest', 'bench'] as const).map((entry) => [entry, []] as const),
  ]) {
    const { code, out, err } = await run(entry, [...command, '--help']);
    assert.deepEqual([code, err], [0, ''], `${entry} ${command.join(' ')}`);
    assert.match(out, /^(?:usage: |Usage:|run )/);
  }
});

test('wrong usage', async () => {
  for (const [entry, args, message] of [
    ['gate', [], 'a command is missing'],
    ['gate', ['audit'], "there is no command 'audit'"],
    ['gate', ['serve'], 'serve: --config FILE is missing'],
    ['gate', ['serve', '--nope'], "serve: Unknown option '--nope'"],
    ['gate', ['docs', 'x'], "docs: Unexpected argument 'x'"],
    ['gate', ['scram', 'hunter2'], 'scram: takes no argument'],
    ['gate', ['policy', 'chekc'], 'policy: unknown command "chekc"'],
    ['demo', ['--customers', '1'], 'demo: --customers: 100 to 5000000'],
    ['test', ['nosuch.ts'], "test: there is no file or directory 'nosuch.ts'"],
    ['test', ['--nope'], "test: unknown option '--nope'"],
    ['bypass', ['--family', 'exprssions'], "bypass: there is no family 'exprssions'"],
    ['loadtest', ['--rate', '1'], 'loadtest: --rate needs --target'],
    ['bench', ['nope'], 'bench: there is no bench named nope'],
  ] as const) {
    const { code, out, err } = await run(entry, args);
    assert.deepEqual([code, out], [2, ''], err);
    assert.match(err, /^[^\n]+\n$/);
    assert.ok(err.startsWith(message), err);
    assert.doesNotMatch(err, /hunter2/);
  }
});

test('scram makes the verifier of what it reads', async () => {
  for (const input of ['correct horse', 'correct horse\n', 'correct horse\r\n']) {
    const { code, out, err } = await run('gate', ['scram'], input);
    assert.deepEqual([code, err], [0, '']);
    const made = parseVerifier(out.trimEnd());
    assert.ok(made !== null, out);
    const { storedKey, serverKey } = await makeVerifier('correct horse', made.salt, made.iterations);
    assert.deepEqual([Buffer.from(made.storedKey), Buffer.from(made.serverKey)], [storedKey, serverKey]);
  }
  for (const [input, message] of [
    ['', /the password is empty/],
    ['\n', /the password is empty/],
    ['a\nb\n', /line break/],
    ['x'.repeat(70_000), /longer than 65536 bytes/],
  ] as const) {
    const { code, out, err } = await run('gate', ['scram'], input);
    assert.deepEqual([code, out], [1, '']);
    assert.match(err, message);
  }
});
