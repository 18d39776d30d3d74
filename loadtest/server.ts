/** Servers that the load test starts: guarded, so that none outlives it, and known by the process id that is measured. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { startGuarded } from '../src/demo/guard.ts';
import type { GuardOptions } from '../src/demo/guard.ts';

export interface Server {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  /** From starting the process to answering a client's first bytes, in ms. */
  readonly startMs: number;
  stop(): Promise<void>;
}

const readyWaitMs = 20_000;
const logLinesMax = 50;
/** SSLRequest (PostgreSQL manual, "Message Formats"): a server that takes it answers with one byte. */
const sslRequest = Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f);

/** Starts `command` and waits until `port` answers. Throws with the server's last words if it does not. */
export async function startServer(
  name: string,
  command: readonly string[],
  port: number,
  options: Omit<GuardOptions, 'stopSignal' | 'stopWaitMs'>,
): Promise<Server> {
  const began = performance.now();
  // The guard knows the process only as its child; `exec` keeps the id that the shell prints.
  const child = startGuarded(['/bin/sh', '-c', 'echo "pid $$"; exec "$@"', 'server', ...command], {
    stopSignal: 'TERM',
    stopWaitMs: 5000,
    ...options,
  });
  const lines: string[] = [];
  const { promise: pid, resolve: foundPid } = Promise.withResolvers<number>();
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on('line', (line) => {
      if (line.startsWith('pid ')) foundPid(Number(line.slice(4)));
      lines.push(line);
      if (lines.length > logLinesMax) lines.shift();
    });
  }
  let hasEnded = false;
  void child.ended.then(() => (hasEnded = true));
  while (!(await answers(port))) {
    if (hasEnded || performance.now() - began > readyWaitMs) {
      await child.stop();
      throw new Error(`${name} did not start:\n${lines.slice(-10).join('\n')}`);
    }
    await sleep(2);
  }
  const startMs = performance.now() - began;
  return { name, port, pid: await pid, startMs, stop: child.stop };
}

/** Whether a PostgreSQL server, or a proxy with one behind it, answers on this port. */
async function answers(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    await once(socket, 'connect');
    socket.write(sslRequest);
    const [data] = (await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => [])])) as [Uint8Array?];
    return data !== undefined && data.length > 0;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
