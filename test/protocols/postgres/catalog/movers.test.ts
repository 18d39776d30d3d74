/** Which code is known to change what names mean, and by which words a statement reaches it. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { CatalogRow, CatalogRows } from '../../../../src/protocols/postgres/catalog/build.ts';
import type { Movers } from '../../../../src/protocols/postgres/catalog/movers.ts';
import { parserReady } from '../../../../src/protocols/postgres/parse/parse.ts';
import { shopCatalog, shopRows } from './fixture.ts';

before(parserReady);

const setsPath = "select set_config('search_path', $1, false)";

function functionRow(oid: string, name: string, language: string, source: string | null, extension = ''): CatalogRow {
  const owner = extension === '' ? null : extension;
  return [oid, 'public', name, language, 'f', 'v', 'f', '25', '1', '0', 'f', null, null, source, owner, null];
}

/** The shop with these functions alone, and what else is given. */
function moversWith(functions: readonly CatalogRow[], more: CatalogRows = {}): Movers {
  const bare = { ...shopRows, operators: [], casts: [], aggregates: [], constraints: [], inheritance: [] };
  return shopCatalog({ ...bare, functions, ...more }).movers();
}

describe('movers', () => {
  const bodies: readonly (readonly [string, string | null, string])[] = [
    ['sql', 'select upper($1)', 'nothing'],
    ['sql', 'update orders set note = $1', 'nothing'],
    ['sql', setsPath, 'path'],
    ['sql', "select SET_CONFIG ('Role', $1, false)", 'path'],
    ['sql', "select set_config('app.tenant', $1, false)", 'nothing'],
    ['sql', "select set_config('app.tenant', $1, false), set_config($1, 'x', false)", 'path'],
    ['sql', "select set_config/**/('search_path', $1, false)", 'path'],
    ['sql', "select set_config(E'search\\x5fpath', $1, false)", 'path'],
    ['sql', 'update pg_settings set setting = $1', 'path'],
    ['sql', `select U&"s\\0065t_config"('search_path', $1, false)`, 'path'],
    ['sql', 'set search_path = other', 'path'],
    ['sql', 'select 1; reset all', 'path'],
    ['sql', 'set statement_timeout = 1000; select 1', 'nothing'],
    ['sql', 'alter table orders rename to old; select 1', 'schema'],
    ['sql', 'create temp table t (n int)', 'schema'],
    ['sql', 'select ; from set', 'schema'],
    ['sql', null, 'schema'],
    ['plpgsql', 'begin return upper(x); end', 'nothing'],
    ['plpgsql', "begin perform set_config('app.x', x, true); end", 'nothing'],
    ['plpgsql', 'begin set local search_path = other; end', 'path'],
    ['plpgsql', 'begin set/**/role deputy; end', 'path'],
    ['plpgsql', 'begin set/* -- /* */ x\n*/role deputy; end', 'path'],
    ['plpgsql', 'begin set -- /*\n role deputy; end', 'path'],
    ['plpgsql', "begin return '/*'; set role deputy; end", 'path'],
    ['plpgsql', 'begin return 1; /* end */ -- set', 'nothing'],
    ['plpgsql', 'begin alter table orders rename to old; end', 'schema'],
    ['plpython3u', 'return 1', 'path'],
    ['c', 'symbol', 'schema'],
  ];
  for (const [language, source, moves] of bodies) {
    it(`${language}: ${source ?? 'too long'}`, () => {
      const movers = moversWith([functionRow('19001', 'mover', language, source)]);
      assert.equal(movers.of('select mover(1)'), moves);
      assert.equal(movers.of('select 1'), 'nothing');
      assert.equal(movers.none, moves === 'nothing');
      assert.equal(movers.ofNames(['orders', 'mover']), moves);
    });
  }

  it('believes compiled functions of extensions', () => {
    assert.equal(moversWith([functionRow('19001', 'mover', 'c', 'symbol', 'hstore')]).none, true);
  });

  it('are found by any spelling of their names', () => {
    const movers = moversWith([
      functionRow('19001', 'Mover', 'sql', setsPath),
      functionRow('19002', 'odd "name"', 'sql', setsPath),
    ]);
    assert.equal(movers.of('select "Mover"(1)'), 'path');
    assert.equal(movers.of('select MOVER (1)'), 'path');
    assert.equal(movers.of('select "odd ""name"""(1)'), 'path');
    assert.equal(movers.of(`select U&"\\006dover"(1)`), 'path');
    assert.equal(movers.of('select movers(1)'), 'nothing');
  });

  it('are what calls one, however far away', () => {
    const movers = moversWith([
      functionRow('19001', 'first', 'sql', 'select second($1)'),
      functionRow('19002', 'second', 'plpgsql', 'begin return third(x); end'),
      functionRow('19003', 'third', 'sql', setsPath),
      functionRow('19004', 'other', 'sql', 'select 1'),
    ]);
    assert.equal(movers.of('select first(1)'), 'path');
    assert.equal(movers.of('select other(1)'), 'nothing');
  });

  it('stand behind operators, casts and aggregates', () => {
    const mover = functionRow('19001', 'mover', 'sql', setsPath);
    assert.equal(moversWith([mover], { operators: [['===', '19001', null]] }).of("select 'a' === 'b'"), 'path');
    assert.equal(moversWith([mover], { casts: [['25', '19001', null]] }).of('select 1'), 'path');
    const aggregate = functionRow('19002', 'gather', 'internal', 'aggregate_dummy', 'x');
    const gathers = moversWith([aggregate], { aggregates: [['19002', '2078', 'set_config']] });
    assert.equal(gathers.of('select gather(1)'), 'path');
  });

  it('run behind relations, and their parents and those that they reference', () => {
    const mover = functionRow('19001', 'mover', 'sql', setsPath);
    const orders = moversWith([mover], { code: [['r', '16402', '19001']] });
    assert.equal(orders.of('insert into orders values (1)'), 'path');
    assert.equal(orders.of('select * from customers'), 'nothing');
    const direct = moversWith([], { code: [['r', '16402', '0']] });
    assert.equal(direct.of('insert into orders values (1)'), 'path');
    const child = moversWith([mover], { code: [['r', '16402', '19001']], inheritance: [['16402', '16401']] });
    assert.equal(child.of('select * from customers'), 'path');
    const key: CatalogRow = ['16402', 'fk', 'f', '[2]', '16401', '[1]', 'c', 'a', null];
    const cascade = moversWith([mover], { code: [['r', '16402', '19001']], constraints: [key] });
    assert.equal(cascade.of('delete from customers'), 'path');
  });

  it('run with types whatever a statement names, at the end of a transaction and with changes of the schema', () => {
    const mover = functionRow('19001', 'mover', 'sql', setsPath);
    const typed = moversWith([mover], { code: [['t', '17002', '19001']] });
    assert.equal(typed.of('select 1'), 'path');
    assert.equal(typed.ofNames([]), 'path');
    assert.equal(typed.atCommit, 'path');
    assert.equal(typed.atChange, 'path');
    const deferred = moversWith([mover], { code: [['c', '0', '19001']] });
    assert.equal(deferred.atCommit, 'path');
    assert.equal(deferred.atChange, 'nothing');
    assert.equal(deferred.of('commit'), 'nothing');
    assert.equal(deferred.ofNames(['orders', '*', '*commit*', '']), 'nothing');
    const events = moversWith([mover], { code: [['e', '0', '19001']] });
    assert.equal(events.atChange, 'path');
    assert.equal(events.atCommit, 'nothing');
    assert.equal(events.of('create table t ()'), 'nothing');
    assert.equal(moversWith([mover], { code: [['unheard of', '0', '19001']] }).of('select 1'), 'path');
  });

  it('are told from others as the server folds and cuts names', () => {
    // In lower case it is a byte longer each, and would be cut to another name.
    const long = 'Ⱥ'.repeat(31);
    const movers = moversWith([
      functionRow('19001', long, 'sql', setsPath),
      functionRow('19002', 'fΣ', 'sql', setsPath),
      functionRow('19003', 'g½', 'sql', setsPath),
    ]);
    assert.equal(movers.of(`select "${long}"(1)`), 'path');
    assert.equal(movers.of(`select "${long}Ⱥ"(1)`), 'path');
    assert.equal(movers.of('select FΣ(1)'), 'path');
    assert.equal(movers.of('select (t.fΣ::text) from t'), 'path');
    assert.equal(movers.of('select fσ(1)'), 'nothing');
    assert.equal(movers.of('select "g½"(1)'), 'path');
    assert.equal(movers.of('select "g½x"(1)'), 'nothing');
    // Of these the list has names in lower case of every letter.
    assert.equal(movers.ofNames(['orders']), 'path');
  });

  it('are reached by names that no list can tell', () => {
    const movers = moversWith([functionRow('19001', 'a.b', 'sql', setsPath)], { code: [['c', '0', '19002']] });
    assert.equal(movers.ofNames(['b']), 'path');
    assert.equal(movers.of('select "A.b"(1)'), 'path');
    assert.equal(movers.of('select b(1)'), 'nothing');
  });

  it('are reached by literals that are run', () => {
    const movers = moversWith([functionRow('19001', 'mover', 'sql', setsPath)]);
    assert.equal(movers.of("select query_to_xml(E'select \\x6dover(1)', true, true, '')"), 'path');
    assert.equal(movers.of("select E'\\x6dover'"), 'nothing');
  });

  it('run text that is made, where a statement or what it calls names them', () => {
    const functions = [
      functionRow('19001', 'runs', 'plpgsql', 'begin execute x; end'),
      functionRow('19002', 'Runs it', 'plpgsql', 'begin execute x; end'),
      functionRow('19003', 'caller', 'sql', 'select runs($1)'),
      functionRow('19004', 'quotes', 'sql', 'select "Runs it"($1)'),
      functionRow('19005', 'far', 'sql', 'select public.quotes($1)'),
      functionRow('19006', 'other', 'sql', 'select 1 from orders'),
      functionRow('19007', 'gather', 'internal', 'aggregate_dummy', 'x'),
    ];
    const movers = moversWith(functions, {
      code: [
        ['r', '16402', '19001'],
        ['t', '17002', '19003'],
        ['c', '0', '19001'],
        ['e', '0', '19001'],
      ],
      aggregates: [['19007', '19001', null]],
    });
    for (const name of ['runs', '"Runs it"', 'caller', 'quotes', 'far', 'gather'])
      assert.equal(movers.of(`select ${name}('x')`), 'path', name);
    assert.equal(movers.ofNames(['caller']), 'path');
    // What a default, a trigger or a type of the owner's gives them to run is the owner's.
    for (const sql of ['select 1', 'select other()', 'insert into orders values (1)'])
      assert.equal(movers.of(sql), 'nothing', sql);
    assert.equal(movers.atCommit, 'nothing');
    assert.equal(movers.atChange, 'nothing');
  });

  it('are found in time that rises with what there is', () => {
    const chain = Array.from({ length: 2000 }, (_, at) => {
      const source = at === 1999 ? setsPath : `select f${at + 1}($1) + 1 from orders where id = 3 and note = $1`;
      return functionRow(String(20000 + at), `f${at}`, 'sql', source);
    });
    const views = Array.from({ length: 2000 }, (_, at) => String(30000 + at));
    const relations = [...(shopRows.relations ?? []), ...views.map((oid) => [oid, 'public', `v${oid}`, 'v'])];
    const code = [...views.slice(1).map((oid, at) => ['v', views[at], oid]), ['r', '31999', '20000']];
    const unclosed = functionRow('19001', 'c', 'plpgsql', '/*a'.repeat(30_000));
    const catalog = shopCatalog({ ...shopRows, relations, functions: [...chain, unclosed], code });
    const movers = catalog.movers();
    assert.equal(movers.of('select f0(1)'), 'path');
    assert.equal(movers.of('select * from v30000'), 'path');
  });
});
