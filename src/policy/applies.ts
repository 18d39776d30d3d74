/** Whether a policy, or one rule of it, concerns this identity on this connection. Decided once per session. */
import type { ConnectionInfo, Identity } from '../facts.ts';
import { matchGlob } from './pattern.ts';
import type { AppliesTo } from './types.ts';

/**
 * The key of `applies_to` that does not hold, for explanations; null if all hold.
 *
 * Names are compared with regard to case: identity providers and configurations treat `DBA` and `dba` as two.
 */
export function failingKey(appliesTo: AppliesTo, identity: Identity, connection: ConnectionInfo): string | null {
  const place = failingPlace(appliesTo, connection);
  if (place !== null) return place;
  if (appliesTo.users !== null && !anyMatches(appliesTo.users, identity.user)) return 'users';
  if (appliesTo.notUsers !== null && anyMatches(appliesTo.notUsers, identity.user)) return 'not_users';
  const { groups, notGroups } = appliesTo;
  if (groups !== null && !identity.groups.some((group) => anyMatches(groups, group))) return 'groups';
  if (notGroups !== null && identity.groups.some((group) => anyMatches(notGroups, group))) return 'not_groups';
  return null;
}

/** The same of the keys about the connection alone. */
export function failingPlace(appliesTo: AppliesTo, connection: Pick<ConnectionInfo, 'name' | 'labels'>): string | null {
  if (appliesTo.connections !== null && !anyMatches(appliesTo.connections, connection.name)) return 'connections';
  for (const [label, pattern] of Object.entries(appliesTo.labels ?? {})) {
    const held = Object.hasOwn(connection.labels, label) && matchGlob(pattern, connection.labels[label]);
    if (!held) return `labels.${label}`;
  }
  return null;
}

function anyMatches(patterns: readonly string[], name: string): boolean {
  for (const pattern of patterns) if (matchGlob(pattern, name)) return true;
  return false;
}
