/** `policy explain` and `policy catalog` against a real PostgreSQL. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { readSnapshot } from '../../src/cli/catalogSnapshot.ts';
import { catalogOpener, readSetting } from '../../src/cli/targetCatalog.ts';
import { policyCommand } from '../../src/policy/cli.ts';
import { readPolicyFiles } from '../../src/policy/load.ts';
import { analyze } from '../../src/protocols/postgres/facts/facts.ts';
import { loadParser } from '../../src/protocols/postgres/parse/parse.ts';
import { startPostgres } from '../support/postgres.ts';
import type { PostgresServer } from '../support/postgres.ts';

const policy = `
name: shop
default: allow
safe_functions: [checks.is_valid]
rules:
  - { id: ssn, match: { columns: ["*.customers.ssn"] }, action: mask, with: { keep_last: 4 } }
  - { id: email, match: { columns: ["*.customers.email"] }, action: mask, with: redact }
  - { id: birth, match: { columns: [birth_date, scores, notes] }, action: mask, with: { keep_first: 4 } }
  - { id: gone, match: { columns: [gone] }, action: mask, with: null }
  - { id: look, match: { probes: ["*.customers.email"], how: equality }, action: allow }
`;

const schema = `
CREATE SCHEMA checks;
CREATE TABLE customers (id int PRIMARY KEY, ssn text, email text, low text GENERATED ALWAYS AS (lower(email)) STORED);
CREATE TABLE files (birth_date date, scores int[], notes jsonb, gone text);
CREATE UNIQUE INDEX ON customers (ssn);
CREATE UNIQUE INDEX ON customers (email);
CREATE VIEW contacts AS SELECT id, ssn AS number, upper(email) AS mail FROM customers;
CREATE VIEW checks.people AS SELECT number FROM public.contacts;
CREATE FUNCTION checks.is_valid(text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN $1 ~ ''^[0-9-]+$''; END';
INSERT INTO customers VALUES (1, '078-05-1120', 'ada@example.com');
`;

let server: PostgresServer;
let directory: string;
const env: Record<string, string> = {};

before(async () => {
  await loadParser();
  server = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), 'blastgate-explain-'));
  await mkdir(join(directory, 'policies'));
  await writeFile(join(directory, 'policies', 'shop.yaml'), policy);
  env.SHOP_PASSWORD = server.password;
  const { host, port, database, superuser } = server;
  await writeFile(
    join(directory, 'blastgate.yaml'),
    `listen: { postgres: { host: 127.0.0.1, port: 0 } }
masking: { hash_key: { env: HASH_KEY } }
identity: { users: [{ name: alice, groups: [engineering], password: { env: ALICE_PASSWORD } }] }
connections:
  - name: shop
    protocol: postgres
    target: { host: ${host}, port: ${port}, database: ${database}, tls: disable }
    credential: { user: ${superuser}, password: { env: SHOP_PASSWORD } }
    labels: { env: prod }
`,
  );
  const client = new pg.Client({ host, port, database, user: superuser, password: server.password });
  await client.connect();
  await client.query(schema);
  await client.end();
});

after(async () => {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

/** Of the other variables that the configuration names, none is set. */
async function run(...args: string[]): Promise<{ code: number; text: string }> {
  let text = '';
  const code = await policyCommand(
    args.includes('--config') ? args : [...args, '--policies', join(directory, 'policies')],
    {
      analyze,
      readFiles: readPolicyFiles,
      readSetting,
      openCatalog: catalogOpener(env),
      out: (more) => void (text += more),
      err: (more) => void (text += more),
    },
  );
  return { code, text };
}

const who = ['explain', '--user', 'alice', '--connection', 'shop'];
const fromTarget = (): string[] => ['--config', join(directory, 'blastgate.yaml')];
const snapshotFile = (): string => join(directory, 'shop.catalog.json');

