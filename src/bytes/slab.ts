/**
 * One piece of shared memory, cut into slots of equal size: where result bytes live between the target's socket, the
 * kernels and the client's socket. It is shared so that lanes mask in place, without a copy or a transfer.
 *
 *     slot i:  | headroom | payload            |
 *              ^ base     ^ start              ^ end        all offsets are absolute, in bytes
 *
 * Reads fill the payload. The headroom in front takes masks that are longer than their values, so that output may
 * begin before the input did and still never overtake it.
 *
 * Memory: untouched pages cost nothing, and the free list is a stack, so a slot is touched for the first time only when
 * every slot touched before is in use. Resident memory is therefore the high-water mark of slots in use at once. It does
 * not fall again: JavaScript cannot give back single pages of a SharedArrayBuffer. That is why the number of slots is
 * limited, and why running out of them is an ordinary answer that stops reads, not an error.
 *
 * A slot is not wiped when it is released. Whoever acquires it must write a byte before handing that byte on; the range
 * that goes to a client always ends where the last read or kernel ended.
 */

declare const slotBrand: unique symbol;
/** Number of a slot in its slab, from 0. */
export type SlotIndex = number & { readonly [slotBrand]: true };

/** What `acquire` answers when every slot is in use. */
export const noSlot = -1;

export interface SlabOptions {
  /** Bytes of one payload. */
  readonly payloadBytes: number;
  /** Bytes in front of each payload. */
  readonly headroomBytes: number;
  readonly slots: number;
}

const defaults: SlabOptions = { payloadBytes: 256 * 1024, headroomBytes: 32 * 1024, slots: 192 };

/** Offsets travel through rings of 32-bit integers, so a slab stays below 2 GiB. */
const slabBytesMax = 2 ** 31 - 1;

export class Slab {
  readonly shared: SharedArrayBuffer;
  /** The whole slab: kernels and codecs take absolute offsets into it. */
  readonly bytes: Uint8Array;
  readonly payloadBytes: number;
  readonly headroomBytes: number;
  readonly slots: number;

  // Invariant: free[0 .. freeCount) are the numbers of all slots whose held[] is 0, each once.
  readonly #free: Int32Array;
  readonly #held: Uint8Array;
  readonly #views: (Buffer | null)[];
  readonly #strideBytes: number;
  #freeCount: number;
  #peak = 0;
  #exhausted = 0;

  constructor(options: Partial<SlabOptions> = {}) {
    const { payloadBytes, headroomBytes, slots } = { ...defaults, ...options };
    assertSize('payloadBytes', payloadBytes, 1);
    assertSize('headroomBytes', headroomBytes, 0);
    assertSize('slots', slots, 1);
    const strideBytes = headroomBytes + payloadBytes;
    if (strideBytes * slots > slabBytesMax) throw new RangeError('a slab must be smaller than 2 GiB');
    this.payloadBytes = payloadBytes;
    this.headroomBytes = headroomBytes;
    this.slots = slots;
    this.#strideBytes = strideBytes;
    this.shared = new SharedArrayBuffer(strideBytes * slots);
    this.bytes = new Uint8Array(this.shared);
    this.#held = new Uint8Array(slots);
    this.#views = Array.from({ length: slots }, () => null);
    this.#free = Int32Array.from({ length: slots }, (_, index) => slots - 1 - index);
    this.#freeCount = slots;
  }

  /** The slot that was released last, or {@link noSlot}: then stop reading until one comes back. */
  acquire(): SlotIndex | typeof noSlot {
    if (this.#freeCount === 0) {
      this.#exhausted++;
      return noSlot;
    }
    const slot = this.#free[--this.#freeCount];
    this.#held[slot] = 1;
    const used = this.slots - this.#freeCount;
    if (used > this.#peak) this.#peak = used;
    return slot as SlotIndex;
  }

  /**
   * Gives a slot back. The caller guarantees that no lane and no socket still uses it. Throws on a slot that is not
   * held: a second release would hand one slot to two sessions, which is how rows reach the wrong client.
   */
  release(slot: SlotIndex): void {
    if (this.#held[slot] !== 1) throw new Error(`slot ${slot} released but not held`);
    this.#held[slot] = 0;
    this.#free[this.#freeCount++] = slot;
  }

  /** First byte of the slot's headroom. */
  base(slot: SlotIndex): number {
    return slot * this.#strideBytes;
  }

  /** First byte of the slot's payload. */
  start(slot: SlotIndex): number {
    return slot * this.#strideBytes + this.headroomBytes;
  }

  /** One past the last byte of the slot's payload. */
  end(slot: SlotIndex): number {
    return (slot + 1) * this.#strideBytes;
  }

  /** The payload, as the target of a socket read. The same view each time: made once per slot. */
  view(slot: SlotIndex): Buffer {
    const known = this.#views[slot];
    if (known) return known;
    const view = Buffer.from(this.shared, this.start(slot), this.payloadBytes);
    this.#views[slot] = view;
    return view;
  }

  /** A view of [start, end) (absolute offsets) for a socket write. Allocates: once per write, not per message. */
  range(start: number, end: number): Buffer {
    return Buffer.from(this.shared, start, end - start);
  }

  get used(): number {
    return this.slots - this.#freeCount;
  }

  statistics(): SlabStatistics {
    return {
      slots: this.slots,
      used: this.used,
      peak: this.#peak,
      exhausted: this.#exhausted,
      bytes: this.shared.byteLength,
      touchedBytesMax: this.#peak * this.#strideBytes,
    };
  }
}

export interface SlabStatistics {
  readonly slots: number;
  readonly used: number;
  /** Most slots in use at once so far. */
  readonly peak: number;
  /** How often `acquire` had none to give. */
  readonly exhausted: number;
  /** Address space of the slab. */
  readonly bytes: number;
  /** Upper bound of what is resident. */
  readonly touchedBytesMax: number;
}

function assertSize(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeError(`${name} must be an integer of at least ${least}`);
}
