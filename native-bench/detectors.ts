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
import type { MaskSpec } from '../src/facts.ts';
import { clean, everyDetector, planOf, scanned, slotOf } from './sampleRows.ts';
import type { Task } from './task.ts';

export const name = 'detectors';

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

/** A pattern of a policy's own: url_password of policies/secrets.yaml. */
const own = {
  name: 'url_password',
  pattern: '[a-z][a-z0-9+.-]{1,20}://[^\\s:/@]{1,64}:[^\\s/@]{1,128}@',
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

/** Masks do not matter here: only finding is measured. */
const redact: MaskSpec = { kind: 'redact' };
const allTitle = 'all 13: scanners, per field';

export async function tasks(): Promise<Task[]> {
  const rows = clean();
  const slot = slotOf(rows);
  const spans = fields(slot.bytes, slot.start, slot.end);
  let fieldBytes = 0;
  for (let i = 0; i < spans.length; i += 2) fieldBytes += spans[i + 1] - spans[i];
  const hasher = createHasher(new Uint8Array(32));
  const range = Buffer.from(rows);
  const text = rows.toString('latin1');

  /** `work` on every field, as the kernel goes about it: the pairs are of the whole range. */
  const perField = (title: string, base: string, work: (start: number, end: number) => boolean): Task => ({
    name: title,
    base,
    bytes: fieldBytes,
    fn: () => {
      preparePairs(slot.bytes);
      for (let i = 0; i < spans.length; i += 2) nothingFound(title, work(spans[i], spans[i + 1]));
    },
  });
  const scanner = (title: string, names: readonly string[]): Task => {
    const detectors = names.map((detector) => ({ name: detector, mask: redact }));
    const scan = compileTextScan(detectors, [], 'utf8', hasher);
    return perField(title, title, (start, end) => scan.matches(slot.bytes, start, end));
  };
  /** An engine reads the range as one text, lengths of rows and fields included; it could do no better in the gate. */
  const wholeRange = (title: string, base: string, test: () => boolean): Task => ({
    name: title,
    base,
    bytes: rows.length,
    fn: () => nothingFound(title, test()),
  });
  const engines = (title: string, base: string, pattern: string): Task[] => {
    const re2 = new RE2(pattern);
    const v8 = new RegExp(pattern);
    return [
      wholeRange(`${title}: RE2, whole range`, base, () => re2.test(range)),
      wholeRange(`${title}: V8 RegExp, whole range`, base, () => v8.test(text)),
    ];
  };

  const joined = Object.values(patterns)
    .map((pattern) => `(?:${pattern})`)
    .join('|');
  const joinedRe2 = new RE2(joined);
  const joinedV8 = new RegExp(joined);
  const fieldOf = (start: number, end: number): Buffer => range.subarray(start - slot.start, end - slot.start);
  const kernel = createKernel(planOf(scanned, redact, everyDetector));
  const kernelWith = (names: readonly string[]): Task['fn'] => {
    const made = createKernel({ ...planOf(scanned, redact, [...names, own.name]), customDetectors: [own] });
    return () => void made.run(slot.bytes, slot.start, slot.end, slot.start);
  };
  const ownScan = compileTextScan([{ name: own.name, mask: redact }], [own], 'utf8', hasher);
  const ownTitle = 'own pattern, per field';
  return [
    scanner(allTitle, everyDetector),
    perField('prefilter alone, pairs of bytes', allTitle, (start, end) => suspect(slot.bytes, start, end) < 0),
    {
      name: 'kernel, all 13, clean range',
      base: allTitle,
      bytes: rows.length,
      fn: () => void kernel.run(slot.bytes, slot.start, slot.end, slot.start),
    },
    perField(ownTitle, ownTitle, (start, end) => ownScan.matches(slot.bytes, start, end)),
    { name: 'kernel, own pattern, clean range', base: ownTitle, bytes: rows.length, fn: kernelWith([]) },
    {
      name: 'kernel, all 13 and own pattern, clean range',
      base: 'kernel, all 13, clean range',
      bytes: rows.length,
      fn: kernelWith(everyDetector),
    },
    perField('all 13: RE2 joined, per field', allTitle, (start, end) => joinedRe2.test(fieldOf(start, end))),
    perField('all 13: V8 RegExp joined, per field', allTitle, (start, end) =>
      joinedV8.test(fieldOf(start, end).toString('latin1')),
    ),
    ...engines('all 13', allTitle, joined),
    ...Object.entries(patterns).flatMap(([detector, pattern]) => {
      const title = `${detector}: scanner, per field`;
      return [scanner(title, [detector]), ...engines(detector, title, pattern)];
    }),
  ];
}

/** A match ends a search early, and then the rest of the text would count as searched. */
function nothingFound(title: string, found: boolean): void {
  if (found) throw new Error(`${title}: found something in clean rows`);
}
