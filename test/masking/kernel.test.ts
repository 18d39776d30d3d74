/** Ranges of rows: wire bytes, headroom, broken lengths, and what must hold for any input. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { MaskSpec } from '../../src/facts.ts';
import { createKernel } from '../../src/masking/kernel.ts';
import type { ColumnPlan, MaskPlan, TypeClass } from '../../src/masking/plan.ts';
import {
  ALL,
  copyLine,
  CSV_COPY,
  dataRow,
  mask,
  message,
  pass,
  plan,
  readRows,
  REDACT,
  run,
  scan,
  STARS,
  TEXT_COPY,
  tuple,
  type Value,
} from './support.ts';

const runs = Number(process.env['FUZZ_RUNS'] ?? 300);

test('literal bytes: a NULL, a starred and a passed column', () => {
  const input = Buffer.from('44000000170003ffffffff00000003616263000000026869', 'hex');
  const expected = Buffer.from('44000000170003ffffffff000000032a2a2a000000026869', 'hex');
  const { output, result } = run(plan({ columns: [mask(REDACT), mask(STARS), pass()] }), input);
  assert.deepEqual(output, expected);
  assert.deepEqual([result.status, result.rows, result.masked], ['done', 1, 1]);
});

test('literal bytes: lengths of message and column follow the mask', () => {
  const input = Buffer.from('440000000c000100000002 6869'.replace(' ', ''), 'hex');
  const expected = Buffer.from('44000000140001 0000000a5b72656461637465645d'.replace(' ', ''), 'hex');
  assert.deepEqual(run(plan({ columns: [mask(REDACT)] }), input).output, expected);
  const gone = Buffer.from('440000000a0001ffffffff', 'hex');
  assert.deepEqual(run(plan({ columns: [mask({ kind: 'null' })] }), input).output, gone);
});

test('equal lengths stay where they are', () => {
  const input = Buffer.concat([dataRow('abc', 'x'), dataRow('defg', 'y')]);
  const { result, output } = run(plan({ columns: [mask(STARS), pass()] }), input);
  assert.equal(result.outputStart, result.inputEnd - input.length);
  assert.deepEqual(output, Buffer.concat([dataRow('***', 'x'), dataRow('****', 'y')]));
});

test('shrinking needs no headroom', () => {
  const input = Buffer.concat([dataRow('a long enough value'), dataRow('another long value')]);
  const { result, output } = run(plan({ columns: [mask(REDACT)] }), input, 0);
  assert.equal(result.status, 'done');
  assert.deepEqual(output, Buffer.concat([dataRow('[redacted]'), dataRow('[redacted]')]));
});

test('full: what was consumed is right, and the rest can be run again', () => {
  const row = dataRow('a', 'b');
  const input = Buffer.concat([row, row, row, row, row]);
  const maskPlan = plan({ columns: [mask(REDACT), pass()] });
  const outputs: Buffer[] = [];
  let rest: Buffer = input;
  let turns = 0;
  while (rest.length > 0) {
    const { output, result } = run(maskPlan, rest, 20);
    assert.equal(result.rows, rest.length > row.length * 2 ? 2 : result.rows);
    outputs.push(output);
    rest = rest.subarray(result.rows * row.length);
    turns++;
  }
  assert.equal(turns, 3);
  const masked = dataRow('[redacted]', 'b');
  assert.deepEqual(Buffer.concat(outputs), Buffer.concat([masked, masked, masked, masked, masked]));
  assert.equal(run(maskPlan, row, 3).result.status, 'full');
  assert.equal(run(maskPlan, row, 3).result.rows, 0);
});

test('malformed rows stop the range', () => {
  const good = dataRow('abc');
  const maskPlan = plan({ columns: [mask(STARS)] });
  const broken: Record<string, Buffer> = {
    'another type': message('C', tuple(['abc'])),
    'too many columns': dataRow('abc', 'd'),
    'no columns': dataRow(),
    'column beyond the message': Buffer.from('440000000d000100000004616263', 'hex'),
    'bytes after the last column': Buffer.from('440000000f00010000000361626300', 'hex'),
    'length -2': Buffer.from('440000000a0001fffffffe', 'hex'),
    'length 2^31-1': Buffer.from('440000000a00017fffffff', 'hex'),
    'message length 3': Buffer.from('4400000003', 'hex'),
    'message length -1': Buffer.from('44ffffffff', 'hex'),
    'message beyond the range': Buffer.from('44000000ff0001', 'hex'),
    'cut count': Buffer.from('440000000500', 'hex'),
    'cut header': Buffer.from('440000', 'hex'),
  };
  for (const [title, bytes] of Object.entries(broken)) {
    const { output, result } = run(maskPlan, Buffer.concat([good, bytes, good]));
    assert.equal(result.status, 'malformed', title);
    assert.deepEqual(output, dataRow('***'), title);
    assert.equal(result.rows, 1);
  }
});

test('detectors do not see the length before a value or the value beside it', () => {
  // 0x31 is the digit 1: a value of 0x31 bytes has a length that reads like one.
  const value = `${'x'.repeat(37)} 123-45-6789`;
  assert.equal(value.length, 0x31);
  const { output } = run(
    plan({ columns: [scan(), scan()] }),
    Buffer.concat([dataRow('123-45-', '6789'), dataRow('123-45-6789', value)]),
  );
  const rows = readRows(output).map((row) => row.map(String));
  assert.deepEqual(rows[0], ['123-45-', '6789']);
  assert.deepEqual(rows[1], ['[redacted]', `${'x'.repeat(37)} [redacted]`]);
});

test('the same kernel runs again and again', () => {
  const kernel = createKernel(plan({ columns: [scan()] }));
  for (let i = 0; i < 3; i++) {
    const bytes = new Uint8Array(200);
    const row = dataRow(`jane${i}@example.com`);
    bytes.set(row, 100);
    const result = kernel.run(bytes, 100, 100 + row.length, 0);
    assert.deepEqual(Buffer.from(bytes.subarray(result.outputStart, result.outputEnd)), dataRow('[redacted]'));
  }
});

test('an unknown detector is a bug, not a pass', () => {
  assert.throws(
    () => createKernel(plan({ columns: [scan()], detectors: [{ name: 'emial', mask: REDACT }] })),
    /no such detector/,
  );
});

// --- properties

const secrets = [
  'jane@example.com',
  '4111 1111 1111 1111',
  '123-45-6789',
  'DE89370400440532013000',
  '10.20.30.40',
  'AKIAIOSFODNN7EXAMPLE',
];
const specOf: fc.Arbitrary<MaskSpec> = fc.constantFrom<MaskSpec>(
  { kind: 'redact' },
  { kind: 'null' },
  { kind: 'stars' },
  { kind: 'keep_first', count: 2 },
  { kind: 'keep_last', count: 4 },
  { kind: 'email' },
  { kind: 'hash' },
);
const typeOf = fc.constantFrom<TypeClass>(
  'text',
  'json',
  'jsonb',
  'bytea',
  'text_array',
  'integer',
  'numeric',
  'fixed',
  'other',
);
const columnOf: fc.Arbitrary<ColumnPlan> = fc.record({
  action: fc.constantFrom('pass', 'mask', 'scan'),
  mask: specOf,
  type: typeOf,
  format: fc.constantFrom<0 | 1>(0, 1),
});
const valueOf: fc.Arbitrary<Value> = fc.oneof(
  fc.constant(null),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.uint8Array({ maxLength: 40 }),
  fc
    .tuple(fc.string({ maxLength: 8 }), fc.constantFrom(...secrets), fc.string({ maxLength: 8 }))
    .map(([a, b, c]) => `${a} ${b} ${c}`),
  fc.jsonValue().map((json) => JSON.stringify(json)),
);

test('any rows stay well-formed, passed columns stay as they are, any split gives the same', () => {
  const shape = fc
    .array(columnOf, { minLength: 1, maxLength: 6 })
    .chain((columns) =>
      fc.tuple(fc.constant(columns), fc.array(fc.tuple(...columns.map(() => valueOf)), { minLength: 1, maxLength: 8 })),
    );
  fc.assert(
    fc.property(shape, (sample) => {
      const [columns, rows] = sample;
      const messages = rows.map((row) => dataRow(...row));
      const maskPlan = plan({ columns });
      const { output, result } = run(maskPlan, Buffer.concat(messages), 64 * 1024);
      assert.equal(result.status, 'done');
      assert.equal(result.rows, rows.length);
      const masked = readRows(output);
      columns.forEach((column, c) => {
        rows.forEach((row, r) => {
          const before = row[c] === null ? null : Buffer.from(row[c] as string);
          if (column.action === 'pass' || before === null) assert.deepEqual(masked[r][c], before);
        });
      });
      const parts = messages.map((bytes) => run(maskPlan, bytes, 64 * 1024).output);
      assert.deepEqual(Buffer.concat(parts), output);
    }),
    { numRuns: runs },
  );
});

test('no secret survives a scan in text, json or arrays', () => {
  const around = fc.string({ maxLength: 30 }).map((text) => text.replace(/[\w.@:+"'-]/gu, '~'));
  fc.assert(
    fc.property(around, fc.constantFrom(...secrets), around, specOf, (before, secret, after, spec) => {
      const text = `${before} ${secret} ${after}`;
      const detectors = ALL.map(({ name }) => ({ name, mask: spec }));
      const maskPlan = plan({ columns: [scan(), scan('json'), scan('jsonb', 1), scan('text_array')], detectors });
      const json = JSON.stringify({ note: text });
      const array = `{"${text.replace(/["\\]/gu, '\\$&')}"}`;
      const { output } = run(maskPlan, dataRow(text, json, `\x01${json}`, array));
      assert.ok(!output.includes(secret));
      const [row] = readRows(output);
      if (row[1] !== null) assert.doesNotThrow(() => void JSON.parse(String(row[1])));
      if (row[2] !== null) assert.doesNotThrow(() => void JSON.parse(String(row[2]).slice(1)));
    }),
    { numRuns: runs },
  );
});

test('hostile bytes never throw and never write outside', () => {
  const plans: MaskPlan[] = [
    plan({ columns: [scan(), mask(STARS), mask({ kind: 'hash' }, 'json')] }),
    plan({ columns: [scan('json', 1), scan('numeric', 1), scan('text_array', 1)], rowFormat: 'copy_binary' }),
    plan({
      columns: [scan('json'), mask(REDACT, 'bytea'), scan('text_array')],
      rowFormat: 'copy_text',
      copy: TEXT_COPY,
    }),
    plan({ columns: [scan('json'), mask(REDACT), scan('bytea')], rowFormat: 'copy_csv', copy: CSV_COPY }),
  ];
  const nasty = fc.oneof(
    fc.uint8Array({ maxLength: 120 }),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => message('D', bytes)),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => message('d', bytes)),
    fc
      .string({
        unit: fc.constantFrom('\\', '"', ',', '\t', '\n', 'a', '{', '}', '1', 'x', 'u', '@', '.', ':'),
        maxLength: 60,
      })
      .map((line) => copyLine(line)),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => dataRow(bytes, bytes, bytes)),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => message('d', tuple([bytes, bytes, bytes]))),
  );
  fc.assert(
    fc.property(fc.array(nasty, { maxLength: 4 }), (parts) => {
      for (const maskPlan of plans) {
        const input = Buffer.concat(parts);
        const { result } = run(maskPlan, input);
        assert.ok(result.outputEnd - result.outputStart >= 0);
      }
    }),
    { numRuns: runs * 3 },
  );
});

test('growth by more than the headroom ends as full, whatever the sizes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 0, max: 120 }),
      (sizes, headroom) => {
        const maskPlan = plan({ columns: [mask(REDACT), pass()] });
        const input = Buffer.concat(sizes.map((size, i) => dataRow('v'.repeat(size), `row ${i}`)));
        const expected = sizes.map((_, i) => dataRow('[redacted]', `row ${i}`));
        const { output, result } = run(maskPlan, input, headroom);
        assert.deepEqual(output, Buffer.concat(expected.slice(0, result.rows)));
        assert.ok(result.status === 'done' ? result.rows === sizes.length : result.rows < sizes.length);
      },
    ),
    { numRuns: runs },
  );
});
