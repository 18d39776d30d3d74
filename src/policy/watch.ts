/**
 * Reloads policies when their directory changes.
 *
 * A change is taken only when it has stood still for `settleMs`: an editor that deletes and writes again, or a copy of
 * several files, would otherwise put half a policy in force for a moment, and half a policy may allow more than a whole one.
 *
 * `fs.watch` alone is not enough: it holds on to the directory's inode, which a mounted ConfigMap swaps under a symbolic
 * link, and network file systems send no events. So the content is also looked at every `pollMs`.
 */
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { compileFiles, digestOf, readPolicyFiles } from './load.ts';
import type { LoadedPolicies } from './load.ts';

export interface WatchOptions {
  /** `digest` of what the caller runs already; a different content found at the first look is reported. */
  readonly loaded: string;
  readonly settleMs?: number;
  readonly pollMs?: number;
  /** Looking, or the caller's `onChange`, has thrown. The next look comes all the same. */
  readonly onBug?: (error: unknown) => void;
}

export interface PolicyWatch {
  /** Looks now instead of waiting for an event; resolves when a change, if there is one, was reported. */
  check(): Promise<void>;
  close(): void;
}

/**
 * Calls `onChange` once per changed content, with the new set or with the faults that make it unusable. In the second
 * case what is in force stays in force: the caller reports the faults and keeps its set.
 */
export function watchPolicies(
  directory: string,
  onChange: (change: LoadedPolicies) => void,
  options: WatchOptions,
): PolicyWatch {
  return new DirectoryWatch(directory, onChange, options);
}

class DirectoryWatch implements PolicyWatch {
  readonly #directory: string;
  readonly #onChange: (change: LoadedPolicies) => void;
  readonly #onBug: (error: unknown) => void;
  readonly #settleMs: number;
  readonly #poll: NodeJS.Timeout;
  readonly #watcher: FSWatcher | null;
  #reported: string;
  #settling: NodeJS.Timeout | null;
  #running: Promise<void>;
  #closed: boolean;

  constructor(directory: string, onChange: (change: LoadedPolicies) => void, options: WatchOptions) {
    this.#directory = directory;
    this.#onChange = onChange;
    this.#onBug = options.onBug ?? (() => {});
    this.#settleMs = options.settleMs ?? 150;
    this.#reported = options.loaded;
    this.#settling = null;
    this.#running = Promise.resolve();
    this.#closed = false;
    this.#poll = setInterval(() => void this.check(), options.pollMs ?? 5000);
    this.#poll.unref();
    this.#watcher = openWatcher(directory, () => this.#stir());
  }

  check(): Promise<void> {
    // One look at a time, in order: an older content must never be reported after a newer one.
    this.#running = this.#running.then(() => this.#look()).catch(this.#onBug);
    return this.#running;
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#poll);
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#watcher?.close();
  }

  #stir(): void {
    if (this.#closed) return;
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#settling = setTimeout(() => void this.check(), this.#settleMs);
    this.#settling.unref();
  }

  async #look(): Promise<void> {
    let before = digestOf(await readPolicyFiles(this.#directory, 'policies'));
    // At most twenty rounds for a directory that never rests; the next poll tries again.
    for (let round = 0; round < 20 && !this.#closed && before !== this.#reported; round++) {
      await new Promise((resolve) => setTimeout(resolve, this.#settleMs));
      const read = await readPolicyFiles(this.#directory, 'policies');
      const after = digestOf(read);
      if (after === before) {
        if (this.#closed) return;
        this.#reported = after;
        this.#onChange(compileFiles(read, this.#directory));
        return;
      }
      before = after;
    }
  }
}

/** Null where watching is impossible (no such directory, no inotify instances left): polling goes on. */
function openWatcher(directory: string, onEvent: () => void): FSWatcher | null {
  try {
    const watcher = watch(directory, { persistent: false }, onEvent);
    // Polling goes on and finds every change.
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return null;
  }
}
