/** The version of this gate, as package.json says it. */
import { readFileSync } from 'node:fs';

export function version(): string {
  const parsed: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const known = typeof parsed === 'object' && parsed !== null && 'version' in parsed ? parsed.version : null;
  return typeof known === 'string' ? known : 'unknown';
}
