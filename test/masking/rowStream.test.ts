/** One row larger than a slot, in pieces of every size. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createKernel } from '../../src/masking/kernel.ts';
import type { MaskPlan, RowStream } from '../../src/masking/plan.ts';
import {
  copyLine,
  CSV_COPY,
  dataRow,
  int16,
  int32,
  mask,
  message,
  pass,
  plan,
  readRows,
  REDACT,
  scan,
  STARS,
  TEXT_COPY,
  tuple,
} from './support.ts';

const runs = Number(process.env['FUZZ_RUNS'] ?? 200);
const HOLD_BYTES = 4096;

interface Streamed {
  readonly output: Buffer;
  readonly stream: RowStream;
}

/** Feeds `input` with `next()` more bytes at a time; what was not taken is presented again in front. */
function stream(maskPlan: MaskPlan, input: Uint8Array, next: () => number): Streamed {
  const rowStream = createKernel(maskPlan).openRowStream();
  const outputs: Buffer[] = [];
  let held = Buffer.alloc(0);
  let fed = 0;
  while (fed < input.length) {
    const more = Math.min(input.length - fed, Math.max(1, next()));
    const memory = new Uint8Array(new SharedArrayBuffer(held.length + more + 11), 5);
    memory.fill(0x39);
    memory.set(held, 3);
    memory.set(input.subarray(fed, fed + more), 3 + held.length);
    fed += more;
    const end = 3 + held.length + more;
    const taken = rowStream.push(memory, 3, end);
    assert.equal(memory[2], 0x39);
    assert.equal(memory[end], 0x39);
    if (taken < 0) return { output: Buffer.concat(outputs), stream: rowStream };
    assert.ok(taken >= 3 && taken <= end);
    assert.ok(end - taken <= HOLD_BYTES, `holds ${end - taken}`);
    outputs.push(Buffer.from(memory.slice(3, taken)));
    held = Buffer.from(memory.slice(taken, end));
  }
  return { output: Buffer.concat(outputs), stream: rowStream };
}

/** Streams in two pieces, split at every byte, then byte by byte; all must agree. */
function everySplit(maskPlan: MaskPlan, input: Buffer): Buffer {
  const whole = stream(maskPlan, input, () => input.length);
  assert.equal(whole.stream.fault, null);
  assert.ok(whole.stream.done);
  assert.equal(whole.output.length, input.length);
  for (let at = 1; at < input.length; at++) {
    let turn = 0;
    const split = stream(maskPlan, input, () => (turn++ === 0 ? at : input.length));
    assert.deepEqual(split.output, whole.output, `split at ${at}`);
    assert.ok(split.stream.done);
    assert.equal(split.stream.masked, whole.stream.masked);
  }
  assert.deepEqual(stream(maskPlan, input, () => 1).output, whole.output);
  return whole.output;
}

test('column masks of equal length', () => {
  const columns = [
    mask(REDACT),
    mask({ kind: 'keep_last', count: 4 }, 'json'),
    mask(STARS, 'jsonb', 1),
    mask(STARS, 'bytea'),
    mask(STARS, 'bytea', 1),
    mask(REDACT, 'integer'),
    pass(),
  ];
  const input = dataRow('jänë', '{"a":1}', '\x01[1,2]', '\\x0102', 'ab', null, 'rest');
  const [row] = readRows(everySplit(plan({ columns }), input));
  assert.deepEqual(
    row.map((value) => value?.toString('latin1') ?? null),
    ['******', '"*****"', '\x01"***"', '\\x0000', '\0\0', null, 'rest'],
  );
});

test('short json and the escape form of bytea stay valid', () => {
  const columns = [mask(STARS, 'json'), mask(STARS, 'bytea'), mask(STARS, 'bytea'), mask(STARS), mask(STARS, 'json')];
  const [row] = readRows(everySplit(plan({ columns }), dataRow('7', '\\\\', '\\101b', '', '""')));
  assert.deepEqual(row.map(String), ['1', '\\\\', '\\0000', '', '""']);
});

test('a type without a mask of equal length ends the stream before its value', () => {
  for (const column of [
    mask(REDACT, 'integer'),
    mask(REDACT, 'text_array'),
    mask(STARS, 'other'),
    mask(STARS, 'numeric', 1),
  ]) {
    const { stream: ended, output } = stream(plan({ columns: [pass(), column] }), dataRow('x', '12345'), () => 3);
    assert.equal(ended.fault, 'BG_ROW_TOO_LARGE_TO_MASK');
    assert.equal(ended.done, false);
    assert.ok(!output.includes('12345'));
  }
});

