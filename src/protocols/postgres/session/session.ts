/**
 * One client's session, from accepted socket to closed sockets:
 *
 *     open (TLS, startup) -> authenticate -> log in at the target -> conversation of two halves -> end
 */
import { reportBug } from '../../../errors.ts';
import type { ErrorCode, Fault } from '../../../errors.ts';
import type { Services, Session, SessionAudit, SessionEvents, Target, Wire } from '../../protocol.ts';
import type { CancelKey, CancelRegistry } from '../login/cancel.ts';
import type { CatalogSource } from '../catalog/source.ts';
import { ClientHalf } from './clientHalf.ts';
import { ClientMessages } from './clientMessages.ts';
import { Conversation } from './conversation.ts';
import type { DistantFlows } from '../masks/distantFlows.ts';
import { authenticate, open } from '../login/handshake.ts';
import type { Authenticated } from '../login/handshake.ts';
import { MaskContext } from '../masks/maskContext.ts';
import type { MessageReader } from '../wire/messageReader.ts';
import { OwnQueries } from './ownQueries.ts';
import type { StatementCache } from '../parse/statementCache.ts';
import { StatementTexts } from './statementTexts.ts';
import type { ClientStartup } from '../login/startup.ts';
import { TargetHalf } from './targetHalf.ts';
import { TargetMessages } from './targetMessages.ts';
import { logInAtTarget } from '../login/targetLogin.ts';
import type { LoggedIn } from '../login/targetLogin.ts';
import { Verdicts } from './verdicts.ts';
import { TransactionStatus } from '../wire/wire.ts';
import type { KeyData } from '../wire/backend.ts';
import { authenticationOk, backendKeyData, errorResponse, parameterStatus, readyForQuery } from '../wire/toClient.ts';

/** What a cancel key stands for: a running session's key at its target. */
export interface Cancellable {
  readonly target: Target;
  readonly key: KeyData;
  /** Cancels what has not come to the target yet; false: there is nothing of that kind. */
  readonly cancelHeld: () => boolean;
}

/** What sessions of one gate share. */
export interface Shared {
  readonly cache: StatementCache;
  readonly distant: DistantFlows;
  readonly cancels: CancelRegistry<Cancellable>;
  readonly mockSecret: Uint8Array;
  catalogOf(services: Services, target: Target): CatalogSource;
  cancel(services: Services, processId: number, secret: Uint8Array): Promise<void>;
  /** Calls off what runs at the target in the session of `key`. Resolves when that has left, or cannot; never rejects. */
  cancelAtTarget(services: Services, target: Target, key: KeyData): Promise<void>;
}

export class PostgresSession implements Session {
  readonly #client: Wire;
  readonly #services: Services;
  readonly #events: SessionEvents;
  readonly #shared: Shared;
  #conversation: Conversation | null = null;
  #audit: SessionAudit | null = null;
  #masks: MaskContext | null = null;
  #cancelHeld: () => boolean = () => false;
  #ended = false;
  #draining = false;
  #cancelKey: CancelKey | null = null;
  /** As the target gave it; null: it gave none. */
  #targetKey: KeyData | null = null;
  /** As the client claims; what it has proven stands in the conversation. */
  #claimed: ClientStartup | null = null;
  /** The wire to the target until a conversation owns it. */
  #dialled: Wire | null = null;
  #halves: { readonly client: ClientHalf; readonly target: TargetHalf } | null = null;

  constructor(client: Wire, services: Services, events: SessionEvents, shared: Shared) {
    this.#client = client;
    this.#services = services;
    this.#events = events;
    this.#shared = shared;
    this.#run().catch((error: unknown) => this.crash(error));
  }

  get busy(): boolean {
    const conversation = this.#conversation;
    return (
      conversation === null ||
      conversation.analysing ||
      conversation.turns.waiting ||
      conversation.expected.length > 0 ||
      !conversation.toTarget.empty
    );
  }

