/** Wire bytes and plans for the tests of this folder. */
import type { CustomDetector, MaskSpec } from '../../src/facts.ts';
import { detectorNames } from '../../src/masking/detectorNames.ts';
import { createKernel } from '../../src/masking/kernel.ts';
import type {
  ColumnPlan,
  CopyOptions,
  DetectorPlan,
  KernelResult,
  MaskPlan,
  RowFormat,
  TypeClass,
} from '../../src/masking/plan.ts';

export const HASH_KEY = new Uint8Array(32).fill(7);
export const REDACT: MaskSpec = { kind: 'redact' };
export const STARS: MaskSpec = { kind: 'stars' };

export const TEXT_COPY: CopyOptions = { delimiter: 9, nullText: '\\N', quote: 34, escape: 34, header: false };
export const CSV_COPY: CopyOptions = { delimiter: 44, nullText: '', quote: 34, escape: 34, header: false };

export const ALL: readonly DetectorPlan[] = detectorNames.map((name) => ({ name, mask: REDACT }));

let planId = 1;

export interface PlanParts {
  readonly columns: readonly ColumnPlan[];
  readonly rowFormat?: RowFormat;
  readonly copy?: CopyOptions;
  readonly detectors?: readonly DetectorPlan[];
  readonly customDetectors?: readonly CustomDetector[];
  readonly encoding?: 'utf8' | 'single_byte';
}

export function plan(parts: PlanParts): MaskPlan {
  return {
    id: planId++,
    rowFormat: parts.rowFormat ?? 'data_row',
    copy: parts.copy ?? null,
    encoding: parts.encoding ?? 'utf8',
    columns: parts.columns,
    detectors: parts.detectors ?? ALL,
    customDetectors: parts.customDetectors ?? [],
    hashKey: HASH_KEY,
  };
}

export function pass(type: TypeClass = 'text'): ColumnPlan {
  return { action: 'pass', mask: REDACT, type, format: 0 };
}

export function mask(spec: MaskSpec, type: TypeClass = 'text', format: 0 | 1 = 0): ColumnPlan {
  return { action: 'mask', mask: spec, type, format };
}

export function scan(type: TypeClass = 'text', format: 0 | 1 = 0): ColumnPlan {
  return { action: 'scan', mask: REDACT, type, format };
}

export type Value = string | Uint8Array | null;

function bytesOf(value: Exclude<Value, null>): Buffer {
  return typeof value === 'string' ? Buffer.from(value, 'utf8') : Buffer.from(value);
}

export function int32(value: number): Buffer {
  const word = Buffer.alloc(4);
  word.writeInt32BE(value);
  return word;
}

export function int16(value: number): Buffer {
  const word = Buffer.alloc(2);
  word.writeInt16BE(value);
  return word;
}

export function message(type: string, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(type, 'latin1'), int32(body.length + 4), body]);
}

export function tuple(values: readonly Value[]): Buffer {
  const parts: Buffer[] = [int16(values.length)];
  for (const value of values) {
    if (value === null) parts.push(int32(-1));
    else parts.push(int32(bytesOf(value).length), bytesOf(value));
  }
  return Buffer.concat(parts);
}

export function dataRow(...values: Value[]): Buffer {
  return message('D', tuple(values));
}

export function copyLine(line: string | Uint8Array): Buffer {
  return message('d', typeof line === 'string' ? Buffer.from(line, 'utf8') : line);
}

/** Reads rows strictly; throws where any length is wrong. */
export function readRows(bytes: Buffer, type = 'D'): (Buffer | null)[][] {
  const rows: (Buffer | null)[][] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes.toString('latin1', at, at + 1) !== type) throw new Error('message type');
    const end = at + 1 + bytes.readInt32BE(at + 1);
    if (end > bytes.length) throw new Error('message length');
    const count = bytes.readInt16BE(at + 5);
    at += 7;
    const row: (Buffer | null)[] = [];
    for (let i = 0; i < count; i++) {
      const length = bytes.readInt32BE(at);
      at += 4;
      if (length < 0) row.push(null);
      else row.push(Buffer.from(bytes.subarray(at, at + length)));
      at += Math.max(0, length);
    }
    if (at !== end) throw new Error('row length');
    rows.push(row);
  }
  return rows;
}

export interface Run {
  readonly output: Buffer;
  readonly result: KernelResult;
}

/** Runs a plan over `input` in shared memory at an odd offset, between guard bytes that must survive. */
export function run(maskPlan: MaskPlan, input: Uint8Array, headroom = 4096, first = false): Run {
  const guard = 32;
  const shared = new Uint8Array(new SharedArrayBuffer(guard + headroom + input.length + guard + 3), 3);
  shared.fill(0x39);
  const start = guard + headroom;
  shared.set(input, start);
  const result = { ...createKernel(maskPlan).run(shared, start, start + input.length, guard, first) };
  for (let i = 0; i < guard; i++) {
    if (shared[i] !== 0x39 || shared[start + input.length + i] !== 0x39) throw new Error('wrote outside its range');
  }
  if (result.outputStart < guard || result.outputEnd > result.inputEnd) throw new Error('output out of place');
  return { output: Buffer.from(shared.slice(result.outputStart, result.outputEnd)), result };
}

/** Masks one row and returns its values as text, NULL as null. */
export function maskedRow(maskPlan: MaskPlan, ...values: Value[]): (string | null)[] {
  const { output, result } = run(maskPlan, dataRow(...values));
  if (result.status !== 'done') throw new Error(result.status);
  return readRows(output)[0].map((value) => (value === null ? null : value.toString('utf8')));
}
