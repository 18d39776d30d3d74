import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readDocument } from '../../src/yaml/document.ts';
import type { YamlDocument, YamlOptions } from '../../src/yaml/document.ts';
import { faultAt, formatFault } from '../../src/yaml/faults.ts';

const options: YamlOptions = { charsMax: 10_000, emptyIsMissing: false, placeOfAliased: 'alias' };

function read(text: string, given: Partial<YamlOptions> = {}): YamlDocument {
  return readDocument(text, 'f.yaml', { ...options, ...given });
}

const placeOf = ({ line, column }: { line: number; column: number }): string => `${line}:${column}`;

test('values, keys and what is missing have a place', () => {
  const document = read('a: 1\nb:\n  - { c: x, 7: y }\n  - z\n');
  assert.deepEqual(document.data, { a: 1, b: [{ 7: 'y', c: 'x' }, 'z'] });
  assert.equal(placeOf(document.locate([])), '1:1');
  assert.equal(placeOf(document.locate(['b', 0, 'c'])), '3:10');
  assert.equal(placeOf(document.locate(['b', 0, '7'])), '3:16', 'a key that YAML reads as a number');
  assert.equal(placeOf(document.locate(['b', 1])), '4:5');
  assert.equal(placeOf(document.locate(['b', 0, 'nope', 'deeper'])), '3:5', 'the map that lacks it');
  assert.equal(placeOf(document.locateKey(['b', 0], 'c')), '3:7');
  assert.equal(placeOf(document.locateKey(['b', 0], 'nope')), '3:5');
  assert.equal(document.valueAt(['b', 0, 'c']), 'x');
  assert.equal(document.valueAt(['b', 'length', 'c']), undefined);
  assert.equal(document.valueAt(['a', 'constructor']), undefined);
  assert.ok(document.has(['b', 1]) && !document.has(['b', 2]) && !document.has(['c']));
  assert.equal(formatFault(faultAt(document, ['b', 0, 'c'], 'no')), 'f.yaml:3:10 b[0].c: no');
  assert.equal(formatFault(faultAt(document, [], 'no')), 'f.yaml:1:1 no');
});

test('what stands behind an alias is where its anchor is, or where the alias is', () => {
  const text = 'a: &x { k: 1 }\nb: *x\n';
  const [alias, anchor] = [read(text), read(text, { placeOfAliased: 'anchor' })];
  assert.equal(placeOf(alias.locate(['b', 'k'])), '2:4');
  assert.equal(placeOf(anchor.locate(['b', 'k'])), '1:12');
  assert.equal(placeOf(alias.locateKey(['b'], 'k')), '2:4');
  assert.equal(placeOf(anchor.locateKey(['b'], 'k')), '1:9');
  for (const document of [alias, anchor]) assert.ok(document.has(['b', 'k']));
});

test('what is empty is missing, or a value like others', () => {
  const text = 'a:\nb: { c: , d: 1 }\ne: null\n';
  assert.deepEqual(read(text).data, { a: null, b: { c: null, d: 1 }, e: null });
  assert.deepEqual(read(text, { emptyIsMissing: true }).data, { b: { d: 1 } });
  assert.equal(read('').data, null);
  assert.deepEqual(read('', { emptyIsMissing: true }).data, {});
});

test('no message quotes the file, and no text is too odd', () => {
  const secret = 'hunter2';
  const wrong = [
    `"${secret}`,
    `!${secret} x`,
    `*${secret}`,
    `a: 1\n"a": ${secret}\n`,
    `%${secret}\n---\nx`,
    `@${secret}`,
  ];
  const nested = ['['.repeat(9000), '{a: '.repeat(2000), `${'['.repeat(200)}${']'.repeat(200)}`];
  for (const text of [...wrong, ...nested, 'x'.repeat(10_001)]) {
    const { faults, data, file } = read(text);
    assert.ok(faults.length > 0 && faults.length < 10, text.slice(0, 40));
    assert.deepEqual([data, file], [undefined, 'f.yaml']);
    for (const fault of faults) assert.ok(!fault.message.includes(secret), fault.message);
  }
  assert.match(read('x'.repeat(10_001)).faults[0].message, /larger than 10000 characters/);
});

test('any text gives a document or faults with places, never an exception', () => {
  const token = fc.constantFrom(
    ...'a b: - \n [ ] { } " \' &x *x | > # ? ! % , 1 << null \t'.split(/(?<= )/),
    '\n',
    '  ',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(token, fc.string({ maxLength: 3 })), { maxLength: 30 }), (parts) => {
      const document = read(parts.join(''));
      for (const { line, column, message } of document.faults) assert.ok(line >= 1 && column >= 1 && message !== '');
      const { line, column } = document.locate(['a', 0, 'b']);
      assert.ok(line >= 1 && column >= 1);
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 500) },
  );
});

test('what is indented wrongly, not closed or without a colon is said to be so', () => {
  for (const [text, place, message] of [
    ['rules:\n  - id: a\n    action: mask\n   match: b\n', '4:1', /^wrong indentation: this line belongs to no item/],
    ['a:\n  b: 1\n c: 2\n', '3:1', /^wrong indentation: the keys of one map/],
    ['name: p\n  mode: x\n', '1:7', /is the next line indented too far/],
    ['a: b: c\n', '1:4', /text with `: ` in it not quoted/],
    ['rules:\n  - a\n  b: c\n', '3:1', /^wrong indentation|no `key: value`/],
    ['a: "b\nc: d\n', '3:1', /^the closing quote of a text is missing/],
    ['a: {b: 1\nc: 2\n', '2:1', /^a bracket or brace that was opened above is not closed/],
    ['default:allow\nname: x\n', '1:1', /is the colon missing, the space behind it/],
  ] as const) {
    const { faults } = read(text);
    assert.match(faults[0].message, message, text);
    assert.equal(placeOf(faults[0]), place, text);
  }
});
