/** Each mask on one column of eight, and the keyed hash with and without its cache. */
import type { MaskSpec } from '../src/facts.ts';
import { createHasher } from '../src/masking/hash.ts';
import { createKernel } from '../src/masking/kernel.ts';
import { customers, HEADROOM_BYTES, masked, pass, planOf, slotOf } from './sampleRows.ts';
import type { Task } from './task.ts';

export const name = 'masks';

const specs: readonly MaskSpec[] = [
  { kind: 'stars' },
  { kind: 'keep_first', count: 3 },
  { kind: 'keep_last', count: 4 },
  { kind: 'email' },
  { kind: 'redact' },
  { kind: 'null' },
  { kind: 'hash' },
];

export async function tasks(): Promise<Task[]> {
  const rows = customers();
  const list: Task[] = specs.map((spec) => {
    const slot = slotOf(rows);
    const kernel = createKernel(planOf([pass, pass, masked(spec), pass, pass, pass, pass, pass], spec, []));
    return {
      name: `mask ${spec.kind}: 1 of 8 columns`,
      bytes: rows.length,
      fn: () => {
        slot.restore();
        kernel.run(slot.bytes, slot.start, slot.end, slot.start - HEADROOM_BYTES);
      },
    };
  });
  const hasher = createHasher(new Uint8Array(32));
  const value = Buffer.from('00000000@example.com');
  let turn = 0;
  list.push({ name: 'hash: known value', fn: () => void hasher(rows, 40, 60) });
  list.push({
    name: 'hash: new value',
    fn: () => {
      value.write(String(turn++ % 1e8).padStart(8, '0'), 0, 'latin1');
      hasher(value, 0, value.length);
    },
  });
  return list;
}
