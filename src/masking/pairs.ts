/**
 * Bytes two at a time. A 16-bit view of the memory under work halves the loads and stores of the loops that touch every
 * byte of a value. Values start at any offset, so the odd byte at either end is handled alone; other memory than the
 * prepared one is handled byte by byte.
 */

/** What {@link preparePairs} was given last. Read by hot loops, written only there. */
export let pairedBytes: Uint8Array | null = null;
/** The memory under `pairedBytes` from its very start: index (byteOffset + at) / 2. */
export let pairs: Uint16Array = new Uint16Array(0);

/** Prepares loops over `bytes`. Costs a view, so it is for whole ranges. */
export function preparePairs(bytes: Uint8Array): void {
  if (pairedBytes === bytes) return;
  if (pairs.buffer !== bytes.buffer) pairs = new Uint16Array(bytes.buffer, 0, bytes.buffer.byteLength >> 1);
  pairedBytes = bytes;
}

/** Whether any byte of src[start, end) is 0x80 or above. */
export function hasHighByte(src: Uint8Array, start: number, end: number): boolean {
  let any = 0;
  if (src === pairedBytes && end > start) {
    const from = src.byteOffset + start;
    const to = src.byteOffset + end;
    const last = to >> 1;
    for (let pair = (from + 1) >> 1; pair < last; pair++) any |= pairs[pair];
    return ((any | src[start] | src[end - 1]) & 0x8080) !== 0;
  }
  for (let at = start; at < end; at++) any |= src[at];
  return any >= 0x80;
}

/** Fills src[start, end) with stars. */
export function fillStars(src: Uint8Array, start: number, end: number): void {
  if (src === pairedBytes && end > start) {
    const last = (src.byteOffset + end) >> 1;
    src[start] = 0x2a;
    src[end - 1] = 0x2a;
    for (let pair = (src.byteOffset + start + 1) >> 1; pair < last; pair++) pairs[pair] = 0x2a2a;
    return;
  }
  for (let at = start; at < end; at++) src[at] = 0x2a;
}
