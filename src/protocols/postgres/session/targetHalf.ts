/**
 * What comes from the target: frames it in place, tells rows from the rest, has rows masked, and keeps the order in which
 * everything leaves to the client.
 *
 * The bytes of one read form *runs*: neighbouring messages with the same fate. A run that passes is written from where it
 * was read. A run of rows to mask goes to the masker whole, because a kernel is fastest over many rows.
 */
import { Frame, FrameState, frameRunEnd, nextFrame } from '../../../bytes/frames.ts';
import type { MaskPlan } from '../../../masking/plan.ts';
import type { WireReader } from '../../protocol.ts';
import { ReadBuffer, SmallBuffer } from '../../readBuffer.ts';
import type { Conversation } from './conversation.ts';
import type { TargetMessages } from './targetMessages.ts';
import { RowOutput } from './rowOutput.ts';
import { Backend, backendLimits, targetFault } from '../wire/wire.ts';

const small = new SmallBuffer(8 * 1024, 1024);
/** Output held for the client above which its target is not read. Four slots keep several lanes busy. */
const heldBytesHigh = 1024 * 1024;
const heldBytesLow = 512 * 1024;
/** The same in slots: a target that sends in small pieces fills each with little, but holds it whole. */
const heldSlotsHigh = 8;
const heldSlotsLow = 4;

const unexpectedRow = targetFault('a row that no statement asked for');

export class TargetHalf implements WireReader {
  readonly #conversation: Conversation;
  readonly #messages: TargetMessages;
  readonly #rows: RowOutput;
  readonly #buffer: ReadBuffer;
  readonly #frame = new Frame();
  /** Bytes of the current message that still pass untouched. */
  #passing = 0;
  /** Something must happen before the next message may be looked at. */
  #waiting = false;
  #paused = false;

  constructor(conversation: Conversation, messages: TargetMessages) {
    this.#conversation = conversation;
    this.#messages = messages;
    this.#buffer = new ReadBuffer(conversation.services.masker, small);
    this.#buffer.onSlotFree = () => this.#relieve();
    this.#rows = new RowOutput(conversation, () => this.#relieve());
  }

  buffer(): Uint8Array {
    return this.#buffer.next(this.#paused || this.#waiting);
  }

