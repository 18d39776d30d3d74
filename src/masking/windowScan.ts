/**
 * Detectors over a value that arrives in pieces, masked in place with equal length.
 *
 * A piece is scanned with up to {@link CONTEXT_BYTES} of decoded text before it. Matches that start in the last
 * {@link HOLD_BYTES} of an unfinished value wait for the next piece, so a match shorter than that is never cut. A longer
 * one (a PEM block, a JWT) is masked as far as it is known and the state carried: the next pieces stay masked until
 * its end is seen. Matches of a policy's own pattern longer than {@link HOLD_BYTES} are masked from their start to
 * the first byte that cannot belong to a token.
 */
import { copyBytes } from './edits.ts';
import { ascii, indexOf, isDigit, isTokenByte, startsWith } from './detect/ascii.ts';
import { Folded } from './detect/fold.ts';
import { suspect } from './detect/suspect.ts';
import type { Decoder } from './windowDecode.ts';
import type { TextScan } from './textScan.ts';

/** The most that a stream asks its caller to present again. */
export const HOLD_BYTES = 4096;
const CONTEXT_BYTES = 256;

const STAR = 0x2a;
const DOT = 0x2e;
const JWT = ascii('eyJ');
const PEM_END = ascii('-----END ');
const DASHES = ascii('-----');

/**
 * How matches are overwritten. `text`: stars. `json`: digits become `1`, because a number must stay one, all else stars.
 * `array`: stars, but syntax stays. `zero`: zero bytes. `hex`: the digit 0. `refuse`: no mask of equal length exists.
 */
export type Overwrite = 'text' | 'json' | 'array' | 'zero' | 'hex' | 'refuse';

export class WindowScan {
  readonly #scan: TextScan;
  readonly #decode: Decoder;
  readonly #overwrite: Overwrite;
  readonly #pemId: number;
  readonly #jwt: boolean;
  readonly #window = new Folded();
  readonly #context = new Uint8Array(CONTEXT_BYTES);
  #contextLength = 0;
  #carry: 'none' | 'token' | 'pem' = 'none';
  #first = true;
  /** Whether anything of the current value was masked. */
  changed = false;

  /** `names`: detectors of `scan` in order. */
  constructor(scan: TextScan, names: readonly string[], decode: Decoder, overwrite: Overwrite) {
    this.#scan = scan;
    this.#decode = decode;
    this.#overwrite = overwrite;
    this.#pemId = names.indexOf('private_key');
    this.#jwt = names.includes('jwt');
  }

  /** A new value begins. */
  begin(): void {
    this.#contextLength = 0;
    this.#carry = 'none';
    this.#first = true;
    this.changed = false;
  }

  /**
   * Masks what is decided of bytes[start, end); `final`: the value ends there. Returns the offset up to which bytes may
   * go, or -1 where a match has no mask of equal length.
   */
  push(bytes: Uint8Array, start: number, end: number, final: boolean): number {
    if (!final && end - start <= HOLD_BYTES) return start;
    const window = this.#window;
    this.#load(bytes, start, end, final);
    // Index in the window up to which everything is decided.
    const release = final ? window.length : this.#releaseIndex(end - HOLD_BYTES);
    if (release <= this.#contextLength && !final) return start;
    let at = this.#contextLength;
    if (this.#carry !== 'none') at = this.#continue(bytes, at, release, final);
    if (at < 0 || !this.#maskMatches(bytes, at, release, final)) return -1;
    const released = final ? end : window.map[release];
    this.#remember(release);
    this.#first = false;
    return released;
  }

  /** Window: the context, then the decoded piece; context bytes map to the start of the piece. */
  #load(bytes: Uint8Array, start: number, end: number, final: boolean): void {
    const window = this.#window;
    const context = this.#contextLength;
    window.reset(end - start + context);
    if (window.map.length <= end - start + context) window.map = new Int32Array(window.bytes.length + 1);
    copyBytes(this.#context, 0, context, window.bytes, 0);
    window.map.fill(start, 0, context);
    window.length = context;
    this.#decode(bytes, start, end, final, this.#first, window);
  }

  #releaseIndex(limit: number): number {
    const map = this.#window.map;
    let low = this.#contextLength;
    let high = this.#window.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (map[middle] < limit) low = middle + 1;
      else high = middle;
    }
    return map[low] > limit && low > this.#contextLength ? low - 1 : low;
  }

  /** Goes on masking a match whose start was released; returns where ordinary scanning resumes, or -1. */
  #continue(bytes: Uint8Array, from: number, release: number, final: boolean): number {
    const window = this.#window;
    let to = from;
    if (this.#carry === 'pem') {
      const last = indexOf(window.bytes, from, window.length, PEM_END);
      const dashes = last < 0 ? -1 : indexOf(window.bytes, last + PEM_END.length, window.length, DASHES);
      to = dashes < 0 ? release : dashes + DASHES.length;
      if (dashes >= 0) this.#carry = 'none';
    } else {
      const limit = final ? window.length : release;
      while (to < limit && (isTokenByte(window.bytes[to]) || window.bytes[to] === DOT)) to++;
      if (to < limit) this.#carry = 'none';
    }
    return this.#mask(bytes, from, to) ? to : -1;
  }

