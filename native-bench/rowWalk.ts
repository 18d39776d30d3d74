/** Walking DataRow messages in a slot: nothing to do, three columns masked, everything scanned. */
import { createKernel } from '../src/masking/kernel.ts';
import type { ColumnPlan } from '../src/masking/plan.ts';
import type { MaskSpec } from '../src/facts.ts';
import { clean, customers, everyDetector, masked, pass, planOf, scanned, slotOf, withPii } from './sampleRows.ts';
import type { Task } from './task.ts';

export const name = 'rowWalk';

function task(title: string, columns: readonly ColumnPlan[], rows: Buffer, detectors: readonly string[]): Task {
  const slot = slotOf(rows);
  const kernel = createKernel(planOf(columns, { kind: 'redact' }, detectors));
  return {
    name: title,
    bytes: rows.length,
    fn: () => {
      slot.restore();
      kernel.run(slot.bytes, slot.start, slot.end, 0);
    },
  };
}

function threeOfEight(email: MaskSpec, ssn: MaskSpec, card: MaskSpec): readonly ColumnPlan[] {
  return [pass, pass, masked(email), masked(ssn), masked(card), pass, pass, pass];
}

export async function tasks(): Promise<Task[]> {
  const keep: MaskSpec = { kind: 'keep_last', count: 4 };
  const redact: MaskSpec = { kind: 'redact' };
  const hash: MaskSpec = { kind: 'hash' };
  const rows = customers();
  const eight = Array.from({ length: 8 }, () => pass);
  return [
    task('walk only, 8 columns', eight, rows, []),
    task('3 of 8 masked, equal lengths', threeOfEight({ kind: 'email' }, keep, keep), rows, []),
    task('3 of 8 masked, lengths change', threeOfEight(redact, redact, redact), rows, []),
    task('1 of 8 hashed, values repeat', threeOfEight(keep, hash, keep), rows, []),
    task('all detectors, clean rows', scanned, clean(), everyDetector),
    task('all detectors, 1 row in 8 matches', scanned, withPii(8), everyDetector),
    task('all detectors, every row matches', scanned, withPii(1), everyDetector),
  ];
}
