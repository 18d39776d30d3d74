/** Types of parameters, noted where these stand. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { AstRecord } from '../../../../src/protocols/postgres/parse/ast.ts';
import { withParameterTypes } from '../../../../src/protocols/postgres/parse/parameters.ts';
import { parseSql, parserReady } from '../../../../src/protocols/postgres/parse/parse.ts';

before(parserReady);

function treeOf(sql: string): AstRecord {
  const parsed = parseSql(sql);
  assert.ok(!('fault' in parsed));
  return parsed.statements[0].ast;
}

test('a parameter has the type that is declared, wherever it stands, and nothing else changes', () => {
  const tree = treeOf('select $1, (select array[$2, $1]) from t where a in ($3, 1)');
  const before = JSON.stringify(tree);
  const typed = JSON.stringify(withParameterTypes(tree, new Map([[1, 26]])));
  assert.equal(typed.match(/"declared":26/g)?.length, 2);
  assert.equal(typed.replaceAll(',"declared":26', ''), before);
  assert.equal(JSON.stringify(tree), before);
});

test('without types the tree is the same', () => {
  const tree = treeOf('select $1');
  assert.equal(withParameterTypes(tree, new Map()), tree);
});

test('a tree may be deeper than the stack', () => {
  const deep = treeOf(`select ${'1||'.repeat(5000)}$1`);
  assert.notEqual(withParameterTypes(deep, new Map([[1, 26]])), deep);
});
