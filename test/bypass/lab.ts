/**
 * The place where masks and rules are attacked: the sample shop behind a gate with the ready-made policies, and a client with
 * the valid credentials of a masked user.
 *
 * Every masked column holds values that no detector knows, so that nothing but the column's own mask can hide them, and
 * that repeat a short canary, so that any slice of them is recognised: plain, reversed, in hexadecimal and in base64.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Client } from 'pg';
import { loadSampleShop } from '../../src/demo/sampleShop.ts';
import type { PostgresServer } from '../support/postgres.ts';
import { startPostgres } from '../support/postgres.ts';
import { gatePassword, startGate } from '../support/gate.ts';
import type { TestGate } from '../support/gate.ts';
import { canaries } from './leaks.ts';
import { fieldsOf, query, RawClient, rowsOf } from '../support/rawPostgres.ts';
import type { RawMessage } from '../support/rawPostgres.ts';

/** alice and bob are engineers, whose results are masked; dana administers. */
export type LabUser = 'alice' | 'bob' | 'dana';

export interface Lab {
  readonly server: PostgresServer;
  readonly gate: TestGate;
  /** Past the gate, as the owner of everything. */
  readonly direct: Client;
  /** A new session through the gate. */
  connect(user?: LabUser): Promise<RawClient>;
  /** A new session past the gate with the same rights as the gate's. */
  connectDirect(): Promise<RawClient>;
  end(): Promise<void>;
}

export { canaries, leaks } from './leaks.ts';

const plant = `
update customers set ssn = repeat('${canaries.ssn}', 3) || '-' || (1000 + id), card_number = repeat('${canaries.card_number}', 4) || (1000 + id),
  email = 'a' || repeat('${canaries.email}', 3) || id || '@example.com', phone = repeat('${canaries.phone}', 3) || (10 + id),
  city = 'Town ' || id, profile = '{}', notes = 'none';
update payments set card_number = repeat('${canaries.card_number}', 4) || (1000 + id), iban = repeat('${canaries.iban}', 5) || (1000 + id);
create view customer_view as select id, ssn as number, city as place, substr(ssn, 1, 6) as part from customers;
create function clerk(text) returns text language sql immutable as 'select upper($1)';
create role gate login password 'gate';
grant select, insert, update, delete on all tables in schema public to gate;
grant create on database shop to gate;
grant create on schema public to gate;
create role deputy in role pg_read_all_data;
grant deputy to gate;
create schema deputy;
grant all on schema deputy to gate;
`;

/** Lets engineers put masked values elsewhere, so that what they have made can be attacked. */
const copying = `name: copying
applies_to: { groups: [engineering] }
rules:
  - { id: anything, match: { copies: ["*"] }, action: allow }
`;

/** `copies`: masked users may make views and functions over masked columns, which is refused otherwise. */
export async function openLab({ copies = false }: { readonly copies?: boolean } = {}): Promise<Lab> {
  const undos: (() => Promise<void>)[] = [];
  const end = async (): Promise<void> => {
    for (let undo = undos.pop(); undo !== undefined; undo = undos.pop()) await undo();
  };
  const server = await startPostgres({ database: 'shop' });
  undos.push(() => server.stop());
  const { host, port, superuser, password, database } = server;
  const direct = new Client({ host, port, user: superuser, password, database });
  await direct.connect();
  undos.push(() => direct.end());
  await loadSampleShop(direct, 20, () => {});
  await direct.query(plant);
  const credential = { user: 'gate', password: 'gate' };
  const gate = await startGate(
    {
      connections: [{ name: 'shop', server, credential }],
      policies: { ...(await readyMadePolicies()), ...(copies ? { 'copying.yaml': copying } : {}) },
      users: { alice: ['engineering'], bob: ['engineering'], dana: ['dba'] },
    },
    { after: (undo) => void undos.push(undo) },
  );
  const open: RawClient[] = [];
  undos.push(async () => {
    for (const client of open) client.close();
  });
  const keep = (client: RawClient): RawClient => {
    open.push(client);
    return client;
  };
  return {
    server,
    gate,
    direct,
    connect: async (user = 'alice') =>
      keep(
        await RawClient.connect({ host: gate.host, port: gate.port, user, password: gatePassword, database: 'shop' }),
      ),
    connectDirect: async () => keep(await RawClient.connect({ host, port, ...credential, database })),
    end,
  };
}

async function readyMadePolicies(): Promise<Record<string, string>> {
  const directory = join(import.meta.dirname, '..', '..', 'policies');
  const files: Record<string, string> = {};
  for (const name of await readdir(directory)) {
    if (name.endsWith('.yaml') && !name.endsWith('.test.yaml'))
      files[name] = await readFile(join(directory, name), 'utf8');
  }
  return files;
}

/** A step of an attack: SQL for one simple query, or messages to send at once. */
export type Step = string | readonly Uint8Array[];

/** Sends a step and returns all answers up to its last ReadyForQuery, or up to the end of the connection. */
export async function send(client: RawClient, step: Step, cut = false): Promise<RawMessage[]> {
  const messages = typeof step === 'string' ? [query(step)] : step;
  if (!cut) client.send(...messages);
  else {
    for (const byte of Buffer.concat(messages)) {
      client.send(Buffer.of(byte));
      await setImmediate();
    }
  }
  // Query, Sync and FunctionCall.
  let owed = messages.filter((one) => one[0] === 0x51 || one[0] === 0x53 || one[0] === 0x46).length;
  const feeds = messages.some((one) => one[0] === 0x63 || one[0] === 0x66);
  const answers: RawMessage[] = [];
  while (owed > 0) {
    try {
      const next = await client.next();
      answers.push(next);
      if (next.type === 'Z') owed--;
      // A COPY FROM that nobody feeds.
      if (next.type === 'G' && !feeds) client.send(Buffer.from('f\0\0\0\x05\0', 'latin1'));
    } catch {
      return answers;
    }
  }
  return answers;
}

/** First error among the messages, for reports. */
export function errorOf(messages: readonly RawMessage[]): string | null {
  const error = messages.find(({ type }) => type === 'E');
  if (error === undefined) return null;
  const { C, M } = fieldsOf(error);
  return `${C} ${M}`;
}

/** What a benign twin gives: rows as text, or the text of COPY data. */
export function outcome(messages: readonly RawMessage[]): unknown {
  const copied = messages.filter(({ type }) => type === 'd').map(({ body }) => body.toString('latin1'));
  return { sqlstate: errorOf(messages)?.slice(0, 5), rows: rowsOf(messages), copied };
}
