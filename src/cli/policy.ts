/** `policy check|test|explain`: what ops ask of their policy files. */
import { policyCommand } from '../policy/cli.ts';
import { readPolicyFiles } from '../policy/load.ts';
import { analyze } from '../protocols/postgres/facts.ts';
import { loadParser } from '../protocols/postgres/parse.ts';

export async function policy(args: readonly string[]): Promise<number> {
  await loadParser();
  return await policyCommand([...args], {
    analyze,
    readFiles: readPolicyFiles,
    out: (text) => void process.stdout.write(text.endsWith('\n') ? text : `${text}\n`),
  });
}
