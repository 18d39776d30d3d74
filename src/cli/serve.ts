/** `serve`: runs the gate until it is told to stop. */
import { parseArgs } from 'node:util';
import { formatFault } from '../config/faults.ts';
import { loadConfig } from '../config/load.ts';
import { openGateway } from '../gateway/gateway.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { StartFailure } from '../gateway/opening.ts';
import { openLog } from '../telemetry/log.ts';

export async function serve(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  untilToldToStop: () => Promise<void>,
): Promise<number> {
  const path = configPath(args);
  if (path === null) {
    process.stderr.write('usage: serve --config FILE\n');
    return 2;
  }
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

function configPath(args: readonly string[]): string | null {
  try {
    const { values } = parseArgs({ args: [...args], options: { config: { type: 'string' } } });
    return values.config ?? null;
  } catch {
    return null;
  }
}

/** What the operating system refused, in one line. */
function systemFault(cause: unknown): string {
  if (cause instanceof Error && 'code' in cause) return `cannot start: ${cause.message}`;
  throw cause;
}
