/** A rule holds however the statement is dressed, and what is refused has not run. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { bind, execute, fieldsOf, parse, query, sync } from '../support/rawPostgres.ts';
import { openLab, outcome, send } from './lab.ts';
import type { Lab, Step } from './lab.ts';
import { blocked, blockedExtended, harmless } from './ruleCases.ts';

suite('rules on statements', () => {
  let lab: Lab;
  before(async () => {
    lab = await openLab();
    await lab.direct.query(`create table victim (n int, name text); insert into victim values (1, 'a'), (2, 'b');
      grant all on victim to gate; alter table victim owner to gate; grant pg_read_server_files, pg_execute_server_program to gate;
      grant execute on all functions in schema pg_catalog to gate`);
  });
  after(() => lab.end());

  const unharmed = async (sql: string): Promise<void> => {
    const { rows } = await lab.direct.query<{ n: number }>('select n from victim order by n');
    assert.deepEqual(rows, [{ n: 1 }, { n: 2 }], sql);
  };
  const refused = async (step: Step, sql: string, rows = 0): Promise<void> => {
    const client = await lab.connect();
    const seen = await send(client, step);
    const error = seen.find(({ type }) => type === 'E');
    assert.ok(error !== undefined, sql);
    // 42501 is the gate's; 42601 is that of several commands in one Parse, which the server never takes.
    assert.match(fieldsOf(error).C, /^(?:42501|42601)$/, sql);
    assert.equal(seen.filter(({ type }) => type === 'D' || type === 'd').length, rows, sql);
    client.close();
    await unharmed(sql);
  };

  test('what is blocked stays blocked, simple', async () => {
    for (const step of blocked) await refused(step, step);
  });

  test('what is blocked stays blocked, extended', async () => {
    for (const [at, step] of blockedExtended.entries()) await refused(step, blocked[at]);
  });

  test('what is blocked does not hide behind what is not', async () => {
    const good = [parse('g', 'select 1'), bind('', 'g'), execute('')];
    const bad = [parse('g2', 'delete from victim'), bind('', 'g2'), execute('')];
    await refused([...good, ...bad, ...good, sync], 'pipeline', 1);
    await refused([...bad, sync, ...bad, sync], 'two pipelines');
    await refused([query('begin'), ...bad, sync, query('commit')], 'transaction');
  });

  test('what only looks like it gives what the server gives', async () => {
    const [gated, direct] = [await lab.connect(), await lab.connectDirect()];
    for (const sql of harmless)
      assert.deepEqual(outcome(await send(gated, sql)), outcome(await send(direct, sql)), sql);
    await unharmed('afterwards');
  });
});
