/** The target database: a table of people whose values the detectors would find, made by the server itself. */
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { startPostgres } from '../src/demo/embeddedPostgres.ts';
import type { PostgresServer } from '../src/demo/embeddedPostgres.ts';
import type { Endpoint } from './client.ts';

export const bulkSql = 'select id, name, email, phone, ssn, card, note, created_at from people';
export const pointSql = 'select id, name, email, phone, ssn, card, note, created_at from people where id = $1';
/** One value of 500 MB. */
export const valueSql = "select repeat('Parcel left at the door. ', 20000000) as value";
export const valueBytes = 25 * 20_000_000;

const connectionsMax = 1200;

/** A PostgreSQL for a thousand clients, as every path has it behind itself. Without autovacuum and JIT, which would come and go. */
export async function startTarget(): Promise<PostgresServer> {
  return startPostgres({
    database: 'load',
    settings: {
      autovacuum: false,
      shared_buffers: '512MB',
      max_connections: connectionsMax,
      max_parallel_workers_per_gather: 0,
      // Loading a table in the transaction that makes it then writes no log.
      wal_level: 'minimal',
      max_wal_senders: 0,
      jit: false,
    },
  });
}

/** Makes the table with `rows` rows, and the role that every path logs in with. */
export async function loadPeople(server: PostgresServer, rows: number): Promise<Endpoint> {
  const { host, port, database } = server;
  const client = new Client({ host, port, user: server.superuser, password: server.password, database });
  await client.connect();
  try {
    const password = randomBytes(18).toString('base64url');
    await client.query('begin');
    await client.query(
      'create table people (id int not null, name text, email text, phone text, ssn text, card text, note text, created_at timestamptz)',
    );
    await client.query(peopleSql(rows));
    await client.query('alter table people add primary key (id)');
    await client.query('commit');
    // Freezes rows and sets hint bits now, so that no measured read has to write; reading it all fills the cache.
    await client.query('vacuum (freeze, analyze) people');
    await client.query('select count(note) from people');
    await client.query(`create role load login password '${password}'`);
    await client.query('grant select on people to load');
    return { host, port, user: 'load', password, database };
  } finally {
    await client.end();
  }
}

/** About 150 bytes of text a row; two notes of a hundred hold personal data, the others what staff write all day. */
function peopleSql(rows: number): string {
  const first = 'Ada,Anna,Carlos,Daniel,Elena,Felix,Grace,Hana,Ivan,Leon,Marta,Noah,Olga,Priya,Samir,Zoe';
  const last = 'Bauer,Brown,Costa,Fischer,Hansen,Johnson,Kim,Kumar,Martin,Okafor,Patel,Rossi,Smith,Tanaka,Weber';
  const notes = [
    'Prefers delivery in the evening, no further remarks.',
    'Called about a late parcel; refund promised by Friday.',
    'Loyal customer since the first shop, likes the blue one.',
    'Complained about packaging; voucher over 15 EUR sent.',
    'Order 48213 was split into two parcels of 3.5 kg.',
    'Asked for an invoice with the new address of 2024.',
    'Door code changed, ring at the neighbour instead.',
    'Returned item 7731 unopened, restocked the same day.',
  ];
  const list = (values: readonly string[]): string =>
    `array[${values.map((value) => `'${value.replaceAll("'", "''")}'`).join(', ')}]`;
  return `insert into people
  select id, name, email, phone, ssn, card,
    case when id % 50 <> 0 then (${list(notes)})[1 + (id / 3) % ${notes.length}]
      else (array['Wants invoices to ' || email || ' from now on.', 'Paid by phone with card ' || card || ', voucher sent.',
        'Identity checked on the phone, SSN ' || ssn || '.', 'Call back at ' || phone || ' after five.'])[1 + (id / 50) % 4] end,
    timestamptz '2024-01-01 08:00:00+00' + id * interval '37 seconds'
  from (select id, first || ' ' || last as name,
      lower(first) || '.' || lower(last) || id || '@example.com' as email,
      '+1 ' || 201 + id % 700 || '-555-01' || lpad((id % 100)::text, 2, '0') as phone,
      lpad((1 + id % 660)::text, 3, '0') || '-' || lpad((1 + id % 99)::text, 2, '0') || '-' || lpad((1 + id % 9998)::text, 4, '0') as ssn,
      body || (10 - (${luhnSum}) % 10) % 10 as card
    from (select id, '4' || lpad((id::bigint * 7919 % 100000000000000)::text, 14, '0') as body,
        (${list(first.split(','))})[1 + id % 16] as first, (${list(last.split(','))})[1 + (id / 16) % 15] as last
      from generate_series(1, ${rows}) as series(id)) as raw) as person`;
}

/** Luhn sum over the 15 digits of `body`: those in odd places count double, less 9 where that exceeds 9. */
const luhnSum = Array.from({ length: 15 }, (_, place) => {
  const digits = place % 2 === 0 ? "translate(body, '0123456789', '0246813579')" : 'body';
  return `ascii(substr(${digits}, ${place + 1}, 1)) - 48`;
}).join(' + ');
