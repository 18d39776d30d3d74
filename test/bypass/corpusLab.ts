/**
 * The lab with what the corpus needs besides: twins of the tables with masked columns, masked columns of every kind of
 * type, and a way to put everything back as it was.
 */
import { digestsOf } from './leaks.ts';
import type { Secrets } from './leaks.ts';
import { canaries, openLab, send } from './lab.ts';
import type { Lab } from './lab.ts';
import { twinCanaries } from './corpusFile.ts';
import { keyedTables, plantKeyedTables } from './keyedTables.ts';
import { bind, execute, parse, sync, valuesOf } from '../support/rawPostgres.ts';

export interface CorpusLab extends Lab {
  readonly secrets: Secrets;
  /** Removes what was made and restores what was changed since the lab was opened. */
  reset(): Promise<void>;
}

/** Columns of the types below are masked because the rules name tables `customers` of any schema. */
const typed: readonly { readonly schema: string; readonly type: string; readonly values: readonly string[] }[] = [
  { schema: 'of_bigint', type: 'bigint', values: ['731946285017'] },
  { schema: 'of_int', type: 'int', values: ['731946285'] },
  { schema: 'of_numeric', type: 'numeric', values: ['7319462.8501'] },
  { schema: 'of_float', type: 'double precision', values: ['7319462.8125'] },
  { schema: 'of_date', type: 'date', values: ['1973-11-29'] },
  { schema: 'of_timestamptz', type: 'timestamptz', values: ['1973-11-29 21:33:09+00'] },
  { schema: 'of_uuid', type: 'uuid', values: ['7d1f4c86-2b3a-4e59-9c07-5a6b8d9e0f12'] },
  { schema: 'of_inet', type: 'inet', values: ['203.0.113.77'] },
  { schema: 'of_bytea', type: 'bytea', values: [`\\x${Buffer.from('Zq7kZq7k-1001').toString('hex')}`] },
  { schema: 'of_array', type: 'text[]', values: ['{Zq7kZq7k-1001,Zq7kZq7k-1002}'] },
  { schema: 'of_matrix', type: 'text[]', values: ['{{Zq7kZq7k-1001,a},{b,Zq7kZq7k-1002}}'] },
  { schema: 'of_jsonb', type: 'jsonb', values: ['{"Zq7kZq7k": ["Zq7kZq7k", {"a": "Zq7kZq7k"}]}'] },
  { schema: 'of_json', type: 'json', values: ['{"Zq7kZq7k": "Zq7kZq7k"}'] },
  { schema: 'of_xml', type: 'xml', values: ['<a b="Zq7kZq7k">Zq7kZq7k</a>'] },
  { schema: 'of_composite', type: 'of_composite.person', values: ['(Zq7kZq7k,Zq7kZq7k)'] },
  { schema: 'of_domain', type: 'of_domain.code', values: ['Zq7kZq7k-1001'] },
  { schema: 'of_enum', type: 'of_enum.kind', values: ['Zq7kZq7k'] },
  { schema: 'of_range', type: 'int8range', values: ['[731946285017,731946285019)'] },
  { schema: 'of_multirange', type: 'int8multirange', values: ['{[731946285017,731946285019)}'] },
  { schema: 'of_tsvector', type: 'tsvector', values: [`'Zq7kZq7k':1`] },
  { schema: 'of_name', type: 'name', values: ['Zq7kZq7k-1001'] },
  { schema: 'of_bit', type: 'varbit', values: ['01011010011100010011011101101011'] },
  { schema: 'of_varchar', type: 'varchar(20)', values: ['Zq7kZq7k-1001'] },
  { schema: 'of_point', type: 'point', values: ['(7319462.5,7319463.5)'] },
  { schema: 'of_interval', type: 'interval', values: ['7319462 days'] },
  { schema: 'of_money', type: 'money', values: ['$7,319,462.85'] },
];

const plantTypes = [
  'create schema of_composite; create type of_composite.person as (name text, ssn text)',
  'create schema of_domain; create domain of_domain.code as text',
  "create schema of_enum; create type of_enum.kind as enum ('other', 'Zq7kZq7k')",
  ...typed.map(
    ({ schema, type, values }) => `create schema if not exists ${schema};
create table ${schema}.customers (id int primary key, ssn ${type}, city text);
insert into ${schema}.customers values (1, '${values[0].replaceAll("'", "''")}', 'Town 1'), (2, null, 'Town 2');
create table ${schema}.members (id int primary key, ssn ${type}, city text);
insert into ${schema}.members values (1, '${twinCanary(values[0]).replaceAll("'", "''")}', 'Town 1'), (2, null, 'Town 2');
grant usage on schema ${schema} to gate; grant all on all tables in schema ${schema} to gate;`,
  ),
].join(';\n');

function twinCanary(text: string): string {
  // An enum has only the labels that were declared.
  return text === 'Zq7kZq7k' ? text.replaceAll('Zq7kZq7k', 'other') : text.replaceAll('Zq7k', twinCanaries['Zq7k']);
}

