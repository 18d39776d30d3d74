/**
 * Changes to a run of bytes, collected before any byte moves: either all of a row's changes fit or none is made.
 *
 * Invariant: edits stand in ascending order and do not overlap; edit i replaces input [from[i], to[i]) by
 * scratch [at[i], end[i]). Scratch is private memory, so a replacement never aliases the input.
 */

/** What became of a value. `CHANGED` covers edits as well as bytes overwritten in place with equal length. */
export const UNCHANGED = 0;
export const CHANGED = 1;
/** The value must become NULL; no edit was made for it. */
export const NULLED = 2;
export type Outcome = typeof UNCHANGED | typeof CHANGED | typeof NULLED;

/**
 * Masks the value src[start, end): overwrites it in place, adds edits (offsets of `src`), or asks for NULL.
 * A function of this type keeps no reference to `src` and never touches bytes outside the range.
 */
export type ValueMask = (src: Uint8Array, start: number, end: number, edits: Edits) => Outcome;

/** Below this many bytes a loop beats `set` with its view. */
const LOOP_BYTES_MAX = 48;

export class Edits {
  count = 0;
  from: Int32Array;
  to: Int32Array;
  at: Int32Array;
  end: Int32Array;
  scratch: Uint8Array;
  used = 0;

  constructor() {
    this.from = new Int32Array(64);
    this.to = new Int32Array(64);
    this.at = new Int32Array(64);
    this.end = new Int32Array(64);
    this.scratch = new Uint8Array(4096);
  }

  clear(): void {
    this.count = 0;
    this.used = 0;
  }

  /** Forgets edits and scratch made after a point noted earlier; for a value that becomes NULL after all. */
  rewind(count: number, used: number): void {
    this.count = count;
    this.used = used;
  }

  /** Replaces input [from, to) by scratch [at, used). */
  replace(from: number, to: number, at: number): void {
    const index = this.count;
    if (index > 0 && from < this.to[index - 1]) throw new Error('edits out of order');
    if (index === this.from.length) this.#growList();
    this.from[index] = from;
    this.to[index] = to;
    this.at[index] = at;
    this.end[index] = this.used;
    this.count = index + 1;
  }

  byte(value: number): void {
    if (this.used === this.scratch.length) this.#growScratch(1);
    this.scratch[this.used++] = value;
  }

  stars(count: number): void {
    this.#growScratch(count);
    this.scratch.fill(0x2a, this.used, this.used + count);
    this.used += count;
  }

  bytes(src: Uint8Array, from: number, to: number): void {
    this.#growScratch(to - from);
    copyBytes(src, from, to, this.scratch, this.used);
    this.used += to - from;
  }

  #growScratch(more: number): void {
    if (this.used + more <= this.scratch.length) return;
    const grown = new Uint8Array(Math.max(this.scratch.length * 2, this.used + more));
    grown.set(this.scratch.subarray(0, this.used));
    this.scratch = grown;
  }

  #growList(): void {
    this.from = doubled(this.from);
    this.to = doubled(this.to);
    this.at = doubled(this.at);
    this.end = doubled(this.end);
  }
}

/** Bytes that an {@link applyEdits} built; grown as needed and reused. */
export class Text {
  bytes: Uint8Array = new Uint8Array(1024);
  length = 0;

  /** Makes room for `capacity` bytes in all and forgets the content. */
  reset(capacity: number): void {
    if (capacity > this.bytes.length) this.bytes = new Uint8Array(Math.max(capacity, this.bytes.length * 2));
    this.length = 0;
  }

  append(src: Uint8Array, from: number, to: number): void {
    copyBytes(src, from, to, this.bytes, this.length);
    this.length += to - from;
  }
}

/** Writes src[start, end) with its edits applied to `out`. */
export function applyEdits(src: Uint8Array, start: number, end: number, edits: Edits, out: Text): void {
  out.reset(end - start + edits.used);
  let at = start;
  for (let i = 0; i < edits.count; i++) {
    out.append(src, at, edits.from[i]);
    out.append(edits.scratch, edits.at[i], edits.end[i]);
    at = edits.to[i];
  }
  out.append(src, at, end);
}

export function copyBytes(src: Uint8Array, from: number, to: number, dest: Uint8Array, at: number): void {
  if (to - from <= LOOP_BYTES_MAX) {
    for (let i = from; i < to; i++) dest[at++] = src[i];
  } else {
    dest.set(src.subarray(from, to), at);
  }
}

function doubled(list: Int32Array): Int32Array {
  const grown = new Int32Array(list.length * 2);
  grown.set(list);
  return grown;
}
