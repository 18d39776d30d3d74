/** A small deterministic generator (xorshift32), so that every demo and every test sees the same shop. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  /** An integer in [0, below). The bias is irrelevant for sample data. */
  int(below: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return (state >>> 0) % below;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.int(values.length)];
  }

  /** `count` decimal digits. */
  digits(count: number): string {
    let text = '';
    for (let at = 0; at < count; at++) text += String(this.int(10));
    return text;
  }
}
