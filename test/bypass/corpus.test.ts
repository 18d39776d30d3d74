/** The corpus, one test a family; and what must hold of its files. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { runFamily } from './corpus.ts';
import { readCorpus } from './corpusFile.ts';
import { openCorpusLab } from './corpusLab.ts';
import type { CorpusLab } from './corpusLab.ts';
import { bypassUsage, readBypassOptions } from './options.ts';
import { formatScore, isClean, readResidual, scoreOf } from './score.ts';

const families = await readCorpus();
const residual = await readResidual();
const entries = families.flatMap((family) => family.entries);

suite('the bypass corpus', () => {
  let lab: CorpusLab;
  before(async () => {
    lab = await openCorpusLab();
  });
  after(() => lab.end());

  for (const family of families) {
    test(`${family.name}: attacks are stopped, benign statements pass`, async () => {
      const score = scoreOf([await runFamily(lab, family)], residual);
      assert.ok(isClean(score), formatScore(score));
    });
  }
});

test('the corpus is as large as it says', () => {
  assert.ok(entries.filter(({ attack }) => attack.length > 0).length >= 400);
  assert.ok(entries.filter(({ benign }) => benign.length > 0).length >= 400);
});

test('what is accepted are entries of the corpus, and the page about them lists exactly these', async () => {
  const ids = new Set(entries.map(({ id }) => id));
  const accepted = residual.map(({ id }) => id);
  assert.deepEqual(
    accepted.filter((id) => !ids.has(id)),
    [],
  );
  const page = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'residual-risk.md'), 'utf8');
  const [attacks, refusals = ''] = page.split('\n## What is refused although it is harmless\n');
  const listed = (text: string): string[] =>
    [...text.matchAll(/^### `([a-z_]+\/[a-z0-9-]+)`/gm)].map(([, id]) => id).toSorted();
  const named = (kind: 'attack' | 'benign'): string[] =>
    residual.flatMap((one) => (one.kind === kind ? [one.id] : [])).toSorted();
  assert.deepEqual([listed(attacks), listed(refusals)], [named('attack'), named('benign')]);
});

test('a failure counts unless it is accepted, and an accepted one that is none counts too', () => {
  const passed = { passed: true, how: 'masked' };
  const entry = (id: string, attack: typeof passed) => ({ id, trick: 'a trick', attack, benign: null, fault: null });
  const result = (stopped: boolean) => [
    {
      name: 'f',
      about: '',
      elapsedMs: 1,
      entries: [entry('f/a', { ...passed, passed: stopped }), entry('f/b', passed)],
    },
  ];
  const reason = 'nobody minds this one here';
  assert.equal(isClean(scoreOf(result(true), [])), true);
  assert.equal(isClean(scoreOf(result(false), [])), false);
  assert.equal(isClean(scoreOf(result(false), [{ id: 'f/a', kind: 'attack', reason }])), true);
  assert.equal(isClean(scoreOf(result(true), [{ id: 'f/a', kind: 'attack', reason }])), false);
  assert.equal(isClean(scoreOf(result(false), [{ id: 'f/a', kind: 'benign', reason }])), false);
  const { total } = scoreOf(result(false), []);
  assert.deepEqual(
    [total.attacks, total.benign],
    [
      { passed: 1, all: 2 },
      { passed: 0, all: 0 },
    ],
  );
  assert.match(formatScore(scoreOf(result(false), [])), /FAILED f\/a \(attack\): a trick/);
});

test('options', () => {
  const none = { family: null, json: null, verbose: false, generate: null, seed: null };
  assert.deepEqual(readBypassOptions([]), none);
  assert.deepEqual(readBypassOptions(['--generate', '20', '--seed', '7']), { ...none, generate: 20, seed: 7 });
  assert.equal(readBypassOptions(['--help']), '');
  assert.match(bypassUsage, /--family/);
  for (const wrong of [['--generate', '0'], ['--generate', 'x'], ['--nothing'], ['word']])
    assert.equal(typeof readBypassOptions(wrong), 'string');
});
