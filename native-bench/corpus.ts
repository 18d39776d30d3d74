/**
 * What a statement costs that comes for the first time, and one that is known: over every statement of the corpus of attacks
 * and harmless twins (test/bypass/corpus), each call taking the next. Analysis, lineage, and what is asked of masked columns.
 */
import { columnMasks } from '../src/protocols/postgres/masks/maskIndex.ts';
import { loadParser } from '../src/protocols/postgres/parse/parse.ts';
import { StatementCache } from '../src/protocols/postgres/parse/statementCache.ts';
import { StatementFlows } from '../src/protocols/postgres/masks/statementFlows.ts';
import { strongerMask } from '../src/policy/strength.ts';
import { type CorpusStep, readCorpus } from '../test/bypass/corpusFile.ts';
import { publicPath, shopCatalog } from '../test/protocols/postgres/catalog/fixture.ts';
import { ssnRules } from './sampleRules.ts';
import type { Task } from './task.ts';

export const name = 'corpus';

/** Longer ones are analysed in a thread, and so are no matter of the main one. */
const inlineBytesMax = 16_384;

export async function tasks(): Promise<Task[]> {
  await loadParser();
  const texts = await corpusTexts();
  const index = columnMasks(shopCatalog(), ssnRules, strongerMask);
  const analyse = (cache: StatementCache, flows: StatementFlows, text: Uint8Array): void => {
    const found = cache.analyze(text, 0, text.length);
    if ('fault' in found) throw new Error(found.fault.detail);
    for (const statement of found.statements) flows.use(statement, index, publicPath, 1);
  };
  const known = new StatementCache({ entriesMax: 2 * texts.length, bytesMax: 1024 * 1024 * 1024 });
  const knownFlows = new StatementFlows(strongerMask, null);
  for (const text of texts) analyse(known, knownFlows, text);
  let miss = 0;
  let hit = 0;
  return [
    {
      name: 'miss: parse, facts, lineage',
      // A cache that holds nothing yet.
      fn: () => analyse(new StatementCache(tiny), new StatementFlows(strongerMask, null), texts[miss++ % texts.length]),
    },
    { name: 'hit', fn: () => analyse(known, knownFlows, texts[hit++ % texts.length]) },
  ];
}

const tiny = { entriesMax: 4, bytesMax: 1024 * 1024 } as const;

/** Every text of the corpus that parses, the longest first, so that one call makes a sample of its own. */
async function corpusTexts(): Promise<readonly Uint8Array[]> {
  const cache = new StatementCache();
  const sqlOf = (step: CorpusStep): readonly string[] => {
    if (typeof step === 'string') return [step];
    return 'sql' in step ? [step.sql] : [];
  };
  const entries = (await readCorpus()).flatMap((family) => family.entries);
  const all = entries.flatMap(({ attack, benign }) => [...attack, ...benign].flatMap(sqlOf));
  const distinct = [...new Set(all.map((sql) => sql.replaceAll('{guess}', 'Zq7k')))];
  return distinct
    .map((sql) => new Uint8Array(Buffer.from(sql)))
    .filter((text) => text.length <= inlineBytesMax && !('fault' in cache.analyze(text, 0, text.length)))
    .toSorted((a, b) => b.length - a.length);
}
