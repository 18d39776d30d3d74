/**
 * Reads the catalog of one target on a session of the gate's own, and shares the snapshot between all sessions there.
 * Concurrent requests wait for the same reading.
 */
import type { Fault } from '../../../errors.ts';
import type { Log, Services } from '../../protocol.ts';
import { CatalogHistory } from './history.ts';
import { buildCatalog, joinCatalogRows } from './build.ts';
import type { CatalogRow, CatalogRows } from './build.ts';
import type { Catalog } from './catalog.ts';
import type { Fillers } from './fillers.ts';
import { CatalogProbe, readStamp } from './probe.ts';
import { catalogPrelude, catalogQueries } from './queries.ts';
import type { CatalogQuery, CatalogSet } from './queries.ts';
import { parseTrees } from '../parse/parse.ts';
import { SchemaTurns } from './schemaTurns.ts';
import type { SimpleClient } from '../login/simpleClient.ts';

export interface CatalogSourceParts {
  /** Name of the connection, for the log. */
  readonly connection: string;
  readonly open: () => Promise<SimpleClient | Fault>;
  readonly log: Log;
  readonly onRead: () => void;
  readonly every: Services['every'];
  /** How often changes that do not pass the gate are looked for; 0: never. */
  readonly probeMs: number;
}

export class CatalogSource {
  readonly #open: () => Promise<SimpleClient | Fault>;
  readonly #log: Log;
  readonly #onRead: () => void;
  readonly #history = new CatalogHistory();
  #reading: Promise<Fault | null> | null = null;
  /** Rows that initdb made; they stay the same until the server is upgraded. */
  #system: { readonly serverVersion: string; readonly rows: CatalogRows } | null = null;
  /** Raised by every invalidation, so that a reading that began before it does not count. */
  #epoch = 0;
  #readEpoch = -1;
  /** Sessions that have sent something that may change the schema and wait for the answer. */
  #changing = 0;
  #changingMasked = 0;
  readonly #probe: CatalogProbe | null;
  /** Of the sessions with masks. */
  readonly turns = new SchemaTurns();
  readonly fillers: Fillers = { settings: 0, large_objects: 0 };
  current: Catalog | null = null;
  /** Of `current`, or older: taken before it was read, so that a change in between is noticed later and not missed. */
  stamp: string | null = null;

  constructor({ connection, open, log, onRead, every, probeMs }: CatalogSourceParts) {
    this.#open = open;
    this.#log = log;
    this.#onRead = onRead;
    const intervalMs = probeMs;
    this.#probe = probeMs === 0 ? null : new CatalogProbe({ connection, intervalMs, every, log, open, watched: this });
  }

  /** Counts in a session with masks. As long as there is one, changes past the gate are looked for. */
  retain(): void {
    this.#probe?.retain();
  }

  /** Counts it out. */
  release(): void {
    this.#probe?.release();
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

  /** Counts a session whose commands may change the schema at any moment from now on; {@link endChange} counts it out. */
  beginChange(masked: boolean): void {
    this.#changing++;
    if (masked) this.#changingMasked++;
  }

  endChange(masked: boolean): void {
    this.#changing--;
    if (masked) this.#changingMasked--;
  }

  /** How many of them are sessions with masks. */
  get changingMasked(): number {
    return this.#changingMasked;
  }

  /** How many sessions may be changing the schema just now. */
  get changing(): number {
    return this.#changing;
  }

  /** Reads the catalog as it is now. Null: done. */
  async refresh(): Promise<Fault | null> {
    // A reading that is under way may have begun before the change that the caller knows of.
    while (this.#reading !== null) await this.#reading.catch(() => null);
    this.#reading = this.#read();
    try {
      return await this.#reading;
    } finally {
      // Also after a bug, or nobody could ever read it again.
      this.#reading = null;
    }
  }

  async #read(): Promise<Fault | null> {
    const epoch = this.#epoch;
    const began = this.#probe?.now ?? 0;
    const client = await this.#open();
    if ('code' in client) return client;
    let stamp;
    let rows;
    try {
      stamp = this.#probe === null ? null : await readStamp(client);
      rows = await this.#rows(client);
    } finally {
      client.close();
    }
    if (rows === null) return { code: 'BG_CATALOG_UNAVAILABLE', detail: client.fault ?? 'a catalog query failed' };
    const built = buildCatalog(rows, parseTrees);
    if ('fault' in built) return built.fault;
    const followed = this.#history.follow(this.current, built, true);
    if (followed === null) return { code: 'BG_CATALOG_UNAVAILABLE', detail: 'too many columns were renamed' };
    this.current = followed;
    this.stamp = stamp;
    this.#readEpoch = epoch;
    this.#probe?.confirm(began);
    this.#log.debug({ relations: built.relations.size }, 'catalog read');
    this.#onRead();
    return null;
  }

  /** A snapshot of rows that a session has read itself; null: they make none. */
  build(user: CatalogRows): Catalog | null {
    if (this.#system === null) return null;
    const built = buildCatalog(joinCatalogRows(this.#system.rows, user), parseTrees);
    return 'fault' in built ? null : this.#history.follow(this.current, built, false);
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

export async function readSets(client: SimpleClient, queries: readonly CatalogQuery[]): Promise<CatalogRows | null> {
  const sets: { [set in CatalogSet]?: readonly CatalogRow[] } = {};
  for (const { set, sql } of queries) {
    const rows = await client.run(sql);
    if (rows === null) return null;
    sets[set] = rows;
  }
  return sets;
}

/** `15.3 (Debian 15.3-1)` -> 150003, `18beta1` -> 180000: server_version_num as the manual defines it. */
export function versionNumber(version: string): number {
  const [, major, minor] = /^(\d+)(?:\.(\d+))?/.exec(version) ?? ['', '0', '0'];
  return Number(major) * 10_000 + Number(minor ?? 0);
}
