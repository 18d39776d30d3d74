import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { connect } from 'node:net';
import { Client, DatabaseError } from 'pg';
import { startPostgres } from '../support/postgres.ts';
import type { PostgresServer } from '../support/postgres.ts';
import { makeCertificates } from '../support/tls.ts';

async function query(server: PostgresServer, sql: string, more: object = {}): Promise<unknown[]> {
  const { host, port, superuser, password, database } = server;
  const client = new Client({ host, port, user: superuser, password, database, ...more });
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

for (const [auth, stored] of [
  ['scram-sha-256', /^SCRAM-SHA-256\$/],
  ['md5', /^md5/],
  ['password', /^SCRAM-SHA-256\$/],
] as const) {
  test(`asks for a password by ${auth}`, async (t) => {
    const server = await startPostgres({ auth, database: 'odd "name"' }, t);
    const [verifier, database] = await query(
      server,
      "select rolpassword, current_database() from pg_authid where rolname = 'postgres'",
    );
    assert.match(String(verifier), stored);
    assert.equal(database, 'odd "name"');
    await assert.rejects(query(server, 'select 1', { password: 'wrong' }), (error) => {
      return error instanceof DatabaseError && error.code === '28P01';
    });
  });
}

test('takes settings, setup statements and certificates; can insist on TLS', async (t) => {
  const { ca, cert, key } = makeCertificates();
  const setup = ['create role reader login', "comment on role reader is 'it''s \\ odd'"];
  const server = await startPostgres({ settings: { work_mem: '7MB' }, setup, tls: { cert, key, required: true } }, t);
  const ssl = { ca, servername: 'localhost' };
  const sql = "select current_setting('work_mem'), shobj_description('reader'::regrole, 'pg_authid')";
  assert.deepEqual(await query(server, sql, { ssl }), ['7MB', "it's \\ odd"]);
  await assert.rejects(query(server, 'select 1'), (error) => error instanceof DatabaseError && error.code === '28000');
  const stranger = makeCertificates();
  await assert.rejects(query(server, 'select 1', { ssl: { ca: stranger.ca, servername: 'localhost' } }));
});

test('a setup statement that fails is reported', async () => {
  await assert.rejects(startPostgres({ setup: ['create role postgres'] }), /role "postgres" already exists/);
});

test('a setting that the server refuses is reported with its log', async () => {
  await assert.rejects(startPostgres({ settings: { shared_preload_libraries: 'no_such_library' } }), /no_such_library/);
});

test('stop ends open sessions, frees the port and may be repeated', async () => {
  const server = await startPostgres({ auth: 'trust' });
  const { host, port, superuser: user } = server;
  const client = new Client({ host, port, user, database: 'postgres' });
  client.on('error', () => {
    // The server says goodbye to open sessions; that is what is tested.
  });
  await client.connect();
  await server.stop();
  await server.stop();
  assert.equal(await server.ended, 0);
  const [error] = (await once(connect(port, host), 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNREFUSED');
});

test('the server and its data go when its owner is killed', async () => {
  const owner = join(import.meta.dirname, 'fixtures', 'ownsPostgres.ts');
  const child = spawn(process.execPath, [owner], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { port, data } = JSON.parse(line) as { port: number; data: string };
  await access(join(data, '..')).catch((error: NodeJS.ErrnoException) => assert.equal(error.code, 'EACCES'));
  const session = connect(port, '127.0.0.1');
  await once(session, 'connect');
  child.kill('SIGKILL');
  // An idle connection ends when the postmaster does.
  session.on('error', () => {});
  await once(session, 'close');
  await untilGone(join(data, '..'));
});

async function untilGone(path: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (
    await access(path).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
    )
  ) {
    assert.ok(performance.now() < deadline, `${path} is still there`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
