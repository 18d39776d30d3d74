/** The version of this gate, as package.json says it. */
import { readFileSync } from 'node:fs';
import { readOptions } from './usage.ts';

/** `unknown` where package.json is something else than expected. */
export function version(): string {
  const parsed: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const known = typeof parsed === 'object' && parsed !== null && 'version' in parsed ? parsed.version : null;
  return typeof known === 'string' ? known : 'unknown';
}

/** `version`. */
export function printVersion(args: readonly string[]): number {
  const options = readOptions('version', 'usage: version\n\nPrints the version of this gate.', args, {});
  if (typeof options === 'number') return options;
  process.stdout.write(`${version()}\n`);
  return 0;
}
