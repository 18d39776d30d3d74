/** Arguments of the small commands: help to stdout with exit 0; what is wrong in one line to stderr with exit 2. */
import { parseArgs } from 'node:util';
import type { ParseArgsOptionsConfig } from 'node:util';

export type Options = Readonly<Record<string, string | boolean | undefined>>;

/** The options that were given, or the exit code where there is nothing more to do. No command here takes other arguments. */
export function readOptions(
  command: string,
  help: string,
  args: readonly string[],
  options: Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>,
): Options | number {
  try {
    const all: ParseArgsOptionsConfig = { ...options, help: { type: 'boolean', short: 'h' } };
    const { values } = parseArgs({ args: [...args], options: all, allowPositionals: false });
    if (values.help === true) {
      process.stdout.write(`${help}\n`);
      return 0;
    }
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, single(value)]));
  } catch (error) {
    // Behind the first sentence Node tells how to write a positional argument, which nobody meant.
    const problem = error instanceof Error ? error.message.split('. ')[0] : String(error);
    return wrongUsage(command, problem);
  }
}

/** Says it on standard error, and gives the exit code of it. */
export function wrongUsage(command: string, problem: string): number {
  process.stderr.write(`${command}: ${problem} (${command} --help tells more)\n`);
  return 2;
}

function single(value: unknown): string | boolean | undefined {
  return typeof value === 'string' || typeof value === 'boolean' ? value : undefined;
}
