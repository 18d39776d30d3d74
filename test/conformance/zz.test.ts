import { test } from 'node:test';
import { openShop, through } from './shop.ts';
import { query, RawClient, rowsOf } from '../support/rawPostgres.ts';
test('x', async (t) => {
  const { gate } = await openShop(t);
  const c = await RawClient.connect(through(gate));
  for (const n of [100, 200000, 262000,262140, 262144,262200, 300000, 20000000]) {
  const [[v]] = rowsOf(await c.ask([query(`truncate huge`), query(`select 1`)].slice(1)));
  const [r] = rowsOf(await c.ask([query(`delete from huge; insert into huge values (1, repeat('x', ${n - 4}) || 'tail'); select body from huge`)]));
  const b = r[0] ?? '';
  console.log(n, b.length, b.slice(0, 30), b.slice(-30), new Set(b), v);
  }
  c.close();
});
