/**
 * The catalog as one session sees it. Mostly that is the snapshot that all sessions share. A change of the schema in a
 * transaction that is still open is in no snapshot but the session's own, which is read on its own connection.
 */
import type { Fault } from '../../../errors.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { CatalogRows } from '../catalog/build.ts';
import type { Fillers } from '../catalog/fillers.ts';
import type { CatalogSource } from '../catalog/source.ts';
import type { SchemaTurns } from '../catalog/schemaTurns.ts';

export class SessionCatalog {
  readonly #source: CatalogSource;
  /** What the session read itself, while its transaction is open, and the epoch that this belongs to. */
  #own: Catalog | null = null;
  #ownEpoch = -1;
  /** Reading it again would give nothing new. */
  #wasRead = false;
  #changing = false;
  #changingMasked = false;
  #held = false;
  #closed = false;
  /** The schema was changed in a transaction that is still open, and what is known of it is older. */
  doubted = false;
  /** Raised by every change of the schema in this session. */
  serial = 0;

  constructor(source: CatalogSource) {
    this.#source = source;
  }

  /** `wanted`: the session relies on the snapshot, so changes past the gate must be looked for. */
  hold(wanted: boolean): void {
    if (wanted === this.#held || (wanted && this.#closed)) return;
    this.#held = wanted;
    if (wanted) this.#source.retain();
    else this.#source.release();
  }

  /** The session has ended; whatever comes late holds nothing any more. */
  close(): void {
    this.#closed = true;
    this.hold(false);
  }

  /** null: it has never been read, or must be read again. */
  get fresh(): Catalog | null {
    if (this.#own !== null && this.#ownEpoch !== this.#source.epoch) this.doubt();
    if (this.#own !== null) return this.#own;
    return this.#source.stale ? null : this.#source.current;
  }

  get epoch(): number {
    return this.#source.epoch;
  }

  /** Another session may be changing the schema just now. */
  get othersChange(): boolean {
    return this.#source.changing > (this.#changing ? 1 : 0);
  }

  /** The same of sessions with masks. */
  get othersChangeMasked(): boolean {
    return this.#source.changingMasked > (this.#changingMasked ? 1 : 0);
  }

  get turns(): SchemaTurns {
    return this.#source.turns;
  }

  get fillers(): Fillers {
    return this.#source.fillers;
  }

  /** Counts this session in as one that may change the schema at any moment; {@link endChange} counts it out. */
  beginChange(masked: boolean): void {
    this.#changing = true;
    this.#changingMasked = masked;
    this.#source.beginChange(masked);
  }

  endChange(): void {
    this.#source.endChange(this.#changingMasked);
    this.#changing = false;
    this.#changingMasked = false;
  }

  doubt(): void {
    this.doubted = true;
    this.#own = null;
    this.#wasRead = false;
    this.serial++;
  }

  /** The session's own view of the catalog would settle a doubt. */
  get wantsOwn(): boolean {
    return this.doubted && !this.#wasRead;
  }

  /** Takes the rows that the session has read; null: they could not be read, and the doubt stays. */
  takeOwn(rows: CatalogRows | null): void {
    this.#wasRead = true;
    const built = rows === null ? null : this.#source.build(rows);
    if (built === null) return;
    this.#own = built;
    this.#ownEpoch = this.#source.epoch;
    this.doubted = false;
    this.serial++;
  }

  /** The transaction of the change has ended, and everybody sees what came of it. */
  settle(): void {
    this.doubted = false;
    this.#own = null;
    this.#source.invalidate();
  }

  refresh(): Promise<Fault | null> {
    return this.#source.refresh();
  }
}
