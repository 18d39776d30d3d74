import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Outcome } from '../../src/facts.ts';
import { isPermit } from '../../src/policy/permit.ts';
import { alice, connection, dana, identity, policySet, shop, statement } from './support.ts';

const guard = `
name: guard
default: allow
rules:
  - { id: no-drop, match: { statement: [drop] }, action: block, message: Use migrations. }
  - id: ask
    match: { statement: [delete], where: absent }
    action: approve
    approvers: { groups: [dba], needed: 2 }
`;

const drop = statement({ kind: 'drop' });
const select = statement({ kind: 'select' });
const deleteAll = statement({ kind: 'delete', where: 'absent' });

test('allow comes with a permit, block and approve with none', () => {
  const session = policySet(guard).forSession(alice, shop);
  const allowed = session.decide([select]);
  assert.equal(allowed.outcome, 'allow');
  assert.ok(isPermit(allowed.permit));
  assert.deepEqual(allowed.rules, []);

  const blocked = session.decide([drop]);
  assert.equal(blocked.outcome, 'block');
  assert.equal(blocked.permit, null);
  assert.deepEqual(blocked.rules, ['guard/no-drop']);
  assert.equal(blocked.message, 'Use migrations.');

  const asked = session.decide([deleteAll]);
  assert.equal(asked.outcome, 'approve');
  assert.equal(asked.permit, null);
  assert.deepEqual(asked.approvers, [{ groups: ['dba'], needed: 2 }]);
  assert.equal(asked.message, 'rule guard/ask asks for approval by 2 of dba');
});

test('statements sent together are decided together', () => {
  const session = policySet(guard).forSession(alice, shop);
  const outcomes = (...list: (typeof select)[]): Outcome => session.decide(list).outcome;
  assert.equal(outcomes(select, statement({ kind: 'insert' })), 'allow');
  assert.equal(outcomes(select, drop), 'block');
  assert.equal(outcomes(drop, select), 'block');
  assert.equal(outcomes(select, deleteAll), 'approve');
  assert.equal(outcomes(deleteAll, drop, select), 'block');
  const both = session.decide([deleteAll, drop]);
  assert.deepEqual(both.rules, ['guard/no-drop']);
  assert.deepEqual(both.approvers, []);
  assert.equal(both.permit, null);
});

test('one blocked statement blocks any batch that holds it', () => {
  const session = policySet(guard).forSession(alice, shop);
  const rank: Record<Outcome, number> = { allow: 0, approve: 1, block: 2 };
  fc.assert(
    fc.property(fc.array(fc.constantFrom(select, drop, deleteAll), { minLength: 1, maxLength: 6 }), (batch) => {
      const expected = Math.max(...batch.map((one) => rank[session.decide([one]).outcome]));
      const decision = session.decide(batch);
      assert.equal(rank[decision.outcome], expected);
      assert.equal(isPermit(decision.permit), expected === 0);
    }),
  );
});

test('the most restrictive rule wins over all policies, whatever their order', () => {
  const rule = (action: string, extra = ''): string => `
name: p-${action}
default: allow
rules: [{ id: r, match: { statement: [select] }, action: ${action}${extra} }]`;
  const allow = rule('allow');
  const approve = rule('approve', ', approvers: { groups: [dba] }');
  const block = rule('block');
  const outcome = (...texts: string[]): Outcome =>
    policySet(...texts)
      .forSession(alice, shop)
      .decide([select]).outcome;
  assert.equal(outcome(allow), 'allow');
  assert.equal(outcome(allow, approve), 'approve');
  assert.equal(outcome(approve, allow), 'approve');
  assert.equal(outcome(block, approve, allow), 'block');
  assert.equal(outcome(allow, approve, block), 'block');
});

test('without an outcome the strictest default decides', () => {
  const outcome = (...defaults: string[]): Outcome => {
    const texts = defaults.map((word, index) => `name: p${index}\n${word === '' ? '' : `default: ${word}`}`);
    return policySet(...texts)
      .forSession(alice, shop)
      .decide([select]).outcome;
  };
  assert.equal(outcome('allow'), 'allow');
  assert.equal(outcome('allow', 'block'), 'block');
  assert.equal(outcome('allow', ''), 'allow');
  assert.equal(outcome(''), 'block', 'a policy without a default lets nobody in');
});

