/** Starts the driver process and hands it tasks, one after the other. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Outcome, Reply, Task } from './driver.ts';

export interface Driver {
  /** Throws what went wrong with the load: a refused login or statement, a lost connection, or no end in time. */
  run(task: Task): Promise<Outcome>;
  stop(): Promise<void>;
}

/** A task that takes longer has hung; the longest, 10 GB, is done in pieces. */
const taskWaitMs = 300_000;

export function startDriver(): Driver {
  const child = fork(fileURLToPath(new URL('./driver.ts', import.meta.url)), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const gone = new Promise<never>((_, reject) => {
    child.once('exit', (code, signal) => reject(new Error(`the load driver ended (${signal ?? code})`)));
  });
  gone.catch(() => {
    // Told to whoever runs a task; without one nobody needs to know.
  });
  const run = async (task: Task): Promise<Outcome> => {
    const reply = once(child, 'message');
    child.send(task);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no end of the task '${task.kind}' in ${taskWaitMs / 1000} s`)), taskWaitMs);
    });
    try {
      const [message] = (await Promise.race([reply, gone, late])) as [Reply];
      if ('fault' in message) throw new Error(message.fault);
      return message.outcome;
    } finally {
      clearTimeout(timer);
    }
  };
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    if (child.connected) child.disconnect();
    child.kill();
    await exit;
  };
  return { run, stop };
}
