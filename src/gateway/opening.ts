/** What the machine can refuse a gate that starts, as sentences for the operator: the key, what is wrong, what to do. */
import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Config } from '../config/config.ts';
import { errnoOf } from '../errors.ts';

/** Sentences for the operator; nothing was left open. */
export class StartFailure extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.faults = faults;
  }
}

/** Makes the data directory and that of the audit log in it, for the user of the gate alone. */
export async function openData({ file, data }: Pick<Config, 'file' | 'data'>): Promise<void> {
  const audit = join(data, 'audit');
  try {
    await makeDirectory(data);
    await makeDirectory(audit);
    await access(audit, constants.W_OK | constants.X_OK);
  } catch (cause) {
    const advice = 'name a directory that the user of the gate may create and write to';
    throw new StartFailure([`${file}: data: ${data} cannot be used (${reasonOf(cause)}); ${advice}`]);
  }
}

/** Node's own recursive mkdir never ends where a parent is there and refuses all children, as under /proc. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (cause) {
    const code = errnoOf(cause);
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(path) === path) throw cause;
    await makeDirectory(dirname(path));
    await mkdir(path, { mode: 0o700 });
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EEXIST: 'there is a file of this name',
  ENOENT: 'the file system lets nobody make it',
  ENOTDIR: 'a part of the path is a file',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
};

function reasonOf(cause: unknown): string {
  const code = errnoOf(cause);
  return code === null ? 'unknown error' : `${code}: ${reasons[code] ?? 'see errno(3)'}`;
}

const listenAdvice: Readonly<Record<string, string>> = {
  EACCES: 'permission denied: ports below 1024 need a privilege; choose another port',
  EADDRINUSE: 'another process listens there; stop it or choose another port',
  EADDRNOTAVAIL: 'no interface of this machine has this address; correct the host',
  ENOTFOUND: 'the name of the host cannot be resolved; correct it or give an address',
};

/** `key` names the listener in the configuration. */
export function listenFailure(
  file: string,
  key: string,
  { host, port }: { readonly host: string; readonly port: number },
  cause: unknown,
): unknown {
  const code = errnoOf(cause);
  if (code === null) return cause;
  return new StartFailure([
    `${file}: ${key}: cannot listen on ${host}:${port} (${code}): ${listenAdvice[code] ?? 'correct host or port'}`,
  ]);
}