test('an allow rule lets a statement through a default of block', () => {
  const set = policySet(`
name: reports
default: block
rules: [{ id: read, match: { statement: [select] }, action: allow }]`);
  const session = set.forSession(alice, shop);
  assert.deepEqual(session.decide([select]).rules, ['reports/read']);
  assert.ok(isPermit(session.decide([select]).permit));
  assert.equal(session.decide([drop]).outcome, 'block');
  assert.equal(session.decide([drop]).message, 'no rule allows this statement (default of policy reports)');
});

test('no policy applies: everything is blocked, an empty query too', () => {
  const session = policySet('name: p\ndefault: allow\napplies_to: { groups: [dba] }').forSession(alice, shop);
  assert.equal(session.applies, false);
  assert.equal(session.decide([select]).outcome, 'block');
  assert.equal(session.decide([]).outcome, 'block');
  assert.equal(session.decide([]).permit, null);
});

test('an empty query is allowed to whom a policy applies, even by default block', () => {
  const session = policySet('name: p\ndefault: block').forSession(alice, shop);
  assert.equal(session.decide([]).outcome, 'allow');
});

test('every key of applies_to must hold', () => {
  const applies = (appliesTo: string, user = alice, where = shop): boolean =>
    policySet(`name: p\napplies_to: ${appliesTo}`).forSession(user, where).applies;
  assert.ok(applies('{}'));
  assert.ok(applies('{ connections: [shop] }'));
  assert.ok(applies('{ connections: [billing, "sh*"] }'));
  assert.ok(!applies('{ connections: ["billing-*"] }'));
  assert.ok(applies('{ labels: { env: prod } }'));
  assert.ok(!applies('{ labels: { env: test } }'));
  assert.ok(!applies('{ labels: { env: prod, tier: "1" } }'));
  assert.ok(!applies('{ labels: { constructor: "*" } }'));
  assert.ok(applies('{ groups: [engineering, dba] }'));
  assert.ok(!applies('{ groups: [dba] }'));
  assert.ok(!applies('{ groups: ["*"] }', identity('nobody')));
  assert.ok(applies('{ not_groups: [dba] }'));
  assert.ok(!applies('{ not_groups: [dba] }', dana));
  assert.ok(!applies('{ groups: [engineering], not_groups: [dba] }', identity('erin', 'engineering', 'dba')));
  assert.ok(applies('{ users: [alice] }'));
  assert.ok(!applies('{ users: [bob] }'));
  assert.ok(!applies('{ not_users: ["al*"] }'));
  assert.ok(!applies('{ connections: [shop], groups: [dba] }'));
  assert.ok(!applies('{ connections: [shop] }', alice, connection('other')));
});

test('a rule can narrow its policy', () => {
  const set = policySet(`
name: p
default: allow
rules:
  - { id: r, match: { statement: [drop] }, action: block, applies_to: { not_groups: [dba] } }
  - { id: m, match: { columns: [ssn] }, action: mask, with: redact, applies_to: { not_groups: [dba] } }`);
  assert.equal(set.forSession(alice, shop).decide([drop]).outcome, 'block');
  assert.equal(set.forSession(alice, shop).masks.columns.length, 1);
  assert.equal(set.forSession(dana, shop).decide([drop]).outcome, 'allow');
  assert.equal(set.forSession(dana, shop).masks.columns.length, 0);
});

test('observe records what it would have made stricter and changes nothing', () => {
  const observing = `
name: trial
mode: observe
default: block
rules:
  - { id: no-select, match: { statement: [select] }, action: block }
  - { id: no-drop, match: { statement: [drop] }, action: block }
  - { id: fine, match: { statement: [select] }, action: allow }
  - { id: ssn, match: { columns: [ssn] }, action: mask, with: redact }
  - { id: pii, match: { values: [email] }, action: mask, with: redact }`;
  const session = policySet(guard, observing).forSession(alice, shop);
  const selected = session.decide([select]);
  assert.equal(selected.outcome, 'allow');
  assert.ok(isPermit(selected.permit));
  assert.deepEqual(selected.observed, ['trial/no-select']);
  assert.deepEqual(session.decide([drop]).observed, [], 'blocked anyway');
  assert.deepEqual(session.decide([statement({ kind: 'insert' })]).observed, [], 'its default does not count');
  assert.deepEqual(session.decide([select, drop]).observed, []);
  assert.deepEqual(session.decide([select, select, statement({ kind: 'insert' })]).observed, ['trial/no-select']);
  assert.deepEqual(session.masks, { columns: [], values: [], customDetectors: [], safeFunctions: [], sealed: true });

  const alone = policySet(observing).forSession(alice, shop);
  assert.equal(alone.applies, false);
  assert.equal(alone.decide([select]).outcome, 'block');
});

