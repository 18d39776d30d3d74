import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decisionPermit, gatePermit, isPermit } from '../../src/policy/permit.ts';

const source = join(import.meta.dirname, '../../src');

function filesThatContain(text: string | RegExp): string[] {
  return readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .filter((name) => readFileSync(join(source, name), 'utf8').search(text) >= 0)
    .toSorted();
}

test('permits are real, look-alikes are not', () => {
  assert.ok(isPermit(decisionPermit()));
  assert.ok(isPermit(gatePermit()));
  for (const forged of [
    null,
    undefined,
    {},
    true,
    structuredClone(decisionPermit()),
    Object.create(decisionPermit()),
  ]) {
    assert.equal(isPermit(forged), false);
  }
  assert.throws(() => Object.assign(decisionPermit(), { extra: 1 }), TypeError);
});

test('only the decision makes decision permits, and nobody casts one', () => {
  assert.deepEqual(filesThatContain(/\bdecisionPermit\b/), ['policy/decide.ts', 'policy/permit.ts']);
  assert.deepEqual(filesThatContain(/as (unknown as )?Permit\b/), ['policy/permit.ts']);
});
