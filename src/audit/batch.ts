/**
 * Records that wait to be written together, and who waits for them. Two batches take turns: one is filled while the
 * other is made durable.
 *
 *     buffer  | written to the file | not yet | free |
 *             0                     written   length
 *
 * Invariant: 0 <= written <= length <= buffer.length; waiters are in the order of their records, which are disjoint.
 */
import type { OnDurable } from './sink.ts';

const bufferBytesFirst = 64 * 1024;
/** A larger buffer is given back once it is empty: bursts are rare, memory is not. */
const bufferBytesKept = 1024 * 1024;
/** Up to here a loop beats the call of `set`. */
const loopBytesMax = 24;

export class Batch {
  buffer: Buffer = Buffer.allocUnsafeSlow(bufferBytesFirst);
  length = 0;
  written = 0;
  /** Counted by whoever appends them. */
  records = 0;
  // Waiters as parallel arrays, used again for each batch: no allocation per statement.
  waiters = 0;
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #ids: number[] = [];
  readonly #callbacks: (OnDurable | null)[] = [];

  get empty(): boolean {
    return this.length === 0;
  }

  /** Makes room for `bytes` more. */
  ensure(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.buffer.length) return;
    let size = this.buffer.length;
    while (size < needed) size *= 2;
    const grown = Buffer.allocUnsafeSlow(size);
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }

  /** ASCII only. The caller has ensured the room. */
  ascii(text: string): void {
    this.length += this.buffer.write(text, this.length, 'latin1');
  }

  /** A whole number as decimal digits. */
  digits(count: number): void {
    let end = this.length + 1;
    for (let rest = count; rest >= 10; rest = Math.floor(rest / 10)) end++;
    this.length = end;
    let rest = count;
    do {
      const tens = Math.floor(rest / 10);
      this.buffer[--end] = 0x30 + rest - tens * 10;
      rest = tens;
    } while (rest > 0);
  }

  bytes(bytes: Buffer): void {
    const { buffer, length } = this;
    // A loop would write past the end without a word.
    if (length + bytes.length > buffer.length) throw new RangeError('a record is longer than the room made for it');
    if (bytes.length > loopBytesMax) buffer.set(bytes, length);
    else for (let at = 0; at < bytes.length; at++) buffer[length + at] = bytes[at];
    this.length = length + bytes.length;
  }

  /** `onDurable` waits for the record [start, length). */
  wait(start: number, id: number, onDurable: OnDurable): void {
    const at = this.waiters++;
    this.#starts[at] = start;
    this.#ends[at] = this.length;
    this.#ids[at] = id;
    this.#callbacks[at] = onDurable;
  }

  start(waiter: number): number {
    return this.#starts[waiter];
  }

  end(waiter: number): number {
    return this.#ends[waiter];
  }

  id(waiter: number): number {
    return this.#ids[waiter];
  }

  callback(waiter: number): OnDurable {
    const callback = this.#callbacks[waiter];
    if (callback === null) throw new Error('a waiter was answered twice');
    return callback;
  }

  /**
   * Removes the records of all waiters from number `first` on, and the waiters; other records move up. Nothing of the
   * removed ones may have been written yet.
   */
  drop(first: number): void {
    let to = first < this.waiters ? this.#starts[first] : this.length;
    if (to < this.written) throw new Error('a record that is partly written cannot be dropped');
    for (let waiter = first; waiter < this.waiters; waiter++) {
      const from = this.#ends[waiter];
      const until = waiter + 1 < this.waiters ? this.#starts[waiter + 1] : this.length;
      this.buffer.copyWithin(to, from, until);
      to += until - from;
    }
    this.length = to;
    this.records -= this.waiters - first;
    this.forget(first);
  }

  /** Forgets the waiters from number `first` on, their records stay. */
  forget(first: number): void {
    this.#callbacks.fill(null, first, this.waiters);
    this.waiters = first;
  }

  clear(): void {
    this.length = 0;
    this.written = 0;
    this.records = 0;
    this.forget(0);
    if (this.buffer.length > bufferBytesKept) this.buffer = Buffer.allocUnsafeSlow(bufferBytesFirst);
  }
}
