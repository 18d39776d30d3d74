/**
 * Memory for reading one side of a session. An idle session owns none: it waits for its next read with memory that all of
 * them share, because a read and what is made of it happen in one go. Only what is left unread after that, the beginning of
 * a message, moves into memory of its own. A session with traffic reads into slots of the shared slab, one slot per read, so
 * that a slot can be written out while the next read lands in another.
 *
 * Invariant: unread bytes stand in bytes[from, fill), and base <= start <= from <= fill <= limit. [base, start) is
 * headroom for masks that are longer than their values.
 */
import type { Lease, Masker } from './protocol.ts';
import { SharedLease } from './orderedOutput.ts';

/** Memory that idle sessions read into, and the size of what one of them may keep for itself. */
export class SmallBuffer {
  readonly headroom: number;
  readonly length: number;
  readonly shared: Uint8Array;
  /** Where reads land. One object, so that a read can be told by it. */
  readonly space: Uint8Array;

  constructor(bytes: number, headroom: number) {
    this.headroom = headroom;
    this.length = headroom + bytes;
    this.shared = new Uint8Array(this.length);
    this.space = this.shared.subarray(headroom);
  }
}

/** Space that must be left behind unread bytes for a read into the small buffer to be worth its call. */
const leastReadBytes = 1024;
/** Reads in a row that would have fitted into the small buffer before it is used again. */
const shrinkAfter = 8;

const nowhere = new Uint8Array(0);

export class ReadBuffer {
  readonly #masker: Masker;
  readonly #small: SmallBuffer;
  /** Where the next bytes were asked to land, as long as that is behind what is unread. */
  #expected: Uint8Array;
  /** The slot in which the next bytes will land, whatever has become of it meanwhile: the wire asks anew only after a read. */
  #landing: SharedLease | null = null;
  /** The same slot when it is not needed any more. Given back now, it would be overwritten in the hands of another session. */
  #left: SharedLease | null = null;
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
    this.#small = small;
    this.bytes = small.shared;
    this.start = small.headroom;
    this.from = small.headroom;
    this.fill = small.headroom;
    this.limit = small.length;
    this.#expected = small.space;
  }

  /** Bytes that one message may have to be held whole without {@link reserve}. */
  get capacity(): number {
    return this.limit - this.start;
  }

  /** Space for the next read; what is unread moves in front of it. `calm`: nothing is being read, so hold little. */
  next(calm: boolean): Uint8Array {
    // A socket asks for space until it is closed, and a slot taken now would never come back.
    this.#expected = this.#closed ? this.#small.space : this.#spaceFor(calm);
    this.#landing = this.slot;
    this.#giveBack();
    return this.#expected;
  }

  #spaceFor(calm: boolean): Uint8Array {
    if (this.#large !== null) {
      if (this.fill === this.limit && this.from > this.start) {
        this.bytes.copyWithin(this.start, this.from, this.fill);
        this.#place(this.bytes, this.base, this.start, this.limit, this.fill - this.from);
      }
      return this.#large.subarray(this.fill);
    }
    const tail = this.fill - this.from;
    const fits = tail + leastReadBytes <= this.#small.space.length;
    if (fits && (calm || !this.#grown)) this.#useSmall(tail);
    else this.#useSlot(tail);
    return this.bytes === this.#small.shared ? this.#small.space : this.bytes.subarray(this.fill, this.limit);
  }

  /** Takes note of a read of `count` bytes into `bytes`. */
  took(bytes: Uint8Array, count: number): void {
    if (bytes !== this.#expected) {
      // The bytes stand elsewhere: in the former reader's memory, or where this one was before it moved between reads.
      if (this.fill + count > this.limit) this.reserve(this.fill - this.from + count);
      this.bytes.set(bytes.subarray(0, count), this.fill);
    }
    this.fill += count;
    if (count > this.#small.space.length - leastReadBytes) {
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
    if (this.slot === null && this.#large === null && length <= this.#small.space.length) return;
    const tail = this.fill - this.from;
    this.#grown = true;
    if (this.#large === null) {
      const slotBytes = this.#useSlot(tail);
      if (length <= slotBytes) return;
    }
    const { headroom } = this.#small;
    const large = new Uint8Array(headroom + length);
    large.set(this.bytes.subarray(this.from, this.fill), headroom);
    this.#leave();
    this.#large = large;
    this.#place(large, 0, headroom, large.length, tail);
  }

  /** Everything up to `at` is dealt with. */
  consume(at: number): void {
    this.from = at;
    if (this.#large !== null && this.from === this.fill) {
      this.#large = null;
      this.#useShared();
    }
  }

  /** Call when a read has been dealt with: what is left of it must not stay where the reads of others land. */
  settle(): void {
    if (this.bytes === this.#small.shared && this.fill > this.from) this.#useSmall(this.fill - this.from);
  }

  /** Gives the slot back, after the read that may still land in it. What is read from now on is lost. */
  close(): void {
    this.#closed = true;
    this.#leave();
    this.#large = null;
    this.#useShared();
  }

  /** The wire is gone: nothing lands any more. */
  onWireClosed(): void {
    this.close();
    this.#landing = null;
    this.#giveBack();
  }

  #giveBack(): void {
    const left = this.#left;
    this.#left = null;
    left?.release();
  }

  #useShared(): void {
    const { shared, headroom, length } = this.#small;
    this.#place(shared, 0, headroom, length, 0);
  }

  #useSmall(tail: number): void {
    const { shared, headroom, length } = this.#small;
    if (tail === 0) {
      this.#leave();
      this.#useShared();
    } else if (this.slot === null && this.bytes !== shared) {
      if (this.from === this.start) return;
      this.bytes.copyWithin(this.start, this.from, this.fill);
      this.#place(this.bytes, 0, headroom, length, tail);
    } else {
      const own = new Uint8Array(length);
      own.set(this.bytes.subarray(this.from, this.fill), headroom);
      this.#leave();
      this.#place(own, 0, headroom, length, tail);
    }
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
    const { slot } = this;
    this.slot = null;
    if (slot !== null && slot === this.#landing) this.#left = slot;
    else slot?.release();
  }

  #place(bytes: Uint8Array, base: number, start: number, limit: number, tail: number): void {
    this.#expected = nowhere;
    this.bytes = bytes;
    this.base = base;
    this.start = start;
    this.from = start;
    this.fill = start + tail;
    this.limit = limit;
  }
}
