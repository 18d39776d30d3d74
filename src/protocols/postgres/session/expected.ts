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
import type { ByteString } from '../wire/text.ts';

export type ExpectedKind =
  | 'parse'
  | 'bind'
  | 'describe_statement'
  | 'describe_portal'
  | 'execute'
  | 'close'
  | 'sync'
  | 'query';

/** Answers behind another, in order. */
export interface Behind {
  readonly kind: ExpectedKind;
  readonly next: Behind | null;
}

/**
 * One owed answer, or several that were asked for in one piece: `kind` is the one that comes now, and the last of those
 * `behind` it is that to a Sync, always. All fields always exist, so that every entry has one shape.
 */
export class Expected {
  kind: ExpectedKind;
  behind: Behind | null = null;
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
  /** Of a simple query: an error, or the end of its last statement, has come. */
  answered = false;
  /** Has been checked against the names that the target really holds. */
  verified = false;
  /** Name that a Close takes away once the target has done so. */
  closesStatement: ByteString | null = null;
  closesPortal: ByteString | null = null;
  /** How many ends of COPY data were sent before it. */
  copyEnds = 0;
  /** How many times the target has asked for COPY data in answer to it. */
  copies = 0;
  /** Takes back what was registered when the message was sent; null: nothing. */
  undo: (() => void) | null = null;

  constructor(kind: ExpectedKind, own: boolean) {
    this.kind = kind;
    this.own = own;
  }

  /** The last that it owes is the answer to a Sync. */
  get endsWithSync(): boolean {
    return this.kind === 'sync' || this.behind !== null;
  }

  /** The answer of `kind` has come. False: nothing else is owed. */
  advance(): boolean {
    if (this.behind === null) return false;
    const { kind, next } = this.behind;
    if (kind === 'sync') this.skip();
    else {
      this.kind = kind;
      this.behind = next;
      this.#stands();
    }
    return true;
  }

  /** All that will be answered of it is its Sync. */
  skip(): void {
    this.kind = 'sync';
    this.behind = null;
    this.run = null;
    this.portal = null;
    this.#stands();
  }

  /** What was registered when the message was sent is no longer in question. */
  #stands(): void {
    this.undo = null;
    this.replaces = null;
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

  /** The command that was sent last; null: all are answered. */
  get lastCommand(): Expected | null {
    for (let index = this.length - 1; index >= 0; index--) {
      const entry = this.at(index);
      if (entry !== null && entry.kind !== 'sync') return entry;
    }
    return null;
  }

  push(entry: Expected): void {
    if (this.length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.length) & (this.#ring.length - 1)] = entry;
    this.length++;
  }

  /** The answer that the front owes next has come. */
  settle(): void {
    if (this.front?.advance() !== true) this.#shift();
  }

  #shift(): Expected | null {
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
    while (count < this.length && this.at(count)?.endsWithSync !== true) count++;
    const end = this.at(count);
    end?.undo?.();
    for (let index = count - 1; index >= 0; index--) this.at(index)?.undo?.();
    for (let index = 0; index < count; index++) {
      const entry = this.#shift();
      if (entry !== null) drop(entry);
    }
    if (end !== null) {
      drop(end);
      end.skip();
    }
    this.skipping = end === null;
  }

  /**
   * The target asks for COPY data in answer to the front. Up to the end of the data it ignores Syncs (manual, COPY Operations),
   * which are removed here, and takes no commands. False: one was sent.
   */
  beginCopy(): boolean {
    const { front } = this;
    if (front === null) return false;
    const ends = front.copyEnds + front.copies++;
    for (let next = this.at(1); next !== null && next.copyEnds <= ends; next = this.at(1)) {
      if (next.kind !== 'sync') return false;
      this.#removeSecond();
    }
    return true;
  }

  /** Moves the front one place on. */
  #removeSecond(): void {
    const { front } = this;
    this.#shift();
    this.#ring[this.#head] = front;
  }

  #grow(): void {
    const grown = new Array<Expected | null>(this.#ring.length * 2).fill(null);
    for (let index = 0; index < this.length; index++) grown[index] = this.at(index);
    this.#ring = grown;
    this.#head = 0;
  }
}
