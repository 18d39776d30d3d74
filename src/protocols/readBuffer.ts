/**
 * Memory for reading one side of a session. An idle session owns a few kilobytes; one with traffic reads into slots of the
 * shared slab, one slot per read, so that a slot can be written out while the next read lands in another.
 *
 * Invariant: unread bytes stand in bytes[from, fill), and base <= start <= from <= fill <= limit. [base, start) is
 * headroom for masks that are longer than their values.
 */
import type { Lease, Masker } from './protocol.ts';
import { SharedLease } from './orderedOutput.ts';

/** Private memory of an idle side, in bytes. */
export interface SmallBuffer {
  readonly bytes: number;
  readonly headroom: number;
}

/** Space that must be left behind unread bytes for a read into the small buffer to be worth its call. */
const leastReadBytes = 1024;
/** Reads in a row that would have fitted into the small buffer before it is used again. */
const shrinkAfter = 8;

export class ReadBuffer {
  readonly #masker: Masker;
  readonly #small: Uint8Array;
  readonly #smallStart: number;
  readonly #smallView: Uint8Array;
  /** Where the next bytes were asked to land. */
  #expected: Uint8Array;
  #grown = false;
  #smallReads = 0;
  #closed = false;
  /** Memory for one message that no slot can hold. */
  #large: Uint8Array | null = null;
  /** Slots that were read into and are not back yet: the one in use, and those that are still being masked or written. */
  slotsHeld = 0;
  /** A slot has come back. */
  onSlotFree: () => void = () => {};
  readonly #onFree = (): void => {
    this.slotsHeld--;
    this.onSlotFree();
  };
  /** The slot that bytes stand in; null for private memory. */
  slot: SharedLease | null = null;
  bytes: Uint8Array;
  base = 0;
  start: number;
  from: number;
  fill: number;
  limit: number;

  constructor(masker: Masker, small: SmallBuffer) {
    this.#masker = masker;
    this.#small = new Uint8Array(small.headroom + small.bytes);
    this.#smallStart = small.headroom;
    this.bytes = this.#small;
    this.start = small.headroom;
    this.from = small.headroom;
    this.fill = small.headroom;
    this.limit = this.#small.length;
    this.#smallView = this.#small.subarray(small.headroom);
    this.#expected = this.#smallView;
  }

  /** Bytes that one message may have to be held whole without {@link reserve}. */
  get capacity(): number {
    return this.limit - this.start;
  }

  /** Space for the next read; what is unread moves in front of it. `calm`: nothing is being read, so hold little. */
  next(calm: boolean): Uint8Array {
    // A socket asks for space until it is closed, and a slot taken now would never come back.
    if (this.#closed) return this.#smallView;
    if (this.#large !== null) {
      if (this.fill === this.limit && this.from > this.start) {
        this.bytes.copyWithin(this.start, this.from, this.fill);
        this.#place(this.bytes, this.base, this.start, this.limit, this.fill - this.from);
      }
      this.#expected = this.#large.subarray(this.fill);
      return this.#expected;
    }
    const tail = this.fill - this.from;
    const fits = tail + leastReadBytes <= this.#smallView.length;
    if (fits && (calm || !this.#grown)) this.#useSmall(tail);
    else this.#useSlot(tail);
    this.#expected = this.slot === null && tail === 0 ? this.#smallView : this.bytes.subarray(this.fill, this.limit);
    return this.#expected;
  }

  /** Takes note of a read of `count` bytes into `bytes`. */
  took(bytes: Uint8Array, count: number): void {
    if (bytes !== this.#expected) {
      // Right after a change of readers the bytes stand in the former reader's memory.
      if (this.fill + count > this.limit) this.reserve(this.fill - this.from + count);
      this.bytes.set(bytes.subarray(0, count), this.fill);
    }
    this.fill += count;
    if (count > this.#smallView.length - leastReadBytes) {
      this.#grown = true;
      this.#smallReads = 0;
    } else if (this.#grown && ++this.#smallReads >= shrinkAfter) {
      this.#grown = false;
      this.#smallReads = 0;
    }
  }

  /** Makes room for a message of `length` bytes that begins at `from`. The caller has checked `length` against a limit. */
  reserve(length: number): void {
    if (length <= this.limit - this.from) return;
    // The next read moves what is unread to the front of the small buffer, where it will fit.
    if (this.slot === null && this.#large === null && length <= this.#smallView.length) return;
    const tail = this.fill - this.from;
    this.#grown = true;
    if (this.#large === null) {
      const slotBytes = this.#useSlot(tail);
      if (length <= slotBytes) return;
    }
    const large = new Uint8Array(this.#smallStart + length);
    large.set(this.bytes.subarray(this.from, this.fill), this.#smallStart);
    this.#leave();
    this.#large = large;
    this.#place(large, 0, this.#smallStart, large.length, tail);
  }

  /** Everything up to `at` is dealt with. */
  consume(at: number): void {
    this.from = at;
    if (this.#large !== null && this.from === this.fill) {
      this.#large = null;
      this.#place(this.#small, 0, this.#smallStart, this.#small.length, 0);
    }
  }

  /** Gives the slot back. Reads that still come land in private memory and are lost. */
  close(): void {
    this.#closed = true;
    this.#leave();
    this.#large = null;
    this.#place(this.#small, 0, this.#smallStart, this.#small.length, 0);
  }

  #useSmall(tail: number): void {
    if (this.slot === null) {
      if (this.from === this.start) return;
      this.bytes.copyWithin(this.start, this.from, this.fill);
    } else {
      this.#small.set(this.bytes.subarray(this.from, this.fill), this.#smallStart);
      this.#leave();
    }
    this.#place(this.#small, 0, this.#smallStart, this.#small.length, tail);
  }

  /** Moves on to a fresh slot with the unread bytes at its start; returns how many bytes it holds. */
  #useSlot(tail: number): number {
    if (this.slot?.sole === true) {
      if (tail > 0 && this.from > this.start) this.bytes.copyWithin(this.start, this.from, this.fill);
      this.#place(this.bytes, this.base, this.start, this.limit, tail);
      return this.limit - this.start;
    }
    const lease: Lease = this.#masker.acquire();
    if (tail > 0) lease.bytes.set(this.bytes.subarray(this.from, this.fill), lease.start);
    this.#leave();
    this.slotsHeld++;
    this.slot = new SharedLease(lease, this.#onFree);
    this.#place(lease.bytes, lease.base, lease.start, lease.end, tail);
    return lease.end - lease.start;
  }

  #leave(): void {
    this.slot?.release();
    this.slot = null;
  }

  #place(bytes: Uint8Array, base: number, start: number, limit: number, tail: number): void {
    this.bytes = bytes;
    this.base = base;
    this.start = start;
    this.from = start;
    this.fill = start + tail;
    this.limit = limit;
  }
}
