/**
 * What both sides of the SCRAM-SHA-256 exchange share. RFC 5802 (the exchange), RFC 7677 (SHA-256), RFC 5929
 * (`tls-server-end-point`), PostgreSQL manual, "SASL Authentication". Keys and verifiers are in src/scram.
 *
 *     AuthMessage     = client-first-bare "," server-first "," client-final-without-proof
 *     ClientProof     = ClientKey XOR HMAC(StoredKey, AuthMessage)
 *     ServerSignature = HMAC(ServerKey, AuthMessage)
 */
export const scramSha256 = 'SCRAM-SHA-256';
export const scramSha256Plus = 'SCRAM-SHA-256-PLUS';
export type ScramMechanism = typeof scramSha256 | typeof scramSha256Plus;

/** The only channel binding that the server knows. */
export const channelBindingName = 'tls-server-end-point';
/** Nonces are of printable ASCII without comma (RFC 5802, section 7). */
export const noncePattern = /^[\x21-\x2b\x2d-\x7e]+$/;

/** Of two arrays of equal length. */
export function xorBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  const result = new Uint8Array(a.length);
  for (let i = 0; i < a.length; i++) result[i] = a[i] ^ b[i];
  return result;
}
