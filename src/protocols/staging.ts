/**
 * Small private buffers for what is copied rather than written in place: short messages, and what the gate says itself.
 * A buffer goes back to the pool when its write is done, so steady traffic allocates none.
 */

export const stagingBytes = 16 * 1024;
const pooledMax = 256;

export class StagingBuffer {
  readonly bytes: Uint8Array = Buffer.allocUnsafeSlow(stagingBytes);
  used = 0;
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
