/** Statements that nobody wrote: what a grammar makes gives nothing away either. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openCorpusLab } from './corpusLab.ts';
import { formatGenerated, runGenerated } from './generator.ts';

const statements = 4000;

test('generated statements over masked columns', async (context) => {
  const lab = await openCorpusLab();
  try {
    const result = await runGenerated(lab, { statements, seed: null });
    context.diagnostic(formatGenerated(result));
    assert.deepEqual(result.leaks, [], formatGenerated(result));
    assert.ok(result.valid >= result.tried * 0.6, formatGenerated(result));
    // Statements that give nothing away without a gate prove nothing about one.
    assert.ok(result.telling >= result.valid * 0.5, formatGenerated(result));
  } finally {
    await lab.end();
  }
});
