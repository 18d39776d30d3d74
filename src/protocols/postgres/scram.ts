/**
 * SCRAM-SHA-256: keys, verifiers and what both sides share. RFC 5802 (the exchange), RFC 7677 (SHA-256), RFC 5929
 * (`tls-server-end-point`), PostgreSQL manual, "SASL Authentication".
 *
 *     SaltedPassword  = PBKDF2(SASLprep(password), salt, iterations)
 *     StoredKey       = H(HMAC(SaltedPassword, "Client Key"))
 *     ServerKey       = HMAC(SaltedPassword, "Server Key")
 *     AuthMessage     = client-first-bare "," server-first "," client-final-without-proof
 *
 * A verifier holds StoredKey and ServerKey: who steals it can neither log in nor read the password.
 */
import { createHash, createHmac, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { preparePassword } from './scramSaslprep.ts';

export const scramSha256 = 'SCRAM-SHA-256';
export const scramSha256Plus = 'SCRAM-SHA-256-PLUS';
export type ScramMechanism = typeof scramSha256 | typeof scramSha256Plus;

/** The only channel binding that the server knows. */
export const channelBindingName = 'tls-server-end-point';
/** Default of the server (`scram_iterations`) and least of RFC 7677. */
export const iterationsDefault = 4096;
const keyBytes = 32;
const saltBytesMax = 1024;
const iterationsMax = 10_000_000;
/** Nonces are of printable ASCII without comma (RFC 5802, section 7). */
export const noncePattern = /^[\x21-\x2b\x2d-\x7e]+$/;

export interface ScramVerifier {
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

const verifierPattern =
  /^SCRAM-SHA-256\$([1-9][0-9]{0,7}):([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]{43}=):([A-Za-z0-9+/]{43}=)$/;

/** Parses `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey` as PostgreSQL stores it; null if it is not that. */
export function parseVerifier(text: string): ScramVerifier | null {
  const parts = verifierPattern.exec(text);
  if (parts === null) return null;
  const iterations = Number(parts[1]);
  const salt = decodeBase64(parts[2]);
  const storedKey = decodeBase64(parts[3]);
  const serverKey = decodeBase64(parts[4]);
  if (salt === null || storedKey === null || serverKey === null) return null;
  if (iterations > iterationsMax || salt.length > saltBytesMax) return null;
  if (storedKey.length !== keyBytes || serverKey.length !== keyBytes) return null;
  return { iterations, salt, storedKey, serverKey };
}

/** The verifier of a password in PostgreSQL's form. Works off the main thread. */
export async function makeVerifier(
  password: string,
  salt: Uint8Array,
  iterations: number = iterationsDefault,
): Promise<string> {
  const salted = await saltPassword(password, salt, iterations);
  const storedKey = sha256(clientKeyOf(salted)).toString('base64');
  const serverKey = serverKeyOf(salted).toString('base64');
  return `SCRAM-SHA-256$${iterations}:${Buffer.from(salt).toString('base64')}$${storedKey}:${serverKey}`;
}

const deriveKey = promisify(pbkdf2);

/** SaltedPassword, 32 bytes: the expensive step, run in the thread pool. */
export function saltPassword(password: string, salt: Uint8Array, iterations: number): Promise<Buffer> {
  return deriveKey(preparePassword(password), salt, iterations, keyBytes, 'sha256');
}

export function clientKeyOf(saltedPassword: Uint8Array): Buffer {
  return hmacSha256(saltedPassword, 'Client Key');
}

export function serverKeyOf(saltedPassword: Uint8Array): Buffer {
  return hmacSha256(saltedPassword, 'Server Key');
}

export function sha256(data: Uint8Array): Buffer {
  return createHash('sha256').update(data).digest();
}

export function hmacSha256(key: Uint8Array, data: string): Buffer {
  return createHmac('sha256', key).update(data, 'latin1').digest();
}

/** Of two arrays of equal length. */
export function xorBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  const result = new Uint8Array(a.length);
  for (let i = 0; i < a.length; i++) result[i] = a[i] ^ b[i];
  return result;
}

/** Strict base64: Node's own decoder skips what it does not know, so two texts could mean one value. */
export function decodeBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}
