/**
 * Writes and reads past the stream machinery. `socket.write` makes an object, two closures and a turn of the tick queue per
 * write, even though the kernel nearly always takes a short write at once. Here one request object is used again and again
 * until a write has to wait. On point queries this is worth a tenth of the gate's processor time. Reads go to the reader
 * without what a stream does for those who listen by events.
 *
 * Node has no public name for this; where its internals are not as expected, {@link openDirectWriter} says null,
 * {@link readDirectly} does nothing, and sockets are used the ordinary way.
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
  readonly kReadBytesOrError: number;
}

/** What a handle calls with each read; the answer is memory for the next one, undefined: the same again. */
type OnStreamRead = (this: unknown, chunk: unknown) => Uint8Array | undefined;

interface StreamHandle {
  onread: OnStreamRead;
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
}

const binding = findBinding();

export interface DirectWriter {
  /** True: taken at once. False: {@link whenTaken} must be called now. A negative number: the error that ends the socket. */
  write(bytes: Uint8Array): boolean | number;
  /** `done` comes when the last write is taken, or has failed. */
  whenTaken(done: () => void): void;
}

/**
 * Hands what comes over a socket that was made with `onread` straight to it. Ends and errors go the ordinary way. What the callback
 * answers is not looked at: to read no further it pauses the socket.
 */
export function readDirectly(socket: net.Socket, { buffer, callback }: net.OnReadOpts): void {
  const handle = (socket as unknown as { _handle?: unknown })._handle;
  if (binding === null || !isStreamHandle(handle) || typeof buffer !== 'function') return;
  const { streamBaseState, kReadBytesOrError } = binding;
  const ordinary = handle.onread;
  if (typeof ordinary !== 'function') return;
  // Where the first read lands only the socket knows.
  let memory: Uint8Array | null = null;
  handle.onread = function onRead(chunk): Uint8Array | undefined {
    const count = streamBaseState[kReadBytesOrError];
    if (count <= 0 || memory === null) {
      const next = ordinary.call(this, chunk);
      if (next !== undefined) memory = next;
      return next;
    }
    callback(count, memory);
    const next = buffer();
    if (next === memory) return undefined;
    return (memory = next);
  };
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
  const { WriteWrap, streamBaseState, kLastWriteWasAsync, kReadBytesOrError } = value as Partial<StreamBinding>;
  if (typeof WriteWrap !== 'function' || !(streamBaseState instanceof Int32Array)) return false;
  const isPlace = (at: unknown): boolean => typeof at === 'number' && at < streamBaseState.length;
  return isPlace(kLastWriteWasAsync) && isPlace(kReadBytesOrError);
}

function isStreamHandle(value: unknown): value is StreamHandle {
  return (
    typeof value === 'object' && value !== null && 'writeBuffer' in value && typeof value.writeBuffer === 'function'
  );
}
