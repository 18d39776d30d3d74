/** Arguments of `run bypass`. */
import { parseArgs } from 'node:util';

export interface BypassOptions {
  readonly family: string | null;
  readonly json: string | null;
  readonly verbose: boolean;
  /** Statements to make and try instead of the corpus. */
  readonly generate: number | null;
  readonly seed: number | null;
}

export const bypassUsage = `run bypass [--family NAME] [--json FILE] [--verbose]   the corpus, with a score by family
run bypass --generate N [--seed N]                     N statements made by a grammar`;

const statementsMax = 1_000_000;

/** The options, or what is wrong; an empty text asks for the usage. */
export function readBypassOptions(args: readonly string[]): BypassOptions | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        family: { type: 'string' },
        json: { type: 'string' },
        verbose: { type: 'boolean' },
        generate: { type: 'string' },
        seed: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) return '';
    return {
      family: values.family ?? null,
      json: values.json ?? null,
      verbose: values.verbose ?? false,
      generate: numberOf('generate', values.generate, 1, statementsMax),
      seed: numberOf('seed', values.seed, -(2 ** 31), 2 ** 31 - 1),
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function numberOf(name: string, text: string | undefined, min: number, max: number): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max)
    throw new Error(`--${name} takes a whole number from ${min} to ${max}`);
  return value;
}
