/**
 * The cancel keys that the gate gives out. A client never learns the target's key, and a key opens the one session that
 * it was made for: anybody can send a CancelRequest, unauthenticated, so the key is the only proof.
 */
import { timingSafeEqual } from 'node:crypto';

/** Protocol 3.0 has room for 4 bytes, 3.2 for more; the server uses 32 as well. */
const secretBytes = { 0: 4, 2: 32 } as const;

export interface CancelKey {
  /** 1 to 2^31 - 1. Random, not counted: it tells nobody how many sessions there are. */
  readonly processId: number;
  readonly secret: Uint8Array;
}

interface Entry<Session> {
  readonly secret: Uint8Array;
  readonly session: Session;
}

/** `Session` is whatever the caller wants to find again. */
export class CancelRegistry<Session> {
  readonly #entries = new Map<number, Entry<Session>>();
  readonly #random: (count: number) => Uint8Array;
  readonly #entriesMax: number;
  /** Compared with when nothing is found, so that a hit and a miss take equally long. */
  readonly #nobody: Uint8Array;

  /** `random` must be fit for secrets. `entriesMax` should be above the limit of connections. */
  constructor(random: (count: number) => Uint8Array, entriesMax: number) {
    this.#random = random;
    this.#entriesMax = entriesMax;
    this.#nobody = random(secretBytes[2]);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** A fresh key for `session`, or null when the registry is full. `minor` is the protocol's minor version in force. */
  issue(session: Session, minor: number): CancelKey | null {
    if (this.#entries.size >= this.#entriesMax) return null;
    let processId = 0;
    while (processId === 0 || this.#entries.has(processId)) processId = randomInt31(this.#random(4));
    const secret = this.#random(minor >= 2 ? secretBytes[2] : secretBytes[0]);
    this.#entries.set(processId, { secret, session });
    return { processId, secret };
  }

  /** The session whose key this is, or null. Takes equally long for every wrong secret of the right length. */
  find(processId: number, secret: Uint8Array): Session | null {
    const entry = this.#entries.get(processId);
    const expected = entry === undefined ? this.#nobody : entry.secret;
    const sameLength = secret.length === expected.length;
    const equal = timingSafeEqual(expected, sameLength ? secret : this.#nobody.subarray(0, expected.length));
    return entry !== undefined && sameLength && equal ? entry.session : null;
  }

  /** Forgets a key. To be called when its session ends. */
  revoke(processId: number): void {
    this.#entries.delete(processId);
  }
}

function randomInt31(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) >>> 1;
}
