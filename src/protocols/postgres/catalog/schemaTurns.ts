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
  /** How many runs are under way: a statement may be sent again before it has ended. */
  runs: number;
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
  /** Those under way, and some that are over: see {@link endTurn}. */
  readonly #turns = new Set<Turn>();
  readonly #changes = new Map<object, Footprint>();
  readonly #waiting = new Set<() => void>();

  beginTurn(turn: Turn): void {
    if (turn.runs++ === 0) this.#turns.add(turn);
  }

  /** It stays on the list, because most sessions run the same again and again; {@link forget} takes it off. */
  endTurn(turn: Turn): void {
    turn.runs--;
    if (this.#waiting.size > 0) this.#wake();
  }

  /** How many are on the list. */
  get length(): number {
    return this.#turns.size;
  }

  forget(turn: Turn): void {
    if (turn.runs === 0) this.#turns.delete(turn);
  }

  /** Until the transaction has ended; {@link endChanges} says so. */
  beginChange(owner: object, footprint: Footprint): void {
    const before = this.#changes.get(owner);
    this.#changes.set(owner, before === undefined ? footprint : united(before, footprint));
  }

  endChanges(owner: object): void {
    if (this.#changes.size > 0 && this.#changes.delete(owner)) this.#wake();
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
    for (const { owner: other, runs, footprints, relies } of this.#turns) {
      if (other === owner || runs === 0) continue;
      if (footprints.some((footprint) => meets(change, footprint)) && relies()) return true;
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
