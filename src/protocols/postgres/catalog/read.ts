/** Reads all rows of a target's catalog once, for those that hold no session there: `policy explain` and snapshots. */
import type { CatalogRows } from './build.ts';
import { joinCatalogRows } from './build.ts';
import { catalogPrelude, catalogQueries } from './queries.ts';
import { readSets, versionNumber } from './source.ts';
import type { SimpleClient } from '../login/simpleClient.ts';

/** In one transaction, so that the rows agree with each other; null: a query failed. */
export async function readCatalogRows(client: SimpleClient): Promise<CatalogRows | null> {
  const queries = catalogQueries(versionNumber(client.parameters.get('server_version') ?? ''));
  if ((await client.run('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')) === null) return null;
  if ((await client.run(catalogPrelude)) === null) return null;
  const system = await readSets(client, queries.system);
  const user = system === null ? null : await readSets(client, queries.user);
  if (system === null || user === null || (await client.run('COMMIT')) === null) return null;
  return joinCatalogRows(system, user);
}
