import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPolicies } from '../../src/policy/check.ts';
import { policies } from './support.ts';

/** `kind subject` of every finding. */
function findings(...texts: string[]): string[] {
  return checkPolicies(policies(...texts)).map(({ kind, subject }) => `${kind} ${subject}`);
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
