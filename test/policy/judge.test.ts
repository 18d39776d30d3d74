import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { ColumnCopy, ColumnName, ColumnProbe, Decision, MaskedUse, Outcome } from '../../src/facts.ts';
import { ProbeBudgets } from '../../src/policy/budgets.ts';
import { isPermit } from '../../src/policy/permit.ts';
import { alice, connection, dana, policySet, shop, statement } from './support.ts';

function column(name: string): ColumnName {
  const [schema, table, last] = name.split('.');
  return { schema, table, column: last };
}

/** `public.t.c where` is any probe, `public.t.c = where` one by equality. */
function probe(text: string): ColumnProbe {
  const words = text.split(' ');
  return { column: column(words[0]), clause: words.at(-1) ?? '', equality: words.length === 3 };
}

/** A probe by a constraint. */
function constraintProbe(tells: 'written' | 'stored', what: string, equality = false): MaskedUse {
  const one: ColumnProbe = { column: column('public.customers.email'), clause: 'constraint', equality };
  return { probes: [{ ...one, by: { what, tells } }], copies: [], unreadable: [] };
}

/** `public.t.c > words for a person`. */
function copy(text: string): ColumnCopy {
  const [name, to] = text.split(' > ');
  return { column: column(name), to };
}

function uses(
  probes: readonly string[],
  copies: readonly string[] = [],
  unreadable: readonly string[] = [],
): MaskedUse {
  return { probes: probes.map(probe), copies: copies.map(copy), unreadable };
}

/** A policy that allows every statement, with these rules. */
const p = (...rules: string[]): string => `name: p\ndefault: allow\nrules: [${rules.join(', ')}]`;

function judged(rules: readonly string[], use: MaskedUse): Decision {
  const decision = policySet(p(...rules))
    .forSession(alice, shop)
    .judge(use);
  assert.ok(decision !== null);
  assert.equal(isPermit(decision.permit), decision.outcome === 'allow');
  return decision;
}

const approve = 'action: approve, approvers: { groups: [dba], needed: 2 }';
const email = '*.customers.email';
const byEmail = uses(['public.customers.email = where']);

test('nothing used, nothing to judge', () => {
  const session = policySet(p()).forSession(alice, shop);
  assert.equal(session.judge(uses([])), null);
  assert.equal(policySet('name: q\ndefault: block').forSession(alice, shop).judge(uses([])), null);
});

interface Row {
  readonly name: string;
  readonly rules: readonly string[];
  readonly use: MaskedUse;
  readonly outcome: Outcome;
  readonly by?: readonly string[];
}

