/** Lineage of ordinary statements and the mask plan of a result. Both are cached per statement by the gateway. */
import { buildCatalog, type CatalogRow } from '../src/protocols/postgres/catalog/build.ts';
import { searchPathOf } from '../src/protocols/postgres/catalog/catalog.ts';
import { lineageOf } from '../src/protocols/postgres/lineage/lineage.ts';
import { flowOf } from '../src/protocols/postgres/lineage/flow/flow.ts';
import { columnMasks } from '../src/protocols/postgres/masks/maskIndex.ts';
import { buildMaskPlan, shapeOfLineage } from '../src/protocols/postgres/masks/maskPlan.ts';
import { loadParser, parseTrees } from '../src/protocols/postgres/parse/parse.ts';
import { strongerMask } from '../src/policy/strength.ts';
import { ssnRules } from './sampleRules.ts';
import type { Task } from './task.ts';

export const name = 'lineage';

const statements = {
  'point query': 'SELECT id, name, ssn FROM customers WHERE id = $1',
  'join with star': 'SELECT c.*, o.note, upper(o.note) FROM customers c JOIN orders o ON o.customer_id = c.id',
  'CTE, window, CASE':
    'WITH t AS (SELECT *, row_number() OVER (PARTITION BY customer_id ORDER BY id) AS r FROM orders) ' +
    'SELECT c.name, t.note, coalesce(t.total, 0), CASE WHEN t.r > 1 THEN t.note END FROM t JOIN customers c ON c.id = t.customer_id',
};

/** A catalog of `count` tables of 12 text columns, and the two that the statements use. */
function catalogOf(count: number) {
  const columns = ['id', 'customer_id', 'name', 'ssn', 'email', 'note', 'total', 'a', 'b', 'c', 'd', 'e'];
  const tables = ['customers', 'orders', ...Array.from({ length: count }, (_, n) => `filler_${n}`)];
  const rows: CatalogRow[] = tables.flatMap((_, at) =>
    columns.map((column, n): CatalogRow => [String(20_000 + at), String(n + 1), column, '25', '', null]),
  );
  const built = buildCatalog(
    {
      relations: tables.map((table, at) => [String(20_000 + at), 'public', table, 'r']),
      columns: rows,
      types: [['25', 'pg_catalog', 'text', 'b', 'S', '0', '0', '0']],
      builtins: ['upper', 'row_number'].map((builtin): CatalogRow => [builtin, 'f', null, '1']),
    },
    parseTrees,
  );
  if ('fault' in built) throw new Error(built.fault.detail);
  return built;
}

export async function tasks(): Promise<Task[]> {
  await loadParser();
  const catalog = catalogOf(1000);
  const path = searchPathOf('public', 'bench', '');
  const index = columnMasks(catalog, ssnRules, strongerMask);
  const list: Task[] = [];
  for (const [title, sql] of Object.entries(statements)) {
    const ast = parseTrees(sql)?.[0];
    list.push({ name: `lineage: ${title}`, fn: () => void lineageOf(ast, catalog, path) });
    list.push({ name: `flow: ${title}`, fn: () => void flowOf(ast, catalog, path) });
    const lineage = lineageOf(ast, catalog, path);
    const input = {
      shape: shapeOfLineage(lineage),
      lineage,
      index,
      values: ssnRules.values,
      customDetectors: ssnRules.customDetectors,
      strongerMask,
      encoding: 'utf8',
      rowFormat: 'data_row',
      copy: null,
      hashKey: new Uint8Array(32),
      catalogIsFresh: false,
    } as const;
    list.push({ name: `mask plan: ${title}`, fn: () => void buildMaskPlan(input) });
  }
  list.push({ name: 'mask index: 1,002 tables', fn: () => void columnMasks(catalog, ssnRules, strongerMask) });
  list.push({ name: 'catalog: 1,002 tables', fn: () => void catalogOf(1000) });
  return list;
}
