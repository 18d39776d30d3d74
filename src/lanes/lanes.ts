/**
 * Lanes: worker threads that mask long ranges of the slab, fed through shared rings. Ranges of one result are
 * independent of each other, so one session may keep several lanes busy and write the answers out in order.
 *
 * Piscina owns the threads. It is asked to run exactly one task per thread, the lane, which lasts as long as the thread;
 * ranges then pass through the ring of that lane, because a Piscina task per range costs some 50 microseconds of CPU.
 *
 * Lanes start when load lasts, one after another as it grows, and end after a while without work, so that an idle gate
 * pays neither their start nor their memory. Until one is ready, `submit` says no and the caller masks
 * on the main thread.
 */
import type { Piscina } from 'piscina';
import type { Slab } from '../bytes/slab.ts';
import type { MaskPlan } from '../masking/plan.ts';
import { HeavyTasks } from './heavy.ts';
import type { HeavyResult, HeavyTaskModules } from './heavy.ts';
import { LaneRun } from './laneRun.ts';
import type { LaneDone, LaneSettings } from './laneRun.ts';
import { threadEnv } from './threadEnv.ts';

export interface LaneOptions {
  /** Threads at most; 0: no lanes, `submit` always says no. */
  readonly lanes: number;
  readonly slab: Slab;
  /** Rare heavy work by name; see {@link HeavyTaskModules}. */
  readonly heavy?: HeavyTaskModules;
  /** Ranges that one lane holds, a power of two. */
  readonly ringCapacity?: number;
  /** Compiled plans that one lane keeps. */
  readonly plansMax?: number;
  /** A range that takes longer costs the lane its life. */
  readonly stallMs?: number;
  /** A lane without work for this long ends. */
  readonly idleMs?: number;
  /** Bytes that must be asked for within a second before a lane is started for them. */
  readonly growBytes?: number;
  /** Wait before a lane that died is started again; doubles with every death in a row, up to 64 times this. */
  readonly restartMs?: number;
  /** How long `close` lets submitted ranges finish. */
  readonly closeWaitMs?: number;
  /** JavaScript heap of one lane. */
  readonly heapMbMax?: number;
  /** Module with `createKernel`; tests put broken kernels here. */
  readonly kernelModule?: string;
  readonly onEvent?: (event: LaneEvent) => void;
}

export type LaneEvent =
  | { readonly kind: 'started'; readonly ms: number }
  /** `cause` null: it ended because it had no work. */
  | { readonly kind: 'ended'; readonly cause: Error | null; readonly failedRanges: number }
  /** A callback threw. Its range is settled; the session behind it should be closed. */
  | { readonly kind: 'bug'; readonly error: unknown };

export interface LaneStatistics {
  readonly ready: number;
  readonly inFlight: number;
  readonly submitted: number;
  /** `submit` said no. */
  readonly refused: number;
  readonly deaths: number;
}

interface Berth {
  run: LaneRun | null;
  /** Deaths in a row. */
  deaths: number;
  /** Do not start before this time of performance.now(). */
  notBeforeMs: number;
  idleSinceMs: number;
}

/** Ranges in flight on the least loaded lane that justify one more thread. */
const growAt = 2;
const backoffDoublingsMax = 6;
/** A lane takes 50 ms to start and 25 MB to keep. The main thread is through with less than this before the lane is ready. */
const growBytes = 4 * 1024 * 1024;
const growWindowMs = 1000;

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
/** Under type stripping the workers are .ts files, from dist they are .js. */
function moduleUrl(path: string): string {
  return new URL(path + extension, import.meta.url).href;
}

