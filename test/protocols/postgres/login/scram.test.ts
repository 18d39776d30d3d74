import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientScram, saltedPasswordOf } from '../../../../src/protocols/postgres/login/scramClient.ts';
import { makeMockVerifier, ServerScram } from '../../../../src/protocols/postgres/login/scramServer.ts';
import type { ServerScramStep } from '../../../../src/protocols/postgres/login/scramServer.ts';
import { WireFault } from '../../../../src/protocols/postgres/wire/wire.ts';
import { makeVerifier } from '../../../../src/scram/verifier.ts';
import type { ScramVerifier } from '../../../../src/scram/verifier.ts';

const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');
const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
const binding = Buffer.alloc(32, 7);
const pencil = await makeVerifier('pencil', salt);
const mockVerifier = makeMockVerifier(Buffer.alloc(32, 1), 'nobody');

function sent(step: ServerScramStep | WireFault | Uint8Array | null): string {
  assert.ok(step !== null && !(step instanceof WireFault), step instanceof WireFault ? step.detail : 'null');
  return Buffer.from('data' in step ? step.data : step).toString('latin1');
}

const codeOf = (step: unknown): string => (step instanceof WireFault ? step.code : 'no fault');

// RFC 7677, section 3.
const rfc = {
  clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  nonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
};

const rfcServer = (verifier: ScramVerifier | null = pencil): ServerScram =>
  new ServerScram({ verifier, mockVerifier, nonce: rfc.nonce, channelBinding: null });

test('the exchange of RFC 7677', () => {
  const server = rfcServer();
  assert.deepEqual(server.mechanisms, ['SCRAM-SHA-256']);
  assert.equal(sent(server.begin('SCRAM-SHA-256', ascii(rfc.clientFirst))), rfc.serverFirst);
  const last = server.finish(ascii(rfc.clientFinal));
  assert.equal(sent(last), rfc.serverFinal);
  assert.ok(!(last instanceof WireFault) && last.kind === 'done');
});

test('one changed character anywhere in the last message fails', () => {
  for (let i = 0; i < rfc.clientFinal.length; i++) {
    const server = rfcServer();
    server.begin('SCRAM-SHA-256', ascii(rfc.clientFirst));
    const changed =
      rfc.clientFinal.slice(0, i) + (rfc.clientFinal[i] === 'A' ? 'B' : 'A') + rfc.clientFinal.slice(i + 1);
    assert.ok(server.finish(ascii(changed)) instanceof WireFault, `position ${i}`);
  }
});

test('messages out of order, repeated or malformed', () => {
  assert.equal(codeOf(rfcServer().finish(ascii(rfc.clientFinal))), 'BG_PROTOCOL_VIOLATION');
  const server = rfcServer();
  server.begin('SCRAM-SHA-256', ascii(rfc.clientFirst));
  assert.ok(!(server.finish(ascii(rfc.clientFinal)) instanceof WireFault));
  assert.equal(codeOf(server.finish(ascii(rfc.clientFinal))), 'BG_PROTOCOL_VIOLATION');
  assert.equal(codeOf(server.begin('SCRAM-SHA-256', ascii(rfc.clientFirst))), 'BG_PROTOCOL_VIOLATION');
  const bad = [
    '',
    'n,,',
    'x,,n=user,r=abc',
    'n,,n=user',
    'n,,n=user,r=',
    'n,,m=x,n=user,r=abc',
    'n,a=root,n=user,r=abc',
    'n,,n=user,r=a\0b',
    'n,,n=user,r=\xe9',
    `n,,n=user,r=${'a'.repeat(5000)}`,
  ];
  for (const message of bad) {
    assert.equal(codeOf(rfcServer().begin('SCRAM-SHA-256', ascii(message))), 'BG_PROTOCOL_VIOLATION', message);
  }
  assert.equal(codeOf(rfcServer().begin('SCRAM-SHA-1', ascii(rfc.clientFirst))), 'BG_PROTOCOL_VIOLATION');
});

test('after a fault the exchange is over', () => {
  const server = rfcServer();
  assert.ok(server.begin('SCRAM-SHA-256', ascii('n,,')) instanceof WireFault);
  assert.ok(server.begin('SCRAM-SHA-256', ascii(rfc.clientFirst)) instanceof WireFault);
});

test('an unknown user looks like a wrong password, and the same each time', () => {
  const ask = (verifier: ScramVerifier | null, user: string): [string, string] => {
    const mock = makeMockVerifier(Buffer.alloc(32, 1), user);
    const server = new ServerScram({ verifier, mockVerifier: mock, nonce: 'SERVER', channelBinding: null });
    const first = sent(server.begin('SCRAM-SHA-256', ascii('n,,n=,r=CLIENT')));
    const proof = Buffer.alloc(32, 9).toString('base64');
    const last = server.finish(ascii(`c=biws,r=CLIENTSERVER,p=${proof}`));
    assert.ok(last instanceof WireFault);
    return [first, `${last.code} ${last.detail}`];
  };
  const unknown = ask(null, 'mallory');
  assert.deepEqual(ask(null, 'mallory'), unknown);
  assert.notEqual(ask(null, 'trudy')[0], unknown[0]);
  const wrong = ask(pencil, 'user');
  assert.equal(wrong[1], unknown[1]);
  assert.equal(wrong[0].length, unknown[0].length);
  assert.match(unknown[0], /^r=CLIENTSERVER,s=[A-Za-z0-9+/]{22}==,i=4096$/);
});

