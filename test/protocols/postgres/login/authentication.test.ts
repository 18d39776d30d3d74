import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { TargetAuthentication } from '../../../../src/protocols/postgres/login/authentication.ts';
import { serverEndPoint } from '../../../../src/protocols/postgres/login/authenticationBinding.ts';
import { md5Password } from '../../../../src/protocols/postgres/login/md5.ts';
import { saltedPasswordOf } from '../../../../src/protocols/postgres/login/scramClient.ts';
import { makeMockVerifier, ServerScram } from '../../../../src/protocols/postgres/login/scramServer.ts';
import { WireFault } from '../../../../src/protocols/postgres/wire/wire.ts';
import { readSASLInitialResponse } from '../../../../src/protocols/postgres/wire/frontend.ts';
import { makeVerifier } from '../../../../src/scram/verifier.ts';

const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');

function make(encrypted: boolean, certificate: Uint8Array | null = null): TargetAuthentication {
  return new TargetAuthentication({
    user: 'gate',
    password: 'pw',
    saltPassword: saltedPasswordOf('pw'),
    encrypted,
    certificate,
    nonce: 'GATENONCE',
  });
}

/** What the gate answers to one message: what it sends, `ok`, `wait`, or the code of a fault. */
async function answer(authentication: TargetAuthentication, body: string | Uint8Array): Promise<string> {
  const bytes = typeof body === 'string' ? ascii(body) : body;
  const step = await authentication.feed(bytes, 0, bytes.length);
  if (step instanceof WireFault) return step.code;
  return step.kind === 'send' ? Buffer.from(step.bytes).toString('latin1') : step.kind;
}

test('a target that trusts', async () => {
  assert.equal(await answer(make(false), '\0\0\0\0'), 'ok');
  assert.equal(await answer(make(false), '\0\0\0\0x'), 'BG_TARGET_PROTOCOL');
});

test('the password leaves only inside TLS, and once', async () => {
  const inTls = make(true);
  assert.equal(await answer(inTls, '\0\0\0\x03'), 'p\0\0\0\x07pw\0');
  assert.equal(await answer(inTls, '\0\0\0\x03'), 'BG_TARGET_PROTOCOL');
  assert.equal(await answer(make(false), '\0\0\0\x03'), 'BG_TARGET_AUTH_FAILED');
  const accepted = make(true);
  await answer(accepted, '\0\0\0\x03');
  assert.equal(await answer(accepted, '\0\0\0\0'), 'ok');
  assert.equal(await answer(accepted, '\0\0\0\0'), 'BG_TARGET_PROTOCOL');
});

test('MD5', async () => {
  const expected = `p\0\0\0\x28${md5Password('gate', 'pw', ascii('1234'))}\0`;
  assert.equal(await answer(make(false), '\0\0\0\x051234'), expected);
  assert.equal(await answer(make(false), '\0\0\0\x05123'), 'BG_TARGET_PROTOCOL');
});

test('MD5 vector', () => {
  // printf penciluser | md5sum, then printf '<that>abcd' | md5sum.
  assert.equal(md5Password('user', 'pencil', ascii('abcd')), 'md5d621238dc9a10c6c869b264c13379ee7');
});

test('methods that the gate does not speak, and what is malformed', async () => {
  for (const method of [2, 7, 8, 9, 1, 255]) {
    assert.equal(await answer(make(true), `\0\0\0${String.fromCharCode(method)}`), 'BG_TARGET_AUTH_FAILED');
  }
  assert.equal(await answer(make(true), '\0\0\0\x0aOAUTHBEARER\0\0'), 'BG_TARGET_AUTH_FAILED');
  assert.equal(await answer(make(true), '\0\0\0\x0aSCRAM-SHA-256'), 'BG_TARGET_PROTOCOL');
  assert.equal(await answer(make(true), '\0\0\0'), 'BG_TARGET_PROTOCOL');
  assert.equal(await answer(make(true), '\0\0\0\x0b'), 'BG_TARGET_PROTOCOL');
  assert.equal(await answer(make(true), '\0\0\0\x0c'), 'BG_TARGET_PROTOCOL');
});

async function scramServer(channelBinding: Uint8Array | null): Promise<ServerScram> {
  const verifier = await makeVerifier('pw', ascii('0123456789abcdef'));
  const mockVerifier = makeMockVerifier(Buffer.alloc(32), 'x');
  return new ServerScram({ verifier, mockVerifier, nonce: 'TARGETNONCE', channelBinding });
}

