/** Settings and large objects, which are shown only where nothing masked can have got into them. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { MaskRules } from '../../../../src/facts.ts';
import { countFillers } from '../../../../src/protocols/postgres/catalog/fillers.ts';
import { lineageOf } from '../../../../src/protocols/postgres/lineage/lineage.ts';
import { noSafeFunctions } from '../../../../src/protocols/postgres/lineage/scope.ts';
import { columnMasks } from '../../../../src/protocols/postgres/masks/maskIndex.ts';
import { parserReady } from '../../../../src/protocols/postgres/parse/parse.ts';
import { SessionIndex } from '../../../../src/protocols/postgres/masks/sessionIndex.ts';
import { strongerMask } from '../../../../src/policy/strength.ts';
import type { CatalogRow } from '../../../../src/protocols/postgres/catalog/build.ts';
import { parse, publicPath, shopCatalog, shopRows } from '../catalog/fixture.ts';

before(parserReady);

const rules: MaskRules = {
  columns: [{ rule: 'p/m', schema: '*', table: 'customers', column: 'ssn', mask: { kind: 'redact' } }],
  values: [],
  customDetectors: [],
  safeFunctions: [],
  sealed: true,
};

/** The shop without its own functions, and with one of this language and body. */
function withFunction(language: string, source: string | null, extension: string | null = null, kind = 'f') {
  const head = ['19001', 'public', 'f', language, kind, 'v', 'f', '25', '0', '0', 'f', null, null];
  const row: CatalogRow = [...head, source, extension, null];
  return shopCatalog({ ...shopRows, functions: [row], operators: [], casts: [], aggregates: [] });
}

function kinds(sql: string, settings: boolean, largeObjects: boolean): string {
  const stores = { settings, largeObjects };
  const { head, rest } = lineageOf(parse(sql)?.[0], shopCatalog(), publicPath, noSafeFunctions, stores);
  return [...head, ...(rest === null ? [] : [rest])].map(({ kind }) => kind).join(' ');
}

test('what is read from them is unknown, or computed from the name', () => {
  const sql = "select current_setting('app.x'), current_setting(name), lo_get(1), lo_get(id::int) from customers";
  assert.equal(kinds(sql, false, false), 'opaque opaque opaque opaque');
  assert.equal(kinds(sql, true, true), 'constant expression constant expression');
  assert.equal(kinds('show app.x', false, true), 'opaque');
  assert.equal(kinds('show app.x', true, false), 'constant');
});

test('the names in pg_settings are those of the server', () => {
  const relation = { oid: '12000', columns: ['name', 'setting'] };
  const catalog = shopCatalog({
    ...shopRows,
    relations: [...(shopRows.relations ?? []), [relation.oid, 'pg_catalog', 'pg_settings', 'v']],
    columns: [
      ...(shopRows.columns ?? []),
      ...relation.columns.map((name, at): CatalogRow => [relation.oid, String(at + 1), name, '25', '', null]),
    ],
  });
  const kindsOf = (sql: string): string[] =>
    lineageOf(parse(sql)?.[0], catalog, publicPath).head.map(({ kind }) => kind);
  assert.deepEqual(kindsOf('select current_setting(s.name) from pg_settings s'), ['expression']);
  assert.deepEqual(kindsOf('select current_setting(n) from (select name as n from pg_settings) s'), ['expression']);
  for (const other of [
    "coalesce(name, 'app.x')",
    "'app.' || name",
    'setting',
    "case when true then 'app.x' else name end",
  ])
    assert.deepEqual(kindsOf(`select current_setting(${other}) from pg_settings`), ['opaque'], other);
});

test('functions that could fill them unseen', () => {
  const fills = (language: string, source: string | null, extension: string | null = null, kind = 'f'): string => {
    const catalog = withFunction(language, source, extension, kind);
    return [catalog.mayFill('settings') ? 'settings' : '', catalog.mayFill('large_objects') ? 'objects' : '']
      .join(' ')
      .trim();
  };
  assert.equal(fills('sql', 'select upper($1)'), '');
  assert.equal(fills('sql', "select set_config('app.x', $1, false)"), 'settings');
  assert.equal(fills('sql', "SELECT SET_CONFIG('app.x', $1, false)"), 'settings');
  assert.equal(fills('sql', 'update pg_settings set setting = $1'), 'settings');
  assert.equal(fills('sql', 'select lo_put(1, 0, $1)'), 'objects');
  assert.equal(fills('sql', 'select lowrite(1, $1)'), 'objects');
  assert.equal(fills('sql', 'select hello_world($1)'), '');
  assert.equal(fills('sql', `select U&"s\\0065t_config"('app.x', $1, false)`), 'settings objects');
  assert.equal(fills('sql', "select query_to_xml('se' || $1, true, true, '')"), 'settings objects');
  assert.equal(fills('plpgsql', 'begin return upper(x); end'), '');
  assert.equal(fills('plpgsql', "begin execute 'set ' || x; end"), 'settings objects');
  assert.equal(fills('plpgsql', "begin perform set_config('a.b', x, true); end"), 'settings');
  assert.equal(fills('plpython3u', 'return 1'), 'settings objects');
  assert.equal(fills('sql', null), 'settings objects');
  assert.equal(fills('c', 'symbol'), 'settings objects');
  assert.equal(fills('c', 'symbol', 'hstore'), '');
  assert.equal(fills('plpgsql', 'begin execute x; end', 'partman'), 'settings objects');
  assert.equal(fills('internal', 'aggregate_dummy', null, 'a'), '');
});

test('a function of the server that keeps its arguments, behind an operator or aggregate, fills them', () => {
  assert.equal(shopCatalog().mayFill('settings'), true);
  const rows = { ...shopRows, functions: [], operators: [], casts: [] };
  assert.equal(shopCatalog({ ...rows, aggregates: [['1', '1258', 'textcat']] }).mayFill('settings'), false);
  assert.equal(shopCatalog({ ...rows, aggregates: [['1', '2078', 'set_config']] }).mayFill('settings'), true);
});

test('they are shown under policies that let nothing masked out, to sessions that have seen no other', () => {
  const catalog = withFunction('sql', 'select 1');
  const both = { settings: true, largeObjects: true };
  assert.deepEqual(columnMasks(catalog, rules, strongerMask).stores, both);
  const unsealed = columnMasks(catalog, { ...rules, sealed: false }, strongerMask);
  assert.deepEqual(unsealed.stores, { settings: false, largeObjects: false });

  const fillers = { settings: 0, large_objects: 0 };
  const session = new SessionIndex(strongerMask, fillers, rules);
  assert.deepEqual(session.of(catalog).stores, both);
  assert.equal(session.of(catalog), session.of(catalog));
  session.usePolicy({ ...rules });
  assert.deepEqual(session.of(catalog).stores, both, 'the same rules once more');

  countFillers(fillers, "create function f(text) returns text language sql as 'select set_config(''a.b'', $1, true)'");
  assert.deepEqual(session.of(catalog).stores, { settings: false, largeObjects: true });
  assert.deepEqual(new SessionIndex(strongerMask, fillers, rules).of(catalog).stores, both, 'a new session');
  countFillers(fillers, 'create operator ### (leftarg = oid, rightarg = bytea, function = lo_from_bytea)');
  assert.equal(new SessionIndex(strongerMask, fillers, rules).of(catalog).stores.largeObjects, false);

  const other = new SessionIndex(strongerMask, { settings: 0, large_objects: 0 }, { ...rules, columns: [] });
  other.usePolicy(rules);
  assert.deepEqual(other.of(catalog).stores, { settings: false, largeObjects: true });
});
