import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePolicies } from '../../src/policy/parse.ts';
import { formatFault } from '../../src/yaml/faults.ts';
import { faultsOf, policies } from './support.ts';

const numRuns = Number(process.env.FUZZ_RUNS ?? 300);

/** `line:column path message` of every fault. */
function lines(...texts: string[]): string[] {
  return faultsOf(...texts).map(formatFault);
}

const noUse = { probes: null, how: null, copies: null, unreadable: null };
const noMatch = {
  statement: null,
  objects: null,
  access: null,
  columns: null,
  functions: null,
  where: null,
  limit: null,
  temporary: null,
  text: null,
  values: null,
  ...noUse,
};

test('a complete file becomes complete data', () => {
  const [policy] = policies(`
name: p
applies_to: { connections: [shop], labels: { env: prod }, groups: [a], not_groups: [b] }
mode: observe
default: block
detectors: [{ name: badge, pattern: 'B\\d+' }]
safe_functions: [count, shop.is_valid]
rules:
  - id: r
    match: { statement: [update], where: absent }
    action: approve
    approvers: { groups: [dba] }
    message: Why?
  - { id: m, match: { values: [badge] }, action: mask, with: null }
  - { id: p, match: { probes: [ssn], how: equality }, action: allow, budget: { statements: 20, per: hour } }
  - { id: q, match: { probes: [ssn] }, action: block }
  - { id: u, match: { unreadable: true }, action: block }
`);
  assert.deepEqual(policy, {
    name: 'p',
    appliesTo: {
      connections: ['shop'],
      labels: { env: 'prod' },
      users: null,
      notUsers: null,
      groups: ['a'],
      notGroups: ['b'],
    },
    mode: 'observe',
    default: 'block',
    detectors: [{ name: 'badge', pattern: 'B\\d+' }],
    rules: [
      {
        id: 'p/r',
        action: 'approve',
        match: {
          statement: ['update'],
          objects: null,
          access: null,
          columns: null,
          functions: null,
          where: 'absent',
          limit: null,
          temporary: null,
          text: null,
          values: null,
          ...noUse,
        },
        appliesTo: policy.rules[0].appliesTo,
        mask: null,
        approvers: { groups: ['dba'], needed: 1 },
        message: 'Why?',
        budget: null,
        at: { file: '0.yaml', line: 9, column: 5 },
      },
      { ...policy.rules[1], id: 'p/m', action: 'mask', mask: { kind: 'null' } },
      {
        ...policy.rules[2],
        id: 'p/p',
        match: { ...noMatch, probes: ['ssn'], how: 'equality' },
        budget: { statements: 20, per: 'hour' },
      },
      { ...policy.rules[3], match: { ...noMatch, probes: ['ssn'], how: 'any' }, budget: null },
      { ...policy.rules[4], match: { ...noMatch, unreadable: true } },
    ],
    safeFunctions: ['pg_catalog.count', 'shop.is_valid'],
    at: { file: '0.yaml', line: 2, column: 1 },
  });
});

test('every fault of every file is reported at once, with its place', () => {
  const first = `name: p
defualt: allow
mode: maybe
rules:
  - id: Bad Id
    match: { statement: [dorp] }
    action: block
  - id: m
    match: { columns: [a.b.c.d], values: [emial] }
    action: mask
`;
  const second = 'name: p\nrules: {}\n';
  assert.deepEqual(lines(first, second), [
    '0.yaml:2:1 defualt: unknown key; did you mean "default"?',
    '0.yaml:3:7 mode: "maybe" is none of enforce, observe',
    '0.yaml:5:9 rules[0].id: lower-case letters, digits, `-` and `_`, at most 63 characters',
    lines(first)[3],
    '0.yaml:8:5 rules[1]: action `mask` needs `with`',
    '0.yaml:9:12 rules[1].match: a mask rule matches either `columns` or `values`; write two rules',
    '0.yaml:9:24 rules[1].match.columns[0]: "a.b.c.d" is not `column`, `table.column` or `schema.table.column`',
    '0.yaml:9:43 rules[1].match.values[0]: no detector is named "emial"; did you mean "email"?',
    '1.yaml:1:7 name: "p" is already the name of 0.yaml',
    '1.yaml:2:8 rules: expected a list, found a map',
  ]);
  assert.match(
    lines(first)[3],
    /^0\.yaml:6:26 rules\[0\]\.match\.statement\[0\]: "dorp" is none of .*; did you mean "drop"\?$/,
  );
});

/** One rule of a policy that is right otherwise. */
const rule = (text: string): string => `name: p\nrules:\n  - { id: r, ${text} }\n`;

