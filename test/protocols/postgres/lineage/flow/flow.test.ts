import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import type { Catalog } from '../../../../../src/protocols/postgres/catalog/catalog.ts';
import type { CatalogRow } from '../../../../../src/protocols/postgres/catalog/build.ts';
import { type OutputLineage, lineageOf } from '../../../../../src/protocols/postgres/lineage/lineage.ts';
import {
  type Flow,
  type FlowDestination,
  type FlowProbe,
  type FlowWrite,
  flowOf,
} from '../../../../../src/protocols/postgres/lineage/flow/flow.ts';
import { parserReady } from '../../../../../src/protocols/postgres/parse/parse.ts';
import { keyName, parse, publicPath, shopCatalog, shopRows } from '../../catalog/fixture.ts';
import { askingCases } from './askingCases.ts';
import { movingCases } from './movingCases.ts';
import { queryCases } from '../queryCases.ts';
import { sourceCases } from '../sourceCases.ts';
import { strangeTrees } from '../../strangeTrees.ts';

const cases: Readonly<Record<string, string>> = { ...askingCases, ...movingCases };

const furtherBuiltins =
  'replace regexp_count regexp_match set_config pg_notify pg_sleep repeat chr sqrt lo_from_bytea lo_put setval pg_advisory_lock setseed int4 ' +
  'pg_logical_emit_message rank grouping left nextval regexp_replace';

/** Of the volatile kind, and procedures, which the shop has none of. */
const furtherFunctions: readonly CatalogRow[] = [
  ['keep', 'sql', 'f', 'v', '1', 'INSERT INTO orders (note) VALUES ($1); SELECT 1::text'],
  ['keep_all', 'sql', 'f', 'v', '0', 'INSERT INTO orders (note) SELECT ssn FROM customers; SELECT 1::text'],
  ['keep_customers', 'sql', 'p', 'v', '0', 'INSERT INTO orders (note) SELECT ssn FROM customers'],
  ['stable_unread', 'plpgsql', 'f', 's', '1', 'begin return (select note from orders where note = $1); end'],
  ['is_known', 'sql', 'f', 's', '1', 'SELECT note FROM orders WHERE note = $1'],
  ['schedule', 'sql', 'f', 's', '1', 'SELECT upper($1)'],
  ['ssn_of', 'sql', 'f', 'i', '1', 'SELECT ssn FROM customers WHERE id = $1', '["23"]'],
  ['greeting', 'sql', 'f', 'i', '1', "SELECT 'Dear ' || $1", '["25"]'],
  ['checked', 'sql', 'f', 'i', '1', 'SELECT length($1)', '["17002"]'],
  ['checked_list', 'sql', 'f', 'i', '1', 'SELECT 1', '["17008"]'],
].map(([name, language, kind, volatility, count, source, types], at) =>
  // oid, schema, name, language, kind, volatility, set, type, arguments, defaults, variadic, .., source, extension, path, types
  [
    String(18_100 + at),
    'public',
    name,
    language,
    kind,
    volatility,
    'f',
    '25',
    count,
    '0',
    'f',
    null,
    null,
    source,
    null,
    null,
    types ?? null,
  ],
);

let catalog: Catalog;
before(async () => {
  await parserReady();
  const further = furtherBuiltins.split(' ').map((name): CatalogRow => [name, 'f', null, '1']);
  catalog = shopCatalog({
    ...shopRows,
    builtins: [...(shopRows.builtins ?? []), ...further],
    functions: [...(shopRows.functions ?? []), ...furtherFunctions],
  });
});

function flow(sql: string): Flow {
  const statements = parse(sql);
  assert.ok(statements !== null && statements.length === 1, `does not parse: ${sql}`);
  return flowOf(statements[0], catalog, publicPath);
}

function shortName(key: Parameters<typeof keyName>[1]): string {
  return keyName(catalog, key)
    .replace(/^customers\./, 'c.')
    .replace(/^orders\./, 'o.');
}

function sources(of: FlowProbe | FlowWrite): string {
  return [...of.sources].map(shortName).sort().join('+');
}

function renderProbe(probe: FlowProbe): string {
  return `${probe.clause}${probe.opaque ? '?' : probe.equality ? '=' : '~'}${sources(probe)}`;
}

function renderDestination(to: FlowDestination): string {
  switch (to.kind) {
    case 'column':
      return shortName(to.key);
    case 'new_table':
      return `new ${to.name}`;
    case 'outside':
      return `outside ${to.what}`;
    case 'unknown':
      return `unknown ${to.reason}`;
  }
}

const marks = { column: '=', expression: '~', constant: '-', opaque: '?' } as const;

function renderWrite(write: FlowWrite): string {
  const given = write.given;
  const value =
    given === null
      ? `${marks[write.valueKind]}${sources(write)}`
      : given.kind === 'literal'
        ? `'${given.text}'`
        : `$${given.number}`;
  return `[${renderDestination(write.to)} < ${value}]`;
}

function render(of: Flow): string {
  return [...of.probes.map(renderProbe), ...of.writes.map(renderWrite)].join(' ');
}

