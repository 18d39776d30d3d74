/**
 * The keyed hash of the `hash` mask: HMAC-SHA-256, cut to 96 bits. Keyed, because a plain hash of a social-security
 * number is undone by a dictionary of a billion entries; 96 bits, because equal values must stay equal and different
 * ones different in any join a person could run.
 */
import { hash } from 'node:crypto';
import { copyBytes } from './edits.ts';

/** `h_` and 24 hex digits. */
const HASH_BYTES = 26;
/** Of SHA-256. */
const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;

const CACHED_VALUE_BYTES_MAX = 64;
const CACHE_ENTRIES_MAX = 4096;

/** Returns the mask of src[start, end) as 26 ASCII bytes; the array must not be written to. */
export type Hasher = (src: Uint8Array, start: number, end: number) => Uint8Array;

/**
 * HMAC as RFC 2104 defines it, from two one-shot hashes over prepared blocks: on Node 24 a tenth of what `createHmac`
 * costs (native-bench/masks.ts). Columns worth hashing repeat (keys, addresses), so a small cache pays as well.
 */
export function createHasher(key: Uint8Array): Hasher {
  if (key.length > BLOCK_BYTES) throw new Error('a hash key longer than a block');
  const cache = new Map<string, Uint8Array>();
  let inner = Buffer.alloc(BLOCK_BYTES + CACHED_VALUE_BYTES_MAX);
  const outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES);
  for (let i = 0; i < BLOCK_BYTES; i++) {
    const byte = i < key.length ? key[i] : 0;
    inner[i] = byte ^ 0x36;
    outer[i] = byte ^ 0x5c;
  }
  return (src, start, end) => {
    const length = end - start;
    if (BLOCK_BYTES + length > inner.length) inner = Buffer.concat([inner, Buffer.alloc(length)]);
    copyBytes(src, start, end, inner, BLOCK_BYTES);
    const name = length <= CACHED_VALUE_BYTES_MAX ? inner.toString('latin1', BLOCK_BYTES, BLOCK_BYTES + length) : null;
    const known = name === null ? undefined : cache.get(name);
    if (known !== undefined) return known;
    outer.write(hash('sha256', inner.subarray(0, BLOCK_BYTES + length), 'hex'), BLOCK_BYTES, 'hex');
    const mask = Buffer.from('h_' + hash('sha256', outer, 'hex').slice(0, HASH_BYTES - 2), 'latin1');
    if (name !== null) {
      if (cache.size === CACHE_ENTRIES_MAX) cache.clear();
      cache.set(name, mask);
    }
    return mask;
  };
}
