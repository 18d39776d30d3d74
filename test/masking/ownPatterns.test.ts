/** A policy's own patterns: searching a range first must change nothing in what is masked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import RE2 from 're2';
import { createHasher } from '../../src/masking/hash.ts';
import { createKernel } from '../../src/masking/kernel.ts';
import { loosened, RangeGuard } from '../../src/masking/ownPatterns.ts';
import { createTextMasker } from '../../src/masking/textScan.ts';
import { dataRow, HASH_KEY, mask, plan, readRows, REDACT, scan, STARS } from './support.ts';

test('conditions on what stands around a match are left out', () => {
  const cases: Readonly<Record<string, string | null>> = {
    abc: 'abc',
    '^abc$': '(?:)abc(?:)',
    '(?m)^a$|\\bb\\B': '(?m)(?:)a(?:)|(?:)b(?:)',
    '\\Aab\\z': '(?:)ab(?:)',
    '[^a$b^]\\$\\^': '[^a$b^]\\$\\^',
    '[[:alpha:]$]+$': '[[:alpha:]$]+(?:)',
    '[\\]$]$': '[\\]$](?:)',
    '\\\\b\\b': '\\\\b(?:)',
    '\\d{3}-\\pL\\p{Greek}\\x{41}': '\\d{3}-\\pL\\p{Greek}\\x{41}',
    '[]a]': null,
    '[^]a]': null,
    '\\Qa^b\\E': null,
    '\\c^': null,
    '[\\c]]': null,
    '[abc': null,
    'abc\\': null,
  };
  for (const [pattern, expected] of Object.entries(cases)) assert.equal(loosened(pattern), expected, pattern);
});

/** Few characters, so that patterns often match; with bytes that lengths of fields hold, and of more than one byte. */
const character = fc.constantFrom('a', 'b', '0', '1', '-', ' ', '\n', '\0', '\u0004', 'ä', '€', '𝄞');
const text = fc.array(character, { maxLength: 12 }).map((characters) => characters.join(''));

const patternOf = fc.letrec<{ pattern: string; atom: string }>((tie) => ({
  atom: fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom('a', 'b', '0', '-', 'ä', '€', '\\$', '\\^', '\\.', '\\n', '\\x61', '\\pL'),
    },
    { weight: 2, arbitrary: fc.constantFrom('^', '$', '\\b', '\\B', '\\A', '\\z', '(?m:^)', '(?m:$)') },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        '.',
        '[^a]',
        '[ab]',
        '[^$]',
        '[^\\]]',
        '[[:digit:]]',
        '\\d',
        '\\W',
        '\\s',
        '[^ä]',
        '(?s:.)',
      ),
    },
    { weight: 1, arbitrary: tie('pattern').map((inner) => `(?:${inner})`) },
    { weight: 1, arbitrary: tie('pattern').map((inner) => `(?i)(${inner})`) },
  ),
  pattern: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    tie('atom'),
    fc.array(tie('atom'), { minLength: 1, maxLength: 4 }).map((atoms) => atoms.join('')),
    fc.tuple(tie('atom'), fc.constantFrom('*', '+', '?', '{1,2}', '{2}', '*?', '+?')).map(([atom, times]) => {
      return `(?:${atom})${times}`;
    }),
    fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => `${a}|${b}`),
  ),
})).pattern;

const pattern = patternOf.filter((source) => {
  try {
    return new RE2(source, 'g') instanceof RE2;
  } catch {
    return false;
  }
});

test('whatever matches in a field is found in a range that holds it', () => {
  fc.assert(
    fc.property(pattern, text, text, text, (source, before, value, after) => {
      const guard = new RangeGuard([{ name: 'own', pattern: source }]);
      const field = Buffer.from(value);
      const range = Buffer.concat([Buffer.from(before), field, Buffer.from(after)]);
      const start = Buffer.byteLength(before);
      guard.open(range, 0, range.length);
      if (!guard.rulesOut(source, range, start, start + field.length)) return;
      const match = new RE2(source).exec(field);
      assert.ok(match === null || match[0].length === 0, `${source} matches ${JSON.stringify(value)}`);
    }),
    { numRuns: 5000 },
  );
});

