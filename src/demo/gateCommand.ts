/** The gate as `./run serve` starts it, for everything here that starts one: the same flags, the same compile cache. */
import { join } from 'node:path';

export interface GateCommand {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * `root`: the checkout. `env`: what else the process shall see; it may name another compile cache. Without a cache that holds
 * main.ts as well, Node loads its type stripper with every start, which takes 100 ms and 15 MB.
 */
export function gateCommand(root: string, config: string, env: Readonly<Record<string, string>>): GateCommand {
  return {
    command: [process.execPath, '--max-semi-space-size=4', join(root, 'src', 'main.ts'), 'serve', '--config', config],
    env: { NODE_COMPILE_CACHE: join(root, '.node', 'compile-cache'), ...env },
  };
}

/** What of our own environment the processes that we start shall see: where programs are, and the compile cache if there is one. */
export function startEnvironment(own: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  const { PATH = '/usr/bin:/bin', NODE_COMPILE_CACHE: cache } = own;
  return cache === undefined ? { PATH } : { PATH, NODE_COMPILE_CACHE: cache };
}
