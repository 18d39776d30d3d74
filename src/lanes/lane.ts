/**
 * What runs inside a lane: one task that never returns while the gate runs. It imports masking and nothing else, since
 * every import is paid again in each thread, in start-up time and in memory.
 */
import { receiveMessageOnPort, threadId } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import type { Kernel, MaskPlan } from '../masking/plan.ts';
import { RingConsumer } from './ring.ts';

/** What the main thread hands over when it starts a lane. */
export interface LaneTask {
  readonly slab: SharedArrayBuffer;
  readonly ring: SharedArrayBuffer;
  readonly port: MessagePort;
  /** URL of a module that exports `createKernel(plan): Kernel`. */
  readonly kernelModule: string;
}

/** Main thread to lane. */
export type LaneOrder =
  | { readonly kind: 'plan'; readonly plan: MaskPlan }
  | { readonly kind: 'forget'; readonly id: number };

/** Lane to main thread: `ready` once, then `answers` whenever the main thread must look at the ring. */
export type LaneReport = { readonly kind: 'ready'; readonly threadId: number } | { readonly kind: 'answers' };

type CreateKernel = (plan: MaskPlan) => Kernel;

const answers: LaneReport = { kind: 'answers' };

/** Entry point for Piscina. Resolves when the ring says stop. */
export default async function lane(task: LaneTask): Promise<void> {
  const createKernel = await importKernel(task.kernelModule);
  const bytes = new Uint8Array(task.slab);
  const ring = new RingConsumer(task.ring);
  const kernels = new KernelCache(task.port, createKernel);
  const ready: LaneReport = { kind: 'ready', threadId };
  task.port.postMessage(ready);
  while (ring.next()) {
    if (ring.finish(runRange(kernels, ring, bytes))) task.port.postMessage(answers);
  }
  task.port.close();
}

function runRange(kernels: KernelCache, ring: RingConsumer, bytes: Uint8Array) {
  try {
    return kernels.get(ring.planId).run(bytes, ring.start, ring.end, ring.outputStart);
  } catch {
    // A kernel that throws is a bug, and what it left half done must not be sent: the range fails, its session is
    // closed, and the next range of this plan gets a fresh kernel. Others notice nothing.
    kernels.discard(ring.planId);
    return null;
  }
}

/** Compiled plans of this lane. The main thread bounds it: it says which plans to forget. */
class KernelCache {
  readonly #port: MessagePort;
  readonly #createKernel: CreateKernel;
  readonly #plans = new Map<number, MaskPlan>();
  readonly #kernels = new Map<number, Kernel>();

  constructor(port: MessagePort, createKernel: CreateKernel) {
    this.#port = port;
    this.#createKernel = createKernel;
  }

  get(planId: number): Kernel {
    const known = this.#kernels.get(planId);
    if (known !== undefined) return known;
    const plan = this.#plans.get(planId) ?? this.#receive(planId);
    const kernel = this.#createKernel(plan);
    this.#kernels.set(planId, kernel);
    return kernel;
  }

  discard(planId: number): void {
    this.#kernels.delete(planId);
  }

  /**
   * Reads orders only until the wanted plan has come. Orders were posted in the order of the descriptors, so a later
   * `forget` cannot take away a plan that a descriptor still waiting in the ring names.
   */
  #receive(planId: number): MaskPlan {
    for (;;) {
      const received = receiveMessageOnPort(this.#port);
      if (received === undefined) throw new Error(`plan ${planId} was submitted but never sent`);
      const order: LaneOrder = received.message;
      if (order.kind === 'plan') {
        this.#plans.set(order.plan.id, order.plan);
        if (order.plan.id === planId) return order.plan;
      } else {
        this.#plans.delete(order.id);
        this.#kernels.delete(order.id);
      }
    }
  }
}

async function importKernel(url: string): Promise<CreateKernel> {
  const module: { createKernel?: unknown } = await import(url);
  if (typeof module.createKernel !== 'function') throw new Error(`${url} exports no createKernel`);
  return module.createKernel as CreateKernel;
}
