/** The key of the `hash` mask: equal values must stay equal across sessions, restarts and, where shared, gates. */
import { createHash, randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { SecretRef } from '../config/config.ts';
import { errnoOf } from '../errors.ts';
import type { Fault } from '../errors.ts';
import { Secret } from './secret.ts';
import type { SecretSource } from './secret.ts';

const keyBytes = 32;

/**
 * 32 bytes: derived from the configured secret, or else kept in `<data>/hash.key` (0600), made there on first use.
 * Several gates that start at once on one directory end up with the same key.
 */
export async function openHashKey(
  ref: SecretRef | null,
  dataDirectory: string,
  secrets: SecretSource,
): Promise<Uint8Array | Fault> {
  if (ref !== null) {
    const secret = await secrets.resolve(ref);
    return secret instanceof Secret ? createHash('sha256').update(secret.reveal()).digest() : secret;
  }
  const path = join(dataDirectory, 'hash.key');
  try {
    const bytes = await readOrMake(path, dataDirectory);
    if (bytes.length === keyBytes) return bytes;
    return {
      code: 'BG_SECRET_UNAVAILABLE',
      detail: `file ${path} does not hold ${keyBytes} bytes; restore or remove it`,
    };
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    return { code: 'BG_SECRET_UNAVAILABLE', detail: `file ${path} cannot be read or made (${reason})` };
  }
}

async function readOrMake(path: string, directory: string): Promise<Uint8Array> {
  const existing = await readIfThere(path);
  if (existing !== null) return existing;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(draft, randomBytes(keyBytes), { mode: 0o600, flag: 'wx', flush: true });
    // Unlike a rename, a link does not replace a key that another gate has made in the meantime.
    await link(draft, path).catch((cause: unknown) => {
      if (errnoOf(cause) !== 'EEXIST') throw cause;
    });
  } finally {
    await rm(draft, { force: true });
  }
  return await readFile(path);
}

async function readIfThere(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return null;
    throw cause;
  }
}
