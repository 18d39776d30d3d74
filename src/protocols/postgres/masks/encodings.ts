/** How values in an encoding of PostgreSQL are counted in characters. */
import type { TextEncoding } from '../../../masking/plan.ts';

/** By names as the server compares them: letters and digits alone, in lower case (pg_char_to_encoding). */
const encodings: ReadonlyMap<string, TextEncoding> = new Map([
  ['utf8', 'utf8'],
  // No encoding at all: what looks like UTF-8 is counted as such, anything else is redacted whole.
  ['sqlascii', 'utf8'],
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((n) => [`latin${n}`, 'single_byte'] as const),
  ...[866, 874, 1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258].flatMap((n) => [
    [`win${n}`, 'single_byte'] as const,
    [`windows${n}`, 'single_byte'] as const,
  ]),
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16].map((n) => [`iso8859${n}`, 'single_byte'] as const),
  ['koi8r', 'single_byte'],
  ['koi8u', 'single_byte'],
]);

/** The name as it is compared. */
export function encodingKey(name: string): string {
  const key = name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return key === 'unicode' ? 'utf8' : key;
}

/** null: one that masks cannot count characters in. */
export function encodingOf(name: string): TextEncoding | null {
  return encodings.get(encodingKey(name)) ?? null;
}
