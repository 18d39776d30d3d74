import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Statement } from '../../src/facts.ts';
import type { Analyze } from '../../src/policy/cases.ts';
import type { CatalogNames } from '../../src/policy/catalogNames.ts';
import { policyCommand } from '../../src/policy/cli.ts';
import type { CatalogChoice, FollowedStatement, OpenCatalog } from '../../src/policy/followed.ts';
import type { Setting } from '../../src/policy/setting.ts';
import type { PolicyFile } from '../../src/policy/types.ts';
import { statement } from './support.ts';

const policy = `
name: p
applies_to: { connections: [shop] }
default: allow
rules:
  - { id: no-drop, match: { statement: [drop] }, action: block, message: Use migrations. }
  - { id: ssn, match: { columns: [customers.ssn] }, action: mask, with: { keep_last: 4 }, applies_to: { not_groups: [dba] } }
  - { id: pii, match: { values: [email] }, action: mask, with: redact }
`;

/** Facts by the first word; `;` separates statements, `?` cannot be parsed. */
const analyze: Analyze = (text) => {
  if (text.includes('?')) return { fault: { code: 'BG_STATEMENT_UNPARSABLE', detail: 'at ?' } };
  const statements = text.split(';').map((one): Statement => {
    const kind = one.trim().split(' ')[0].toLowerCase();
    const table = { schema: null, name: 'customers', access: 'read' } as const;
    const star = { schema: null, table: null, column: '*', access: 'read' } as const;
    return statement({ kind, text: one.trim(), objects: [table], columns: kind === 'select' ? [star] : [] });
  });
  return { statements };
};

interface Run {
  readonly code: number;
  readonly text: string;
}

/** Of every configuration. */
const setting: Omit<Setting, 'file'> = {
  policies: 'policies',
  users: [
    { name: 'alice', groups: ['engineering'] },
    { name: 'dana', groups: ['dba', 'engineering'] },
  ],
  connections: [{ name: 'shop', protocol: 'postgres', labels: { env: 'prod', tier: 'one' } }],
};

const names: CatalogNames = {
  connection: 'shop',
  labels: { env: 'prod' },
  columns: [
    ['public', 'customers', 'ssn'],
    ['public', 'customers', 'email'],
    ['public', 'orders', 'id'],
  ],
  objects: [
    ['public', 'customers'],
    ['public', 'orders'],
  ],
  functions: [['pg_catalog', 'pg_read_file']],
};

const noCatalog: OpenCatalog = async () => ({ faults: ['there is no catalog'] });

async function run(
  args: string[],
  files: PolicyFile[] = [{ name: 'p.yaml', text: policy }],
  cases = '',
  openCatalog = noCatalog,
  expectedDirectory = 'policies',
): Promise<Run> {
  const lines: string[] = [];
  const code = await policyCommand(args, {
    analyze,
    openCatalog,
    readSetting: async (file) => (file === 'broken.yaml' ? { faults: ['broken.yaml: no'] } : { file, ...setting }),
    out: (text) => lines.push(text),
    err: (text) => lines.push(text),
    readFiles: async (directory, what) => {
      assert.equal(directory, expectedDirectory);
      return { files: what === 'policies' ? files : [{ name: 'p.test.yaml', text: cases }] };
    },
  });
  return { code, text: lines.join('\n') };
}

test('wrong usage is exit code 2 and says what is wrong', async () => {
  for (const [args, expected] of [
    [[], /a command is missing/],
    [['chekc'], /unknown command "chekc"/],
    [['check', 'x', 'y'], /check takes one directory/],
    [['test', 'x', '--policies', 'y'], /test takes the directory once/],
    [['check', '--nope'], /--nope/],
    [['explain'], /explain takes one statement/],
    [['explain', 'select 1'], /--user is missing/],
    [['explain', '--user', 'alice', 'select 1'], /--connection is missing/],
    [['explain', '--user', 'a', '--connection', 'c', '--label', 'env', 'x'], /--label takes KEY=VALUE/],
    [['explain', '--user', 'a', '--config', 'c', 'x'], /--connection is missing/],
    [['test', '--catalog', 'c'], /test does not take --catalog/],
    [['catalog', '--connection', 'c'], /--config is missing/],
    [['catalog', '--config', 'c'], /--connection is missing/],
    [['catalog', '--catalog', 'c'], /catalog does not take --catalog/],
    [['catalog', '--config', 'c', '--connection', 'c', 'x'], /catalog takes no argument/],
  ] as const) {
    const { code, text } = await run([...args]);
    assert.equal(code, 2, text);
    assert.match(text, expected);
    assert.equal(text.split('\n').length, 1, 'one line');
    assert.match(text, /^policy: .*--help/);
  }
  for (const args of [['--help'], ['help'], ['check', '--help'], ['explain', '-h']]) {
    const { code, text } = await run(args);
    assert.equal(code, 0);
    assert.match(text, /^Usage:/);
  }
});

