/**
 * Sessions without sockets: a gate's services over wires in memory. The test moves every byte itself, so it decides how
 * the two streams are cut and in which order their pieces arrive.
 */
import type { Fault } from '../../src/errors.ts';
import { Slab } from '../../src/bytes/slab.ts';
import type { Identity } from '../../src/facts.ts';
import { GateMasker } from '../../src/gateway/masker.ts';
import { openLanes } from '../../src/lanes/lanes.ts';
import type { KernelResult, MaskPlan } from '../../src/masking/plan.ts';
import { gatePermit } from '../../src/policy/permit.ts';
import { strongerMask } from '../../src/policy/strength.ts';
import { PostgresProtocol } from '../../src/protocols/postgres/index.ts';
import { clientKeyOf, hmacSha256, saltPassword, sha256 } from '../../src/scram/keys.ts';
import { formatVerifier, makeVerifier } from '../../src/scram/verifier.ts';
import type {
  RunHeavy,
  Services,
  Session,
  SessionPolicy,
  Target,
  Wire,
  WireReader,
} from '../../src/protocols/protocol.ts';
import { ConnectionCounters, GateCounters } from '../../src/telemetry/counters.ts';
import { cstring, int32, message, startupMessage } from '../support/rawPostgres.ts';
import { policySet } from '../policy/support.ts';
import { ScriptedTarget } from './sessionTarget.ts';
import type { ScriptedOptions } from './sessionTarget.ts';

/** Where a stream is cut: after how many of its bytes, in ascending order. */
export type Cuts = readonly number[];

/** One side of a session. Bytes for the gate wait in `incoming` until they are delivered. */
export class MemoryWire implements Wire {
  readonly peer = 'memory:1';
  readonly encrypted = false;
  readonly canTls = false;
  readonly certificate = null;
  readonly peerCertificate = null;
  queuedBytes = 0;
  closed = false;
  /** Null for tests that want to see it thrown. */
  guarded = false;
  onBug: (error: unknown) => void = () => this.destroy();
  /** What is written is dropped, and counts as taken at once. */
  muted = false;
  readonly #incoming: Buffer[] = [];
  readonly #onWrite: (bytes: Buffer) => void;
  #reader: WireReader | null = null;
  #paused = false;
  #ending = false;

  constructor(onWrite: (bytes: Buffer) => void) {
    this.#onWrite = onWrite;
  }

  setReader(reader: WireReader): void {
    this.#reader = reader;
    this.#paused = false;
    if (this.closed) queueMicrotask(() => reader.onClose());
  }

