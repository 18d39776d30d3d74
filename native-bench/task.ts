/** What a file of this folder exports to be measured: {@link BenchModule}. */

/** One thing to measure. */
export interface Task {
  readonly name: string;
  /** Must throw, or reject, where its work goes wrong: a fast failure must not look like speed. */
  readonly fn: () => void | Promise<void>;
  /** Bytes that one call works on. */
  readonly bytes?: number;
  /** Name of the task before it in the list that it is compared with; the first of the list unless given. */
  readonly base?: string;
}

export interface BenchModule {
  /** The name of its file. */
  readonly name: string;
  tasks(): Promise<readonly Task[]>;
  /** Ends what {@link tasks} started. */
  close?(): Promise<void>;
}