const rows: readonly Row[] = [
  { name: 'probe: no rule', rules: [], use: byEmail, outcome: 'block' },
  { name: 'copy: no rule', rules: [], use: uses([], ['public.t.c > table u']), outcome: 'block' },
  { name: 'unreadable: no rule', rules: [], use: uses([], [], ['a DO block']), outcome: 'block' },
  {
    name: 'a rule that allows everything by its facts has no say',
    rules: ['{ id: a, match: { objects: ["*"], columns: ["*"] }, action: allow }'],
    use: byEmail,
    outcome: 'block',
  },
  ...(['probes', 'copies'] as const).flatMap((key) => {
    const use =
      key === 'probes' ? uses(['public.customers.ssn where']) : uses([], ['public.customers.ssn > set_config']);
    const rule = (pattern: string, action: string): string => `{ id: a, match: { ${key}: [${pattern}] }, ${action} }`;
    return [
      { name: `${key}: allow`, rules: [rule('ssn', 'action: allow')], use, outcome: 'allow', by: ['p/a'] },
      { name: `${key}: approve`, rules: [rule('ssn', approve)], use, outcome: 'approve', by: ['p/a'] },
      { name: `${key}: block`, rules: [rule('ssn', 'action: block')], use, outcome: 'block', by: ['p/a'] },
      { name: `${key}: another column`, rules: [rule('email', 'action: allow')], use, outcome: 'block' },
      { name: `${key}: another table`, rules: [rule('staff.ssn', 'action: allow')], use, outcome: 'block' },
      { name: `${key}: another schema`, rules: [rule('hr.customers.ssn', 'action: allow')], use, outcome: 'block' },
      {
        name: `${key}: full name`,
        rules: [rule('public.customers.ssn', 'action: allow')],
        use,
        outcome: 'allow',
        by: ['p/a'],
      },
      { name: `${key}: globs`, rules: [rule('"pub*.*.s*n"', 'action: allow')], use, outcome: 'allow', by: ['p/a'] },
      { name: `${key}: allow compares case`, rules: [rule('SSN', 'action: allow')], use, outcome: 'block' },
      { name: `${key}: approve ignores case`, rules: [rule('SSN', approve)], use, outcome: 'approve', by: ['p/a'] },
    ] as const;
  }),
  {
    name: 'probes say nothing of copies',
    rules: [`{ id: a, match: { probes: ["*"] }, action: allow }`],
    use: uses([], ['public.t.c > table u']),
    outcome: 'block',
  },
  {
    name: 'copies say nothing of probes',
    rules: [`{ id: a, match: { copies: ["*"] }, action: allow }`],
    use: byEmail,
    outcome: 'block',
  },
  {
    name: 'probes and copies of everything say nothing of unreadable bodies',
    rules: ['{ id: a, match: { probes: ["*"] }, action: allow }', '{ id: b, match: { copies: ["*"] }, action: allow }'],
    use: uses([], [], ['a DO block']),
    outcome: 'block',
  },
  ...(['allow', 'approve', 'block'] as const).map((outcome) => ({
    name: `unreadable: ${outcome}`,
    rules: [`{ id: a, match: { unreadable: true }, ${outcome === 'approve' ? approve : `action: ${outcome}`} }`],
    use: uses([], [], ['a DO block', 'a trigger']),
    outcome,
    by: ['p/a'],
  })),
  {
    name: 'equality',
    rules: [`{ id: a, match: { probes: ["${email}"], how: equality }, action: allow }`],
    use: byEmail,
    outcome: 'allow',
    by: ['p/a'],
  },
  {
    name: 'equality: not by other means',
    rules: [`{ id: a, match: { probes: ["${email}"], how: equality }, action: allow }`],
    use: uses(['public.customers.email where']),
    outcome: 'block',
  },
  {
    name: 'equality: every place counts',
    rules: [`{ id: a, match: { probes: ["${email}"], how: equality }, action: allow }`],
    use: uses(['public.customers.email = where', 'public.customers.email order_by']),
    outcome: 'block',
  },
  {
    name: 'any takes equality too',
    rules: [`{ id: a, match: { probes: ["${email}"], how: any }, action: allow }`],
    use: uses(['public.customers.email = where', 'public.customers.email group_by']),
    outcome: 'allow',
    by: ['p/a'],
  },
  {
    name: 'the strictest rule of a column wins',
    rules: [
      `{ id: a, match: { probes: ["${email}"] }, action: allow }`,
      `{ id: b, match: { probes: [email] }, ${approve} }`,
      `{ id: c, match: { probes: ["${email}"], how: equality }, action: block }`,
    ],
    use: byEmail,
    outcome: 'block',
    by: ['p/c'],
  },
  {
    name: 'a stricter rule that does not match leaves it',
    rules: [
      `{ id: a, match: { probes: ["${email}"] }, action: allow }`,
      `{ id: b, match: { probes: ["${email}"] }, ${approve} }`,
      `{ id: c, match: { probes: ["${email}"], how: equality }, action: block }`,
    ],
    use: uses(['public.customers.email join']),
    outcome: 'approve',
    by: ['p/b'],
  },
  {
    name: 'the strictest column wins',
    rules: [
      '{ id: a, match: { probes: [email] }, action: allow }',
      `{ id: b, match: { probes: [phone] }, ${approve} }`,
    ],
    use: uses(['public.customers.email = where', 'public.customers.phone where']),
    outcome: 'approve',
    by: ['p/b'],
  },
  {
    name: 'one column without a rule blocks all',
    rules: [
      '{ id: a, match: { probes: [email] }, action: allow }',
      `{ id: b, match: { probes: [phone] }, ${approve} }`,
    ],
    use: uses(['public.customers.email = where', 'public.customers.phone where', 'public.customers.ssn where']),
    outcome: 'block',
    by: [],
  },
  {
    name: 'one copy blocks what all probes may',
    rules: ['{ id: a, match: { probes: ["*"] }, action: allow }', '{ id: b, match: { copies: [t.c] }, action: allow }'],
    use: uses(['public.t.c where'], ['public.t.c > table u', 'public.t.d > table u']),
    outcome: 'block',
    by: [],
  },
  {
    name: 'all allowed: all rules are named',
    rules: ['{ id: a, match: { probes: ["*"] }, action: allow }', '{ id: b, match: { copies: [t.c] }, action: allow }'],
    use: uses(['public.t.c where'], ['public.t.c > table u']),
    outcome: 'allow',
    by: ['p/a', 'p/b'],
  },
];