  #maskMatches(bytes: Uint8Array, at: number, release: number, final: boolean): boolean {
    const window = this.#window;
    const suspects = suspect(window.bytes, 0, window.length) & this.#scan.bits;
    if (suspects !== 0) {
      const spans = this.#scan.detectors.scan(window.bytes, 0, window.length, suspects);
      for (let i = 0; i < spans.count; i++) {
        const from = Math.max(at, spans.from[i]);
        if (!final && from >= release) break;
        const open = !final && spans.to[i] === window.length;
        const to = open ? release : spans.to[i];
        if (to <= from) continue;
        if (!this.#mask(bytes, from, to)) return false;
        if (open) this.#carry = spans.detector[i] === this.#pemId ? 'pem' : 'token';
      }
    }
    if (final || this.#carry !== 'none' || !this.#jwt) return true;
    const token = this.#openToken(release);
    if (token < 0) return true;
    this.#carry = 'token';
    return this.#mask(bytes, Math.max(at, token), release);
  }

  /** Start of a JWT that reaches the end of the window but whose second dot is still to come, or -1. */
  #openToken(release: number): number {
    const { bytes, length } = this.#window;
    let from = length;
    while (from > 0 && (isTokenByte(bytes[from - 1]) || bytes[from - 1] === DOT)) from--;
    return from < release && startsWith(bytes, from, length, JWT) ? from : -1;
  }

  /** Overwrites window [from, to) in the source; false where that cannot be done. */
  #mask(bytes: Uint8Array, from: number, to: number): boolean {
    if (to <= from) return true;
    if (this.#overwrite === 'refuse') return false;
    const { map, bytes: text } = this.#window;
    this.changed = true;
    for (let i = from; i < to; i++) {
      const start = map[i];
      const end = map[i + 1];
      switch (this.#overwrite) {
        case 'text':
          bytes.fill(STAR, start, end);
          break;
        case 'json':
          // The decoder turns quotes that are syntax into NUL.
          if (text[i] !== 0) bytes.fill(end - start === 1 && isDigit(text[i]) ? 0x31 : STAR, start, end);
          break;
        case 'array':
          if (!isArraySyntax(text[i])) bytes.fill(STAR, start, end);
          break;
        case 'zero':
          bytes.fill(0, start, end);
          break;
        case 'hex':
          bytes.fill(0x30, start, end);
          break;
        default:
          return false;
      }
    }
    return true;
  }

  #remember(release: number): void {
    const from = Math.max(0, release - CONTEXT_BYTES);
    copyBytes(this.#window.bytes, from, release, this.#context, 0);
    this.#contextLength = release - from;
  }
}

function isArraySyntax(byte: number): boolean {
  return byte === 0x22 || byte === 0x7b || byte === 0x7d || byte === 0x2c || byte === 0x5c;
}
