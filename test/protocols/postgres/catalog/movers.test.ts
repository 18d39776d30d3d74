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

  it('run with types whatever a statement names, and at the end of a transaction', () => {
    const mover = functionRow('19001', 'mover', 'sql', setsPath);
    assert.equal(moversWith([mover], { code: [['t', '17002', '19001']] }).of('select 1'), 'path');
    const deferred = moversWith([mover], { code: [['c', '0', '19001']] });
    assert.equal(deferred.atCommit, 'path');
    assert.equal(deferred.of('commit'), 'nothing');
  });
});
