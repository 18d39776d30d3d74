/**
 * Builds the few messages that the gate itself speaks. Never on the path of rows: those are passed on as they came.
 * The finished bytes belong to the caller, because a socket keeps them until they are written.
 */
import { writeI32, writeU16 } from '../../../bytes/bytes.ts';
import { encodeByteString } from './text.ts';
import type { ByteString } from './text.ts';

export class MessageWriter {
  #bytes: Uint8Array = new Uint8Array(256);
  #end = 0;
  #lengthAt = 0;

  /** Opens a message of this type; `end` closes it. */
  begin(type: number): this {
    this.byte(type);
    return this.beginUntyped();
  }

  /** Opens a packet of the startup phase, which has no type byte. */
  beginUntyped(): this {
    this.#lengthAt = this.#end;
    return this.int32(0);
  }

  /** Closes the message and writes its length. */
  end(): this {
    writeI32(this.#bytes, this.#lengthAt, this.#end - this.#lengthAt);
    return this;
  }

  byte(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#end++] = value;
    return this;
  }

  int16(value: number): this {
    this.#reserve(2);
    writeU16(this.#bytes, this.#end, value);
    this.#end += 2;
    return this;
  }

  int32(value: number): this {
    this.#reserve(4);
    writeI32(this.#bytes, this.#end, value);
    this.#end += 4;
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
    return this;
  }

  /** A C string of UTF-8 text. */
  text(text: string): this {
    return this.string(encodeByteString(text));
  }

  /**
   * A C string of bytes. A zero byte inside would end it early and let the rest be read as something else, so it ends
   * the string here too.
   */
  string(value: ByteString): this {
    const zero = value.indexOf('\0');
    return this.raw(Buffer.from(zero < 0 ? value : value.slice(0, zero), 'latin1')).byte(0);
  }

  /** The bytes of all messages so far; the writer starts anew. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#end);
    this.#end = 0;
    return taken;
  }

  #reserve(count: number): void {
    const needed = this.#end + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = grown;
  }
}
