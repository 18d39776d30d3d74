import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { preparePassword } from '../../src/scram/saslprep.ts';

const prepared = (password: string): string => preparePassword(password).toString('utf8');

test('the examples of RFC 4013 section 3', () => {
  assert.equal(prepared('I\u00adX'), 'IX');
  assert.equal(prepared('user'), 'user');
  assert.equal(prepared('USER'), 'USER');
  assert.equal(prepared('\u00aa'), 'a');
  assert.equal(prepared('\u2168'), 'IX');
});

test('spaces, joiners and compatibility forms are mapped', () => {
  assert.equal(prepared('a\u00a0b'), 'a b');
  assert.equal(prepared('a\u00a0b\u3000c\u200bd'), 'a b c d');
  assert.equal(prepared('pass\u200dword\ufeff'), 'password');
  assert.equal(prepared('e\u0301'), '\u00e9');
  assert.equal(prepared('\uff21'), 'A');
  assert.equal(prepared('\u0627\u00ad\u0628'), '\u0627\u0628');
  assert.equal(prepared('\u0627\u00a0\u0627'), '\u0627 \u0627');
});

test('what is refused is used as it is, like PostgreSQL does', () => {
  const refused = {
    'a control character': ['\u0007e\u0301', '\u0007\u00aa', '\u0007'],
    'mixed directions': ['\u0627\u0031', '\u0627a\u00aa\u0627', '\u0627\u0031\u00aa'],
    'nothing left': ['\u00ad'],
    'not in Unicode 3.2': ['e\u0301\u{1f600}'],
    'private use': ['\ue000\u00aa'],
  };
  for (const [why, passwords] of Object.entries(refused)) {
    for (const password of passwords) assert.equal(prepared(password), password, why);
  }
});

test('half a surrogate pair is no text: it stays what UTF-8 makes of it, and nothing else is mapped', () => {
  assert.equal(prepared('\ud800\u00aa'), '\ufffd\u00aa');
});

test('applied twice it gives the same', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      assert.equal(prepared(prepared(text)), prepared(text));
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 500) },
  );
});
