/** Functions that policies vouch for, and what counts as a bare column. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { strongerMask } from '../../../../src/policy/strength.ts';
import type { Catalog } from '../../../../src/protocols/postgres/catalog/catalog.ts';
import { searchPathOf } from '../../../../src/protocols/postgres/catalog/catalog.ts';
import type { CatalogRow } from '../../../../src/protocols/postgres/catalog/build.ts';
import { doubtedCatalog } from '../../../../src/protocols/postgres/catalog/doubted.ts';
import { flowOf } from '../../../../src/protocols/postgres/lineage/flow/flow.ts';
import type { Flow } from '../../../../src/protocols/postgres/lineage/flow/flow.ts';
import { lineageOf } from '../../../../src/protocols/postgres/lineage/lineage.ts';
import { columnMasks } from '../../../../src/protocols/postgres/masks/maskIndex.ts';
import type { ColumnMaskIndex } from '../../../../src/protocols/postgres/masks/maskIndex.ts';
import { statementUse } from '../../../../src/protocols/postgres/masks/maskedUse.ts';
import { parserReady } from '../../../../src/protocols/postgres/parse/parse.ts';
import { parse, publicPath, shopCatalog, shopRows, typeOids } from '../catalog/fixture.ts';

/** Schema, name, language, volatility, returns a set, type of the result, arguments, body. */
const functions: readonly CatalogRow[] = (
  [
    ['shop', 'is_valid', 'plpgsql', 'v', 'f', typeOids.bool, 'begin return x ~ y; end'],
    ['shop', 'is_known', 'sql', 's', 'f', typeOids.bool, 'SELECT EXISTS (SELECT FROM public.orders WHERE note = $1)'],
    ['shop', 'logged', 'sql', 'v', 'f', typeOids.bool, 'INSERT INTO public.orders (note) VALUES ($1); SELECT true'],
    ['shop', 'parts', 'plpgsql', 's', 't', typeOids.text, 'begin return query select x; end'],
    ['shop', 'email', 'plpgsql', 'i', 'f', typeOids.text, 'begin perform 1; return x; end'],
    ['shop', 'left', 'plpgsql', 'i', 'f', typeOids.text, 'begin perform 1; return x; end'],
    ['public', 'is_valid', 'plpgsql', 'i', 'f', typeOids.bool, 'begin perform 1; return x; end'],
  ] as const
).map(([schema, name, language, volatility, set, type, source], at) =>
  // oid, schema, name, language, kind, volatility, set, type, arguments, defaults, variadic, .., source, extension, path
  [
    String(18_200 + at),
    schema,
    name,
    language,
    'f',
    volatility,
    set,
    String(type),
    '2',
    '1',
    'f',
    null,
    null,
    source,
    null,
    null,
  ],
);

/** Name, kind, columns with their types, definition. */
const views = [
  [
    'guess',
    [
      ['id', 23],
      ['s', 25],
    ],
    "SELECT customers.id, NULLIF(customers.ssn, '1'::text) AS s FROM public.customers",
  ],
  ['guess2', [['s', 25]], 'SELECT guess.s FROM public.guess'],
  ['either', [['s', 25]], 'SELECT ssn FROM public.customers UNION ALL SELECT name FROM public.customers'],
  ['valid', [['ok', 16]], 'SELECT shop.is_valid(customers.ssn) FROM public.customers'],
  ['asked', [['ok', 16]], 'SELECT guess.s IS NULL FROM public.guess'],
  ['ring', [['s', 25]], 'SELECT ring.s FROM public.ring WHERE ring.s IS NULL'],
] as const;

let catalog: Catalog;
let vouched: ColumnMaskIndex;
let plain: ColumnMaskIndex;

before(async () => {
  await parserReady();
  const relation = (at: number): string => String(16_600 + at);
  catalog = shopCatalog({
    ...shopRows,
    builtins: [...(shopRows.builtins ?? []), ['left', 'f', null, '1']],
    functions: [...(shopRows.functions ?? []), ...functions],
    relations: [...(shopRows.relations ?? []), ...views.map(([name], at) => [relation(at), 'public', name, 'v'])],
    columns: [
      ...(shopRows.columns ?? []),
      ...views.flatMap(([, columns], at) =>
        columns.map(([name, type], number) => [relation(at), String(number + 1), name, String(type), '', null]),
      ),
    ],
    views: [...(shopRows.views ?? []), ...views.map(([, , definition], at) => [relation(at), definition])],
  });
  const safe = ['is_valid', 'is_known', 'logged', 'parts', 'email'].map((name) => `shop.${name}`);
  vouched = indexWith([
    ...safe,
    'pg_catalog.left',
    'pg_catalog.count',
    'pg_catalog.generate_series',
    'pg_catalog.lo_get',
  ]);
  plain = indexWith([]);
});

