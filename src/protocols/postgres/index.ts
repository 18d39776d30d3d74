/** PostgreSQL as a protocol of the gate. What sessions share lives here. */
import { reportBug } from '../../errors.ts';
import type { Protocol, ProtocolStatistics, Services, Session, SessionEvents, Target, Wire } from '../protocol.ts';
import { CancelRegistry } from './login/cancel.ts';
import { columnNames } from './catalog/names.ts';
import { CatalogSource } from './catalog/source.ts';
import { DistantFlows } from './masks/distantFlows.ts';
import { defaultParseLimits, loadParser } from './parse/parse.ts';
import { PostgresSession } from './session/session.ts';
import type { Cancellable, Shared } from './session/session.ts';
import { openSimpleClient } from './login/simpleClient.ts';
import { StatementCache } from './parse/statementCache.ts';
import type { KeyData } from './wire/backend.ts';
import { cancelRequest } from './wire/toTarget.ts';

const cancelKeysMax = 100_000;

export class PostgresProtocol implements Protocol {
  readonly name = 'postgres';
  readonly #catalogs = new Map<string, CatalogSource>();
  #shared: Shared | null = null;
  /** Cancel requests of the gate's own that are under way. */
  readonly #cancelling = new Set<Promise<void>>();

  async prepare(): Promise<void> {
    await loadParser();
  }

  accept(client: Wire, services: Services, events: SessionEvents): Session {
    this.#shared ??= this.#share(services);
    return new PostgresSession(client, services, events, this.#shared);
  }

  async settled(): Promise<void> {
    await Promise.all(this.#cancelling);
  }

  statistics(): ProtocolStatistics {
    const cache = this.#shared?.cache;
    if (cache === undefined) return { cacheHits: 0, cacheMisses: 0 };
    return { cacheHits: cache.hits + cache.shapeHits, cacheMisses: cache.misses };
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
      cancelAtTarget: (own, target, key) => this.#cancelAtTarget(own, target, key),
    };
  }

  #cancelAtTarget(services: Services, target: Target, key: KeyData): Promise<void> {
    const cancelling = sendCancel(services, target, key)
      .catch((error: unknown) => {
        services.log.error({ bug: reportBug(error) }, 'a statement could not be cancelled');
      })
      .finally(() => this.#cancelling.delete(cancelling));
    this.#cancelling.add(cancelling);
    return cancelling;
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
  if (found.cancelHeld()) services.countersFor(found.target.info.name).cancelRequests++;
  else await sendCancel(services, found.target, found.key);
}

/**
 * Resolves when the request has been acted upon, or cannot be. A server answers nothing to it and closes when it has (PostgreSQL
 * manual, Canceling Requests in Progress); a pooler drops the request of whoever does not wait for that. How long a wire that
 * was dialled may last bounds the wait.
 */
async function sendCancel(services: Services, target: Target, key: KeyData): Promise<void> {
  services.countersFor(target.info.name).cancelRequests++;
  const wire = await services.dial(target, 'postgres');
  if ('code' in wire) return;
  const { promise: acted, resolve } = Promise.withResolvers<void>();
  wire.setReader({
    buffer: () => new Uint8Array(64),
    onRead: () => wire.end(),
    onDrain: () => {},
    onClose: resolve,
  });
  wire.write(cancelRequest(key.processId, key.secret), null);
  await acted;
}
