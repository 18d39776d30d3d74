/**
 * Everything that leaves towards one side, in order, although parts of it become ready out of order: a range that a lane is
 * still masking, or commands whose audit record is not yet durable, hold back what comes after them.
 */
import type { Lease, Wire } from './protocol.ts';
import { acquireStaging, stagingBytes } from './staging.ts';
import type { StagingBuffer } from './staging.ts';

/** Shorter pieces are copied, which is cheaper than a write of their own and frees the read buffer at once. */
const copyBytesMax = 2048;

/** A lease that several pieces of output refer to; it goes back when the last one is written. */
export class SharedLease {
  readonly lease: Lease;
  readonly #onFree: () => void;
  #users = 1;

  constructor(lease: Lease, onFree: () => void = () => {}) {
    this.lease = lease;
    this.#onFree = onFree;
  }

  /** Nobody but the reader holds it. */
  get sole(): boolean {
    return this.#users === 1;
  }

  retain(): void {
    this.#users++;
  }

  /** Bound, so that it can be a write callback. */
  readonly release = (): void => {
    if (--this.#users > 0) return;
    this.lease.release();
    this.#onFree();
  };
}

/** One piece of output that waits for its turn: a link of a list, because an array that runs empty gives its memory away. */
class Piece {
  bytes: Uint8Array | null;
  done: (() => void) | null;
  /** False: what stands here is not ready yet. */
  ready: boolean;
  next: Piece | null = null;

  constructor(bytes: Uint8Array | null, done: (() => void) | null, ready: boolean) {
    this.bytes = bytes;
    this.done = done;
    this.ready = ready;
  }
}

/** A place in the order, to be filled later. */
export type Place = Piece;

export class OrderedOutput {
  readonly #wire: Wire;
  #staging: StagingBuffer | null = null;
  #first: Piece | null = null;
  #last: Piece | null = null;
  #waitingBytes = 0;
  /** Bytes handed over since the session began. */
  totalBytes = 0;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** Bytes held for this side: waiting for their turn, or for the operating system. */
  get heldBytes(): number {
    return this.#wire.queuedBytes + this.#waitingBytes;
  }

  get empty(): boolean {
    return this.#first === null && this.#staging === null;
  }

  /** Copies bytes[start, end). */
  copy(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      this.#staging ??= acquireStaging();
      const staging = this.#staging;
      const count = Math.min(end - at, stagingBytes - staging.used);
      copyBytes(bytes, at, at + count, staging.bytes, staging.used);
      staging.used += count;
      at += count;
      if (staging.used === stagingBytes) this.flush();
    }
  }

  /** Puts bytes[start, end) out without copying where that pays; `shared` is kept until they are written. */
  put(bytes: Uint8Array, start: number, end: number, shared: SharedLease | null): void {
    if (start >= end) return;
    if (shared === null || end - start <= copyBytesMax) {
      this.copy(bytes, start, end);
      return;
    }
    this.flush();
    shared.retain();
    this.#emit(bytes.subarray(start, end), shared.release);
  }

  /** Puts out bytes that nobody else will change. */
  own(bytes: Uint8Array): void {
    this.copy(bytes, 0, bytes.length);
  }

  /** Keeps a place: nothing behind it leaves before {@link fill}. `bytes` counts towards what is held. */
  reserve(bytes: number): Place {
    this.flush();
    const place = new Piece(null, null, false);
    this.#append(place);
    this.#waitingBytes += bytes;
    return place;
  }

  /** Fills a place (with nothing if `bytes` is null) and lets out what now may leave. `reserved`: as in {@link reserve}. */
  fill(place: Place, reserved: number, bytes: Uint8Array | null, done: (() => void) | null): void {
    this.#waitingBytes -= reserved;
    place.bytes = bytes;
    place.done = done;
    place.ready = true;
    if (bytes !== null) this.#waitingBytes += bytes.length;
    this.#advance();
  }

  /** Writes what was copied so far. Call at the end of each turn. */
  flush(): void {
    const staging = this.#staging;
    if (staging === null) return;
    this.#staging = null;
    this.#emit(staging.view(), staging.release);
  }

  /** Gives everything back that was never written. */
  discard(): void {
    let piece = this.#first;
    this.#first = this.#last = null;
    this.#waitingBytes = 0;
    for (; piece !== null; piece = piece.next) piece.done?.();
    this.#staging?.release();
    this.#staging = null;
  }

  #emit(bytes: Uint8Array, done: () => void): void {
    this.totalBytes += bytes.length;
    if (this.#first === null) {
      this.#wire.write(bytes, done);
      return;
    }
    this.#append(new Piece(bytes, done, true));
    this.#waitingBytes += bytes.length;
  }

  #append(piece: Piece): void {
    if (this.#last === null) this.#first = piece;
    else this.#last.next = piece;
    this.#last = piece;
  }

  #advance(): void {
    while (this.#first?.ready === true) {
      const { bytes, done, next } = this.#first;
      this.#first = next;
      if (next === null) this.#last = null;
      if (bytes === null || bytes.length === 0) done?.();
      else {
        this.#waitingBytes -= bytes.length;
        this.#wire.write(bytes, done);
      }
    }
  }
}

/** Below some fifty bytes a loop beats the call of `set`, which also needs a view. */
function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start > 48) {
    to.set(from.subarray(start, end), at);
    return;
  }
  for (let index = start; index < end; index++) to[at++] = from[index];
}
