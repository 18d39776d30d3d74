/**
 * Accepts clients for one protocol, within limits: a silent or slow client costs a socket and a timer, never somebody
 * else's place.
 */
import net from 'node:net';
import tls from 'node:tls';
import { errnoOf, reportBug } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import type { Identity } from '../facts.ts';
import type { Protocol, Services, Session } from '../protocols/protocol.ts';
import type { ConnectionCounters, GateCounters } from '../telemetry/counters.ts';
import { PaceKeeper } from './pace.ts';
import type { PaceLimits } from './pace.ts';
import { acceptWire, leafCertificate } from './wire.ts';
import type { ServerTls, SocketWire } from './wire.ts';

export interface ListenerOptions {
  readonly protocol: Protocol;
  readonly services: Services;
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly connectionsMax: number;
  readonly perUserMax: number;
  readonly unauthenticatedMax: number;
  readonly authenticationMs: number;
  readonly pace: PaceLimits;
  readonly counters: GateCounters;
  connectionCounters(name: string): ConnectionCounters;
}

/** How long a client may take to read what was written before its socket is closed. */
const lingerMs = 5000;

interface Client {
  readonly wire: SocketWire;
  readonly pace: PaceKeeper;
  session: Session | null;
  identity: Identity | null;
  counters: ConnectionCounters | null;
  timer: NodeJS.Timeout | null;
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: net.Server;
  readonly #clients = new Set<Client>();
  /** In the order of their arrival: the oldest goes when there are too many. */
  readonly #unauthenticated = new Set<Client>();
  readonly #perUser = new Map<string, number>();
  readonly #tls: ServerTls | null;
  #onEmpty: (() => void) | null = null;
  #draining = false;
  /** Limits of which was said that they are reached. */
  readonly #full = new Set<string>();

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#tls = options.tls === null ? null : serverTls(options.tls);
    this.#server = net.createServer({ pauseOnConnect: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  /** Resolves with the address that is listened on; rejects where that is not possible. */
  listen(): Promise<{ host: string; port: number }> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: 4096 }, () => {
        this.#server.off('error', reject);
        // Without a free file descriptor accepting fails; that is logged and passes.
        this.#server.on('error', (cause) => {
          this.#options.services.log.error({ detail: errnoOf(cause) ?? 'unknown error' }, 'accepting failed');
        });
        const address = this.#server.address();
        resolve({ host, port: typeof address === 'object' && address !== null ? address.port : port });
      });
    });
  }

  get open(): number {
    return this.#clients.size;
  }

  /** Stops accepting and lets sessions finish what is under way; resolves when all are gone or `limitMs` has passed. */
  async drain(limitMs: number): Promise<void> {
    this.#draining = true;
    this.#server.close();
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    for (const client of this.#clients) this.#call(client, (session) => session.drain());
    if (this.#clients.size === 0) return;
    const timer = setTimeout(() => this.#abortAll(), limitMs);
    await empty;
    clearTimeout(timer);
  }

  /** Closes sessions that have been idle, and clients that have read nothing, for too long. Call about once a second. */
  look(nowMs: number): void {
    const { pace: limits, counters } = this.#options;
    if (this.#clients.size < this.#options.connectionsMax) this.#full.delete('connections');
    if (this.#unauthenticated.size < this.#options.unauthenticatedMax) this.#full.delete('unauthenticated');
    for (const client of this.#clients) {
      const { wire, session } = client;
      // What an unauthenticated client may do is limited by its own timer.
      if (session === null || client.identity === null) continue;
      let busy = false;
      this.#call(client, () => {
        busy = session.busy;
      });
      const pace = client.pace.judge(wire, busy, limits, nowMs);
      if (pace === 'idle') {
        counters.idleTimeouts++;
        this.#close(client, 'BG_IDLE_TIMEOUT');
      } else if (pace === 'slow') {
        counters.slowClients++;
        this.#close(client, 'BG_SLOW_CLIENT');
        // Nobody reads a farewell, and what is queued holds slots that others wait for.
        wire.destroy();
      }
    }
  }

  #close(client: Client, code: ErrorCode): void {
    const { services } = this.#options;
    services.log.info({ code, peer: client.wire.peer, user: client.identity?.user }, 'session closed');
    this.#abort(client, code);
  }

  #abort(client: Client, code: ErrorCode): void {
    this.#call(client, (session) => session.abort(code));
  }

  /** The way into a session from timers and from others: what throws in there ends that session and no other. */
  #call(client: Client, call: (session: Session) => void): void {
    if (client.session === null) return;
    try {
      call(client.session);
    } catch (error) {
      this.#crash(client, error);
    }
  }

  #crash(client: Client, error: unknown): void {
    try {
      if (client.session !== null) return client.session.crash(error);
    } catch (again) {
      this.#options.services.log.error({ bug: reportBug(again) }, 'a session could not be ended in order');
    }
    this.#options.services.log.error({ bug: reportBug(error), peer: client.wire.peer }, 'a session ended by a bug');
    client.wire.destroy();
    this.#ended(client, 'BG_INTERNAL');
  }

  #abortAll(): void {
    for (const client of this.#clients) this.#abort(client, 'BG_SHUTTING_DOWN');
    const last = setTimeout(() => {
      for (const client of this.#clients) client.wire.destroy();
      this.#onEmpty?.();
    }, lingerMs);
    last.unref();
  }

  #accept(socket: net.Socket): void {
    const { counters, services, connectionsMax, unauthenticatedMax, authenticationMs, protocol } = this.#options;
    counters.sockets++;
    if (this.#draining || this.#clients.size >= connectionsMax) {
      counters.socketsRefused++;
      if (!this.#draining) this.#limitReached('connections');
      socket.destroy();
      return;
    }
    if (this.#unauthenticated.size >= unauthenticatedMax) this.#dropOldest();
    const wire = acceptWire(socket, this.#tls);
    if (wire === null) {
      socket.destroy();
      return;
    }
    const pace = new PaceKeeper(performance.now());
    const client: Client = { wire, pace, session: null, identity: null, counters: null, timer: null };
    this.#clients.add(client);
    this.#unauthenticated.add(client);
    counters.socketsOpen = this.#clients.size;
    counters.unauthenticatedOpen = this.#unauthenticated.size;
    client.timer = setTimeout(() => {
      counters.authenticationTimeouts++;
      this.#abort(client, 'BG_AUTH_TIMEOUT');
    }, authenticationMs);
    wire.onBug = (error) => this.#crash(client, error);
    try {
      client.session = protocol.accept(wire, services, {
        onAuthenticated: (identity, connection) => this.#authenticated(client, identity, connection.name),
        onEnd: (reason) => this.#ended(client, reason),
      });
    } catch (error) {
      this.#crash(client, error);
    }
  }

  #count(reason: string): void {
    const counter = Object.hasOwn(countedEnds, reason) ? countedEnds[reason] : null;
    if (counter !== null) this.#options.counters[counter]++;
  }

  /** Said once until {@link look} finds room again: a flood of clients must not become a flood of lines. */
  #limitReached(key: 'connections' | 'unauthenticated'): void {
    if (this.#full.has(key)) return;
    this.#full.add(key);
    this.#options.services.log.warn({ limit: `limits.${key}` }, 'too many connections: clients are turned away');
  }

  #dropOldest(): void {
    this.#options.counters.socketsRefused++;
    this.#limitReached('unauthenticated');
    for (const oldest of this.#unauthenticated) {
      this.#unauthenticated.delete(oldest);
      this.#abort(oldest, 'BG_TOO_MANY_CONNECTIONS');
      return;
    }
  }

  #authenticated(client: Client, identity: Identity, connection: string): boolean {
    this.#settle(client);
    const count = this.#perUser.get(identity.user) ?? 0;
    if (count >= this.#options.perUserMax) {
      this.#options.counters.socketsRefused++;
      return false;
    }
    this.#perUser.set(identity.user, count + 1);
    client.identity = identity;
    client.counters = this.#options.connectionCounters(connection);
    client.counters.sessions++;
    client.counters.sessionsOpen++;
    return true;
  }

  /** The client is no longer among those that have not authenticated. */
  #settle(client: Client): void {
    if (client.timer !== null) clearTimeout(client.timer);
    client.timer = null;
    this.#unauthenticated.delete(client);
    this.#options.counters.unauthenticatedOpen = this.#unauthenticated.size;
  }

  #ended(client: Client, reason: string): void {
    this.#settle(client);
    if (!this.#clients.delete(client)) return;
    this.#count(reason);
    this.#options.counters.socketsOpen = this.#clients.size;
    if (client.identity !== null) {
      const left = (this.#perUser.get(client.identity.user) ?? 1) - 1;
      if (left > 0) this.#perUser.set(client.identity.user, left);
      else this.#perUser.delete(client.identity.user);
    }
    if (client.counters !== null) client.counters.sessionsOpen--;
    // The farewell is under way; a client that does not read it must not keep its socket.
    if (!client.wire.closed) setTimeout(() => client.wire.destroy(), lingerMs).unref();
    if (this.#clients.size === 0) this.#onEmpty?.();
  }
}

/** Not counted where they are noticed: a session has many ways to its end, and all lead through one place. */
const countedEnds: Readonly<
  Record<string, 'authenticationFailures' | 'unknownConnections' | 'protocolViolations' | 'internalErrors'>
> = {
  BG_AUTH_FAILED: 'authenticationFailures',
  BG_UNKNOWN_CONNECTION: 'unknownConnections',
  BG_PROTOCOL_VIOLATION: 'protocolViolations',
  BG_INTERNAL: 'internalErrors',
};

function serverTls(files: { readonly cert: string; readonly key: string }): ServerTls {
  return {
    context: tls.createSecureContext({ cert: files.cert, key: files.key, minVersion: 'TLSv1.2' }),
    certificate: leafCertificate(files.cert),
    // Direct TLS is told from other protocols on the same port by this name (PostgreSQL 17, sslnegotiation=direct).
    alpn: ['postgresql'],
  };
}
