/**
 * What comes from the client: frames it in place, passes COPY data on as it streams, and keeps everything that follows a
 * statement back until the statement's audit record is durable.
 */
import { Frame, FrameState, nextFrame } from '../../bytes/frames.ts';
import type { FrameLimits } from '../../bytes/frames.ts';
import type { WireReader } from '../protocol.ts';
import { ReadBuffer } from '../readBuffer.ts';
import type { ClientMessages } from './clientMessages.ts';
import type { Conversation } from './conversation.ts';
import { expectedMax } from './expected.ts';
import { clientFault, Frontend, frontendLimits } from './wire.ts';

/** Bytes held for the target above which its client is not read. */
const heldBytesHigh = 1024 * 1024;

export class ClientHalf implements WireReader {
  readonly #conversation: Conversation;
  readonly #messages: ClientMessages;
  readonly #buffer: ReadBuffer;
  readonly #limits: FrameLimits;
  readonly #frame = new Frame();
  /** Bytes of the current CopyData that still pass. */
  #passing = 0;
  #paused = false;

  constructor(conversation: Conversation, messages: ClientMessages) {
    this.#conversation = conversation;
    this.#messages = messages;
    this.#buffer = new ReadBuffer(conversation.services.masker, { bytes: 4 * 1024, headroom: 0 });
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
    const before = conversation.toTarget.totalBytes;
    this.#parse();
    if (conversation.ended) return;
    this.#messages.endTurn();
    conversation.counters.bytesToTarget += conversation.toTarget.totalBytes - before;
    if (this.#crowded()) this.#pause();
  }

  /** The client has read what was written to it. */
  onDrain(): void {
    this.#messages.onClientDrained();
  }

  onClose(): void {
    this.#conversation.close('client', null);
  }

  close(): void {
    this.#buffer.close();
  }

  /** The target has taken what was held for it, or has answered. */
  relieve(): void {
    if (!this.#paused || this.#crowded() || this.#conversation.ended) return;
    this.#paused = false;
    this.#conversation.client.resume();
  }

  #crowded(): boolean {
    return this.#conversation.toTarget.heldBytes > heldBytesHigh || this.#conversation.expected.length > expectedMax;
  }

  #pause(): void {
    this.#paused = true;
    this.#conversation.client.pause();
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
      const state = nextFrame(buffer.bytes, at, buffer.fill, this.#limits, this.#frame);
      if (state === FrameState.complete) {
        this.#messages.onMessage(buffer.bytes, this.#frame, buffer.slot);
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