test('check: fine, findings, faults', async () => {
  assert.deepEqual(await run(['check']), { code: 0, text: '1 policy, 3 rules, 0 findings' });

  const doubled = policy + '  - { id: again, match: { statement: [drop] }, action: block }\n';
  const found = await run(['check'], [{ name: 'p.yaml', text: doubled }]);
  assert.equal(found.code, 1);
  assert.match(
    found.text,
    /^p\.yaml:9:5 duplicate: p\/again: says the same as p\/no-drop\n1 policy, 4 rules, 1 finding$/,
  );

  const broken = await run(['check'], [{ name: 'p.yaml', text: 'name: p\nmode: x\ndefault: y' }]);
  assert.equal(broken.code, 1);
  assert.match(broken.text, /^p\.yaml:2:7 mode: .*\np\.yaml:3:10 default: .*\n2 faults$/);
  const json = await run(['check', '--json'], [{ name: 'p.yaml', text: 'name: p\nmode: x' }]);
  assert.equal(JSON.parse(json.text).faults[0].line, 2);
});

test('check and test: the directory as an argument, as an option, of the configuration', async () => {
  const clean = 'name: q\ndefault: allow';
  const files = [{ name: 'q.yaml', text: clean }];
  const cases =
    'as: { user: a }\non: { connection: c }\ncases: [{ name: a, statement: SELECT, expect: { outcome: allow } }]';
  for (const [args, directory] of [
    [['mine'], 'mine'],
    [['--policies', 'mine'], 'mine'],
    [['--config', 'b.yaml'], 'policies'],
    [['--config', 'b.yaml', 'mine'], 'mine'],
  ] as const) {
    for (const command of ['check', 'test']) {
      const { code, text } = await run([command, ...args], files, cases, noCatalog, directory);
      assert.equal(code, 0, text);
    }
  }
  assert.deepEqual(await run(['check', '--config', 'broken.yaml']), { code: 1, text: 'broken.yaml: no' });
  const empty = await run(['check', 'mine'], [], '', noCatalog, 'mine');
  assert.equal(empty.code, 1);
  assert.match(
    empty.text,
    /^mine: this directory holds no policy file, which would block everything; put at least one/,
  );
});

test('explain: groups and labels are those of the configuration, unless the command line says otherwise', async () => {
  const on = ['explain', '--config', 'b.yaml', '--catalog', 'f.json', '--connection'];
  const none: OpenCatalog = async (choice) => ({ ...(await open(choice)), labels: {} });
  const open = async (choice: CatalogChoice) => {
    assert.deepEqual(choice, { kind: 'file', path: 'f.json' });
    return { from: 'f', labels: {}, names: () => names, snapshot: () => '', follow: () => [] };
  };
  const line = async (...args: string[]) => (await run([...on, ...args, 'SELECT *'], undefined, '', none)).text;
  assert.match(await line('shop', '--user', 'alice'), /for alice \(engineering\) on shop \(env=prod, tier=one\)/);
  assert.match(await line('shop', '--user', 'dana'), /for dana \(dba, engineering\)/);
  assert.match(
    await line('shop', '--user', 'dana', '--groups', 'x', '--label', 'env=dev'),
    /for dana \(x\) on shop \(env=dev, tier=one\)/,
  );
  assert.match(await line('shop', '--user', 'mallory', '--groups', ''), /for mallory \(no group\)/);
  assert.equal(
    await line('shpo', '--user', 'alcie'),
    'b.yaml: has no user named "alcie"; did you mean "alice"?\nb.yaml: has no connection named "shpo"; did you mean "shop"?',
  );
});

