/** A hand-made catalog: the rows that the catalog queries would give for a small shop. */
import { buildCatalog, type CatalogRow, type CatalogRows } from '../../../../src/protocols/postgres/catalog/build.ts';
import {
  type Catalog,
  type ColumnKey,
  type ParseSql,
  type SearchPath,
  columnKey,
} from '../../../../src/protocols/postgres/catalog/catalog.ts';
import { parseTrees } from '../../../../src/protocols/postgres/parse/parse.ts';

export const parse: ParseSql = parseTrees;

export const publicPath: SearchPath = { schemas: ['pg_catalog', 'public'], temp: '' };

export const typeOids = {
  bool: 16,
  bytea: 17,
  char: 18,
  name: 19,
  int8: 20,
  int4: 23,
  regclass: 2205,
  text: 25,
  json: 114,
  xml: 142,
  float8: 701,
  inet: 869,
  bpchar: 1042,
  varchar: 1043,
  date: 1082,
  timestamptz: 1184,
  numeric: 1700,
  uuid: 2950,
  jsonb: 3802,
  int4Array: 1007,
  textArray: 1009,
  inetArray: 1041,
  record: 2249,
  anyarray: 2277,
  int4range: 3904,
  citext: 17001,
  usSsn: 17002,
  mood: 17003,
  moodArray: 17004,
  address: 17005,
  customersRow: 17006,
  evil: 17007,
  ssnArray: 17008,
} as const;

/** One row a line; `-` is NULL, `⏎` a line break. */
function rowsOf(text: string, separator: string): CatalogRow[] {
  const lines = text.trim().split('\n');
  return lines.map((line) =>
    line.split(separator).map((value) => (value === '-' ? null : value.replaceAll('⏎', '\n'))),
  );
}

const t = typeOids;

/** oid, schema, name, typtype, typcategory, base type, element type, relation */
const types = rowsOf(
  `
16 pg_catalog bool b B 0 0 0
17 pg_catalog bytea b U 0 0 0
18 pg_catalog char b Z 0 0 0
19 pg_catalog name b S 0 0 0
20 pg_catalog int8 b N 0 0 0
23 pg_catalog int4 b N 0 0 0
2205 pg_catalog regclass b N 0 0 0
25 pg_catalog text b S 0 0 0
114 pg_catalog json b U 0 0 0
142 pg_catalog xml b U 0 0 0
701 pg_catalog float8 b N 0 0 0
869 pg_catalog inet b I 0 0 0
1042 pg_catalog bpchar b S 0 0 0
1043 pg_catalog varchar b S 0 0 0
1082 pg_catalog date b D 0 0 0
1184 pg_catalog timestamptz b D 0 0 0
1700 pg_catalog numeric b N 0 0 0
2950 pg_catalog uuid b U 0 0 0
3802 pg_catalog jsonb b U 0 0 0
1007 pg_catalog _int4 b A 0 23 0
1009 pg_catalog _text b A 0 25 0
1041 pg_catalog _inet b A 0 869 0
2249 pg_catalog record p P 0 0 0
2277 pg_catalog anyarray p P 0 0 0
3904 pg_catalog int4range r R 0 0 0
17001 public citext b S 0 0 0
17002 public us_ssn d S 25 0 0
17003 public mood e E 0 0 0
17004 public _mood b A 0 17003 0
17005 public address c C 0 0 16510
17006 public customers c C 0 0 16401
17007 public evil d S 25 0 0
17008 public _us_ssn b A 0 17002 0
`,
  ' ',
);

interface Table {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  /** Name, type, and for generated columns the expression. */
  readonly columns: readonly (readonly [string, number, string?])[];
  readonly view?: string;
}

