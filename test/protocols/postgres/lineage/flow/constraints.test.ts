/** What constraints tell of stored values when rows are written. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Catalog } from '../../../../../src/protocols/postgres/catalog/catalog.ts';
import { buildCatalog, type CatalogRow } from '../../../../../src/protocols/postgres/catalog/build.ts';
import { doubtedCatalog } from '../../../../../src/protocols/postgres/catalog/doubted.ts';
import { flowOf } from '../../../../../src/protocols/postgres/lineage/flow/flow.ts';
import { parserReady } from '../../../../../src/protocols/postgres/parse/parse.ts';
import { keyName, parse, publicPath, shopCatalog, shopRows } from '../../catalog/fixture.ts';

before(parserReady);

interface Index {
  readonly on?: number;
  readonly keys: readonly number[];
  readonly exclusion?: boolean;
  readonly odd?: boolean;
  readonly expressions?: string | null;
  readonly predicate?: string | null;
}

/** Relations of the fixture: customers and orders, the partitions of events. */
const [customers, orders, events, events1, events1a] = [16401, 16402, 16408, 16409, 16410];

function index(
  name: string,
  { on = customers, keys, exclusion, odd, expressions = '', predicate = '' }: Index,
): CatalogRow {
  const yes = (is: boolean | undefined): string => (is === true ? 't' : 'f');
  return [String(on), name, yes(exclusion), 'f', JSON.stringify(keys), yes(odd !== true), expressions, predicate];
}

function check(expression: string | null, on = customers): CatalogRow {
  return [String(on), 'asked', 'c', '[1]', '0', null, ' ', ' ', expression];
}

/** A foreign key with what happens on deletion. */
function reference(from: number, column: number, to: number, referenced: number, onDelete = 'a'): CatalogRow {
  return [String(from), 'points', 'f', `[${column}]`, String(to), `[${referenced}]`, onDelete, 'a', null];
}

function catalogWith(indexes: readonly CatalogRow[], constraints: readonly CatalogRow[]): Catalog {
  return shopCatalog({ ...shopRows, indexes, constraints });
}

/** `customers.ssn=` where a bare value is compared, `customers.ssn~` where stored or computed values are. */
function asked(catalog: Catalog, sql: string): string {
  const statements = parse(sql);
  assert.ok(statements !== null && statements.length === 1, sql);
  const { probes } = flowOf(statements[0], catalog, publicPath);
  return probes
    .filter(({ clause }) => clause === 'constraint')
    .map(({ sources, opaque, equality, by }) => {
      const names = [...sources].map((key) => keyName(catalog, key)).join('+');
      const mark = opaque ? '?' : equality ? '=' : '~';
      return `${names}${mark}${by?.tells === 'stored' ? '' : by === null ? '' : '!'}`;
    })
    .join(' ');
}

type Cases = readonly (readonly [sql: string, asked: string])[];

function constraintCases(
  name: string,
  indexes: readonly CatalogRow[],
  constraints: readonly CatalogRow[],
  cases: Cases,
): void {
  describe(name, () => {
    for (const [sql, expected] of cases)
      it(sql, () => assert.equal(asked(catalogWith(indexes, constraints), sql), expected));
  });
}

