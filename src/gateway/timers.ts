/** Timers that others ask for. They keep no process alive, none of them outlives the gate, and what throws in one ends none. */
export class Timers {
  readonly #open = new Set<NodeJS.Timeout>();
  readonly #onBug: (error: unknown) => void;
  #closed = false;

  constructor(onBug: (error: unknown) => void) {
    this.#onBug = onBug;
  }

  /** Calls `task` every `ms` milliseconds until the returned function is called. */
  every(ms: number, task: () => void): () => void {
    if (this.#closed) return () => {};
    const timer = setInterval(() => this.#run(task), ms).unref();
    this.#open.add(timer);
    return () => {
      clearInterval(timer);
      this.#open.delete(timer);
    };
  }

  #run(task: () => void): void {
    try {
      task();
    } catch (error) {
      this.#onBug(error);
    }
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#open) clearInterval(timer);
    this.#open.clear();
  }
}
