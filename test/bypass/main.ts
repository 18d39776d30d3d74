/**
 * `run bypass`: attacks the masks and rules of a real gate in front of a real server, and tells the score.
 *
 *     run bypass [--family NAME] [--json FILE] [--verbose]
 *     run bypass --generate N [--seed N]
 */
import { writeFile } from 'node:fs/promises';
import { runFamily } from './corpus.ts';
import type { FamilyResult } from './corpus.ts';
import { readCorpus } from './corpusFile.ts';
import { openCorpusLab } from './corpusLab.ts';
import type { CorpusLab } from './corpusLab.ts';
import { formatGenerated, runGenerated } from './generator.ts';
import { bypassUsage, readBypassOptions } from './options.ts';
import type { BypassOptions } from './options.ts';
import { nearest } from '../../src/yaml/nearest.ts';
import { formatScore, isClean, readResidual, scoreOf } from './score.ts';

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function wrongUsage(problem: string): void {
  process.stderr.write(`bypass: ${problem} (--help tells more)\n`);
  process.exitCode = 2;
}

async function runCorpus(lab: CorpusLab, options: BypassOptions): Promise<boolean> {
  const families = (await readCorpus()).filter(({ name }) => options.family === null || name === options.family);
  const results: FamilyResult[] = [];
  for (const family of families) {
    const result = await runFamily(lab, family);
    results.push(result);
    if (!options.verbose) continue;
    for (const { id, attack, benign } of result.entries)
      say(`${id}: ${attack?.how ?? 'no attack'}; benign: ${benign?.how ?? 'none'}`);
  }
  const score = scoreOf(results, await readResidual());
  say(formatScore(score));
  if (options.json !== null) await writeFile(options.json, `${JSON.stringify(score, null, 2)}\n`);
  return isClean(score);
}

async function main(): Promise<void> {
  const options = readBypassOptions(process.argv.slice(2));
  if (typeof options === 'string') {
    if (options === '') say(bypassUsage);
    else wrongUsage(options);
    return;
  }
  const families = await readCorpus();
  if (options.family !== null && !families.some(({ name }) => name === options.family)) {
    const near = nearest(
      options.family,
      families.map(({ name }) => name),
    );
    wrongUsage(`there is no family '${options.family}'${near === null ? '' : `; did you mean '${near}'?`}`);
    return;
  }
  const lab = await openCorpusLab();
  try {
    if (options.generate === null) process.exitCode = (await runCorpus(lab, options)) ? 0 : 1;
    else {
      const result = await runGenerated(lab, { statements: options.generate, seed: options.seed });
      say(formatGenerated(result));
      process.exitCode = result.leaks.length === 0 ? 0 : 1;
    }
  } finally {
    await lab.end();
  }
}

await main();