describe('probes and writes of each statement', () => {
  for (const [section, text] of Object.entries(cases)) {
    it(section, () => {
      const lines = text.trim().split('\n');
      assert.equal(lines.length % 2, 0);
      for (let at = 0; at < lines.length; at += 2) {
        assert.equal(render(flow(lines[at])), lines[at + 1].trim().replace(/^=> ?/, ''), lines[at]);
      }
    });
  }

  it('has at least 350 statements', () => {
    const count = Object.values(cases).join('').match(/^ *=>/gm)?.length;
    assert.ok((count ?? 0) >= 350, String(count));
  });
});

describe('lineage', () => {
  const key = (output: OutputLineage): string => `${output.name} ${output.kind} ${[...output.sources].join()}`;

  it('is that of lineageOf for every statement', () => {
    for (const text of Object.values({ ...cases, ...queryCases, ...sourceCases })) {
      for (const sql of text.split('\n').filter((line) => line !== '' && !line.startsWith(' '))) {
        const ast = parse(sql)?.[0];
        const [expected, found] = [lineageOf(ast, catalog, publicPath), flowOf(ast, catalog, publicPath).lineage];
        assert.deepEqual(found.head.map(key), expected.head.map(key), sql);
        assert.deepEqual(found.tail.map(key), expected.tail.map(key), sql);
        assert.equal(found.rest?.kind, expected.rest?.kind, sql);
        assert.equal(found.writes, expected.writes, sql);
      }
    }
  });

  it('does not call a computed value being NULL harmless', () => {
    const kinds = (sql: string): string[] => flow(sql).lineage.head.map((output) => output.kind);
    assert.deepEqual(kinds("select nullif(ssn, 'x') is null, count(nullif(ssn, 'x')) from customers"), [
      'expression',
      'expression',
    ]);
    assert.deepEqual(kinds("select (ssn || current_setting('a.b')) is null, num_nulls(ssn, name) from customers"), [
      'opaque',
      'constant',
    ]);
    assert.deepEqual(kinds('select ssn is null, count(ssn), count(o), (ssn, o) is null from customers c, orders o'), [
      'constant',
      'constant',
      'constant',
      'constant',
    ]);
    assert.deepEqual(kinds("select count(x) from (select nullif(ssn, 'x') as x from customers) t"), ['expression']);
  });
});

describe('limits', () => {
  const chain = (n: number): string => `select 1 from customers where ${new Array(n).fill('name').join(' || ')} = 'x'`;

  it('past them everything may be asked and written', () => {
    assert.equal(render(flow(chain(500))), 'where~c.name');
    assert.equal(render(flow(chain(1500))), 'unknown? [unknown the statement is too large or too deep < ?]');
    const nested = `select 1 ${new Array(1900).fill('where exists (select 1').join(' ')}${')'.repeat(1900)}`;
    const statements = parse(nested);
    if (statements !== null) assert.equal(flowOf(statements[0], catalog, publicPath).probes[0]?.opaque, true);
  });

  it('a long list of parts, rows or terms is not too large', () => {
    const parts = Array.from({ length: 5000 }, (_, n) => `id <> ${n}`).join(' and ');
    assert.equal(render(flow(`select 1 from customers where ${parts} and ssn = 'x'`)), 'where~c.id where=c.ssn');
    const rows = new Array(10_000).fill("(1, 'x', now())").join(',');
    assert.equal(render(flow(`insert into orders (id, note) values ${rows}`)), "[o.id < '1'] [o.note < 'x']");
    const many = Array.from({ length: 10_000 }, (_, n) => `(${n}, 'x${n}')`).join(',');
    assert.equal(flow(`insert into orders (id, note) values ${many}`).writes.length, 20_000);
    const terms = new Array(1500).fill('select name from customers').join(' union all ');
    assert.equal(render(flow(`${terms} order by 1`)), 'order_by~c.name');
  });

  it('branches in branches end', () => {
    let sql = "'x'";
    for (let depth = 0; depth < 200; depth++) sql = `case when ssn like '1%' then ${sql} else coalesce(name, 'y') end`;
    assert.equal(render(flow(`select ${sql} from customers`)), 'expression~c.ssn');
    let filter = 'true';
    for (let depth = 0; depth < 40; depth++) filter = `count(*) filter (where ${filter}) > 0`;
    assert.equal(render(flow(`select 1 from customers having ${filter}`)), '');
  });
});

describe('strange trees', () => {
  it('never throw, and what is not known is unreadable', () => {
    for (const tree of [null, undefined, 1, 'x', [], {}, { SelectStmt: null }, { InsertStmt: [] }, { MergeStmt: {} }])
      assert.doesNotThrow(() => flowOf(tree, catalog, publicPath));
    assert.equal(render(flowOf({ FutureStmt: {} }, catalog, publicPath)), '[unknown FutureStmt is not known < ?]');
    assert.equal(render(flowOf(null, catalog, publicPath)), '[unknown it is not known < ?]');
  });

  it('trees with parts replaced or removed at random never throw', () => {
    fc.assert(
      fc.property(strangeTrees(Object.values(cases)), (tree) => {
        assert.ok(flowOf(tree, catalog, publicPath).probes.length >= 0);
      }),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 3000) },
    );
  });
});