describe('what becomes of a use', () => {
  for (const { name, rules, use, outcome, by } of rows) {
    test(name, () => {
      const decision = judged(rules, use);
      assert.equal(decision.outcome, outcome);
      assert.deepEqual(decision.rules, by ?? []);
    });
  }
});

describe('what a client is told', () => {
  const lookup = `{ id: lookup, match: { probes: ["${email}"], how: equality }, action: allow }`;
  const messages: readonly (readonly [string, readonly string[], MaskedUse, string])[] = [
    [
      'a probe',
      [],
      uses(['public.customers.ssn where']),
      'customers.ssn is masked, and WHERE would reveal it: put conditions on other columns, or ask for a policy rule on `probes`',
    ],
    [
      'schemas that are not the usual one, clauses of two words',
      [],
      uses(['hr.staff.salary order_by']),
      'hr.staff.salary is masked, and ORDER BY would reveal it: order by other columns; it may stand behind the whole primary key of its table, or ask for a policy rule on `probes`',
    ],
    [
      'clauses that have no word of their own',
      [],
      uses(['public.t.c set_operation']),
      't.c is masked, and UNION, INTERSECT or EXCEPT would reveal it: use UNION ALL, or leave the column out, or ask for a policy rule on `probes`',
    ],
    [
      'a clause that happens to be named like something of every object',
      [],
      uses(['public.t.c constructor']),
      't.c is masked, and CONSTRUCTOR would reveal it: use other columns there, or ask for a policy rule on `probes`',
    ],
    [
      'a way that the policy leaves open',
      [lookup],
      uses(['public.customers.email where']),
      'customers.email is masked, and WHERE would reveal it: compare it only by = with a parameter or a literal, and join that to the rest by AND, not by OR or NOT (rule p/lookup); in place of OR send two statements or UNION ALL',
    ],
    [
      'a clause that the policy leaves closed',
      [lookup],
      uses(['public.customers.email distinct']),
      'customers.email is masked, and DISTINCT would reveal it: leave it out there; it may stand beside the whole primary key of its table, with ORDER BY that key (rule p/lookup allows no more than = with a parameter or a literal in a condition)',
    ],
    [
      'a value that is written where an index tells',
      [],
      constraintProbe('written', 'the unique index customers_email_idx', true),
      'customers.email is masked, and the unique index customers_email_idx would tell whether the value written is there: leave the column out, or ask for a policy rule on `probes`',
    ],
    [
      'a value of which a check tells',
      [],
      constraintProbe('stored', 'the check adults'),
      'customers.email is masked, and the check adults would tell of the values that are there: use other columns there, or ask for a policy rule on `probes`',
    ],
    [
      'a constraint of which nothing is known',
      [],
      uses(['public.customers.email constraint']),
      'customers.email is masked, and a constraint would reveal it: use other columns there, or ask for a policy rule on `probes`',
    ],
    [
      'a value that may be written, but not computed',
      [lookup],
      constraintProbe('written', 'the unique index customers_email_idx'),
      'customers.email is masked, and the unique index customers_email_idx would tell whether the value written is there: write only a parameter or a literal there (rule p/lookup)',
    ],
    [
      'a column that is compared although another one is written',
      [lookup],
      constraintProbe('stored', 'the unique index pairs'),
      'customers.email is masked, and the unique index pairs would tell of the values that are there: leave the other columns as they are (rule p/lookup)',
    ],
    [
      'a copy',
      [],
      uses([], ['public.customers.ssn > table scratch']),
      'customers.ssn is masked, and this would copy it to table scratch: leave the column out, or ask for a policy rule on `copies`',
    ],
    [
      'an unreadable body',
      [],
      uses([], [], ['a DO block']),
      'what this does with masked columns cannot be told: a DO block: send what it does as plain statements, or ask for a policy rule on `unreadable`',
    ],
    [
      'a rule without words',
      ['{ id: no, match: { probes: [ssn] }, action: block }'],
      uses(['public.customers.ssn join']),
      'customers.ssn is masked, and JOIN would reveal it: blocked by rule p/no',
    ],
    [
      'a rule with its own words, before a place without a rule',
      ['{ id: no, match: { copies: [ssn] }, action: block, message: Copy the id. }'],
      uses(['public.t.c where'], ['public.customers.ssn > table scratch']),
      'Copy the id.',
    ],
    [
      'whom to ask',
      [`{ id: ask, match: { probes: [ssn] }, ${approve} }`],
      uses(['public.customers.ssn where']),
      'customers.ssn is masked, and WHERE would reveal it: rule p/ask asks for approval by 2 of dba',
    ],
    ['what allowed it', [lookup], byEmail, 'allowed by rule p/lookup'],
  ];
  for (const [name, rules, use, expected] of messages) {
    test(name, () => assert.equal(judged(rules, use).message, expected));
  }
});

