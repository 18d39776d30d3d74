import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { columnKey, keyAttnum, keyRelation, searchPathOf } from '../../../../src/protocols/postgres/catalog/catalog.ts';
import { buildCatalog, joinCatalogRows } from '../../../../src/protocols/postgres/catalog/build.ts';
import { catalogPrelude, catalogQueries } from '../../../../src/protocols/postgres/catalog/queries.ts';
import { parserReady } from '../../../../src/protocols/postgres/parse/parse.ts';
import { parse, publicPath, shopCatalog, shopRows } from './fixture.ts';

before(parserReady);

describe('searchPathOf', () => {
  const cases: readonly (readonly [string, string | null, readonly string[]])[] = [
    ['"$user", public', '', ['pg_catalog', 'alice', 'public']],
    ['public', 'pg_temp_3', ['pg_temp_3', 'pg_catalog', 'public']],
    ['public, pg_temp', 'pg_temp_3', ['pg_catalog', 'public', 'pg_temp_3']],
    ['Sales, "Sales", "a""b"', '', ['pg_catalog', 'sales', 'Sales', 'a"b']],
    ['public, pg_catalog', '', ['public', 'pg_catalog']],
    ['', null, ['pg_catalog']],
    ['""', '', ['pg_catalog']],
    ['$user,public', '', ['pg_catalog', 'alice', 'public']],
    ['"a, b" , c', '', ['pg_catalog', 'a, b', 'c']],
    ['"never closed', '', ['pg_catalog']],
    ['a b', '', ['pg_catalog']],
  ];
  for (const [setting, temp, schemas] of cases) {
    it(`${setting} with ${temp}`, () => assert.deepEqual(searchPathOf(setting, 'alice', temp).schemas, schemas));
  }
});

describe('buildCatalog', () => {
  it('looks relations up by OID and by name', () => {
    const catalog = shopCatalog();
    assert.equal(catalog.relation(16401)?.name, 'customers');
    assert.equal(catalog.resolve('public', 'customers', publicPath)?.oid, 16401);
    assert.equal(catalog.resolve(null, 'customers', publicPath)?.oid, 16401);
    assert.equal(catalog.resolve(null, 'Customers', publicPath), undefined);
    assert.equal(catalog.resolve('odd', 'Customers', publicPath)?.oid, 16411);
    assert.equal(catalog.resolve(null, 'pg_class', publicPath)?.oid, 1259);
    assert.equal(
      catalog.resolve(null, 'address', publicPath),
      undefined,
      'a composite type is no relation to read from',
    );
    assert.equal(catalog.column(16401, 3)?.name, 'ssn');
    assert.equal(catalog.column(16401, 99), undefined);
    assert.equal(catalog.type(17002)?.baseType, 25);
  });

  it('passes over schemas that may not be used, on a path and not where they are named', () => {
    const front = { schemas: ['pg_catalog', 'odd', 'public'], temp: '' };
    assert.equal(shopCatalog().resolve(null, 'Customers', front)?.schema, 'odd');
    const catalog = shopCatalog({ ...shopRows, unusable: [['odd']] });
    assert.equal(catalog.resolve(null, 'Customers', front), undefined);
    assert.equal(catalog.resolve('odd', 'Customers', front)?.schema, 'odd');
  });

  it('keeps columns in catalog order whatever the order of rows', () => {
    const catalog = shopCatalog({ ...shopRows, columns: shopRows.columns?.toReversed() ?? [] });
    assert.deepEqual(
      catalog.relation(16402)?.columns.map((column) => column.name),
      ['id', 'customer_id', 'note', 'total', 'ship'],
    );
  });

  it('gives every catalog its own version', () => {
    assert.notEqual(shopCatalog().version, shopCatalog().version);
  });

  it('knows partitions both ways', () => {
    const catalog = shopCatalog();
    assert.deepEqual(catalog.relation(16409)?.parents, [16408]);
    assert.deepEqual(catalog.relation(16409)?.children, [16410]);
  });

  it('refuses rows that make no sense', () => {
    for (const broken of [
      { relations: [['x', 'public', 't', 'r']] },
      { relations: [['1', null, 't', 'r']] },
      { relations: [['1', 's', 't', 'r']], columns: [['1', '0', 'c', '25', '', null]] },
      { relations: [['1', 's', 't', 'r']], columns: [['1', '5000', 'c', '25', '', null]] },
      { types: [['25', 'pg_catalog', null, 'b', 'S', '0', '0', '0']] },
      { functions: [['1', 'public', 'f']] },
    ]) {
      const built = buildCatalog(broken, parse);
      assert.ok('fault' in built && built.fault.code === 'BG_CATALOG_UNAVAILABLE', JSON.stringify(broken));
    }
  });

  it('a column of a relation that came too late is left out', () => {
    const built = buildCatalog({ columns: [['77', '1', 'c', '25', '', null]] }, parse);
    assert.ok(!('fault' in built));
    assert.equal(built.column(77, 1), undefined);
  });

  it('joins system and user rows', () => {
    const joined = joinCatalogRows({ types: [['25']] }, { types: [['17001']], views: [['1', 'x']] });
    assert.deepEqual(joined, { types: [['25'], ['17001']], views: [['1', 'x']] });
  });
});

describe('column keys', () => {
  it('round-trip over the whole range of OIDs', () => {
    for (const [relation, attnum] of [
      [1, 1],
      [16401, 1600],
      [4_294_967_295, 1663],
    ] as const) {
      const key = columnKey(relation, attnum);
      assert.ok(Number.isSafeInteger(key));
      assert.deepEqual([keyRelation(key), keyAttnum(key)], [relation, attnum]);
    }
  });
});

describe('catalogQueries', () => {
  it('parse, read only, and qualify every relation they read', () => {
    for (const version of [120_000, 130_000, 140_000, 180_000]) {
      const { system, user } = catalogQueries(version);
      for (const { sql } of [...system, ...user]) {
        const statements = parse(sql);
        assert.equal(statements?.length, 1, sql);
        assert.match(JSON.stringify(statements), /^\[\{"SelectStmt"/);
        for (const from of sql.matchAll(/\b(?:FROM|JOIN) (?!\(|unnest|used )(\S+)/g))
          assert.match(from[1], /^pg_catalog\./);
      }
    }
    assert.equal(parse(catalogPrelude)?.length, 3);
  });

  it('ask for SQL-standard bodies only where they exist', () => {
    const functionsOf = (version: number): string =>
      catalogQueries(version).user.find((query) => query.set === 'functions')?.sql ?? '';
    assert.ok(!functionsOf(130_009).includes('pg_get_function_sqlbody'));
    assert.ok(functionsOf(140_000).includes('pg_get_function_sqlbody'));
  });
});
