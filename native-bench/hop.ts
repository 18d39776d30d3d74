/**
 * What it costs to mask a range elsewhere: on the main thread, through a lane's ring, and as one Piscina task. The size at
 * which the lane stops being the slower one for a single range bounds the inline threshold from below.
 */
import { Piscina } from 'piscina';
import { Slab } from '../src/bytes/slab.ts';
import type { SlotIndex } from '../src/bytes/slab.ts';
import { writeI32, writeU16 } from '../src/bytes/bytes.ts';
import { openLanes } from '../src/lanes/lanes.ts';
import type { Lanes } from '../src/lanes/lanes.ts';
import { createKernel } from '../src/masking/kernel.ts';
import type { Kernel } from '../src/masking/plan.ts';
import { masked, pass, planOf } from './sampleRows.ts';
import type { Task } from './task.ts';

export const name = 'hop';

const sizes = [1024, 16 * 1024, 256 * 1024] as const;
const laneCount = 2;
/** Ranges kept in flight where a task stands for throughput, enough to keep all lanes busy. */
const window = 16;

const plan = planOf([pass, pass, masked({ kind: 'stars' }), pass], { kind: 'redact' }, []);

let opened: { readonly lanes: Lanes; readonly pool: Piscina } | null = null;

/** Masks in place with equal lengths, so that each range can be masked again and again. {@link close} afterwards. */
export async function tasks(): Promise<Task[]> {
  const slab = new Slab({ slots: window });
  const slots = Array.from({ length: window }, () => slab.acquire() as SlotIndex);
  const lanes = openLanes({ lanes: laneCount, slab, idleMs: 3_600_000 });
  const pool = new Piscina({ minThreads: laneCount, maxThreads: laneCount, filename: import.meta.filename });
  opened = { lanes, pool };
  await lanes.start();
  const kernel = createKernel(plan);

  const list: Task[] = [];
  for (const size of sizes) {
    const label = `${size / 1024} KB`;
    const base = `${label} inline`;
    const ranges = slots.map((slot) => ({
      start: slab.start(slot),
      end: fillRows(slab.bytes, slab.start(slot), size),
    }));
    const [{ start, end }] = ranges;
    const bytes = end - start;
    const throughLane = (at: number, until: number): Promise<void> =>
      new Promise((resolve, reject) => {
        const taken = lanes.submit(plan, at, until, at, (result) => {
          if (result?.status === 'done') resolve();
          else reject(new Error('the lane did not mask the range'));
        });
        if (!taken) reject(new Error('no lane took the range'));
      });
    const allThroughLanes = async (): Promise<void> => {
      await Promise.all(ranges.map((range) => throughLane(range.start, range.end)));
    };
    const allInline = (): void => {
      for (const range of ranges) kernel.run(slab.bytes, range.start, range.end, range.start);
    };
    list.push(
      { name: base, base, bytes, fn: () => void kernel.run(slab.bytes, start, end, start) },
      { name: `${label} lane, there and back`, base, bytes, fn: () => throughLane(start, end) },
      {
        name: `${label} Piscina run()`,
        base,
        bytes,
        fn: async () => {
          await pool.run({ shared: slab.shared, start, end }, { name: 'maskInTask' });
        },
      },
      { name: `${label} x${window} inline`, base, bytes: bytes * window, fn: allInline },
      { name: `${label} x${window} lanes`, base, bytes: bytes * window, fn: allThroughLanes },
    );
  }
  return list;
}

/** Ends the threads, which would keep the process alive. */
export async function close(): Promise<void> {
  await Promise.all([opened?.lanes.close(), opened?.pool.destroy()]);
}

let taskKernel: Kernel | null = null;

/** Runs in a Piscina thread. */
export function maskInTask(range: { shared: SharedArrayBuffer; start: number; end: number }): number {
  taskKernel ??= createKernel(plan);
  return taskKernel.run(new Uint8Array(range.shared), range.start, range.end, range.start).rows;
}

/** Fills at most `size` bytes from `start` with whole DataRow messages of four columns; returns their end. */
function fillRows(bytes: Uint8Array, start: number, size: number): number {
  const values = ['4711', 'Ada Lovelace', '123-45-6789', 'a note of some length, as they are in tables'].map((text) =>
    Buffer.from(text, 'latin1'),
  );
  const rowBytes = 7 + values.reduce((sum, value) => sum + 4 + value.length, 0);
  let at = start;
  for (; at + rowBytes <= start + size; at += rowBytes) {
    bytes[at] = 0x44;
    writeI32(bytes, at + 1, rowBytes - 1);
    writeU16(bytes, at + 5, values.length);
    let field = at + 7;
    for (const value of values) {
      writeI32(bytes, field, value.length);
      bytes.set(value, field + 4);
      field += 4 + value.length;
    }
  }
  return at;
}
