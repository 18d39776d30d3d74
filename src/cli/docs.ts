/** `docs`: writes the generated reference; with `--check` it only says what is stale. */
import { readFile, writeFile } from 'node:fs/promises';
import { auditReference } from '../audit/reference.ts';
import { configReference } from '../config/reference.ts';
import { policyReference } from '../policy/reference.ts';
import { metricsReference } from '../telemetry/reference.ts';
import { errorsReference } from './errorsReference.ts';
import { readOptions } from './usage.ts';

const help = `usage: docs [--check]

Writes the generated reference: docs/*.md and the schemas of blastgate.yaml and of policy files.
  --check   changes nothing and names what is stale; exit code 1 if anything is`;

/** Every file that is generated. */
export function references(): readonly { readonly path: string; readonly text: string }[] {
  return [...configReference(), ...policyReference(), metricsReference(), auditReference(), errorsReference()];
}

/** `docs`. Resolves with the exit code. */
export async function writeReference(args: readonly string[]): Promise<number> {
  const options = readOptions('docs', help, args, { check: { type: 'boolean' } });
  if (typeof options === 'number') return options;
  const check = options['check'] === true;
  let stale = 0;
  for (const { path, text } of references()) {
    const file = new URL(`../../${path}`, import.meta.url);
    const before = await readFile(file, 'utf8').catch(() => '');
    if (before === text) continue;
    stale++;
    process.stdout.write(`${path}: ${check ? 'stale' : 'written'}\n`);
    if (!check) await writeFile(file, text);
  }
  return check && stale > 0 ? 1 : 0;
}
