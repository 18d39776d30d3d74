/**
 * Certificates for tests, made on the spot: an authority and server certificates signed by it. Written as DER by hand
 * (RFC 5280, ITU-T X.690), because Node can read certificates but not make them, and no tool needs to be installed.
 */
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { isIP } from 'node:net';

export interface CertificatePair {
  /** PEM. */
  readonly cert: string;
  /** PEM, PKCS #8, unencrypted. */
  readonly key: string;
}

export interface TestCertificates extends CertificatePair {
  /** PEM of the authority that signed `cert`. */
  readonly ca: string;
}

export interface CertificateOptions {
  /** DNS names and IPv4 addresses; the first is the common name. Default `localhost` and 127.0.0.1. */
  readonly names?: readonly string[];
  /** Default `ecdsa`; `rsa` for peers that need it. */
  readonly keyType?: 'ecdsa' | 'rsa';
  /** Hash of the signature: it decides the hash of tls-server-end-point channel binding (RFC 5929, section 4.1). */
  readonly hash?: 'sha256' | 'sha384' | 'sha512';
  /** End of validity; in the past for an expired certificate. Default one day from now. */
  readonly notAfter?: Date;
}

/** A server certificate and the authority that signed it. */
export function makeCertificates(options: CertificateOptions = {}): TestCertificates {
  const { names = ['localhost', '127.0.0.1'], keyType = 'ecdsa', hash = 'sha256' } = options;
  const authority = makeKeys('ecdsa');
  const server = makeKeys(keyType);
  const authorityName = 'blastgate test authority';
  const notAfter = options.notAfter ?? new Date(Date.now() + 86_400_000);
  const serverDer = certificate(names[0], authorityName, server.publicKey, authority.privateKey, hash, notAfter, [
    extension(subjectAltNameId, false, sequence(...names.map(generalName))),
    extension(basicConstraintsId, true, sequence()),
  ]);
  const caEnd = new Date(Math.max(notAfter.getTime(), Date.now() + 86_400_000));
  const caDer = certificate(authorityName, authorityName, authority.publicKey, authority.privateKey, hash, caEnd, [
    extension(basicConstraintsId, true, sequence(tagged(0x01, Uint8Array.of(0xff)))),
    // keyCertSign is bit 5; two unused bits follow it.
    extension(keyUsageId, true, tagged(0x03, Uint8Array.of(2, 0x04))),
  ]);
  return { cert: pem(serverDer), key: privatePem(server.privateKey), ca: pem(caDer) };
}

/** Digest of a PEM certificate's DER, as channel binding uses it. */
export function certificateDigest(cert: string, hash: string): Buffer {
  const base64 = cert.replaceAll(/-----[^-]+-----|\s/g, '');
  return createHash(hash).update(Buffer.from(base64, 'base64')).digest();
}

// Object identifiers as DER content octets.
const commonNameId = oid('550403');
const basicConstraintsId = oid('551d13');
const keyUsageId = oid('551d0f');
const subjectAltNameId = oid('551d11');
/** ecdsa-with-SHA256, -SHA384, -SHA512 (RFC 5758, section 3.2). */
const ecdsaIds = { sha256: oid('2a8648ce3d040302'), sha384: oid('2a8648ce3d040303'), sha512: oid('2a8648ce3d040304') };

function makeKeys(type: 'ecdsa' | 'rsa'): { publicKey: KeyObject; privateKey: KeyObject } {
  if (type === 'rsa') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue } (RFC 5280, section 4.1). */
function certificate(
  subject: string,
  issuer: string,
  subjectKey: KeyObject,
  issuerKey: KeyObject,
  hash: keyof typeof ecdsaIds,
  notAfter: Date,
  extensions: readonly Uint8Array[],
): Uint8Array {
  const algorithm = sequence(ecdsaIds[hash]);
  const serial = randomBytes(16);
  // A positive integer without a leading zero octet.
  serial[0] = (serial[0] & 0x7f) | 0x40;
  const notBefore = new Date(Math.min(Date.now(), notAfter.getTime()) - 86_400_000);
  const toBeSigned = sequence(
    tagged(0xa0, tagged(0x02, Uint8Array.of(2))),
    tagged(0x02, serial),
    algorithm,
    name(issuer),
    sequence(time(notBefore), time(notAfter)),
    name(subject),
    subjectKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensions)),
  );
  const signature = sign(hash, toBeSigned, issuerKey);
  return sequence(toBeSigned, algorithm, tagged(0x03, Buffer.concat([Uint8Array.of(0), signature])));
}

function name(common: string): Uint8Array {
  return sequence(tagged(0x31, sequence(commonNameId, tagged(0x0c, Buffer.from(common, 'utf8')))));
}

function generalName(text: string): Uint8Array {
  if (isIP(text) === 4) return tagged(0x87, Uint8Array.from(text.split('.'), Number));
  return tagged(0x82, Buffer.from(text, 'ascii'));
}

function extension(id: Uint8Array, critical: boolean, value: Uint8Array): Uint8Array {
  const flag = critical ? [tagged(0x01, Uint8Array.of(0xff))] : [];
  return sequence(id, ...flag, tagged(0x04, value));
}

/** UTCTime up to 2049, GeneralizedTime after (RFC 5280, section 4.1.2.5). */
function time(at: Date): Uint8Array {
  const text = at
    .toISOString()
    .replaceAll(/[-:T]/g, '')
    .replace(/\.\d+Z$/, 'Z');
  return at.getUTCFullYear() < 2050 ? tagged(0x17, Buffer.from(text.slice(2))) : tagged(0x18, Buffer.from(text));
}

function oid(hex: string): Uint8Array {
  return tagged(0x06, Buffer.from(hex, 'hex'));
}

function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return tagged(0x30, Buffer.concat(parts));
}

/** Tag, definite length, content (X.690, section 8.1). */
function tagged(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Uint8Array.of(tag, ...size), content]);
}

function pem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function privatePem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