const mistaken = `
name: m
default: allow
applies_to: { connections: [shpo, "s*"], labels: { evn: prod }, not_groups: [dab] }
safe_functions: [pg_raed_file]
rules:
  - { id: ssn, match: { columns: ["*.costumers.ssn", "public.customers.snn", customers.ssn] }, action: mask, with: redact }
  - { id: look, match: { probes: ["costumers.*"] }, action: allow }
  - { id: call, match: { functions: [dblink, pg_raed_file, "pg_read_*"] }, action: block }
  - { id: read, match: { objects: [oders] }, action: approve, approvers: { groups: [enginering] } }
  - { id: new, match: { objects: [later], access: [define] }, action: block }
  - { id: who, match: { objects: [orders] }, action: block, applies_to: { groups: ["engin[e]*"], users: [alcie] } }
  - { id: there, match: { columns: [nowhere] }, action: mask, with: redact, applies_to: { connections: [else] } }
`;

test('check: names that no configuration and no catalog knows', async () => {
  const files = [{ name: 'm.yaml', text: mistaken.replace('shpo, ', '').replace('labels: { evn: prod }, ', '') }];
  const check = async (args: string[], from = files): Promise<string[]> => {
    const { code, text } = await run(['check', ...args], from, '', catalogOf([]));
    assert.equal(code, 1);
    return text.split('\n').flatMap((line) => /(?:unknown|wildcard): (.*)/.exec(line)?.[1] ?? []);
  };
  const wildcard = 'm/who: "engin[e]*" has "[", which is no wildcard: only * is (any run of characters)';
  assert.deepEqual(await check([]), [wildcard]);
  assert.deepEqual(await check(['--catalog', 'f.json']), [
    wildcard,
    'm: the catalog of shop has no function "pg_catalog.pg_raed_file"; did you mean "pg_catalog.pg_read_file"?',
    'm/ssn: the catalog of shop has no column "*.costumers.ssn", so it masks nothing; did you mean "customers.ssn"?',
    'm/ssn: the catalog of shop has no column "public.customers.snn", so it masks nothing; did you mean "public.customers.ssn"?',
    'm/look: the catalog of shop has no column "costumers.*"; did you mean "customers.*"?',
    'm/call: the catalog of shop has no function "pg_raed_file"; did you mean "pg_read_file"?',
    'm/read: the catalog of shop has no table or other object "oders"; did you mean "orders"?',
  ]);
  assert.deepEqual(await check(['--config', 'b.yaml'], [{ name: 'm.yaml', text: mistaken }]), [
    'm: b.yaml has no connection "shpo"; did you mean "shop"?',
    'm: b.yaml has no user in a group "dab"; did you mean "dba"?',
    'm: b.yaml has no connection with a label "evn"; did you mean "env"?',
    wildcard,
    'm/who: b.yaml has no user "alcie"; did you mean "alice"?',
    'm/who: b.yaml has no user in a group "engin[e]*"',
    'm/there: b.yaml has no connection "else"',
    'm/read: b.yaml has no user in a group "enginering"; did you mean "engineering"?',
  ]);
});

test('check: characters that are no wildcards', async () => {
  const text = (pattern: string) =>
    `name: q\ndefault: allow\nrules: [{ id: r, match: { columns: ['${pattern}'] }, action: mask, with: redact }]`;
  for (const pattern of ['customers[0-9].ssn', 'custom?rs.ssn', 'customers_{a,b}.ssn', 'cust%.ssn']) {
    const { code, text: found } = await run(['check'], [{ name: 'q.yaml', text: text(pattern) }]);
    assert.equal(code, 1, pattern);
    assert.match(
      found,
      /wildcard: q\/r: .* is no wildcard: only \* is \(any run of characters\); put the name in double/,
    );
  }
  for (const pattern of ['"customers[0-9]".ssn', 'cust*.ssn', '*'])
    assert.equal((await run(['check'], [{ name: 'q.yaml', text: text(pattern) }])).code, 0, pattern);
});