test('a refusal says whom to ask for what, unless a rule has decided it', () => {
  const use = uses(['t.a.b where', 't.a.b join', 't.a.c where', 't.a.d where', 't.a.e where'], ['t.a.b > u'], ['DO']);
  assert.deepEqual(judged([], use).uses, {
    what: [
      'probes t.a.b in where',
      'probes t.a.b in join',
      'probes t.a.c in where',
      'probes t.a.d in where',
      'probes t.a.e in where',
      'copies t.a.b to u',
      'unreadable: DO',
    ],
    hint: 'If it must stay as it is, ask who runs this gate for a rule on `probes` of t.a.b, t.a.c, t.a.d and 1 more and on `copies` of t.a.b and on `unreadable`.',
  });
  const ruled = judged(['{ id: no, match: { probes: [ssn] }, action: block }'], uses(['public.customers.ssn where']));
  assert.deepEqual(ruled.uses, { what: ['probes public.customers.ssn in where'], hint: null });
  const allowing = '{ id: ok, match: { probes: [email] }, action: allow }';
  assert.equal(judged([allowing], byEmail).uses, undefined);
});

test('what is recorded of refused uses is bounded', () => {
  const many = Array.from({ length: 500 }, (_, index) => `${'s'.repeat(20)}.t.c${index} where`);
  const what = judged([], uses(many)).uses?.what ?? [];
  assert.equal(what.length, 17);
  assert.equal(what.at(-1), '... 484 more');
});

