import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSources } from './sources.ts';

/**
 * Dependencies point one way. Folder of src -> what it may import besides itself: folders or single files.
 * A protocol knows a mask plan as a type and never the kernels; policy knows the names of detectors and nothing else.
 */
const arrows: Readonly<Record<string, readonly string[]>> = {
  'errors.ts': [],
  'facts.ts': [],
  bytes: ['errors.ts'],
  // Verifiers of passwords: the store of users makes them, protocols prove against them.
  scram: [],
  // Files that people write: their places, their faults. What a file means is another folder's.
  yaml: [],
  masking: ['bytes', 'errors.ts', 'facts.ts'],
  policy: ['errors.ts', 'facts.ts', 'masking/detectorNames.ts', 'yaml'],
  protocols: ['bytes', 'errors.ts', 'facts.ts', 'masking/plan.ts', 'scram'],
  lanes: ['bytes', 'errors.ts', 'facts.ts', 'masking'],
  config: ['errors.ts', 'yaml'],
  telemetry: ['config', 'errors.ts'],
  credentials: ['config', 'errors.ts'],
  identity: ['config', 'credentials', 'errors.ts', 'facts.ts', 'scram'],
  audit: ['bytes', 'errors.ts', 'facts.ts'],
  control: ['config', 'errors.ts', 'telemetry'],
  gateway:
    'audit bytes config control credentials errors.ts facts.ts identity lanes masking policy protocols scram telemetry yaml'.split(
      ' ',
    ),
  cli: ['audit', 'config', 'errors.ts', 'facts.ts', 'policy', 'protocols', 'scram', 'telemetry', 'gateway', 'yaml'],
  // The demo uses the gate as anyone else does, through its command; PostgreSQL from npm stays out of the gate.
  demo: [],
  'main.ts': ['*'],
};

const folderOf = (path: string): string => path.split('/')[1];

function allowed(from: string, to: string): boolean {
  const [source, target] = [folderOf(from), folderOf(to)];
  if (source === target) return true;
  const may = arrows[source] ?? [];
  if (may.includes('*')) return target !== 'demo';
  return may.includes(target) || may.includes(to.slice('src/'.length));
}

const inSrc = readSources().filter(({ path }) => path.startsWith('src/'));
const known = new Set(readSources().map(({ path }) => path));

test('every folder of src has its arrows', () => {
  const folders = new Set(inSrc.map(({ path }) => folderOf(path)));
  assert.deepEqual(
    [...folders].filter((folder) => !(folder in arrows)),
    [],
  );
});

test('imports in src follow the arrows', () => {
  const wrong = inSrc.flatMap(({ path, uses }) =>
    uses
      .filter((use) => known.has(use.path) && use.path !== path)
      .filter((use) => !use.path.startsWith('src/') || !allowed(path, use.path))
      .map((use) => `${path} -> ${use.path}`),
  );
  assert.deepEqual(wrong, []);
});

test('only gateway and main know a protocol by name', () => {
  const wrong = inSrc
    .filter(({ path }) => !/^src\/(?:protocols|gateway|main\.ts|demo|cli)/.test(path))
    .flatMap(({ path, uses }) => uses.filter((use) => /^src\/protocols\/\w+\//.test(use.path)).map(() => path));
  assert.deepEqual(wrong, []);
});