test('test: cases that hold and cases that do not', async () => {
  const head = 'as: { user: alice, groups: [engineering] }\non: { connection: shop }\ncases:\n';
  const holding = `${head}
  - { name: drop, statement: DROP TABLE t, expect: { outcome: block, rules: [p/no-drop], message: Use migrations. } }
  - { name: benign, statement: SELECT 1, expect: { outcome: allow, rules: [], observed: [] } }
  - { name: elsewhere, on: { connection: other }, statement: SELECT 1, expect: { outcome: block } }
  - { name: masks, expect: { masks: { public.customers.ssn: { keep_last: 4 }, public.customers.id: none }, detectors: { email: redact, jwt: none } } }
  - { name: dba, as: { user: dana, groups: [dba] }, expect: { masks: { public.customers.ssn: none } } }
`;
  assert.deepEqual(await run(['test'], undefined, holding), { code: 0, text: '5 cases, 0 failed' });

  const failing = `${head}
  - { name: wrong outcome, statement: DROP TABLE t, expect: { outcome: allow, rules: [] } }
  - { name: wrong mask, expect: { masks: { public.customers.ssn: redact } } }
  - { name: unparsable, statement: "?", expect: { outcome: allow } }
`;
  const { code, text } = await run(['test'], undefined, failing);
  assert.equal(code, 1);
  assert.deepEqual(text.split('\n'), [
    'p.test.yaml:5:5 wrong outcome',
    '  outcome: expected allow, got block (p/no-drop)',
    '  rules: expected none, got p/no-drop',
    'p.test.yaml:6:5 wrong mask',
    '  mask of public.customers.ssn: expected redact, got keep_last: 4',
    'p.test.yaml:7:5 unparsable',
    '  cannot be analysed: BG_STATEMENT_UNPARSABLE at ?',
    '3 cases, 3 failed',
  ]);
  const json = JSON.parse((await run(['test', '--json'], undefined, failing)).text);
  assert.equal(json.results[1].differences.length, 1);
});

test('test: faults of case files are reported all at once', async () => {
  const cases = `policies: [q]
cases:
  - { name: a, statement: SELECT 1, expect: { outcome: maybe } }
`;
  assert.match((await run(['test'], undefined, cases)).text, /"maybe" is none of allow, approve, block/);
  const incomplete = `policies: [q]
as: { user: alice }
cases:
  - { name: a, statement: SELECT 1, expect: { outcome: allow } }
  - { name: b, on: { connection: shop }, expect: { outcome: allow } }
  - { name: c, on: { connection: shop }, expect: {} }
  - { name: d, on: { connection: shop }, expect: { masks: { ssn: none } } }
`;
  const { code, text } = await run(['test'], undefined, incomplete);
  assert.equal(code, 1);
  for (const expected of [
    /1:12 policies\[0\]: no policy is named "q"/,
    /4:5 cases\[0\]: needs `on`/,
    /5:5 cases\[1\]: expects a decision, so it needs `statement`/,
    /cases\[2\]\.expect: must not be empty/,
    /cases\[3\]\.expect\.masks\.ssn: is not schema\.table\.column/,
    /5 faults$/,
  ]) {
    assert.match(text, expected);
  }
});

test('explain: text', async () => {
  const who = ['--user', 'alice', '--groups', 'engineering,sre', '--connection', 'shop', '--label', 'env=prod'];
  const { code, text } = await run(['explain', ...who, 'SELECT *; DROP TABLE customers']);
  assert.equal(code, 0);
  assert.deepEqual(text.split('\n'), [
    'block: Use migrations.',
    'for alice (engineering, sre) on shop (env=prod)',
    '',
    'policies',
    '  p: applies, enforce, default: allow',
    '',
    'by its text alone: with --config FILE or --catalog FILE it shows where results come from and what is probed or copied',
    '',
    'statement 1',
    '  allow: select',
    '  - p/no-drop -> block: not statement',
    '  masks on columns',
    '    customers.ssn -> keep_last: 4 (p/ssn)',
    '',
    'statement 2',
    '  block: drop',
    '  + p/no-drop -> block: statement drop',
    '  masks on columns',
    '    none',
    '',
    'masks on content',
    '  email -> redact (p/pii)',
  ]);
});

