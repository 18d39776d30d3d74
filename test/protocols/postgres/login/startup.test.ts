import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeStartup } from '../../../../src/protocols/postgres/login/startup.ts';
import type { ClientStartup } from '../../../../src/protocols/postgres/login/startup.ts';
import { WireFault } from '../../../../src/protocols/postgres/wire/wire.ts';
import { readStartupPacket } from '../../../../src/protocols/postgres/wire/startup.ts';
import type { StartupPacket } from '../../../../src/protocols/postgres/wire/startup.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const read = (text: string): StartupPacket | WireFault => readStartupPacket(bytes(text), 0, text.length);

/** Feeds ever longer prefixes: each must say how much is missing, the whole must give `expected`. */
function readGrowing(packet: string, expected: StartupPacket): void {
  const placed = bytes(`\x01\x02${packet}\x03\x04`);
  for (let count = 0; count < packet.length; count++) {
    const missing = count < 4 ? 8 - count : packet.length - count;
    assert.deepEqual(readStartupPacket(placed, 2, 2 + count), { kind: 'incomplete', missing }, `${count} bytes`);
  }
  assert.deepEqual(readStartupPacket(placed, 2, 2 + packet.length), expected);
  assert.deepEqual(readStartupPacket(placed, 2, placed.length), expected);
}

test('SSLRequest, GSSENCRequest, direct TLS', () => {
  readGrowing('\0\0\0\x08\x04\xd2\x16\x2f', { kind: 'ssl_request', end: 10 });
  readGrowing('\0\0\0\x08\x04\xd2\x16\x30', { kind: 'gss_request', end: 10 });
  assert.deepEqual(read('\x16\x03\x01'), { kind: 'direct_tls' });
  assert.ok(read('\0\0\0\x09\x04\xd2\x16\x2f\0') instanceof WireFault);
});

test('CancelRequest of 3.0 and 3.2', () => {
  readGrowing('\0\0\0\x10\x04\xd2\x16\x2e\0\0\x01\x02abcd', {
    kind: 'cancel',
    end: 18,
    processId: 258,
    secret: Uint8Array.from(bytes('abcd')),
  });
  const longest = `\0\0\x01\x0c\x04\xd2\x16\x2e\0\0\0\x01${'k'.repeat(256)}`;
  const packet = read(longest);
  assert.ok(!(packet instanceof WireFault) && packet.kind === 'cancel' && packet.secret.length === 256);
  assert.ok(read('\0\0\0\x0f\x04\xd2\x16\x2e\0\0\x01\x02abc') instanceof WireFault);
  assert.ok(read(`\0\0\x01\x0d\x04\xd2\x16\x2e\0\0\0\x01${'k'.repeat(257)}`) instanceof WireFault);
});

test('StartupMessage', () => {
  readGrowing('\0\0\0\x1c\0\x03\0\0user\0al\0database\0s\0\0', {
    kind: 'startup',
    end: 30,
    minor: 0,
    parameters: [
      ['user', 'al'],
      ['database', 's'],
    ],
  });
  readGrowing('\0\0\0\x09\0\x03\0\x02\0', { kind: 'startup', end: 11, minor: 2, parameters: [] });
});

test('bad startup packets are refused before they are waited for', () => {
  const bad = [
    '\0\0\0\x07',
    '\0\0\0\0',
    '\xff\xff\xff\xff',
    '\0\0\x27\x15', // 10,005: one more than the server takes
    'GET / HTTP/1.1\r\n',
    '\0\0\0\x08\0\x02\0\0', // protocol 2
    '\0\0\0\x08\0\x03\0\0', // no end of list
    '\0\0\0\x0e\0\x03\0\0user\0\0', // value missing
    '\0\0\0\x0a\0\x03\0\0\0\0', // bytes behind the list
  ];
  for (const packet of bad) assert.ok(read(packet) instanceof WireFault, JSON.stringify(packet));
  assert.deepEqual(read('\0\0\x27\x14'), { kind: 'incomplete', missing: 10_000 });
  const version2 = read('\0\0\0\x08\0\x02\0\0');
  assert.ok(version2 instanceof WireFault && version2.code === 'BG_FEATURE_REFUSED');
});

function judge(parameters: [string, string][], minor = 0): ClientStartup | WireFault {
  return judgeStartup({ kind: 'startup', end: 0, minor, parameters });
}

function accepted(parameters: [string, string][], minor = 0): ClientStartup {
  const startup = judge(parameters, minor);
  assert.ok(!(startup instanceof WireFault), startup instanceof WireFault ? startup.detail : '');
  return startup;
}

function refused(parameters: [string, string][]): WireFault {
  const startup = judge(parameters);
  assert.ok(startup instanceof WireFault);
  return startup;
}

