import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOptions } from '../../loadtest/options.ts';

const wrong = (args: readonly string[]): string => {
  const options = readOptions(args, {});
  assert.ok(typeof options === 'object' && 'wrong' in options, JSON.stringify(options));
  return options.wrong;
};

test('the ordinary runs', () => {
  assert.equal(readOptions(['--help'], {}), 'help');
  assert.deepEqual(readOptions(['--quick', '--only', 'bulk', '--only', 'value', '--json', 'r.json'], {}), {
    quick: true,
    only: ['bulk', 'value'],
    json: 'r.json',
    html: null,
    budgets: null,
    own: null,
  });
});

test('an own gate by DSN, and by host and port with the rest from --dsn or the environment', () => {
  const query = ['--query', 'select 1'];
  const options = readOptions(['--target', 'gate:6432', '--dsn', 'postgres://al:p%40w@db/shop', ...query], {});
  assert.ok(typeof options === 'object' && 'own' in options && options.own !== null);
  assert.deepEqual(options.own.target, { host: 'gate', port: 6432, user: 'al', password: 'p@w', database: 'shop' });
  assert.deepEqual(options.own.direct, { host: 'db', port: 5432, user: 'al', password: 'p@w', database: 'shop' });
  assert.equal(options.own.ratePerSecond, 200);
  const alone = readOptions(['--target', '[::1]:6432', ...query], { PGUSER: 'bo', PGPASSWORD: 'x', PGDATABASE: 'd' });
  assert.ok(typeof alone === 'object' && 'own' in alone && alone.own !== null);
  assert.deepEqual(alone.own.target, { host: '::1', port: 6432, user: 'bo', password: 'x', database: 'd' });
  assert.equal(alone.own.direct, null);
});

test('wrong usage says what is wrong', () => {
  assert.match(wrong(['--fast']), /--fast/);
  assert.match(wrong(['--only', 'nothing']), /--only: one of start/);
  assert.match(wrong(['--rate', '5']), /--rate needs --target/);
  assert.match(wrong(['--target', 'a:1', '--query', 'select 1']), /no user/);
  assert.match(wrong(['--target', 'postgres://a@b/c']), /--query/);
  assert.match(wrong(['--target', 'postgres://a@b/c?sslmode=require', '--query', 'select 1']), /sslmode/);
  assert.match(wrong(['--target', 'postgres://a@b/c', '--query', 'select 1', '--rate', '0']), /--rate: 1 to 50000/);
});
