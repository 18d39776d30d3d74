import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Decision, MaskedUse } from '../../src/facts.ts';
import { ProbeBudgets } from '../../src/policy/budgets.ts';
import type { SessionPolicy } from '../../src/policy/decide.ts';
import { alice, connection, identity, policySet, shop } from './support.ts';

class Clock {
  nowMs = 5_000;
  readonly now = (): number => this.nowMs;
}

const policy = (budget: string, more = ''): string => `
name: p
default: allow
rules:
  - { id: lookup, match: { probes: [email], how: equality }, action: allow, budget: ${budget} }
  - { id: ask, match: { probes: [phone] }, action: approve, approvers: { groups: [dba] } }
${more}`;

function probing(...names: string[]): MaskedUse {
  const probes = names.map((column) => ({
    column: { schema: 'public', table: 'customers', column },
    clause: 'where',
    equality: true,
  }));
  return { probes, copies: [], unreadable: [] };
}

const byEmail = probing('email');

function judged(session: SessionPolicy, use: MaskedUse = byEmail): Decision {
  const decision = session.judge(use);
  assert.ok(decision !== null);
  return decision;
}

/** `allow` or `block` of as many look-ups. */
function outcomes(session: SessionPolicy, count: number): string[] {
  return Array.from({ length: count }, () => judged(session).outcome);
}

test('so many statements and no more until the window is over', () => {
  for (const [per, ms] of [
    ['minute', 60_000],
    ['hour', 3_600_000],
    ['day', 86_400_000],
  ] as const) {
    const clock = new Clock();
    const set = policySet(policy(`{ statements: 2, per: ${per} }`));
    const session = set.forSession(alice, shop, new ProbeBudgets(clock.now));
    assert.deepEqual(outcomes(session, 1), ['allow']);
    clock.nowMs += ms - 1;
    assert.deepEqual(outcomes(session, 3), ['allow', 'block', 'block'], per);
    clock.nowMs += 1;
    assert.deepEqual(outcomes(session, 3), ['allow', 'allow', 'block'], `the next ${per}`);
    clock.nowMs += 10 * ms;
    assert.deepEqual(outcomes(session, 3), ['allow', 'allow', 'block'], 'nothing is saved up');
  }
});

test('the message says the budget and when it renews', () => {
  const head = 'customers.email is masked, and WHERE would reveal it: the budget of rule p/lookup';
  for (const [budget, passedMs, expected] of [
    ['{ statements: 1, per: minute }', 59_001, '(1 statement per minute) is used up and renews in 1 second'],
    ['{ statements: 1, per: minute }', 0, '(1 statement per minute) is used up and renews in 60 seconds'],
    ['{ statements: 1, per: hour }', 1, '(1 statement per hour) is used up and renews in 60 minutes'],
    ['{ statements: 1, per: hour }', 3_509_000, '(1 statement per hour) is used up and renews in 2 minutes'],
    ['{ statements: 1, per: day }', 0, '(1 statement per day) is used up and renews in 24 hours'],
  ] as const) {
    const clock = new Clock();
    const session = policySet(policy(budget)).forSession(alice, shop, new ProbeBudgets(clock.now));
    assert.equal(judged(session).message, 'allowed by rule p/lookup');
    clock.nowMs += passedMs;
    assert.equal(judged(session).message, `${head} ${expected}`);
    assert.deepEqual(judged(session).rules, []);
  }
});

