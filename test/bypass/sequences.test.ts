/** A name never means something else to the target than it means to the masks. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { RawClient, RawMessage } from '../support/rawPostgres.ts';
import { leaks, openLab, send } from './lab.ts';
import type { Lab, Step } from './lab.ts';
import { sequences } from './sequenceCases.ts';
import type { Sequence } from './sequenceCases.ts';

suite('names that change their meaning', () => {
  let lab: Lab;
  let count = 0;
  before(async () => {
    lab = await openLab({ copies: true });
  });
  after(() => lab.end());

  /** Runs one case in schemas of its own; `evil` says what its evil view shows. */
  const run = async (one: Sequence, evil: string): Promise<RawMessage[]> => {
    const schema = `case${++count}`;
    const client = await lab.connect();
    const views = [
      `create schema ${schema}_evil`,
      `create view ${schema}_evil.v as ${evil}`,
      `create schema ${schema}_good`,
      `create view ${schema}_good.v as select 'harmless'::text as a from customers where id < 4`,
    ];
    const seen: RawMessage[] = [];
    for (const sql of views) seen.push(...(await send(client, sql)));
    assert.deepEqual(
      seen.filter(({ type }) => type === 'E').map(({ body }) => body.toString()),
      [],
    );
    await send(client, 'select 1');
    let other: Promise<RawMessage[]> | null = null;
    for (const [at, step] of one.steps.entries()) {
      const cut = one.cut === true && at === one.steps.length - 1;
      const answers = send(client, named(step, schema), cut);
      if (one.other?.after === at) other = runOther(one.other.steps, schema);
      seen.push(...(await answers));
    }
    if (other !== null) seen.push(...(await other));
    client.close();
    // A masked view of the same name would stand behind those of the next case.
    await lab.direct.query(`drop schema ${schema}_evil, ${schema}_good cascade`);
    return seen;
  };
  const runOther = async (steps: readonly Step[], schema: string): Promise<RawMessage[]> => {
    const client: RawClient = await lab.connect();
    const seen: RawMessage[] = [];
    for (const step of steps) seen.push(...(await send(client, named(step, schema))));
    client.close();
    return seen;
  };

  for (const one of sequences) {
    test(`${one.name}: nothing raw comes back`, async () => {
      const text = await run(one, 'select left(ssn, 9) || left(ssn, 9) as a from customers where id < 4');
      assert.deepEqual(leaks(text), []);
    });
    const { shows } = one;
    if (shows === undefined) continue;
    test(`${one.name}: harmless values come back`, async () => {
      const seen = await run(one, "select 'harmless'::text as a from customers where id < 4");
      assert.ok(seen.some(({ type, body }) => 'Dd'.includes(type) && body.includes(shows)));
    });
  }
});

function named(step: Step, schema: string): Step {
  if (typeof step === 'string') return step.replaceAll('$s', schema);
  return step.map((message) => rename(Buffer.from(message), schema));
}

/** Puts the schema's name into a message and corrects its length. */
function rename(message: Buffer, schema: string): Buffer {
  const text = message.toString('latin1');
  if (!text.includes('$s')) return message;
  const renamed = Buffer.from(text.replaceAll('$s', schema), 'latin1');
  renamed.writeInt32BE(renamed.length - 1, 1);
  return renamed;
}
