/**
 * What the target still owes: one entry per message that was sent to it and that it will answer, in order.
 *
 * PostgreSQL answers strictly in order, so the front of this queue says what the next message from the target belongs
 * to. After an error in the extended protocol the target discards messages up to Sync (manual, Extended Query); the
 * queue does the same and undoes what the discarded messages had promised.
 */
import type { Refusal } from './refusals.ts';
import type { Portal, PreparedStatement } from './prepared.ts';
import type { StatementRun } from './statementRun.ts';
import type { ByteString } from './wireText.ts';

export type ExpectedKind =
  | 'parse'
  | 'bind'
  | 'describe_statement'
  | 'describe_portal'
  | 'execute'
  | 'close'
  | 'sync'
  | 'query';

/** One owed answer. All fields always exist, so that every entry has one shape. */
export class Expected {
  readonly kind: ExpectedKind;
  /** The gate asked, not the client: the answer is swallowed. */
  readonly own: boolean;
  statement: PreparedStatement | null = null;
  portal: Portal | null = null;
  /** The statements of a simple query or of the portal that runs; null where nothing runs. */
  run: StatementRun | null = null;
  /** Replaces the error that the target was made to raise. */
  refusal: Refusal | null = null;
  /** Run of the portal whose name this Bind takes over: it is over once the target has bound the name anew. */
  replaces: StatementRun | null = null;
  /** Has been checked against the names that the target really holds. */
  verified = false;
  /** Name that a Close takes away once the target has done so. */
  closesStatement: ByteString | null = null;
  closesPortal: ByteString | null = null;
  /** Takes back what was registered when the message was sent; null: nothing. */
  undo: (() => void) | null = null;

  constructor(kind: ExpectedKind, own: boolean) {
    this.kind = kind;
    this.own = own;
  }
}

/**
 * A client that pipelines more than this without reading answers is stopped until some arrive. The audit log sets room aside
 * for the result of each, which one client must not use up.
 */
export const expectedMax = 1024;

/** FIFO over a ring that grows by doubling; no allocation per message in steady state. */
export class ExpectedQueue {
  #ring: (Expected | null)[] = new Array<Expected | null>(16).fill(null);
  #head = 0;
  length = 0;
  /** An error was seen and its Sync has not been sent yet: the target ignores everything until then. */
  skipping = false;

  get front(): Expected | null {
    return this.#ring[this.#head];
  }

  push(entry: Expected): void {
    if (this.length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.length) & (this.#ring.length - 1)] = entry;
    this.length++;
  }

  shift(): Expected | null {
    const entry = this.#ring[this.#head];
    if (entry === null) return null;
    this.#ring[this.#head] = null;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.length--;
    return entry;
  }

  at(index: number): Expected | null {
    return index < this.length ? this.#ring[(this.#head + index) & (this.#ring.length - 1)] : null;
  }

  /**
   * Drops everything in front of the next Sync, as the target does after an error, and undoes it, last first. `drop` sees each
   * entry. If no Sync was sent yet, what the client sends up to its Sync will not be answered either.
   */
  skipToSync(drop: (entry: Expected) => void): void {
    let count = 0;
    while (count < this.length && this.at(count)?.kind !== 'sync') count++;
    for (let index = count - 1; index >= 0; index--) this.at(index)?.undo?.();
    const ended = count < this.length;
    for (let index = 0; index < count; index++) {
      const entry = this.shift();
      if (entry !== null) drop(entry);
    }
    this.skipping = !ended;
  }

  /** Removes the Syncs behind the front: a target in copy-in mode ignores them (manual, COPY Operations). */
  forgetSyncs(): void {
    const kept: Expected[] = [];
    while (this.length > 0) {
      const entry = this.shift();
      if (entry !== null && (entry.kind !== 'sync' || kept.length === 0)) kept.push(entry);
    }
    for (const entry of kept) this.push(entry);
  }

  #grow(): void {
    const grown = new Array<Expected | null>(this.#ring.length * 2).fill(null);
    for (let index = 0; index < this.length; index++) grown[index] = this.at(index);
    this.#ring = grown;
    this.#head = 0;
  }
}
