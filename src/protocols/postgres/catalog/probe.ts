/**
 * Notices changes of a target's schema that do not pass the gate. While sessions with masks use a target, one query on one
 * kept connection sums up the catalog now and then; a sum that differs from that of the shared snapshot ends its validity:
 *
 *     retain: stale -> tick -> stamp equal: confirmed | differs: stale | none: missed -> ... -> nobody left: stopped
 *
 * A snapshot that nothing has confirmed for {@link missesMax} ticks is stale too. Whoever needs it reads it anew then, which
 * fails closed where it cannot be read.
 */
import { reportBug } from '../../../errors.ts';
import type { Fault } from '../../../errors.ts';
import type { Log, Services } from '../../protocol.ts';
import { catalogPrelude, firstUserOid } from './queries.ts';
import type { SimpleClient } from '../login/simpleClient.ts';

/** Ticks without a confirmation after which a snapshot is not believed any more. */
export const missesMax = 6;

export type ProbeClient = Pick<SimpleClient, 'run' | 'close' | 'destroy' | 'closed' | 'fault'>;

/** The snapshot that is watched. */
export interface Watched {
  readonly stale: boolean;
  /** See {@link readStamp}; null: it has none. */
  readonly stamp: string | null;
  invalidate(): void;
}

export interface ProbeParts {
  /** Name of the connection, for the log. */
  readonly connection: string;
  readonly intervalMs: number;
  readonly every: Services['every'];
  readonly log: Log;
  readonly open: () => Promise<ProbeClient | Fault>;
  readonly watched: Watched;
}

export class CatalogProbe {
  readonly #parts: ProbeParts;
  #users = 0;
  /** Never set back, so that what began before a pause is not taken for what began after it. */
  #tick = 0;
  /** The latest tick at which something began that found the snapshot to be true. */
  #confirmed = 0;
  #stopTimer: (() => void) | null = null;
  #client: ProbeClient | null = null;
  #looking = false;
  #failing = false;

  constructor(parts: ProbeParts) {
    this.#parts = parts;
  }

