/** The main thread's view of one life of a lane, from the start of its worker to the end of its thread. */
import { MessageChannel } from 'node:worker_threads';
import type { MessagePort, Worker } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import type { KernelResult, MaskPlan } from '../masking/plan.ts';
import type { LaneOrder, LaneReport, LaneTask } from './lane.ts';
import { createRing, RingProducer } from './ring.ts';

/**
 * Takes the answer to the range that began at `start`. null: the range failed, and nothing of it may be sent. The result
 * is filled again for the next answer: copy what outlives the call.
 */
export type LaneDone = (result: KernelResult | null, start: number) => void;

/** What a lane needs to know to run. */
export interface LaneSettings {
  readonly slab: SharedArrayBuffer;
  readonly laneModule: string;
  readonly kernelModule: string;
  readonly ringCapacity: number;
  readonly plansMax: number;
}

export interface LaneRunEvents {
  ready(run: LaneRun): void;
  /** The thread has ended, or never began. `failed`: ranges that were answered with null. */
  ended(run: LaneRun, cause: Error | null, failed: number): void;
  /** A `done` callback threw: a bug of its session. */
  bug(error: unknown): void;
}

export class LaneRun {
  readonly startedAtMs = performance.now();
  /** Bytes of ranges in flight: what "least loaded" compares. */
  loadBytes = 0;
  /** Set with every range; whoever looks for idle lanes clears it. */
  worked = false;
  state: 'starting' | 'ready' | 'stopping' | 'ended' = 'starting';
  #worker: Worker | null = null;
  #cause: Error | null = null;
  #finishedSeen = 0;
  #progressAtMs = 0;
  #lastPlan = 0;
  readonly #ring: RingProducer;
  readonly #done: (LaneDone | null)[];
  readonly #plans = new Set<number>();
  readonly #port: MessagePort;
  readonly #settings: LaneSettings;
  readonly #events: LaneRunEvents;

  constructor(pool: Promise<Piscina>, settings: LaneSettings, events: LaneRunEvents) {
    const { port1, port2 } = new MessageChannel();
    const ring = createRing(settings.ringCapacity);
    this.#ring = new RingProducer(ring);
    this.#done = Array.from({ length: settings.ringCapacity }, () => null);
    this.#settings = settings;
    this.#events = events;
    this.#port = port1;
    const { slab, kernelModule } = settings;
    const task: LaneTask = { slab, ring, port: port2, kernelModule };
    this.#run(pool, port1, task).then(
      () => this.#end(),
      (error: unknown) => this.#onRejected(error),
    );
  }

  async #run(opening: Promise<Piscina>, port: MessagePort, task: LaneTask): Promise<void> {
    const pool = await opening;
    port.on('message', (report: LaneReport) => {
      if (report.kind === 'answers') this.#reap();
      else this.#onReady(pool, report.threadId);
    });
    await pool.run(task, { filename: this.#settings.laneModule, name: 'default', transferList: [task.port] });
  }

  get inFlight(): number {
    return this.#ring.inFlight;
  }

  /** False if the lane cannot take the range now. */
  submit(plan: MaskPlan, start: number, end: number, outputStart: number, done: LaneDone): boolean {
    if (this.state !== 'ready') return false;
    const place = this.#ring.nextPlace();
    if (place === -1) return false;
    if (plan.id !== this.#lastPlan) this.#teach(plan);
    if (this.#ring.inFlight === 0) this.#progressAtMs = performance.now();
    this.#done[place] = done;
    this.loadBytes += end - start;
    this.worked = true;
    this.#ring.submit(plan.id, start, end, outputStart);
    return true;
  }

  /** Lets the lane finish its ranges and return. */
  stop(): void {
    if (this.state !== 'starting' && this.state !== 'ready') return;
    this.state = 'stopping';
    this.#ring.stop();
  }

  /** Ends the thread if a range has kept it busy for `stallMs`. A kernel that does not return would stop its sessions for ever. */
  checkStall(nowMs: number, stallMs: number): void {
    const finished = this.#ring.finished;
    if (this.#ring.inFlight === 0 || finished !== this.#finishedSeen) {
      this.#finishedSeen = finished;
      this.#progressAtMs = nowMs;
    } else if (nowMs - this.#progressAtMs >= stallMs && this.#cause === null) {
      this.#cause = new Error(`no range finished within ${stallMs} ms`);
      if (this.state === 'ready') this.state = 'stopping';
      void this.#worker?.terminate();
    }
  }

  /** Sends the plan unless the lane has it. Bounded: the plan taught first is forgotten first. */
  #teach(plan: MaskPlan): void {
    this.#lastPlan = plan.id;
    if (this.#plans.has(plan.id)) return;
    if (this.#plans.size >= this.#settings.plansMax) {
      for (const id of this.#plans) {
        this.#order({ kind: 'forget', id });
        this.#plans.delete(id);
        break;
      }
    }
    this.#plans.add(plan.id);
    this.#order({ kind: 'plan', plan });
  }

  /** The plan is not used any more. */
  forget(id: number): void {
    if (!this.#plans.delete(id)) return;
    if (this.#lastPlan === id) this.#lastPlan = 0;
    this.#order({ kind: 'forget', id });
  }

  #order(order: LaneOrder): void {
    this.#port.postMessage(order);
  }

  #onReady(pool: Piscina, threadId: number): void {
    const worker = pool.threads.find((thread) => thread.threadId === threadId);
    // The worker is gone already: `#onRejected` tells.
    if (worker === undefined || this.state === 'ended') return;
    this.#worker = worker;
    // Only 'exit' proves that the thread has stopped writing to the slab; 'error' comes while it still winds down.
    worker.once('exit', (code) => {
      this.#cause ??= new Error(`the thread of a lane exited with code ${code}`);
      this.#end();
    });
    if (this.state !== 'starting') return;
    this.state = 'ready';
    this.#events.ready(this);
  }

  #reap(): void {
    this.#ring.acknowledge();
    for (let place = this.#ring.reap(); place !== -1; place = this.#ring.reap()) this.#settle(place);
  }

  #settle(place: number): void {
    const done = this.#done[place];
    this.#done[place] = null;
    this.loadBytes -= this.#ring.rangeBytes(place);
    if (done === null) throw new Error('a lane answered a range that nobody submitted');
    try {
      done(this.#ring.failed ? null : this.#ring.answer, this.#ring.start);
    } catch (error) {
      this.#events.bug(error);
    }
  }

  #onRejected(error: unknown): void {
    this.#cause ??= error instanceof Error ? error : new Error(String(error));
    if (this.#worker === null) this.#end();
    else if (this.state === 'ready') this.state = 'stopping';
  }

  /** The thread has ended, or has returned from its task: it does not touch the slab any more. */
  #end(): void {
    if (this.state === 'ended') return;
    this.state = 'ended';
    this.#port.close();
    this.#reap();
    let failed = 0;
    for (let place = this.#ring.abandon(); place !== -1; place = this.#ring.abandon()) {
      failed++;
      this.#settle(place);
    }
    this.#events.ended(this, this.#cause, failed);
  }
}
