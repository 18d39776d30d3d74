/**
 * Finding sensitive values in the fields of clean rows: the scanners of src/masking against RE2 and V8 RegExp with
 * comparable patterns, joined and single, over whole ranges and over fields.
 */
import RE2 from 're2';
import { createHasher } from '../src/masking/hash.ts';
import { createKernel } from '../src/masking/kernel.ts';
import { suspect } from '../src/masking/detect/suspect.ts';
import { compileTextScan } from '../src/masking/textScan.ts';
import { preparePairs } from '../src/masking/pairs.ts';
import { clean, everyDetector, planOf, scanned, slotOf } from './sampleRows.ts';

export const name = 'detectors';

interface Task {
  name: string;
  fn: () => void;
  bytes: number;
}

/** What a pattern engine can say; checksums, octet ranges and boundaries would come on top. */
const patterns: Readonly<Record<string, string>> = {
  email: '[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\\.[A-Za-z0-9-]+)*\\.[A-Za-z]{2,}',
  credit_card: '\\b[2-6][0-9]{3}(?:[ -]?[0-9]{3,6}){2,4}\\b',
  us_ssn: '\\b[0-8][0-9]{2}[- ][0-9]{2}[- ][0-9]{4}\\b',
  phone: '\\+[1-9][0-9]{0,3}(?:[ .-]?\\(?[0-9]{2,4}\\)?){2,5}',
  iban: '\\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7} ?[A-Z0-9]{1,4}\\b',
  ipv4: '\\b(?:[0-9]{1,3}\\.){3}[0-9]{1,3}\\b',
  ipv6: '(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}|[0-9a-fA-F]{1,4}::[0-9a-fA-F:]+',
  jwt: 'eyJ[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]*',
  aws_key: '\\bA[A-Z0-9]{3}[A-Z0-9]{16}\\b',
  github_token: 'gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22,}',
  slack_token: 'xox[abeoprs]-[0-9A-Za-z-]{10,}',
  stripe_key: '[sr]k_(?:live|test)_[0-9a-zA-Z]{16,}',
  private_key: '-----BEGIN [A-Z ]*PRIVATE KEY',
};

/** Offsets of the fields that are scanned, in pairs. */
function fields(bytes: Uint8Array, start: number, end: number): Int32Array {
  const found: number[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let at = start; at < end;) {
    const next = at + 1 + view.getInt32(at + 1);
    let value = at + 7;
    for (const column of scanned) {
      const length = view.getInt32(value);
      value += 4;
      if (column.type !== 'fixed') found.push(value, value + length);
      value += length;
    }
    at = next;
  }
  return Int32Array.from(found);
}

export async function tasks(): Promise<Task[]> {
  const rows = clean();
  const slot = slotOf(rows);
  const spans = fields(slot.bytes, slot.start, slot.end);
  let fieldBytes = 0;
  for (let i = 0; i < spans.length; i += 2) fieldBytes += spans[i + 1] - spans[i];
  const list: Task[] = [];
  const each = (title: string, work: (start: number, end: number) => void): void => {
    const fn = (): void => {
      preparePairs(slot.bytes);
      for (let i = 0; i < spans.length; i += 2) work(spans[i], spans[i + 1]);
    };
    list.push({ name: title, bytes: fieldBytes, fn });
  };

  each('prefilter alone, pairs of bytes', (start, end) => void suspect(slot.bytes, start, end));
  const hasher = createHasher(new Uint8Array(32));
  const all = everyDetector.map((detector) => ({ name: detector, mask: { kind: 'redact' } as const }));
  const scan = compileTextScan(all, [], 'utf8', hasher);
  each('all 13 scanners, per field', (start, end) => void scan.matches(slot.bytes, start, end));
  for (const detector of all) {
    const one = compileTextScan([detector], [], 'utf8', hasher);
    each(`${detector.name}: scanner, per field`, (start, end) => void one.matches(slot.bytes, start, end));
  }
  const kernel = createKernel(planOf(scanned, { kind: 'redact' }, everyDetector));
  list.push({
    name: 'kernel, all 13, clean range',
    bytes: rows.length,
    fn: () => void kernel.run(slot.bytes, slot.start, slot.end, slot.start),
  });

  const joined = Object.values(patterns)
    .map((pattern) => `(?:${pattern})`)
    .join('|');
  const range = Buffer.from(rows);
  const text = rows.toString('latin1');
  const overRange = (title: string, fn: () => void): void => void list.push({ name: title, bytes: rows.length, fn });
  const re2 = new RE2(joined);
  overRange('all 13: RE2 joined, whole range', () => void re2.test(range));
  const v8 = new RegExp(joined);
  overRange('all 13: V8 RegExp joined, whole range', () => void v8.test(text));
  for (const [detector, pattern] of Object.entries(patterns)) {
    const asRe2 = new RE2(pattern);
    overRange(`${detector}: RE2, whole range`, () => void asRe2.test(range));
    const asV8 = new RegExp(pattern);
    overRange(`${detector}: V8 RegExp, whole range`, () => void asV8.test(text));
  }
  return list;
}
