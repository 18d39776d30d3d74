/**
 * The prefilter: one pass over a value that says which detectors could match it at all. Most values of most rows can
 * match none, so this loop is what detection costs; it reads each byte once, adds packed counters and unites flags.
 * Unlike a joined RE2 pattern over a whole range it knows where values end. Bytes are read in pairs through a 16-bit view
 * where there is one: half the loads, twice the speed (native-bench/detectors.ts).
 */
import { pairedBytes, pairs } from '../pairs.ts';

/** One bit per family. */
export const Suspect = {
  EMAIL: 1,
  CARD: 2,
  SSN: 4,
  PHONE: 8,
  IBAN: 16,
  IPV4: 32,
  IPV6: 64,
  JWT: 128,
  AWS: 256,
  GITHUB: 512,
  SLACK: 1024,
  STRIPE: 2048,
  PRIVATE_KEY: 4096,
  CUSTOM: 8192,
  /** Bytes that {@link fold} may change. Always reported. */
  FOLD: 1 << 14,
  /** A backslash: an escape of JSON or an array literal may hide anything. Always reported. */
  BACKSLASH: 1 << 15,
} as const;

const AT = 1;
const DOT = 2;
const COLON = 4;
const HYPHEN = 8;
const UNDERSCORE = 16;
const LETTER = 32;
const CAPITAL_J = 64;
const SMALL_X = 128;
const SLASH = 256;
const FOLDS = 512;
const ESCAPE = 1024;

/** Counters above the flags: capitals in bits 16 to 27, digits above, so that blocks of 4,095 bytes never overflow. */
const ONE_CAPITAL = 1 << 16;
const ONE_DIGIT = 1 << 28;
const BLOCK_BYTES = 4095;

const CLASS = new Int32Array(256);
for (let b = 0x30; b <= 0x39; b++) CLASS[b] = ONE_DIGIT;
for (let b = 0x41; b <= 0x5a; b++) CLASS[b] = ONE_CAPITAL | LETTER;
for (let b = 0x61; b <= 0x7a; b++) CLASS[b] = LETTER;
CLASS[0x40] |= AT;
CLASS[0x2e] |= DOT;
CLASS[0x3a] |= COLON;
CLASS[0x2d] |= HYPHEN;
CLASS[0x5f] |= UNDERSCORE;
CLASS[0x4a] |= CAPITAL_J;
CLASS[0x78] |= SMALL_X;
CLASS[0x2f] |= SLASH;
CLASS[0x5c] |= ESCAPE;
CLASS[0xc2] |= FOLDS;
CLASS[0xe2] |= FOLDS;
CLASS[0xef] |= FOLDS;

/** The classes of two bytes, united and added. Text uses few of the pairs, so the lines in use stay in the first cache. */
const PAIR_CLASS = new Int32Array(65536);
for (let pair = 0; pair < 65536; pair++) {
  const a = CLASS[pair & 0xff];
  const b = CLASS[pair >>> 8];
  PAIR_CLASS[pair] = ((a | b) & 0xffff) | (((a >>> 16) + (b >>> 16)) << 16);
}

/** Bits of {@link Suspect} that src[start, end) may satisfy. Never misses what a scanner would find in these bytes. */
export function suspect(src: Uint8Array, start: number, end: number): number {
  if (src === pairedBytes && end - start <= BLOCK_BYTES) return suspectPairs(src, start, end);
  let flags = 0;
  let capitals = 0;
  let digits = 0;
  for (let at = start; at < end;) {
    const stop = end - at > BLOCK_BYTES ? at + BLOCK_BYTES : end;
    let counts = 0;
    for (; at < stop; at++) {
      const t = CLASS[src[at]];
      flags |= t;
      counts += t >>> 16;
    }
    capitals += counts & 0xfff;
    digits += counts >>> 12;
  }
  return judge(flags, capitals, digits, end - start);
}

function suspectPairs(src: Uint8Array, start: number, end: number): number {
  const origin = src.byteOffset;
  let flags = 0;
  let counts = 0;
  let at = start;
  if (((origin + at) & 1) !== 0 && at < end) {
    flags = CLASS[src[at++]];
    counts = flags >>> 16;
  }
  const last = (origin + end) >> 1;
  let pair = (origin + at) >> 1;
  for (; pair < last - 1; pair += 2) {
    const t = PAIR_CLASS[pairs[pair]];
    const u = PAIR_CLASS[pairs[pair + 1]];
    flags |= t | u;
    counts = (counts + (t >>> 16) + (u >>> 16)) | 0;
  }
  if (pair < last) {
    const t = PAIR_CLASS[pairs[pair]];
    flags |= t;
    counts = (counts + (t >>> 16)) | 0;
  }
  if (((origin + end) & 1) !== 0 && at < end) {
    const t = CLASS[src[end - 1]];
    flags |= t;
    counts = (counts + (t >>> 16)) | 0;
  }
  return judge(flags, counts & 0xfff, counts >>> 12, end - start);
}

function judge(flags: number, capitals: number, digits: number, length: number): number {
  let bits = Suspect.CUSTOM;
  if (digits >= 4) {
    if (digits >= 8) bits |= Suspect.PHONE;
    if (digits >= 9) bits |= Suspect.SSN;
    if (digits >= 13) bits |= Suspect.CARD;
    if (length >= 15 && (flags & LETTER) !== 0) bits |= Suspect.IBAN;
    if (length >= 7 && (flags & DOT) !== 0) bits |= Suspect.IPV4;
  }
  if ((flags & ~LETTER & 0xffff) === 0) return bits | (capitals >= 4 && length >= 20 ? Suspect.AWS : 0);
  if ((flags & AT) !== 0) bits |= Suspect.EMAIL;
  if ((flags & COLON) !== 0 && digits > 0) bits |= Suspect.IPV6;
  if ((flags & FOLDS) !== 0) bits |= Suspect.FOLD;
  if ((flags & ESCAPE) !== 0) bits |= Suspect.BACKSLASH;
  if (length < 15) return bits;
  if ((flags & (DOT | CAPITAL_J)) === (DOT | CAPITAL_J)) bits |= Suspect.JWT;
  if (capitals >= 4 && length >= 20) bits |= Suspect.AWS;
  if ((flags & UNDERSCORE) !== 0 && length >= 22) bits |= Suspect.STRIPE | Suspect.GITHUB;
  if ((flags & SMALL_X) !== 0 && (flags & HYPHEN) !== 0) bits |= Suspect.SLACK;
  if ((flags & SLASH) !== 0 && length >= 40) bits |= Suspect.SLACK;
  if ((flags & HYPHEN) !== 0 && capitals >= 15) bits |= Suspect.PRIVATE_KEY;
  return bits;
}