test('approvers of every rule that asks', () => {
  const rules = [
    `{ id: a, match: { probes: [email] }, ${approve} }`,
    '{ id: b, match: { copies: [email] }, action: approve, approvers: { groups: [legal] } }',
  ];
  const decision = judged(rules, uses(['public.t.email where', 'public.t.email join'], ['public.t.email > table u']));
  assert.deepEqual(decision.approvers, [
    { groups: ['dba'], needed: 2 },
    { groups: ['legal'], needed: 1 },
  ]);
  assert.deepEqual(decision.rules, ['p/a', 'p/b']);
});

test('rules of all policies that apply, each for those whom it concerns', () => {
  const set = policySet(
    p('{ id: a, match: { probes: [email] }, action: allow, applies_to: { groups: [engineering] } }'),
    'name: q\napplies_to: { connections: ["billing-*"] }\nrules: [{ id: no, match: { probes: ["*"] }, action: block }]',
  );
  assert.equal(set.forSession(alice, shop).judge(byEmail)?.outcome, 'allow');
  assert.equal(set.forSession(dana, shop).judge(byEmail)?.outcome, 'block');
  assert.deepEqual(set.forSession(alice, connection('billing-eu')).judge(byEmail)?.rules, ['q/no']);
  const nobody = policySet('name: p\napplies_to: { groups: [sales] }').forSession(alice, shop);
  assert.equal(nobody.judge(byEmail)?.outcome, 'block');
});

test('observe records what it would have made stricter and changes nothing', () => {
  const observing = `
name: trial
mode: observe
rules:
  - { id: no-email, match: { probes: [email] }, action: block }
  - { id: ask, match: { copies: [email] }, ${approve} }
  - { id: open, match: { probes: ["*"] }, action: allow }`;
  const rule = '{ id: a, match: { probes: [email] }, action: allow }';
  const session = policySet(p(rule), observing).forSession(alice, shop);
  const allowed = session.judge(byEmail);
  assert.equal(allowed?.outcome, 'allow');
  assert.ok(isPermit(allowed.permit));
  assert.deepEqual(allowed.observed, ['trial/no-email']);
  const blocked = session.judge(uses(['public.t.ssn where']));
  assert.equal(blocked?.outcome, 'block', 'its allow rule lets nothing through');
  assert.deepEqual(blocked.observed, []);
});

test('rules on uses take no part in deciding statements', () => {
  const set = policySet(
    p(
      '{ id: a, match: { probes: ["*"] }, action: block }',
      `{ id: b, match: { copies: ["*"] }, ${approve} }`,
      '{ id: c, match: { unreadable: true }, action: block }',
    ),
    'name: q\nmode: observe\nrules: [{ id: d, match: { probes: ["*"] }, action: block }]',
  );
  const decision = set.forSession(alice, shop).decide([statement({ kind: 'select' })]);
  assert.equal(decision.outcome, 'allow');
  assert.deepEqual(decision.rules, []);
  assert.deepEqual(decision.observed, []);
  const blocking = policySet('name: p\ndefault: block\nrules: [{ id: a, match: { unreadable: true }, action: allow }]');
  assert.equal(blocking.forSession(alice, shop).decide([statement({ kind: 'do' })]).outcome, 'block');
});

test('an answer is remembered per object unless a budget took part', () => {
  const budgeted = '{ id: b, match: { probes: [email] }, action: allow, budget: { statements: 9, per: day } }';
  const set = policySet(p(budgeted, '{ id: a, match: { probes: [phone] }, action: allow }'));
  const session = set.forSession(alice, shop, new ProbeBudgets(() => 0));
  const byPhone = uses(['public.t.phone where']);
  assert.ok(session.judge(byPhone) !== null);
  assert.equal(session.judge(byPhone), session.judge(byPhone));
  assert.notEqual(session.judge(byEmail), session.judge(byEmail));
  assert.throws(() => Object.assign(session.judge(byEmail) ?? {}, { outcome: 'allow' }), TypeError);
});

