/** Timers that others ask for. They keep no process alive, and none of them outlives the gate. */
export class Timers {
  readonly #open = new Set<NodeJS.Timeout>();
  #closed = false;

  /** Calls `task` every `ms` milliseconds until the returned function is called. */
  every(ms: number, task: () => void): () => void {
    if (this.#closed) return () => {};
    const timer = setInterval(task, ms).unref();
    this.#open.add(timer);
    return () => {
      clearInterval(timer);
      this.#open.delete(timer);
    };
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#open) clearInterval(timer);
    this.#open.clear();
  }
}
