import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Client } from 'pg';
import type { TestGate } from '../support/gate.ts';
import { findProgram } from '../support/packages.ts';
import type { PostgresServer } from '../support/postgres.ts';
import { makeCertificates } from '../support/tls.ts';
import { directTo, endings, openShop, through } from './shop.ts';
import type { Address } from './shop.ts';

const psql = await findProgram('psql');
const pgbench = await findProgram('pgbench');

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function environment(address: Address, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    PGHOST: address.host,
    PGPORT: String(address.port),
    PGUSER: address.user,
    PGPASSWORD: address.password,
    PGDATABASE: address.database,
    PSQLRC: '/dev/null',
    PAGER: 'cat',
    LC_ALL: 'C',
    ...more,
  };
}

/** Runs a program to its end; never throws for its exit code. */
function run(file: string | null, args: readonly string[], env: Record<string, string>, input = ''): Promise<Ran> {
  const { promise, resolve } = Promise.withResolvers<Ran>();
  const child = execFile(file ?? '', [...args], { env, maxBuffer: 1 << 26 }, (error, out, err) =>
    resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err }),
  );
  child.stdin?.end(input);
  return promise;
}

suite('psql', { skip: psql.path === null ? psql.reason : false }, () => {
  const ending = endings();
  let gate: TestGate;
  let server: PostgresServer;
  let directory: string;
  const ask = (input: string, args: readonly string[] = ['-Atq'], user: 'alice' | 'free' = 'alice'): Promise<Ran> =>
    run(psql.path, ['-X', ...args], environment(through(gate, user)), input);
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'blastgate-test-'));
    ending.after(() => rm(directory, { recursive: true, force: true }));
    ({ gate, server } = await openShop(ending));
  });
  after(() => ending.end());

  test('rows, masked', async () => {
    assert.deepEqual(await ask('select id, ssn, email from customers where id = 1;'), {
      code: 0,
      out: '1|*******0001|u****@example.com\n',
      err: '',
    });
    const bound = await run(
      psql.path,
      ['-XAtq', '-c', 'select ssn from customers where id = 2'],
      environment(through(gate)),
    );
    assert.equal(bound.out, '*******0002\n');
  });

  test('backslash commands say the same as without the gate', async () => {
    const commands = [
      '\\d',
      '\\dt+',
      '\\d customers',
      '\\d+ orders',
      '\\d customer_view',
      '\\dn',
      '\\du',
      '\\df add_one',
      '\\l',
      '\\di',
      '\\dv+',
      '\\ds',
      '\\dT',
      '\\dp',
      '\\dx',
      '\\db',
      '\\sf add_one',
      '\\sv customer_view',
      '\\encoding',
      '\\echo :SERVER_VERSION_NUM',
      '\\drds',
      '\\dO',
      '\\dC',
      '\\do =',
      '\\da count',
    ].join('\n');
    const direct = await run(psql.path, ['-X'], environment(directTo(server)), commands);
    assert.match(direct.out, /customers_pkey/);
    assert.deepEqual(await ask(commands, [], 'free'), direct);
    // Names and sizes come from the catalog, so the same holds where masks are in force.
    assert.deepEqual(await ask(commands, []), direct);
  });

  test('\\copy both ways', async () => {
    const file = join(directory, 'rows.csv');
    const out = await ask(`\\copy (select id, ssn from customers where id < 3 order by id) to '${file}' csv header\n`);
    assert.deepEqual(out, { code: 0, out: '', err: '' });
    assert.equal(await readFile(file, 'utf8'), 'id,ssn\n1,"*******0001"\n2,"*******0002"\n');
    await writeFile(file, '1,one\n2,two\n');
    const into = await ask(
      `begin;\n\\copy big from '${file}' csv\nselect * from big order by id;\nrollback;\ncopy big from stdin;\n5\tx\n\\.\ndelete from big returning id;\n`,
    );
    assert.deepEqual(into, { code: 0, out: '1|one\n2|two\n5\n', err: '' });
  });

  test('\\gdesc, \\gset, \\crosstabview, FETCH_COUNT, \\watch once, variables', async () => {
    const got = await ask(
      'select ssn, id from customers where id = 1 \\gdesc\nselect ssn as s from customers where id = 1 \\gset\n\\echo :s\n' +
        "\\set FETCH_COUNT 10\nselect ssn from customers where id < 25 order by id;\n\\unset FETCH_COUNT\nselect :'s';\n",
    );
    const lines = got.out.trim().split('\n');
    assert.equal(got.err, '');
    assert.deepEqual(lines.slice(0, 3), ['ssn|text', 'id|integer', '*******0001']);
    assert.deepEqual(
      lines.slice(3, -1),
      Array.from({ length: 24 }, (_, at) => `*******${String(at + 1).padStart(4, '0')}`),
    );
    assert.equal(lines.at(-1), '*******0001');
  });

  test('a blocked statement reads like any error, with the exit code of one', async () => {
    const got = await ask('\\set VERBOSITY verbose\ndrop table orders;\nselect 1;\n', [
      '-Atq',
      '-v',
      'ON_ERROR_STOP=1',
    ]);
    assert.equal(got.code, 3);
    assert.match(got.err, /^ERROR: {2}42501: Schema changes go through migrations\. \[BG_POLICY_BLOCKED\]$/m);
    assert.match(got.err, /^DETAIL: {2}Decided by engineering\/no-drop\.$/m);
    assert.equal(got.out, '');
    const syntax = await ask('select 1;\nselec 2;\n');
    const direct = await run(psql.path, ['-XAtq'], environment(directTo(server)), 'select 1;\nselec 2;\n');
    assert.deepEqual(syntax, direct);
    assert.match(direct.err, /LINE 1: selec 2;\n\s+\^/);
  });

  test('\\errverbose, ON_ERROR_ROLLBACK and a transaction that goes on', async () => {
    const got = await ask('\\set ON_ERROR_ROLLBACK on\nbegin;\ndrop table orders;\nselect 7;\ncommit;\n');
    assert.equal(got.out, '7\n');
    assert.match(got.err, /BG_POLICY_BLOCKED/);
  });

  test('Ctrl-C cancels the statement, and psql goes on as it does without the gate', async () => {
    const interrupted = async (address: Address): Promise<Ran> => {
      const child = spawn(psql.path ?? '', ['-XAtq'], { env: environment(address) });
      let out = '';
      let err = '';
      child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
      child.stdin.write('select pg_sleep(60);\n');
      await untilSleeping(server);
      child.kill('SIGINT');
      child.stdin.end('select 7;\n');
      const [code] = (await once(child, 'close')) as [number];
      return { code, out, err };
    };
    const wanted = await interrupted(directTo(server));
    assert.match(wanted.err, /canceling statement due to user request/);
    assert.deepEqual(await interrupted(through(gate, 'free')), wanted);
  });

  test('a script of many statements in one transaction', async () => {
    const lines = Array.from({ length: 500 }, (_, at) => `insert into big values (${at}, 'row ${at}');\n`).join('');
    const file = join(directory, 'script.sql');
    await writeFile(file, `${lines}select count(*) from big;\nrollback;\n`);
    const got = await run(psql.path, ['-XAtq', '-c', 'begin', '-f', file], environment(through(gate)));
    assert.equal(got.err, '');
    assert.equal(got.out, '500\n');
  });

  test('LISTEN', async () => {
    const got = await ask("listen ch;\nnotify ch, 'hi';\n", ['-q']);
    assert.match(
      got.out,
      /^Asynchronous notification "ch" with payload "hi" received from server process with PID \d+\.$/m,
    );
  });
});

