/** Finds the benches of this folder and measures their tasks with tinybench. */
import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Bench } from 'tinybench';
import type { BenchModule, Task } from './task.ts';

/** How long to look at each task, in milliseconds. */
export interface Effort {
  readonly warmupMs: number;
  readonly measureMs: number;
}

export const thorough: Effort = { warmupMs: 150, measureMs: 850 };
export const quick: Effort = { warmupMs: 30, measureMs: 150 };

/** What is known of one task. Times are medians, because other programs only ever make a call slower. */
export interface Measured {
  readonly name: string;
  readonly opsPerSecond: number;
  readonly nsPerOp: number;
  /** Of samples; one sample is the mean of `callsPerSample` calls. */
  readonly nsPerOpP99: number;
  /** 1 MB = 1,000,000 bytes; null where a task works on no number of bytes. */
  readonly mbPerSecond: number | null;
  readonly samples: number;
  readonly callsPerSample: number;
  /** Name of the task that `speed` is relative to; its own for a base. */
  readonly base: string;
  /** How many times as fast as the base: in bytes where both tell them, else in calls. */
  readonly speed: number;
}

/** A timer read costs some ten nanoseconds, so functions that take few more are called many times between two reads. */
const sampleNsMin = 20_000;
const callsMax = 1 << 16;

/** Names of the benches of this folder: the files that export `tasks`. */
export async function benchNames(): Promise<string[]> {
  const names: string[] = [];
  for (const file of globSync('*.ts', { cwd: import.meta.dirname }).toSorted()) {
    // The runner itself starts measuring when it is imported.
    if (file !== 'main.ts' && 'tasks' in (await importFile(file))) names.push(basename(file, '.ts'));
  }
  return names;
}

/** `name`: one of {@link benchNames}. */
export async function loadBench(name: string): Promise<BenchModule> {
  return (await importFile(`${name}.ts`)) as BenchModule;
}

function importFile(file: string): Promise<object> {
  return import(join(import.meta.dirname, file)) as Promise<object>;
}

/** Measures all tasks of a bench, one after the other. Throws what a task throws. */
export async function measureBench(bench: BenchModule, effort: Effort): Promise<Measured[]> {
  try {
    const done = new Map<string, Measured>();
    for (const task of await bench.tasks()) {
      const [first] = done.keys();
      done.set(task.name, compared(await measureTask(task, effort), done.get(task.base ?? first)));
    }
    return [...done.values()];
  } finally {
    await bench.close?.();
  }
}

type Alone = Omit<Measured, 'base' | 'speed'>;

function compared(measured: Alone, base: Alone | undefined): Measured {
  if (base === undefined) return { ...measured, base: measured.name, speed: 1 };
  const inBytes = measured.mbPerSecond !== null && base.mbPerSecond !== null;
  const speed = inBytes ? measured.mbPerSecond / base.mbPerSecond : base.nsPerOp / measured.nsPerOp;
  return { ...measured, base: base.name, speed };
}

async function measureTask(task: Task, effort: Effort): Promise<Alone> {
  const { fn, calls } = await batched(task.fn);
  const bench = new Bench({
    time: effort.measureMs,
    warmupTime: effort.warmupMs,
    iterations: 4,
    warmupIterations: 1,
    throws: true,
  });
  bench.add(task.name, fn);
  const [{ result }] = await bench.run();
  if (result.state !== 'completed') throw new Error(`${task.name}: ${result.state}`);
  const { p50, p99, samplesCount } = result.latency;
  const nsPerOp = (p50 * 1e6) / calls;
  return {
    name: task.name,
    opsPerSecond: 1e9 / nsPerOp,
    nsPerOp,
    nsPerOpP99: (p99 * 1e6) / calls,
    mbPerSecond: task.bytes === undefined ? null : (task.bytes * 1e3) / nsPerOp,
    samples: samplesCount,
    callsPerSample: calls,
  };
}

/** A function that makes as many calls as fill one sample. Asynchronous ones are long enough alone. */
async function batched(fn: Task['fn']): Promise<{ fn: Task['fn']; calls: number }> {
  const first = fn();
  if (first instanceof Promise) {
    await first;
    return { fn, calls: 1 };
  }
  for (let calls = 1; ; calls *= 2) {
    const batch = calls === 1 ? fn : (): void => repeat(fn, calls);
    const start = process.hrtime.bigint();
    batch();
    if (Number(process.hrtime.bigint() - start) >= sampleNsMin || calls === callsMax) return { fn: batch, calls };
  }
}

function repeat(fn: Task['fn'], calls: number): void {
  for (let call = 0; call < calls; call++) void fn();
}