test('detectors in small values, whatever the split', () => {
  const columns = [
    scan(),
    scan('json'),
    scan('bytea'),
    scan('bytea', 1),
    scan('text_array'),
    scan('fixed'),
    scan('integer'),
  ];
  const hex = Buffer.from('a@example.com').toString('hex');
  const input = dataRow(
    'to a@example.com!',
    '{"k":"a\\u0040example.com","n":4111111111111111}',
    `\\x00${hex}00`,
    '\0a@example.com\0',
    '{x,"a@example.com"}',
    '1',
    '42',
  );
  const [row] = readRows(everySplit(plan({ columns }), input));
  assert.deepEqual(row.map(String), [
    'to *************!',
    '{"k":"******************","n":1111111111111111}',
    `\\x00${'0'.repeat(hex.length)}00`,
    '\0'.repeat(15),
    '{x,"*************"}',
    '1',
    '42',
  ]);
});

test('a number that is a card number cannot be masked here', () => {
  const int8 = Buffer.alloc(8);
  int8.writeBigInt64BE(4111111111111111n);
  for (const [column, value] of [
    [scan('integer'), '4111111111111111'],
    [scan('integer', 1), int8],
    [scan('other'), '(a@example.com)'],
  ] as const) {
    const { stream: ended, output } = stream(plan({ columns: [column] }), dataRow(value), () => 2);
    assert.equal(ended.fault, 'BG_ROW_TOO_LARGE_TO_MASK');
    assert.ok(!output.includes(value));
  }
});

test('large values: matches anywhere, passed text stays', () => {
  const filler = 'lorem ipsum dolor sit amet '.repeat(400);
  const secrets = ['jane@example.com', '4111 1111 1111 1111', '123-45-6789'];
  const parts: string[] = [];
  for (let i = 0; i < 12; i++) parts.push(filler.slice(0, 900 + i * 613), ' ', secrets[i % 3], ' ');
  const value = parts.join('');
  const expected = secrets.reduce((text, secret) => text.replaceAll(secret, '*'.repeat(secret.length)), value);
  const maskPlan = plan({ columns: [pass(), scan(), mask(STARS)] });
  for (const size of [4097, 5000, 8192, 13001, 1 << 20]) {
    const { output, stream: ended } = stream(maskPlan, dataRow('p', value, 's'.repeat(9000)), () => size);
    const [row] = readRows(output);
    assert.equal(row[1]?.toString(), expected, `pieces of ${size}`);
    assert.equal(row[2]?.toString(), '*'.repeat(9000));
    assert.equal(ended.masked, 2);
  }
});

test('matches longer than what is held stay masked to their end', () => {
  const body = 'QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNk\n'.repeat(900);
  const pem = `-----BEGIN PRIVATE KEY-----\n${body}-----END PRIVATE KEY-----`;
  const jwt = `eyJhbGciOiJIUzI1NiJ9.${'eyJzdWIiOiIx'.repeat(1500)}.c2lnbmF0dXJl`;
  const value = `before ${pem} between ${jwt} after ${'word '.repeat(3000)}`;
  const expected = value.replace(pem, '*'.repeat(pem.length)).replace(jwt, '*'.repeat(jwt.length));
  for (const size of [4500, 8192, 20000, 1 << 20]) {
    const { output } = stream(plan({ columns: [scan()] }), dataRow(value), () => size);
    assert.equal(readRows(output)[0][0]?.toString(), expected, `pieces of ${size}`);
  }
});

test('a private key that is cut is masked to the end of the value', () => {
  const value = `x -----BEGIN RSA PRIVATE KEY-----\n${'A1b2'.repeat(5000)}`;
  const { output } = stream(plan({ columns: [scan()] }), dataRow(value), () => 6000);
  assert.equal(readRows(output)[0][0]?.toString(), `x ${'*'.repeat(value.length - 2)}`);
});

test('large json stays json', () => {
  const documents = Array.from({ length: 400 }, (_, i) => ({
    id: i,
    email: `user${i}@example.com`,
    note: `a "quoted" \\ text ${i}`,
    card: 4111111111111111,
    ok: true,
  }));
  const value = JSON.stringify(documents).replaceAll('user7@', 'user7\\u0040');
  for (const size of [4200, 7001, 50000]) {
    const { output } = stream(plan({ columns: [scan('json')] }), dataRow(value), () => size);
    const text = readRows(output)[0][0]?.toString() ?? '';
    const parsed: unknown = JSON.parse(text);
    assert.ok(Array.isArray(parsed) && parsed.length === 400);
    assert.ok(!text.includes('@example.com') && !text.includes('u0040') && !text.includes('4111111111111111'));
    assert.ok(text.includes('a \\"quoted\\" \\\\ text 399'));
  }
});