async function login(options: {
  password: string;
  verifier: ScramVerifier | null;
  serverBinding?: Uint8Array | null;
  clientBinding?: Uint8Array | null;
  offered?: readonly string[];
}): Promise<string> {
  const { serverBinding = null, clientBinding = null } = options;
  const server = new ServerScram({
    verifier: options.verifier,
    mockVerifier,
    nonce: 'SERVERNONCE',
    channelBinding: serverBinding,
  });
  const client = new ClientScram({
    offered: options.offered ?? server.mechanisms,
    channelBinding: clientBinding,
    nonce: 'CLIENTNONCE',
    saltPassword: saltedPasswordOf(options.password),
  });
  if (client.mechanism === null) return 'no mechanism';
  const first = server.begin(client.mechanism, client.first());
  if (first instanceof WireFault) return first.code;
  const proof = await client.proof(first.data);
  if (proof instanceof WireFault) return proof.code;
  const last = server.finish(proof);
  if (last instanceof WireFault) return last.code;
  return client.verify(last.data)?.code ?? client.mechanism;
}

test('client and server agree, with and without channel binding', async () => {
  const verifier = pencil;
  assert.equal(await login({ password: 'pencil', verifier }), 'SCRAM-SHA-256');
  assert.equal(
    await login({ password: 'pencil', verifier, serverBinding: binding, clientBinding: binding }),
    'SCRAM-SHA-256-PLUS',
  );
  assert.equal(await login({ password: 'pencil', verifier, clientBinding: binding }), 'SCRAM-SHA-256');
  assert.equal(await login({ password: 'pencil', verifier, serverBinding: binding }), 'SCRAM-SHA-256');
  assert.equal(await login({ password: 'Pencil', verifier }), 'BG_AUTH_FAILED');
  assert.equal(await login({ password: 'pencil', verifier: null }), 'BG_AUTH_FAILED');
  assert.equal(await login({ password: 'pencil', verifier, offered: ['OAUTHBEARER'] }), 'no mechanism');
});

test('somebody in between is noticed', async () => {
  const verifier = pencil;
  // Another certificate at the other end of the client's TLS.
  const other = Buffer.alloc(32, 8);
  assert.equal(
    await login({ password: 'pencil', verifier, serverBinding: binding, clientBinding: other }),
    'BG_AUTH_FAILED',
  );
  // PLUS taken out of the offer: the client says "y", the server knows better.
  const offered = ['SCRAM-SHA-256'];
  assert.equal(
    await login({ password: 'pencil', verifier, serverBinding: binding, clientBinding: binding, offered }),
    'BG_AUTH_FAILED',
  );
});

test('channel binding flags that do not fit the mechanism', () => {
  const begin = (mechanism: string, flag: string, channelBinding: Uint8Array | null): string => {
    const server = new ServerScram({ verifier: pencil, mockVerifier, nonce: 'S', channelBinding });
    return codeOf(server.begin(mechanism, ascii(`${flag},,n=,r=C`)));
  };
  assert.equal(begin('SCRAM-SHA-256-PLUS', 'p=tls-server-end-point', binding), 'no fault');
  assert.equal(begin('SCRAM-SHA-256-PLUS', 'p=tls-unique', binding), 'BG_PROTOCOL_VIOLATION');
  assert.equal(begin('SCRAM-SHA-256-PLUS', 'n', binding), 'BG_PROTOCOL_VIOLATION');
  assert.equal(begin('SCRAM-SHA-256-PLUS', 'p=tls-server-end-point', null), 'BG_PROTOCOL_VIOLATION');
  assert.equal(begin('SCRAM-SHA-256', 'p=tls-server-end-point', binding), 'BG_PROTOCOL_VIOLATION');
  assert.equal(begin('SCRAM-SHA-256', 'y', binding), 'BG_AUTH_FAILED');
  assert.equal(begin('SCRAM-SHA-256', 'y', null), 'no fault');
});

test('a target that cheats is refused', async () => {
  const make = (): ClientScram =>
    new ClientScram({
      offered: ['SCRAM-SHA-256'],
      channelBinding: null,
      nonce: 'NONCE',
      saltPassword: saltedPasswordOf('pencil'),
    });
  const bad = [
    'r=OTHERx,s=YWJj,i=4096',
    'r=NONCE,s=YWJj,i=4096', // nothing added
    'r=NONCEx,s=YWJj,i=1',
    'r=NONCEx,s=YWJj,i=4095',
    'r=NONCEx,s=YWJj,i=1000001',
    'r=NONCEx,s=YWJj,i=9999999999',
    'r=NONCEx,s=YWJj,i=-4096',
    'r=NONCEx,s=Y!Jj,i=4096',
    'r=NONCEx,s=YWJj',
    'm=x,r=NONCEx,s=YWJj,i=4096',
    '',
  ];
  for (const message of bad) assert.equal(codeOf(await make().proof(ascii(message))), 'BG_TARGET_AUTH_FAILED', message);
  const client = make();
  assert.equal(codeOf(client.verify(ascii('v=AAAA'))), 'BG_TARGET_AUTH_FAILED');
  assert.ok(!((await client.proof(ascii('r=NONCEx,s=YWJj,i=4096'))) instanceof WireFault));
  const wrong = Buffer.alloc(32).toString('base64');
  for (const message of [`v=${wrong}`, 'v=AAAA', 'e=invalid-proof', 'v=', 'x']) {
    assert.equal(codeOf(client.verify(ascii(message))), 'BG_TARGET_AUTH_FAILED', message);
  }
});