// The twin of a mail address must not look like one, or a detector would mask it wherever it stands.
const plantTwins = `
create table members (like customers including all);
insert into members select * from customers;
update members set ssn = replace(ssn, '${canaries.ssn}', '${twinCanaries['Zq7k']}'), card_number = replace(card_number, '${canaries.card_number}', '${twinCanaries['Wm3x']}'),
  email = replace(replace(email, '${canaries.email}', '${twinCanaries['Jv8h']}'), '@', ' at '), phone = replace(phone, '${canaries.phone}', '${twinCanaries['Gf5t']}');
create table receipts (like payments including all);
insert into receipts select * from payments;
update receipts set card_number = replace(card_number, '${canaries.card_number}', '${twinCanaries['Wm3x']}'), iban = replace(iban, '${canaries.iban}', '${twinCanaries['Lr9d']}');
create view member_view as select id, ssn as number, city as place, substr(ssn, 1, 6) as part from members;
create sequence ticket;
grant all on all tables in schema public to gate; grant all on all sequences in schema public to gate;
grant pg_read_server_files, pg_write_server_files, pg_execute_server_program to gate;
grant execute on all functions in schema pg_catalog to gate;
analyze;
`;

/** Tables that attacks try to destroy: made again where one did. */
const breakable = [
  {
    name: 'victim',
    sql: "create table victim (n int, name text); insert into victim values (1, 'a'), (2, 'b'); alter table victim owner to gate",
  },
  {
    name: 'scratch',
    sql: `create table scratch (id int primary key, a text, b text unique, j jsonb, n int check (n < 1000));
insert into scratch values (1, 'one', 'b1', '{"k": 1}', 10), (2, 'two', 'b2', '{"k": [1, 2]}', 20), (3, 'three', 'b3', '{}', 30);
alter table scratch owner to gate`,
  },
];

/** Objects that were there when the lab was opened have smaller numbers; later ones go, whoever made them. */
const removal = `
do $reset$
declare one record; floor oid := (select floor from lab.marks); patience timestamptz := clock_timestamp() + interval '10s';
begin
  -- The server drops the temporary objects of a session that has ended, which takes locks in another order than what follows.
  while exists (
    select from pg_namespace n where nspname ~ '^pg_temp_'
      and (exists (select from pg_class where relnamespace = n.oid) or exists (select from pg_proc where pronamespace = n.oid)
        or exists (select from pg_type where typnamespace = n.oid))
  ) loop
    if clock_timestamp() > patience then raise exception 'a session of the entry has not ended'; end if;
    perform pg_sleep(0.001);
  end loop;
  for one in select format('%I', nspname) as name from pg_namespace where oid > floor and nspname !~ '^pg_' loop
    -- What went with something else has no name any more, only a number.
    continue when one.name ~ '^[0-9]';
    execute 'drop schema ' || one.name || ' cascade';
  end loop;
  for one in select c.oid::regclass::text as name, relkind as kind from pg_class c join pg_namespace n on n.oid = relnamespace
    where c.oid > floor and relkind in ('r', 'v', 'm', 'S', 'f', 'p') and nspname !~ '^pg_'
    -- The sequence of an identity column goes with its table, and never by itself.
    order by relkind = 'S' loop
    continue when one.name ~ '^[0-9]';
    execute 'drop ' || case one.kind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' when 'f' then 'foreign table' else 'table' end
      || ' if exists ' || one.name || ' cascade';
  end loop;
  for one in select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = relnamespace
    where c.oid > floor and relkind in ('i', 'I') and nspname !~ '^pg_' loop
    continue when one.name ~ '^[0-9]';
    execute 'drop index if exists ' || one.name;
  end loop;
  for one in select oid::regprocedure::text as name, prokind as kind from pg_proc where oid > floor loop
    continue when one.name ~ '^[0-9]';
    execute 'drop routine if exists ' || one.name || ' cascade';
  end loop;
  for one in select oid::regoperator::text as name from pg_operator where oid > floor loop
    continue when one.name ~ '^[0-9]';
    execute 'drop operator if exists ' || one.name || ' cascade';
  end loop;
  for one in select format('%I on %s', tgname, tgrelid::regclass) as name from pg_trigger where oid > floor and not tgisinternal loop
    continue when one.name ~ '^[0-9]';
    execute 'drop trigger if exists ' || one.name;
  end loop;
  for one in select format('%I on %s', rulename, ev_class::regclass) as name from pg_rewrite where oid > floor and rulename <> '_RETURN' loop
    continue when one.name ~ '^[0-9]';
    execute 'drop rule if exists ' || one.name;
  end loop;
  for one in select format('alter table %s drop constraint if exists %I', conrelid::regclass, conname) as sql from pg_constraint where oid > floor and conrelid <> 0 loop
    execute one.sql;
  end loop;
  for one in select oid::regtype::text as name from pg_type where oid > floor and typtype in ('e', 'd', 'c') and typrelid not in (select oid from pg_class where relkind <> 'c') loop
    continue when one.name ~ '^[0-9]';
    execute 'drop type if exists ' || one.name || ' cascade';
  end loop;
  perform lo_unlink(oid) from pg_largeobject_metadata;
end $reset$`;

