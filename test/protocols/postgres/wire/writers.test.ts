import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backend, TransactionStatus } from '../../../../src/protocols/postgres/wire/wire.ts';
import * as toClient from '../../../../src/protocols/postgres/wire/toClient.ts';
import * as toTarget from '../../../../src/protocols/postgres/wire/toTarget.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

test('ErrorResponse of the gate: severity, SQLSTATE, message with its code, detail, hint', () => {
  const bytes = toClient.errorResponse('BG_AUTH_FAILED', { detail: 'why', hint: 'Try.' });
  const body = 'SFATAL\0VFATAL\0C28P01\0Mauthentication failed [BG_AUTH_FAILED]\0Dwhy\0HTry.\0\0';
  assert.equal(text(bytes), `E\0\0\0${String.fromCharCode(body.length + 4)}${body}`);
  const overridden = toClient.errorResponse('BG_POLICY_BLOCKED', {
    severity: 'FATAL',
    sqlstate: '0A000',
    message: 'blöcked',
    hint: 'h',
  });
  assert.match(
    Buffer.from(overridden).toString('utf8'),
    /SFATAL\0VFATAL\0C0A000\0Mblöcked \[BG_POLICY_BLOCKED\]\0Hh\0\0$/,
  );
});

test('a zero byte in a text cannot add a field', () => {
  const bytes = toClient.errorResponse('BG_INTERNAL', { message: 'x', detail: 'd\0Minjected', hint: 'h' });
  assert.ok(!text(bytes).includes('injected'));
  assert.equal(text(toTarget.query('select 1\0; drop table t')), 'Q\0\0\0\x0dselect 1\0');
});

test('messages to the client', () => {
  assert.equal(text(toClient.authenticationOk()), 'R\0\0\0\x08\0\0\0\0');
  assert.equal(text(toClient.authenticationSASL(['SCRAM-SHA-256'])), 'R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0');
  assert.equal(text(toClient.authenticationSASLContinue(Buffer.from('ab'))), 'R\0\0\0\x0a\0\0\0\x0bab');
  assert.equal(text(toClient.authenticationSASLFinal(Buffer.from('ab'))), 'R\0\0\0\x0a\0\0\0\x0cab');
  assert.equal(text(toClient.parameterStatus('a', 'b')), 'S\0\0\0\x08a\0b\0');
  assert.equal(text(toClient.backendKeyData(1, Buffer.from('abcd'))), 'K\0\0\0\x0c\0\0\0\x01abcd');
  assert.equal(text(toClient.readyForQuery(TransactionStatus.failed)), 'Z\0\0\0\x05E');
  assert.equal(
    text(toClient.negotiateProtocolVersion(0x30002, ['_pq_.a'])),
    'v\0\0\0\x13\0\x03\0\x02\0\0\0\x01_pq_.a\0',
  );
  assert.equal(
    text(toClient.diagnosticMessage(Backend.NoticeResponse, [{ type: 'M', value: '\xe9' }])),
    'N\0\0\0\x08M\xe9\0\0',
  );
  const field = {
    name: 'n',
    tableOid: 1,
    attribute: 2,
    typeOid: 25,
    typeSize: -1,
    typeModifier: -1,
    format: 1,
  } as const;
  assert.equal(
    text(toClient.rowDescription([field])),
    'T\0\0\0\x1a\0\x01n\0\0\0\0\x01\0\x02\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\x01',
  );
  assert.equal(text(toClient.dataRow([Buffer.from('hi'), null])), 'D\0\0\0\x10\0\x02\0\0\0\x02hi\xff\xff\xff\xff');
});

test('messages to the target', () => {
  assert.equal(text(toTarget.startupMessage(0, [['user', 'é']])), '\0\0\0\x11\0\x03\0\0user\0\xc3\xa9\0\0');
  assert.equal(text(toTarget.startupMessage(2, [])), '\0\0\0\x09\0\x03\0\x02\0');
  assert.equal(text(toTarget.sslRequest()), '\0\0\0\x08\x04\xd2\x16\x2f');
  assert.equal(text(toTarget.cancelRequest(258, Buffer.from('abcd'))), '\0\0\0\x10\x04\xd2\x16\x2e\0\0\x01\x02abcd');
  assert.equal(text(toTarget.passwordMessage(Buffer.from('pw'))), 'p\0\0\0\x07pw\0');
  assert.equal(text(toTarget.saslInitialResponse('M', Buffer.from('ab'))), 'p\0\0\0\x0cM\0\0\0\0\x02ab');
  assert.equal(text(toTarget.saslResponse(Buffer.from('ab'))), 'p\0\0\0\x06ab');
  assert.equal(text(toTarget.query('select 1')), 'Q\0\0\0\x0dselect 1\0');
  assert.equal(text(toTarget.parse('s', 'x')), 'P\0\0\0\x0as\0x\0\0\0');
  assert.equal(text(toTarget.describe('statement', 's')), 'D\0\0\0\x07Ss\0');
  assert.equal(text(toTarget.describe('portal', '')), 'D\0\0\0\x06P\0');
  assert.equal(text(toTarget.close('statement', 's')), 'C\0\0\0\x07Ss\0');
  assert.equal(text(toTarget.sync()), 'S\0\0\0\x04');
  assert.equal(text(toTarget.flush()), 'H\0\0\0\x04');
  assert.equal(text(toTarget.execute('p')), 'E\0\0\0\x0ap\0\0\0\0\0');
  assert.equal(text(toTarget.terminate()), 'X\0\0\0\x04');
  assert.equal(toTarget.query('x'.repeat(10_000)).length, 10_006);
});
