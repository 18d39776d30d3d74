/** The targets of the configuration, and what the gate holds to log in there. */
import { readFile } from 'node:fs/promises';
import type { Config } from '../config/config.ts';
import { Secret } from '../credentials/secret.ts';
import type { Secrets } from '../credentials/secrets.ts';
import { reportBug } from '../errors.ts';
import type { Target } from '../protocols/protocol.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { DialTarget } from './dial.ts';

export interface OpenTarget {
  readonly target: Target;
  readonly dial: DialTarget;
}

/** Targets as configured. Secrets are looked up when they are needed. */
export async function openTargets(config: Config, secrets: Secrets): Promise<ReadonlyMap<string, OpenTarget>> {
  const targets = new Map<string, OpenTarget>();
  for (const { name, protocol, target, credential, labels } of config.connections) {
    const ca = target.ca === null ? null : await readFile(target.ca, 'utf8');
    targets.set(name, {
      dial: { host: target.host, port: target.port, tls: target.tls, ca, serverName: target.serverName },
      target: {
        info: { name, protocol, labels },
        database: target.database,
        user: credential.user,
        password: async () => {
          if (credential.password === null) return '';
          const secret = await secrets.resolve(credential.password);
          return secret instanceof Secret ? secret.reveal() : secret;
        },
      },
    });
  }
  return targets;
}

/**
 * A secret that can never be read should not be found out by the first client. It is no reason to stand still: the other
 * connections work, and a program may give the secret later.
 */
export function trySecrets(targets: ReadonlyMap<string, OpenTarget>, metrics: Metrics, log: Log): void {
  for (const [connection, { target }] of targets) {
    const tried = target.password().then((secret) => {
      if (typeof secret === 'string') return;
      metrics.connection(connection).targetUp = 0;
      log.warn({ connection, code: secret.code, detail: secret.detail }, 'a connection cannot work: no credential');
    });
    tried.catch((error: unknown) => log.error({ connection, bug: reportBug(error) }, 'a secret failed by a bug'));
  }
}