const tables: readonly Table[] = [
  {
    oid: 1259,
    schema: 'pg_catalog',
    name: 'pg_class',
    kind: 'r',
    columns: [
      ['oid', t.int4],
      ['relname', t.name],
    ],
  },
  {
    oid: 2619,
    schema: 'pg_catalog',
    name: 'pg_statistic',
    kind: 'r',
    columns: [
      ['starelid', t.int4],
      ['stavalues1', t.anyarray],
    ],
  },
  {
    oid: 12100,
    schema: 'pg_catalog',
    name: 'pg_stats',
    kind: 'v',
    columns: [
      ['tablename', t.name],
      ['most_common_vals', t.anyarray],
    ],
  },
  {
    oid: 16401,
    schema: 'public',
    name: 'customers',
    kind: 'r',
    columns: [
      ['id', t.int4],
      ['name', t.text],
      ['ssn', t.text],
      ['email', t.varchar],
      ['tags', t.textArray],
      ['profile', t.jsonb],
      ['email_lower', t.text, 'lower((email)::text)'],
    ],
  },
  {
    oid: 16402,
    schema: 'public',
    name: 'orders',
    kind: 'r',
    columns: [
      ['id', t.int4],
      ['customer_id', t.int4],
      ['note', t.text],
      ['total', t.numeric],
      ['ship', t.address],
    ],
  },
  {
    oid: 16403,
    schema: 'public',
    name: 'contacts',
    kind: 'v',
    columns: [
      ['id', t.int4],
      ['ssn', t.text],
      ['shout', t.text],
    ],
    view: 'SELECT customers.id, customers.ssn, upper(customers.email::text) AS shout FROM public.customers',
  },
  {
    oid: 16404,
    schema: 'public',
    name: 'contacts2',
    kind: 'v',
    columns: [
      ['ssn', t.text],
      ['n', t.int8],
    ],
    view: 'SELECT contacts.ssn, count(*) OVER () AS n FROM public.contacts',
  },
  {
    oid: 16405,
    schema: 'public',
    name: 'loop_a',
    kind: 'v',
    columns: [['x', t.text]],
    view: 'SELECT loop_b.x FROM public.loop_b',
  },
  {
    oid: 16406,
    schema: 'public',
    name: 'loop_b',
    kind: 'v',
    columns: [['x', t.text]],
    view: 'SELECT loop_a.x FROM public.loop_a',
  },
  { oid: 16407, schema: 'public', name: 'broken', kind: 'v', columns: [['x', t.text]] },
  {
    oid: 16408,
    schema: 'public',
    name: 'events',
    kind: 'p',
    columns: [
      ['id', t.int4],
      ['ssn', t.text],
    ],
  },
  {
    oid: 16409,
    schema: 'public',
    name: 'events_1',
    kind: 'r',
    columns: [
      ['id', t.int4],
      ['ssn', t.text],
    ],
  },
  {
    oid: 16410,
    schema: 'public',
    name: 'events_1a',
    kind: 'r',
    columns: [
      ['ssn', t.text],
      ['id', t.int4],
    ],
  },
  { oid: 16411, schema: 'odd', name: 'Customers', kind: 'r', columns: [['SSN', t.text]] },
  { oid: 16412, schema: 'pg_temp_3', name: 'customers', kind: 'r', columns: [['ssn', t.text]] },
  {
    oid: 16413,
    schema: 'public',
    name: 'snapshot',
    kind: 'm',
    columns: [
      ['s', t.text],
      ['n', t.text],
    ],
    view: 'SELECT c.ssn AS s, o.note AS n FROM public.customers c JOIN public.orders o USING (id)',
  },
  { oid: 16414, schema: 'public', name: 'pg_class', kind: 'r', columns: [['ssn', t.text]] },
  {
    oid: 16510,
    schema: 'public',
    name: 'address',
    kind: 'c',
    columns: [
      ['street', t.text],
      ['ssn', t.text],
    ],
  },
];

/** oid, schema, name, language, kind, volatility, set, return type, args, defaults, variadic, names, modes, source, extension, path */
const functions = rowsOf(
  `
18001¦public¦find_customer¦sql¦f¦s¦t¦17006¦1¦0¦f¦["wanted"]¦-¦SELECT * FROM public.customers WHERE id = wanted¦-¦-
18002¦public¦shout¦sql¦f¦i¦f¦25¦1¦0¦f¦-¦-¦SELECT upper($1)¦-¦-
18003¦public¦pair¦sql¦f¦s¦t¦2249¦1¦0¦f¦["of","a","b"]¦["i","t","t"]¦SELECT ssn, pair.of FROM customers¦-¦-
18004¦public¦again¦sql¦f¦s¦f¦25¦1¦0¦f¦-¦-¦SELECT again($1)¦-¦-
18005¦public¦dynamic¦plpgsql¦f¦v¦f¦25¦1¦0¦f¦["x"]¦-¦begin return (select ssn from customers limit 1); end¦-¦-
18006¦public¦initials¦plpgsql¦f¦i¦f¦25¦1¦0¦f¦["x"]¦-¦begin -- first letters⏎ return upper(substr(x, 1, 2)) || '.'; end¦-¦-
18007¦public¦lower¦plpgsql¦f¦v¦f¦25¦2¦0¦f¦-¦-¦begin return 1; end¦-¦-
18008¦public¦similarity¦c¦f¦i¦f¦701¦2¦0¦f¦-¦-¦similarity¦pg_trgm¦-
18009¦public¦dblink¦c¦f¦v¦t¦2249¦2¦0¦f¦-¦-¦dblink_record¦dblink¦-
18010¦public¦evil_eq¦plpgsql¦f¦v¦f¦16¦2¦0¦f¦-¦-¦begin return true; end¦-¦-
18011¦public¦atomic¦sql¦f¦s¦f¦25¦1¦0¦f¦["x"]¦-¦BEGIN ATOMIC  SELECT customers.ssn FROM public.customers WHERE customers.name = atomic.x; END¦-¦-
18012¦public¦ret¦sql¦f¦i¦f¦25¦1¦1¦f¦["x"]¦-¦RETURN upper(x)¦-¦-
18013¦public¦joined¦sql¦f¦i¦f¦25¦1¦0¦t¦["x"]¦["v"]¦SELECT array_to_string($1, ',')¦-¦-
18014¦public¦other_path¦sql¦f¦s¦f¦25¦0¦0¦f¦-¦-¦SELECT "SSN" FROM "Customers"¦-¦odd
18015¦public¦unsure_path¦sql¦f¦s¦f¦25¦0¦0¦f¦-¦-¦SELECT 1::text¦-¦"$user", public
18016¦public¦total_of¦internal¦a¦i¦f¦25¦1¦0¦f¦-¦-¦aggregate_dummy¦-¦-
18017¦public¦joined_up¦internal¦a¦i¦f¦25¦1¦0¦f¦-¦-¦aggregate_dummy¦-¦-
18018¦public¦kept_in¦internal¦a¦i¦f¦25¦2¦0¦f¦-¦-¦aggregate_dummy¦-¦-
18019¦public¦in_plpgsql¦internal¦a¦i¦f¦25¦1¦0¦f¦-¦-¦aggregate_dummy¦-¦-
18020¦public¦in_sql¦internal¦a¦i¦f¦25¦1¦0¦f¦-¦-¦aggregate_dummy¦-¦-
18021¦public¦add_all¦sql¦f¦i¦f¦25¦2¦0¦f¦-¦-¦SELECT $1 || $2 || (SELECT name FROM public.customers LIMIT 1)¦-¦-
18022¦public¦tell¦sql¦f¦i¦f¦25¦2¦0¦f¦-¦-¦SELECT pg_notify($1, $2)::text¦-¦-
18023¦public¦outputs¦sql¦p¦v¦f¦2249¦2¦0¦f¦["a","b","c"]¦["o","i","b"]¦SELECT name, b FROM public.customers WHERE id = 1¦-¦-
18024¦public¦nothing¦sql¦p¦v¦f¦0¦0¦0¦f¦-¦-¦¦-¦-
18025¦public¦mystery¦plpgsql¦p¦v¦f¦2249¦0¦0¦f¦["a"]¦["o"]¦begin a := 1; end¦-¦-
18026¦public¦whole¦sql¦f¦s¦f¦25¦0¦0¦f¦-¦-¦SELECT ssn FROM customers LIMIT 1¦-¦-
`,
  '¦',
);

