/** Static users: who may log in, and what proves it. Passwords are turned into verifiers at start and then dropped. */
import type { UserConfig } from '../config/config.ts';
import { Secret } from '../credentials/secret.ts';
import type { SecretSource } from '../credentials/secret.ts';
import type { Fault } from '../errors.ts';
import type { Identity } from '../facts.ts';
import { makeVerifier, parseVerifier } from '../scram/verifier.ts';
import type { ScramVerifier } from '../scram/verifier.ts';

export interface KnownUser {
  readonly identity: Identity;
  readonly verifier: ScramVerifier;
}

export interface IdentityStore {
  /** Exact, case-sensitive name. null: no such user; the protocol must not let the client see the difference. */
  find(user: string): KnownUser | null;
  readonly size: number;
}

export type IdentityResult = { readonly identities: IdentityStore } | { readonly faults: readonly Fault[] };

/** Resolves and derives all users in parallel; every user that cannot be made ready is a fault. */
export async function openIdentity(users: readonly UserConfig[], secrets: SecretSource): Promise<IdentityResult> {
  const results = await Promise.all(users.map((user) => openUser(user, secrets)));
  const known = new Map<string, KnownUser>();
  const faults: Fault[] = [];
  for (const result of results) {
    if ('code' in result) faults.push(result);
    else known.set(result.identity.user, result);
  }
  if (faults.length > 0) return { faults };
  return { identities: { find: (user) => known.get(user) ?? null, size: known.size } };
}

async function openUser(user: UserConfig, secrets: SecretSource): Promise<KnownUser | Fault> {
  const verifier = await verifierOf(user, secrets);
  if ('code' in verifier) return { code: verifier.code, detail: `user ${user.name}: ${verifier.detail}` };
  const identity: Identity = Object.freeze({ user: user.name, groups: user.groups, method: 'password' });
  return Object.freeze({ identity, verifier });
}

async function verifierOf(user: UserConfig, secrets: SecretSource): Promise<ScramVerifier | Fault> {
  if (user.password.kind === 'scram') {
    const detail = 'the SCRAM verifier is malformed, or its iterations are not within 4096 and 10 million';
    return parseVerifier(user.password.verifier) ?? { code: 'BG_SECRET_UNAVAILABLE', detail };
  }
  const secret = await secrets.resolve(user.password.ref);
  return secret instanceof Secret ? await makeVerifier(secret.reveal()) : secret;
}