test('a budget is one of a user and a rule, in whatever session, connection or generation of policies', () => {
  const budgets = new ProbeBudgets(new Clock().now);
  const text = policy('{ statements: 3, per: hour }');
  const set = policySet(text);
  assert.deepEqual(outcomes(set.forSession(alice, shop, budgets), 1), ['allow']);
  assert.deepEqual(outcomes(set.forSession(alice, connection('billing'), budgets), 1), ['allow']);
  assert.deepEqual(outcomes(policySet(text).forSession(alice, shop, budgets), 2), ['allow', 'block'], 'a reload');
  const bob = identity('bob', 'engineering');
  assert.deepEqual(outcomes(set.forSession(bob, shop, budgets), 4), ['allow', 'allow', 'allow', 'block']);
  const other = policySet(text.replace('name: p', 'name: q')).forSession(alice, shop, budgets);
  assert.deepEqual(outcomes(other, 1), ['allow'], 'another rule');
  assert.deepEqual(outcomes(policySet(text.replace('3, per', '4, per')).forSession(alice, shop, budgets), 2), [
    'allow',
    'block',
  ]);
});

test('a statement counts once, however many of its columns draw on the budget; a blocked one does not', () => {
  const text = policy('{ statements: 2, per: hour }').replace('[email]', '[email, fax]');
  const session = policySet(text).forSession(alice, shop, new ProbeBudgets(new Clock().now));
  for (let round = 0; round < 5; round++) assert.equal(judged(session, probing('email', 'ssn')).outcome, 'block');
  assert.equal(judged(session, probing('email', 'fax')).outcome, 'allow');
  assert.equal(judged(session, probing('email', 'phone')).outcome, 'approve', 'it may run later');
  assert.equal(judged(session).outcome, 'block');
});

test('a stricter rule leaves the budget alone, an allow rule without a budget goes on', () => {
  const asking = '  - { id: also, match: { probes: [email] }, action: approve, approvers: { groups: [dba] } }';
  const clock = new Clock();
  const budgets = new ProbeBudgets(clock.now);
  const stricter = policySet(policy('{ statements: 1, per: hour }', asking)).forSession(alice, shop, budgets);
  for (let round = 0; round < 3; round++) assert.deepEqual(judged(stricter).rules, ['p/also']);
  assert.equal(
    judged(policySet(policy('{ statements: 1, per: hour }')).forSession(alice, shop, budgets)).outcome,
    'allow',
  );

  const open = '  - { id: open, match: { probes: [email] }, action: allow }';
  const unlimited = policySet(policy('{ statements: 1, per: hour }', open)).forSession(alice, shop, budgets);
  assert.deepEqual(judged(unlimited).rules, ['p/open']);
});

test('where nobody counts, a rule with a budget lets nothing through', () => {
  const decision = judged(policySet(policy('{ statements: 9, per: hour }')).forSession(alice, shop));
  assert.equal(decision.outcome, 'block');
  assert.match(decision.message, /\(9 statements per hour\) is not counted here, so the rule does not hold$/);
});

test('only users whom a budget concerns have a session of their own', () => {
  const budgets = new ProbeBudgets(new Clock().now);
  const bob = identity('bob', 'engineering');
  const set = policySet(policy('{ statements: 1, per: hour }'));
  const [mine, his] = [set.forSession(alice, shop, budgets), set.forSession(bob, shop, budgets)];
  assert.notEqual(mine, his);
  assert.equal(mine.masks, his.masks);
  assert.equal(mine.version, his.version);
  assert.equal(mine.applies, true);
  const free = policySet(policy('{ statements: 1, per: hour }').replace(', budget: { statements: 1, per: hour }', ''));
  assert.equal(free.forSession(alice, shop, budgets), free.forSession(bob, shop, budgets));
});

test('memory is bounded: the pair that was asked for longest ago is forgotten', () => {
  const budgets = new ProbeBudgets(new Clock().now, 2);
  const budget = { statements: 1, per: 'day' } as const;
  for (const user of ['a', 'b']) budgets.of(user).spend('p/r', budget);
  assert.ok(budgets.of('a').waitMs('p/r', budget) > 0);
  budgets.of('c').spend('p/r', budget);
  assert.equal(budgets.of('b').waitMs('p/r', budget), 0);
  for (const user of ['a', 'c']) assert.ok(budgets.of(user).waitMs('p/r', budget) > 0, user);
});
