/** What detectors found in one value: [from, to) and the index of the detector in the plan. */
export class Spans {
  count = 0;
  from: Int32Array;
  to: Int32Array;
  detector: Int32Array;

  constructor() {
    this.from = new Int32Array(64);
    this.to = new Int32Array(64);
    this.detector = new Int32Array(64);
  }

  clear(): void {
    this.count = 0;
  }

  add(from: number, to: number, detector: number): void {
    const index = this.count;
    if (index === this.from.length) {
      this.from = doubled(this.from);
      this.to = doubled(this.to);
      this.detector = doubled(this.detector);
    }
    this.from[index] = from;
    this.to[index] = to;
    this.detector[index] = detector;
    this.count = index + 1;
  }

  /**
   * Sorts by start and unites what overlaps; a united span belongs to the detector with the strongest mask
   * (`strength` by detector index). Insertion sort: each scanner adds in order, so the list is nearly sorted.
   */
  unite(strength: Int32Array): void {
    if (this.count < 2) return;
    for (let i = 1; i < this.count; i++) {
      for (let j = i; j > 0 && this.from[j] < this.from[j - 1]; j--) this.#swap(j, j - 1);
    }
    let last = 0;
    for (let i = 1; i < this.count; i++) {
      if (this.from[i] < this.to[last]) {
        if (this.to[i] > this.to[last]) this.to[last] = this.to[i];
        if (strength[this.detector[i]] > strength[this.detector[last]]) this.detector[last] = this.detector[i];
      } else {
        last++;
        this.from[last] = this.from[i];
        this.to[last] = this.to[i];
        this.detector[last] = this.detector[i];
      }
    }
    this.count = last + 1;
  }

  #swap(a: number, b: number): void {
    const from = this.from[a];
    const to = this.to[a];
    const detector = this.detector[a];
    this.from[a] = this.from[b];
    this.to[a] = this.to[b];
    this.detector[a] = this.detector[b];
    this.from[b] = from;
    this.to[b] = to;
    this.detector[b] = detector;
  }
}

/** Adds what it finds in src[start, end) as detector `id`. Reads nothing outside: neighbours are other values. */
export type Scanner = (src: Uint8Array, start: number, end: number, spans: Spans, id: number) => void;

function doubled(list: Int32Array): Int32Array {
  const grown = new Int32Array(list.length * 2);
  grown.set(list);
  return grown;
}
