import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { references } from '../../src/cli/docs.ts';
import { errors } from '../../src/errors.ts';

test('every generated file is that of the code', () => {
  for (const { path, text } of references()) {
    const committed = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
    assert.equal(committed, text, `${path} is stale; regenerate it with ./run docs`);
  }
});

test('the README links every page of the reference', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  for (const { path } of references())
    if (path.endsWith('.md')) assert.ok(readme.includes(`(${path})`), `README.md does not link ${path}`);
});

test('every code stands in docs/errors.md with its SQLSTATE and what to do next', () => {
  const page = references().find(({ path }) => path === 'docs/errors.md')?.text ?? '';
  for (const [code, { sqlstate, hint }] of Object.entries(errors)) {
    const section = page.split(`## ${code}\n`)[1]?.split('\n## ')[0] ?? '';
    assert.ok(section.includes(`\`${sqlstate}\``) && section.includes(hint), code);
  }
});
