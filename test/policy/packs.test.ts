/** The ready-made packs with facts from the real parser, and the vocabulary against what the parser reports. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { parseCases } from '../../src/policy/cases.ts';
import { catalogOpener, readSetting } from '../../src/cli/targetCatalog.ts';
import { policyCommand } from '../../src/policy/cli.ts';
import { loadPolicies, readPolicyFiles } from '../../src/policy/load.ts';
import { policyReference } from '../../src/policy/reference.ts';
import { kindSet } from '../../src/policy/vocabulary.ts';
import { analyze } from '../../src/protocols/postgres/facts/facts.ts';
import { loadParser } from '../../src/protocols/postgres/parse/parse.ts';

const root = join(import.meta.dirname, '../..');
const packs = join(root, 'policies');

before(() => loadParser());

async function run(...args: string[]): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const out = (text: string): void => void lines.push(text);
  const code = await policyCommand([...args, '--policies', packs], {
    analyze,
    readFiles: readPolicyFiles,
    readSetting,
    openCatalog: catalogOpener({}),
    out,
    err: out,
  });
  return { code, text: lines.join('\n') };
}

test('the packs have no faults and no findings', async () => {
  const { code, text } = await run('check');
  assert.equal(code, 0, text);
});

test('all cases of the packs hold', async () => {
  const { code, text } = await run('test');
  assert.equal(code, 0, text);
  assert.match(text, /^\d\d+ cases, 0 failed$/);
});

test('every rule that refuses has a case that it refuses, and at least as many benign ones stand beside it', async () => {
  const loaded = await loadPolicies(packs);
  const read = await readPolicyFiles(packs, 'cases');
  assert.ok('set' in loaded && 'files' in read);
  const names = new Set(loaded.set.policies.map(({ policy }) => policy.name));
  const parsed = parseCases(read.files, names);
  assert.ok('cases' in parsed);
  for (const { policy } of loaded.set.policies) {
    const refusing = policy.rules.filter(({ action }) => action === 'block' || action === 'approve');
    for (const rule of refusing) {
      const hit = parsed.cases.some(({ expect }) => expect.rules?.includes(rule.id) === true);
      assert.ok(hit, `${rule.id} has no case`);
    }
    const benign = parsed.cases.filter(
      ({ policies, expect }) => policies?.includes(policy.name) === true && expect.outcome === 'allow',
    );
    assert.ok(benign.length >= refusing.length, `${policy.name} has too few benign cases`);
  }
});

test('ordinary work is left alone by all packs together', async () => {
  const loaded = await loadPolicies(packs);
  assert.ok('set' in loaded);
  for (const groups of [['engineering'], ['dba']]) {
    const session = loaded.set.forSession(
      { user: 'u', groups, method: 'password' },
      { name: 'shop', protocol: 'postgres', labels: { env: 'prod' } },
    );
    for (const sql of [
      'SELECT * FROM customers WHERE id = $1',
      'BEGIN; UPDATE orders SET status = $1 WHERE id = $2; COMMIT',
      "INSERT INTO orders (customer_id, status) VALUES (1, 'new') RETURNING id",
      "INSERT INTO products (id, name) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET name = excluded.name",
      'COPY orders TO STDOUT (FORMAT csv, HEADER)',
      'COPY orders FROM STDIN',
      'CREATE INDEX CONCURRENTLY ON orders (customer_id)',
      'EXPLAIN (ANALYZE, BUFFERS) SELECT count(*) FROM orders',
      'PREPARE p AS SELECT 1; EXECUTE p; DEALLOCATE p',
      'DECLARE c CURSOR FOR SELECT * FROM orders; FETCH 100 FROM c; CLOSE c',
      "SET search_path TO public; SHOW server_version; SELECT set_config('application_name', 'x', false)",
      'LISTEN jobs; NOTIFY jobs; UNLISTEN jobs',
      'VACUUM orders; ANALYZE orders; DISCARD ALL',
      'SELECT pg_sleep(0.01), now(), current_user, pg_backend_pid()',
      'SELECT c.relname FROM pg_catalog.pg_class c WHERE pg_catalog.pg_table_is_visible(c.oid)',
    ]) {
      const analysis = analyze(sql);
      assert.ok('statements' in analysis, sql);
      const decision = session.decide(analysis.statements);
      assert.equal(decision.outcome, 'allow', `${groups[0]}: ${sql}: ${decision.rules.join()}`);
    }
  }
});

test('the vocabulary has every kind that the parser reports', () => {
  for (const sql of [
    'ALTER TABLE t RENAME TO u; ALTER SYSTEM SET a = 1; ANALYZE; BEGIN; START TRANSACTION; CALL p(); CHECKPOINT',
    'CLOSE c; CLUSTER; COMMENT ON TABLE t IS NULL; COMMIT; END; COPY t FROM STDIN; COPY t TO STDOUT',
    "COPY t TO PROGRAM 'x'; COPY t FROM '/x'; CREATE TABLE t (a int); CREATE VIEW v AS SELECT 1; CREATE DATABASE d",
    "DEALLOCATE ALL; DECLARE c CURSOR FOR SELECT 1; DELETE FROM t; DISCARD ALL; DO 'x'; DROP TABLE t; DROP DATABASE d",
    'EXECUTE p; EXPLAIN SELECT 1; FETCH c; MOVE c; GRANT SELECT ON t TO a; GRANT a TO b; REVOKE a FROM b',
    "IMPORT FOREIGN SCHEMA s FROM SERVER x INTO y; INSERT INTO t VALUES (1); LISTEN c; LOAD 'x'; LOCK TABLE t",
    'MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE; NOTIFY c; PREPARE p AS SELECT 1',
    "PREPARE TRANSACTION 'x'; COMMIT PREPARED 'x'; ROLLBACK PREPARED 'x'; REASSIGN OWNED BY a TO b; DROP OWNED BY a",
    'REFRESH MATERIALIZED VIEW v; REINDEX TABLE t; RELEASE SAVEPOINT s; RESET ALL; ROLLBACK; ROLLBACK TO SAVEPOINT s',
    "SAVEPOINT s; SECURITY LABEL ON TABLE t IS 'x'; SELECT 1; SET a = 1; SET ROLE x; SHOW a; TRUNCATE t; UNLISTEN c",
    'UPDATE t SET a = 1; VACUUM; SET CONSTRAINTS ALL DEFERRED; SET TRANSACTION READ ONLY; RESET ROLE',
    'CREATE FUNCTION f() RETURNS int RETURN 1; CREATE FUNCTION g() RETURNS int BEGIN ATOMIC SELECT 1; END',
  ]) {
    const analysis = analyze(sql);
    assert.ok('statements' in analysis, `${sql}: ${JSON.stringify(analysis)}`);
    for (const { kinds, text } of analysis.statements) {
      for (const kind of kinds) assert.ok(kindSet.has(kind), `${kind} of ${text}`);
    }
  }
});

test('the generated reference is that of the schema', () => {
  for (const { path, text } of policyReference()) {
    const committed = readFileSync(join(root, path), 'utf8');
    assert.equal(committed, text, `${path} is stale; regenerate it with ./run docs`);
  }
});
