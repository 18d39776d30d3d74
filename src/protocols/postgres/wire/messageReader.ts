/**
 * Messages one by one, for the handshakes: what is exchanged before a session streams is short, strictly limited and not
 * hot. Unread bytes are handed to whoever reads next.
 */
import { Frame, FrameState, nextFrame } from '../../../bytes/frames.ts';
import type { FrameLimits } from '../../../bytes/frames.ts';
import { i32 } from '../../../bytes/bytes.ts';
import type { Wire, WireReader } from '../../protocol.ts';
import { startupBytesMax, tlsHandshakeByte } from './wire.ts';

/** A whole message: its type and a copy of its body. */
export interface Message {
  readonly type: number;
  readonly body: Uint8Array;
}

/** Why no message came. */
export type ReadEnd = 'closed' | 'malformed';

/** Where all of them read: what comes is copied at once, so that a wire that goes on to another reader keeps nothing of this. */
const space = new Uint8Array(4096);
/** Longer handshake messages than this do not exist in either direction. */
const bytesMax = 128 * 1024;

export class MessageReader implements WireReader {
  readonly #wire: Wire;
  #bytes = new Uint8Array(0);
  #from = 0;
  #fill = 0;
  #closed = false;
  #wake: (() => void) | null = null;
  readonly #frame = new Frame();
  /** What may still be taken, all messages together. */
  bytesLeft: number;
  /** Told when the peer leaves, for a time when nobody waits for its next message. */
  onGone: () => void = () => {};

  constructor(wire: Wire, bytesLeft = Number.POSITIVE_INFINITY) {
    this.#wire = wire;
    this.bytesLeft = bytesLeft;
    wire.setReader(this);
  }

  buffer(): Uint8Array {
    return space;
  }

  onRead(bytes: Uint8Array, count: number): void {
    if (this.#fill + count > this.#bytes.length) this.#grow(count);
    this.#bytes.set(bytes.subarray(0, count), this.#fill);
    this.#fill += count;
    if (this.#fill - this.#from > bytesMax / 2) this.#wire.pause();
    this.#wakeUp();
  }

  onDrain(): void {}

  onClose(): void {
    this.#closed = true;
    this.#wakeUp();
    this.onGone();
  }

  /** First byte of the stream, without consuming it; -1 when the peer is gone. */
  async peek(): Promise<number> {
    return (await this.#until(1)) ? this.#bytes[this.#from] : -1;
  }

  /** Body of a packet without a type byte (SSLRequest, CancelRequest, StartupMessage), length field included. */
  async startupPacket(): Promise<Uint8Array | ReadEnd> {
    if (!(await this.#until(4))) return 'closed';
    const length = i32(this.#bytes, this.#from);
    if (length < 8 || length > Math.min(startupBytesMax + 4, this.bytesLeft)) return 'malformed';
    if (!(await this.#until(length))) return 'closed';
    return this.#take(length);
  }

  async message(limits: FrameLimits): Promise<Message | ReadEnd> {
    for (;;) {
      const state = nextFrame(this.#bytes, this.#from, this.#fill, limits, this.#frame);
      if (this.#frame.end - this.#from > this.bytesLeft) return 'malformed';
      if (state === FrameState.complete) {
        const frame = this.#take(this.#frame.end - this.#frame.start);
        return { type: frame[0], body: frame.subarray(5) };
      }
      if (state !== FrameState.incomplete || this.#frame.end - this.#from > bytesMax) return 'malformed';
      if (!(await this.#until(this.#frame.end - this.#from))) return 'closed';
    }
  }

  /** Bytes read and not consumed: they belong to whatever follows the handshake. */
  rest(): Uint8Array {
    return this.#take(this.#fill - this.#from);
  }

  /** Whether bytes stand here that nobody has asked for yet. */
  get surplus(): boolean {
    return this.#fill > this.#from;
  }

  get beginsWithTls(): boolean {
    return this.#fill > this.#from && this.#bytes[this.#from] === tlsHandshakeByte;
  }

  #take(count: number): Uint8Array {
    const taken = this.#bytes.slice(this.#from, this.#from + count);
    this.#from += count;
    this.bytesLeft -= count;
    return taken;
  }

  async #until(count: number): Promise<boolean> {
    while (this.#fill - this.#from < count) {
      if (this.#closed) return false;
      this.#wire.resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return true;
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  /** Makes room for `count` bytes more; what was taken makes way for them. */
  #grow(count: number): void {
    const kept = this.#bytes.subarray(this.#from, this.#fill);
    const grown = new Uint8Array(kept.length * 2 + count);
    grown.set(kept);
    this.#fill = kept.length;
    this.#from = 0;
    this.#bytes = grown;
  }
}
