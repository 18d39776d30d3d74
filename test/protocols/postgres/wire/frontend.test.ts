import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WireFault } from '../../../../src/protocols/postgres/wire/wire.ts';
import {
  BindMessage,
  checkQuery,
  ExecuteMessage,
  NamedMessage,
  ParseMessage,
  readBind,
  readExecute,
  readNamed,
  readParse,
  readSASLInitialResponse,
  resultFormats,
} from '../../../../src/protocols/postgres/wire/frontend.ts';
import { nameKey, nameKeyOfText } from '../../../../src/protocols/postgres/wire/text.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Calls `read` with the body in the middle of other bytes, and with every shorter and one longer body. */
function readInPlace(body: string, read: (bytes: Uint8Array, start: number, end: number) => unknown): unknown {
  const placed = bytes(`\x01\x02${body}\0\0\0\0\0`);
  for (let end = 2; end < 2 + body.length; end++) {
    assert.ok(read(placed, 2, end) instanceof WireFault, `cut to ${end - 2} bytes`);
  }
  assert.ok(read(placed, 2, 3 + body.length) instanceof WireFault, 'one byte too many');
  return read(placed, 2, 2 + body.length);
}

test('Parse', () => {
  const message = new ParseMessage();
  const body = 's1\0select $1, $2\0\0\x02\0\0\0\x17\0\0\0\x19';
  assert.equal(
    readInPlace(body, (b, start, end) => readParse(b, start, end, message)),
    null,
  );
  assert.deepEqual({ ...message }, { name: 's1', queryStart: 5, queryEnd: 18, typeCount: 2, typesAt: 21 });
  assert.equal(
    readInPlace('\0\0\0\0', (b, start, end) => readParse(b, start, end, message)),
    null,
  );
  assert.deepEqual({ ...message }, { name: '', queryStart: 3, queryEnd: 3, typeCount: 0, typesAt: 6 });
});

test('Bind', () => {
  const message = new BindMessage();
  const values = '\0\0\0\x03abc\xff\xff\xff\xff\0\0\0\0';
  const body = `p\0s\0\0\x01\0\x01\0\x03${values}\0\x02\0\x01\0\0`;
  assert.equal(
    readInPlace(body, (b, start, end) => readBind(b, start, end, message)),
    null,
  );
  assert.deepEqual(
    { ...message },
    {
      portal: 'p',
      statement: 's',
      formatCount: 1,
      formatsAt: 8,
      valueCount: 3,
      valuesAt: 12,
      resultFormatCount: 2,
      resultFormatsAt: 29,
    },
  );
  const placed = bytes(`\x01\x02${body}`);
  assert.deepEqual([...resultFormats(placed, message)], [1, 0]);
});

test('Bind refuses value lengths that leave the message', () => {
  const message = new BindMessage();
  const read = (length: string): WireFault | null => {
    const body = bytes(`\0\0\0\0\0\x01${length}\0\0`);
    return readBind(body, 0, body.length, message);
  };
  assert.equal(read('\0\0\0\0'), null);
  for (const length of ['\0\0\0\x01', '\xff\xff\xff\xfe', '\x80\0\0\0', '\x7f\xff\xff\xff', '\0\0\0\x03']) {
    assert.ok(read(length) instanceof WireFault);
  }
});

test('result formats: one for all or one each; all text is none at all', () => {
  const message = new BindMessage();
  const formats = (tail: string): number[] => {
    const body = bytes(`\0\0\0\0\0\0${tail}`);
    assert.equal(readBind(body, 0, body.length, message), null);
    return [...resultFormats(body, message)];
  };
  assert.deepEqual(formats('\0\0'), []);
  assert.deepEqual(formats('\0\x01\0\0'), []);
  assert.deepEqual(formats('\0\x02\0\0\0\0'), []);
  assert.deepEqual(formats('\0\x01\0\x01'), [1]);
  assert.deepEqual(formats('\0\x03\0\0\0\x01\0\0'), [0, 1, 0]);
});

test('Execute, Describe, Close', () => {
  const execute = new ExecuteMessage();
  assert.equal(
    readInPlace('c1\0\0\0\x01\0', (b, start, end) => readExecute(b, start, end, execute)),
    null,
  );
  assert.deepEqual({ ...execute }, { portal: 'c1', rowsMax: 256 });
  const named = new NamedMessage();
  assert.equal(
    readInPlace('Sx\0', (b, start, end) => readNamed(b, start, end, named)),
    null,
  );
  assert.deepEqual({ ...named }, { kind: 'statement', name: 'x' });
  assert.equal(
    readInPlace('P\0', (b, start, end) => readNamed(b, start, end, named)),
    null,
  );
  assert.deepEqual({ ...named }, { kind: 'portal', name: '' });
  assert.ok(readNamed(bytes('Q\0'), 0, 2, named) instanceof WireFault);
});

test('Query holds exactly one string', () => {
  assert.equal(readInPlace('select 1\0', checkQuery), null);
  assert.equal(readInPlace('\0', checkQuery), null);
  // Text behind a zero byte would reach the server's eyes but not the parser's, or the other way round.
  assert.ok(checkQuery(bytes('select 1\0; drop table t\0'), 0, 24) instanceof WireFault);
  assert.ok(checkQuery(new Uint8Array(0), 0, 0) instanceof WireFault);
});

test('SASLInitialResponse', () => {
  const read = (text: string): unknown => readSASLInitialResponse(bytes(text), 0, text.length);
  assert.deepEqual(read('SCRAM-SHA-256\0\0\0\0\x02n,'), { mechanism: 'SCRAM-SHA-256', data: bytes('n,') });
  assert.deepEqual(read('X\0\xff\xff\xff\xff'), { mechanism: 'X', data: bytes('') });
  for (const bad of ['X', 'X\0', 'X\0\0\0\0\x03n,', 'X\0\0\0\0\x01n,', 'X\0\xff\xff\xff\xfe', 'X\0\xff\xff\xff\xffn']) {
    assert.ok(read(bad) instanceof WireFault, JSON.stringify(bad));
  }
});

test('names longer than the server keeps are the same name, byte for byte', () => {
  const key = (name: string): string => nameKey(Buffer.from(name), 0, Buffer.byteLength(name));
  const long = 'n'.repeat(63);
  assert.equal(key(`${long}1`), key(`${long}2`));
  assert.notEqual(key(long), key(long.slice(1)));
  assert.equal(key('é'), nameKeyOfText('é'));
  assert.equal(key(`${'n'.repeat(62)}é`).length, 63);
  assert.equal(key(''), '');
  assert.notEqual(key('a\u0000'.slice(0, 1)), key('A'));
  // The cache of names must never answer with a neighbour.
  for (let i = 0; i < 5000; i++) assert.equal(key(`stmt_${i}`), `stmt_${i}`);
});
