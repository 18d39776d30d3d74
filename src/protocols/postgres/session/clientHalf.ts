/**
 * What comes from the client: frames it in place, passes COPY data on as it streams, and keeps everything that follows a
 * statement back until the statement's audit record is durable.
 */
import { Frame, FrameState, nextFrame } from '../../../bytes/frames.ts';
import type { FrameLimits } from '../../../bytes/frames.ts';
import type { WireReader } from '../../protocol.ts';
import { ReadBuffer, SmallBuffer } from '../../readBuffer.ts';
import type { ClientMessages } from './clientMessages.ts';
import type { Conversation } from './conversation.ts';
import { expectedMax } from './expected.ts';
import { clientFault, Frontend, frontendLimits } from '../wire/wire.ts';

const small = new SmallBuffer(4 * 1024, 0);
/** Bytes held for the target above which its client is not read. */
const heldBytesHigh = 1024 * 1024;
/** What may still come after a pause: the rest of a TLS record that is open already. */
const restBytesMax = 16 * 1024;

/** Messages that are decided. */
const commands: ReadonlySet<number> = new Set([Frontend.Query, Frontend.Parse, Frontend.Bind, Frontend.Execute]);

export class ClientHalf implements WireReader {
  readonly #conversation: Conversation;
  readonly #messages: ClientMessages;
  readonly #buffer: ReadBuffer;
  readonly #limits: FrameLimits;
  readonly #frame = new Frame();
  /** Bytes of the current CopyData that still pass. */
  #passing = 0;
  #paused = false;
  #relieving = false;

  constructor(conversation: Conversation, messages: ClientMessages) {
    this.#conversation = conversation;
    this.#messages = messages;
    this.#buffer = new ReadBuffer(conversation.services.masker, small);
    this.#limits = frontendLimits(conversation.services.limits.messageBytesMax);
  }

  buffer(): Uint8Array {
    return this.#buffer.next(this.#paused);
  }

  onRead(bytes: Uint8Array, count: number): void {
    const conversation = this.#conversation;
    if (conversation.ended) return;
    conversation.counters.bytesFromClient += count;
    this.#buffer.took(bytes, count);
    this.#advance();
    this.#buffer.settle();
    if (!conversation.ended && this.#crowded()) this.#pause();
  }

  /** The client has read what was written to it. */
  onDrain(): void {
    this.#messages.onClientDrained();
  }

  onClose(): void {
    this.#conversation.close('gone', null);
    this.#buffer.onWireClosed();
  }

  close(): void {
    this.#buffer.close();
  }

  /** The target has taken what was held for it, or has answered. */
  relieve(): void {
    if (!this.#paused || this.#relieving || this.#conversation.ended) return;
    // What was held is presented again below, and may have to be held once more.
    const held = this.#messages.holding;
    this.#messages.holding = false;
    if (this.#crowded()) {
      this.#messages.holding = held;
      return;
    }
    // What this sends may be taken at once, which calls here again.
    this.#relieving = true;
    this.#advance();
    this.#relieving = false;
    if (this.#conversation.ended || this.#crowded()) return;
    this.#paused = false;
    this.#conversation.client.resume();
  }

  /** Deals with what was read, as far as the target may be asked now. */
  #advance(): void {
    const { toTarget, counters } = this.#conversation;
    const before = toTarget.totalBytes;
    this.#parse();
    if (this.#conversation.ended) return;
    this.#messages.endTurn();
    counters.bytesToTarget += toTarget.totalBytes - before;
  }

  #crowded(): boolean {
    return this.#messages.holding || this.#conversation.toTarget.heldBytes > heldBytesHigh || this.#owed();
  }

  #owed(): boolean {
    return this.#conversation.expected.length > expectedMax;
  }

  #pause(): void {
    this.#paused = true;
    this.#conversation.client.pause();
  }

  /** Of a message that has to wait only the last attempt is measured: waiting is no work. */
  #present(): boolean {
    const { bytes, fill, slot } = this.#buffer;
    if (!commands.has(this.#frame.type)) return this.#messages.onMessage(bytes, this.#frame, fill, slot);
    const { decideTime } = this.#conversation.services;
    const started = decideTime.begin();
    const done = this.#messages.onMessage(bytes, this.#frame, fill, slot);
    if (done) decideTime.end(started);
    return done;
  }

  #parse(): void {
    const buffer = this.#buffer;
    let at = buffer.from;
    if (this.#passing > 0) {
      const count = Math.min(this.#passing, buffer.fill - at);
      this.#messages.copyBytes(buffer.bytes, at, at + count, buffer.slot);
      this.#passing -= count;
      at += count;
    }
    while (!this.#conversation.ended && this.#passing === 0) {
      // One read may hold thousands of short commands; the rest of them waits here.
      if (this.#owed()) {
        buffer.consume(at);
        buffer.reserve(buffer.fill - at + restBytesMax);
        // The target may keep its answers until a Sync that the client has not been read up to.
        this.#conversation.askForAnswers();
        return;
      }
      const state = nextFrame(buffer.bytes, at, buffer.fill, this.#limits, this.#frame);
      if (state === FrameState.complete) {
        if (!this.#present()) {
          buffer.consume(at);
          buffer.reserve(this.#frame.end - at + restBytesMax);
          return;
        }
        at = this.#frame.end;
        continue;
      }
      if (state !== FrameState.incomplete) {
        const long = state === FrameState.tooLong;
        const fault = clientFault(`message type ${this.#frame.type} of refused type or length`);
        this.#conversation.fail(long ? { code: 'BG_MESSAGE_TOO_LARGE', detail: fault.detail } : fault);
        return;
      }
      if (this.#frame.type === Frontend.CopyData && buffer.fill > at) {
        this.#messages.copyBytes(buffer.bytes, at, buffer.fill, buffer.slot);
        this.#passing = this.#frame.end - buffer.fill;
        at = buffer.fill;
      } else if (this.#frame.type >= 0) {
        buffer.consume(at);
        buffer.reserve(this.#frame.end - at);
        return;
      }
      break;
    }
    if (!this.#conversation.ended) buffer.consume(at);
  }
}