test('explain: json, a policy that does not apply, and what cannot be parsed', async () => {
  const on = ['--user', 'dana', '--groups', 'dba', '--connection'];
  const elsewhere = JSON.parse((await run(['explain', '--json', ...on, 'other', 'SELECT 1'])).text);
  assert.equal(elsewhere.outcome, 'block');
  assert.deepEqual(elsewhere.policies, [
    { name: 'p', mode: 'enforce', default: 'allow', applies: false, failing: 'connections' },
  ]);
  const here = JSON.parse((await run(['explain', '--json', ...on, 'shop', 'SELECT 1'])).text);
  assert.equal(here.outcome, 'allow');
  assert.deepEqual(here.statements[0].masks, [], 'the mask leaves dba out');
  assert.equal('permit' in here, false);
  assert.deepEqual(await run(['explain', ...on, 'shop', '?']), {
    code: 1,
    text: 'blocked: BG_STATEMENT_UNPARSABLE: at ?',
  });
});

test('explain: an allow rule says what it does not cover', async () => {
  const text = 'name: p\ndefault: block\nrules: [{ id: r, match: { objects: [orders] }, action: allow }]';
  const explained = await run(['explain', '--user', 'a', '--connection', 'c', 'SELECT 1'], [{ name: 'p.yaml', text }]);
  assert.match(explained.text, /- p\/r -> allow: not objects does not cover read customers/);
});

const uses = `
name: u
default: allow
rules:
  - { id: ssn, match: { columns: [customers.ssn, customers.email] }, action: mask, with: redact, applies_to: { not_groups: [dba] } }
  - { id: look, match: { probes: [customers.email], how: equality }, action: allow, budget: { statements: 1, per: hour } }
  - { id: out, match: { copies: [staff.ssn] }, action: block }
  - { id: code, match: { unreadable: true }, action: approve, approvers: { groups: [dba] } }
`;
const usesFile = [{ name: 'u.yaml', text: uses }];

