/** DataRow messages for the benches of this folder, the same in every run. */
import type { ColumnPlan, DetectorPlan, MaskPlan } from '../src/masking/plan.ts';
import { detectorNames } from '../src/masking/detectorNames.ts';
import type { MaskSpec } from '../src/facts.ts';

/** What a slot holds. */
const RANGE_BYTES = 256 * 1024;
export const HEADROOM_BYTES = 32 * 1024;

const words =
  'the parcel arrived late and the box was damaged customer asked for a refund order shipped again with express ' +
  'delivery team confirmed address on file please call back tomorrow about invoice and payment terms';
const vocabulary = words.split(' ');
const cities = ['Berlin', 'Lyon', 'Porto', 'Austin', 'Osaka', 'Leeds', 'Malmö', 'Gent'];
const names = ['Ada', 'Grace', 'Linus', 'Barbara', 'Edsger', 'Radia', 'Ken', 'Frances'];

function prose(seed: number, count: number): string {
  const out: string[] = [];
  for (let i = 0; i < count; i++) out.push(vocabulary[(seed * 7 + i * 13) % vocabulary.length]);
  return out.join(' ');
}

/** Eight columns as in the sample shop. `piiEvery`: each n-th note holds an address and a card number; 0: none does. */
function values(row: number, piiEvery: number): string[] {
  const pii = piiEvery > 0 && row % piiEvery === 0;
  return [
    String(100000 + row),
    names[row % 8],
    cities[(row * 3) % 8],
    `SKU-${(row * 37) % 9999}-${row % 7}`,
    pii ? `user${row}@example.com` : 'active',
    String((row * 7919) % 100000),
    '2024-05-17 10:22:31.123456+00',
    prose(row, 14) + (pii ? ' card 4111 1111 1111 1111 thanks' : '.'),
  ];
}

/** Customers whose e-mail, SSN and card number are columns. */
function customer(row: number): string[] {
  return [
    String(100000 + row),
    names[row % 8],
    `user${row}@example.com`,
    '123-45-6789',
    '4111111111111111',
    cities[row % 8],
    '2024-05-17 10:22:31.123456+00',
    prose(row, 10),
  ];
}

function message(row: readonly string[]): Buffer {
  const fields = row.map((value) => Buffer.from(value));
  const length = 6 + fields.reduce((sum, field) => sum + 4 + field.length, 0);
  const out = Buffer.alloc(1 + length);
  out[0] = 0x44;
  out.writeInt32BE(length, 1);
  out.writeInt16BE(row.length, 5);
  let at = 7;
  for (const field of fields) {
    out.writeInt32BE(field.length, at);
    field.copy(out, at + 4);
    at += 4 + field.length;
  }
  return out;
}

function fill(make: (row: number) => string[]): Buffer {
  const parts: Buffer[] = [];
  let size = 0;
  for (let row = 0; ; row++) {
    const next = message(make(row));
    if (size + next.length > RANGE_BYTES) return Buffer.concat(parts);
    parts.push(next);
    size += next.length;
  }
}

export const clean = (): Buffer => fill((row) => values(row, 0));
export const withPii = (every: number): Buffer => fill((row) => values(row, every));
export const customers = (): Buffer => fill(customer);

/** A slot in shared memory that holds `rows` after its headroom. */
export interface Slot {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Puts the unmasked rows back: a memory copy, cheap beside what is measured. */
  restore(): void;
}

export function slotOf(rows: Buffer): Slot {
  const bytes = new Uint8Array(new SharedArrayBuffer(HEADROOM_BYTES + rows.length));
  const restore = (): void => bytes.set(rows, HEADROOM_BYTES);
  restore();
  return { bytes, start: HEADROOM_BYTES, end: bytes.length, restore };
}

export function planOf(columns: readonly ColumnPlan[], mask: MaskSpec, names: readonly string[]): MaskPlan {
  const detectors: DetectorPlan[] = names.map((name) => ({ name, mask }));
  return {
    id: 1,
    rowFormat: 'data_row',
    copy: null,
    encoding: 'utf8',
    columns,
    detectors,
    customDetectors: [],
    hashKey: new Uint8Array(32),
  };
}

export const pass: ColumnPlan = { action: 'pass', mask: { kind: 'redact' }, type: 'text', format: 0 };
export const scan: ColumnPlan = { action: 'scan', mask: { kind: 'redact' }, type: 'text', format: 0 };
export const fixed: ColumnPlan = { action: 'scan', mask: { kind: 'redact' }, type: 'fixed', format: 0 };
export const masked = (mask: MaskSpec): ColumnPlan => ({ action: 'mask', mask, type: 'text', format: 0 });
export const scanned: readonly ColumnPlan[] = [fixed, scan, scan, scan, scan, scan, fixed, scan];
export const everyDetector: readonly string[] = detectorNames;
