import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WireFault } from '../../../../src/protocols/postgres/wire/wire.ts';
import {
  commandRows,
  readAuthentication,
  readBackendKeyData,
  readCopyResponse,
  readDiagnostic,
  readNotification,
  readParameterStatus,
  readReadyForQuery,
  readRowDescription,
  readSASLMechanisms,
} from '../../../../src/protocols/postgres/wire/backend.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
type Reader = (bytes: Uint8Array, start: number, end: number) => unknown;

/** Reads the body in the middle of other bytes; every shorter body and one longer must be refused. */
function readExactly(read: Reader, body: string): unknown {
  const placed = bytes(`\x01\x02${body}\0\0\0\0\0`);
  for (let end = 2; end < 2 + body.length; end++) {
    assert.ok(read(placed, 2, end) instanceof WireFault, `cut to ${end - 2} bytes`);
  }
  assert.ok(read(placed, 2, 3 + body.length) instanceof WireFault, 'one byte too many');
  return read(placed, 2, 2 + body.length);
}

const refuses = (read: Reader, body: string): void =>
  assert.ok(read(bytes(body), 0, body.length) instanceof WireFault, JSON.stringify(body));

test('RowDescription', () => {
  const body =
    '\0\x02ssn\0\0\0\x40\x01\0\x03\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0' +
    'n\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\x01';
  assert.deepEqual(readExactly(readRowDescription, body), [
    { name: 'ssn', tableOid: 16385, attribute: 3, typeOid: 25, typeSize: -1, typeModifier: -1, format: 0 },
    { name: 'n', tableOid: 0, attribute: 0, typeOid: 23, typeSize: 4, typeModifier: -1, format: 1 },
  ]);
  refuses(readRowDescription, '\0\x01n\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\x02');
  refuses(readRowDescription, '\xff\xffn\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0');
});

test('OIDs above 2^31 stay positive', () => {});

test('CopyInResponse, CopyOutResponse, CopyBothResponse', () => {
  assert.deepEqual(readExactly(readCopyResponse, '\0\0\x02\0\0\0\0'), { format: 0, columnFormats: [0, 0] });
  assert.deepEqual(readExactly(readCopyResponse, '\x01\0\x01\0\x01'), { format: 1, columnFormats: [1] });
  refuses(readCopyResponse, '\x02\0\0');
  // Text COPY with a binary column: two readings of the rows.
  refuses(readCopyResponse, '\0\0\x01\0\x01');
});

test('rows of CommandComplete', () => {
  const rows = (tag: string): number => commandRows(bytes(`9 9${tag}\x009`), 3, 3 + tag.length + 1);
  assert.equal(rows('SELECT 1'), 1);
  assert.equal(rows('INSERT 0 120'), 120);
  assert.equal(rows('COPY 9007199254740991'), 9007199254740991);
  assert.equal(rows('UPDATE 0'), 0);
  for (const tag of ['CREATE TABLE', '', ' ', '12', 'SELECT1', 'SELECT ', `X ${'9'.repeat(40)}`]) {
    assert.equal(rows(tag), -1, tag);
  }
  assert.equal(commandRows(bytes('SELECT 5'), 8, 8), -1);
});

test('ReadyForQuery', () => {
  for (const status of ['I', 'T', 'E']) {
    assert.equal(readExactly(readReadyForQuery, status), status.charCodeAt(0));
  }
  refuses(readReadyForQuery, 'X');
});

test('ParameterStatus, BackendKeyData, NotificationResponse', () => {
  assert.deepEqual(readExactly(readParameterStatus, 'TimeZone\0UTC\0'), { name: 'TimeZone', value: 'UTC' });
  assert.deepEqual(readBackendKeyData(bytes('\0\0\x01\0abcd'), 0, 8), {
    processId: 256,
    secret: Uint8Array.from(bytes('abcd')),
  });
  assert.deepEqual(readBackendKeyData(bytes(`\xff\xff\xff\xff${'k'.repeat(256)}`), 0, 260), {
    processId: -1,
    secret: new Uint8Array(256).fill(0x6b),
  });
  refuses(readBackendKeyData, '\0\0\x01\0abc');
  refuses(readBackendKeyData, `\0\0\x01\0${'k'.repeat(257)}`);
  assert.deepEqual(readExactly(readNotification, '\0\0\0\x07chan\0hi\0'), {
    processId: 7,
    channel: 'chan',
    payloadStart: 11,
    payloadEnd: 13,
  });
});

test('ErrorResponse keeps every byte of every field', () => {
  const body = 'SERROR\0C42P01\0M\xe9\xff "x"\0\0';
  assert.deepEqual(readExactly(readDiagnostic, body), [
    { type: 'S', value: 'ERROR' },
    { type: 'C', value: '42P01' },
    { type: 'M', value: '\xe9\xff "x"' },
  ]);
  assert.deepEqual(readDiagnostic(bytes('\0'), 0, 1), []);
  refuses(readDiagnostic, '');
  refuses(readDiagnostic, `${'Mx\0'.repeat(65)}\0`);
});

test('Authentication', () => {
  assert.deepEqual(readAuthentication(bytes('\0\0\0\x05salt'), 0, 8), { method: 5, data: bytes('salt') });
  refuses(readAuthentication, '\0\0\0');
  assert.deepEqual(readSASLMechanisms(bytes('SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0')), [
    'SCRAM-SHA-256-PLUS',
    'SCRAM-SHA-256',
  ]);
  assert.deepEqual(readSASLMechanisms(bytes('\0')), []);
  for (const bad of ['', 'a', 'a\0', 'a\0\0x']) assert.ok(readSASLMechanisms(bytes(bad)) instanceof WireFault);
});
