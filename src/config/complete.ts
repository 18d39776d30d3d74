/** From the validated file to the configuration that the gate uses. Pure; relative paths start at the file. */
import { dirname, resolve } from 'node:path';

import type { Config, ConnectionConfig, LimitsConfig, SecretRef, UserProof } from './config.ts';
import type { ConfigFile, SecretFile } from './schema.ts';

/** Complete and deeply frozen. */
export function completeConfig(given: ConfigFile, file: string): Config {
  const directory = dirname(resolve(file));
  const inDirectory = (path: string): string => resolve(directory, path);
  const { postgres, control } = given.listen;
  const tls = postgres.tls;
  const { masking, audit } = given;
  return deepFreeze({
    file: resolve(file),
    listen: {
      postgres: {
        host: postgres.host,
        port: postgres.port,
        tls: tls ? { cert: inDirectory(tls.cert), key: inDirectory(tls.key), required: tls.required } : null,
      },
      control: control ? { host: control.host, port: control.port } : null,
    },
    workers: given.workers,
    data: inDirectory(given.data),
    policies: inDirectory(given.policies),
    identity: {
      users: given.identity.users.map(({ name, groups, password }) => ({
        name,
        groups: [...new Set(groups)],
        password: proof(password, inDirectory),
      })),
    },
    connections: given.connections.map((connection) => completeConnection(connection, inDirectory)),
    limits: completeLimits(given.limits),
    masking: {
      inlineBytes: masking.inline_bytes,
      slotBytes: masking.slot_bytes,
      slabBytes: masking.slab_bytes,
      hashKey: masking.hash_key ? secretRef(masking.hash_key, inDirectory) : null,
      catalogProbeMs: masking.catalog_probe_ms,
    },
    audit: { durability: audit.durability, fileBytes: audit.file_bytes, textBytes: audit.text_bytes },
    log: { level: given.log.level },
  });
}

function completeConnection(
  given: ConfigFile['connections'][number],
  inDirectory: (path: string) => string,
): ConnectionConfig {
  const { name, protocol, target, credential, labels } = given;
  return {
    name,
    protocol,
    target: {
      host: target.host,
      port: target.port,
      database: target.database ?? name,
      tls: target.tls,
      ca: target.ca === undefined ? null : inDirectory(target.ca),
      serverName: target.server_name ?? target.host,
    },
    credential: {
      user: credential.user,
      password: credential.password ? secretRef(credential.password, inDirectory) : null,
    },
    labels: { ...labels },
  };
}

function completeLimits(given: ConfigFile['limits']): LimitsConfig {
  return {
    connections: given.connections,
    connectionsPerUser: given.connections_per_user ?? given.connections,
    unauthenticated: given.unauthenticated,
    authenticationMs: given.authentication_ms,
    startupBytes: given.startup_bytes,
    messageBytes: given.message_bytes,
    statementBytes: given.statement_bytes,
    statementInlineBytes: given.statement_inline_bytes,
    analysisMs: given.analysis_ms,
    dialMs: given.dial_ms,
    idleMs: given.idle_ms ?? null,
    slowClientMs: given.slow_client_ms,
    drainMs: given.drain_ms,
  };
}

function proof(given: SecretFile | { scram: string }, inDirectory: (path: string) => string): UserProof {
  if ('scram' in given) return { kind: 'scram', verifier: given.scram };
  return { kind: 'secret', ref: secretRef(given, inDirectory) };
}

function secretRef(given: SecretFile, inDirectory: (path: string) => string): SecretRef {
  if ('env' in given) return { kind: 'env', name: given.env };
  if ('file' in given) return { kind: 'file', path: inDirectory(given.file) };
  return {
    kind: 'exec',
    argv: given.exec,
    passEnv: given.pass_env,
    timeoutMs: given.timeout_ms,
    ttlMs: given.ttl_ms,
  };
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
  return value;
}