constraintCases(
  'a unique index',
  [index('one', { keys: [3] })],
  [],
  [
    ["insert into customers (id, ssn) values (1, 'x')", 'customers.ssn=!'],
    ['insert into customers (id, ssn) values ($1, $2), (3, null), (4, default)', 'customers.ssn=!'],
    ["insert into customers (ssn) values ('x'::text), ('y')", 'customers.ssn=!'],
    ["insert into customers values (1, 'n', 'x')", 'customers.ssn=!'],
    ["insert into customers (ssn) select 'x' where true", 'customers.ssn=!'],
    ["insert into customers (ssn) values (lower('x'))", 'customers.ssn~!'],
    ["insert into customers (ssn) values ('x'), (lower('x'))", 'customers.ssn~!'],
    ['insert into customers (ssn) select note from orders', 'customers.ssn~! orders.note~'],
    ['insert into customers (ssn) select unnest($1::text[])', 'customers.ssn~!'],
    ["insert into customers (id, name) values (1, 'x')", ''],
    ['insert into customers (id, ssn) values (1, null), (2, null::text), (3, default)', ''],
    ['insert into customers default values', ''],
    ["insert into customers (ssn) values ('x') on conflict do nothing", 'customers.ssn=!'],
    [
      "insert into customers (id, ssn) values (1, 'x') on conflict (id) do update set ssn = excluded.ssn",
      'customers.ssn=!',
    ],
    ['insert into customers (id) values (1) on conflict (id) do update set ssn = excluded.ssn', ''],
    ['insert into customers (id) values (1) on conflict (id) do update set ssn = customers.ssn', ''],
    ["update customers set ssn = 'x'", 'customers.ssn=!'],
    ["update customers set (name, ssn) = ('a', 'x')", 'customers.ssn=!'],
    ["update customers set (name, ssn) = (select 'a', 'x')", 'customers.ssn~!'],
    ['update customers set ssn = left(ssn, 3)', 'customers.ssn~!'],
    ['update customers set ssn = null', ''],
    ['update customers set ssn = default', ''],
    ['update customers set ssn = ssn', ''],
    ['update customers c set ssn = d.ssn from customers d where d.id = 3', 'customers.ssn~!'],
    ['update customers c set ssn = c.ssn from orders o where o.id = c.id', ''],
    ["update customers set name = 'x'", ''],
    ["update contacts set ssn = 'x'", 'customers.ssn=!'],
    ["update contacts2 set ssn = 'x'", 'customers.ssn=!'],
    ['update contacts set id = 3', ''],
    ["explain update customers set ssn = 'x'", ''],
    ["explain analyze update customers set ssn = 'x'", 'customers.ssn=!'],
    ['prepare p as insert into customers (ssn) values ($1)', 'customers.ssn=!'],
    ["merge into customers c using orders o on c.id = o.id when matched then update set ssn = 'x'", 'customers.ssn=!'],
    [
      'merge into customers c using orders o on c.id = o.id when not matched then insert (ssn) values (o.note)',
      'customers.ssn~! orders.note~',
    ],
    ['copy customers from stdin', 'customers.ssn=!'],
    ['copy customers (id, name) from stdin', ''],
    ["copy customers (ssn) from '/tmp/x'", 'customers.ssn~!'],
    ['delete from customers where id = 3', ''],
    ['create table x (a text references customers (ssn))', 'customers.ssn~'],
    ['create table x (a text, foreign key (a) references customers (ssn))', 'customers.ssn~'],
    ["alter table orders add column x text default 'x' references customers (ssn)", 'customers.ssn~'],
    ["create function f() returns void language sql as 'insert into customers (ssn) values (1)'", ''],
  ],
);

constraintCases(
  'an index that compares in its own way',
  [index('one', { keys: [3], odd: true })],
  [],
  [["insert into customers (ssn) values ('x')", 'customers.ssn~!']],
);
constraintCases(
  'an exclusion constraint',
  [index('one', { keys: [3], exclusion: true })],
  [],
  [["insert into customers (ssn) values ('x')", 'customers.ssn~!']],
);
constraintCases(
  'an index over an expression',
  [index('one', { keys: [1], expressions: 'lower(ssn)' })],
  [],
  [
    ["insert into customers (id, ssn) values (1, 'x')", 'customers.id=! customers.ssn~!'],
    ['insert into customers (id) values (1)', 'customers.id=!'],
    ['update customers set id = 3', 'customers.id=! customers.ssn~'],
  ],
);
constraintCases(
  'an index over several columns',
  [index('one', { keys: [2, 3] })],
  [],
  [
    ["insert into customers (name, ssn) values ('n', 'x')", 'customers.name=! customers.ssn=!'],
    ["insert into customers (name) values ('n')", 'customers.name=!'],
    ["update customers set name = 'n'", 'customers.name=! customers.ssn~'],
    ['update customers set name = default', 'customers.ssn~'],
  ],
);
constraintCases(
  'a generated column',
  [index('one', { keys: [7] })],
  [],
  [
    ["insert into customers (email) values ('x')", 'customers.email_lower~!'],
    ["insert into customers (name) values ('x')", ''],
    ['update customers set email = $1', 'customers.email_lower~!'],
  ],
);
constraintCases(
  'a partial index',
  [index('one', { keys: [3], predicate: '(name IS NULL)' })],
  [],
  [
    ["insert into customers (ssn) values ('x')", 'customers.ssn=!'],
    ['update customers set name = null where id = 3', 'customers.ssn~'],
    ['update customers set name = $1 where id = 3', 'customers.ssn~'],
    ["update customers set name = 'gone' where id = 3", ''],
    ['update customers set name = now() where id = 3', ''],
  ],
);
constraintCases(
  'a condition that asks',
  [index('one', { keys: [1], predicate: "((ssn ~~ '1%') AND (name IS NOT NULL))" })],
  [],
  [
    ['insert into customers (id) values (1)', 'customers.id=! customers.ssn~'],
    ["insert into customers (name) values ('x')", ''],
    ["update customers set name = 'x'", 'customers.id~ customers.ssn~'],
    ["update customers set email = 'x'", ''],
  ],
);
constraintCases(
  'definitions that are not known',
  [index('one', { keys: [], expressions: null })],
  [check(null)],
  [
    [
      "update customers set name = 'x' where id = 3",
      'customers.id~ customers.name~! customers.ssn~ customers.email~ customers.tags~ customers.profile~ customers.email_lower~',
    ],
  ],
);

