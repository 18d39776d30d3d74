/**
 * Keeps changes of the schema and the statements whose meaning they change apart, among the sessions with masks of one target.
 *
 * A statement is judged by what its names mean when it is sent. If it then waits for a lock while another session replaces a
 * view, it runs with the new one. So whoever changes a view waits for the statements of others that hang on it, and they wait
 * for the end of the change's transaction; neither waits for ever, since the other may be waiting for a lock of its own.
 */
import { type Footprint, meets } from './footprints.ts';

/** What one run of a session hangs on, or changes. */
export interface Turn {
  readonly owner: object;
  readonly footprints: readonly Footprint[];
  /** Whether there would be anything for policy to judge if the names in it meant other things. */
  readonly relies: () => boolean;
}

interface Change {
  readonly owner: object;
  readonly footprint: Footprint;
}

/** How long a statement waits for its turn. */
export const turnWaitMs = 5000;

export class SchemaTurns {
  readonly #turns = new Set<Turn>();
  readonly #changes = new Set<Change>();
  readonly #waiting = new Set<() => void>();

  beginTurn(turn: Turn): void {
    this.#turns.add(turn);
  }

  endTurn(turn: Turn): void {
    if (this.#turns.delete(turn)) this.#wake();
  }

  /** Until the transaction has ended; {@link endChanges} says so. */
  beginChange(owner: object, footprint: Footprint): void {
    this.#changes.add({ owner, footprint });
  }

  endChanges(owner: object): void {
    let ended = false;
    for (const change of this.#changes) if (change.owner === owner) ended = this.#changes.delete(change);
    if (ended) this.#wake();
  }

  /** Whether another session is changing what the statement hangs on. */
  isChanging(owner: object, footprints: readonly Footprint[]): boolean {
    for (const change of this.#changes) {
      if (change.owner !== owner && footprints.some((footprint) => meets(change.footprint, footprint))) return true;
    }
    return false;
  }

  /** Whether a statement of another session that is under way hangs on what is to be changed. */
  isUsed(owner: object, change: Footprint): boolean {
    for (const { owner: other, footprints, relies } of this.#turns) {
      if (other !== owner && footprints.some((footprint) => meets(change, footprint)) && relies()) return true;
    }
    return false;
  }

  /** Calls `wake` when a turn or a change has ended, until the returned function is called. */
  wait(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }
}
