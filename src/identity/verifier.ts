/**
 * SCRAM-SHA-256 verifiers (RFC 5802, RFC 7677) in the text form of PostgreSQL's pg_authid.rolpassword:
 * `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, the last three in base64. Whoever reads a verifier
 * cannot log in with it; only the password itself gives ClientKey.
 */
import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

import { saslprep } from './saslprep.ts';

export interface Verifier {
  readonly iterations: number;
  readonly salt: Uint8Array;
  /** SHA-256 of ClientKey, 32 bytes. */
  readonly storedKey: Uint8Array;
  /** 32 bytes. */
  readonly serverKey: Uint8Array;
}

const keyBytes = 32;
/** RFC 7677 section 4: at least 4096. */
const iterationsMin = 4096;
/** The client has to do this work at each login; beyond that a verifier is a mistake. */
const iterationsMax = 10_000_000;
const saltBytesMax = 1024;

const deriveKey = promisify(pbkdf2);

/** Derives a verifier off the main thread; a fresh salt of 16 bytes unless one is given. */
export async function makeVerifier(
  password: string,
  salt: Uint8Array = randomBytes(16),
  iterations: number = iterationsMin,
): Promise<Verifier> {
  const salted = await deriveKey(Buffer.from(saslprep(password), 'utf8'), salt, iterations, keyBytes, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest();
  const serverKey = createHmac('sha256', salted).update('Server Key').digest();
  salted.fill(0);
  clientKey.fill(0);
  return { iterations, salt, storedKey, serverKey };
}

/** null: not a verifier, or one whose iterations are out of bounds (4096 to 10 million). */
export function parseVerifier(text: string): Verifier | null {
  const match = /^SCRAM-SHA-256\$(\d{1,9}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)$/.exec(text);
  if (match === null) return null;
  const [, count, saltText, storedText, serverText] = match;
  const iterations = Number(count);
  const salt = base64(saltText);
  const storedKey = base64(storedText);
  const serverKey = base64(serverText);
  if (iterations < iterationsMin || iterations > iterationsMax) return null;
  if (salt === null || salt.length === 0 || salt.length > saltBytesMax) return null;
  if (storedKey?.length !== keyBytes || serverKey?.length !== keyBytes) return null;
  return { iterations, salt, storedKey, serverKey };
}

export function formatVerifier(verifier: Verifier): string {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  const { iterations, salt, storedKey, serverKey } = verifier;
  return `SCRAM-SHA-256$${iterations}:${text(salt)}$${text(storedKey)}:${text(serverKey)}`;
}

/** Node's decoder skips what it does not understand; a verifier must be exact. */
function base64(text: string): Uint8Array | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}
