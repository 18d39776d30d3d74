/**
 * A policy's own patterns over whole ranges of rows. One call of RE2 for each field costs more than all built-in detectors
 * together, so a range is searched first, and its fields only where that finds something.
 *
 * A miss in the range must prove that no field in it can match. What a pattern matches in a field stands in the range as it
 * does in the field, so the search finds it, or something else, unless the match hangs on what stands around it: on
 * `^`, `$`, `\b` and their like. {@link loosened} leaves these out, and a pattern with fewer conditions matches whatever it
 * matched with them, since RE2 has no negation but that of character classes. Lengths between the fields, and
 * matches that reach across them, can only make the search find too much.
 */
import RE2 from 're2';
import type { CustomDetector } from '../facts.ts';

/** Where something was found, fields of so many bytes of rows are looked at one by one. */
const blockBytes = 4096;

/**
 * The pattern without its conditions on what stands around a match; null where that is not certain to be the same pattern
 * otherwise. RE2's syntax with what its wrapper translates from JavaScript.
 */
export function loosened(pattern: string): string | null {
  let out = '';
  for (let at = 0; at < pattern.length;) {
    const char = pattern[at];
    let length = 1;
    if (char === '\\') {
      const next = pattern[at + 1];
      // `\Q..\E` quotes, and `\c$` is a control character.
      if (next === undefined || next === 'Q' || next === 'c') return null;
      length = 2;
      if ('bBAz'.includes(next)) {
        out += '(?:)';
        at += length;
        continue;
      }
    } else if (char === '[') {
      length = classLength(pattern, at);
      if (length === 0) return null;
    } else if (char === '^' || char === '$') {
      out += '(?:)';
      at++;
      continue;
    }
    out += pattern.slice(at, at + length);
    at += length;
  }
  return out;
}

/** Length of the character class that begins at `start`; 0: not certain. */
function classLength(pattern: string, start: number): number {
  let at = start + 1;
  if (pattern[at] === '^') at++;
  // To RE2 a bracket here is a character, to JavaScript the end.
  if (pattern[at] === ']') return 0;
  while (at < pattern.length) {
    if (pattern[at] === ']') return at + 1 - start;
    if (pattern[at] === '\\') {
      if (pattern[at + 1] === 'Q' || pattern[at + 1] === 'c') return 0;
      at += 2;
    } else if (pattern.startsWith('[:', at)) {
      const end = pattern.indexOf(':]', at + 2);
      if (end === -1) return 0;
      at = end + 2;
    } else at++;
  }
  return 0;
}

/** Null: a match cannot be ruled out by a search in a range. */
function searchOf(pattern: string): RE2 | null {
  const loose = loosened(pattern);
  if (loose === null) return null;
  try {
    const search = new RE2(loose);
    // What matches nothing at all is found everywhere.
    return search.test('') ? null : search;
  } catch {
    return null;
  }
}

/** The one pattern that finds what any of these finds; null where they do not go together. */
function joined(patterns: readonly string[]): RE2 | null {
  if (patterns.length < 2) return null;
  try {
    return new RE2(patterns.map((pattern) => `(?:${loosened(pattern)})`).join('|'));
  } catch {
    return null;
  }
}

export class RangeGuard {
  readonly #searches = new Map<string, RE2>();
  readonly #all: RE2 | null;
  /** Whether every pattern can be ruled out by a search. */
  readonly complete: boolean;
  #bytes: Uint8Array | null = null;
  #start = 0;
  #end = 0;
  readonly #found = new Set<string>();
  /** The range as a whole was searched in vain, so it is searched block by block. */
  #blocks = false;

  constructor(detectors: readonly CustomDetector[]) {
    for (const { pattern } of detectors) {
      const search = searchOf(pattern);
      if (search !== null) this.#searches.set(pattern, search);
    }
    this.complete = detectors.every(({ pattern }) => this.#searches.has(pattern));
    this.#all = joined([...this.#searches.keys()]);
  }

  /** Whether it can rule out anything. */
  get useful(): boolean {
    return this.#searches.size > 0;
  }

  /** Searches bytes[start, end), which must not be written to but by masks of what has been scanned. */
  open(bytes: Uint8Array, start: number, end: number): void {
    this.#look(bytes, start, end);
    this.#blocks = this.#found.size > 0;
    if (this.#blocks) this.#end = start;
  }

  /** Call for each row [row, next) of a range up to `end`, in order, before its fields are scanned. */
  reach(bytes: Uint8Array, row: number, next: number, end: number): void {
    if (!this.#blocks || next <= this.#end) return;
    this.#look(bytes, row, Math.min(end, Math.max(next, row + blockBytes)));
  }

  /** Forgets: the bytes may become others. */
  close(): void {
    this.#bytes = null;
  }

  /** No pattern matches in src[start, end), as is known without looking there. */
  ruledOut(src: Uint8Array, start: number, end: number): boolean {
    return this.complete && this.#found.size === 0 && this.#covers(src, start, end);
  }

  /** The same of one pattern. */
  rulesOut(pattern: string, src: Uint8Array, start: number, end: number): boolean {
    return this.#covers(src, start, end) && this.#searches.has(pattern) && !this.#found.has(pattern);
  }

  #covers(src: Uint8Array, start: number, end: number): boolean {
    return src === this.#bytes && start >= this.#start && end <= this.#end;
  }

  #look(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    this.#found.clear();
    const range = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
    if (this.#all !== null && !this.#all.test(range)) return;
    for (const [pattern, search] of this.#searches) if (search.test(range)) this.#found.add(pattern);
  }
}