const kept = [
  'customers',
  'payments',
  'members',
  'receipts',
  'orders',
  'order_items',
  'products',
  'victim',
  'scratch',
  ...keyedTables,
];

export async function openCorpusLab(): Promise<CorpusLab> {
  const lab = await openLab();
  try {
    const { direct } = lab;
    await direct.query(`${plantTypes};\n${plantTwins}`);
    await direct.query(plantKeyedTables(canaries.ssn, twinCanaries[canaries.ssn]));
    await direct.query(breakable.map(({ sql }) => sql).join(';'));
    // Sessions that are on their way out may hold locks for a moment; reset waits for them, but not for ever.
    await direct.query("set lock_timeout = '5s'");
    await direct.query('create schema lab; create table lab.marks (floor oid)');
    await direct.query(
      'insert into lab.marks select max(oid) from (select oid from pg_class union all select oid from pg_proc union all select oid from pg_trigger union all select oid from pg_rewrite union all select oid from pg_constraint union all select oid from pg_type) z',
    );
    const before = await contents(lab);
    const secrets = await secretsOf(lab);
    const notice = await noticing(lab);
    const put = async (): Promise<void> => {
      await reset(lab, before);
      await notice();
    };
    return { ...lab, secrets, reset: put };
  } catch (error) {
    await lab.end();
    throw error;
  }
}

/**
 * Makes the gate read the catalog anew. What changes past it, it would find out by itself, but in the middle of another entry,
 * whose benign statement would be hidden for it.
 */
async function noticing(lab: Lab): Promise<() => Promise<void>> {
  const administrator = await lab.connect('dana');
  return async () => {
    await send(administrator, 'create schema lab_noticed; drop schema lab_noticed');
  };
}

/** Table -> all its rows as JSON. One statement for all tables, since this runs after every entry that commits. */
async function contents({ direct }: Lab): Promise<Map<string, string>> {
  const each = kept.map(
    (table) =>
      `select '${table}' as name, coalesce(jsonb_agg(to_jsonb(t) order by to_jsonb(t)), '[]')::text as rows from ${table} t`,
  );
  const { rows } = await direct.query<{ name: string; rows: string }>(each.join(' union all '));
  return new Map(rows.map((table) => [table.name, table.rows]));
}

async function reset(lab: Lab, before: ReadonlyMap<string, string>): Promise<void> {
  const { direct } = lab;
  await direct.query(removal);
  const there = await direct.query<{ name: string }>(
    'select name from unnest($1::text[]) as name where to_regclass(name) is not null',
    [breakable.map(({ name }) => name)],
  );
  for (const { name, sql } of breakable) if (!there.rows.some((one) => one.name === name)) await direct.query(sql);
  const now = await contents(lab);
  const changed = kept.filter((table) => now.get(table) !== before.get(table));
  if (changed.length === 0) return;
  await direct.query("begin; set local session_replication_role = 'replica'");
  for (const table of changed) {
    await direct.query(`delete from ${table}`);
    await direct.query(`insert into ${table} select * from jsonb_populate_recordset(null::${table}, $1::jsonb)`, [
      before.get(table),
    ]);
  }
  await direct.query('commit');
}

async function secretsOf(lab: Lab): Promise<Secrets> {
  const cells = new Map<string, string>();
  for (const column of ['ssn', 'email', 'phone', 'card_number']) {
    const { rows } = await lab.direct.query<{ raw: string; numbers: string[] }>(
      `select ${column} as raw, array[hashtext(${column})::text, hashtextextended(${column}, 0)::text, crc32(${column}::bytea)::text, crc32c(${column}::bytea)::text] as numbers from customers`,
    );
    for (const { raw, numbers } of rows)
      for (const digest of [...numbers, ...digestsOf(raw)]) cells.set(digest, column);
  }
  const texts = new Map<string, string>();
  const bytes: { name: string; value: Buffer }[] = [];
  const client = await lab.connectDirect();
  for (const { schema, values } of typed) {
    // A canary is found wherever it stands.
    if (values[0].includes(canaries.ssn)) continue;
    texts.set(values[0].replaceAll(/^[[{(\\x]+|[)\]}]+$/g, ''), schema);
    const sql = `select ssn from ${schema}.customers where id = 1`;
    const seen = await send(client, [parse('', sql), bind('', '', [], [1]), execute(''), sync]);
    for (const row of seen.filter(({ type }) => type === 'D'))
      for (const value of valuesOf(row)) if (value !== null && value.length >= 4) bytes.push({ name: schema, value });
  }
  client.close();
  return { texts, bytes, cells };
}
