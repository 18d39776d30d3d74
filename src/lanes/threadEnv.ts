/** The environment of every thread. Secrets in that of the process are no business of a thread that handles foreign bytes. */
import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';

/**
 * A thread does not inherit the compile cache; it looks for it in its environment. Without it every thread strips types for
 * itself, which takes 80 ms and 30 MB.
 */
export function threadEnv(): Record<string, string> {
  const directory = getCompileCacheDir();
  // The directory in use is that of this version of Node, inside the one that is configured.
  return directory === undefined ? {} : { NODE_COMPILE_CACHE: dirname(directory) };
}
