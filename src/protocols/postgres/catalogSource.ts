/**
 * Reads the catalog of one target on a session of the gate's own, and shares the snapshot between all sessions there.
 * Concurrent requests wait for the same reading.
 */
import type { Fault } from '../../errors.ts';
import type { Log } from '../protocol.ts';
import { buildCatalog, joinCatalogRows } from './catalogBuild.ts';
import type { CatalogRow, CatalogRows } from './catalogBuild.ts';
import type { Catalog } from './catalog.ts';
import { catalogPrelude, catalogQueries } from './catalogQueries.ts';
import type { CatalogQuery, CatalogSet } from './catalogQueries.ts';
import { parseSql } from './parse.ts';
import type { SimpleClient } from './simpleClient.ts';

export class CatalogSource {
  readonly #open: () => Promise<SimpleClient | Fault>;
  readonly #log: Log;
  #reading: Promise<Fault | null> | null = null;
  /** Rows that initdb made; they stay the same until the server is upgraded. */
  #system: { readonly serverVersion: string; readonly rows: CatalogRows } | null = null;
  /** Raised by every invalidation, so that a reading that began before it does not count. */
  #epoch = 0;
  #readEpoch = -1;
  /** Sessions that have sent something that may change the schema and wait for the answer. */
  #changing = 0;
  current: Catalog | null = null;

  constructor(open: () => Promise<SimpleClient | Fault>, log: Log) {
    this.#open = open;
    this.#log = log;
  }

  get stale(): boolean {
    return this.current === null || this.#readEpoch !== this.#epoch;
  }

  invalidate(): void {
    this.#epoch++;
  }

  /** Equal as long as no change of the schema has come to an end through this gate. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Counts a session in whose commands may change the schema at any moment from now on; {@link endChange} counts it out. */
  beginChange(): void {
    this.#changing++;
  }

  endChange(): void {
    this.#changing--;
  }

  /** How many sessions may be changing the schema just now. */
  get changing(): number {
    return this.#changing;
  }

  /** Reads the catalog as it is now. Null: done. */
  async refresh(): Promise<Fault | null> {
    // A reading that is under way may have begun before the change that the caller knows of.
    while (this.#reading !== null) await this.#reading;
    this.#reading = this.#read();
    const fault = await this.#reading;
    this.#reading = null;
    return fault;
  }

  async #read(): Promise<Fault | null> {
    const epoch = this.#epoch;
    const client = await this.#open();
    if ('code' in client) return client;
    const rows = await this.#rows(client);
    client.close();
    if (rows === null) return { code: 'BG_CATALOG_UNAVAILABLE', detail: client.fault ?? 'a catalog query failed' };
    const built = buildCatalog(rows, (text) => {
      const parsed = parseSql(text);
      return 'fault' in parsed ? null : parsed.statements.map((statement) => statement.ast);
    });
    if ('fault' in built) return built.fault;
    this.current = built;
    this.#readEpoch = epoch;
    this.#log.debug({ relations: built.relations.size }, 'catalog read');
    return null;
  }

  async #rows(client: SimpleClient): Promise<CatalogRows | null> {
    const version = client.parameters.get('server_version') ?? '';
    const queries = catalogQueries(versionNumber(version));
    if (!(await client.run('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY'))) return null;
    if (!(await client.run(catalogPrelude))) return null;
    if (this.#system?.serverVersion !== version) {
      const rows = await readSets(client, queries.system);
      if (rows === null) return null;
      this.#system = { serverVersion: version, rows };
    }
    const user = await readSets(client, queries.user);
    if (user === null || !(await client.run('COMMIT'))) return null;
    return joinCatalogRows(this.#system.rows, user);
  }
}

async function readSets(client: SimpleClient, queries: readonly CatalogQuery[]): Promise<CatalogRows | null> {
  const sets: { [set in CatalogSet]?: readonly CatalogRow[] } = {};
  for (const { set, sql } of queries) {
    const rows = await client.run(sql);
    if (rows === null) return null;
    sets[set] = rows;
  }
  return sets;
}

/** `15.3 (Debian 15.3-1)` -> 150003, `18beta1` -> 180000: server_version_num as the manual defines it. */
function versionNumber(version: string): number {
  const [, major, minor] = /^(\d+)(?:\.(\d+))?/.exec(version) ?? ['', '0', '0'];
  return Number(major) * 10_000 + Number(minor ?? 0);
}