suite('psql over TLS', { skip: psql.path === null ? psql.reason : false }, () => {
  const ending = endings();
  const certificates = makeCertificates();
  let gate: TestGate;
  let root: string;
  before(async () => {
    const directory = await mkdtemp(join(tmpdir(), 'blastgate-test-'));
    ending.after(() => rm(directory, { recursive: true, force: true }));
    root = join(directory, 'ca.crt');
    await writeFile(root, certificates.ca);
    ({ gate } = await openShop(ending, { tls: { ...certificates, required: true } }));
  });
  after(() => ending.end());

  test('verify-full with channel binding', async () => {
    const env = environment(through(gate), {
      PGSSLMODE: 'verify-full',
      PGSSLROOTCERT: root,
      PGCHANNELBINDING: 'require',
    });
    const got = await run(psql.path, ['-XAtq', '-c', 'select ssn from customers where id = 1'], env);
    assert.deepEqual(got, { code: 0, out: '*******0001\n', err: '' });
  });

  test('without TLS it is told what to do', async () => {
    const got = await run(psql.path, ['-X', '-c', 'select 1'], environment(through(gate), { PGSSLMODE: 'disable' }));
    assert.equal(got.code, 2);
    assert.match(got.err, /BG_TLS_REQUIRED[^]*sslmode=require/);
  });

  test('the wrong authority is noticed by the client', async () => {
    await writeFile(root, makeCertificates().ca);
    const env = environment(through(gate), { PGSSLMODE: 'verify-full', PGSSLROOTCERT: root });
    assert.equal((await run(psql.path, ['-X', '-c', 'select 1'], env)).code, 2);
  });
});

suite('pgbench', { skip: pgbench.path === null ? pgbench.reason : false }, () => {
  const ending = endings();
  let gate: TestGate;
  before(async () => {
    ({ gate } = await openShop(ending));
    const made = await run(pgbench.path, ['-i', '-q', '-s', '1', 'shop'], environment(through(gate, 'free')));
    assert.equal(made.code, 0, made.err);
  });
  after(() => ending.end());

  for (const mode of ['simple', 'extended', 'prepared']) {
    for (const kind of ['select-only', 'tpcb-like']) {
      test(`${mode}, ${kind}`, async () => {
        const args = ['-n', '-b', kind, '-M', mode, '-c', '4', '-j', '1', '-t', '100', '--max-tries=1', 'shop'];
        const got = await run(pgbench.path, args, environment(through(gate)));
        assert.equal(got.code, 0, got.err);
        assert.match(got.out, /number of transactions actually processed: 400\/400/);
        assert.match(got.out, /number of failed transactions: 0/);
      });
    }
  }

  test('a pipeline of its own', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'blastgate-test-'));
    ending.after(() => rm(directory, { recursive: true, force: true }));
    const script = join(directory, 'pipeline.sql');
    const lookup = 'select ssn from customers where id = 1 + :client_id;\n';
    await writeFile(script, `\\startpipeline\nbegin;\n${lookup.repeat(20)}commit;\n\\endpipeline\n`);
    for (const mode of ['extended', 'prepared']) {
      const args = ['-n', '-f', script, '-M', mode, '-c', '2', '-t', '20', 'shop'];
      const got = await run(pgbench.path, args, environment(through(gate)));
      assert.match(got.out, /number of transactions actually processed: 40\/40/, got.err);
    }
  });
});

async function untilSleeping(server: PostgresServer): Promise<void> {
  const client = new Client(directTo(server));
  await client.connect();
  const text = "select 1 from pg_stat_activity where state = 'active' and wait_event = 'PgSleep'";
  while ((await client.query(text)).rows.length === 0);
  await client.end();
}
