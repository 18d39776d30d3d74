/** `docs`: writes the generated reference; with `--check` it only says what is stale. */
import { readFile, writeFile } from 'node:fs/promises';
import { configReference } from '../config/reference.ts';
import { policyReference } from '../policy/reference.ts';
import { metricsReference } from '../telemetry/reference.ts';

export async function writeReference(args: readonly string[]): Promise<number> {
  const check = args.includes('--check');
  let stale = 0;
  for (const { path, text } of [...configReference(), ...policyReference(), metricsReference()]) {
    const file = new URL(`../../${path}`, import.meta.url);
    const before = await readFile(file, 'utf8').catch(() => '');
    if (before === text) continue;
    stale++;
    process.stdout.write(`${path}: ${check ? 'stale' : 'written'}\n`);
    if (!check) await writeFile(file, text);
  }
  return check && stale > 0 ? 1 : 0;
}
