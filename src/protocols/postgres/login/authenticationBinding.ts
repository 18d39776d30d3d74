/**
 * Channel binding `tls-server-end-point` (RFC 5929, section 4.1): the hash of the server's certificate, taken with the
 * hash function of the certificate's own signature, and SHA-256 where that would be MD5 or SHA-1.
 *
 *     Certificate         = SEQUENCE { tbsCertificate, signatureAlgorithm, signature BIT STRING }
 *     signatureAlgorithm  = SEQUENCE { OBJECT IDENTIFIER, parameters }
 *
 * Only as much DER is read as this takes (X.690; RFC 5280, section 4.1).
 */
import { createHash } from 'node:crypto';

const sequenceTag = 0x30;
const oidTag = 0x06;
const firstContextTag = 0xa0;

/** Object identifiers in hexadecimal DER -> name of the hash in node:crypto. */
const signatureHashes: ReadonlyMap<string, string> = new Map([
  ['2a864886f70d010104', 'sha256'], // md5WithRSAEncryption, raised by RFC 5929
  ['2a864886f70d010105', 'sha256'], // sha1WithRSAEncryption, raised
  ['2a8648ce3d0401', 'sha256'], // ecdsa-with-SHA1, raised
  ['2a864886f70d01010e', 'sha224'], // sha224WithRSAEncryption
  ['2a864886f70d01010b', 'sha256'], // sha256WithRSAEncryption
  ['2a864886f70d01010c', 'sha384'], // sha384WithRSAEncryption
  ['2a864886f70d01010d', 'sha512'], // sha512WithRSAEncryption
  ['2a8648ce3d040301', 'sha224'], // ecdsa-with-SHA224
  ['2a8648ce3d040302', 'sha256'], // ecdsa-with-SHA256
  ['2a8648ce3d040303', 'sha384'], // ecdsa-with-SHA384
  ['2a8648ce3d040304', 'sha512'], // ecdsa-with-SHA512
]);

const rsaPss = '2a864886f70d01010a';
/** Hashes as RSASSA-PSS names them in its parameters (RFC 4055); SHA-1, its default, is raised. */
const pssHashes: ReadonlyMap<string, string> = new Map([
  ['2b0e03021a', 'sha256'], // SHA-1
  ['608648016503040204', 'sha224'],
  ['608648016503040201', 'sha256'],
  ['608648016503040202', 'sha384'],
  ['608648016503040203', 'sha512'],
]);

/** The binding data for a certificate in DER; null where none is defined (Ed25519) or the DER is not a certificate. */
export function serverEndPoint(certificate: Uint8Array): Uint8Array | null {
  const hash = signatureHash(certificate);
  return hash === null ? null : createHash(hash).update(certificate).digest();
}

function signatureHash(der: Uint8Array): string | null {
  const outer = readElement(der, 0, der.length);
  if (outer?.tag !== sequenceTag) return null;
  const signed = readElement(der, outer.start, outer.end);
  if (signed === null) return null;
  const algorithm = readElement(der, signed.end, outer.end);
  if (algorithm?.tag !== sequenceTag) return null;
  const oid = readElement(der, algorithm.start, algorithm.end);
  if (oid?.tag !== oidTag) return null;
  const name = hex(der, oid);
  if (name !== rsaPss) return signatureHashes.get(name) ?? null;
  return pssHash(der, oid.end, algorithm.end);
}

/** RSASSA-PSS-params = SEQUENCE { [0] hashAlgorithm SEQUENCE { OBJECT IDENTIFIER } DEFAULT sha1, ... } */
function pssHash(der: Uint8Array, at: number, end: number): string | null {
  const parameters = readElement(der, at, end);
  if (parameters?.tag !== sequenceTag) return null;
  const tagged = readElement(der, parameters.start, parameters.end);
  if (tagged?.tag !== firstContextTag) return 'sha256';
  const algorithm = readElement(der, tagged.start, tagged.end);
  if (algorithm?.tag !== sequenceTag) return null;
  const oid = readElement(der, algorithm.start, algorithm.end);
  return oid?.tag === oidTag ? (pssHashes.get(hex(der, oid)) ?? null) : null;
}

interface Element {
  readonly tag: number;
  /** Contents stand in [start, end). */
  readonly start: number;
  readonly end: number;
}

function readElement(der: Uint8Array, at: number, end: number): Element | null {
  if (end - at < 2) return null;
  let length = der[at + 1];
  let start = at + 2;
  if (length >= 0x80) {
    const count = length & 0x7f;
    // No certificate needs more than four length bytes; 0x80 alone is the indefinite form, which DER forbids.
    if (count === 0 || count > 4 || end - start < count) return null;
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + der[start + i];
    start += count;
  }
  return length <= end - start ? { tag: der[at], start, end: start + length } : null;
}

function hex(der: Uint8Array, element: Element): string {
  return Buffer.from(der.subarray(element.start, element.end)).toString('hex');
}
