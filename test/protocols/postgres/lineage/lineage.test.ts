import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { type Catalog, searchPathOf } from '../../../../src/protocols/postgres/catalog/catalog.ts';
import {
  type Lineage,
  type OutputLineage,
  lineageOf,
  outputsFor,
} from '../../../../src/protocols/postgres/lineage/lineage.ts';
import { parserReady } from '../../../../src/protocols/postgres/parse/parse.ts';
import { keyName, keyOf, parse, publicPath, shopCatalog, shopRows } from '../catalog/fixture.ts';
import { queryCases } from './queryCases.ts';
import { sourceCases } from './sourceCases.ts';
import { strangeTrees } from '../strangeTrees.ts';

let catalog: Catalog;
before(async () => {
  await parserReady();
  catalog = shopCatalog();
});

const marks = { column: '=', expression: '~', constant: '-', opaque: '?' } as const;

function renderOutput(output: OutputLineage): string {
  const sources = [...output.sources].map((key) =>
    keyName(catalog, key).replace('customers.', 'c.').replace('orders.', 'o.'),
  );
  return `${output.name || '*'}${marks[output.kind]}${sources.sort().join('+')}`;
}

function render(lineage: Lineage): string {
  const rest = lineage.rest === null ? [] : [`..${renderOutput(lineage.rest)}`];
  return [...lineage.head.map(renderOutput), ...rest, ...lineage.tail.map(renderOutput)].join(' ');
}

function lineage(sql: string, path = publicPath, of = catalog): Lineage {
  const statements = parse(sql);
  assert.ok(statements !== null && statements.length === 1, `does not parse: ${sql}`);
  return lineageOf(statements[0], of, path);
}

describe('lineage of each output', () => {
  for (const [section, text] of Object.entries({ ...queryCases, ...sourceCases })) {
    it(section, () => {
      const lines = text.trim().split('\n');
      assert.equal(lines.length % 2, 0);
      for (let at = 0; at < lines.length; at += 2) {
        assert.equal(render(lineage(lines[at])), lines[at + 1].trim().replace(/^=> ?/, ''), lines[at]);
      }
    });
  }

  it('has at least 200 statements', () => {
    const count =
      Object.values({ ...queryCases, ...sourceCases })
        .join('')
        .match(/^ *=>/gm)?.length ?? 0;
    assert.ok(count >= 200, String(count));
  });
});

describe('names', () => {
  it('follow the search path as the server does', () => {
    const odd = searchPathOf('odd, public', 'alice', '');
    assert.equal(render(lineage('select "SSN" from "Customers"', odd)), 'SSN=odd.Customers.SSN');
    assert.equal(render(lineage('select "SSN" from "Customers"')), 'SSN?');
  });

  it('a temporary table of this session comes first', () => {
    const own = searchPathOf('public', 'alice', 'pg_temp_3');
    assert.equal(render(lineage('select ssn from customers', own)), 'ssn=pg_temp_3.c.ssn');
    assert.equal(render(lineage('select ssn from pg_temp.customers', own)), 'ssn=pg_temp_3.c.ssn');
    assert.equal(render(lineage('select ssn from public.customers', own)), 'ssn=c.ssn');
  });

  it('a name that may be some session’s temporary table is undecided when the session’s schema is not known', () => {
    const unsure = searchPathOf('public', 'alice', null);
    assert.equal(render(lineage('select ssn from customers', unsure)), 'ssn?');
    assert.equal(render(lineage('select note from orders', unsure)), 'note=o.note');
  });

  it('a user’s function of a built-in’s name counts beside it', () => {
    const rows = [
      ...(shopRows.functions ?? []),
      [
        '19000',
        'public',
        'upper',
        'plpgsql',
        'f',
        'v',
        'f',
        '25',
        '1',
        '0',
        'f',
        null,
        null,
        'begin return (select ssn from customers); end',
        null,
        null,
      ],
    ];
    const shadowed = shopCatalog({ ...shopRows, functions: rows });
    assert.equal(render(lineage('select upper(name) from customers', publicPath, shadowed)), 'upper?');
    assert.equal(render(lineage('select pg_catalog.upper(name) from customers', publicPath, shadowed)), 'upper~c.name');
    assert.equal(
      render(lineage('select upper(name) from public.customers', searchPathOf('odd', '', ''), shadowed)),
      'upper~c.name',
    );
  });
});

