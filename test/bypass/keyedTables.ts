/**
 * Tables with masked columns that constraints ask, and no rule that lets anybody ask: `customers` of schema `keyed` and its
 * neighbours, each with its twin `members` and the twins of whatever hangs on it.
 */

/** Those that entries change for good. */
export const keyedTables = ['keyed.customers', 'keyed.members'] as const;

/** Name of what hangs on such a table -> of its twin. */
export const keyedTwins: Readonly<Record<string, string>> = {
  customers_ssn_key: 'members_ssn_key',
  customers_north: 'members_north',
  customer_list: 'member_list',
  logins: 'badges',
};

/** Of each pair, columns with constraints; rows 1 to 6 follow. Row 5 has the number of row 3. */
const pairs: readonly { readonly schema: string; readonly columns: string; readonly more?: string }[] = [
  { schema: 'keyed', columns: 'id int primary key, ssn text unique, city text, slot int' },
  {
    schema: 'keyed_partly',
    columns: 'id int primary key, ssn text, city text, slot int, gone timestamptz',
    more: 'update $t set gone = now() where id = 5; create unique index on $t (ssn) where gone is null',
  },
  {
    schema: 'keyed_by_mask',
    columns: 'id int primary key, ssn text, city text, slot int',
    more: "create unique index on $t (slot) where right(ssn, 1) = '3'",
  },
  {
    schema: 'keyed_lower',
    columns: 'id int primary key, ssn text, city text, slot int',
    more: "update $t set ssn = ssn || '-b' where id = 5; create unique index on $t (lower(ssn))",
  },
  { schema: 'keyed_pairs', columns: 'id int primary key, ssn text, city text, slot int, unique (city, ssn)' },
  {
    schema: 'keyed_excluded',
    columns: 'id int primary key, ssn text, city text, slot int',
    more: "update $t set ssn = ssn || '-b' where id = 5; alter table $t add exclude using hash (ssn with =)",
  },
  {
    schema: 'keyed_checked',
    columns: 'id int primary key, ssn text, city text, slot int, hint text, check (hint <> left(ssn, 4))',
  },
  {
    schema: 'keyed_generated',
    columns: 'id int primary key, ssn text, city text, slot int, folded text generated always as (lower(ssn)) stored',
    more: "update $t set ssn = ssn || '-b' where id = 5; create unique index on $t (folded)",
  },
];

const rows = [1, 2, 3, 4, 5, 6].map((id) => ({ id, number: id === 5 ? 3 : id }));

function rowsOf(table: string, prefix: string, keepTwice: boolean): string {
  const values = rows
    .filter(({ id }) => keepTwice || id !== 5)
    .map(({ id, number }) => `(${id}, '${prefix.repeat(3)}-100${number}', 'Town ${id}', ${id})`);
  return `insert into ${table} (id, ssn, city, slot) values ${values.join(', ')};`;
}

/** @param canary what the masked values are made of, and their twins. */
export function plantKeyedTables(canary: string, twin: string): string {
  const planted = pairs.map(({ schema, columns, more = '' }) => {
    const tables = [
      ['customers', canary],
      ['members', twin],
    ].map(([name, prefix]) => {
      const table = `${schema}.${name}`;
      return `create table ${table} (${columns}); ${rowsOf(table, prefix, schema !== 'keyed')} ${more.replaceAll('$t', table)};`;
    });
    return `create schema ${schema}; ${tables.join('\n')}`;
  });
  const further = [
    'create table keyed.logins (id int primary key, number text references keyed.customers (ssn))',
    'create table keyed.badges (id int primary key, number text references keyed.members (ssn))',
    `insert into keyed.logins values (1, '${canary.repeat(3)}-1001')`,
    `insert into keyed.badges values (1, '${twin.repeat(3)}-1001')`,
    'create view keyed.customer_list as select id, ssn as number, city as place from keyed.customers',
    'create view keyed.member_list as select id, ssn as number, city as place from keyed.members',
    'create schema keyed_parted',
    ...['customers', 'members'].flatMap((name) => [
      `create table keyed_parted.${name} (id int, ssn text, city text, slot int) partition by list (city)`,
      `create table keyed_parted.${name}_north partition of keyed_parted.${name} for values in ('Town 1', 'Town 2', 'Town 3')`,
      `create table keyed_parted.${name}_rest partition of keyed_parted.${name} default`,
      `create unique index on keyed_parted.${name}_north (ssn)`,
      rowsOf(`keyed_parted.${name}`, name === 'customers' ? canary : twin, true).slice(0, -1),
    ]),
    // A masked column that references what everybody may see.
    'create schema keyed_pointing',
    ...['customers', 'members'].flatMap((name) => [
      `create table keyed_pointing.numbers_of_${name} (number text primary key)`,
      `insert into keyed_pointing.numbers_of_${name} select ssn from keyed.${name}`,
      `create table keyed_pointing.${name} (id int primary key, ssn text references keyed_pointing.numbers_of_${name})`,
      `insert into keyed_pointing.${name} select id, ssn from keyed.${name} where id = 3`,
    ]),
  ];
  const schemas = [...pairs.map(({ schema }) => schema), 'keyed_parted', 'keyed_pointing'];
  const grants = schemas.map(
    (schema) => `grant usage on schema ${schema} to gate; grant all on all tables in schema ${schema} to gate`,
  );
  return [...planted, ...further, ...grants].join(';\n');
}
