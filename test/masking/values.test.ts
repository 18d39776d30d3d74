/** Each mask on each type in each wire format, as values of one DataRow. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import type { MaskSpec } from '../../src/facts.ts';
import type { TypeClass } from '../../src/masking/plan.ts';
import { HASH_KEY, int16, int32, mask, maskedRow, pass, plan, REDACT, scan, type Value } from './support.ts';

const specs = {
  redact: { kind: 'redact' },
  null: { kind: 'null' },
  stars: { kind: 'stars' },
  first: { kind: 'keep_first', count: 3 },
  last: { kind: 'keep_last', count: 4 },
  email: { kind: 'email' },
  hash: { kind: 'hash' },
} as const satisfies Record<string, MaskSpec>;

type SpecName = keyof typeof specs;

function masked(spec: SpecName, type: TypeClass, value: Value, format: 0 | 1 = 0): string | null {
  const row = maskedRow(plan({ columns: [pass(), mask(specs[spec], type, format), pass()] }), 'before', value, 'after');
  assert.equal(row[0], 'before');
  assert.equal(row[2], 'after');
  return row[1];
}

function expectAll(
  type: TypeClass,
  value: Value,
  format: 0 | 1,
  expected: Readonly<Record<SpecName, string | null>>,
): void {
  for (const name of Object.keys(specs) as SpecName[]) {
    assert.equal(masked(name, type, value, format), expected[name], `${name} on ${type}`);
  }
}

test('text', () => {
  for (const format of [0, 1] as const) {
    expectAll('text', 'jane@example.com', format, {
      redact: '[redacted]',
      null: null,
      stars: '****************',
      first: 'jan*************',
      last: '************.com',
      email: 'j***@example.com',
      hash: 'h_805d462cb2ab8c4c1bed3589',
    });
    expectAll('text', '', format, {
      redact: '[redacted]',
      null: null,
      stars: '',
      first: '',
      last: '',
      email: '',
      hash: masked('hash', 'text', ''),
    });
    for (const name of Object.keys(specs) as SpecName[]) assert.equal(masked(name, 'text', null, format), null);
  }
});

test('characters are counted, not bytes', () => {
  assert.equal(masked('stars', 'text', 'jänë'), '****');
  assert.equal(masked('first', 'text', 'äöüß'), 'äöü*');
  assert.equal(masked('last', 'text', 'xäöü€'), '*äöü€');
  assert.equal(masked('email', 'text', 'jänë@exämple.de'), 'j***@exämple.de');
  assert.equal(masked('last', 'text', '😀😀😀😀😀'), '*😀😀😀😀');
});

test('short values are starred whole', () => {
  assert.equal(masked('first', 'text', 'abc'), '***');
  assert.equal(masked('last', 'text', 'ab'), '**');
  assert.equal(masked('last', 'text', 'äöüß'), '****');
  assert.equal(masked('email', 'text', 'j@example.com'), '*@example.com');
  assert.equal(masked('email', 'text', 'not an address'), '**************');
  assert.equal(masked('email', 'text', 'a@b@example.com'), '***************');
});

test('separators are starred too', () => {
  assert.equal(masked('last', 'text', '123-45-6789'), '*******6789');
});

test('text that is not UTF-8 is redacted', () => {
  assert.equal(masked('stars', 'text', Buffer.from([0x61, 0xff, 0x62])), '[redacted]');
  assert.equal(masked('last', 'text', Buffer.from([0xc0, 0x80, 0x62, 0x62, 0x62, 0x62, 0x62])), '[redacted]');
  assert.equal(
    masked('email', 'text', Buffer.concat([Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('x@e.com')])),
    '[redacted]',
  );
});

test('in a single-byte encoding each byte is a character', () => {
  const latin1 = plan({ columns: [mask(specs.last)], encoding: 'single_byte' });
  assert.equal(maskedRow(latin1, Buffer.from('jän1234', 'latin1'))[0], '***1234');
});

test('equal values hash equally, others do not, and the key matters', () => {
  const one = masked('hash', 'text', 'a');
  assert.equal(masked('hash', 'text', 'a'), one);
  assert.notEqual(masked('hash', 'text', 'b'), one);
  const other = { ...plan({ columns: [mask(specs.hash)] }), hashKey: new Uint8Array(32) };
  assert.notEqual(maskedRow(other, 'a')[0], one);
  assert.match(masked('hash', 'text', 'x'.repeat(500)) ?? '', /^h_[0-9a-f]{24}$/);
});

test('the hash is HMAC-SHA-256, cut', () => {
  for (const value of ['', 'a', 'x'.repeat(64), 'x'.repeat(65), 'x'.repeat(300)]) {
    const digest = createHmac('sha256', HASH_KEY).update(value).digest('hex');
    assert.equal(masked('hash', 'text', value), `h_${digest.slice(0, 24)}`);
  }
});

test('json stays json', () => {
  for (const type of ['json', 'jsonb'] as const) {
    expectAll(type, '"jane@example.com"', 0, {
      redact: '"[redacted]"',
      null: null,
      stars: '"****************"',
      first: '"jan*************"',
      last: '"************.com"',
      email: '"j***@example.com"',
      hash: '"h_805d462cb2ab8c4c1bed3589"',
    });
    expectAll(type, '{"a": 1}', 0, {
      redact: '"[redacted]"',
      null: null,
      stars: '"******"',
      first: '"[redacted]"',
      last: '"[redacted]"',
      email: '"[redacted]"',
      hash: masked('hash', 'json', '{"a": 1}'),
    });
    assert.equal(masked('stars', type, '7'), '"*"');
    assert.equal(masked('first', type, '"a\\"b\\\\cdef"'), '"a\\"b*****"');
    assert.equal(masked('first', type, '"\\n\\u00e4\\ud83d\\ude00x"'), '"\\u000aä😀*"');
  }
  assert.deepEqual(JSON.parse(masked('hash', 'json', '{"a": 1}') ?? '').slice(0, 2), 'h_');
});

test('jsonb in binary keeps its version, and an unknown version is NULL', () => {
  assert.equal(masked('redact', 'jsonb', '\x01{"a":1}', 1), '\x01"[redacted]"');
  assert.equal(masked('stars', 'jsonb', '\x01{"a":1}', 1), '\x01"*****"');
  assert.equal(masked('stars', 'jsonb', '\x02{"a":1}', 1), null);
});

test('bytea', () => {
  const token = Buffer.from('[redacted]').toString('hex');
  const hash = masked('hash', 'bytea', Buffer.from([1, 2, 3, 4, 5, 6, 7]), 1) ?? '';
  expectAll('bytea', '\\x01020304050607', 0, {
    redact: `\\x${token}`,
    null: null,
    stars: '\\x00000000000000',
    first: '\\x01020300000000',
    last: '\\x00000004050607',
    email: `\\x${token}`,
    hash: `\\x${Buffer.from(hash).toString('hex')}`,
  });
  expectAll('bytea', Buffer.from([1, 2, 3, 4, 5, 6, 7]), 1, {
    redact: '[redacted]',
    null: null,
    stars: '\0\0\0\0\0\0\0',
    first: '\x01\x02\x03\0\0\0\0',
    last: '\0\0\0\x04\x05\x06\x07',
    email: '[redacted]',
    hash,
  });
  assert.equal(masked('stars', 'bytea', 'abc\\000'), '[redacted]');
  assert.equal(masked('first', 'bytea', '\\x0102'), '\\x0000');
});

test('arrays keep their shape and NULL elements', () => {
  expectAll('text_array', '{abcde,NULL,"x y",{"a\\"b"}}', 0, {
    redact: '{[redacted],NULL,"[redacted]",{"[redacted]"}}',
    null: null,
    stars: '{*****,NULL,"***",{"***"}}',
    first: '{abc**,NULL,"***",{"***"}}',
    last: '{*bcde,NULL,"***",{"***"}}',
    email: '{*****,NULL,"***",{"***"}}',
    hash: masked('hash', 'text_array', '{abcde,NULL,"x y",{"a\\"b"}}'),
  });
  assert.equal(masked('redact', 'text_array', '{}'), '{}');
  assert.equal(masked('stars', 'text_array', '[2:3]={ab,""}'), '[2:3]={**,""}');
  for (const broken of ['abc', '{abc', '{"abc}', '{a}}', '{a"b"}', '[1:2]'])
    assert.equal(masked('stars', 'text_array', broken), null, broken);
});

function binaryArray(elements: readonly (string | null)[], dimensions = [elements.length]): Buffer {
  const parts = [int32(dimensions.length), int32(0), int32(25)];
  for (const size of dimensions) parts.push(int32(size), int32(1));
  for (const element of elements) {
    if (element === null) parts.push(int32(-1));
    else parts.push(int32(Buffer.byteLength(element)), Buffer.from(element));
  }
  return Buffer.concat(parts);
}

test('binary arrays', () => {
  const value = binaryArray(['secret', null, 'ab']);
  assert.equal(masked('stars', 'text_array', value, 1), binaryArray(['******', null, '**']).toString());
  assert.equal(masked('redact', 'text_array', value, 1), binaryArray(['[redacted]', null, '[redacted]']).toString());
  const square = binaryArray(['a', 'b', 'c', 'd'], [2, 2]);
  assert.equal(masked('stars', 'text_array', square, 1), binaryArray(['*', '*', '*', '*'], [2, 2]).toString());
  assert.equal(masked('null', 'text_array', value, 1), null);
  for (const broken of [
    value.subarray(0, 11),
    value.subarray(0, value.length - 1),
    Buffer.concat([value, int16(0)]),
    binaryArray(['a'], [2]),
  ]) {
    assert.equal(masked('stars', 'text_array', broken, 1), null);
  }
});

test('types without a mask become NULL', () => {
  for (const type of ['integer', 'numeric', 'fixed', 'other'] as const) {
    for (const name of Object.keys(specs) as SpecName[]) assert.equal(masked(name, type, '42'), null);
  }
});

// --- scans

function scanned(type: TypeClass, value: Value, format: 0 | 1 = 0): string | null {
  return maskedRow(plan({ columns: [scan(type, format), pass()] }), value, 'after')[0];
}

test('scan: json strings, escapes, keys and numbers', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['{"a":"jane@example.com"}', '{"a":"[redacted]"}'],
    ['{"a":"x jane\\u0040example.com y"}', '{"a":"x [redacted] y"}'],
    ['{"a":"\\u006aane@example\\u002ecom","b":"\\/"}', '{"a":"[redacted]","b":"\\/"}'],
    ['{"a":"\\"jane@example.com\\""}', '{"a":"\\"[redacted]\\""}'],
    ['{"jane@example.com":[1,true,null]}', '{"[redacted]":[1,true,null]}'],
    ['{"n":4111111111111111,"m":4111111111111112}', '{"n":"[redacted]","m":4111111111111112}'],
    ['[4111111111111111]', '["[redacted]"]'],
    [
      '{"k":"-----BEGIN PRIVATE KEY-----\\nabc\\n-----END PRIVATE KEY-----\\n","z":1}',
      '{"k":"[redacted]\\u000a","z":1}',
    ],
    ['{"k":"-----BEGIN PRIVATE KEY-----\\nabc","z":1}', '{"k":"[redacted]","z":1}'],
    ['{"a":"4111","b":"1111","c":"1111","d":"1111"}', '{"a":"4111","b":"1111","c":"1111","d":"1111"}'],
    ['"1.2.3.4"', '"[redacted]"'],
  ];
  for (const [value, expected] of cases) {
    assert.equal(scanned('json', value), expected);
    assert.doesNotThrow(() => void JSON.parse(expected));
    assert.equal(scanned('jsonb', `\x01${value}`, 1), `\x01${expected}`);
  }
});

test('scan: a null mask inside json replaces values by null and redacts keys', () => {
  const nulls = plan({ columns: [scan('json')], detectors: [{ name: 'email', mask: { kind: 'null' } }] });
  assert.equal(maskedRow(nulls, '{"jane@example.com" : "joe@example.com"}')[0], '{"[redacted]" : null}');
});

test('scan: numbers that are card numbers become NULL', () => {
  const int8 = Buffer.alloc(8);
  int8.writeBigInt64BE(4111111111111111n);
  assert.equal(scanned('integer', '4111111111111111'), null);
  assert.equal(scanned('integer', int8, 1), null);
  int8.writeBigInt64BE(-4111111111111111n);
  assert.equal(scanned('integer', int8, 1), null);
  assert.equal(scanned('integer', '4111111111111112'), '4111111111111112');
  assert.equal(scanned('numeric', '4111111111111111.00'), null);
  assert.equal(scanned('integer', '123456789'), '123456789');
  // 4111 1111 1111 1111 in base 10,000, weight 3.
  const numeric = Buffer.concat([4, 3, 0, 0, 4111, 1111, 1111, 1111].map((word) => int16(word)));
  assert.equal(scanned('numeric', numeric, 1), null);
  const other = Buffer.concat([4, 3, 0, 0, 4111, 1111, 1111, 1112].map((word) => int16(word)));
  assert.notEqual(scanned('numeric', other, 1), null);
  const trailing = Buffer.concat([1, 3, 0, 0, 4111].map((word) => int16(word)));
  assert.notEqual(scanned('numeric', trailing, 1), null);
  assert.equal(scanned('numeric', Buffer.from([1, 2, 3]), 1), null);
});

test('scan: int8 in binary is rendered exactly', () => {
  for (const value of [
    0n,
    1n,
    -1n,
    9007199254740993n,
    4000000000000002n,
    2n ** 63n - 1n,
    -(2n ** 63n),
    4294967296n,
    4294967295n,
  ]) {
    const digits = (value < 0n ? -value : value).toString();
    const exact = plan({
      columns: [scan('integer', 1)],
      detectors: [{ name: 'exact', mask: REDACT }],
      customDetectors: [{ name: 'exact', pattern: `^${digits}$` }],
    });
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(value);
    assert.equal(maskedRow(exact, bytes)[0], null, digits);
  }
});

test('scan: bytea, arrays and other types', () => {
  const hidden = Buffer.from('x jane@example.com').toString('hex');
  assert.equal(scanned('bytea', `\\x${hidden}`), `\\x${Buffer.from('[redacted]').toString('hex')}`);
  assert.equal(scanned('bytea', '\\x0102'), '\\x0102');
  assert.equal(scanned('bytea', 'jane\\100example.com'), '[redacted]');
  assert.equal(scanned('bytea', Buffer.from('jane@example.com'), 1), '[redacted]');
  assert.equal(scanned('text_array', '{a,"x jane@example.com",NULL}'), '{a,"x [redacted]",NULL}');
  assert.equal(scanned('text_array', '{"jane\\@example.com"}'), '{"[redacted]"}');
  assert.equal(
    scanned('text_array', binaryArray(['a', 'jane@example.com', null]), 1),
    binaryArray(['a', '[redacted]', null]).toString(),
  );
  assert.equal(scanned('other', '(1,jane@example.com)'), null);
  assert.equal(scanned('other', '(1,jane)'), '(1,jane)');
  assert.equal(scanned('fixed', '123-45-6789'), '123-45-6789');
});

test('scan: each mask on a match', () => {
  const found = (spec: MaskSpec): string | null =>
    maskedRow(plan({ columns: [scan()], detectors: [{ name: 'email', mask: spec }] }), 'to jane@example.com!')[0];
  assert.equal(found(specs.redact), 'to [redacted]!');
  assert.equal(found(specs.null), null);
  assert.equal(found(specs.stars), 'to ****************!');
  assert.equal(found(specs.last), 'to ************.com!');
  assert.equal(found(specs.email), 'to j***@example.com!');
  assert.equal(found(specs.hash), 'to h_805d462cb2ab8c4c1bed3589!');
});
