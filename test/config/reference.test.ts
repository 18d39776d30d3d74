import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { configReference } from '../../src/config/reference.ts';

test('the generated schema and reference are those of the code', () => {
  for (const { path, text } of configReference()) {
    const committed = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
    assert.equal(committed, text, `${path} is stale; regenerate it with ./run docs`);
  }
});

test('the reference names every key of the schema', () => {
  const page = configReference().find(({ path }) => path.endsWith('.md'))?.text ?? '';
  for (const key of [
    '`listen.postgres.tls.required` ',
    '`connections[].target.tls` ',
    '`limits.drain_ms` ',
    '`scram` ',
  ])
    assert.ok(page.includes(key), key);
  assert.ok(!page.includes('undefined'));
});