function indexWith(safeFunctions: readonly string[]): ColumnMaskIndex {
  const mask = { rule: 'p/m', schema: '*', mask: { kind: 'keep_last', count: 4 } } as const;
  const columns = [
    { ...mask, table: 'customers', column: 'ssn' },
    { ...mask, table: 'customers', column: 'email' },
    { ...mask, table: 'orders', column: 'ship' },
  ];
  return columnMasks(catalog, { columns, values: [], customDetectors: [], safeFunctions, sealed: true }, strongerMask);
}

const shopPath = searchPathOf('shop, public', 'alice', '');

/** `shown` or `masked` for each output, then clauses of probes and places of copies. */
function render(sql: string, index: ColumnMaskIndex, path = publicPath, of = catalog): string {
  const statements = parse(sql);
  assert.ok(statements !== null && statements.length === 1, `does not parse: ${sql}`);
  const flow: Flow = flowOf(statements[0], of, path, index.safe);
  const { head, rest, tail } = flow.lineage;
  assert.deepEqual(flow.lineage, lineageOf(statements[0], of, path, index.safe), 'both walks agree');
  const words: string[] = [...head, ...(rest === null ? [] : [rest]), ...tail].map((output) =>
    index.maskOfOutput(output) === null ? 'shown' : 'masked',
  );
  const { use } = statementUse(flow, index, strongerMask);
  for (const { clause } of use?.probes ?? []) words.push(`probe:${clause}`);
  for (const { to } of use?.copies ?? []) words.push(`copy:${to}`);
  if ((use?.unreadable.length ?? 0) > 0) words.push('unreadable');
  return words.join(' ');
}

type Cases = readonly (readonly [sql: string, expected: string])[];

function check(cases: Cases, index: () => ColumnMaskIndex, path = publicPath): void {
  for (const [sql, expected] of cases) assert.equal(render(sql, index(), path), expected, sql);
}

describe('safe functions', () => {
  it('show nothing of bare columns', () => {
    check(
      [
        ['select shop.is_valid(ssn) from customers', 'shown'],
        ['select shop.is_valid(c.ssn, $1), shop.is_valid(email, name) from customers c', 'shown shown'],
        ['select shop.is_valid(x) from (select ssn as x from customers) t', 'shown'],
        ['select shop.is_valid(ssn::text), shop.is_valid(email::text) from customers', 'shown shown'],
        ['select shop.is_valid((select ssn from customers limit 1))', 'shown'],
        ['select shop.is_valid(ssn) from contacts2', 'shown'],
        ['select not shop.is_valid(ssn) or id = 3 from customers', 'shown'],
        ['select id from customers where shop.is_valid(ssn) order by shop.is_valid(email)', 'shown'],
        ['select left(ssn, 2), pg_catalog.left(ssn, 2) from customers', 'shown shown'],
        ['select ok from valid', 'shown'],
      ],
      () => vouched,
    );
  });

  it('show what anything else tells', () => {
    check(
      [
        ["select shop.is_valid(nullif(ssn, '1')) from customers", 'masked probe:expression copy:function is_valid()'],
        [
          "select shop.is_valid(ssn, nullif(ssn, '1')) from customers",
          'masked probe:expression copy:function is_valid()',
        ],
        ['select shop.is_valid(upper(name)) from customers', 'shown'],
        ['select shop.is_valid(ssn, upper(name)) from customers', 'shown'],
        ["select shop.is_valid(ssn || '') from customers", 'masked probe:expression copy:function is_valid()'],
        ['select shop.is_valid(ssn::varchar(3)) from customers', 'masked probe:expression copy:function is_valid()'],
        ["select shop.is_valid(coalesce(ssn, '1')) from customers", 'masked copy:function is_valid()'],
        [
          'select shop.is_valid(case when id = 3 then ssn end) from customers',
          'masked probe:expression copy:function is_valid()',
        ],
        [
          'select shop.is_valid(coalesce(ssn, email)) from customers',
          'masked copy:function is_valid() copy:function is_valid()',
        ],
        ['select shop.is_valid(s) from guess', 'masked probe:expression copy:function is_valid()'],
        ['select shop.is_valid(s) from guess2', 'masked probe:expression copy:function is_valid()'],
        ['select shop.is_valid(s) from either', 'masked copy:function is_valid()'],
        [
          "select shop.is_valid(x) from (select ssn from customers union all select '1') t(x)",
          'masked copy:function is_valid()',
        ],
        ['select shop.is_valid((select min(ssn) from customers))', 'masked probe:expression copy:function is_valid()'],
        ['select left(upper(ssn), 2) from customers', 'masked'],
        ['select shop.is_valid(nope) from customers', 'masked unreadable'],
        [
          'select id from customers where shop.is_valid(lower(ssn))',
          'shown probe:expression probe:where copy:function is_valid()',
        ],
        ['select ssn, shop.is_valid(ssn) from customers', 'masked shown'],
      ],
      () => vouched,
    );
  });

  it('are those of the very name that is called', () => {
    check(
      [
        ['select public.is_valid(ssn) from customers', 'masked copy:function is_valid()'],
        ['select is_valid(ssn) from customers', 'masked copy:function is_valid()'],
        ['select shop.left(ssn) from customers', 'masked copy:function left()'],
        ['select odd.is_valid(ssn) from customers', 'masked probe:from copy:function is_valid()'],
        ['select upper(ssn) from customers', 'masked'],
        ['select "SHOP".is_valid(ssn) from customers', 'masked probe:from copy:function is_valid()'],
      ],
      () => vouched,
    );
    // On this path the plain name may mean either of two functions, and of `left` one that nobody vouches for.
    check(
      [
        ['select is_valid(ssn) from customers', 'masked copy:function is_valid()'],
        ['select is_known(ssn) from customers', 'shown'],
        ['select left(ssn, 2) from customers', 'masked copy:function left()'],
        ['select pg_catalog.left(ssn, 2) from customers', 'shown'],
      ],
      () => vouched,
      shopPath,
    );
  });

  it('are not rows’ own columns, nor functions that read elsewhere', () => {
    check(
      [
        // Where no function takes a row, `email(c)` is c.email.
        [
          'select shop.email(c) from customers c',
          'masked probe:expression probe:expression copy:function email() copy:function email()',
        ],
        ['select shop.email(ship) from orders', 'masked copy:function email()'],
        ['select shop.email(note) from orders', 'shown'],
        ['select lo_get(id) from customers', 'masked'],
      ],
      () => vouched,
    );
  });

  it('may ask in their bodies, but not write', () => {
    check(
      [
        ['select shop.is_known(email) from customers', 'shown'],
        ['select shop.is_known(lower(email)) from customers', 'masked probe:expression probe:where'],
        ['select shop.logged(email) from customers', 'shown copy:column public.orders.note'],
        ['select id from customers, shop.parts(ssn)', 'shown'],
        ['select id, p from customers, shop.parts(ssn) p', 'shown shown'],
        ['select id from customers, shop.parts(upper(ssn))', 'shown probe:expression probe:from copy:function parts()'],
        ['select shop.parts(ssn) from customers', 'shown'],
      ],
      () => vouched,
    );
  });

  it('have to be named by a policy', () => {
    check(
      [
        ['select shop.is_valid(ssn) from customers', 'masked copy:function is_valid()'],
        ['select shop.is_known(email) from customers', 'shown probe:where'],
        ['select left(ssn, 2) from customers', 'masked'],
        ['select ok from valid', 'masked'],
        ['select id from customers, shop.parts(upper(ssn))', 'shown probe:expression probe:from copy:function parts()'],
      ],
      () => plain,
    );
  });

  it('count for nothing where names are doubted', () => {
    const doubted = doubtedCatalog(catalog, true, 'any');
    for (const sql of ['select shop.is_valid(ssn) from customers', 'select left(ssn, 2) from public.customers'])
      assert.match(render(sql, vouched, publicPath, doubted), /^masked/, sql);
  });
});

