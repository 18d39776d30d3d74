/** `serve`: runs the gate until it is told to stop. */
import { formatFault } from '../config/faults.ts';
import { loadConfig } from '../config/load.ts';
import { openGateway } from '../gateway/gateway.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { StartFailure } from '../gateway/opening.ts';
import { openLog } from '../telemetry/log.ts';
import { readOptions, wrongUsage } from './usage.ts';

const help = `usage: serve --config FILE

Runs the gate until SIGTERM or SIGINT, which drain it; a second signal ends it at once.
FILE is described in docs/configuration.md; docs/blastgate.example.yaml is one to start from.
Exit code: 0 ended as told, 1 the configuration, the policies or the system forbid a start, 2 wrong usage.`;

/** `serve`. Resolves with the exit code once the gate has stopped. */
export async function serve(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  untilToldToStop: () => Promise<void>,
): Promise<number> {
  const options = readOptions('serve', help, args, { config: { type: 'string' } });
  if (typeof options === 'number') return options;
  const path = options['config'];
  if (typeof path !== 'string') return wrongUsage('serve', '--config FILE is missing');
  const loaded = await loadConfig(path, { env });
  if ('faults' in loaded) {
    for (const fault of loaded.faults) process.stderr.write(`${formatFault(fault)}\n`);
    return 1;
  }
  const log = openLog(loaded.config.log.level);
  for (const warning of loaded.warnings) log.warn(warning);
  let gateway: Gateway;
  try {
    gateway = await openGateway(loaded.config, { env, log });
  } catch (cause) {
    const faults = cause instanceof StartFailure ? cause.faults : [systemFault(cause)];
    for (const fault of faults) process.stderr.write(`${fault}\n`);
    return 1;
  }
  await untilToldToStop();
  await gateway.stop();
  return 0;
}

/** What the operating system refused, in one line. */
function systemFault(cause: unknown): string {
  if (cause instanceof Error && 'code' in cause) return `cannot start: ${cause.message}`;
  throw cause;
}
