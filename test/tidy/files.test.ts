import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSources, readTexts, root } from './sources.ts';

const sources = readSources();

test('no source file is too long to read at a sitting', () => {
  const long = sources.flatMap(({ path, text }) => {
    // A table of cases is data; a test file repeats itself more than code may.
    const linesMax = path.endsWith('Cases.ts') ? Infinity : path.startsWith('test/') ? 600 : 400;
    const lines = text.split('\n').length - 1;
    return lines > linesMax ? [`${path}: ${lines}`] : [];
  });
  assert.deepEqual(long, []);
});

test('file names are lowerCamelCase', () => {
  const odd = sources.filter(
    ({ path }) => !/^(?:[a-z][A-Za-z0-9-]*\/)+[a-z][A-Za-z0-9]*(?:\.test|\.d)?\.ts$/.test(path),
  );
  assert.deepEqual(
    odd.map(({ path }) => path),
    [],
  );
});

test('the type checker is never silenced', () => {
  // The linter finds `any` where it is a type; this sees to it that nobody talks the linter out of it.
  const { rules } = JSON.parse(readFileSync(join(root, '.oxlintrc.json'), 'utf8')) as {
    rules: Record<string, unknown>;
  };
  assert.equal(rules['typescript/no-explicit-any'], 'error');
  assert.equal(rules['typescript/ban-ts-comment'], 'error');
  const silenced =
    /@ts-(?:ignore|nocheck|expect-error)|(?:ox|es)lint-disable(?!-next-line [\w-]+)|-disable.*(?:no-explicit-any|ban-ts)/;
  const places = sources
    .filter(({ path, text }) => !path.startsWith('test/tidy/') && silenced.test(text))
    .map(({ path }) => path);
  assert.deepEqual(places, []);
});

test('nothing is left for later', () => {
  const later = new RegExp(`\\b(?:${['TO', 'FIX'].map((half, at) => half + ['DO', 'ME'][at]).join('|')}|XXX|HACK)\\b`);
  const comments = sources.flatMap(({ path, text }) =>
    [...text.matchAll(/\/\/[^\n]*|\/\*[\s\S]*?\*\//g)]
      .filter(([comment]) => later.test(comment))
      .map(([comment]) => `${path}: ${comment}`),
  );
  assert.deepEqual(comments, []);
});

test('no path or word of the place where this was written is in the files', () => {
  const home = /(?<![\w.})\]*~-])\/(?:work|root|home\/\w+|Users\/\w+)(?:\/|\b(?!\w))/;
  const words = /registry\.npmjs\.org|registry\.yarnpkg|npmmirror|\b(?:ChatGPT|Claude|Copilot|OpenAI|Anthropic)\b/i;
  const found = readTexts()
    .filter(({ path }) => !path.startsWith('test/tidy/'))
    .flatMap(({ path, text }) =>
      text
        .split('\n')
        .flatMap((line, at) =>
          home.test(line) || words.test(line) ? [`${path}:${at + 1}: ${line.trim().slice(0, 80)}`] : [],
        ),
    );
  assert.deepEqual(found, []);
});

test('every file is used', () => {
  const entry =
    /^(?:src\/(?:main|demo\/main)\.ts|loadtest\/main\.ts|native-bench\/\w+\.ts|test\/support\/runTests\.ts|test\/bypass\/main\.ts)$|\.d\.ts$/;
  const isTest = (path: string): boolean => path.startsWith('test/');
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const reach = (start: readonly string[]): Set<string> => {
    const seen = new Set(start);
    for (const path of seen)
      for (const use of byPath.get(path)?.uses ?? []) if (byPath.has(use.path)) seen.add(use.path);
    return seen;
  };
  const paths = [...byPath.keys()];
  // What only tests use is dead as well: it is not part of the gate.
  const live = reach(paths.filter((path) => entry.test(path)));
  const liveInTests = reach(paths.filter((path) => path.endsWith('.test.ts') || entry.test(path)));
  const dead = paths.filter((path) => !(isTest(path) ? liveInTests : live).has(path));
  assert.deepEqual(dead, []);
});

test('the top of the checkout holds what it should', () => {
  const folders = 'src test native-bench loadtest policies docs node_modules dist data demo-data coverage';
  const files = 'run package.json package-lock.json tsconfig.json tsconfig.build.json Dockerfile README.md LICENSE';
  const expected = new Set([...folders.split(' '), ...files.split(' '), 'blastgate.schema.json', 'policy.schema.json']);
  const odd = readdirSync(root).filter((name) => !name.startsWith('.') && !expected.has(name));
  assert.deepEqual(odd, []);
});

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;

test('versions are pinned exactly, and only re2 may run an install script', () => {
  const all = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  assert.deepEqual(
    all.filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version)),
    [],
  );
  assert.deepEqual(
    Object.keys(manifest.allowScripts).filter((name) => manifest.allowScripts[name]),
    ['re2'],
  );
});

test('the lock file holds every optional package of every platform', () => {
  interface Locked {
    readonly optionalDependencies?: Readonly<Record<string, string>>;
  }
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Locked>;
  };
  // npm leaves out what it could not see when the lock file was written, and then refuses to install from it.
  const missing = Object.values(lock.packages)
    .flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies))
    .filter((name) => !(`node_modules/${name}` in lock.packages));
  assert.deepEqual(missing, []);
});

test('the README gives the reason for each dependency', () => {
  const readme = existsSync(join(root, 'README.md')) ? readFileSync(join(root, 'README.md'), 'utf8') : '';
  const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
  // `@types/x` comes along with x.
  assert.deepEqual(
    names.filter((name) => !name.startsWith('@types/') && !readme.includes(name)),
    [],
  );
});
