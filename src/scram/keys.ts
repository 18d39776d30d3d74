/**
 * The keys of SCRAM-SHA-256: RFC 5802 section 3, RFC 7677.
 *
 *     SaltedPassword  = PBKDF2(SASLprep(password), salt, iterations)
 *     ClientKey       = HMAC(SaltedPassword, "Client Key")
 *     StoredKey       = H(ClientKey)
 *     ServerKey       = HMAC(SaltedPassword, "Server Key")
 */
import { createHash, createHmac, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { preparePassword } from './saslprep.ts';

/** Of every key and every hash here. */
export const keyBytes = 32;
/** Least of RFC 7677 section 4, and what PostgreSQL takes unless told otherwise (`scram_iterations`). */
export const iterationsMin = 4096;

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

/** `data` is ASCII, as every message of SCRAM that is signed here. */
export function hmacSha256(key: Uint8Array, data: string): Buffer {
  return createHmac('sha256', key).update(data, 'latin1').digest();
}

/** Strict base64: Node's own decoder skips what it does not know, so two texts could mean one value. */
export function decodeBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}
