import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileGlob, globCovers, globMatches, globsMeet, matchGlob, splitPattern } from '../../src/policy/pattern.ts';

const numRuns = Number(process.env.FUZZ_RUNS ?? 2000);
const globText = fc.string({ unit: fc.constantFrom('a', 'b', '*', '.'), maxLength: 8 });
const nameText = fc.string({ unit: fc.constantFrom('a', 'b', '*', '.'), maxLength: 8 });

test('a star stands for any run, also an empty one', () => {
  for (const [pattern, name, expected] of [
    ['customers', 'customers', true],
    ['customers', 'customers2', false],
    ['customers*', 'customers', true],
    ['*ers', 'customers', true],
    ['c*s*s', 'customers', true],
    ['c*x*s', 'customers', false],
    ['*', '', true],
    ['', '', true],
    ['', 'a', false],
    ['a.c', 'abc', false],
    ['a+', 'aa', false],
  ] as const) {
    assert.equal(matchGlob(pattern, name), expected, `${pattern} on ${name}`);
  }
});

test('globs agree with the regular expression that they stand for', () => {
  fc.assert(
    fc.property(globText, nameText, (pattern, name) => {
      const expression = pattern
        .split('*')
        .map((part) => part.replaceAll('.', '\\.'))
        .join('.*');
      assert.equal(matchGlob(pattern, name), new RegExp(`^${expression}$`, 's').test(name));
    }),
    { numRuns },
  );
});

/** All strings of these characters up to this length. */
function strings(characters: string, length: number): string[] {
  const all = [''];
  for (let at = 0; at < all.length && all[at].length < length; at++) {
    for (const character of characters) all.push(all[at] + character);
  }
  return all;
}

test('covering is sound: a name that the narrow glob matches, the wide one matches', () => {
  const globs = strings('ab*', 4);
  const names = strings('ab', 5);
  let covering = 0;
  for (const wide of globs) {
    for (const narrow of globs) {
      if (!globCovers(wide, narrow)) continue;
      covering++;
      const missed = names.find((name) => matchGlob(narrow, name) && !matchGlob(wide, name));
      assert.equal(missed, undefined, `${wide} does not match ${missed}, ${narrow} does`);
    }
  }
  assert.ok(covering > globs.length);
  assert.ok(globCovers('a*', 'ab*'));
  assert.ok(globCovers('*', 'x'));
  assert.ok(!globCovers('ab*', 'a*'));
});

test('a pattern of many stars takes bounded time', () => {
  const started = process.hrtime.bigint();
  assert.equal(matchGlob(`${'*a'.repeat(90)}b`, 'a'.repeat(100_000)), false);
  assert.ok(process.hrtime.bigint() - started < 2_000_000_000n);
});

test('case is folded only on request', () => {
  assert.ok(globMatches(compileGlob('Customers', true), 'customers'));
  assert.ok(globMatches(compileGlob('customers', true), 'CUSTOMERS'));
  assert.ok(!globMatches(compileGlob('Customers', false), 'customers'));
});

test('dots split, quotes keep dots together, missing parts are stars', () => {
  assert.deepEqual(splitPattern('ssn', 3), ['*', '*', 'ssn']);
  assert.deepEqual(splitPattern('customers.ssn', 3), ['*', 'customers', 'ssn']);
  assert.deepEqual(splitPattern('public.customers.ssn', 3), ['public', 'customers', 'ssn']);
  assert.deepEqual(splitPattern('"odd.name".ssn', 3), ['*', 'odd.name', 'ssn']);
  for (const wrong of ['a.b.c.d', 'a..b', '.a', 'a.', '"a', '']) assert.equal(splitPattern(wrong, 3), null, wrong);
});

test('two patterns meet exactly if some name matches both', () => {
  for (const [a, b, expected] of [
    ['ssn', 'ssn', true],
    ['ssn', 'email', false],
    ['s*', '*n', true],
    ['a*', 'b*', false],
    ['a*b', 'a*c', false],
    ['*a*', '*b*', true],
    ['*', '', true],
    ['', 'a', false],
    ['a*a', 'a', false],
    ['**', 'x', true],
  ] as const) {
    assert.equal(globsMeet(a, b), expected, `${a} and ${b}`);
    assert.equal(globsMeet(b, a), expected, `${b} and ${a}`);
  }
  // Of two patterns of at most four characters that meet, some name of at most eight matches both.
  const names = [''];
  for (let at = 0; at < names.length && names[at].length < 8; at++) names.push(`${names[at]}a`, `${names[at]}b`);
  const short = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 4 });
  fc.assert(
    fc.property(short, short, (a, b) => {
      assert.equal(
        globsMeet(a, b),
        names.some((name) => matchGlob(a, name) && matchGlob(b, name)),
        `${a} and ${b}`,
      );
    }),
    { numRuns },
  );
});
