/** What names mean in bodies, plans and cursors once the path may have moved: also what stands in schemas that are not on it. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import {
  type CatalogRow,
  type CatalogRows,
  joinCatalogRows,
} from '../../../../src/protocols/postgres/catalog/build.ts';
import type { SearchPath } from '../../../../src/protocols/postgres/catalog/catalog.ts';
import { flowOf } from '../../../../src/protocols/postgres/lineage/flow/flow.ts';
import { parserReady } from '../../../../src/protocols/postgres/parse/parse.ts';
import { parse, publicPath, shopCatalog, shopRows } from '../catalog/fixture.ts';

before(parserReady);

const loosePath: SearchPath = { ...publicPath, loose: true };

/** A function of one argument; `returns` is the OID of a type. */
function functionRow(oid: number, schema: string, name: string, source: string, returns = '25'): CatalogRow {
  const head = [String(oid), schema, name, 'sql', 'f', 'v', 'f', returns, '1', '0', 'f', null, null, source];
  return [...head, null, null, '["25"]'];
}

const keeps = 'INSERT INTO public.orders (note) VALUES ($1) RETURNING note';

/** Kinds of the outputs, then where values of columns go, then clauses that ask. */
function found(sql: string, added: CatalogRows, path = loosePath): string {
  const { lineage, probes, writes } = flowOf(parse(sql)?.[0], shopCatalog(joinCatalogRows(shopRows, added)), path);
  const kept = writes.filter(({ sources, opaque }) => opaque || sources.size > 0);
  return [
    ...[...lineage.head, ...(lineage.rest === null ? [] : [lineage.rest])].map(({ kind }) => kind),
    ...kept.map(({ to }) => `>${to.kind}`),
    ...probes.map(({ clause, opaque }) => `${clause}${opaque ? '?' : ''}`),
  ].join(' ');
}

describe('functions', () => {
  it("a user's function counts beside the server's of that name", () => {
    const functions = [
      functionRow(19_001, 'front', 'upper', keeps),
      functionRow(19_002, 'front', 'pg_typeof', 'SELECT $1'),
    ];
    assert.equal(found('select upper(ssn) from customers', { functions }), 'expression >column');
    assert.equal(found('select pg_typeof(ssn) from customers', { functions }), 'expression');
    assert.equal(found('select pg_typeof(ssn) from customers', { functions }, publicPath), 'constant');
    assert.equal(found('select pg_catalog.upper(ssn) from customers', { functions }), 'expression');
    assert.equal(found('select front.upper(ssn) from customers', { functions }), 'expression >column');
  });

  it('in a body on whatever path', () => {
    const functions = [
      functionRow(19_001, 'front', 'upper', keeps),
      functionRow(19_002, 'public', 'calls', 'SELECT 1; SELECT upper($1)'),
    ];
    assert.equal(found('select calls(ssn) from customers', { functions }, publicPath), 'expression >column');
  });

  it('of two with the same source both', () => {
    const functions = [
      functionRow(19_001, 'public', 'same', 'SELECT $1'),
      functionRow(19_002, 'front', 'same', 'SELECT $1', '17002'),
    ];
    assert.equal(found('select same(name) from customers', { functions }, publicPath), 'expression');
    assert.equal(found('select same(name) from customers', { functions }), 'expression expression');
  });

  it('a name that is known nowhere on the path may be a function by the time', () => {
    const functions = [functionRow(19_001, 'front', 'elsewhere', keeps)];
    assert.equal(found('select elsewhere(ssn) from customers', { functions }), 'opaque >outside from');
    assert.equal(
      found('select (row_to_json(c)).elsewhere from customers c', { functions }),
      'opaque >outside expression from',
    );
  });
});

describe('types', () => {
  const typeRow = (oid: number, name: string, kind: string, relation = 0): CatalogRow => [
    String(oid),
    'front',
    name,
    kind,
    kind.toUpperCase(),
    '0',
    '0',
    String(relation),
  ];

  it('of which another schema has one of the name are not known', () => {
    const types = [typeRow(19_001, 'text', 'c')];
    assert.equal(found('select name::text from customers', { types }, publicPath), 'column');
    assert.equal(found('select name::text from customers', { types }), 'opaque >outside expression');
    assert.equal(found('select name::pg_catalog.text from customers', { types }), 'column');
    assert.equal(found('select name::varchar from customers', { types }), 'column');
    const functions = [functionRow(19_002, 'public', 'casts', 'SELECT $1::text')];
    assert.equal(
      found('select casts(name) from customers', { types, functions }, publicPath),
      'opaque >outside expression',
    );
    assert.equal(found('select xmlserialize(content x as text) from xmlforest(1 as a) x', { types }), 'constant');
    assert.equal(
      found('select json_serialize(name returning text) from customers', { types }),
      'expression expression',
    );
    assert.equal(found('select 1 from customers where id = ($1)::text', { types }), 'constant where?');
  });

  it('of enums and plain rows it is no matter which is meant', () => {
    const types = [typeRow(19_001, 'mood', 'e'), typeRow(19_002, 'address', 'c', 16_510)];
    assert.equal(found("select 'sad'::mood", { types }), 'constant');
    assert.equal(found('select null::address', { types }), 'constant');
    const casts: readonly CatalogRow[] = [['19001', '18010', null]];
    assert.equal(found("select 'sad'::mood", { types, casts }), 'opaque');
  });

  it("collations may be anyone's as well", () => {
    assert.equal(found('select name collate "C" from customers', {}, publicPath), 'column');
    assert.equal(found('select name collate "C" from customers', {}), 'expression');
  });
});