test('what a rule may not say', () => {
  for (const [text, expected] of [
    ['match: { statement: [drop] }', /rules\[0\]\.action: missing; one of allow, approve, block, mask/],
    ['match: {}, action: block', /match: must not be empty; for "everything" use `default`/],
    ['match: { statement: [] }, action: block', /match\.statement: must not be empty/],
    ['match: { statement: drop }, action: block', /match\.statement: expected a list, found "drop"/],
    ['match: { values: [email] }, action: block', /match\.values: belongs to mask rules only/],
    ['match: { statement: [drop] }, action: block, with: redact', /with: belongs to action `mask` only/],
    ['match: { statement: [drop] }, action: approve', /action `approve` needs `approvers`/],
    ['match: { statement: [drop] }, action: block, approvers: { groups: [a] }', /belongs to action `approve` only/],
    ['match: { statement: [drop] }, action: approve, approvers: { groups: [] }', /groups: must not be empty/],
    [
      'match: { statement: [drop] }, action: approve, approvers: { groups: [a], needed: 0 }',
      /needed: must be at least 1/,
    ],
    [
      'match: { statement: [drop] }, action: allow, message: hm',
      /message: belongs to actions `block` and `approve` only/,
    ],
    [
      'match: { columns: [a], objects: [b] }, action: mask, with: redact',
      /a mask rule matches `columns` or `values` only/,
    ],
    ['match: { objects: [a] }, action: mask, with: redact', /a mask rule matches `columns` or `values` only/],
    ['match: {}, action: mask, with: redact', /a mask rule needs `columns` or `values`/],
    ['match: { columns: [a] }, action: mask, with: blur', /with: is none of redact, null, stars/],
    ['match: { columns: [a] }, action: mask, with: { keep_last: 0 }', /with\.keep_last: must be at least 1/],
    ['match: { columns: [a] }, action: mask, with: { keep_last: 4, keep_first: 4 }', /with: is none of redact/],
    ['match: { text: "(?=a)" }, action: block', /match\.text: not an RE2 pattern/],
    ['match: { text: "a)|(b" }, action: allow', /match\.text: not an RE2 pattern/],
    [
      'match: { probes: [a.b.c.d] }, action: block',
      /match\.probes\[0\]: "a\.b\.c\.d" is not `column`, `table\.column`/,
    ],
    ['match: { copies: [] }, action: block', /match\.copies: must not be empty/],
    ['match: { probes: [a], how: range }, action: block', /match\.how: "range" is none of equality, any/],
    ['match: { probes: [a], copies: [b] }, action: block', /match: `probes` and `copies` need a rule each/],
    ['match: { probes: [a], statement: [select] }, action: block', /match\.statement: cannot stand beside `probes`/],
    ['match: { copies: [a], how: equality }, action: block', /match\.how: belongs beside `probes` only/],
    ['match: { statement: [drop], how: any }, action: block', /match\.how: belongs beside `probes` only/],
    ['match: { unreadable: false }, action: block', /match\.unreadable: can only be true/],
    ['match: { unreadable: true, text: x }, action: block', /match\.text: cannot stand beside `unreadable`/],
    [
      'match: { probes: [a] }, action: mask, with: redact',
      /match\.probes: a mask rule matches `columns` or `values` only/,
    ],
    ['match: { probes: [a] }, action: approve', /action `approve` needs `approvers`/],
    [
      'match: { probes: [a] }, action: block, budget: { statements: 1, per: hour }',
      /budget: belongs to action `allow` on `probes` only/,
    ],
    [
      'match: { copies: [a] }, action: allow, budget: { statements: 1, per: hour }',
      /budget: belongs to action `allow` on `probes` only/,
    ],
    ['match: { probes: [a] }, action: allow, budget: { statements: 0, per: hour }', /statements: must be at least 1/],
    [
      'match: { probes: [a] }, action: allow, budget: { statements: 1, per: week }',
      /"week" is none of minute, hour, day/,
    ],
    ['match: { probes: [a] }, action: allow, budget: { statements: 1 }', /per: missing; one of minute, hour, day/],
    ['match: { objects: [a..b] }, action: block', /"a\.\.b" is not `table` or `schema\.table`/],
    ['match: { columns: [a], access: [define] }, action: block', /columns are read or written, never defined/],
    ['match: { statement: [drop] }, action: block, applies_to: { group: [a] }', /unknown key; did you mean "groups"\?/],
  ] as const) {
    const found = lines(rule(text));
    assert.equal(found.length, 1, `${text}: ${found.join(' | ')}`);
    assert.match(found[0], expected);
  }
});