test('copy: binary, text and csv', () => {
  const signature = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), int32(0), int32(0)]);
  const binary = plan({ columns: [mask(STARS), scan('text')], rowFormat: 'copy_binary' });
  const masked = everySplit(binary, message('d', Buffer.concat([signature, tuple(['abc', 'a@example.com x'])])));
  assert.deepEqual(masked, message('d', Buffer.concat([signature, tuple(['***', '************* x'])])));

  const text = plan({
    columns: [mask(STARS), scan(), pass(), scan('json'), mask(STARS)],
    rowFormat: 'copy_text',
    copy: TEXT_COPY,
  });
  assert.equal(
    everySplit(text, copyLine('a\\tb\tto a@example.com\tp\\\\\t{"a":"\\\\"a\\\\u0040example.com"}\t\\N\n')).toString(
      'utf8',
      5,
    ),
    '****\tto *************\tp\\\\\t{"a":"\\\\"*******************"}\t\\N\n',
  );

  const csv = plan({
    columns: [mask(STARS), scan(), pass(), scan('json'), mask(STARS)],
    rowFormat: 'copy_csv',
    copy: CSV_COPY,
  });
  assert.equal(
    everySplit(csv, copyLine('"a,""b","x, a@example.com",p,"{""a"":""a\\u0040example.com""}",\n')).toString('utf8', 5),
    '"*****","x, *************",p,"{""a"":""******************""}",\n',
  );
  for (const [line, maskPlan] of [
    ['a\tb\n', text],
    ['a,b\n', csv],
    ['"a"b,c,d,e,f\n', csv],
    ['a\tb\tc\td\te\tf\n', text],
  ] as const) {
    assert.equal(stream(maskPlan, copyLine(line), () => 1).stream.fault, 'BG_TARGET_PROTOCOL', line);
  }
  assert.equal(
    stream(plan({ columns: [mask(STARS, 'json')], rowFormat: 'copy_text', copy: TEXT_COPY }), copyLine('1\n'), () => 9)
      .stream.fault,
    'BG_ROW_TOO_LARGE_TO_MASK',
  );
});

test('broken rows are a fault of the target', () => {
  const maskPlan = plan({ columns: [mask(STARS), pass()] });
  const broken = [
    message('C', tuple(['a', 'b'])),
    dataRow('a'),
    dataRow('a', 'b', 'c'),
    message('D', Buffer.concat([int16(2), int32(-2)])),
    message('D', Buffer.concat([int16(2), int32(100), Buffer.from('abc')])),
    message('D', Buffer.concat([tuple(['a', 'b']), Buffer.from('x')])),
    Buffer.from('4400000003', 'hex'),
  ];
  for (const bytes of broken)
    assert.equal(stream(maskPlan, bytes, () => 1).stream.fault, 'BG_TARGET_PROTOCOL', bytes.toString('hex'));
});

test('hostile bytes never throw and never write outside', () => {
  const plans = [
    plan({ columns: [scan(), mask(STARS, 'json'), scan('bytea')] }),
    plan({ columns: [scan('numeric', 1), scan('text_array', 1), scan('json', 1)], rowFormat: 'copy_binary' }),
    plan({ columns: [scan('json'), mask(REDACT), scan('bytea')], rowFormat: 'copy_text', copy: TEXT_COPY }),
    plan({ columns: [scan('json'), mask(REDACT), scan()], rowFormat: 'copy_csv', copy: CSV_COPY }),
  ];
  const input = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => dataRow(bytes, bytes, bytes)),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => message('d', tuple([bytes, bytes, bytes]))),
    fc
      .string({ unit: fc.constantFrom('\\', '"', ',', '\t', '\n', '\r', 'a', '{', 'N', 'x', 'u', '1'), maxLength: 60 })
      .map((line) => copyLine(line)),
  );
  fc.assert(
    fc.property(input, fc.integer({ min: 1, max: 20 }), (bytes, size) => {
      for (const maskPlan of plans) {
        const whole = stream(maskPlan, bytes, () => bytes.length);
        const split = stream(maskPlan, bytes, () => size);
        assert.equal(split.stream.fault, whole.stream.fault);
        if (whole.stream.done) assert.deepEqual(split.output, whole.output);
      }
    }),
    { numRuns: runs },
  );
});
