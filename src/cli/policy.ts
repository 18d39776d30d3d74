/** `policy check|test|explain|catalog`: what ops ask of their policy files. */
import { policyCommand } from '../policy/cli.ts';
import { readPolicyFiles } from '../policy/load.ts';
import { analyze } from '../protocols/postgres/facts/facts.ts';
import { loadParser } from '../protocols/postgres/parse/parse.ts';
import { catalogOpener, readSetting } from './targetCatalog.ts';

/** `policy`. Resolves with the exit code. */
export async function policy(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  await loadParser();
  return await policyCommand([...args], {
    analyze,
    readFiles: readPolicyFiles,
    readSetting,
    openCatalog: catalogOpener(env),
    out: (text) => void process.stdout.write(text.endsWith('\n') ? text : `${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
  });
}
