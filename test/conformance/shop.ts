/** What the conformance tests share: a small shop with things to mask, the policies for it, and a gate in front. */
import { Client } from 'pg';
import { startPostgres } from '../support/postgres.ts';
import type { PostgresOptions, PostgresServer } from '../support/postgres.ts';
import { gatePassword, startGate } from '../support/gate.ts';
import type { GateOptions, TestGate } from '../support/gate.ts';

export interface Shop {
  readonly server: PostgresServer;
  readonly gate: TestGate;
}

/** Where a client connects to, in the words of `pg`, `postgres` and the raw client alike. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

interface Afterwards {
  after(undo: () => Promise<void>): void;
}

/** Collects what must be undone and undoes it, last first: a gate ends before its target. */
export interface Endings extends Afterwards {
  end(): Promise<void>;
}

export function endings(): Endings {
  const undos: (() => Promise<void>)[] = [];
  return {
    after: (undo) => void undos.unshift(undo),
    end: async () => {
      for (const undo of undos) await undo();
    },
  };
}

/** `free` is touched by no rule, `alice` is masked and blocked, `watched` is masked by detectors only. */
export const users = { free: ['dba'], alice: ['engineering'], watched: ['scanned'] } as const;

export const policies: Readonly<Record<string, string>> = {
  'free.yaml': 'name: free\napplies_to: { groups: [dba] }\ndefault: allow\n',
  'scanned.yaml': `name: scanned
applies_to: { groups: [scanned] }
default: allow
rules:
  - id: pii
    match: { values: [email, credit_card, us_ssn] }
    action: mask
    with: redact
`,
  'engineering.yaml': `name: engineering
applies_to: { groups: [engineering] }
default: allow
rules:
  - id: no-drop
    match: { statement: [drop, truncate] }
    action: block
    message: Schema changes go through migrations.
  - id: no-secret
    match: { objects: ["*.vault"] }
    action: block
  # What may be asked and copied is proven in test/bypass; here masks alone must hold whatever comes.
  - { id: may-ask, match: { probes: ["*.*.*"] }, action: allow }
  - { id: may-copy, match: { copies: ["*.*.*"] }, action: allow }
  - { id: may-run-code, match: { unreadable: true }, action: allow }
  - id: ssn
    match: { columns: ["*.customers.ssn"] }
    action: mask
    with: { keep_last: 4 }
  - id: email
    match: { columns: ["*.customers.email"] }
    action: mask
    with: email
  - id: huge
    match: { columns: ["*.huge.body"] }
    action: mask
    with: { keep_last: 4 }
  - id: profile
    match: { columns: ["*.customers.profile", "*.customers.tags", "*.customers.salary", "*.customers.photo"] }
    action: mask
    with: redact
`,
};

const schema = `
create table customers (
  id int primary key, name text not null, email text, ssn text, salary numeric, tags text[], profile jsonb,
  photo bytea, born date);
insert into customers
  select n, 'name ' || n, 'user' || n || '@example.com', lpad((100 + n % 800)::text, 3, '0') || '-12-' || lpad(n::text, 4, '0'),
         n * 1000.50, array['t' || n, null, 'x,y'], jsonb_build_object('card', '4111 1111 1111 1111', 'n', n),
         decode('00ff' || lpad(to_hex(n), 4, '0'), 'hex'), date '1970-01-01' + n
  from generate_series(1, 100) n;
update customers set email = null, ssn = null, salary = null, tags = null, profile = null, photo = null where id = 100;
create table orders (id serial primary key, customer int references customers, note text, amount numeric(10,2), at timestamptz default now());
insert into orders (customer, note, amount) select 1 + n % 100, 'note ' || n, n * 1.25 from generate_series(1, 1000) n;
create table vault (secret text);
insert into vault values ('the combination');
create table big (id int primary key, body text);
create table huge (id int, body text);
create view customer_view as select id, ssn as number from customers;
create function add_one(int) returns int language sql immutable as 'select $1 + 1';
`;

/** A server with the shop in it. */
export async function openShopServer(context: Afterwards, options: PostgresOptions = {}): Promise<PostgresServer> {
  const server = await startPostgres({ database: 'shop', ...options }, context);
  const client = new Client({
    ...directTo(server),
    ssl: options.tls === undefined ? false : { rejectUnauthorized: false },
  });
  await client.connect();
  await client.query(schema);
  await client.end();
  return server;
}

/** A shop behind a gate; both end with `context`. */
export async function openShop(context: Afterwards, options: Partial<GateOptions> = {}): Promise<Shop> {
  const ending = endings();
  context.after(() => ending.end());
  const server = await openShopServer(ending);
  const gate = await startGate({ connections: [{ name: 'shop', server }], policies, users, ...options }, ending);
  return { server, gate };
}

export function directTo(server: PostgresServer): Address {
  const { host, port, superuser, password, database } = server;
  return { host, port, user: superuser, password, database };
}

export function through(gate: TestGate, user: keyof typeof users = 'alice', database = 'shop'): Address {
  return { host: gate.host, port: gate.port, user, password: gatePassword, database };
}