test('what a file may not say', () => {
  assert.match(lines('name: p\nname: q')[0], /^0\.yaml:2:1 this key stands twice/);
  assert.match(lines('name: [')[0], /^0\.yaml:1:/);
  assert.match(lines('')[0], /^0\.yaml:1:1 expected a map, found null/);
  assert.match(lines('name: p\n---\nname: q')[0], /only one YAML document/);
  assert.match(lines('name: p\nrules: []\ndefault: !!js/function x')[0], /^0\.yaml:3:/);
  assert.deepEqual(
    faultsOf().map(({ message }) => message),
    [
      'this directory holds no policy file, which would block everything; put at least one there (*.yaml or *.yml, not *.test.yaml)',
    ],
  );
  for (const name of ['count*', '', 'a.b.c', '"count"', '.a', 'a.', 'a b']) {
    const [fault] = lines(`name: p\nsafe_functions: [${JSON.stringify(name)}]`);
    assert.match(fault, /safe_functions\[0\]: not `name` or `schema\.name`/, name);
  }
  assert.match(lines(`name: p # ${'x'.repeat(1 << 20)}`)[0], /larger than/);
  const twice = 'name: p\nrules:\n  - &r { id: r, match: { statement: [drop] }, action: block }\n  - *r';
  assert.deepEqual(lines(twice), ['0.yaml:4:5 rules[1].id: "r" is already the id of another rule here']);
});

test('a file of aliases that multiply is refused', () => {
  let bomb = 'a0: &a0 [x, x]\n';
  for (let level = 1; level < 30; level++)
    bomb += `a${level}: &a${level} [*a${level - 1}, *a${level - 1}, *a${level - 1}]\n`;
  assert.match(lines(bomb)[0], /alias/i);
});

test('own detectors', () => {
  const detectors = (text: string): string[] => lines(`name: p\ndetectors:\n  - ${text}\n`);
  assert.deepEqual(detectors("{ name: badge, pattern: 'B-\\d{6}' }"), []);
  assert.match(detectors("{ name: email, pattern: 'x' }")[0], /"email" is a built-in detector/);
  assert.match(detectors("{ name: d, pattern: 'x*' }")[0], /matches the empty string/);
  assert.match(detectors("{ name: d, pattern: '(' }")[0], /not an RE2 pattern/);
  const one = 'name: a\ndetectors: [{ name: d, pattern: x }]';
  assert.match(lines(one, one.replace('name: a', 'name: b'))[0], /already defined/);
});

test('a detector of one file can be used in another, also if its file has other faults', () => {
  const uses = rule('match: { values: [badge] }, action: mask, with: redact');
  const defines = 'name: q\ndetectors: [{ name: badge, pattern: x }]';
  assert.deepEqual(lines(uses, defines), []);
  assert.deepEqual(lines(uses, `${defines}\nnope: 1`), ['1.yaml:3:1 nope: unknown key']);
});

test('policies come sorted by name', () => {
  assert.deepEqual(
    policies('name: z', 'name: a').map(({ name }) => name),
    ['a', 'z'],
  );
});

test('no text makes the parser throw', () => {
  const tokens = ['name', ':', ' ', '\n', '  ', '- ', '{', '}', '[', ']', '&a ', '*a', 'rules', 'match', 'p', '"', "'"];
  const odd = ['null', '1', '!x', '#', '|', '>', '%', '\t', '\u0000', '\ud800', 'detectors', 'pattern', '(', '<<'];
  const token = fc.constantFrom(...tokens, ...odd);
  fc.assert(
    fc.property(fc.array(token, { maxLength: 40 }), (tokens) => {
      const parsed = parsePolicies([{ name: 'f', text: tokens.join('') }]);
      if ('faults' in parsed) {
        for (const fault of parsed.faults) assert.ok(fault.line >= 1 && fault.column >= 1 && fault.message !== '');
      }
    }),
    { numRuns },
  );
});

test('no structure makes the parser throw', () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof({ maxDepth: 4 }, fc.string(), fc.integer(), fc.constant(null), tie('list'), tie('map')),
    list: fc.array(tie('any'), { maxLength: 3 }),
    map: fc.dictionary(
      fc.constantFrom(
        'id',
        'match',
        'action',
        'with',
        'statement',
        'columns',
        'values',
        'probes',
        'how',
        'copies',
        'unreadable',
        'budget',
        'applies_to',
        'name',
        'pattern',
      ),
      tie('any'),
      { maxKeys: 5 },
    ),
  })).any;
  fc.assert(
    fc.property(value, value, (rules, detectors) => {
      parsePolicies([{ name: 'f', text: JSON.stringify({ name: 'p', rules: [rules], detectors: [detectors] }) }]);
    }),
    { numRuns },
  );
});