  drain(): void {
    this.#draining = true;
    if (this.#conversation === null) return this.abort('BG_SHUTTING_DOWN');
    this.#conversation.draining = true;
    this.#leaveIfIdle();
  }

  abort(code: ErrorCode): void {
    const conversation = this.#conversation;
    if (conversation !== null) conversation.close(code, conversation.midMessage ? null : errorResponse(code));
    else this.#turnAway(code, errorResponse(code, code === tooManyOfUser.code ? { detail: tooManyWaiting } : {}));
  }

  crash(error: unknown): void {
    const { log } = this.#services;
    log.error({ bug: reportBug(error), peer: this.#client.peer }, 'session ended by a bug');
    try {
      this.abort('BG_INTERNAL');
    } catch (again) {
      log.error({ bug: reportBug(again) }, 'a session could not be ended in order');
    }
    if (this.#ended) return;
    // Something had been closed already, or closing has thrown: nothing more may pass, in either direction.
    this.#client.destroy();
    void this.#callOff('BG_INTERNAL');
    this.#conversation?.targetWire.destroy();
    this.#finish('BG_INTERNAL');
  }

  async #run(): Promise<void> {
    const opening = await open(this.#client, this.#services);
    if (this.#ended) return;
    if (opening.kind === 'gone') return this.#turnAway('gone', null);
    if (opening.kind === 'cancel') {
      await this.#shared.cancel(this.#services, opening.processId, opening.secret);
      return this.#turnAway('cancel', null);
    }
    if (opening.kind === 'fault') return this.#refuse(opening.fault);
    const { reader, startup } = opening;
    this.#claimed = startup;
    const services = this.#services;
    const proven = await authenticate(this.#client, reader, startup, services, this.#shared.mockSecret);
    if (this.#ended) return;
    if ('code' in proven) {
      this.#audit = services.openAudit(startup.user, null, startup.database, this.#client);
      return this.#refuse(proven);
    }
    if (!this.#events.onAuthenticated(proven.user.identity, proven.target.info)) {
      return this.#refuse(tooManyOfUser);
    }
    // A client that leaves now must not keep a session until the target has answered.
    reader.onGone = () => this.#turnAway('gone', null);
    if (this.#client.closed) return this.#turnAway('gone', null);
    const loggedIn = await logInAtTarget(services, proven.target, startup.parameters, (wire) => {
      wire.onBug = (error) => this.crash(error);
      if (this.#ended) wire.destroy();
      else this.#dialled = wire;
    });
    if (this.#ended) return;
    if ('code' in loggedIn) return this.#refuse(loggedIn);
    await this.#converse(reader, startup, proven, loggedIn);
  }

  async #converse(
    reader: MessageReader,
    startup: ClientStartup,
    proven: Authenticated,
    loggedIn: LoggedIn,
  ): Promise<void> {
    const services = this.#services;
    const { user, target } = proven;
    const policy = services.policyFor(user.identity, target.info);
    const catalog = this.#shared.catalogOf(services, target);
    const masks = new MaskContext(services, catalog, policy.masks, this.#shared.distant);
    this.#masks = masks;
    const fault = await this.#prepareMasks(masks, catalog, loggedIn);
    if (this.#ended) return;
    if (fault !== null) return this.#refuse(fault);
    reader.onGone = () => {};
    this.#audit = services.openAudit(user.identity.user, user.identity, target.info.name, this.#client);
    const conversation = new Conversation({
      services,
      identity: user.identity,
      target,
      client: this.#client,
      targetWire: loggedIn.wire,
      audit: this.#audit,
      masks,
      callOff: (reason) => this.#callOff(reason),
      onEnd: (reason) => this.#finish(reason),
      crash: (error) => this.crash(error),
    });
    conversation.reportsPath = loggedIn.parameters.has('search_path');
    this.#conversation = conversation;
    this.#targetKey = loggedIn.key;
    this.#dialled = null;
    this.#greet(startup, target, loggedIn);
    this.#connect(conversation, reader, loggedIn);
  }

  /** Without a catalog nobody knows what to mask, so it is there before the first statement. */
  async #prepareMasks(masks: MaskContext, catalog: CatalogSource, loggedIn: LoggedIn): Promise<Fault | null> {
    masks.encoding.onLogin(loggedIn.parameters);
    for (const [name, value] of loggedIn.parameters) {
      const fault = masks.onParameter(name, value);
      if (fault !== null) return fault;
    }
    if (!masks.active || !catalog.stale) return null;
    const fault = await catalog.refresh();
    if (fault !== null) this.#services.log.error({ detail: fault.detail }, 'the catalog cannot be read');
    return fault;
  }

  #greet(startup: ClientStartup, target: Target, loggedIn: LoggedIn): void {
    const client = this.#client;
    client.write(authenticationOk(), null);
    for (const [name, value] of loggedIn.parameters) client.write(parameterStatus(name, value), null);
    if (loggedIn.key !== null) {
      const cancelHeld = (): boolean => this.#cancelHeld();
      this.#cancelKey = this.#shared.cancels.issue({ target, key: loggedIn.key, cancelHeld }, startup.minor);
      if (this.#cancelKey !== null) {
        client.write(backendKeyData(this.#cancelKey.processId, this.#cancelKey.secret), null);
      }
    }
    client.write(readyForQuery(TransactionStatus.idle), null);
  }

  #connect(conversation: Conversation, reader: MessageReader, loggedIn: LoggedIn): void {
    const own = new OwnQueries(conversation, loggedIn.parameters.get('server_version') ?? '');
    const verdicts = new Verdicts(conversation, own);
    const texts = new StatementTexts(conversation, this.#shared.cache);
    this.#cancelHeld = () => texts.cancel() || verdicts.cancel();
    const fromClient = new ClientMessages(conversation, texts, verdicts);
    const fromTarget = new TargetMessages(conversation, own);
    const client = new ClientHalf(conversation, fromClient);
    const target = new TargetHalf(conversation, fromTarget);
    this.#halves = { client, target };
    texts.onRelease = () => client.relieve();
    verdicts.onRelease = () => client.relieve();
    fromClient.onForwarded = () => client.relieve();
    fromClient.onClientDrained = () => target.relieve();
    fromTarget.onTargetDrained = () => client.relieve();
    fromTarget.onAnswered = () => client.relieve();
    fromTarget.onReady = () => {
      own.ask();
      this.#leaveIfIdle();
    };
    loggedIn.wire.setReader(target);
    own.ask();
    if (this.#draining) return this.drain();
    const unread = reader.rest();
    this.#client.setReader(client);
    if (unread.length > 0 && !conversation.ended) client.onRead(unread, unread.length);
  }

  #leaveIfIdle(): void {
    const conversation = this.#conversation;
    if (conversation === null || !conversation.draining || !conversation.idle) return;
    // After the turn, so that ReadyForQuery itself is out before the farewell.
    queueMicrotask(() => {
      try {
        if (conversation.idle) conversation.close('BG_SHUTTING_DOWN', errorResponse('BG_SHUTTING_DOWN'));
      } catch (error) {
        this.crash(error);
      }
    });
  }

  /** Ends a session that has not begun to talk to its target. */
  #refuse(fault: Fault): void {
    const { log } = this.#services;
    const { code, detail } = fault;
    const claimed = this.#claimed;
    const names = claimed === null ? {} : { user: shown(claimed.user), connection: shown(claimed.database) };
    log.info({ code, detail, peer: this.#client.peer, ...names }, 'client turned away');
    const overrides = detailed.has(code) ? { detail } : {};
    this.#turnAway(code, errorResponse(code, { ...overrides, severity: 'FATAL' }));
  }

  #turnAway(reason: string, farewell: Uint8Array | null): void {
    if (this.#ended) return;
    if (farewell !== null) this.#client.write(farewell, null);
    this.#client.end();
    this.#audit?.close(reason);
    this.#finish(reason);
  }

  #finish(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    try {
      this.#dialled?.destroy();
      if (this.#cancelKey !== null) this.#shared.cancels.revoke(this.#cancelKey.processId);
      this.#masks?.close();
      this.#halves?.client.close();
      this.#halves?.target.close();
    } finally {
      this.#events.onEnd(reason);
    }
  }

  /**
   * The target would go on with what nobody waits for, and commit it: a server looks for its client only when it writes to
   * it. A server that terminates a session itself rolls back what runs in it, so whoever reads 57P01 counts on that.
   *
   * The same where a client is simply gone. A server on its own would notice late or never; but its client would not know
   * either whether the statement was committed, and meanwhile it holds locks and a place at the target. Only a client
   * that takes its leave with Terminate wants what it has sent before to be run.
   */
  #callOff(reason: string): Promise<void> | null {
    const conversation = this.#conversation;
    if (reason === 'client' || reason === 'BG_TARGET_LOST') return null;
    if (this.#targetKey === null || conversation === null || conversation.expected.length === 0) return null;
    return this.#shared.cancelAtTarget(this.#services, conversation.target, this.#targetKey);
  }
}

const tooManyOfUser: Fault = {
  code: 'BG_TOO_MANY_CONNECTIONS',
  detail: 'this user has as many sessions as `limits.connections_per_user` of the gate allows',
};

/** A session is told so only before it has logged in: it made room for a newer one. */
const tooManyWaiting = 'more clients are logging in than `limits.unauthenticated` of the gate allows';

/** Faults whose detail is of the gate's own making, or of the client's, and helps the client. */
const detailed: ReadonlySet<ErrorCode> = new Set(['BG_PARAMETER_REFUSED', 'BG_TOO_MANY_CONNECTIONS']);

/** Of what a client calls itself, and it may say anything, this much is logged. */
const nameUnitsMax = 128;

function shown(name: string): string {
  return name.length > nameUnitsMax ? `${name.slice(0, nameUnitsMax)}...` : name;
}
