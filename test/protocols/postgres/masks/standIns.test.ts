import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { MaskRules } from '../../../../src/facts.ts';
import { strongerMask } from '../../../../src/policy/strength.ts';
import type { Catalog, SearchPath } from '../../../../src/protocols/postgres/catalog/catalog.ts';
import { flowOf } from '../../../../src/protocols/postgres/lineage/flow/flow.ts';
import { lineageOf } from '../../../../src/protocols/postgres/lineage/lineage.ts';
import { columnMasks, type ColumnMaskIndex } from '../../../../src/protocols/postgres/masks/maskIndex.ts';
import { statementUse } from '../../../../src/protocols/postgres/masks/maskedUse.ts';
import { parserReady } from '../../../../src/protocols/postgres/parse/parse.ts';
import { parse, shopCatalog, shopRows } from '../catalog/fixture.ts';

before(parserReady);

const rules: MaskRules = {
  columns: [{ rule: 'p/ssn', schema: 'public', table: 'customers', column: 'ssn', mask: { kind: 'redact' } }],
  values: [],
  customDetectors: [],
  safeFunctions: [],
  sealed: true,
};

interface NewColumn {
  readonly name: string;
  readonly typeOid: number;
}

const text = (name: string): NewColumn => ({ name, typeOid: 25 });

/** The shop with a table of these columns in front of `public.customers`. */
function shopBehind(...columns: readonly NewColumn[]): ColumnMaskIndex {
  const catalog: Catalog = shopCatalog({
    ...shopRows,
    relations: [...(shopRows.relations ?? []), ['18001', 'front', 'customers', 'r']],
    columns: [
      ...(shopRows.columns ?? []),
      ...columns.map(({ name, typeOid }, at) => ['18001', String(at + 1), name, String(typeOid), '', null]),
    ],
  });
  return columnMasks(catalog, rules, strongerMask);
}

const settled: SearchPath = { schemas: ['pg_catalog', 'front', 'public'], temp: '' };
const moved: SearchPath = { ...settled, loose: true };

function masksOf(sql: string, index: ColumnMaskIndex, path: SearchPath): string {
  const { head, rest, tail } = lineageOf(parse(sql)?.[0], index.catalog, path);
  return [...head, ...(rest === null ? [] : [rest]), ...tail]
    .map((output) => index.maskOfOutput(output)?.mask.kind ?? 'none')
    .join(' ');
}

test('a session whose names have stayed reads the table in front', () => {
  const index = shopBehind(text('id'), text('ssn'), text('city'));
  assert.equal(masksOf('select c::text, ssn, upper(city) from customers c', index, settled), 'none none none');
});

test('once they have moved, a name stands for every masked table that has it', () => {
  const index = shopBehind(text('id'), text('ssn'), text('city'));
  assert.equal(masksOf('select c::text from customers c', index, moved), 'redact');
  assert.equal(masksOf("select ssn || '' from customers", index, moved), 'redact');
  assert.equal(masksOf('select upper(city), id from customers', index, moved), 'none none');
  assert.equal(masksOf('select c::text, upper(ssn) from front.customers c', index, moved), 'none none');
  assert.equal(masksOf('select upper(note) from orders', index, moved), 'none');
});

test('its columns have no places', () => {
  const index = shopBehind(text('id'), text('city'));
  for (const sql of [
    'select * from customers',
    'table customers',
    'select b from customers as c(a, b)',
    'select s.city from (select * from customers) s',
    'select * from orders o join customers using (id)',
    'select (select c from customers c limit 1)::text',
    'copy customers to stdout',
    'insert into customers select 1, ssn from public.customers returning city',
    'merge into customers c using public.customers o on false when not matched then insert values (1, o.ssn) returning city',
  ])
    assert.match(masksOf(sql, index, moved), /redact|null/, sql);
});

/** Where masked values go, and which masks come back, each with its column. */
function used(sql: string, index: ColumnMaskIndex, path: SearchPath): string {
  const { use, given } = statementUse(flowOf(parse(sql)?.[0], index.catalog, path), index, strongerMask);
  return [
    ...(use?.copies ?? []).map(({ to }) => to),
    ...(use?.unreadable ?? []),
    ...given.map((one) => `${one.column.schema}.${one.column.column} = ${one.given.kind}`),
  ].join(', ');
}

test('what is written goes to all of them, by name and by place', () => {
  const index = shopBehind(text('id'), text('city'), text('ssn'));
  const [front, own] = ['column front.customers.city', 'column public.customers.name'];
  const copies: readonly (readonly [sql: string, to: string])[] = [
    ['insert into customers (id, ssn) select id, ssn from public.customers', 'column front.customers.ssn'],
    ['insert into customers (id, name) select 1, ssn from public.customers', own],
    ['insert into customers select 1, ssn from public.customers', `${front}, ${own}`],
    ['insert into customers select * from public.customers', 'column front.customers.ssn'],
    [
      'merge into customers using public.customers o on false when not matched then insert values (1, o.ssn)',
      `${front}, ${own}`,
    ],
    ["insert into customers values (1, 'x', '[redacted]')", 'public.ssn = literal'],
    ["insert into customers values (1, '[redacted]')", ''],
    ["insert into customers (ssn) values ('[redacted]')", 'public.ssn = literal'],
    ['update customers set ssn = $1', 'public.ssn = parameter'],
    ['update customers set city = $1', ''],
    ['update customers set ssn = coalesce($1, ssn)', ''],
    [
      'insert into customers (id, ssn) values (1, $1) on conflict (id) do update set ssn = excluded.ssn',
      'public.ssn = parameter',
    ],
    ['copy customers (city) to program $$x$$', ''],
    ['copy customers to program $$x$$', 'a program on the server'],
    ['copy customers from stdin', ''],
  ];
  for (const [sql, to] of copies) assert.equal(used(sql, index, moved), to, sql);
});

test('a table like it, with the same masks, changes nothing, unless its types are others', () => {
  const relation = shopCatalog().resolve('public', 'customers', settled);
  assert.ok(relation);
  const everywhere = { ...rules, columns: [{ ...rules.columns[0], schema: '*' }] };
  const hasFront = (columns: readonly NewColumn[]): boolean =>
    columnMasks(shopBehind(...columns).catalog, everywhere, strongerMask)
      .catalog.standIns(relation)
      .some(({ schema }) => schema === 'front');
  assert.ok(!hasFront(relation.columns));
  assert.ok(hasFront(relation.columns.map(({ name }) => text(name))));
});

test('a table like it that is hidden less stands for it', () => {
  const relation = shopCatalog().resolve('public', 'customers', settled);
  assert.ok(relation);
  const less = { ...rules.columns[0], rule: 'p/less', schema: 'front', mask: { kind: 'keep_last', count: 4 } } as const;
  const { catalog } = shopBehind(...relation.columns);
  const index = columnMasks(catalog, { ...rules, columns: [less, rules.columns[0]] }, strongerMask);
  assert.equal(masksOf("select ssn from customers union all select 'x'", index, settled), 'keep_last');
  assert.equal(masksOf("select ssn from customers union all select 'x'", index, moved), 'redact');
  assert.equal(masksOf('copy customers (ssn) to stdout', index, moved), 'redact');
});