  /** Counts in a session that relies on the snapshot. */
  retain(): void {
    this.#users++;
    if (this.#stopTimer !== null) return;
    // Nobody has looked until now, and a reading that is still under way may be of that time.
    this.#parts.watched.invalidate();
    this.#confirmed = this.#tick;
    this.#stopTimer = this.#parts.every(this.#parts.intervalMs, () => this.#onTick());
  }

  /** Counts it out. Nobody's connection is kept; the next tick stops the timer if nobody has come. */
  release(): void {
    this.#users--;
    if (this.#users > 0) return;
    this.#client?.close();
    this.#client = null;
  }

  /** For {@link confirm}: a reading begins. */
  get now(): number {
    return this.#tick;
  }

  /** What began at tick `began` has read the snapshot or found it to be true. */
  confirm(began: number): void {
    this.#confirmed = Math.max(this.#confirmed, began);
  }

  #onTick(): void {
    this.#tick++;
    if (this.#users === 0) {
      this.#stopTimer?.();
      this.#stopTimer = null;
      return;
    }
    if (this.#tick - this.#confirmed >= missesMax) {
      this.#doubt();
      // A connection that has not answered for so long is given up, so that a new one is tried.
      this.#client?.destroy();
    }
    if (this.#looking) return;
    this.#looking = true;
    this.#look()
      .catch((cause: unknown) => this.#parts.log.error({ bug: reportBug(cause) }, 'a catalog probe failed by a bug'))
      .finally(() => {
        this.#looking = false;
      });
  }

  #doubt(): void {
    if (!this.#parts.watched.stale) this.#parts.watched.invalidate();
  }

  async #look(): Promise<void> {
    const { watched, log, connection } = this.#parts;
    const began = this.#tick;
    const client = await this.#connected();
    if (client === null) return;
    const stamp = await readStamp(client);
    if (stamp === null) return this.#missed(client);
    if (this.#failing) log.info({ connection }, 'the catalog can be probed again');
    this.#failing = false;
    this.confirm(began);
    if (stamp === watched.stamp) return;
    // A snapshot that is stale anyway is about to be read, and need not be read twice.
    if (!watched.stale) log.debug({ connection }, 'the schema was changed, and not through the gate');
    this.#doubt();
  }

  /** The kept connection, or a new one; null: none, or nobody needs it any more. */
  async #connected(): Promise<ProbeClient | null> {
    if (this.#client !== null && !this.#client.closed) return this.#client;
    if (this.#client !== null) this.#drop();
    const opened = await this.#parts.open();
    if ('code' in opened) {
      this.#failed(opened.detail);
      return null;
    }
    if (this.#users === 0) {
      opened.close();
      return null;
    }
    this.#client = opened;
    return opened;
  }

  #missed(client: ProbeClient): void {
    const fault = client.fault ?? 'its answer is malformed';
    if (this.#client !== client) return client.destroy();
    this.#failed(fault);
    this.#drop();
  }

  /** Behind a connection that was lost may be another server, with another past. */
  #drop(): void {
    if (this.#client?.closed === true) this.#parts.watched.invalidate();
    this.#client?.destroy();
    this.#client = null;
  }

  /** Once, until it works again. */
  #failed(detail: string): void {
    if (this.#failing || this.#users === 0) return;
    this.#failing = true;
    const { log, connection } = this.#parts;
    log.warn({ connection, detail }, 'the catalog cannot be probed; it is read again from time to time');
  }
}

/**
 * A text that is another one after every change that the snapshot must not miss; null: it cannot be had. Other sessions'
 * temporary objects are left out, as nobody else can use them.
 */
export async function readStamp(client: Pick<SimpleClient, 'run'>): Promise<string | null> {
  const rows = await client.run(catalogStampSql);
  return rows?.length === 1 ? JSON.stringify(rows[0]) : null;
}

/** Sums of hashes do not hang on the order of rows, and the count is there for what hashes to nothing. */
function summed(hash: string, from: string): string {
  return `(SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(${hash})) FROM pg_catalog.${from})`;
}

/**
 * A row as it was written: every change gives it another place, and another writer. Freezing keeps both, and a number that
 * comes back after four thousand million transactions does so later than the next look.
 */
function version(row: string, oid: string): string {
  return `pg_catalog.hashtextextended(pg_catalog.concat(${row}.xmin, ${row}.ctid), ${oid}::pg_catalog.int8)`;
}

const lasting = (oid: string): string => `NOT EXISTS (SELECT FROM fleeting f WHERE f.oid = ${oid})`;
const elsewhere = (oid: string): string => `NOT EXISTS (SELECT FROM inner_schemas s WHERE s.oid = ${oid})`;

/** What the gate reads of pg_class and pg_attribute themselves: TRUNCATE, GRANT and the like write there without changing it. */
const relationHash = `pg_catalog.hashnameextended(c.relname, (c.oid::pg_catalog.int8 << 32)
  # (c.relnamespace::pg_catalog.int8 << 8) # c.relkind::pg_catalog.int4::pg_catalog.int8)`;
const columnHash = `pg_catalog.hashnameextended(a.attname, (a.attrelid::pg_catalog.int8 << 32)
  # (a.attnum::pg_catalog.int8 << 21) # a.atttypid::pg_catalog.int8)`;

const sums = [
  summed(
    relationHash,
    `pg_class c WHERE c.oid >= ${firstUserOid} AND c.relpersistence <> 't'
  AND c.relkind IN ('r','p','v','m','f','S','c')`,
  ),
  summed(
    columnHash,
    `pg_attribute a WHERE a.attrelid >= ${firstUserOid} AND a.attnum > 0 AND ${lasting('a.attrelid')}`,
  ),
  // With who may use it, by a privilege or by a role that has it.
  summed(version('n', 'n.oid'), `pg_namespace n WHERE ${elsewhere('n.oid')}`),
  summed(version('m', 'm.roleid'), 'pg_auth_members m'),
  summed(version('d', 'd.oid'), `pg_attrdef d WHERE ${lasting('d.adrelid')}`),
  summed(version('t', 't.oid'), `pg_type t WHERE t.oid >= ${firstUserOid} AND ${elsewhere('t.typnamespace')}`),
  summed(version('i', 'i.inhrelid'), `pg_inherits i WHERE ${lasting('i.inhrelid')}`),
  summed(version('r', 'r.oid'), `pg_rewrite r WHERE r.oid >= ${firstUserOid} AND ${lasting('r.ev_class')}`),
  summed(version('p', 'p.oid'), `pg_proc p WHERE p.oid >= ${firstUserOid} AND ${elsewhere('p.pronamespace')}`),
  summed(version('o', 'o.oid'), `pg_operator o WHERE o.oid >= ${firstUserOid}`),
  summed(version('k', 'k.oid'), `pg_cast k WHERE k.oid >= ${firstUserOid}`),
  summed(version('l', 'l.oid'), 'pg_language l'),
  summed(version('e', 'e.oid'), 'pg_extension e'),
  summed(
    version('x', 'x.indexrelid'),
    `pg_index x WHERE x.indrelid >= ${firstUserOid} AND (x.indisunique OR x.indisexclusion) AND ${lasting('x.indrelid')}`,
  ),
  summed(
    version('n', 'n.oid'),
    `pg_constraint n WHERE (n.conrelid >= ${firstUserOid} OR n.contypid >= ${firstUserOid}) AND n.contype IN ('c','f')
  AND ${lasting('n.conrelid')}`,
  ),
  summed(version('g', 'g.oid'), `pg_trigger g WHERE NOT g.tgisinternal AND ${lasting('g.tgrelid')}`),
  summed(version('y', 'y.oid'), 'pg_policy y'),
  summed(version('v', 'v.oid'), 'pg_event_trigger v'),
  // Which functions belong to an extension.
  summed(
    version('d', 'd.objid'),
    `pg_depend d WHERE d.deptype = 'e'
  AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
  AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass`,
  ),
];

/** One message, and so one transaction. Compiling or spreading the query over workers would cost more than running it. */
export const catalogStampSql = `${catalogPrelude}; SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0;
WITH fleeting AS MATERIALIZED (SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relpersistence = 't'),
inner_schemas AS MATERIALIZED
  (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE pg_catalog.starts_with(n.nspname::pg_catalog.text, 'pg_t'))
SELECT ${sums.join(',\n')}`;
