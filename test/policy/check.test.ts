import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPolicies } from '../../src/policy/check.ts';
import type { KnownNames } from '../../src/policy/checkNames.ts';
import { policies } from './support.ts';

const nothingKnown: KnownNames = { setting: null, catalog: null };

/** `kind subject` of every finding. */
function findings(...texts: string[]): string[] {
  return checkPolicies(policies(...texts), nothingKnown).map(({ kind, subject }) => `${kind} ${subject}`);
}

const p = (rules: string, head = 'default: allow'): string => `name: p\n${head}\nrules:\n${rules}`;

test('sound policies have no findings', () => {
  const sound = p(`
  - { id: a, match: { statement: [drop] }, action: block }
  - { id: b, match: { statement: [delete], where: absent }, action: approve, approvers: { groups: [dba] } }
  - { id: c, match: { columns: [ssn] }, action: mask, with: redact }
  - { id: d, match: { columns: [email] }, action: mask, with: email }
  - { id: e, match: { values: [email] }, action: mask, with: redact }`);
  assert.deepEqual(findings(sound), []);
});

test('rules that can never match', () => {
  const never = (match: string): string[] => findings(p(`  - { id: a, match: ${match}, action: block }`));
  assert.deepEqual(never('{ statement: [drop, truncate], where: absent }'), ['never p/a']);
  assert.deepEqual(never('{ statement: [commit], limit: absent }'), ['never p/a']);
  assert.deepEqual(never('{ statement: [drop], columns: [ssn] }'), ['never p/a']);
  assert.deepEqual(never('{ statement: [drop, delete], where: absent }'), []);
  assert.deepEqual(never('{ statement: [drop], where: none }'), []);
});

test('policies and rules that can never apply', () => {
  const apply = (policy: string, rule = '{}'): string[] =>
    findings(
      p(
        `  - { id: a, match: { statement: [drop] }, action: block, applies_to: ${rule} }`,
        `default: allow\napplies_to: ${policy}`,
      ),
    );
  assert.deepEqual(apply('{ groups: [dba], not_groups: ["d*"] }'), ['never p']);
  assert.deepEqual(apply('{ groups: [dba, sre], not_groups: [dba] }'), []);
  assert.deepEqual(apply('{ groups: [dba] }', '{ not_groups: [dba] }'), ['never p/a']);
  assert.deepEqual(apply('{ groups: [dba] }', '{ groups: [sre] }'), [], 'a user may be in both');
  assert.deepEqual(apply('{ connections: [shop] }', '{ connections: [billing] }'), ['never p/a']);
  assert.deepEqual(apply('{ connections: ["s*"] }', '{ connections: [shop] }'), []);
  assert.deepEqual(apply('{ users: [alice] }', '{ users: [bob] }'), ['never p/a']);
});

test('rules that repeat another: only the later one is reported', () => {
  const twice = `
  - { id: a, match: { statement: [truncate, drop] }, action: block }
  - { id: b, match: { statement: [drop, truncate] }, action: block, message: No. }`;
  assert.deepEqual(findings(p(twice)), ['duplicate p/b']);
});

test('rules that another one makes pointless', () => {
  const ddl = '  - { id: ddl, match: { statement: [ddl] }, action: block }\n';
  const approve = 'action: approve, approvers: { groups: [dba] }';
  assert.deepEqual(findings(p(`${ddl}  - { id: a, match: { statement: [drop] }, action: block }`)), ['shadowed p/a']);
  assert.deepEqual(findings(p(`${ddl}  - { id: a, match: { statement: [drop] }, ${approve} }`)), ['shadowed p/a']);
  assert.deepEqual(findings(p(`${ddl}  - { id: a, match: { statement: [drop, do] }, action: block }`)), []);
  const objects = `
  - { id: wide, match: { objects: ["hr.*"] }, action: block }
  - { id: narrow, match: { objects: [hr.salaries], access: [write] }, action: block }`;
  assert.deepEqual(findings(p(objects)), ['shadowed p/narrow']);
});