test('test: what a statement does with masked columns', async () => {
  const head = 'as: { user: alice }\non: { connection: shop }\ncases:\n';
  const email = '{ column: public.customers.email, clause: where, equality: true }';
  const holding = `${head}
  - { name: by equality, statement: SELECT 1, probes: [${email}, ${email}], expect: { outcome: allow, rules: [u/look] } }
  - { name: a full budget again, probes: [${email}], expect: { outcome: allow } }
  - { name: not by range, probes: [{ column: public.customers.email, clause: where }], expect: { outcome: block, rules: [] } }
  - { name: copies, copies: [{ column: public.customers.ssn, to: x }], expect: { outcome: block } }
  - { name: code, unreadable: [a trigger], expect: { outcome: approve, rules: [u/code] } }
  - { name: not masked, probes: [{ column: public.orders.id, clause: where }], expect: { outcome: allow, rules: [] } }
  - { name: masked for others, as: { user: dana, groups: [dba] }, statement: SELECT 1, probes: [${email}], copies: [{ column: public.customers.ssn, to: x }], unreadable: [y], expect: { outcome: allow, rules: [] } }
  - { name: nothing used, statement: SELECT 1, probes: [], expect: { outcome: allow } }
`;
  assert.deepEqual(await run(['test'], usesFile, holding), { code: 0, text: '8 cases, 0 failed' });

  const failing = `${head}
  - { name: wrong, probes: [{ column: public.customers.ssn, clause: order_by }], expect: { outcome: allow } }
`;
  assert.match(
    (await run(['test'], usesFile, failing)).text,
    /outcome: expected allow, got block \(customers\.ssn is masked, and ORDER BY would reveal it: /,
  );
  const faulty = `${head}
  - { name: a, probes: [{ column: ssn, clause: where }], expect: { outcome: block } }
  - { name: b, copies: [{ column: "*.customers.ssn", to: x }], expect: { outcome: block } }
  - { name: c, probes: [{ column: public.customers.ssn }], expect: { outcome: block } }
`;
  const { text } = await run(['test'], usesFile, faulty);
  assert.match(text, /cases\[2\]\.probes\[0\]\.clause: missing/);
  const names = await run(['test'], usesFile, faulty.split('\n').slice(0, -2).join('\n'));
  assert.match(names.text, /5:35 cases\[0\]\.probes\[0\]\.column: is not schema\.table\.column/);
  assert.match(names.text, /cases\[1\]\.copies\[0\]\.column: is not schema\.table\.column\n2 faults$/);
});

test('explain: rules that could come in, and those that cannot', async () => {
  const on = ['--user', 'alice', '--connection', 'shop'];
  const { text } = await run(['explain', ...on, 'SELECT *'], usesFile);
  assert.deepEqual(text.split('\n').slice(8, 17), [
    'statement',
    '  allow: select',
    '  other uses of masked columns, if the catalog finds any (blocked if no rule matches)',
    '    + u/look -> allow: probes customers.email; equality only; at most 1 statement per hour',
    '    + u/code -> approve: unreadable',
    '    - u/out -> block: names no masked column that stands here (copies)',
    '  masks on columns',
    '    customers.ssn -> redact (u/ssn)',
    '    customers.email -> redact (u/ssn)',
  ]);
  const json = JSON.parse((await run(['explain', '--json', ...on, 'SELECT *'], usesFile)).text);
  assert.deepEqual(json.statements[0].rules, []);
  assert.deepEqual(json.statements[0].uses[0], {
    id: 'u/look',
    action: 'allow',
    mode: 'enforce',
    key: 'probes',
    how: 'equality',
    budget: { statements: 1, per: 'hour' },
    possible: true,
    columns: ['customers.email'],
  });
});

const column = (name: string) => ({ schema: 'public', table: 'customers', column: name });

/** What a catalog would tell of a query that shows, asks and copies. */
const followed: FollowedStatement = {
  outputs: [
    {
      name: 'id',
      several: false,
      how: 'passed',
      sources: [{ ...column('id'), unchanged: true, through: [{ ...column('id'), table: 'contacts' }] }],
      action: 'scan',
      mask: null,
      shown: 'mask',
      rules: ['u/pii'],
      why: 'scanned for sensitive values',
    },
    {
      name: 'upper',
      several: false,
      how: 'computed',
      sources: [
        { ...column('ssn'), unchanged: false, through: [] },
        { ...column('email'), unchanged: false, through: [] },
      ],
      action: 'mask',
      mask: { kind: 'redact' },
      shown: 'unknown',
      rules: ['u/ssn'],
      why: 'computed from a masked column',
    },
    {
      name: '',
      several: true,
      how: 'unknown',
      sources: [],
      action: 'pass',
      mask: null,
      shown: 'mask',
      rules: [],
      why: 'no rule applies',
    },
    {
      name: 'one',
      several: false,
      how: 'constant',
      sources: [],
      action: 'pass',
      mask: null,
      shown: 'mask',
      rules: [],
      why: 'no rule applies',
    },
  ],
  use: {
    probes: [
      { column: column('email'), clause: 'where', equality: true },
      { column: column('email'), clause: 'having', equality: true },
      { column: column('ssn'), clause: 'order_by', equality: false },
    ],
    copies: [{ column: column('ssn'), to: 'the new table t' }],
    unreadable: ['a DO block'],
  },
  maskWritten: [],
  doubted: false,
};

function catalogOf(statements: readonly FollowedStatement[], asked: unknown[] = []): OpenCatalog {
  return async (choice: CatalogChoice) => {
    asked.push(choice);
    return {
      from: 'shop',
      labels: { env: 'prod', tier: 'one' },
      names: () => names,
      snapshot: () => 'snapshot',
      follow: (text, masks, searchPath) => {
        asked.push([text, masks.columns.map(({ column }) => column), searchPath]);
        return statements;
      },
    };
  };
}

test('explain: what the catalog tells', async () => {
  const on = ['--user', 'alice', '--connection', 'shop', '--config', 'b.yaml', '--label', 'tier=two'];
  const asked: unknown[] = [];
  const { code, text } = await run(['explain', ...on, 'SELECT *'], usesFile, '', catalogOf([followed], asked));
  assert.equal(code, 0);
  assert.deepEqual(asked, [
    { kind: 'target', config: 'b.yaml', connection: 'shop' },
    ['SELECT *', ['ssn', 'email'], '"$user", public'],
  ]);
  assert.deepEqual(text.split('\n').slice(0, -3), [
    'block: customers.ssn is masked, and ORDER BY would reveal it: order by other columns; it may stand behind the whole primary key of its table, or ask for a policy rule on `probes`',
    'for alice (engineering) on shop (env=prod, tier=two)',
    '',
    'policies',
    '  u: applies, enforce, default: allow',
    '',
    'lineage by the catalog of shop',
    '',
    'statement',
    '  block: select',
    '  result columns',
    '    id -> shown but for what detectors find (u/pii): scanned for sensitive values',
    '      passed through from public.customers.id (through public.contacts.id)',
    '    upper -> masked, redact, or NULL if its type holds no text (u/ssn): computed from a masked column',
    '      computed from public.customers.ssn, public.customers.email',
    '    ..., an unknown number -> shown: no rule applies',
    '      cannot be known: it may come from any column',
    '    one -> shown: no rule applies',
    '      depends on no column',
    '  other uses of masked columns',
    '    probes public.customers.email in where, by equality -> allow (u/look)',
    '    probes public.customers.email in having, by equality -> allow (u/look)',
    '    probes public.customers.ssn in order_by -> block (customers.ssn is masked, and ORDER BY would reveal it: order by other columns; it may stand behind the whole primary key of its table, or ask for a policy rule on `probes`)',
    '    copies public.customers.ssn to the new table t -> block (customers.ssn is masked, and this would copy it to the new table t: leave the column out, or ask for a policy rule on `copies`)',
    '    unreadable: a DO block -> approve (u/code)',
  ]);
});

test('explain: a rule on statements blocks without the uses being asked, and judged uses join what it says', async () => {
  const on = ['explain', '--user', 'alice', '--connection', 'shop', '--catalog', 'f.json', '--json'];
  const email = {
    ...followed,
    use: { probes: [{ column: column('email'), clause: 'where', equality: true }], copies: [], unreadable: [] },
  };
  const explain = async (files: PolicyFile[], statements: readonly FollowedStatement[], sql: string) =>
    JSON.parse((await run([...on, sql], files, '', catalogOf(statements))).text);
  const allowed = await explain(usesFile, [email], 'SELECT *');
  assert.deepEqual([allowed.outcome, allowed.rules, allowed.catalog], ['allow', ['u/look'], 'shop']);
  assert.deepEqual(allowed.statements[0].flow.uses[0].rules, ['u/look']);
  assert.equal(allowed.statements[0].flow.outputs.length, 4);
  // Both statements draw on a budget of one.
  const twice = await explain(usesFile, [email, email], 'SELECT *; SELECT *');
  assert.deepEqual(
    [twice.outcome, twice.statements[0].outcome, twice.statements[1].outcome],
    ['block', 'allow', 'allow'],
  );
  const dropped = await explain([{ name: 'p.yaml', text: policy }], [email], 'DROP TABLE customers');
  assert.deepEqual([dropped.outcome, dropped.rules], ['block', ['p/no-drop']]);
  const written = await explain(usesFile, [{ ...email, maskWritten: [column('ssn')] }], 'UPDATE customers');
  assert.deepEqual([written.outcome, written.rules, written.statements[0].outcome], ['block', [], 'block']);
});

test('explain: without the catalog that was asked for nothing is explained', async () => {
  const on = ['explain', '--user', 'a', '--connection', 'shop', '--catalog', 'f.json'];
  assert.deepEqual(await run([...on, 'SELECT 1']), { code: 1, text: 'there is no catalog' });
});

test('catalog: writes what was read', async () => {
  const args = ['catalog', '--config', 'b.yaml', '--connection', 'shop'];
  assert.deepEqual(await run(args, undefined, '', catalogOf([])), { code: 0, text: 'snapshot' });
  assert.deepEqual(await run(args), { code: 1, text: 'there is no catalog' });
});