describe('outputsFor', () => {
  it('fills the unknown part and refuses other numbers', () => {
    const open = lineage('select c.id, u.*, c.ssn from customers c, unnest(c.tags) u');
    assert.deepEqual(outputsFor(open, 4)?.map(renderOutput), ['id=c.id', '*~c.tags', '*~c.tags', 'ssn=c.ssn']);
    assert.equal(outputsFor(open, 1), null);
    const closed = lineage('select id, ssn from customers');
    assert.equal(outputsFor(closed, 3), null);
    assert.equal(outputsFor(closed, 2)?.length, 2);
  });

  it('two unknown parts make everything between them one', () => {
    const open = lineage('select u.*, c.ssn, v.*, 1 as one from customers c, unnest(c.tags) u, unnest(array[1]) v');
    assert.equal(render(open), '..*~c.ssn+c.tags one-');
  });
});

describe('limits', () => {
  it('what is too deep is opaque, and what is nearly so is not', () => {
    const chain = (n: number): string => `select ${new Array(n).fill('name').join(' || ')} from customers`;
    assert.equal(render(lineage(chain(800))), '?column?~c.name');
    assert.equal(render(lineage(chain(1500))), '..*?');
    assert.equal(render(lineage(new Array(1800).fill('select name from customers').join(' union '))), 'name=c.name');
    assert.equal(render(lineage(new Array(2500).fill('select name from customers').join(' union '))), '..*?');
  });

  it('stars that double with every level end in opaque and not in memory', () => {
    const levels = Array.from(
      { length: 30 },
      (_, n) => `t${n} as (select * from ${n === 0 ? 'customers a' : `t${n - 1} a, t${n - 1} b`})`,
    );
    assert.equal(render(lineage(`with ${levels.join(', ')} select * from t29`)), '..*?');
  });

  it('a bulk insert is not too large', () => {
    const rows = new Array(10_000).fill("(1, 'x')").join(',');
    assert.equal(
      render(lineage(`insert into orders (id, note) values ${rows} returning id, note`)),
      'id=o.id note=o.note',
    );
  });

  it('functions that call each other end', () => {
    const f = (oid: string, name: string, calls: string): (string | null)[] => [
      oid,
      'public',
      name,
      'sql',
      'f',
      's',
      'f',
      '25',
      '1',
      '0',
      'f',
      null,
      null,
      `SELECT ${calls}($1)`,
      null,
      null,
    ];
    const mutual = shopCatalog({ ...shopRows, functions: [f('19000', 'ping', 'pong'), f('19001', 'pong', 'ping')] });
    assert.equal(render(lineage('select ping(name) from customers', publicPath, mutual)), 'ping?');
  });
});

describe('strange trees', () => {
  it('are opaque and never throw', () => {
    for (const tree of [
      null,
      undefined,
      1,
      'x',
      [],
      {},
      { SelectStmt: null },
      { SelectStmt: [] },
      { Unheard: {} },
      { SelectStmt: { targetList: 1 } },
    ]) {
      assert.doesNotThrow(() => lineageOf(tree, catalog, publicPath));
    }
    const oddTarget = {
      SelectStmt: { targetList: [{ ResTarget: { val: { FutureExpr: { arg: { ColumnRef: {} } } } } }] },
    };
    assert.equal(render(lineageOf(oddTarget, catalog, publicPath)), '?column??');
    const oddFrom = {
      SelectStmt: {
        targetList: [{ ResTarget: { val: { ColumnRef: { fields: [{ String: { sval: 'a' } }] } } } }],
        fromClause: [{ FutureRange: {} }],
      },
    };
    assert.equal(render(lineageOf(oddFrom, catalog, publicPath)), 'a?');
  });

  it('trees with parts replaced or removed at random never throw', () => {
    fc.assert(
      fc.property(strangeTrees(Object.values({ ...queryCases, ...sourceCases })), (tree) => {
        assert.ok(lineageOf(tree, catalog, publicPath).head.length >= 0);
      }),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 3000) },
    );
  });
});

describe('keys', () => {
  it('name one column of one relation', () => {
    assert.equal(keyName(catalog, keyOf(catalog, 'public', 'customers', 'ssn')), 'customers.ssn');
  });
});
