/**
 * Analyses of statements, found again by the bytes of their text.
 *
 * First by the exact text; else by its skeleton (see parse/skeleton.ts), if analysis has shown that no fact hangs on a
 * literal. libpg-query's own `normalize` is not used for the second: it parses, so it costs what it would save.
 * A lookup by exact text decodes nothing and allocates nothing.
 */
import { randomInt } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { i32 } from '../../../bytes/bytes.ts';
import { type Analysis, analyzeBytes } from '../facts/facts.ts';
import { type ParseFault, type ParseLimits, defaultParseLimits } from './parse.ts';
import { skeletonBytesMax, writeSkeleton } from './skeleton.ts';

export interface StatementCacheOptions {
  readonly entriesMax: number;
  /** Estimated bytes of all entries together. */
  readonly bytesMax: number;
  readonly limits: ParseLimits;
}

interface Entry {
  /** Exact text or skeleton. */
  readonly key: Uint8Array;
  readonly analysis: Analysis;
}

export class StatementCache {
  /** Keyed by a hash of the bytes; of two texts with one hash the later stays. */
  readonly #exact: LRUCache<number, Entry>;
  readonly #shapes: LRUCache<number, Entry>;
  readonly limits: ParseLimits;
  /** Unknown to clients, so that none can aim collisions at another's entries. */
  readonly #seed: number;
  readonly #scratch: Uint8Array;
  hits: number;
  shapeHits: number;
  misses: number;

  constructor(options: Partial<StatementCacheOptions> = {}) {
    const max = options.entriesMax ?? 4096;
    const maxSize = options.bytesMax ?? 32 * 1024 * 1024;
    const sizeCalculation = (entry: Entry): number => entry.analysis.bytes + entry.key.length;
    // One text may take an eighth of the room: a bulk INSERT that comes once must not drive out all others.
    const bounds = { max, maxSize: Math.ceil(maxSize / 2), maxEntrySize: Math.ceil(maxSize / 8), sizeCalculation };
    this.#exact = new LRUCache<number, Entry>(bounds);
    this.#shapes = new LRUCache<number, Entry>(bounds);
    this.limits = options.limits ?? defaultParseLimits;
    this.#seed = randomInt(0x7fffffff);
    this.#scratch = new Uint8Array(skeletonBytesMax);
    this.hits = 0;
    this.shapeHits = 0;
    this.misses = 0;
  }

  /** Analysis of the UTF-8 text in bytes[start, end), if this exact text was analysed before; else null. */
  lookup(bytes: Uint8Array, start: number, end: number): Analysis | null {
    const entry = this.#exact.get(hashOf(this.#seed, bytes, start, end));
    if (entry === undefined || !equalBytes(entry.key, bytes, start, end)) return null;
    this.hits++;
    return entry.analysis;
  }

  /** Keeps what was found out elsewhere of exactly this text. `key` is not copied. */
  keep(key: Uint8Array, analysis: Analysis): void {
    this.#exact.set(hashOf(this.#seed, key, 0, key.length), { key, analysis });
  }

  /** Analysis of the UTF-8 text in bytes[start, end): from the cache, or made and kept. Faults are not kept. */
  analyze(bytes: Uint8Array, start: number, end: number): Analysis | { fault: ParseFault } {
    const known = this.lookup(bytes, start, end);
    if (known !== null) return known;
    const length = writeSkeleton(bytes, start, end, this.#scratch);
    const shapeHash = length === -1 ? 0 : hashOf(this.#seed, this.#scratch, 0, length);
    if (length !== -1) {
      const entry = this.#shapes.get(shapeHash);
      if (entry !== undefined && equalBytes(entry.key, this.#scratch, 0, length)) {
        this.shapeHits++;
        return withText(entry.analysis, bytes, start, end);
      }
    }
    this.misses++;
    const analysis = analyzeBytes(bytes, start, end, this.limits);
    if ('fault' in analysis) return analysis;
    if (length !== -1 && analysis.literalFree && isOneStatement(analysis, bytes, start, end)) {
      this.#shapes.set(shapeHash, { key: this.#scratch.slice(0, length), analysis });
    }
    this.keep(bytes.slice(start, end), analysis);
    return analysis;
  }
}

const semicolon = 0x3b;

/** End of the only statement's text: without the semicolon that may close it. */
function textEnd(bytes: Uint8Array, start: number, end: number): number {
  return end > start && bytes[end - 1] === semicolon ? end - 1 : end;
}

/** Whether the analysis is of one statement that spans the whole text, so that its text can be cut from another's. */
function isOneStatement(analysis: Analysis, bytes: Uint8Array, start: number, end: number): boolean {
  // Texts with a skeleton are ASCII, so lengths in UTF-16 units are lengths in bytes.
  return analysis.statements.length === 1 && analysis.statements[0].text.length === textEnd(bytes, start, end) - start;
}

function withText(analysis: Analysis, bytes: Uint8Array, start: number, end: number): Analysis {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, textEnd(bytes, start, end) - start).toString(
    'latin1',
  );
  return { statements: [{ ...analysis.statements[0], text, exact: false }], literalFree: true, bytes: analysis.bytes };
}

function hashOf(seed: number, bytes: Uint8Array, start: number, end: number): number {
  let hash = seed ^ (end - start);
  let at = start;
  for (; at + 4 <= end; at += 4) {
    hash = Math.imul(hash ^ i32(bytes, at), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  for (; at < end; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193);
  return hash ^ (hash >>> 16);
}

function equalBytes(key: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  if (key.length !== length) return false;
  for (let at = 0; at < length; at++) if (key[at] !== bytes[start + at]) return false;
  return true;
}
