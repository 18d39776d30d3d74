/**
 * The shared memory between the main thread and one lane: a ring of range descriptors, single producer and single
 * consumer, in which each descriptor's answer is written next to its question.
 *
 *     words   0        16        32        48        64     80 ...
 *             submitted finished  sleeping  notified  stop   capacity x 16 words of descriptors
 *
 * Every word that two threads touch has a cache line of its own. Counters only rise (modulo 2^32); a descriptor's place
 * is its number modulo the capacity, a power of two.
 *
 * Invariant: reaped <= finished <= submitted <= reaped + capacity, as differences modulo 2^32. The main thread writes
 * descriptors in [reaped + capacity) and owns them again once they are finished; the lane owns [finished, submitted).
 *
 * Lost wake-ups cannot happen, because Atomics are sequentially consistent: the lane announces that it sleeps *before*
 * Atomics.wait compares `submitted`, and the main thread raises `submitted` *before* it looks whether the lane sleeps.
 * The way back is the same: the lane raises `finished` before it looks at `notified`, and the main thread clears
 * `notified` before it looks at `finished`.
 */
import type { KernelResult } from '../masking/plan.ts';

const line = 16;
const submittedAt = 0;
const finishedAt = line;
const sleepingAt = 2 * line;
const notifiedAt = 3 * line;
const stopAt = 4 * line;
const headWords = 5 * line;

// Fields of a descriptor: the question, then the answer.
const planLow = 0;
const planHigh = 1;
const startField = 2;
const endField = 3;
const outputField = 4;
const statusField = 5;
const inputEndField = 6;
const outputStartField = 7;
const outputEndField = 8;
const rowsField = 9;
const maskedField = 10;

/** Status words. 0 is failed, so that a descriptor that nobody answered reads as failed. */
const statuses: readonly KernelResult['status'][] = ['malformed', 'done', 'full', 'malformed'];
const failedStatus = 0;

const two32 = 2 ** 32;

/** Shared memory for a ring of `capacity` descriptors (a power of two). */
export function createRing(capacity: number): SharedArrayBuffer {
  if (!Number.isInteger(Math.log2(capacity))) throw new RangeError('the capacity of a ring must be a power of two');
  return new SharedArrayBuffer((headWords + capacity * line) * Int32Array.BYTES_PER_ELEMENT);
}

function capacityOf(words: Int32Array): number {
  return (words.length - headWords) / line;
}

/** The main thread's end of a ring. */
export class RingProducer {
  readonly capacity: number;
  /** The answer that was reaped last; filled again by the next. */
  readonly answer: KernelResult = { status: 'done', inputEnd: 0, outputStart: 0, outputEnd: 0, rows: 0, masked: 0 };
  /** Whether the range that was reaped last failed: then `answer` means nothing. */
  failed = false;
  /** Where the range that was reaped last began. */
  start = 0;
  readonly #words: Int32Array;
  #submitted = 0;
  #reaped = 0;

