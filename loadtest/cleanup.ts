/** Things to undo, newest first; each is undone once, however the run ends. */
export class Cleanup {
  readonly #steps: (() => Promise<void>)[] = [];
  #begun = false;

  /** What is started while the cleanup already runs is undone at once. */
  async add(step: () => Promise<void>): Promise<void> {
    if (!this.#begun) {
      this.#steps.push(step);
      return;
    }
    await step();
    throw new Error('interrupted');
  }

  async run(): Promise<void> {
    this.#begun = true;
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) await step();
  }
}
