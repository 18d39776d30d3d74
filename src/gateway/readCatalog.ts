/** Reads the catalog of one target as the gate does, without a gate: with its credential, its TLS and its limits. */
import { randomBytes } from 'node:crypto';
import type { Config } from '../config/config.ts';
import { openSecrets } from '../credentials/secrets.ts';
import type { Fault } from '../errors.ts';
import { gatePermit } from '../policy/permit.ts';
import type { CatalogRows } from '../protocols/postgres/catalog/build.ts';
import { readCatalogRows } from '../protocols/postgres/catalog/read.ts';
import { openSimpleClient } from '../protocols/postgres/login/simpleClient.ts';
import type { Target, TlsPreamble } from '../protocols/protocol.ts';
import { dial } from './dial.ts';
import { openTargets } from './targets.ts';

export interface ReadCatalog {
  readonly rows: CatalogRows;
  /** Role that the gate logs in with. */
  readonly role: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** null: the configuration has no such connection. */
export async function readCatalog(
  config: Config,
  connection: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ReadCatalog | Fault | null> {
  const connections = config.connections.filter(({ name }) => name === connection);
  const secrets = openSecrets({ env, now: () => performance.now() });
  const opened = (await openTargets({ ...config, connections }, secrets)).get(connection);
  if (opened === undefined) return null;
  const { target } = opened;
  const services = {
    dial: (_: Target, preamble: TlsPreamble) => dial(opened.dial, preamble, config.limits.dialMs),
    onTargetLogin: () => {},
    random: (count: number) => new Uint8Array(randomBytes(count)),
  };
  const client = await openSimpleClient(services, target, gatePermit());
  if ('code' in client) return client;
  const rows = await readCatalogRows(client);
  client.close();
  if (rows === null) return { code: 'BG_CATALOG_UNAVAILABLE', detail: client.fault ?? 'a catalog query failed' };
  return { rows, role: target.user, labels: target.info.labels };
}