  constructor(ring: SharedArrayBuffer) {
    this.#words = new Int32Array(ring);
    this.capacity = capacityOf(this.#words);
  }

  /** Descriptors submitted and not yet reaped. */
  get inFlight(): number {
    return (this.#submitted - this.#reaped) | 0;
  }

  /** Rises with every range that the lane finishes: how a watchdog sees progress. */
  get finished(): number {
    return Atomics.load(this.#words, finishedAt);
  }

  /** Place of the next descriptor, or -1 if the ring is full. */
  nextPlace(): number {
    return this.inFlight === this.capacity ? -1 : this.#submitted & (this.capacity - 1);
  }

  /** Hands the range to the lane. The caller has checked {@link nextPlace}. */
  submit(planId: number, start: number, end: number, outputStart: number): void {
    const words = this.#words;
    const at = headWords + (this.#submitted & (this.capacity - 1)) * line;
    words[at + planLow] = planId | 0;
    words[at + planHigh] = Math.floor(planId / two32);
    words[at + startField] = start;
    words[at + endField] = end;
    words[at + outputField] = outputStart;
    words[at + statusField] = 0;
    this.#submitted = (this.#submitted + 1) | 0;
    Atomics.store(words, submittedAt, this.#submitted);
    if (Atomics.load(words, sleepingAt) === 1) Atomics.notify(words, submittedAt, 1);
  }

  /** To be called once per wake-up message, before reaping. */
  acknowledge(): void {
    Atomics.store(this.#words, notifiedAt, 0);
  }

  /** Takes the oldest answer into `answer`, `failed` and `start`. The place of its descriptor, or -1 if there is none. */
  reap(): number {
    const words = this.#words;
    if (this.#reaped === Atomics.load(words, finishedAt)) return -1;
    const place = this.#take();
    const at = headWords + place * line;
    const status = words[at + statusField];
    this.failed = status === failedStatus;
    const { answer } = this;
    answer.status = statuses[status];
    answer.inputEnd = words[at + inputEndField];
    answer.outputStart = words[at + outputStartField];
    answer.outputEnd = words[at + outputEndField];
    answer.rows = words[at + rowsField];
    answer.masked = words[at + maskedField];
    return place;
  }

  /** After the lane's thread has ended: takes the oldest descriptor that has no answer as failed. -1 if none is left. */
  abandon(): number {
    if (this.#reaped === this.#submitted) return -1;
    this.failed = true;
    return this.#take();
  }

  /** Bytes of the range at `place`, as submitted. */
  rangeBytes(place: number): number {
    const at = headWords + place * line;
    return this.#words[at + endField] - this.#words[at + startField];
  }

  /**
   * Asks the lane to finish what was submitted and to return. Nothing may be submitted afterwards. The counter rises by
   * one without a descriptor, because Atomics.wait looks at nothing but the counter.
   */
  stop(): void {
    const words = this.#words;
    words[stopAt + 1] = this.#submitted;
    Atomics.store(words, stopAt, 1);
    Atomics.store(words, submittedAt, (this.#submitted + 1) | 0);
    Atomics.notify(words, submittedAt, 1);
  }

  #take(): number {
    const place = this.#reaped & (this.capacity - 1);
    this.start = this.#words[headWords + place * line + startField];
    this.#reaped = (this.#reaped + 1) | 0;
    return place;
  }
}

/** The lane's end of a ring. */
export class RingConsumer {
  planId = 0;
  start = 0;
  end = 0;
  outputStart = 0;
  readonly #words: Int32Array;
  readonly #mask: number;
  #finished = 0;

  constructor(ring: SharedArrayBuffer) {
    this.#words = new Int32Array(ring);
    this.#mask = capacityOf(this.#words) - 1;
  }

  /** Loads the next range into the fields, after blocking for one if need be. False: stop, and nothing is left. */
  next(): boolean {
    const words = this.#words;
    // No spinning first: on two cores it took the time from the main thread and doubled the round trip (native-bench hop).
    while (Atomics.load(words, submittedAt) === this.#finished) {
      Atomics.store(words, sleepingAt, 1);
      Atomics.wait(words, submittedAt, this.#finished);
      Atomics.store(words, sleepingAt, 0);
    }
    if (Atomics.load(words, stopAt) === 1 && words[stopAt + 1] === this.#finished) return false;
    const at = headWords + (this.#finished & this.#mask) * line;
    this.planId = words[at + planHigh] * two32 + (words[at + planLow] >>> 0);
    this.start = words[at + startField];
    this.end = words[at + endField];
    this.outputStart = words[at + outputField];
    return true;
  }

  /** Publishes the answer to the current range; null: failed. True: the main thread must be woken by a message. */
  finish(result: KernelResult | null): boolean {
    const words = this.#words;
    const at = headWords + (this.#finished & this.#mask) * line;
    if (result === null) {
      words[at + statusField] = failedStatus;
    } else {
      words[at + inputEndField] = result.inputEnd;
      words[at + outputStartField] = result.outputStart;
      words[at + outputEndField] = result.outputEnd;
      words[at + rowsField] = result.rows;
      words[at + maskedField] = result.masked;
      words[at + statusField] = statuses.indexOf(result.status, 1);
    }
    this.#finished = (this.#finished + 1) | 0;
    Atomics.store(words, finishedAt, this.#finished);
    return Atomics.exchange(words, notifiedAt, 1) === 0;
  }
}
