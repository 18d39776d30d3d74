/** Statement analysis: parsing and walking, against a hit in the cache by exact text and by skeleton. */
import { deserialize, serialize } from 'node:v8';
import { readAnalysis } from '../src/protocols/postgres/masks/distant.ts';
import { analyzeText } from '../src/protocols/postgres/masks/distantWork.ts';
import { analyzeBytes } from '../src/protocols/postgres/facts/facts.ts';
import { defaultParseLimits, fingerprintOf, loadParser, parseBytes } from '../src/protocols/postgres/parse/parse.ts';
import { StatementCache } from '../src/protocols/postgres/parse/statementCache.ts';
import type { Task } from './task.ts';

export const name = 'parse';

const point =
  'SELECT abalance, filler FROM pgbench_accounts WHERE aid = 123456 AND bid BETWEEN 10 AND 20 AND ssn <> 1;';
const report = `WITH recent AS (SELECT o.customer_id, sum(o.total) AS total FROM orders o
  WHERE o.placed_at > now() - interval '30 days' GROUP BY o.customer_id)
  SELECT c.id, c.name, c.email, r.total, rank() OVER (PARTITION BY c.country ORDER BY r.total DESC)
  FROM customers c JOIN recent r ON r.customer_id = c.id LEFT JOIN payments p ON p.customer_id = c.id
  WHERE c.status IN ('active', 'trial') AND EXISTS (SELECT 1 FROM notes n WHERE n.customer_id = c.id) LIMIT 100`;
/** Varies in length as keys do, so that no lookup sees the same text twice in a row. */
const distinct = 1024;

/** Long texts: what they cost the main thread when it analyses them, and when a thread does. */
const longTexts = {
  'INSERT of 256 KB': `INSERT INTO t VALUES ${Array.from({ length: 13_000 }, (_, at) => `(${at},'name ${at}')`).join(',')}`,
  '1,000 columns': `SELECT ${Array.from({ length: 1000 }, (_, at) => `t.column_of_some_length_${at}`).join(',')} FROM t`,
  '9,000 statements': Array.from({ length: 9000 }, (_, at) => `SELECT ${at}`).join(';'),
};

async function longTasks(): Promise<Task[]> {
  const list: Task[] = [];
  for (const [title, sql] of Object.entries(longTexts)) {
    const text = new Uint8Array(Buffer.from(sql));
    const payload = { text, limits: defaultParseLimits };
    // What a thread is sent and sends back is copied by the same code.
    const answer = serialize(await analyzeText(payload));
    list.push({ name: `long: ${title}, on the spot`, fn: () => void analyzeBytes(text, 0, text.length) });
    list.push({
      name: `long: ${title}, in a thread`,
      fn: () => {
        serialize(payload);
        readAnalysis(deserialize(answer));
      },
    });
  }
  return list;
}

export async function tasks(): Promise<Task[]> {
  await loadParser();
  const pointBytes = Buffer.from(point);
  const reportBytes = Buffer.from(report);
  const cache = new StatementCache();
  // Read by position, so the exact text is what the cache keeps.
  const exactBytes = Buffer.from(point.replace(';', ' ORDER BY 1'));
  cache.analyze(exactBytes, 0, exactBytes.length);
  const literals = Array.from({ length: distinct }, (_, i) => Buffer.from(point.replace('123456', String(i * 97))));
  let turn = 0;
  return [
    { name: 'parse: point query', fn: () => void parseBytes(pointBytes, 0, pointBytes.length) },
    { name: 'fingerprint: point query', fn: () => void fingerprintOf(point) },
    { name: 'analyze: point query', fn: () => void analyzeBytes(pointBytes, 0, pointBytes.length) },
    { name: 'analyze: report', fn: () => void analyzeBytes(reportBytes, 0, reportBytes.length) },
    { name: 'cache: exact text, 100 bytes', fn: () => void cache.lookup(exactBytes, 0, exactBytes.length) },
    {
      name: 'cache: other literals, 100 bytes',
      fn: () => {
        const text = literals[turn++ % distinct];
        cache.analyze(text, 0, text.length);
      },
    },
    ...(await longTasks()),
  ];
}