test('rows are masked as if every field had been looked at by itself', () => {
  const value = fc.oneof({ weight: 5, arbitrary: text }, { weight: 1, arbitrary: fc.constant(null) });
  const rows = fc.array(fc.tuple(value, value, value), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(fc.array(pattern, { minLength: 1, maxLength: 3 }), rows, fc.boolean(), (patterns, values, builtIn) => {
      const own = patterns.map((source, at) => ({ name: `own${at}`, pattern: source }));
      const detectors = own.map(({ name }, at) => ({ name, mask: at === 0 ? REDACT : STARS }));
      if (builtIn) detectors.push({ name: 'us_ssn', mask: REDACT });
      const kernel = createKernel(plan({ columns: [scan(), mask(REDACT), scan()], detectors, customDetectors: own }));
      const bytes = Buffer.concat([Buffer.alloc(4096), ...values.map((row) => dataRow(...row))]);
      const result = kernel.run(bytes, 4096, bytes.length, 0);
      assert.equal(result.status, 'done');
      const alone = createTextMasker(detectors, own, 'utf8', createHasher(HASH_KEY));
      const expected = values.map((row) =>
        row.map((one, column) => {
          if (one === null) return null;
          if (column === 1) return Buffer.from('[redacted]');
          const field = Buffer.from(one);
          return Buffer.from(alone.mask(field, 0, field.length) ?? field);
        }),
      );
      assert.deepEqual(readRows(bytes.subarray(result.outputStart, result.outputEnd)), expected);
    }),
    { numRuns: 2000 },
  );
});

test('many rows with a match here and there: found in the first, the last, and at every edge of a block', () => {
  const own = [{ name: 'own', pattern: '^key-[0-9]{6}$' }];
  const kernel = createKernel(
    plan({ columns: [scan(), scan()], detectors: [{ name: 'own', mask: REDACT }], customDetectors: own }),
  );
  for (const every of [1, 7, 61, 400, 10_000]) {
    const values = Array.from({ length: 1000 }, (_, at) => [
      `value ${at} ${'x'.repeat(at % 90)}`,
      at === 0 || at === 999 || at % every === 0 ? 'key-123456' : 'key-123456 ',
    ]);
    const bytes = Buffer.concat([Buffer.alloc(4096), ...values.map((row) => dataRow(...row))]);
    const result = kernel.run(bytes, 4096, bytes.length, 0);
    const after = readRows(bytes.subarray(result.outputStart, result.outputEnd)).map((row) => row.map(String));
    assert.deepEqual(
      after,
      values.map(([first, second]) => [first, second === 'key-123456' ? '[redacted]' : second]),
    );
  }
});

test('what is known of a range is forgotten with it', () => {
  const guard = new RangeGuard([{ name: 'own', pattern: 'secret' }]);
  const bytes = Buffer.from('nothing here');
  guard.open(bytes, 0, bytes.length);
  assert.ok(guard.ruledOut(bytes, 0, 5));
  assert.ok(!guard.ruledOut(Buffer.from('nothing here'), 0, 5));
  assert.ok(!guard.ruledOut(bytes, 0, bytes.length + 1));
  guard.close();
  assert.ok(!guard.ruledOut(bytes, 0, 5));
});

test('patterns that match nothing at all, or cannot be loosened, are looked for in every field', () => {
  for (const source of ['a*', '\\Qab\\E', '^', '(?i)'])
    assert.ok(!new RangeGuard([{ name: 'own', pattern: source }]).useful);
  const guard = new RangeGuard([
    { name: 'one', pattern: 'secret' },
    { name: 'two', pattern: 'a*' },
  ]);
  const bytes = Buffer.from('nothing here');
  guard.open(bytes, 0, bytes.length);
  assert.ok(!guard.complete && !guard.ruledOut(bytes, 0, 5));
  assert.ok(guard.rulesOut('secret', bytes, 0, 5) && !guard.rulesOut('a*', bytes, 0, 5));
});
