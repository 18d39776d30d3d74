/** International bank account numbers: ISO 13616 country lengths (SWIFT registry) and the mod-97 check. */
import { isAlnum, isDigit, isLetter } from './ascii.ts';
import type { Spans } from './spans.ts';

const LENGTHS =
  'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ' +
  'ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 ' +
  'LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 ' +
  'PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30';

/** Length by (first letter, second letter), 0 where there is no such country. */
const LENGTH = new Uint8Array(26 * 26);
for (const entry of LENGTHS.split(' ')) {
  LENGTH[(entry.charCodeAt(0) - 0x41) * 26 + entry.charCodeAt(1) - 0x41] = Number(entry.slice(2));
}

export function scanIban(src: Uint8Array, start: number, end: number, spans: Spans, id: number): void {
  let low = start;
  // Two check digits follow the letters: every second byte is enough to see one of them.
  for (let probe = start + 2; probe < end; probe += 2) {
    if (!isDigit(src[probe])) continue;
    for (let at = Math.max(low, probe - 3); at <= probe - 2; at++) {
      const to = startsIban(src, start, at, end) ? ibanEnd(src, at, end) : -1;
      if (to < 0) continue;
      spans.add(at, to, id);
      low = to;
      probe = to;
      break;
    }
  }
}

function startsIban(src: Uint8Array, start: number, at: number, end: number): boolean {
  if (at + 15 > end || !isDigit(src[at + 2]) || !isDigit(src[at + 3])) return false;
  return isLetter(src[at]) && isLetter(src[at + 1]) && (at === start || !isAlnum(src[at - 1]));
}

/** End of the number at `at`, or -1. Single spaces or hyphens may stand between characters. */
function ibanEnd(src: Uint8Array, at: number, end: number): number {
  const length = LENGTH[((src[at] | 0x20) - 0x61) * 26 + (src[at + 1] | 0x20) - 0x61];
  if (length === 0) return -1;
  let taken = 0;
  let to = at;
  while (to < end && taken < length) {
    const byte = src[to];
    if (isAlnum(byte)) taken++;
    else if ((byte !== 0x20 && byte !== 0x2d) || !isAlnum(src[to - 1])) return -1;
    to++;
  }
  if (taken < length || (to < end && isAlnum(src[to]))) return -1;
  // ISO 7064 reads the number with its first four characters moved to the end.
  return remainder(src, at, at + 4, remainder(src, at + 4, to, 0)) === 1 ? to : -1;
}

function remainder(src: Uint8Array, from: number, to: number, sum: number): number {
  for (let at = from; at < to; at++) {
    const byte = src[at];
    if (isDigit(byte)) sum = (sum * 10 + byte - 0x30) % 97;
    else if (isLetter(byte)) sum = (sum * 100 + (byte | 0x20) - 0x57) % 97;
  }
  return sum;
}
