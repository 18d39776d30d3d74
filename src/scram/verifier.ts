/**
 * SCRAM-SHA-256 verifiers in the text form of PostgreSQL's pg_authid.rolpassword:
 * `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, the last three in base64. Whoever steals one can neither
 * log in nor read the password: only the password itself gives ClientKey.
 */
import { randomBytes } from 'node:crypto';
import { clientKeyOf, decodeBase64, iterationsMin, keyBytes, saltPassword, serverKeyOf, sha256 } from './keys.ts';

export interface ScramVerifier {
  readonly iterations: number;
  readonly salt: Uint8Array;
  /** SHA-256 of ClientKey, 32 bytes. */
  readonly storedKey: Uint8Array;
  /** 32 bytes. */
  readonly serverKey: Uint8Array;
}

/** The client has to do this work at each login; beyond that a verifier is a mistake. */
const iterationsMax = 10_000_000;
const saltBytesMax = 1024;

const pattern = /^SCRAM-SHA-256\$([1-9][0-9]{0,7}):([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]{43}=):([A-Za-z0-9+/]{43}=)$/;

/** Derives a verifier off the main thread; a fresh salt of 16 bytes unless one is given. */
export async function makeVerifier(
  password: string,
  salt: Uint8Array = randomBytes(16),
  iterations: number = iterationsMin,
): Promise<ScramVerifier> {
  const salted = await saltPassword(password, salt, iterations);
  const clientKey = clientKeyOf(salted);
  const verifier = { iterations, salt, storedKey: sha256(clientKey), serverKey: serverKeyOf(salted) };
  // Both would let their reader log in.
  salted.fill(0);
  clientKey.fill(0);
  return verifier;
}

/** null: not a verifier, or one whose iterations are out of bounds (4096 to 10 million). */
export function parseVerifier(text: string): ScramVerifier | null {
  const parts = pattern.exec(text);
  if (parts === null) return null;
  const iterations = Number(parts[1]);
  const salt = decodeBase64(parts[2]);
  const storedKey = decodeBase64(parts[3]);
  const serverKey = decodeBase64(parts[4]);
  if (salt === null || storedKey === null || serverKey === null) return null;
  if (iterations < iterationsMin || iterations > iterationsMax || salt.length > saltBytesMax) return null;
  if (storedKey.length !== keyBytes || serverKey.length !== keyBytes) return null;
  return { iterations, salt, storedKey, serverKey };
}

export function formatVerifier(verifier: ScramVerifier): string {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  const { iterations, salt, storedKey, serverKey } = verifier;
  return `SCRAM-SHA-256$${iterations}:${text(salt)}$${text(storedKey)}:${text(serverKey)}`;
}
