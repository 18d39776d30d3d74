/**
 * Rows on their way through a mask: on the spot, in a lane, or in parts when a row is larger than a slot.
 */
import type { KernelResult, MaskPlan, RowStream } from '../../../masking/plan.ts';
import type { Place, SharedLease } from '../../orderedOutput.ts';
import type { ReadBuffer } from '../../readBuffer.ts';
import type { Conversation } from './conversation.ts';
import type { StatementRun } from './statementRun.ts';
import { targetFault } from '../wire/wire.ts';

/** Headroom of the private memory in which the rest of a range is masked when a slot's headroom ran out. */
const spillHeadroomBytes = 128 * 1024;

const malformedRow = targetFault('a row does not fit the description of its result');

export class RowOutput {
  readonly #conversation: Conversation;
  readonly #onRelief: () => void;
  /** Input bytes that lanes are working on. */
  heldBytes = 0;
  #stream: RowStream | null = null;
  #streamRun: StatementRun | null = null;
  #streamLeft = 0;

  constructor(conversation: Conversation, onRelief: () => void) {
    this.#conversation = conversation;
    this.#onRelief = onRelief;
  }

  get streaming(): boolean {
    return this.#stream !== null;
  }

  /** Masks the whole rows in [start, end) of `buffer` and puts them out in order. */
  mask(run: StatementRun, plan: MaskPlan, buffer: ReadBuffer, start: number, end: number): void {
    const { bytes, slot } = buffer;
    // Private memory is copied out at once, and nothing of this slot has been written yet if the rows come first in it: then
    // everything before them is free for masks that are longer than their values.
    const free = slot === null || start === buffer.start;
    const outputStart = free ? buffer.base : start;
    const { masker } = this.#conversation.services;
    const first = run.firstRange;
    run.firstRange = false;
    // The first range of a COPY may begin with a line of names, which only the call on the spot can be told.
    const named = first && plan.copy !== null;
    if (!named && slot !== null && slot.lease.shared && masker.wantsLane(plan, end - start)) {
      if (this.#submit(run, plan, bytes, slot, start, end, outputStart)) return;
    }
    const result = masker.mask(plan, bytes, start, end, outputStart, first);
    if (result.status === 'malformed') {
      this.#conversation.fail(malformedRow);
      return;
    }
    this.#count(run, result);
    this.#conversation.toClient.put(bytes, result.outputStart, result.outputEnd, slot);
    if (result.status !== 'full') return;
    const rest = this.#spill(run, plan, bytes, result.inputEnd, end);
    if (rest !== null) for (const part of rest) this.#conversation.toClient.own(part);
  }

  /** Begins a row of `length` bytes that is larger than a slot. */
  openStream(run: StatementRun, plan: MaskPlan, length: number): void {
    this.#stream = this.#conversation.services.masker.openRowStream(plan);
    this.#streamRun = run;
    this.#streamLeft = length;
    this.#conversation.midMessage = true;
  }

  /** Passes more of that row; returns up to where it was taken. The rest must be presented again. */
  stream(bytes: Uint8Array, start: number, end: number, slot: SharedLease | null): number {
    const stream = this.#stream;
    if (stream === null) return start;
    const until = Math.min(end, start + this.#streamLeft);
    const taken = stream.push(bytes, start, until);
    if (taken < 0) {
      this.#conversation.fail({ code: stream.fault ?? 'BG_MASK_FAILED', detail: 'a row larger than a slot' });
      return start;
    }
    this.#conversation.toClient.put(bytes, start, taken, slot);
    if (this.#streamRun !== null) this.#streamRun.entry.bytes += taken - start;
    this.#streamLeft -= taken - start;
    if (stream.done) {
      const run = this.#streamRun;
      if (run !== null) run.entry.masked += stream.masked;
      this.#stream = null;
      this.#streamRun = null;
      this.#conversation.midMessage = false;
    }
    return taken;
  }

  #submit(
    run: StatementRun,
    plan: MaskPlan,
    bytes: Uint8Array,
    slot: SharedLease,
    start: number,
    end: number,
    outputStart: number,
  ): boolean {
    const { toClient, services } = this.#conversation;
    const length = end - start;
    // The place must stand in the order before the lane can answer; it is taken back if no lane wants the range.
    const accepted = services.masker.submit(plan, start, end, outputStart, (result) => {
      this.heldBytes -= length;
      try {
        this.#settle(run, plan, bytes, slot, place, end, result);
        this.#onRelief();
      } catch (error) {
        // Once it has been handed on, whoever writes it gives the slot back.
        if (!place.ready) slot.release();
        this.#conversation.crash(error);
      }
    });
    if (!accepted) return false;
    slot.retain();
    this.heldBytes += length;
    const place = toClient.reserve(0);
    return true;
  }

  #settle(
    run: StatementRun,
    plan: MaskPlan,
    bytes: Uint8Array,
    slot: SharedLease,
    place: Place,
    end: number,
    result: KernelResult | null,
  ): void {
    const conversation = this.#conversation;
    if (conversation.ended) return slot.release();
    if (result === null || result.status === 'malformed') {
      conversation.fail(result === null ? { code: 'BG_MASK_FAILED', detail: 'a lane died' } : malformedRow);
      return slot.release();
    }
    this.#count(run, result);
    const output = bytes.subarray(result.outputStart, result.outputEnd);
    if (result.status === 'done') {
      conversation.counters.bytesToClient += output.length;
      conversation.toClient.fill(place, 0, output, slot.release);
      return;
    }
    const rest = this.#spill(run, plan, bytes, result.inputEnd, end);
    if (rest === null) return slot.release();
    const whole = Buffer.concat([output, ...rest]);
    conversation.counters.bytesToClient += whole.length;
    conversation.toClient.fill(place, 0, whole, null);
    slot.release();
  }

  /** Masks the rest of a range in private memory; null if that failed and ended the session. */
  #spill(run: StatementRun, plan: MaskPlan, bytes: Uint8Array, start: number, end: number): Uint8Array[] | null {
    const parts: Uint8Array[] = [];
    let at = start;
    while (at < end) {
      const memory = new Uint8Array(spillHeadroomBytes + end - at);
      memory.set(bytes.subarray(at, end), spillHeadroomBytes);
      const result = this.#conversation.services.masker.mask(plan, memory, spillHeadroomBytes, memory.length, 0, false);
      const progress = result.inputEnd - spillHeadroomBytes;
      if (result.status === 'malformed' || progress <= 0) {
        this.#conversation.fail(
          result.status === 'malformed' ? malformedRow : { code: 'BG_MASK_FAILED', detail: 'no room' },
        );
        return null;
      }
      this.#count(run, result);
      parts.push(memory.subarray(result.outputStart, result.outputEnd));
      at += progress;
    }
    return parts;
  }

  #count(run: StatementRun, result: KernelResult): void {
    run.entry.bytes += result.outputEnd - result.outputStart;
    run.entry.masked += result.masked;
  }
}