describe('counting', () => {
  const cases: Cases = [
    ['select count(ssn), count(distinct ssn), count(*), count(o) from customers, orders o', 'shown shown shown shown'],
    ["select count(nullif(ssn, '1')) from customers", 'masked'],
    ["select count(coalesce(ssn, '1')) from customers", 'shown'],
    ["select count(distinct coalesce(ssn, '1')) from customers", 'masked'],
    ["select count(distinct x) from (select ssn from customers union all select '1') t(x)", 'masked'],
    ["select count(distinct t) from (select ssn from customers union all select '1') t(x)", 'masked probe:expression'],
    ['select count(distinct s) from either', 'masked'],
    ['select count(distinct ssn) from contacts2', 'shown'],
    [
      "select 1 from (select ssn from customers union all select '1') t(x) having count(distinct x) > 1",
      'shown probe:having',
    ],
    ['select count(distinct x) from (select name from customers union all select $1) t(x)', 'shown'],
  ];

  it('tells nothing of columns, and of guesses beside them', () => {
    check(cases, () => plain);
  });

  it('is no other if a policy vouches for it', () => {
    check(cases, () => vouched);
  });
});

describe('views with a question in them', () => {
  it('answer it no more than the question itself would', () => {
    check(
      [
        ["select nullif(ssn, '1') is null from customers", 'masked'],
        ['select s is null from guess', 'masked'],
        ['select s is null from guess2', 'masked'],
        ['select ok from asked', 'masked'],
        ['select count(s) from guess', 'masked'],
        ['select num_nulls(s) from guess2', 'masked'],
        ['select id from guess where s is null', 'shown probe:where'],
        ["select case when s is null then 'x' end from guess", 'masked probe:expression'],
        ['select ssn is null, count(ssn) from contacts2 group by n', 'shown shown'],
        ['select email_lower is null from customers', 'masked'],
        ['select s is null from ring', 'masked'],
      ],
      () => plain,
    );
  });
});