export class Lanes {
  /** Loaded with the first lane: Piscina is 14 ms of start-up and 8 MB that an idle gate does without. */
  #pool: Promise<Piscina> | null = null;
  readonly #heapMbMax: number;
  readonly #heavy: HeavyTasks;
  readonly #settings: LaneSettings;
  readonly #berths: Berth[];
  readonly #stallMs: number;
  readonly #idleMs: number;
  readonly #restartMs: number;
  readonly #growBytes: number;
  /** Bytes that no lane was there for, since the beginning of the present second of asking. */
  #askedBytes = 0;
  #askedSinceMs = 0;
  readonly #closeWaitMs: number;
  readonly #onEvent: (event: LaneEvent) => void;
  #watch: NodeJS.Timeout | null = null;
  #closing = false;
  #submitted = 0;
  #refused = 0;
  #deaths = 0;
  #onChange: (() => void)[] = [];

  constructor(options: LaneOptions) {
    this.#settings = {
      slab: options.slab.shared,
      laneModule: moduleUrl('./lane'),
      kernelModule: options.kernelModule ?? moduleUrl('../masking/kernel'),
      ringCapacity: options.ringCapacity ?? 64,
      plansMax: options.plansMax ?? 256,
    };
    this.#stallMs = options.stallMs ?? 10_000;
    this.#idleMs = options.idleMs ?? 60_000;
    this.#restartMs = options.restartMs ?? 200;
    this.#growBytes = options.growBytes ?? growBytes;
    this.#closeWaitMs = options.closeWaitMs ?? 2000;
    this.#onEvent = options.onEvent ?? (() => {});
    this.#berths = Array.from({ length: options.lanes }, () => ({
      run: null,
      deaths: 0,
      notBeforeMs: 0,
      idleSinceMs: 0,
    }));
    this.#heavy = new HeavyTasks(options.heavy ?? {});
    this.#heapMbMax = options.heapMbMax ?? 128;
  }

  /**
   * Gives the range [start, end) of whole row messages to the least loaded lane. True: `done` is called exactly once, on
   * a later turn, and until then nobody else may touch the range or its headroom from `outputStart` on. False: no lane can
   * take it; mask it here, or wait.
   */
  submit(plan: MaskPlan, start: number, end: number, outputStart: number, done: LaneDone): boolean {
    let best: LaneRun | null = null;
    let missing = false;
    for (const { run } of this.#berths) {
      if (run === null) missing = true;
      else if (run.state === 'ready' && (best === null || run.loadBytes < best.loadBytes)) best = run;
    }
    if (missing && (best === null || best.inFlight >= growAt)) this.#askForMore(end - start);
    if (best !== null && best.submit(plan, start, end, outputStart, done)) {
      this.#submitted++;
      return true;
    }
    this.#refused++;
    return false;
  }

  /** Lanes may drop the compiled plan. It may still be submitted again: then it is compiled again. */
  forget(plan: MaskPlan): void {
    for (const { run } of this.#berths) run?.forget(plan.id);
  }

  /** Starts every lane and resolves when all are ready, or when no more can be had now. For benches and warm starts. */
  async start(): Promise<void> {
    for (const berth of this.#berths) this.#startLane(berth);
    while (this.#berths.some(({ run }) => run?.state === 'starting')) await this.#change();
  }

  /** Runs rare heavy work in an ordinary Piscina task; see {@link HeavyTasks.run}. */
  runHeavy(task: string, payload: unknown, timeoutMs: number): Promise<HeavyResult> {
    return this.#heavy.run(task, payload, timeoutMs);
  }

  /** Finishes what was submitted, within `closeWaitMs`, and ends all threads. Ranges cut off are answered with null. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const { run } of this.#berths) run?.stop();
    const late = setTimeout(() => this.#changed(), this.#closeWaitMs);
    const deadline = performance.now() + this.#closeWaitMs;
    while (this.#berths.some(({ run }) => run !== null) && performance.now() < deadline - 1) await this.#change();
    clearTimeout(late);
    if (this.#watch !== null) clearInterval(this.#watch);
    this.#watch = null;
    await Promise.all([this.#pool?.then((pool) => pool.destroy()), this.#heavy.close()]);
  }

  statistics(): LaneStatistics {
    let ready = 0;
    let inFlight = 0;
    for (const { run } of this.#berths) {
      if (run?.state === 'ready') ready++;
      inFlight += run?.inFlight ?? 0;
    }
    return { ready, inFlight, submitted: this.#submitted, refused: this.#refused, deaths: this.#deaths };
  }

  /** Load that lasts gets a thread more; one long answer does not. */
  #askForMore(bytes: number): void {
    const nowMs = performance.now();
    if (nowMs - this.#askedSinceMs > growWindowMs) {
      this.#askedSinceMs = nowMs;
      this.#askedBytes = 0;
    }
    this.#askedBytes += bytes;
    if (this.#askedBytes >= this.#growBytes) this.#grow();
  }

  /** One thread more, unless one is on its way: starting several at once would take CPU from the load that asks. */
  #grow(): void {
    if (this.#berths.some(({ run }) => run?.state === 'starting')) return;
    const nowMs = performance.now();
    const berth = this.#berths.find(({ run, notBeforeMs }) => run === null && notBeforeMs <= nowMs);
    if (berth !== undefined) this.#startLane(berth);
  }

  #startLane(berth: Berth): void {
    if (berth.run !== null || this.#closing) return;
    this.#pool ??= openPool(this.#berths.length, this.#heapMbMax);
    berth.idleSinceMs = performance.now();
    berth.run = new LaneRun(this.#pool, this.#settings, {
      ready: (run) => {
        this.#onEvent({ kind: 'started', ms: performance.now() - run.startedAtMs });
        this.#changed();
      },
      ended: (run, cause, failedRanges) => this.#ended(berth, run, cause, failedRanges),
      bug: (error) => this.#onEvent({ kind: 'bug', error }),
    });
    this.#watch ??= setInterval(() => this.#tick(), Math.min(1000, this.#stallMs, this.#idleMs)).unref();
  }

  #ended(berth: Berth, run: LaneRun, cause: Error | null, failedRanges: number): void {
    const nowMs = performance.now();
    berth.run = null;
    if (cause !== null && !this.#closing) {
      this.#deaths++;
      // A lane that lived for a minute has earned a quick restart; one that dies at once must not take the CPU of all.
      berth.deaths = nowMs - run.startedAtMs > 60_000 ? 0 : berth.deaths + 1;
      berth.notBeforeMs = nowMs + this.#restartMs * 2 ** Math.min(Math.max(berth.deaths - 1, 0), backoffDoublingsMax);
    }
    this.#onEvent({ kind: 'ended', cause, failedRanges });
    this.#changed();
  }

  /** Ends lanes that hang and lanes that have had no work. */
  #tick(): void {
    const nowMs = performance.now();
    let alive = false;
    for (const berth of this.#berths) {
      const { run } = berth;
      if (run === null) continue;
      alive = true;
      run.checkStall(nowMs, this.#stallMs);
      if (run.inFlight > 0 || run.worked) berth.idleSinceMs = nowMs;
      run.worked = false;
      if (nowMs - berth.idleSinceMs >= this.#idleMs) run.stop();
    }
    if (alive || this.#watch === null) return;
    clearInterval(this.#watch);
    this.#watch = null;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#onChange.push(resolve));
  }

  #changed(): void {
    const waiting = this.#onChange;
    this.#onChange = [];
    for (const resolve of waiting) resolve();
  }
}

/** Opens the lanes; none of them starts before it is needed. */
export function openLanes(options: LaneOptions): Lanes {
  return new Lanes(options);
}

async function openPool(lanes: number, heapMbMax: number): Promise<Piscina> {
  const { Piscina } = await import('piscina');
  const pool = new Piscina({
    minThreads: 0,
    maxThreads: lanes,
    concurrentTasksPerWorker: 1,
    // A lane's task fills its thread; a thread whose lane has returned must go.
    idleTimeout: 0,
    maxQueue: lanes,
    atomics: 'disabled',
    env: threadEnv(),
    resourceLimits: { maxOldGenerationSizeMb: heapMbMax, maxYoungGenerationSizeMb: 16 },
    recordTiming: false,
  });
  // Every task reports its own failure; without a listener Piscina's extra event would end the process.
  pool.on('error', () => {});
  return pool;
}
