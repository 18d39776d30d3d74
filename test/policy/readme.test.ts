/** The policy in the README can be pasted as it stands: it is sound, and it does what its comments say. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { checkPolicies } from '../../src/policy/check.ts';
import { identity, policies, policySet, shop, statement } from './support.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

/** The indented block below the heading, without its indent. */
function sample(heading: string): string {
  const section = readme.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? assert.fail(`no section ${heading}`);
  const lines = section.split('\n');
  const from = lines.findIndex((line) => line.startsWith('    '));
  const end = lines.findIndex((line, at) => at > from && line !== '' && !line.startsWith('    '));
  return lines
    .slice(from, end)
    .map((line) => line.slice(4))
    .join('\n');
}

test('the policy has no faults and no findings', () => {
  const text = sample('A policy');
  assert.match(text, /^name: /);
  assert.deepEqual(checkPolicies(policies(text), { setting: null, catalog: null }), []);
});

test('alone it lets statements through, masks, and allows the look-up', () => {
  const session = policySet(sample('A policy')).forSession(identity('alice', 'engineering'), shop);
  assert.equal(session.decide([statement({ kind: 'select' })]).outcome, 'allow');
  assert.equal(session.decide([statement({ kind: 'drop' })]).outcome, 'block');
  assert.deepEqual(session.masks.columns.map(({ column }) => column).toSorted(), ['email', 'ssn']);
  const dba = policySet(sample('A policy')).forSession(identity('dana', 'dba'), shop);
  assert.deepEqual(
    dba.masks.columns.map(({ column }) => column),
    ['email'],
  );
});