describe('tables', () => {
  /** `front.customers` with columns of text, and a unique index on `public.customers.ssn`. */
  const front = (...columns: readonly string[]): CatalogRows => ({
    relations: [['19001', 'front', 'customers', 'r']],
    columns: columns.map((name, at) => ['19001', String(at + 1), name, '25', '', null]),
    indexes: [['16401', 'one', 'f', 'f', '[3]', 't', '', '']],
  });
  const frontPath: SearchPath = { schemas: ['pg_catalog', 'front', 'public'], temp: '' };
  const loose: SearchPath = { ...frontPath, loose: true };
  const named = front('id', 'ssn');

  it('every table of the name has its constraints asked', () => {
    for (const sql of [
      "insert into customers (ssn) values ('x')",
      "insert into customers values (1, 'x', 'y')",
      "update customers set ssn = 'x'",
      "merge into customers c using orders o on false when not matched then insert (ssn) values ('x')",
      "merge into customers c using orders o on false when not matched then insert values (1, 'n', 'x')",
      'copy customers from stdin',
      'copy customers (ssn) from stdin',
    ]) {
      assert.equal(found(sql, named, frontPath).includes('constraint'), false, sql);
      assert.ok(found(sql, named, loose).includes('constraint'), sql);
    }
    assert.equal(found("insert into front.customers (ssn) values ('x')", named, loose), '');
    assert.equal(found("insert into customers (id) values ('x')", named, loose), '');
  });

  it('and every column of the name, or in the place, is written', () => {
    const index = front('a', 'b');
    assert.equal(found('insert into customers (a) select note from orders', index, loose), '>column');
    assert.equal(found('insert into customers select 1, note from orders', index, loose), '>column >column');
    assert.equal(found('insert into customers (c) select note from orders', index, loose), '>unknown');
  });

  it('a key decides other columns only where it is the key of all of them', () => {
    const columns = ['id', 'customer_id', 'note', 'total', 'ship'];
    const key = (oid: number, lasting: string): CatalogRow => [String(oid), 'p', 'f', 't', '[1]', 't', '', '', lasting];
    const rows = (lasting: string): CatalogRows => ({
      relations: [['19001', 'front', 'orders', 'r']],
      columns: columns.map((name, at) => ['19001', String(at + 1), name, '25', '', null]),
      indexes: [key(16_402, 't'), key(19_001, lasting)],
    });
    const sql = 'select count(*) from orders group by id, note';
    assert.equal(found(sql, rows('t'), frontPath), 'constant group_by');
    assert.equal(found(sql, rows('t'), loose), 'constant group_by');
    assert.equal(found(sql, rows('f'), loose), 'constant group_by group_by');
    assert.equal(found(sql, rows('f'), { ...publicPath, loose: true }), 'constant group_by group_by');
    assert.equal(found(sql, rows('f'), publicPath), 'constant group_by');
  });
});

describe('calls', () => {
  it('of what may be a type are casts', () => {
    const types: readonly CatalogRow[] = [['19001', 'front', 'upper', 'd', 'S', '25', '0', '0']];
    assert.equal(found('select upper(name) from customers', { types }), 'expression expression');
    assert.equal(found('select upper(name) from customers', { types }, publicPath), 'expression');
    assert.equal(found('select pg_catalog.upper(name) from customers', { types }), 'expression');
    const ahead: SearchPath = { schemas: ['front', 'pg_catalog', 'public'], temp: '' };
    assert.equal(found('select upper(name) from customers', { types }, ahead), 'expression expression');
  });

  it('that are STABLE write what they call, unless a body in PL/pgSQL computes alone', () => {
    const stable = (oid: number, name: string, source: string): CatalogRow =>
      functionRow(oid, 'public', name, source).map((value, at) => (at === 3 ? 'plpgsql' : at === 5 ? 's' : value));
    const functions = [
      stable(19_001, 'computes', 'begin return upper(x); end'),
      stable(19_002, 'casts', 'begin return x::mood; end'),
    ];
    assert.equal(found('select computes(name) from customers', { functions }), 'expression');
    assert.equal(found('select casts(name) from customers', { functions }), 'opaque >outside');
    const more = [...functions, functionRow(19_003, 'front', 'upper', keeps)];
    assert.equal(found('select computes(name) from customers', { functions: more }), 'opaque >outside');
  });
});

describe('words that are names of functions for older servers', () => {
  const cases: readonly (readonly [name: string, call: string])[] = [
    ['json_array', 'json_array(ssn)'],
    ['json_array', 'json_array(select ssn from customers)'],
    ['json_object', "json_object('a': ssn)"],
    ['json_arrayagg', 'json_arrayagg(ssn)'],
    ['json_objectagg', 'json_objectagg(id: ssn)'],
    ['json', 'json(ssn)'],
    ['json_scalar', 'json_scalar(ssn)'],
    ['json_serialize', 'json_serialize(ssn)'],
    ['json_query', "json_query(profile, '$')"],
    ['json_value', "json_value(profile, '$')"],
    ['json_exists', "json_exists(profile, '$')"],
  ];
  for (const [name, call] of cases) {
    it(call, () => {
      const sql = `select ${call} from customers`;
      const functions = [functionRow(19_001, 'front', name, keeps)];
      const [alone, beside] = [found(sql, {}, publicPath), found(sql, { functions }, publicPath)];
      assert.match(alone, /^expression(?! >)/);
      assert.match(beside, /^opaque >outside(?: .*)? from$/);
    });
  }

  it('merge_action()', () => {
    const sql = 'merge into orders o using customers c on false when matched then do nothing returning merge_action()';
    assert.match(found(sql, {}, publicPath), /^constant/);
    assert.match(
      found(sql, { functions: [functionRow(19_001, 'front', 'merge_action', keeps)] }, publicPath),
      /^opaque/,
    );
  });
});