const scalarBuiltins =
  'upper lower substr substring md5 length max min sum avg count string_agg array_agg json_agg row_to_json to_json to_jsonb ' +
  'json_build_object jsonb_build_object array_to_string concat format now version lag first_value row_number rank coalesce_dummy ' +
  'query_to_xml current_setting pg_read_file generate_series num_nulls pg_typeof percentile_disc regexp_split_to_table xmlagg ' +
  'jsonb_object_agg reverse encode convert_to lo_get extract position btrim overlay table_to_xml timezone';

const builtins: CatalogRow[] = [
  ...scalarBuiltins.split(' ').map((name): CatalogRow => [name, 'f', null, '1']),
  ['unnest', 't', null, '1'],
  ['json_populate_record', 't', null, '1'],
  ['json_each', 'f', '["key","value"]', '1'],
  ['jsonb_each_text', 'f', '["key","value"]', '1'],
  ['jsonb_array_elements', 'f', '["value"]', '1'],
  ['json_to_recordset', 't', null, '1'],
  ['ts_debug', 'f', '["a","b"]', '2'],
];

export const shopRows: CatalogRows = {
  types,
  functions,
  builtins,
  relations: tables.map((table) => [String(table.oid), table.schema, table.name, table.kind]),
  columns: tables.flatMap((table) =>
    table.columns.map(([name, type, expression], at): CatalogRow => [
      String(table.oid),
      String(at + 1),
      name,
      String(type),
      expression === undefined ? '' : 's',
      expression ?? null,
    ]),
  ),
  views: tables.filter((table) => 'vm'.includes(table.kind)).map((table) => [String(table.oid), table.view ?? null]),
  inheritance: [
    ['16409', '16408'],
    ['16410', '16409'],
  ],
  operators: [
    ['===', '18010', null],
    ['%', '18008', null],
    ['|>', '3036', 'pg_notify'],
    ['|~', '1258', 'textcat'],
    ['|!', '2626', 'pg_sleep'],
    ['|#', '18022', null],
    ['|^', '18002', null],
  ],
  casts: [['17007', '18010', null]],
  aggregates: [
    ['18017', '1258', 'textcat'],
    ['18018', '2078', 'set_config'],
    ['18019', '18005', null],
    ['18020', '18021', null],
  ],
};

export function shopCatalog(rows: CatalogRows = shopRows): Catalog {
  const catalog = buildCatalog(rows, parse);
  if ('fault' in catalog) throw new Error(catalog.fault.detail);
  return catalog;
}

/** `customers.ssn` for a key, with the schema where it is not public. */
export function keyName(catalog: Catalog, key: ColumnKey): string {
  const relation = catalog.relation(Math.floor(key / 4096));
  const column = relation?.columns.find((candidate) => candidate.key === key);
  return `${relation?.schema === 'public' ? '' : `${relation?.schema}.`}${relation?.name}.${column?.name}`;
}

export function keyOf(catalog: Catalog, schema: string, table: string, column: string): ColumnKey {
  const relation = catalog.resolve(schema, table, publicPath);
  const found = relation?.byName.get(column);
  if (relation === undefined || found === undefined) throw new Error(`no column ${schema}.${table}.${column}`);
  return columnKey(relation.oid, found.attnum);
}
