/**
 * Where results are masked: short ranges on the main thread, long ones in a lane when the main thread is busy. Also hands out
 * the slots that results are read into.
 */
import { LRUCache } from 'lru-cache';
import { noSlot } from '../bytes/slab.ts';
import type { Slab, SlotIndex } from '../bytes/slab.ts';
import type { MaskRules } from '../facts.ts';
import type { Lanes } from '../lanes/lanes.ts';
import { createHasher } from '../masking/hash.ts';
import { createKernel } from '../masking/kernel.ts';
import type { Kernel, KernelResult, MaskPlan, RowStream, TextEncoding } from '../masking/plan.ts';
import { createTextMasker } from '../masking/textScan.ts';
import type { Lease, Masker, TextMasker } from '../protocols/protocol.ts';
import type { GateCounters } from '../telemetry/counters.ts';

export interface MaskerOptions {
  readonly slab: Slab;
  readonly lanes: Lanes;
  readonly laneCount: number;
  readonly inlineBytes: number | 'auto';
  readonly hashKey: Uint8Array;
  readonly counters: GateCounters;
}

/** Compiled kernels that the main thread keeps. */
const kernelsMax = 2048;
/**
 * A hop to a lane and back costs about 15 µs, so a range should take several times that to be worth it: detectors take
 * about 1 µs a kilobyte, column masks alone less than a third of that (`./run bench hop`).
 */
const scanLaneBytes = 48 * 1024;
const maskLaneBytes = 160 * 1024;
/** Below this utilization of the event loop the main thread has time to mask for itself, and no wake-up is paid. */
const busyUtilization = 0.7;
const utilizationEveryMs = 100;

/** A slot on loan. One object per slot, made once. */
class SlotLease implements Lease {
  readonly bytes: Uint8Array;
  readonly base: number;
  readonly start: number;
  readonly end: number;
  readonly shared = true;
  readonly #slab: Slab;
  readonly #slot: SlotIndex;

  constructor(slab: Slab, slot: SlotIndex) {
    this.bytes = slab.bytes;
    this.base = slab.base(slot);
    this.start = slab.start(slot);
    this.end = slab.end(slot);
    this.#slab = slab;
    this.#slot = slot;
  }

  release(): void {
    this.#slab.release(this.#slot);
  }
}

export class GateMasker implements Masker {
  readonly slotBytes: number;
  readonly #options: MaskerOptions;
  readonly #leases: (SlotLease | undefined)[] = [];
  readonly #kernels = new LRUCache<number, Kernel>({ max: kernelsMax });
  /** The one that was used last. */
  #kernel: Kernel | null = null;
  readonly #headroomBytes: number;
  #utilization = performance.eventLoopUtilization();
  #busy = false;
  #measuredMs = 0;

  constructor(options: MaskerOptions) {
    this.#options = options;
    this.slotBytes = options.slab.payloadBytes;
    this.#headroomBytes = options.slab.headroomBytes;
  }

  acquire(): Lease {
    const { slab } = this.#options;
    const slot = slab.acquire();
    if (slot === noSlot) return privateLease(this.#headroomBytes, this.slotBytes);
    return (this.#leases[slot] ??= new SlotLease(slab, slot));
  }

  wantsLane(plan: MaskPlan, length: number): boolean {
    const { laneCount, inlineBytes } = this.#options;
    if (laneCount === 0) return false;
    if (inlineBytes !== 'auto') return length > inlineBytes;
    const least = plan.detectors.length > 0 ? scanLaneBytes : maskLaneBytes;
    return length >= least && this.#isBusy();
  }

  mask(
    plan: MaskPlan,
    bytes: Uint8Array,
    start: number,
    end: number,
    outputStart: number,
    first: boolean,
  ): KernelResult {
    const { counters } = this.#options;
    counters.rangesInline++;
    const started = counters.maskInline.begin();
    const result = this.#kernelFor(plan).run(bytes, start, end, outputStart, first);
    counters.maskInline.end(started);
    return result;
  }

  submit(
    plan: MaskPlan,
    start: number,
    end: number,
    outputStart: number,
    done: (result: KernelResult | null) => void,
  ): boolean {
    const { lanes, counters } = this.#options;
    const started = counters.maskInLane.begin();
    const timed = started < 0 ? done : this.#timed(started, done);
    if (!lanes.submit(plan, start, end, outputStart, timed)) {
      counters.maskInLane.drop(started);
      return false;
    }
    counters.rangesInLane++;
    return true;
  }

  openRowStream(plan: MaskPlan): RowStream {
    return this.#kernelFor(plan).openRowStream();
  }

  textMasker(rules: MaskRules, encoding: TextEncoding): TextMasker {
    const detectors = rules.values.flatMap(({ detectors: names, mask }) => names.map((name) => ({ name, mask })));
    return createTextMasker(detectors, rules.customDetectors, encoding, createHasher(this.#options.hashKey));
  }

  #timed(started: number, done: (result: KernelResult | null) => void): (result: KernelResult | null) => void {
    return (result) => {
      this.#options.counters.maskInLane.end(started);
      done(result);
    };
  }

  #kernelFor(plan: MaskPlan): Kernel {
    if (this.#kernel?.plan.id === plan.id) return this.#kernel;
    let kernel = this.#kernels.get(plan.id);
    if (kernel === undefined) {
      kernel = createKernel(plan);
      this.#kernels.set(plan.id, kernel);
    }
    this.#kernel = kernel;
    return kernel;
  }

  /** Looked at when a long range comes, so that an idle gate needs no timer for it. */
  #isBusy(): boolean {
    const now = performance.now();
    if (now - this.#measuredMs >= utilizationEveryMs) {
      this.#measuredMs = now;
      const before = this.#utilization;
      this.#utilization = performance.eventLoopUtilization();
      this.#busy = performance.eventLoopUtilization(this.#utilization, before).utilization > busyUtilization;
    }
    return this.#busy;
  }
}

/** Memory of a session's own when the slab has nothing left: slower, but nobody stands still. */
function privateLease(headroomBytes: number, slotBytes: number): Lease {
  const bytes = new Uint8Array(headroomBytes + slotBytes);
  return { bytes, base: 0, start: headroomBytes, end: bytes.length, shared: false, release: () => {} };
}
