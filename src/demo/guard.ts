/**
 * Child processes that never outlive this process. A small shell stands between: it holds the read end of a pipe whose
 * write end only we hold, so that even `kill -9` of this process (no exit handler runs then) ends the child.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';

/** User and group to run as; absent: those of this process. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

export interface GuardOptions {
  /** Signal that asks the child to end, without `SIG`. */
  readonly stopSignal: 'INT' | 'TERM';
  /** How long `stop` waits before it kills, in milliseconds. */
  readonly stopWaitMs: number;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly runAs?: RunAs | undefined;
  /** Removed when the child has ended, whoever ended it. */
  readonly removeDirectory?: string | undefined;
}

export interface GuardedProcess {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Settles with the exit code of the child (128 + n for signal n); never rejects. */
  readonly ended: Promise<number>;
  /** Asks the child to end and waits until it and its directory are gone. Repeated calls are harmless. */
  stop(): Promise<void>;
  /** Lets this process end although the child still runs; the guard then ends the child. */
  unref(): void;
}

// $1: signal, $2: directory to remove or empty, rest: the command. Descriptor 3 is the pipe from this process.
const guardScript = `
signal=$1 directory=$2
shift 2
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
( read -r line <&3; kill -"$signal" "$child" 2>/dev/null ) </dev/null >/dev/null 2>&1 &
watcher=$!
exec 3<&-
trap 'kill -"$signal" "$child" 2>/dev/null' INT TERM HUP
while :; do
  wait "$child"
  code=$?
  kill -0 "$child" 2>/dev/null || break
done
kill "$watcher" 2>/dev/null
[ -z "$directory" ] || rm -rf -- "$directory"
exit "$code"
`;

/** Starts `command`; a command that cannot be started shows as exit code 126 or 127 of `ended`. */
export function startGuarded(command: readonly string[], options: GuardOptions): GuardedProcess {
  // A process group of its own: Ctrl-C in the terminal must reach only us, because we stop children in order.
  const child = spawn(
    '/bin/sh',
    ['-c', guardScript, 'guard', options.stopSignal, options.removeDirectory ?? '', ...command],
    {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...options.runAs,
    },
  );
  child.stdin.on('error', () => {
    // EPIPE: the guard ended before us; `ended` tells.
  });
  const ended = new Promise<number>((resolve) => {
    child.once('error', () => resolve(127));
    child.once('exit', (code, signal) => resolve(code ?? (signal === null ? 1 : 137)));
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.ref();
    child.stdin.end();
    const timer = setTimeout(() => killGroup(child.pid), options.stopWaitMs);
    await exit;
    clearTimeout(timer);
  };
  const unref = (): void => {
    child.unref();
    for (const pipe of [child.stdin, child.stdout, child.stderr]) if (pipe instanceof Socket) pipe.unref();
  };
  return { stdout: child.stdout, stderr: child.stderr, ended, stop, unref };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // ESRCH: it ended in this very moment, which is what was wanted.
  }
}