/** `name -> fate: origin` for each output, then the outcome of each use. */
async function explained(sql: string, source: readonly string[], ...more: string[]): Promise<string[]> {
  const { code, text } = await run(...who, ...source, ...more, '--json', sql);
  assert.equal(code, 0, text);
  const { statements, outcome } = JSON.parse(text);
  const { outputs, uses } = statements.at(-1).flow;
  const names = (columns: { table: string; column: string; through?: [] }[]): string =>
    columns
      .map(({ table, column, through }) => `${table}.${column}${through?.length ? `<${names(through)}` : ''}`)
      .join('+');
  return [
    ...outputs.map((o: Record<string, never>) => `${o.name} ${o.action} ${o.how} ${names(o.sources)}`.trim()),
    ...uses.map((one: Record<string, Record<string, never>>) => `${one.use.kind} ${one.outcome}`),
    outcome,
  ];
}

const cases: readonly (readonly [sql: string, expected: readonly string[], ...options: string[]])[] = [
  ['select id, ssn from customers', ['id pass passed customers.id', 'ssn mask passed customers.ssn', 'allow']],
  [
    'select number, mail from contacts',
    ['number mask passed customers.ssn<contacts.number', 'mail mask computed customers.email<contacts.mail', 'allow'],
  ],
  ['select number from checks.people', ['number mask passed customers.ssn<people.number+contacts.number', 'allow']],
  ['select number from people', ['number mask unknown', 'allow']],
  [
    'select number from people',
    ['number mask passed customers.ssn<people.number+contacts.number', 'allow'],
    '--search-path',
    'checks',
  ],
  [
    'set search_path to checks; select number from people',
    ['number mask passed customers.ssn<people.number+contacts.number', 'allow'],
  ],
  ['create table t (x int); select ssn from customers', ['ssn mask passed customers.ssn', 'allow']],
  ['create view t as select ssn as x from customers; select x from t', ['x mask passed customers.ssn', 'block']],
  ['create table if not exists t (x int); select ssn from customers', ['ssn mask unknown', 'allow']],
  ['select low from customers', ['low mask computed customers.email<customers.low', 'allow']],
  ['select checks.is_valid(ssn), 1 as one from customers', ['is_valid pass constant', 'one pass constant', 'allow']],
  [
    "select checks.is_valid(nullif(ssn, '1')) from customers",
    ['is_valid mask computed customers.ssn', 'probe block', 'copy block', 'block'],
  ],
  ['select id from customers where email = $1', ['id pass passed customers.id', 'probe allow', 'allow']],
  ['select id from contacts order by mail', ['id pass passed customers.id<contacts.id', 'probe block', 'block']],
  ['create table t as select ssn from customers', ['copy block', 'block']],
  ["insert into customers (id, email) values (2, 'grace@example.com')", ['probe allow', 'allow']],
  ['insert into customers (id, ssn) values (2, $1)', ['probe block', 'block']],
  ['create table t (x int); insert into t values (1)', ['allow']],
  ['create view v as select ssn from customers; insert into v values (1)', ['probe block', 'probe block', 'block']],
  ["update customers set email = '[redacted]'", ['probe allow', 'block']],
  ['prepare q as select ssn from customers; execute q', ['ssn mask passed customers.ssn', 'allow']],
  ['execute q', ['mask unknown', 'allow']],
];

