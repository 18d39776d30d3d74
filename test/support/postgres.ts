/** A real PostgreSQL for tests; see {@link startEmbedded} for the options. Each start takes about 0.3 s. */
import { startPostgres as startEmbedded } from '../../src/demo/embeddedPostgres.ts';
import type { PostgresOptions, PostgresServer } from '../../src/demo/embeddedPostgres.ts';

export type { PostgresOptions, PostgresServer };

/** What `node:test` hands to tests and suites: something that runs functions afterwards. */
interface Afterwards {
  after(undo: () => Promise<void>): void;
}

/** Starts a server. With a test context it stops by itself when the test ends, else the caller stops it. */
export async function startPostgres(options: PostgresOptions = {}, context?: Afterwards): Promise<PostgresServer> {
  const server = await startEmbedded(options);
  context?.after(() => server.stop());
  return server;
}