test('a rule for fewer people does not shadow one for more', () => {
  const rules = `
  - { id: wide, match: { statement: [ddl] }, action: block, applies_to: { groups: [engineering] } }
  - { id: all, match: { statement: [drop] }, action: block }`;
  assert.deepEqual(findings(p(rules)), []);
  assert.deepEqual(
    findings(p(rules.replace('applies_to: { groups: [engineering] }', 'applies_to: { groups: ["*"] }'))),
    [],
  );
  const excluded = rules.replace('groups: [engineering]', 'not_groups: [dba]');
  assert.deepEqual(findings(p(excluded)), []);
  assert.deepEqual(findings(p(excluded, 'default: allow\napplies_to: { not_groups: ["db*"] }')), ['shadowed p/all']);
});

test('an allow rule that a block rule always beats', () => {
  const rules = `
  - { id: yes, match: { statement: [select], objects: [hr.salaries] }, action: allow }
  - { id: no, match: { objects: ["hr.*"] }, action: block }`;
  assert.deepEqual(findings(p(rules, 'default: block')), ['contradiction p/yes']);
});

test('policies that only observe shadow nothing that is enforced', () => {
  const rule = '  - { id: a, match: { statement: [drop] }, action: block }';
  const observing = p(rule, 'mode: observe').replace('name: p', 'name: q');
  assert.deepEqual(findings(p(rule), observing), []);
});

test('masks', () => {
  const masks = (...rules: [string, string][]): string[] =>
    findings(
      p(
        rules
          .map(
            ([columns, mask], index) =>
              `  - { id: m${index}, match: { columns: [${columns}] }, action: mask, with: ${mask} }`,
          )
          .join('\n'),
      ),
    );
  assert.deepEqual(masks(['ssn', 'redact'], ['customers.ssn', '{ keep_last: 4 }']), ['shadowed p/m1']);
  assert.deepEqual(masks(['ssn', '{ keep_last: 4 }'], ['customers.ssn', 'redact']), []);
  assert.deepEqual(masks(['ssn', '{ keep_last: 4 }'], ['customers.ssn', '{ keep_first: 1 }']), [], 'both make redact');
  assert.deepEqual(masks(['ssn', 'stars'], ['ssn', 'stars']), ['duplicate p/m1']);
  assert.deepEqual(masks(['ssn', 'stars'], ['email', 'stars']), []);
});

test('nobody is let in by default, and capitals that an allow rule cannot meet', () => {
  assert.deepEqual(findings(p('  - { id: a, match: { statement: [drop] }, action: block }', '')), ['no-default p']);
  assert.deepEqual(findings(p('  - { id: a, match: { objects: [Orders] }, action: allow }')), ['case p/a']);
});

const ssnMask = '  - { id: ssn, match: { columns: ["*.customers.ssn"] }, action: mask, with: redact }\n';

test('rules on masked columns that no mask rule names', () => {
  const probes = (pattern: string, mask = ssnMask, extra = ''): string[] =>
    findings(p(`${mask}  - { id: a, match: { probes: ['${pattern}'] }, action: allow${extra} }`));
  assert.deepEqual(probes('*.customers.ssn'), []);
  assert.deepEqual(probes('ssn'), []);
  assert.deepEqual(probes('public.*.s*'), []);
  assert.deepEqual(probes('*.customers.email'), ['never p/a']);
  assert.deepEqual(probes('*.staff.ssn'), ['never p/a']);
  assert.deepEqual(probes('ssn', ssnMask.replace('ssn"', 'SSN"')), [], 'masks ignore letter case');
  assert.deepEqual(probes('ssn', ''), ['never p/a']);
  const content = '  - { id: m, match: { values: [us_ssn] }, action: mask, with: redact }\n';
  assert.deepEqual(probes('ssn', content), ['never p/a'], 'a mask on content names no column');
  const copies = p(`${ssnMask}  - { id: a, match: { copies: [ssn, phone, fax] }, action: block }`);
  assert.deepEqual(findings(copies), ['never p/a', 'never p/a'], 'each pattern is looked at');
  assert.deepEqual(findings(p('  - { id: a, match: { unreadable: true }, action: block }')), []);
});

