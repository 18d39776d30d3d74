/** Compiles the detectors of a plan into one scanner over a value. */
import RE2 from 're2';
import { scanDigits, type DigitDetectors } from './detect/digits.ts';
import { scanEmail } from './detect/email.ts';
import { fold, Folded } from './detect/fold.ts';
import { scanIban } from './detect/iban.ts';
import { scanIpv4, scanIpv6 } from './detect/network.ts';
import { scanAws, scanGithub, scanJwt, scanPrivateKey, scanSlack, scanStripe } from './detect/secrets.ts';
import { Spans, type Scanner } from './detect/spans.ts';
import { suspect, Suspect } from './detect/suspect.ts';
import { detectorNames, type DetectorName } from './detectorNames.ts';
import { copyBytes } from './edits.ts';
import type { RangeGuard } from './ownPatterns.ts';
import type { TextEncoding } from './plan.ts';
import type { CustomDetector } from '../facts.ts';

interface Entry {
  readonly bit: number;
  readonly scan: Scanner | null;
}

/** Built-in detectors by name. The three digit detectors share one scanner, so they have none of their own here. */
const builtIn: Readonly<Record<DetectorName, Entry>> = {
  email: { bit: Suspect.EMAIL, scan: scanEmail },
  credit_card: { bit: Suspect.CARD, scan: null },
  us_ssn: { bit: Suspect.SSN, scan: null },
  phone: { bit: Suspect.PHONE, scan: null },
  iban: { bit: Suspect.IBAN, scan: scanIban },
  ipv4: { bit: Suspect.IPV4, scan: scanIpv4 },
  ipv6: { bit: Suspect.IPV6, scan: scanIpv6 },
  jwt: { bit: Suspect.JWT, scan: scanJwt },
  aws_key: { bit: Suspect.AWS, scan: scanAws },
  github_token: { bit: Suspect.GITHUB, scan: scanGithub },
  slack_token: { bit: Suspect.SLACK, scan: scanSlack },
  stripe_key: { bit: Suspect.STRIPE, scan: scanStripe },
  private_key: { bit: Suspect.PRIVATE_KEY, scan: scanPrivateKey },
};

export interface DetectorSet {
  /** Bits of {@link Suspect} that some detector of the set answers to, with FOLD where the encoding is UTF-8. */
  readonly bits: number;
  /**
   * Finds everything in src[start, end). The spans are sorted, do not overlap, and are valid until the next call.
   * `suspects`: what {@link suspect} said of these bytes.
   */
  scan(src: Uint8Array, start: number, end: number, suspects: number): Spans;
}

/**
 * `names[i]` is a built-in or custom detector; spans carry `i`. `strength[i]` decides where spans overlap.
 * A name that is neither throws: policies are checked when they are loaded. `guard`: what is known of the range that values
 * stand in; null where they stand in none.
 */
export function compileDetectors(
  names: readonly string[],
  custom: readonly CustomDetector[],
  strength: Int32Array,
  encoding: TextEncoding,
  guard: RangeGuard | null,
): DetectorSet {
  const scanners: { bit: number; scan: Scanner; id: number }[] = [];
  const digits: DigitDetectors = { card: -1, ssn: -1, phone: -1 };
  let bits = encoding === 'utf8' ? Suspect.FOLD : 0;
  names.forEach((name, id) => {
    const entry = entryOf(name, custom, guard);
    bits |= entry.bit;
    if (entry.scan !== null) scanners.push({ bit: entry.bit, scan: entry.scan, id });
    else if (entry.bit === Suspect.CARD) digits.card = id;
    else if (entry.bit === Suspect.SSN) digits.ssn = id;
    else digits.phone = id;
  });
  const wanted: DigitDetectors = { card: -1, ssn: -1, phone: -1 };
  const spans = new Spans();
  const folded = new Folded();

  const collect = (src: Uint8Array, start: number, end: number, suspects: number): void => {
    wanted.card = (suspects & Suspect.CARD) !== 0 ? digits.card : -1;
    wanted.ssn = (suspects & Suspect.SSN) !== 0 ? digits.ssn : -1;
    wanted.phone = (suspects & Suspect.PHONE) !== 0 ? digits.phone : -1;
    if (wanted.card >= 0 || wanted.ssn >= 0 || wanted.phone >= 0) scanDigits(src, start, end, spans, wanted);
    for (let i = 0; i < scanners.length; i++) {
      const entry = scanners[i];
      if ((entry.bit & suspects) !== 0) entry.scan(src, start, end, spans, entry.id);
    }
  };

  return {
    bits,
    scan(src, start, end, suspects) {
      spans.clear();
      if ((suspects & bits & Suspect.FOLD) !== 0 && fold(src, start, end, folded)) {
        collect(folded.bytes, 0, folded.length, suspect(folded.bytes, 0, folded.length));
        for (let i = 0; i < spans.count; i++) {
          spans.from[i] = folded.map[spans.from[i]];
          spans.to[i] = folded.map[spans.to[i]];
        }
      } else {
        collect(src, start, end, suspects);
      }
      spans.unite(strength);
      return spans;
    },
  };
}

function entryOf(name: string, custom: readonly CustomDetector[], guard: RangeGuard | null): Entry {
  const known = detectorNames.find((builtInName) => builtInName === name);
  if (known !== undefined) return builtIn[known];
  const own = custom.find((detector) => detector.name === name);
  if (own === undefined) throw new Error(`no such detector: ${name}`);
  return { bit: Suspect.CUSTOM, scan: customScanner(own.pattern, guard) };
}

/**
 * RE2 runs in linear time whatever the pattern, which V8's engine does not promise. It reads a private copy: offsets of
 * matches in a Buffer are in bytes, and a match must not see the bytes around the value.
 */
function customScanner(pattern: string, guard: RangeGuard | null): Scanner {
  const expression = new RE2(pattern, 'g');
  let copy = Buffer.alloc(1024);
  return (src, start, end, spans, id) => {
    if (guard !== null && guard.rulesOut(pattern, src, start, end)) return;
    if (end - start > copy.length) copy = Buffer.alloc((end - start) * 2);
    copyBytes(src, start, end, copy, 0);
    const text = copy.subarray(0, end - start);
    expression.lastIndex = 0;
    for (let match = expression.exec(text); match !== null; match = expression.exec(text)) {
      const from = match.index;
      const to = expression.lastIndex;
      // An empty match hides nothing and would never advance.
      if (to > from) spans.add(start + from, start + to, id);
      else expression.lastIndex = to + 1;
      if (expression.lastIndex > text.length) break;
    }
  };
}