  onRead(bytes: Uint8Array, count: number): void {
    if (this.#conversation.ended) return;
    this.#conversation.counters.bytesFromTarget += count;
    this.#buffer.took(bytes, count);
    if (!this.#waiting) this.#advance();
    this.#buffer.settle();
  }

  onDrain(): void {
    this.#messages.onTargetDrained();
  }

  /** The client's side has room again. */
  relieve(): void {
    this.#relieve();
  }

  onClose(): void {
    this.#messages.onTargetClosed();
    this.#buffer.onWireClosed();
  }

  close(): void {
    this.#buffer.close();
  }

  /** Looks at what was read so far; after a wait, goes on where it stopped. */
  #advance(): void {
    const { toClient } = this.#conversation;
    const before = toClient.totalBytes;
    this.#parse();
    if (this.#conversation.ended) return;
    toClient.flush();
    this.#conversation.counters.bytesToClient += toClient.totalBytes - before;
    this.#messages.onAnswered();
    if (this.#conversation.ended) return;
    const crowded = toClient.heldBytes + this.#rows.heldBytes > heldBytesHigh || this.#buffer.slotsHeld > heldSlotsHigh;
    if (crowded && !this.#paused) this.#pause();
  }

  #parse(): void {
    const buffer = this.#buffer;
    const bytes = buffer.bytes;
    let at = buffer.from;
    if (this.#passing > 0) {
      const count = Math.min(this.#passing, buffer.fill - at);
      this.#conversation.toClient.put(bytes, at, at + count, buffer.slot);
      this.#passing -= count;
      at += count;
      this.#conversation.midMessage = this.#passing > 0;
    }
    if (this.#rows.streaming) at = this.#stream(at);
    let runStart = at;
    while (!this.#conversation.ended && this.#passing === 0 && !this.#rows.streaming) {
      const state = nextFrame(bytes, at, buffer.fill, backendLimits, this.#frame);
      if (state === FrameState.complete) {
        const type = this.#frame.type;
        if (type === Backend.DataRow || type === Backend.CopyData) {
          const end = frameRunEnd(bytes, at, buffer.fill, type, backendLimits[type]);
          const plan = this.#planFor(type);
          if (plan === 'wait') {
            this.#pass(runStart, at);
            buffer.consume(at);
            this.#wait();
            return;
          }
          if (plan === undefined) return;
          if (plan !== null || this.#messages.swallowsRows) {
            this.#pass(runStart, at);
            if (plan !== null) this.#mask(plan, at, end);
            else if (!this.#messages.ownRows(bytes, at, end)) return;
            runStart = end;
          } else this.#messages.tookRows(end - at);
          at = end;
          continue;
        }
        const fate = this.#messages.onMessage(bytes, this.#frame);
        if (fate === 'wait') {
          this.#pass(runStart, at);
          buffer.consume(at);
          this.#wait();
          return;
        }
        if (fate !== 'pass') {
          this.#pass(runStart, at);
          if (fate !== 'swallow') this.#conversation.toClient.own(fate);
          runStart = this.#frame.end;
        }
        at = this.#frame.end;
        continue;
      }
      if (state !== FrameState.incomplete) {
        this.#conversation.fail(targetFault(`message type ${this.#frame.type} of refused type or length`));
        return;
      }
      this.#pass(runStart, at);
      runStart = at = this.#partial(at);
      break;
    }
    if (this.#conversation.ended) return;
    this.#pass(runStart, at);
    buffer.consume(at);
  }

  /** Deals with a message of which only a part is here; returns up to where it is dealt with. */
  #partial(at: number): number {
    const buffer = this.#buffer;
    const { type, end } = this.#frame;
    if (type < 0 || at === buffer.fill) return at;
    const isRow = type === Backend.DataRow || type === Backend.CopyData;
    if (!isRow) {
      buffer.consume(at);
      buffer.reserve(end - at);
      return buffer.from;
    }
    const plan = this.#planFor(type);
    if (plan === undefined) return at;
    if (plan === 'wait') {
      buffer.consume(at);
      this.#wait();
      return at;
    }
    if (plan === null && !this.#messages.swallowsRows) {
      this.#messages.tookRows(end - at);
      this.#conversation.toClient.put(buffer.bytes, at, buffer.fill, buffer.slot);
      this.#passing = end - buffer.fill;
      this.#conversation.midMessage = true;
      return buffer.fill;
    }
    const length = end - at;
    if (plan === null || length <= this.#conversation.services.masker.slotBytes) {
      buffer.consume(at);
      buffer.reserve(length);
      return buffer.from;
    }
    const run = this.#messages.run;
    if (run === null) {
      this.#conversation.fail(unexpectedRow);
      return at;
    }
    this.#rows.openStream(run, plan, length);
    return this.#stream(at);
  }

  /** Passes more of a row that is larger than a slot; returns up to where it was taken. */
  #stream(at: number): number {
    const buffer = this.#buffer;
    const taken = this.#rows.stream(buffer.bytes, at, buffer.fill, buffer.slot);
    if (taken < 0) return at;
    if (taken === at && buffer.fill === buffer.limit) {
      buffer.consume(at);
      buffer.reserve(buffer.fill - at + 4096);
      return buffer.from;
    }
    return taken;
  }

  #planFor(type: number): MaskPlan | null | 'wait' | undefined {
    const plan = this.#messages.rows.planFor(type);
    if (plan === undefined) this.#conversation.fail(unexpectedRow);
    return plan;
  }

  #pass(start: number, end: number): void {
    this.#conversation.toClient.put(this.#buffer.bytes, start, end, this.#buffer.slot);
  }

  #mask(plan: MaskPlan, start: number, end: number): void {
    const run = this.#messages.run;
    if (run === null) return this.#conversation.fail(unexpectedRow);
    this.#rows.mask(run, plan, this.#buffer, start, end);
  }

  /** Holds everything back until the {@link RowPlanner} says that it may go on. */
  #wait(): void {
    this.#waiting = true;
    this.#conversation.targetWire.pause();
    this.#messages.rows.whenReady(() => {
      this.#waiting = false;
      if (this.#conversation.ended) return;
      this.#advance();
      if (!this.#paused && !this.#waiting && !this.#conversation.ended) this.#conversation.targetWire.resume();
    });
  }

  #pause(): void {
    this.#paused = true;
    this.#conversation.targetWire.pause();
  }

  #relieve(): void {
    if (!this.#paused || this.#conversation.ended) return;
    if (this.#conversation.toClient.heldBytes + this.#rows.heldBytes > heldBytesLow) return;
    if (this.#buffer.slotsHeld > heldSlotsLow) return;
    this.#paused = false;
    if (!this.#waiting) this.#conversation.targetWire.resume();
  }
}