test('rules on masked columns whose masks are for others', () => {
  const masks = (head: string, ruleHead = ''): string[] =>
    findings(
      p(`  - { id: a, match: { probes: [ssn] }, action: allow${ruleHead} }`),
      p(ssnMask, head).replace('name: p', 'name: q'),
    );
  assert.deepEqual(masks('applies_to: { groups: [sales] }'), [], 'a user may be in any groups');
  assert.deepEqual(masks('mode: observe'), ['never p/a'], 'masks of an observing policy are not applied');
  const trial = `${ssnMask}  - { id: a, match: { probes: [ssn] }, action: allow }`;
  assert.deepEqual(findings(p(trial, 'mode: observe').replace('name: p', 'name: q'), p('  []')), [], 'a trial of both');
  const dba = ', applies_to: { groups: [dba] }';
  assert.deepEqual(masks('applies_to: { not_groups: [dba] }', dba), ['never p/a']);
  assert.deepEqual(masks('applies_to: { not_groups: [sales] }', dba), []);
  const shop = ', applies_to: { connections: [shop] }';
  assert.deepEqual(masks('applies_to: { connections: [billing] }', shop), ['never p/a']);
  assert.deepEqual(masks('applies_to: { connections: ["sh*"] }', shop), []);
});

test('rules on uses repeat, shadow and contradict only rules on the same use', () => {
  const pair = (a: string, b: string): string[] =>
    findings(p(`${ssnMask}  - { id: a, match: ${a} }\n  - { id: b, match: ${b} }`));
  const ask = 'action: approve, approvers: { groups: [dba] }';
  const budget = 'budget: { statements: 5, per: hour }';
  for (const [a, b, expected] of [
    ['{ probes: [ssn] }, action: block', '{ probes: ["*.ssn"] }, action: block', ['duplicate p/b']],
    ['{ probes: ["*"] }, action: block', `{ probes: [ssn] }, ${ask}`, ['shadowed p/b']],
    ['{ probes: ["*"] }, action: block', '{ probes: [ssn] }, action: allow', ['contradiction p/b']],
    ['{ probes: [ssn] }, action: allow', '{ probes: [ssn], how: equality }, action: allow', ['shadowed p/b']],
    ['{ probes: [ssn], how: equality }, action: block', '{ probes: [ssn] }, action: allow', []],
    ['{ probes: [ssn] }, action: block', '{ copies: [ssn] }, action: block', []],
    ['{ probes: [ssn] }, action: block', '{ statement: [drop] }, action: block', []],
    ['{ unreadable: true }, action: block', `{ unreadable: true }, ${ask}`, ['shadowed p/b']],
    ['{ unreadable: true }, action: block', '{ objects: [t] }, action: allow', []],
    ['{ probes: [ssn] }, action: allow', `{ probes: [ssn] }, action: allow, ${budget}`, ['shadowed p/b']],
    [`{ probes: [ssn] }, action: allow, ${budget}`, `{ probes: [ssn] }, action: allow, ${budget}`, []],
    [`{ probes: [ssn] }, action: allow, ${budget}`, '{ probes: [customers.ssn] }, action: allow', []],
  ] as const) {
    assert.deepEqual(pair(a, b), expected, `${a} / ${b}`);
  }
});

test('capital letters in rules on uses and in safe functions', () => {
  assert.deepEqual(findings(p(`${ssnMask}  - { id: a, match: { probes: [SSN] }, action: allow }`)), ['case p/a']);
  assert.deepEqual(findings(p('  []', 'default: allow\nsafe_functions: [Count, md5]')), ['case p']);
});
