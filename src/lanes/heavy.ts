/**
 * Rare heavy work, such as parsing a very long statement, in ordinary Piscina tasks on threads of their own: a text that
 * keeps a parser busy for a second must stop neither the main thread nor the lanes.
 */
import type { Piscina } from 'piscina';
import { reportBug } from '../errors.ts';
import { threadEnv } from './threadEnv.ts';

/** Name of a task to the module (file URL) and export that runs it. The function takes and returns cloneable data. */
export type HeavyTaskModules = Readonly<Record<string, { readonly module: string; readonly export: string }>>;

export type HeavyResult =
  | { readonly kind: 'done'; readonly value: unknown }
  /** It took longer than `timeoutMs`, waiting included; its thread was ended. */
  | { readonly kind: 'timeout' }
  /** Too many tasks wait already. */
  | { readonly kind: 'busy' }
  /** The task threw, or its thread died. For the log. */
  | { readonly kind: 'failed'; readonly detail: string };

const threadsMax = 2;
const waitingMax = 64;
const idleMs = 10_000;

export class HeavyTasks {
  readonly #modules: HeavyTaskModules;
  #pool: Promise<Piscina> | null = null;
  #running = 0;
  #closed = false;

  constructor(modules: HeavyTaskModules) {
    this.#modules = modules;
  }

  /** Runs `task` within `timeoutMs`. Never rejects for what the payload or the thread does; throws on an unknown task. */
  async run(task: string, payload: unknown, timeoutMs: number): Promise<HeavyResult> {
    const entry = Object.hasOwn(this.#modules, task) ? this.#modules[task] : undefined;
    if (entry === undefined) throw new Error(`no heavy task is named ${task}`);
    if (this.#closed || this.#running >= threadsMax + waitingMax) return { kind: 'busy' };
    this.#running++;
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), timeoutMs);
    try {
      const pool = await (this.#pool ??= openPool());
      const value: unknown = await pool.run(payload, {
        filename: entry.module,
        name: entry.export,
        signal: timeout.signal,
      });
      return { kind: 'done', value };
    } catch (error) {
      if (timeout.signal.aborted) return { kind: 'timeout' };
      // What it says may quote the payload.
      const { kind, frames } = reportBug(error);
      return { kind: 'failed', detail: `${kind} at ${frames[0] ?? 'no place of ours'}` };
    } finally {
      clearTimeout(timer);
      this.#running--;
    }
  }

  /** Ends the threads; tasks that still run are answered with `failed`. */
  async close(): Promise<void> {
    this.#closed = true;
    await (await this.#pool)?.destroy();
  }
}

async function openPool(): Promise<Piscina> {
  const { Piscina } = await import('piscina');
  const pool = new Piscina({
    minThreads: 0,
    maxThreads: threadsMax,
    idleTimeout: idleMs,
    maxQueue: waitingMax,
    atomics: 'disabled',
    env: threadEnv(),
    resourceLimits: { maxOldGenerationSizeMb: 512 },
    recordTiming: false,
  });
  // As in lanes.ts: every task reports its own failure, and an 'error' that nobody hears would end the process.
  pool.on('error', () => {});
  return pool;
}
