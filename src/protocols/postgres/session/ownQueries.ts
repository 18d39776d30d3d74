/**
 * Asks on the session's own connection what the target does not report by itself, between two statements of the client:
 * search path, role, temporary schema, and the catalog as it is inside a transaction that has changed it.
 */
import type { CatalogRow, CatalogRows } from '../catalog/build.ts';
import { catalogPrelude, catalogQueries, catalogRowsMax } from '../catalog/queries.ts';
import type { CatalogSet } from '../catalog/queries.ts';
import { versionNumber } from '../catalog/source.ts';
import type { Conversation } from './conversation.ts';
import { Expected } from './expected.ts';
import { TransactionStatus } from '../wire/wire.ts';
import { query } from '../wire/toTarget.ts';

/** SHOW neither fails nor takes a lock nor a snapshot, so it cannot harm the client's transaction. */
const showNames = query('SHOW search_path; SHOW role; SHOW session_authorization');
/** Asked only after a statement that has taken a snapshot already. */
const selectTemporarySchema = query(
  "SELECT COALESCE((SELECT nspname FROM pg_catalog.pg_namespace WHERE oid = pg_catalog.pg_my_temp_schema()), '-')",
);

/** A name that clients have no reason to use; a savepoint of theirs with it would only be hidden for the time of the reading. */
const savepoint = 'blastgate_catalog';
/** Settings and locks of the reading are undone, also where it has failed. */
const endReading = `ROLLBACK TO SAVEPOINT ${savepoint}; RELEASE SAVEPOINT ${savepoint}`;

type Question = 'names' | 'temporary_schema' | 'catalog' | 'end_reading';

export class OwnQueries {
  readonly #conversation: Conversation;
  readonly #sets: readonly CatalogSet[];
  readonly #readCatalog: Uint8Array;
  #asking: Question | null = null;
  /** Rows of each result of the question so far. */
  #results: CatalogRow[][] = [];
  #rowCount = 0;
  #failed = false;

  /** `serverVersion`: as the target reports it, `18.1`. */
  constructor(conversation: Conversation, serverVersion: string) {
    this.#conversation = conversation;
    const { user } = catalogQueries(versionNumber(serverVersion));
    this.#sets = user.map(({ set }) => set);
    this.#readCatalog = query(
      [
        `SAVEPOINT ${savepoint}`,
        catalogPrelude,
        'SHOW transaction_isolation',
        ...user.map(({ sql }) => sql),
        endReading,
      ].join('; '),
    );
  }

  /** Asks if there is something to ask, and if now is a time when the target takes a query. */
  ask(): void {
    const { active, meanings } = this.#conversation.masks;
    if (!active) return;
    const { pathUnknown, roleUnknown, tempUnknown } = meanings;
    if (pathUnknown || roleUnknown) this.#ask('names', showNames);
    else if (tempUnknown) this.#ask('temporary_schema', selectTemporarySchema);
  }

  /** A question was sent, and its answer comes whatever the client has sent behind it. */
  get asking(): boolean {
    return this.#asking !== null;
  }

  /** Reads the catalog as the session's open transaction sees it, where that would tell more. False: not now, or not again. */
  askForCatalog(): boolean {
    const { masks, transaction } = this.#conversation;
    if (!masks.catalogUnknown || transaction !== TransactionStatus.inTransaction) return false;
    return this.#ask('catalog', this.#readCatalog);
  }

  /** The rows of another result begin. */
  onResult(): 'swallow' {
    this.#results.push([]);
    return 'swallow';
  }

  onRow(values: CatalogRow): void {
    if (++this.#rowCount > catalogRowsMax) this.#failed = true;
    else this.#results.at(-1)?.push(values);
  }

  onError(): 'swallow' {
    this.#failed = true;
    return 'swallow';
  }

  onReady(): void {
    const asked = this.#asking;
    const results = this.#results;
    this.#asking = null;
    this.#results = [];
    const { masks, transaction } = this.#conversation;
    const value = results.at(0)?.at(0)?.at(0) ?? null;
    if (asked === 'names') {
      const [role, session] = results.slice(1).map((rows) => rows.at(0)?.at(0) ?? null);
      if (value !== null && role && session) masks.meanings.onShown(value, role, session);
      masks.meanings.settle(this.#conversation.fresh);
    }
    if (asked === 'temporary_schema' && value !== null) masks.meanings.onTemp(value);
    if (asked === 'catalog') {
      masks.onCatalog(this.#failed ? null : this.#rows(results));
      // The savepoint was made first of all, so it is there to go back to.
      if (transaction === TransactionStatus.failed) return void this.#send('end_reading', query(endReading));
    }
    if (!this.#failed) this.ask();
  }

  #rows([isolation, ...results]: readonly CatalogRow[][]): CatalogRows | null {
    if (results.length !== this.#sets.length) return null;
    // Names are looked up in the catalog as it is now, even where queries see that of the transaction's first snapshot.
    if (isolation.at(0)?.at(0) !== 'read committed') return null;
    return Object.fromEntries(this.#sets.map((set, at) => [set, results[at]]));
  }

  #ask(question: Question, message: Uint8Array): boolean {
    const conversation = this.#conversation;
    if (this.#asking !== null || conversation.ended) return false;
    const between = conversation.expected.length === 0 && conversation.toTarget.empty && !conversation.copyIn;
    if (!between || conversation.transaction === TransactionStatus.failed) return false;
    this.#send(question, message);
    return true;
  }

  #send(question: Question, message: Uint8Array): void {
    this.#asking = question;
    this.#results = [];
    this.#rowCount = 0;
    this.#failed = false;
    // First, for what this sends may be taken at once, and then the client's next messages follow before this returns.
    this.#conversation.expect(new Expected('query', true));
    this.#conversation.sendOwn(this.#conversation.services.gatePermit, message);
  }
}
