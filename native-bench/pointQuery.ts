/**
 * What one prepared point query costs a session beside its sockets: framing, decision, audit record, masks, answers. The
 * wires are in memory; the audit log is a file, or nothing at all, so that the difference is its price.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileSink } from '../src/audit/fileSink.ts';
import { SessionRecorder } from '../src/audit/sessionAudit.ts';
import { World } from '../test/protocols/sessionWires.ts';
import type { MemoryWire, WorldOptions } from '../test/protocols/sessionWires.ts';
import {
  complete,
  customers,
  dataRow,
  parameterDescription,
  parseComplete,
  ready,
  rowDescription,
  bindComplete,
} from '../test/protocols/sessionTarget.ts';
import type { Asked } from '../test/protocols/sessionTarget.ts';
import { bind, describe, execute, parse, sync } from '../test/support/rawPostgres.ts';
import type { Task } from './task.ts';

export const name = 'pointQuery';

/** Sessions that the event loop finds readable in one turn: they share a write of the audit log. */
const together = 16;

const policies = `name: shop
default: allow
rules:
  - { id: ssn, match: { columns: ["*.customers.ssn"] }, action: mask, with: { keep_last: 4 } }
  - { id: email, match: { columns: ["*.customers.email"] }, action: mask, with: email }
`;
const sql = 'select id, name, ssn, email from customers where id = $1';
const description = rowDescription(customers.id, customers.name, customers.ssn, customers.email);
const row = dataRow('4711', 'Ada Lovelace', '123-45-6789', 'ada@example.com');
/** What pgbench sends for one transaction of `-M prepared`, and what PostgreSQL answers. */
const question = Buffer.concat([bind('', 's', ['4711']), describe('P', ''), execute(''), sync]);
const answer = Buffer.concat([bindComplete, description, row, complete('SELECT 1'), ready()]);

interface Pair {
  readonly client: MemoryWire;
  readonly target: MemoryWire;
}

const directories: string[] = [];

export async function tasks(): Promise<Task[]> {
  const directory = mkdtempSync(join(tmpdir(), 'blastgate-bench-'));
  directories.push(directory);
  const sink = new FileSink({ directory });
  const audited = await openSessions(
    (user, identity, connection, client) =>
      new SessionRecorder(sink, {
        proven: true,
        protocol: 'postgres',
        clientAddress: client.peer,
        groups: identity?.groups ?? [],
        user,
        connection,
      }),
  );
  const bare = await openSessions(undefined);
  return [
    { name: `${together} queries, audit to a file`, fn: () => turn(audited) },
    { name: `${together} queries, no audit`, fn: () => turn(bare) },
  ];
}

export async function close(): Promise<void> {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
}

async function openSessions(openAudit: WorldOptions['openAudit']): Promise<Pair[]> {
  const world = await World.open({ policy: policies, target: { answer: prepared }, ...(openAudit && { openAudit }) });
  const pairs: Pair[] = [];
  for (let count = 0; count < together; count++) {
    const { client, rest } = world.open();
    client.push(world.login);
    await rest();
    client.push(Buffer.concat([parse('s', sql), sync, question]));
    await rest();
    const target = world.dialled[world.dialled.length - 1].wire;
    client.muted = true;
    target.muted = true;
    pairs.push({ client, target });
  }
  return pairs;
}

/** The server of the first query, before the wires are muted: the gate asks what the statement's rows look like. */
function prepared({ type, body }: Asked): Buffer | null {
  switch (type) {
    case 'P':
      return parseComplete;
    case 'B':
      return bindComplete;
    case 'D':
      return body[0] === 0x53 ? Buffer.concat([parameterDescription(23), description]) : description;
    case 'E':
      return Buffer.concat([row, complete('SELECT 1')]);
    default:
      return ready();
  }
}

async function turn(pairs: readonly Pair[]): Promise<void> {
  if (pairs.some(({ client }) => client.closed)) throw new Error('a session has ended');
  for (const { client } of pairs) client.give(question);
  await new Promise(setImmediate);
  for (const { target } of pairs) target.give(answer);
}
