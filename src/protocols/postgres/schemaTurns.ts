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
  /** It opens a cursor, which is read by other statements. */
  readonly declares: boolean;
}

/** Names that one transaction may change before it counts as changing all. */
const namesMax = 1000;

function united(a: Footprint, b: Footprint): Footprint {
  const names = new Set([...a.names, ...b.names]);
  return { names, all: a.all || b.all || names.size > namesMax };
}

/** How long a statement waits for its turn. */
export const turnWaitMs = 5000;

export class SchemaTurns {
  /** With how many runs are in each: a statement may be sent again before it has ended. */
  readonly #turns = new Map<Turn, number>();
  readonly #changes = new Map<object, Footprint>();
  readonly #waiting = new Set<() => void>();

  beginTurn(turn: Turn): void {
    this.#turns.set(turn, (this.#turns.get(turn) ?? 0) + 1);
  }

  endTurn(turn: Turn): void {
    const runs = this.#turns.get(turn);
    if (runs === undefined) return;
    if (runs > 1) this.#turns.set(turn, runs - 1);
    else this.#turns.delete(turn);
    this.#wake();
  }

  /** Until the transaction has ended; {@link endChanges} says so. */
  beginChange(owner: object, footprint: Footprint): void {
    const before = this.#changes.get(owner);
    this.#changes.set(owner, before === undefined ? footprint : united(before, footprint));
  }

  endChanges(owner: object): void {
    if (this.#changes.delete(owner)) this.#wake();
  }

  /** Whether another session is changing what the statement hangs on. */
  isChanging(owner: object, footprints: readonly Footprint[]): boolean {
    if (this.#changes.size === 0) return false;
    for (const [other, change] of this.#changes) {
      if (other !== owner && footprints.some((footprint) => meets(change, footprint))) return true;
    }
    return false;
  }

  /** Whether a statement of another session that is under way hangs on what is to be changed. */
  isUsed(owner: object, change: Footprint): boolean {
    for (const { owner: other, footprints, relies } of this.#turns.keys()) {
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
    if (this.#waiting.size > 0) for (const wake of this.#waiting) wake();
  }
}