test('a repeated statement gets the very same decision, and plain allows are one object', () => {
  const session = policySet(guard).forSession(alice, shop);
  assert.equal(session.decide([drop]), session.decide([drop]));
  assert.equal(session.decide([select]), session.decide([select, statement({ kind: 'insert' })]));
  assert.equal(session.decide([select]), session.decide([]));
});

test('decisions are frozen: nobody can turn a block into an allow later', () => {
  const decision = policySet(guard).forSession(alice, shop).decide([drop]);
  assert.throws(() => Object.assign(decision, { outcome: 'allow' }), TypeError);
});

test('sessions whom the same rules concern share one; versions grow', () => {
  const set = policySet(guard, 'name: q\napplies_to: { groups: [dba] }');
  assert.equal(set.forSession(alice, shop), set.forSession(identity('bob', 'sales'), connection('other')));
  assert.notEqual(set.forSession(alice, shop), set.forSession(dana, shop));
  const later = policySet(guard);
  assert.ok(later.version > set.version);
  assert.equal(later.forSession(alice, shop).version, later.version);
});

test('mask rules: forms of names, strongest first, own detectors of any file', () => {
  const set = policySet(
    `
name: a
detectors: [{ name: badge, pattern: 'B-\\d{6}' }, { name: unused, pattern: 'x' }]
rules:
  - { id: any, match: { columns: [ssn] }, action: mask, with: { keep_last: 4 } }
  - { id: table, match: { columns: [customers.ssn, public.customers.email] }, action: mask, with: null }`,
    `
name: b
rules:
  - { id: badges, match: { values: [badge, email] }, action: mask, with: hash }
  - { id: hard, match: { values: [badge] }, action: mask, with: redact }`,
  );
  assert.deepEqual(set.forSession(alice, shop).masks, {
    columns: [
      { rule: 'a/table', schema: '*', table: 'customers', column: 'ssn', mask: { kind: 'null' } },
      { rule: 'a/table', schema: 'public', table: 'customers', column: 'email', mask: { kind: 'null' } },
      { rule: 'a/any', schema: '*', table: '*', column: 'ssn', mask: { kind: 'keep_last', count: 4 } },
    ],
    values: [
      { rule: 'b/hard', detectors: ['badge'], mask: { kind: 'redact' } },
      { rule: 'b/badges', detectors: ['badge', 'email'], mask: { kind: 'hash' } },
    ],
    customDetectors: [{ name: 'badge', pattern: 'B-\\d{6}' }],
    safeFunctions: [],
    sealed: true,
  });
});

test('sealed: no policy lets anybody copy or run what cannot be read', () => {
  const rule = (match: string, action: string): string =>
    `name: r\napplies_to: { groups: [support] }\nrules: [{ id: x, match: ${match}, action: ${action} }]`;
  const sealed = (text: string): boolean => policySet(guard, text).forSession(alice, shop).masks.sealed;
  assert.equal(sealed('name: other'), true);
  assert.equal(sealed(rule("{ probes: ['*.customers.ssn'] }", 'allow')), true);
  assert.equal(sealed(rule("{ copies: ['*.customers.ssn'] }", 'block')), true);
  assert.equal(sealed(rule("{ copies: ['*.customers.ssn'] }", 'allow')), false, 'for others too');
  assert.equal(sealed(rule('{ unreadable: true }', 'allow')), false);
  assert.equal(sealed(rule('{ unreadable: true }', 'approve, approvers: { groups: [dba] }')), false);
  assert.equal(sealed(`mode: observe\n${rule('{ unreadable: true }', 'allow')}`), true);
});

test('safe functions: those of all policies that apply and are enforced, always with a schema', () => {
  const set = policySet(
    'name: a\nsafe_functions: [count, shop.is_valid]',
    'name: b\nsafe_functions: [count, crm.check]\napplies_to: { groups: [engineering] }',
    'name: c\nsafe_functions: [md5]\nmode: observe',
  );
  const safe = (user: typeof alice): readonly string[] => set.forSession(user, shop).masks.safeFunctions;
  assert.deepEqual(safe(alice), ['pg_catalog.count', 'shop.is_valid', 'crm.check']);
  assert.deepEqual(safe(dana), ['pg_catalog.count', 'shop.is_valid']);
});
