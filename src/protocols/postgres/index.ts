/** PostgreSQL as a protocol of the gate. What sessions share lives here. */
import type { Protocol, Services, Session, SessionEvents, Target, Wire } from '../protocol.ts';
import { CancelRegistry } from './cancel.ts';
import { columnNames } from './catalogNames.ts';
import { CatalogSource } from './catalogSource.ts';
import { DistantFlows } from './distantFlows.ts';
import { defaultParseLimits, loadParser } from './parse.ts';
import { PostgresSession } from './session.ts';
import type { Cancellable, Shared } from './session.ts';
import { openSimpleClient } from './simpleClient.ts';
import { StatementCache } from './statementCache.ts';
import { cancelRequest } from './wireToTarget.ts';

const cancelKeysMax = 100_000;

export class PostgresProtocol implements Protocol {
  readonly name = 'postgres';
  readonly #catalogs = new Map<string, CatalogSource>();
  #shared: Shared | null = null;

  async prepare(): Promise<void> {
    await loadParser();
  }

  accept(client: Wire, services: Services, events: SessionEvents): Session {
    this.#shared ??= this.#share(services);
    return new PostgresSession(client, services, events, this.#shared);
  }

  #share(services: Services): Shared {
    const cancels = new CancelRegistry<Cancellable>((count) => services.random(count), cancelKeysMax);
    return {
      cache: new StatementCache({ limits: { ...defaultParseLimits, textBytesMax: services.limits.statementBytesMax } }),
      cancels,
      distant: new DistantFlows(services),
      mockSecret: services.random(32),
      catalogOf: (own, target) => this.#catalogOf(own, target),
      cancel: (own, processId, secret) => forwardCancel(own, cancels.find(processId, secret)),
    };
  }

  #catalogOf(services: Services, target: Target): CatalogSource {
    const { name } = target.info;
    let source = this.#catalogs.get(name);
    if (source === undefined) {
      const opened: CatalogSource = new CatalogSource({
        connection: name,
        open: () => openSimpleClient(services, target, services.gatePermit),
        log: services.log,
        onRead: () => services.catalogRead(name, () => columnNames(opened.current?.relations ?? new Map())),
        every: (ms, task) => services.every(ms, task),
        probeMs: services.limits.catalogProbeMs,
      });
      source = opened;
      this.#catalogs.set(name, source);
    }
    return source;
  }
}

/** Passes a cancel request on with the target's own key. Whoever has no valid key learns nothing and reaches nothing. */
async function forwardCancel(services: Services, found: Cancellable | null): Promise<void> {
  if (found === null) return;
  services.countersFor(found.target.info.name).cancelRequests++;
  if (found.cancelHeld()) return;
  const wire = await services.dial(found.target, 'postgres');
  if ('code' in wire) return;
  wire.write(cancelRequest(found.key.processId, found.key.secret), null);
  wire.end();
}
