/**
 * Small private buffers for what is copied rather than written in place: short messages, and what the gate says itself.
 * A buffer goes back to the pool when its write is done, so steady traffic allocates none.
 */

export const stagingBytes = 16 * 1024;
const pooledMax = 256;
/** About one statement or one row: views of such lengths are kept, since making one costs as much as copying a hundred bytes. */
const keptViewBytesMax = 512;

export class StagingBuffer {
  readonly bytes: Uint8Array = Buffer.allocUnsafeSlow(stagingBytes);
  used = 0;
  /** By length. */
  readonly #views: (Uint8Array | undefined)[] = [];

  /** What is in use, for a write. */
  view(): Uint8Array {
    const { used } = this;
    if (used > keptViewBytesMax) return this.bytes.subarray(0, used);
    while (this.#views.length <= used) this.#views.push(undefined);
    return (this.#views[used] ??= this.bytes.subarray(0, used));
  }

  /** Made once: a write callback per buffer, not per write. */
  readonly release = (): void => {
    this.used = 0;
    if (pool.length < pooledMax) pool.push(this);
  };
}

const pool: StagingBuffer[] = [];

export function acquireStaging(): StagingBuffer {
  return pool.pop() ?? new StagingBuffer();
}