test('SCRAM, with channel binding where the certificate allows it', async () => {
  for (const certificate of [null, fakeCertificate('2a8648ce3d040302')]) {
    const server = await scramServer(certificate === null ? null : serverEndPoint(certificate));
    const gate = make(certificate !== null, certificate);
    const first = ascii(await answer(gate, `\0\0\0\x0a${server.mechanisms.join('\0')}\0\0`));
    const initial = readSASLInitialResponse(first, 5, first.length);
    assert.ok(!(initial instanceof WireFault));
    assert.equal(initial.mechanism, certificate === null ? 'SCRAM-SHA-256' : 'SCRAM-SHA-256-PLUS');
    const challenge = server.begin(initial.mechanism, initial.data);
    assert.ok(!(challenge instanceof WireFault));
    const proof = ascii(await answer(gate, Buffer.concat([ascii('\0\0\0\x0b'), challenge.data])));
    const final = server.finish(proof.subarray(5));
    assert.ok(!(final instanceof WireFault));
    assert.equal(await answer(gate, Buffer.concat([ascii('\0\0\0\x0c'), final.data])), 'wait');
    assert.equal(await answer(gate, '\0\0\0\0'), 'ok');
  }
});

test('a server that skips its own proof is refused', async () => {
  const server = await scramServer(null);
  const gate = make(false);
  const first = ascii(await answer(gate, '\0\0\0\x0aSCRAM-SHA-256\0\0'));
  const initial = readSASLInitialResponse(first, 5, first.length);
  assert.ok(!(initial instanceof WireFault));
  const challenge = server.begin(initial.mechanism, initial.data);
  assert.ok(!(challenge instanceof WireFault));
  await answer(gate, Buffer.concat([ascii('\0\0\0\x0b'), challenge.data]));
  assert.equal(await answer(gate, '\0\0\0\0'), 'BG_TARGET_PROTOCOL');
  const early = make(false);
  await answer(early, '\0\0\0\x0aSCRAM-SHA-256\0\0');
  assert.equal(await answer(early, '\0\0\0\0'), 'BG_TARGET_PROTOCOL');
  const switched = make(true);
  await answer(switched, '\0\0\0\x0aSCRAM-SHA-256\0\0');
  assert.equal(await answer(switched, '\0\0\0\x03'), 'BG_TARGET_PROTOCOL');
});

const der = (tag: string, content: string): string =>
  tag + (content.length / 2).toString(16).padStart(2, '0') + content;

/** The skeleton of a certificate: an empty body, the signature algorithm, an empty signature. */
function fakeCertificate(oid: string, parameters = ''): Uint8Array {
  return Buffer.from(der('30', der('30', '') + der('30', der('06', oid) + parameters) + der('03', '00')), 'hex');
}

test('tls-server-end-point takes the hash of the signature, and SHA-256 for MD5 and SHA-1', () => {
  const hashBytes = (certificate: Uint8Array): number | undefined => serverEndPoint(certificate)?.length;
  assert.equal(hashBytes(fakeCertificate('2a864886f70d010105', '0500')), 32); // SHA-1 with RSA
  assert.equal(hashBytes(fakeCertificate('2a864886f70d01010b', '0500')), 32);
  assert.equal(hashBytes(fakeCertificate('2a864886f70d01010c', '0500')), 48);
  assert.equal(hashBytes(fakeCertificate('2a864886f70d01010d', '0500')), 64);
  assert.equal(hashBytes(fakeCertificate('2a8648ce3d040303')), 48);
  const pss = (hash: string): string => der('30', der('a0', der('30', der('06', hash) + '0500')));
  assert.equal(hashBytes(fakeCertificate('2a864886f70d01010a', pss('608648016503040203'))), 64);
  assert.equal(hashBytes(fakeCertificate('2a864886f70d01010a', der('30', ''))), 32);
  const certificate = fakeCertificate('2a8648ce3d040302');
  assert.deepEqual(serverEndPoint(certificate), createHash('sha256').update(certificate).digest());
  assert.equal(serverEndPoint(fakeCertificate('2b6570')), null); // Ed25519 defines none
});

test('what is no certificate has no binding', () => {
  const certificate = fakeCertificate('2a8648ce3d040302');
  for (let end = 0; end < certificate.length; end++) assert.equal(serverEndPoint(certificate.subarray(0, end)), null);
  for (const hex of ['3080', '30ff', '3084ffffffff', '0500', '30020500']) {
    assert.equal(serverEndPoint(Buffer.from(hex, 'hex')), null, hex);
  }
});