describe('policy explain with a catalog', () => {
  it('of the target itself', async () => {
    const [[sql, expected]] = cases;
    assert.deepEqual(await explained(sql, fromTarget()), expected);
    const { text } = await run(...who, ...fromTarget(), sql);
    assert.match(text, /for alice \(engineering\) on shop \(env=prod\)/);
    assert.match(text, /lineage by the catalog of the target of shop\n/);
    assert.match(text, / {4}ssn -> masked, keep_last: 4 \(shop\/ssn\): the rule names this column\n/);
  });

  it('of a snapshot, which holds no data', async () => {
    const { code, text } = await run('catalog', '--connection', 'shop', ...fromTarget());
    assert.equal(code, 0, text);
    assert.doesNotMatch(text, /078-05-1120|ada@example/);
    assert.equal(text.includes(server.password), false);
    await writeFile(snapshotFile(), text);
    for (const [statement, wanted, ...options] of cases)
      assert.deepEqual(await explained(statement, ['--catalog', snapshotFile()], ...options), wanted, statement);
  });

  it('says which constraint tells', async () => {
    const { text } = await run(...who, ...fromTarget(), 'update customers set ssn = $1, email = lower($2)');
    const ssn = 'probes public.customers.ssn in constraint (the unique index customers_ssn_idx), by equality -> block';
    const email = 'probes public.customers.email in constraint (the unique index customers_email_idx) -> block';
    assert.ok(text.includes(ssn) && text.includes(email), text);
  });

  it('says what the client sees of each type', async () => {
    const { text } = await run(
      ...who,
      ...fromTarget(),
      'select birth_date, scores, notes, gone, ssn || $1 from files, customers',
    );
    for (const [name, fate] of [
      ['birth_date', 'masked, NULL (its type holds no text for keep_first: 4)'],
      ['scores', 'masked, NULL (its type holds no text for keep_first: 4)'],
      ['notes', 'masked, keep_first: 4'],
      ['gone', 'masked, null'],
      ['?column?', 'masked, redact, or NULL if its type holds no text'],
    ])
      assert.ok(text.includes(`    ${name} -> ${fate} (`), `${name}: ${text}`);
  });

  it('that cannot be had', async () => {
    const nowhere = await run('explain', '--user', 'a', '--connection', 'nope', ...fromTarget(), 'select 1');
    assert.equal(nowhere.code, 1);
    assert.match(nowhere.text, /has no connection named "nope"/);
    const missing = await run(...who, '--catalog', join(directory, 'none.json'), 'select 1');
    assert.equal(missing.code, 1);
    assert.match(missing.text, /cannot be read/);
    const config = await run(...who, '--config', join(directory, 'none.yaml'), 'select 1');
    assert.equal(config.code, 1);
    const right = env.SHOP_PASSWORD;
    delete env.SHOP_PASSWORD;
    const unset = await run(...who, ...fromTarget(), 'select 1');
    assert.match(
      unset.text,
      /^\S+ connections\[0\]\.credential\.password\.env: the environment variable SHOP_PASSWORD is not set, or is empty; set it$/,
    );
    // What a snapshot knows need not be asked for.
    assert.equal((await run(...who, ...fromTarget(), '--catalog', snapshotFile(), 'select 1')).code, 0);
    env.SHOP_PASSWORD = 'wrong';
    const refused = await run(...who, ...fromTarget(), 'select 1');
    env.SHOP_PASSWORD = right;
    assert.equal(refused.code, 1);
    assert.match(refused.text, /BG_TARGET_AUTH_FAILED/);
  });
});

describe('snapshots', () => {
  it('are refused whole where anything is missing or odd', async () => {
    const good = JSON.parse(await readFile(snapshotFile(), 'utf8'));
    const faultOf = (data: unknown): string => {
      const read = readSnapshot(typeof data === 'string' ? data : JSON.stringify(data));
      return 'fault' in read ? read.fault : 'none';
    };
    assert.equal(faultOf(good), 'none');
    assert.equal(faultOf('{'), 'is not JSON');
    for (const bad of [
      null,
      [],
      { ...good, format: 'blastgate catalog 2' },
      { ...good, rows: { ...good.rows, functions: undefined } },
      { ...good, rows: { ...good.rows, more: [] } },
      { ...good, rows: { ...good.rows, views: [[1]] } },
    ]) {
      assert.match(faultOf(bad), /^is no snapshot of a catalog: /);
    }
    // Rows that make no sense are found when the catalog is built.
    await writeFile(snapshotFile(), JSON.stringify({ ...good, rows: { ...good.rows, relations: [['x']] } }));
    const { code, text } = await run(...who, '--catalog', snapshotFile(), 'select 1');
    assert.equal(code, 1);
    assert.match(text, /BG_CATALOG_UNAVAILABLE: a relation or column row is malformed/);
  });
});