test('more places than can be judged', () => {
  const probes = Array.from({ length: 10_001 }, (_, index) => probe(`public.t.c${index} where`));
  const rule = '{ id: a, match: { probes: ["*"] }, action: allow }';
  assert.match(judged([rule], { probes, copies: [], unreadable: [] }).message, /in more places than can be judged/);
  assert.equal(judged([rule], { probes: probes.slice(1), copies: [], unreadable: [] }).outcome, 'allow');
});

test('both: the stricter of two answers on one statement', () => {
  const set = policySet(
    p(
      `{ id: delete, match: { statement: [delete] }, ${approve} }`,
      '{ id: drop, match: { statement: [drop] }, action: block, message: No. }',
      '{ id: look, match: { probes: [email] }, action: allow }',
      '{ id: ask, match: { probes: [phone] }, action: approve, approvers: { groups: [legal] } }',
    ),
    `name: trial
mode: observe
rules:
  - { id: s, match: { statement: [select] }, ${approve} }
  - { id: e, match: { probes: [email] }, action: block }`,
  );
  const session = set.forSession(alice, shop);
  const join = (kind: string, use: MaskedUse): Decision =>
    session.both(session.decide([statement({ kind })]), session.judge(use));
  const byPhone = uses(['public.t.phone where']);
  const select = session.decide([statement({ kind: 'select' })]);
  assert.equal(session.both(select, null), select);

  const allowed = join('select', byEmail);
  assert.deepEqual([allowed.outcome, allowed.rules, allowed.observed], ['allow', ['p/look'], ['trial/s', 'trial/e']]);
  assert.ok(isPermit(allowed.permit));
  const asked = join('select', byPhone);
  assert.deepEqual([asked.outcome, asked.rules, asked.permit], ['approve', ['p/ask'], null]);
  assert.deepEqual(asked.observed, [], 'what would have asked as well is not stricter');
  const twice = join('delete', byPhone);
  assert.deepEqual(twice.rules, ['p/delete', 'p/ask']);
  assert.equal(twice.approvers?.length, 2);
  assert.deepEqual(join('delete', byEmail).rules, ['p/delete']);
  assert.equal(join('drop', byEmail).message, 'No.');
  assert.equal(join('select', uses(['public.t.ssn where'])).outcome, 'block');
});

test('another rule never makes a use less strict, unless nothing had let it through', () => {
  const rank: Record<Outcome, number> = { allow: 0, approve: 1, block: 2 };
  const rule = fc.tuple(
    fc.constantFrom('probes: ["*"]', 'probes: [t.c], how: equality', 'copies: [c]', 'unreadable: true'),
    fc.constantFrom('action: allow', approve, 'action: block'),
  );
  const part = fc.record({
    probes: fc.subarray(['public.t.c where', 'public.t.c = where', 'public.t.d join']),
    copies: fc.subarray(['public.t.c > x', 'public.u.d > y']),
    unreadable: fc.subarray(['a DO block']),
  });
  const texts = (rules: readonly (readonly [string, string])[]): string[] =>
    rules.map(([match, action], index) => `{ id: r${index}, match: { ${match} }, ${action} }`);
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 5 }), rule, part, (rules, more, { probes, copies, unreadable }) => {
      const use = uses(probes, copies, unreadable);
      const session = (list: typeof rules) => policySet(p(...texts(list))).forSession(alice, shop);
      const before = session(rules).judge(use);
      const after = session([...rules, more]).judge(use);
      assert.equal(before === null, probes.length + copies.length + unreadable.length === 0);
      if (before === null || after === null) return;
      const unruled = before.outcome === 'block' && before.rules.length === 0;
      assert.ok(unruled || rank[after.outcome] >= rank[before.outcome]);
      assert.equal(isPermit(after.permit), after.outcome === 'allow');
    }),
    { numRuns: Number(process.env.FUZZ_RUNS ?? 300) },
  );
});