  /** Copied, because the slot it stands in is used again; `done` comes on a later turn, as from a socket. */
  write(bytes: Uint8Array, done: (() => void) | null): void {
    if (this.muted) {
      done?.();
      this.#reader?.onDrain();
      return;
    }
    if (!this.closed && !this.#ending) this.#onWrite(Buffer.from(bytes));
    if (done !== null) queueMicrotask(done);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  startTls(): Promise<boolean> {
    return Promise.resolve(false);
  }

  expireIn(): void {}

  end(): void {
    this.#ending = true;
    queueMicrotask(() => this.destroy());
  }

  destroy(): void {
    if (this.closed) return;
    this.closed = true;
    this.#reader?.onClose();
  }

  /** Hands over bytes that the reader surely has room for, past the queue. */
  give(bytes: Uint8Array): void {
    const space = this.#reader?.buffer() ?? bytes;
    space.set(bytes);
    this.#reader?.onRead(space, bytes.length);
  }

  /** Queues bytes for the gate. */
  push(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#incoming.push(Buffer.from(bytes));
  }

  get idle(): boolean {
    return this.closed || this.#incoming.length === 0;
  }

  /** Delivers the oldest piece, or as much of it as the reader has room for; false: nothing could be delivered. */
  deliver(): boolean {
    const piece = this.#incoming[0];
    if (piece === undefined || this.closed || this.#paused || this.#reader === null) return false;
    const space = this.#reader.buffer();
    const count = Math.min(space.length, piece.length);
    if (count === 0) throw new Error('a reader without room');
    space.set(piece.subarray(0, count));
    if (count === piece.length) this.#incoming.shift();
    else this.#incoming[0] = piece.subarray(count);
    try {
      this.#reader.onRead(space, count);
    } catch (error) {
      if (!this.guarded) throw error;
      this.onBug(error);
    }
    return true;
  }
}

export interface WorldOptions {
  readonly target: ScriptedOptions;
  /** A policy file; the identity is alice of the group engineering. */
  readonly policy: string;
  /** Every range to mask goes to a lane that answers later, the last one first. */
  readonly lanes?: boolean;
  readonly slotBytes?: number;
  /** Threads, or what stands in for them; default: none. */
  readonly heavy?: RunHeavy;
  readonly statementInlineBytes?: number;
  /** What throws in a session ends it, as over a socket. Default: the test sees it. */
  readonly guarded?: boolean;
  /** Takes the place of services of the gate. */
  readonly replace?: (services: Services) => Partial<Services>;
  /** In place of an audit that keeps nothing. */
  readonly openAudit?: Services['openAudit'];
}

const target: Target = {
  info: { name: 'shop', protocol: 'postgres', labels: {} },
  database: 'shop',
  user: 'gate',
  password: () => Promise.resolve(''),
};
const alice: Identity = { user: 'alice', groups: ['engineering'], method: 'password' };
const password = 'correct horse';
const salt = Buffer.alloc(16, 7);
const clientNonce = 'clientclientclientclient';
const gateNonce = Buffer.alloc(18).toString('base64');

/** Answers of lanes that have not been given yet. */
class LaterMasker extends GateMasker {
  readonly #waiting: (() => void)[] = [];

  override wantsLane(): boolean {
    return true;
  }

  override submit(
    plan: MaskPlan,
    start: number,
    end: number,
    outputStart: number,
    done: (result: KernelResult | null) => void,
  ): boolean {
    this.#waiting.push(() => done({ ...this.mask(plan, this.slabBytes, start, end, outputStart, false) }));
    return true;
  }

  slabBytes: Uint8Array = new Uint8Array(0);

  settle(): boolean {
    const last = this.#waiting.pop();
    last?.();
    return last !== undefined;
  }
}

/** What the sessions of one test share: catalog, policy, slab. Nothing in it is random or takes time. */
export class World {
  readonly slab: Slab;
  readonly counters = new ConnectionCounters('postgres', 'shop');
  readonly logged: { readonly level: string; readonly fields: object }[] = [];
  readonly #options: WorldOptions;
  readonly #masker: LaterMasker | GateMasker;
  readonly #protocol = new PostgresProtocol();
  readonly #policy: SessionPolicy;
  readonly #verifier: string;
  /** The client's side of the login, which is the same every time. */
  readonly login: Buffer;
  dialled: Dialled[] = [];
  opened = 0;
  ended = 0;
  #drawn = 1000;

  private constructor(options: WorldOptions, policy: SessionPolicy, verifier: string, login: Buffer) {
    this.#options = options;
    this.#policy = policy;
    this.#verifier = verifier;
    this.login = login;
    const slotBytes = options.slotBytes ?? 16 * 1024;
    this.slab = new Slab({ payloadBytes: slotBytes, headroomBytes: 4096, slots: 64 });
    const lanes = openLanes({ lanes: 0, slab: this.slab });
    const parts = {
      slab: this.slab,
      lanes,
      laneCount: 0,
      inlineBytes: 'auto' as const,
      hashKey: new Uint8Array(32),
      counters: new GateCounters(),
    };
    if (options.lanes === true) {
      const masker = new LaterMasker(parts);
      masker.slabBytes = this.slab.bytes;
      this.#masker = masker;
    } else this.#masker = new GateMasker(parts);
  }

  static async open(options: WorldOptions): Promise<World> {
    const set = policySet(options.policy);
    const verifier = formatVerifier(await makeVerifier(password, salt));
    const world = new World(options, set.forSession(alice, target.info), verifier, await loginBytes());
    await world.#prepare();
    return world;
  }

  /** The first session reads the catalog; what comes after is the same every time. */
  async #prepare(): Promise<void> {
    await this.#protocol.prepare();
    await this.run(Buffer.alloc(0), [], []);
  }

  /**
   * One session: the client sends `stream` after its login and reads until everything has come to rest. Returns what it
   * read after the login. `cuts` say where the two streams are cut, counted from the end of the login.
   */
  async run(stream: Uint8Array, clientCuts: Cuts, targetCuts: Cuts): Promise<Buffer> {
    const session = this.open();
    session.client.push(this.login);
    await session.rest();
    const before = session.received.length;
    const connection = this.dialled.at(-1);
    if (connection !== undefined) connection.cuts = targetCuts;
    for (const piece of cut(stream, clientCuts)) session.client.push(piece);
    await session.rest();
    session.client.destroy();
    await session.rest();
    return Buffer.concat(session.received.slice(before));
  }

  open(): OpenSession {
    const received: Buffer[] = [];
    const client = new MemoryWire((bytes) => received.push(bytes));
    this.dialled = [];
    this.opened++;
    const services = this.#services();
    const replaced = this.opened > 1 ? this.#options.replace?.(services) : undefined;
    const session = this.#protocol.accept(client, replaced === undefined ? services : { ...services, ...replaced }, {
      onAuthenticated: () => true,
      onEnd: () => void this.ended++,
    });
    client.guarded = this.#options.guarded ?? false;
    client.onBug = (error) => session.crash(error);
    return { client, received, session, rest: () => this.#rest(client) };
  }

  /** Moves bytes until nothing moves any more. */
  async #rest(client: MemoryWire): Promise<void> {
    let still = 0;
    while (still < 3) {
      let moved = client.deliver();
      for (const { wire } of this.dialled) moved = wire.deliver() || moved;
      if (!moved && this.#masker instanceof LaterMasker) moved = this.#masker.settle();
      // What promises and write callbacks set in motion comes before the next piece.
      await new Promise(setImmediate);
      still = moved ? 0 : still + 1;
    }
  }

  #dial(): Promise<Wire | Fault> {
    const dialled = new Dialled(this.#options.target);
    dialled.wire.guarded = this.#options.guarded ?? false;
    this.dialled.push(dialled);
    return Promise.resolve(dialled.wire);
  }

  #services(): Services {
    const log = (level: string) => (fields: object) => void this.logged.push({ level, fields });

    return {
      limits: {
        messageBytesMax: 1 << 20,
        statementBytesMax: 1 << 20,
        statementInlineBytes: this.#options.statementInlineBytes ?? 16_384,
        analysisMs: 10_000,
        authenticationMs: 10_000,
        startupBytesMax: 16_384,
        catalogProbeMs: 0,
      },
      log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
      masker: this.#masker,
      heavy: this.#options.heavy ?? null,
      hashKey: new Uint8Array(32),
      strongerMask,
      tlsRequired: false,
      policyVersion: this.#policy.version,
      gatePermit: gatePermit(),
      findUser: (name) => (name === 'alice' ? { identity: alice, verifier: this.#verifier } : null),
      findTarget: (name) => (name === 'shop' ? target : null),
      dial: () => this.#dial(),
      onTargetLogin: () => {},
      decideTime: { begin: () => 0, end: () => {} },
      policyFor: () => this.#policy,
      catalogRead: () => {},
      openAudit:
        this.#options.openAudit ??
        (() => ({
          begin: () => ({ rows: 0, bytes: 0, masked: 0, sqlstate: null }),
          end: () => {},
          // Durable is what the file says later, never at once.
          whenDurable: (callback) => queueMicrotask(() => queueMicrotask(() => callback(null))),
          close: () => {},
        })),
      countersFor: () => this.counters,
      // No time passes here.
      every: () => () => {},
      nextTurn: () => new Promise((resolve) => setImmediate(resolve)),
      // Nonces are known, so that the client's answers can be made beforehand; process numbers differ.
      random: (count) => (count === 4 ? Buffer.from(int32(++this.#drawn)) : new Uint8Array(count)),
    };
  }
}

export interface OpenSession {
  readonly client: MemoryWire;
  readonly received: Buffer[];
  readonly session: Session;
  rest(): Promise<void>;
}

/** A connection to the scripted target, whose stream is cut at given places. */
class Dialled {
  readonly wire: MemoryWire;
  readonly target: ScriptedTarget;
  #at = 0;
  #cuts: Cuts = [];

  constructor(options: ScriptedOptions) {
    this.target = new ScriptedTarget(options, (bytes) => this.send(bytes));
    this.wire = new MemoryWire((bytes) => this.target.receive(bytes));
  }

  /** Counted from what is sent next. */
  set cuts(cuts: Cuts) {
    this.#at = 0;
    this.#cuts = cuts;
  }

  /** Bytes of the target's stream since the cuts were set. */
  get sent(): number {
    return this.#at;
  }

  send(bytes: Uint8Array): void {
    const here = this.#cuts.map((at) => at - this.#at).filter((at) => at > 0 && at < bytes.length);
    this.#at += bytes.length;
    for (const piece of cut(bytes, here)) this.wire.push(piece);
  }
}

function cut(bytes: Uint8Array, cuts: Cuts): Uint8Array[] {
  const edges = [0, ...cuts, bytes.length];
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end));
}

/** StartupMessage and both SCRAM answers at once: with known nonces nothing in them hangs on what the gate says. */
async function loginBytes(): Promise<Buffer> {
  const bare = `n=,r=${clientNonce}`;
  const serverFirst = `r=${clientNonce}${gateNonce},s=${salt.toString('base64')},i=4096`;
  const withoutProof = `c=biws,r=${clientNonce}${gateNonce}`;
  const clientKey = clientKeyOf(await saltPassword(password, salt, 4096));
  const signature = hmacSha256(sha256(clientKey), `${bare},${serverFirst},${withoutProof}`);
  const proof = Buffer.from(clientKey.map((byte, at) => byte ^ signature[at]));
  const first = Buffer.from(`n,,${bare}`);
  return Buffer.concat([
    startupMessage(0, { user: 'alice', database: 'shop' }),
    message('p', cstring('SCRAM-SHA-256'), int32(first.length), first),
    message('p', Buffer.from(`${withoutProof},p=${proof.toString('base64')}`)),
  ]);
}
