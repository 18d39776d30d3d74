import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { loadPolicies, readPolicyFiles } from '../../src/policy/load.ts';
import type { LoadedPolicies } from '../../src/policy/load.ts';
import { watchPolicies } from '../../src/policy/watch.ts';
import { formatFault } from '../../src/yaml/faults.ts';

async function directory(t: TestContext, files: Record<string, string>): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'policies-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  return path;
}

test('policies and cases are told apart; other files are left alone', async (t) => {
  const path = await directory(t, {
    'b.yaml': 'name: b',
    'a.yml': 'name: a',
    'a.test.yaml': 'cases: []',
    '.hidden.yaml': 'nonsense',
    'README.md': '#',
  });
  const policies = await readPolicyFiles(path, 'policies');
  const cases = await readPolicyFiles(path, 'cases');
  assert.ok('files' in policies && 'files' in cases);
  assert.deepEqual(
    policies.files.map(({ name }) => name),
    [join(path, 'a.yml'), join(path, 'b.yaml')],
  );
  assert.deepEqual(
    cases.files.map(({ name }) => name),
    [join(path, 'a.test.yaml')],
  );
  const loaded = await loadPolicies(path);
  assert.ok('set' in loaded);
  assert.deepEqual(
    loaded.set.policies.map(({ policy }) => policy.name),
    ['a', 'b'],
  );
});

test('what cannot be read is a fault, never an empty set of policies', async (t) => {
  const path = await directory(t, {});
  const empty = await loadPolicies(path);
  assert.ok('faults' in empty);
  assert.ok(formatFault(empty.faults[0]).startsWith(`${path}: this directory holds no policy file, `));
  const missing = await loadPolicies(join(path, 'nowhere'));
  assert.ok('faults' in missing);
  assert.match(missing.faults[0].message, /^there is no such directory/);
  await writeFile(join(path, 'README.md'), '#');
  const file = await loadPolicies(join(path, 'README.md'));
  assert.ok('faults' in file);
  assert.match(file.faults[0].message, /^this is a file, and the directory that holds the policy files is wanted/);

  await writeFile(join(path, 'latin1.yaml'), Buffer.from('name: p # \xe9', 'latin1'));
  await mkdir(join(path, 'folder.yaml'));
  await writeFile(join(path, 'large.yaml'), '#'.repeat((1 << 20) + 1));
  const unreadable = await loadPolicies(path);
  assert.ok('faults' in unreadable);
  assert.equal(unreadable.faults.length, 3);
});

interface Watched {
  readonly changes: LoadedPolicies[];
  check(): Promise<void>;
  next(): Promise<LoadedPolicies>;
}

/** `pollMs` so long that only events and `check` can find a change. */
async function watched(t: TestContext, path: string, pollMs = 3_600_000): Promise<Watched> {
  const changes: LoadedPolicies[] = [];
  const waiting: ((change: LoadedPolicies) => void)[] = [];
  const { digest } = await loadPolicies(path);
  const watch = watchPolicies(
    path,
    (change) => {
      changes.push(change);
      waiting.shift()?.(change);
    },
    { loaded: digest, settleMs: 5, pollMs },
  );
  t.after(() => watch.close());
  return { changes, check: () => watch.check(), next: () => new Promise((resolve) => waiting.push(resolve)) };
}

test('a change is found without asking, and reported once', { timeout: 20_000 }, async (t) => {
  const path = await directory(t, { 'a.yaml': 'name: a' });
  const watch = await watched(t, path);
  // Events keep no process alive; while nothing else does, this test must.
  const alive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(alive));
  const change = watch.next();
  await writeFile(join(path, 'b.yaml'), 'name: b');
  const found = await change;
  assert.ok('set' in found);
  assert.deepEqual(
    found.set.policies.map(({ policy }) => policy.name),
    ['a', 'b'],
  );
  await watch.check();
  await watch.check();
  assert.equal(watch.changes.length, 1);
});

test('an invalid change is reported as faults, its repair as a set', async (t) => {
  const path = await directory(t, { 'a.yaml': 'name: a' });
  const watch = await watched(t, path);
  await writeFile(join(path, 'a.yaml'), 'name: a\nmode: maybe');
  await watch.check();
  const refused = watch.changes.at(-1);
  assert.ok(refused !== undefined && 'faults' in refused);
  assert.equal(refused.faults[0].line, 2);
  const reported = watch.changes.length;
  await watch.check();
  assert.equal(watch.changes.length, reported, 'the same faults are not reported again');
  await writeFile(join(path, 'a.yaml'), 'name: a\nmode: observe');
  await watch.check();
  const repaired = watch.changes.at(-1);
  assert.ok(repaired !== undefined && 'set' in repaired);
});

test('the directory disappears: faults, and a set when it is back', async (t) => {
  const parent = await directory(t, {});
  const path = join(parent, 'policies');
  await mkdir(path);
  await writeFile(join(path, 'a.yaml'), 'name: a\ndefault: block');
  const watch = await watched(t, path);
  await rename(path, join(parent, 'away'));
  await watch.check();
  const gone = watch.changes.at(-1);
  assert.ok(gone !== undefined && 'faults' in gone);
  await rename(join(parent, 'away'), path);
  await watch.check();
  const back = watch.changes.at(-1);
  assert.ok(back !== undefined && 'set' in back);
});

test('a mounted ConfigMap: the folder behind a symbolic link is swapped', async (t) => {
  const parent = await directory(t, {});
  for (const version of ['v1', 'v2']) {
    await mkdir(join(parent, version));
    await writeFile(join(parent, version, 'p.yaml'), `name: ${version}`);
  }
  const mounted = join(parent, 'mounted');
  await symlink(join(parent, 'v1'), mounted);
  const watch = await watched(t, mounted, 10);
  const change = watch.next();
  const alive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(alive));
  await symlink(join(parent, 'v2'), join(parent, 'next'));
  await rename(join(parent, 'next'), mounted);
  const found = await change;
  assert.ok('set' in found);
  assert.equal(found.set.policies[0].policy.name, 'v2');
});

test('nothing is reported after close, and what was loaded is not reported', async (t) => {
  const path = await directory(t, { 'a.yaml': 'name: a' });
  const { digest } = await loadPolicies(path);
  const changes: LoadedPolicies[] = [];
  const watch = watchPolicies(path, (change) => changes.push(change), { loaded: digest, settleMs: 5 });
  await watch.check();
  assert.deepEqual(changes, []);
  await writeFile(join(path, 'a.yaml'), 'name: b');
  watch.close();
  await watch.check();
  assert.deepEqual(changes, []);
});

test('a change between loading and watching is not missed', async (t) => {
  const path = await directory(t, { 'a.yaml': 'name: a' });
  const { digest } = await loadPolicies(path);
  await writeFile(join(path, 'a.yaml'), 'name: b');
  const changes: LoadedPolicies[] = [];
  const watch = watchPolicies(path, (change) => changes.push(change), { loaded: digest, settleMs: 5 });
  t.after(() => watch.close());
  await watch.check();
  assert.equal(changes.length, 1);
});
