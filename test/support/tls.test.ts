import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { certificateDigest, makeCertificates } from './tls.ts';

for (const keyType of ['ecdsa', 'rsa'] as const) {
  test(`an ${keyType} certificate is verified by its authority and no other`, async () => {
    const { ca, cert, key } = makeCertificates({ keyType, names: ['db.test', '127.0.0.1'], hash: 'sha384' });
    const server = createServer({ cert, key }, (socket) => socket.end()).listen(0, '127.0.0.1');
    server.on('tlsClientError', () => {});
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = connect({ port, host: '127.0.0.1', ca, servername: 'db.test' });
    await once(client, 'secureConnect');
    assert.equal(client.authorized, true);
    assert.deepEqual(
      certificateDigest(cert, 'sha256').toString('hex'),
      client.getPeerCertificate().fingerprint256.replaceAll(':', '').toLowerCase(),
    );
    client.destroy();
    const refusing = connect({ port, host: '127.0.0.1', ca: makeCertificates().ca, servername: 'db.test' });
    await assert.rejects(once(refusing, 'secureConnect'));
    server.close();
  });
}

test('names, addresses and validity are in the certificate', () => {
  const notAfter = new Date('2020-01-02T03:04:05Z');
  const { cert, ca } = makeCertificates({ names: ['a.test', 'b.test', '10.1.2.3'], notAfter });
  const parsed = new X509Certificate(cert);
  assert.equal(parsed.subjectAltName, 'DNS:a.test, DNS:b.test, IP Address:10.1.2.3');
  assert.equal(new Date(parsed.validTo).getTime(), notAfter.getTime());
  assert.equal(parsed.verify(new X509Certificate(ca).publicKey), true);
  assert.equal(new X509Certificate(ca).ca, true);
  assert.equal(parsed.ca, false);
});