test('user and database', () => {
  assert.equal(accepted([['user', 'alice']]).database, 'alice');
  assert.equal(
    accepted([
      ['user', 'alice'],
      ['database', ''],
    ]).database,
    'alice',
  );
  const both = accepted([
    ['user', '\xc3\xa9va'],
    ['database', 'shop'],
  ]);
  assert.deepEqual([both.user, both.database], ['éva', 'shop']);
  assert.equal(refused([['database', 'shop']]).code, 'BG_PROTOCOL_VIOLATION');
  assert.equal(refused([['user', '']]).code, 'BG_PROTOCOL_VIOLATION');
  assert.equal(
    refused([
      ['user', 'a'],
      ['user', 'b'],
    ]).code,
    'BG_PROTOCOL_VIOLATION',
  );
  assert.equal(
    refused([
      ['user', 'a'],
      ['USER', 'b'],
    ]).code,
    'BG_PROTOCOL_VIOLATION',
  );
  assert.equal(refused([['user', '\xff']]).code, 'BG_PROTOCOL_VIOLATION');
  assert.equal(refused([['user', 'x'.repeat(257)]]).code, 'BG_PROTOCOL_VIOLATION');
});

test('what real drivers send passes', () => {
  const user: [string, string] = ['user', 'alice'];
  const settings = (...more: [string, string][]): object => Object.fromEntries(accepted([user, ...more]).parameters);
  // psql / libpq
  assert.deepEqual(settings(['database', 'shop'], ['application_name', 'psql'], ['client_encoding', 'UTF8']), {
    application_name: 'psql',
    client_encoding: 'UTF8',
  });
  // JDBC
  assert.deepEqual(
    settings(
      ['client_encoding', 'UTF8'],
      ['DateStyle', 'ISO'],
      ['TimeZone', 'Europe/Berlin'],
      ['extra_float_digits', '2'],
    ),
    { client_encoding: 'UTF8', DateStyle: 'ISO', TimeZone: 'Europe/Berlin', extra_float_digits: '2' },
  );
  // lib/pq in lower case, asyncpg's jit, pg's timeouts
  assert.deepEqual(settings(['datestyle', 'ISO, MDY'], ['jit', 'off'], ['statement_timeout', '5000']), {
    DateStyle: 'ISO, MDY',
    jit: 'off',
    statement_timeout: '5000',
  });
  assert.deepEqual(settings(['standard_conforming_strings', 'on'], ['replication', 'false']), {});
});

test('what could change meaning or run code is refused by name', () => {
  for (const name of [
    'role',
    'session_authorization',
    'lc_messages',
    'session_preload_libraries',
    'row_security',
    'x',
  ]) {
    const fault = refused([
      ['user', 'a'],
      [name, 'v'],
    ]);
    assert.equal(fault.code, 'BG_PARAMETER_REFUSED');
    assert.equal(fault.detail, `parameter "${name}"`);
  }
  assert.equal(
    refused([
      ['user', 'a'],
      ['standard_conforming_strings', 'off'],
    ]).code,
    'BG_PARAMETER_REFUSED',
  );
  for (const value of ['true', 'database', '1']) {
    assert.equal(
      refused([
        ['user', 'a'],
        ['replication', value],
      ]).code,
      'BG_FEATURE_REFUSED',
    );
  }
  // Nothing of the name may end a line of a log or close the quotes.
  assert.equal(
    refused([
      ['user', 'a'],
      ['e"\n\x1b[31m', 'v'],
    ]).detail,
    'parameter "e??[31m"',
  );
});

test('options are split as the server does and judged one by one', () => {
  const settings = (options: string): object =>
    Object.fromEntries(
      accepted([
        ['user', 'a'],
        ['options', options],
      ]).parameters,
    );
  assert.deepEqual(settings('-c search_path=app -cgeqo=off --statement-timeout=5s'), {
    search_path: 'app',
    geqo: 'off',
    statement_timeout: '5s',
  });
  assert.deepEqual(settings('  -c  search_path=a,\\ b\\\\c\t'), { search_path: 'a, b\\c' });
  assert.deepEqual(settings(''), {});
  assert.deepEqual(settings('-c DATESTYLE=ISO'), { DateStyle: 'ISO' });
  for (const options of ['-c role=postgres', '-c', '-c search_path', '-d 5', 'x', '--role=x', '-c =x', '-c a=1 -W 3']) {
    assert.equal(
      refused([
        ['user', 'a'],
        ['options', options],
      ]).code,
      'BG_PARAMETER_REFUSED',
      options,
    );
  }
  // A direct parameter wins, whichever stands first.
  const both = accepted([
    ['search_path', 'direct'],
    ['user', 'a'],
    ['options', '-c search_path=options'],
  ]);
  assert.equal(both.parameters.get('search_path'), 'direct');
});

test('minor versions and protocol options are negotiated down', () => {
  const negotiated = (minor: number, ...options: string[]): unknown => {
    const startup = accepted([['user', 'a'], ...options.map((option): [string, string] => [option, ''])], minor);
    return [startup.minor, startup.negotiation];
  };
  assert.deepEqual(negotiated(0), [0, null]);
  assert.deepEqual(negotiated(1), [0, null]);
  assert.deepEqual(negotiated(2), [2, null]);
  assert.deepEqual(negotiated(9999), [2, { version: 0x30002, options: [] }]);
  assert.deepEqual(negotiated(0, '_pq_.a'), [0, { version: 0x30000, options: ['_pq_.a'] }]);
  assert.deepEqual(negotiated(2, '_pq_.a', '_pq_.b'), [2, { version: 0x30002, options: ['_pq_.a', '_pq_.b'] }]);
});
