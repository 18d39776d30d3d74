/** COPY TO STDOUT in its three forms. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MaskSpec } from '../../src/facts.ts';
import type { ColumnPlan, CopyOptions } from '../../src/masking/plan.ts';
import {
  copyLine,
  CSV_COPY,
  int16,
  int32,
  mask,
  message,
  pass,
  plan,
  REDACT,
  run,
  scan,
  STARS,
  TEXT_COPY,
  tuple,
} from './support.ts';

const LAST: MaskSpec = { kind: 'keep_last', count: 4 };

function lines(
  format: 'copy_text' | 'copy_csv',
  columns: readonly ColumnPlan[],
  input: string,
  copy?: CopyOptions,
): string {
  const options = copy ?? (format === 'copy_text' ? TEXT_COPY : CSV_COPY);
  const { output, result } = run(plan({ columns, rowFormat: format, copy: options }), copyLine(input));
  assert.equal(result.status, 'done', JSON.stringify(input));
  assert.equal(output.readInt32BE(1), output.length - 1);
  return output.toString('utf8', 5);
}

test('text: fields, NULL, escapes', () => {
  const columns = [mask(LAST), pass(), mask(REDACT)];
  assert.equal(lines('copy_text', columns, '123-45-6789\tplain\tsecret\n'), '*******6789\tplain\t[redacted]\n');
  assert.equal(lines('copy_text', columns, '\\N\t\\N\t\\N\n'), '\\N\t\\N\t\\N\n');
  assert.equal(lines('copy_text', columns, 'ab\\tcd\\\\ef\ta\\tb\tx\n'), '****d\\\\ef\ta\\tb\t[redacted]\n');
  assert.equal(lines('copy_text', columns, '1\t2\t3\r\n'), '*\t2\t[redacted]\r\n');
  assert.equal(lines('copy_text', columns, '1\t2\t3'), '*\t2\t[redacted]');
  assert.equal(lines('copy_text', [mask({ kind: 'null' })], 'x\n'), '\\N\n');
});

test('text: an escape does not hide a match', () => {
  assert.equal(lines('copy_text', [scan()], 'jane\\100example.com\n'), '[redacted]\n');
  assert.equal(lines('copy_text', [scan()], 'jane\\x40example.com\n'), '[redacted]\n');
  assert.equal(lines('copy_text', [scan()], 'a\\njane@example.com\\tb\n'), 'a\\n[redacted]\\tb\n');
  assert.equal(lines('copy_text', [scan('json')], '{"a": "jane\\\\u0040example.com"}\n'), '{"a": "[redacted]"}\n');
  assert.equal(lines('copy_text', [scan('json')], '{"a": "\\\\"jane@example.com"}\n'), '{"a": "\\\\"[redacted]"}\n');
  assert.equal(lines('copy_text', [scan('text_array')], '{"a\\\\"b jane@example.com"}\n'), '{"a\\\\"b [redacted]"}\n');
  assert.equal(lines('copy_text', [mask(STARS, 'bytea')], '\\\\x0102\n'), '\\\\x0000\n');
});

test('text: the delimiter may be a byte that masks write', () => {
  const stars = { ...TEXT_COPY, delimiter: 0x2a };
  assert.equal(lines('copy_text', [mask(STARS), pass()], 'ab*c\n', stars), '\\*\\**c\n');
});

test('csv: quotes, NULL, empty strings', () => {
  const columns = [mask(LAST), pass(), mask(REDACT)];
  assert.equal(lines('copy_csv', columns, '123-45-6789,plain,secret\n'), '"*******6789",plain,"[redacted]"\n');
  assert.equal(lines('copy_csv', columns, ',,\n'), ',,\n');
  assert.equal(lines('copy_csv', columns, '"","a,b","c\nd"\n'), '"","a,b","[redacted]"\n');
  assert.equal(lines('copy_csv', columns, '"1,2""3456",x,y\n'), '"****3456",x,"[redacted]"\n');
  assert.equal(lines('copy_csv', [mask({ kind: 'null' }), pass()], '"a,b",c\n'), ',c\n');
  assert.equal(lines('copy_csv', [mask(REDACT, 'json')], '"{""a"":1}"\n'), '"""[redacted]"""\n');
  assert.equal(
    lines('copy_csv', [scan('json')], '"{""a"":""jane\\u0040example.com""}"\n'),
    '"{""a"":""[redacted]""}"\n',
  );
  assert.equal(lines('copy_csv', [scan()], '"a ""jane@example.com"""\n'), '"a ""[redacted]"""\n');
  const escape = { ...CSV_COPY, escape: 0x5c };
  assert.equal(lines('copy_csv', [mask(LAST)], '"a\\"b\\\\cd"\n', escape), '"**b\\\\cd"\n');
});

test('csv: own quote and delimiter', () => {
  const options = { ...CSV_COPY, delimiter: 0x3b, quote: 0x27, escape: 0x27, nullText: 'nil' };
  assert.equal(lines('copy_csv', [mask(STARS), mask(STARS), pass()], "'it''s';nil;x,y\n", options), "'****';nil;x,y\n");
});

test('header rows pass only where the caller says that the range begins the result', () => {
  for (const [format, options] of [
    ['copy_text', TEXT_COPY],
    ['copy_csv', CSV_COPY],
  ] as const) {
    const maskPlan = plan({ columns: [mask(STARS)], rowFormat: format, copy: { ...options, header: true } });
    const input = Buffer.concat([copyLine('ssn\n'), copyLine('123\n')]);
    const masked = copyLine(format === 'copy_csv' ? '"***"\n' : '***\n');
    assert.deepEqual(run(maskPlan, input, 64, true).output, Buffer.concat([copyLine('ssn\n'), masked]));
    assert.deepEqual(run(maskPlan, input).output, Buffer.concat([masked, masked]));
  }
});

test('wrong numbers of fields and broken quotes are malformed', () => {
  const text = plan({ columns: [mask(STARS), pass()], rowFormat: 'copy_text', copy: TEXT_COPY });
  for (const line of ['a\n', 'a\tb\tc\n', '\n', 'a\\\tb\n', ''])
    assert.equal(run(text, copyLine(line)).result.status, 'malformed', line);
  const csv = plan({ columns: [mask(STARS), pass()], rowFormat: 'copy_csv', copy: CSV_COPY });
  for (const line of ['a\n', 'a,b,c\n', '"a,b\n', '"a"x,b\n', 'a"b",c\n'])
    assert.equal(run(csv, copyLine(line)).result.status, 'malformed', line);
  assert.equal(
    run(plan({ columns: [], rowFormat: 'copy_text', copy: TEXT_COPY }), copyLine('\n')).result.status,
    'done',
  );
});

const SIGNATURE = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), int32(0), int32(0)]);

test('binary: header, tuples, trailer', () => {
  const maskPlan = plan({ columns: [mask(STARS), pass('integer'), scan('jsonb')], rowFormat: 'copy_binary' });
  const row = (secret: string, json: string): Buffer => tuple([secret, '\0\0\0\x07', json]);
  const input = Buffer.concat([
    message('d', Buffer.concat([SIGNATURE, row('abc', '\x01{"a":"jane@example.com"}')])),
    message('d', row('defg', '\x01{}')),
    message('d', int16(-1)),
  ]);
  const expected = Buffer.concat([
    message('d', Buffer.concat([SIGNATURE, row('***', '\x01{"a":"[redacted]"}')])),
    message('d', row('****', '\x01{}')),
    message('d', int16(-1)),
  ]);
  assert.deepEqual(run(maskPlan, input).output, expected);
  const empty = message('d', Buffer.concat([SIGNATURE, int16(-1)]));
  assert.deepEqual(run(maskPlan, empty).output, empty);
});

test('binary: a header that is none is malformed', () => {
  const maskPlan = plan({ columns: [mask(STARS)], rowFormat: 'copy_binary' });
  const wrong = Buffer.from(SIGNATURE);
  wrong[10] = 1;
  const long = Buffer.from(SIGNATURE);
  long.writeInt32BE(1000, 15);
  for (const head of [wrong, long, SIGNATURE.subarray(0, 15)]) {
    assert.equal(run(maskPlan, message('d', Buffer.concat([head, tuple(['abc'])]))).result.status, 'malformed');
  }
  assert.equal(run(maskPlan, message('d', Buffer.concat([int16(-1), int16(0)]))).result.status, 'malformed');
});
