import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { MaskRules } from '../../../../src/facts.ts';
import { strongerMask } from '../../../../src/policy/strength.ts';
import type { Catalog, SearchPath } from '../../../../src/protocols/postgres/catalog/catalog.ts';
import { lineageOf } from '../../../../src/protocols/postgres/lineage/lineage.ts';
import { columnMasks, type ColumnMaskIndex } from '../../../../src/protocols/postgres/masks/maskIndex.ts';
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
  ])
    assert.match(masksOf(sql, index, moved), /redact|null/, sql);
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
