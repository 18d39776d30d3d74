/** Starts the driver process and hands it tasks, one after the other. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Outcome, Reply, Task } from './driver.ts';

export interface Driver {
  /** Throws what went wrong with the load: a refused login or statement, a lost connection, or no end in time. */
  run(task: Task): Promise<Outcome>;
  stop(): Promise<void>;
}

/** The slowest task, 10 GB, comes in pieces; what takes longer than this has hung. */
const taskWaitMs = 45_000;

/** The process starts with the first task, and anew with the one after a failure. */
export function startDriver(): Driver {
  let child: ChildProcess | null = null;
  const end = async (): Promise<void> => {
    const ending = child;
    child = null;
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return;
    const exit = once(ending, 'exit');
    ending.kill('SIGKILL');
    await exit;
  };
  const run = async (task: Task): Promise<Outcome> => {
    child ??= fork(fileURLToPath(new URL('./driver.ts', import.meta.url)), {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    try {
      const reply = await replyOf(child, task);
      if (reply !== null && 'outcome' in reply) return reply.outcome;
      throw new Error(reply?.fault ?? `no end of '${task.kind}' in ${taskWaitMs / 1000} s`);
    } catch (error) {
      // What the failed task left behind (connections, a loop under way) must not disturb the next one.
      await end();
      throw error;
    }
  };
  return { run, stop: end };
}

/** null: none in time. */
async function replyOf(child: ChildProcess, task: Task): Promise<Reply | null> {
  const over = new AbortController();
  const { signal } = over;
  try {
    const first = Promise.race([
      once(child, 'message', { signal }).then(([message]: Reply[]) => message),
      once(child, 'exit', { signal }).then((): Reply => ({ fault: 'the load driver has ended' })),
      sleep(taskWaitMs, null, { signal }),
    ]);
    child.send(task);
    return await first;
  } finally {
    over.abort();
  }
}
