import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { CatalogRow } from '../../../../src/protocols/postgres/catalog/build.ts';
import { flowOf } from '../../../../src/protocols/postgres/lineage/flow/flow.ts';
import { parserReady } from '../../../../src/protocols/postgres/parse/parse.ts';
import { keyName, parse, publicPath, shopCatalog, shopRows } from '../catalog/fixture.ts';

before(parserReady);

// relation, name, exclusion, primary, columns, plain, expressions, predicate, lasting
const customersKey: CatalogRow = ['16401', 'customers_pkey', 'f', 't', '[1]', 't', '', '', 't'];
const eventsKey: CatalogRow = ['16408', 'events_pkey', 'f', 't', '[1]', 't', '', '', 't'];
const emailIndex: CatalogRow = ['16401', 'customers_email', 'f', 'f', '[4]', 't', '', '', 't'];

function asked(sql: string, indexes: readonly CatalogRow[], further: Partial<typeof shopRows> = {}): string {
  const catalog = shopCatalog({ ...shopRows, ...further, indexes });
  const [ast] = parse(sql) ?? [];
  return flowOf(ast, catalog, publicPath)
    .probes.map(({ clause, sources, opaque }) =>
      opaque ? `${clause}?` : `${clause} ${[...sources].map((key) => keyName(catalog, key)).join('+')}`,
    )
    .join(', ');
}

const grouped = 'select 1 from customers group by id, ssn';

describe('a primary key decides the other columns of its table', () => {
  const cases: readonly (readonly [string, string])[] = [
    [grouped, 'group_by customers.id'],
    ['select ssn, id from customers group by 1, 2', 'group_by customers.id'],
    ['select ssn as a, id as b from customers group by a, b', 'group_by customers.id'],
    ['select 1 from customers c (a, b, d) group by d, c.a', 'group_by customers.id'],
    ['select 1 from public.customers group by public.customers.id, customers.ssn', 'group_by customers.id'],
    ['select 1 from customers group by (id, ssn)', 'group_by customers.id, group_by customers.ssn'],
    ['select 1 from customers group by id, upper(ssn)', 'group_by customers.id, group_by customers.ssn'],
    ['select 1 from customers group by name, ssn', 'group_by customers.name, group_by customers.ssn'],
    ['select ssn from customers order by id, ssn', 'order_by customers.id'],
    ['select ssn from customers order by ssn, id', 'order_by customers.ssn, order_by customers.id'],
    ['select id as ssn, ssn as id from customers order by id, customers.ssn', 'order_by customers.ssn'],
    ['select distinct id, ssn from customers', 'distinct customers.id, distinct customers.ssn'],
    ['select distinct id, ssn from customers order by id', 'distinct customers.id, order_by customers.id'],
    [
      'select distinct id, ssn from customers order by name',
      'distinct customers.id, distinct customers.ssn, order_by customers.name',
    ],
    [
      'select 1 from customers a join customers b using (id) group by id, a.ssn',
      'join customers.id, group_by customers.id, group_by customers.ssn',
    ],
    ['select 1 from contacts group by id, ssn', 'group_by contacts.id, group_by contacts.ssn'],
    ['select 1 from events group by id, ssn', 'group_by events.id'],
    ['select 1 from only events_1 group by id, ssn', 'group_by events_1.id, group_by events_1.ssn'],
  ];
  for (const [sql, expected] of cases) it(sql, () => assert.equal(asked(sql, [customersKey, eventsKey]), expected));
});

describe('what is no such key', () => {
  const all = 'group_by customers.id, group_by customers.ssn';
  const changed = (at: number, value: string | null): CatalogRow => customersKey.with(at, value);
  const cases: readonly (readonly [string, readonly CatalogRow[]])[] = [
    ['no index', []],
    ['a unique index', [changed(3, 'f')]],
    ['an operator class of its own', [changed(5, 'f')]],
    ['an expression', [changed(6, 'lower(name)')]],
    ['one that is deferrable, still being built, or of a table that has had children', [changed(8, 'f')]],
    ['one of a catalog that does not tell', [customersKey.slice(0, 8)]],
    ['one with a further column', [changed(4, '[1,2]')]],
  ];
  for (const [name, indexes] of cases) it(name, () => assert.equal(asked(grouped, indexes), all));

  it('that of a table from which others inherit', () => {
    assert.equal(asked(grouped, [customersKey], { inheritance: [['16402', '16401']] }), all);
  });
});

describe('a column of a unique index may be what the rows are sorted by', () => {
  const both = 'group_by customers.id, group_by customers.email';
  const cases: readonly (readonly [string, string])[] = [
    ['select 1 from customers group by id, email', both],
    ['select count(*) from customers group by id, email order by id', 'group_by customers.id, order_by customers.id'],
    ['select row_number() over () from customers group by id, email order by id', `${both}, order_by customers.id`],
    ['select name from customers group by id, email order by name', `${both}, order_by customers.name`],
  ];
  for (const [sql, expected] of cases) it(sql, () => assert.equal(asked(sql, [customersKey, emailIndex]), expected));
});
