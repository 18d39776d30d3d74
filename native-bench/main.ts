/**
 * `run bench`: how fast the hot functions and the native engines are.
 *
 *     run bench [--quick] [--json FILE] [NAME ...]
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { benchNames, loadBench, measureBench, quick, thorough } from './measure.ts';
import { reportOf, tableOf } from './report.ts';
import type { BenchResult } from './report.ts';

const usage = `run bench [--quick] [--json FILE] [NAME ...]

  --quick      a sixth of the time, for a first look
  --json FILE  the same numbers for machines
  NAME ...     only these:`;

interface Options {
  readonly quick: boolean;
  readonly json: string | null;
  readonly names: readonly string[];
}

/** What was asked for; text for a person where that cannot be done. */
function readOptions(args: readonly string[], known: readonly string[]): Options | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { quick: { type: 'boolean' }, json: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    });
    if (values.help === true) return '';
    const unknown = positionals.filter((name) => !known.includes(name));
    if (unknown.length > 0) return `there is no bench named ${unknown.join(', ')}`;
    const names = positionals.length === 0 ? known : known.filter((name) => positionals.includes(name));
    return { quick: values.quick === true, json: values.json ?? null, names };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(): Promise<void> {
  const known = await benchNames();
  const options = readOptions(process.argv.slice(2), known);
  if (typeof options === 'string') {
    if (options === '') process.stdout.write(`${usage} ${known.join(', ')}\n`);
    else process.stderr.write(`bench: ${options} (--help tells more)\n`);
    process.exitCode = options === '' ? 0 : 2;
    return;
  }
  const results: BenchResult[] = [];
  const save = (): void => {
    if (options.json === null) return;
    writeFileSync(options.json, `${JSON.stringify(reportOf(results, options.quick), null, 2)}\n`);
  };
  try {
    save();
  } catch (error) {
    // Better known before the minutes of measuring than after them.
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
    return;
  }
  const started = performance.now();
  for (const name of options.names) {
    const tasks = await measureBench(await loadBench(name), options.quick ? quick : thorough);
    const result = { name, tasks };
    results.push(result);
    for (const line of tableOf(result)) say(line);
    say('');
    save();
  }
  say('Medians; p99 in ns/op too. Speed: how many times as fast as the base above, by bytes where both tell them.');
  say(`${((performance.now() - started) / 1000).toFixed(0)} s on Node ${process.version}.`);
}

await main();
