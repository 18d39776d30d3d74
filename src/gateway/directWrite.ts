/**
 * Writes past the stream machinery. `socket.write` makes an object, two closures and a turn of the tick queue per write, even
 * though the kernel nearly always takes a short write at once. Here one request object is used again and again until a
 * write has to wait. On point queries this is worth a tenth of the gate's processor time.
 *
 * Node has no public name for this; where its internals are not as expected, {@link openDirectWriter} says null and sockets are
 * written the ordinary way.
 */
import type net from 'node:net';

interface WriteRequest {
  handle: unknown;
  oncomplete: ((status: number) => void) | null;
  /** Kept alive while the kernel has not taken it. */
  bytes: Uint8Array | null;
  done: (() => void) | null;
}

interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  readonly streamBaseState: Int32Array;
  readonly kLastWriteWasAsync: number;
}

interface StreamHandle {
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
}

const binding = findBinding();

export interface DirectWriter {
  /** True: taken at once. False: {@link whenTaken} must be called now. A negative number: the error that ends the socket. */
  write(bytes: Uint8Array): boolean | number;
  /** `done` comes when the last write is taken, or has failed. */
  whenTaken(done: () => void): void;
}

/** A writer over the handle of a plain TCP socket, or null. */
export function openDirectWriter(socket: net.Socket): DirectWriter | null {
  const handle = (socket as unknown as { _handle?: unknown })._handle;
  if (binding === null || !isStreamHandle(handle)) return null;
  return new HandleWriter(handle, binding);
}

class HandleWriter implements DirectWriter {
  readonly #handle: StreamHandle;
  readonly #binding: StreamBinding;
  #spare: WriteRequest | null = null;
  /** Of the last write, which has to wait. */
  #waiting: WriteRequest | null = null;

  constructor(handle: StreamHandle, known: StreamBinding) {
    this.#handle = handle;
    this.#binding = known;
  }

  write(bytes: Uint8Array): boolean | number {
    const request = this.#spare ?? this.#make();
    const status = this.#handle.writeBuffer(request, bytes);
    if (status !== 0) return status < 0 ? status : -1;
    if (this.#binding.streamBaseState[this.#binding.kLastWriteWasAsync] === 0) {
      this.#spare = request;
      return true;
    }
    this.#spare = null;
    this.#waiting = request;
    request.bytes = bytes;
    return false;
  }

  whenTaken(done: () => void): void {
    if (this.#waiting !== null) this.#waiting.done = done;
    this.#waiting = null;
  }

  #make(): WriteRequest {
    const request = new this.#binding.WriteWrap();
    request.handle = this.#handle;
    request.bytes = null;
    request.done = null;
    // Also called with an error when the socket is destroyed: the memory is free then as well.
    request.oncomplete = () => {
      request.bytes = null;
      request.done?.();
    };
    return request;
  }
}

function findBinding(): StreamBinding | null {
  try {
    const { binding: bindingOf } = process as unknown as { binding?: (name: string) => unknown };
    const found = bindingOf?.('stream_wrap');
    return isStreamBinding(found) ? found : null;
  } catch {
    return null;
  }
}

function isStreamBinding(value: unknown): value is StreamBinding {
  if (typeof value !== 'object' || value === null) return false;
  const { WriteWrap, streamBaseState, kLastWriteWasAsync } = value as Partial<StreamBinding>;
  return (
    typeof WriteWrap === 'function' &&
    streamBaseState instanceof Int32Array &&
    typeof kLastWriteWasAsync === 'number' &&
    kLastWriteWasAsync < streamBaseState.length
  );
}

function isStreamHandle(value: unknown): value is StreamHandle {
  return (
    typeof value === 'object' && value !== null && 'writeBuffer' in value && typeof value.writeBuffer === 'function'
  );
}