constraintCases(
  'a check',
  [],
  [check('((name <> ssn) OR (email IS NULL))')],
  [
    ["insert into customers (name, ssn) values ('a', 'b')", ''],
    ["update customers set name = 'a'", 'customers.ssn~'],
    ['update customers set email = null', 'customers.ssn~ customers.name~'],
    ["update customers set name = 'a', ssn = 'b'", ''],
    ['update customers set id = 3', ''],
    ['insert into customers (name) select note from orders', 'orders.note~'],
  ],
);
constraintCases(
  'a check of one column',
  [],
  [check("(ssn ~ '^[0-9-]+$')")],
  [
    ["update customers set ssn = 'x'", ''],
    ["update customers set name = 'x'", ''],
  ],
);
constraintCases(
  'a check of whether one is there',
  [],
  [check('((ssn IS NOT NULL) OR (email IS NOT NULL))')],
  [["update customers set email = 'x'", '']],
);

constraintCases(
  'a foreign key',
  [],
  [reference(orders, 3, customers, 3)],
  [
    ["insert into orders (id, note) values (1, 'x')", 'customers.ssn=!'],
    ['insert into orders (note) values (lower($1))', 'customers.ssn~!'],
    ['insert into orders (id, note) values (1, null)', ''],
    ["update orders set note = 'x'", 'customers.ssn=!'],
    ['update orders set id = 3', ''],
    ['copy orders from stdin', 'customers.ssn=!'],
    ['delete from orders', ''],
    ['delete from customers', 'customers.ssn~ orders.note~'],
    ['delete from contacts', 'customers.ssn~ orders.note~'],
    ['update customers set id = 3', ''],
    ['update customers set ssn = $1', 'customers.ssn~ orders.note~'],
    ['merge into customers c using orders o on c.id = o.id when matched then delete', 'customers.ssn~ orders.note~'],
  ],
);
constraintCases(
  'a deletion that goes on',
  [index('one', { on: orders, keys: [2, 3] })],
  [reference(orders, 2, customers, 1, 'n'), reference(customers, 4, orders, 1, 'c')],
  [
    ['delete from orders', 'orders.id~ customers.email~ customers.id~ orders.customer_id~ orders.note~'],
    ['delete from customers', 'customers.id~ orders.customer_id~ orders.note~'],
  ],
);

const partitions = [
  index('own', { on: events1a, keys: [1] }),
  index('all', { on: events, keys: [1, 2] }),
  index('all_1', { on: events1, keys: [1, 2] }),
];
constraintCases(
  'partitions',
  partitions,
  [[String(events), 'partition key', 'k', '[1]', '0', null, null, null, null]],
  [
    ["insert into events (ssn) values ('x')", 'events.ssn=! events_1a.ssn=!'],
    ["insert into events_1a (ssn) values ('x')", 'events_1a.ssn=!'],
    ['insert into events (id) values (3)', 'events.id=!'],
    ['update events set id = 3', 'events.id=! events.ssn~ events_1a.ssn~'],
    ['update events_1a set id = 3', ''],
    ['create table x partition of events for values in (7)', 'events.id~'],
    ['alter table events attach partition events_1 for values in (7)', 'events.id~ events_1.id+events_1.ssn~'],
  ],
);

describe('names that may mean something else', () => {
  const catalog = catalogWith([index('one', { keys: [3] })], []);
  const insert = (table: string): string => `insert into ${table} (ssn) values ('x')`;

  it('behind new tables, those that are known ask, and new ones hold nothing', () => {
    const doubted = doubtedCatalog(catalog, true, 'new_tables');
    assert.equal(asked(doubted, insert('customers')), 'customers.ssn=!');
    assert.equal(asked(doubted, insert('public.customers')), 'customers.ssn=!');
    assert.equal(asked(doubted, insert('unheard_of')), '');
  });

  it('behind anything else, whatever is given may be asked', () => {
    const doubted = doubtedCatalog(catalog, true, 'any');
    assert.equal(asked(doubted, insert('unheard_of')), '?');
    assert.equal(asked(doubted, 'copy unheard_of from stdin'), '?');
    assert.equal(asked(doubted, 'insert into unheard_of (ssn) values (null)'), '');
    assert.equal(asked(doubted, 'insert into unheard_of default values'), '');
  });
});

it('rows that make no sense are refused', () => {
  for (const broken of [
    { indexes: [['1', 'x', 'f', 'f', 'no list', 't', '', '']] },
    { indexes: [['1', null, 'f', 'f', '[1]', 't', '', '']] },
    { constraints: [['1', 'x', 'f', '[1]', '2', '[1, 2]', 'a', 'a', null]] },
    { constraints: [['1', 'x', 'f', '["a"]', '2', '["a"]', 'a', 'a', null]] },
  ]) {
    const built = buildCatalog(broken, parse);
    assert.ok('fault' in built, JSON.stringify(broken));
  }
});
