/** Tokens and keys that name themselves by a prefix: JWT, GitHub, Slack, Stripe, AWS. */
import {
  ascii,
  containsWord,
  indexOf,
  isAlnum,
  isBase64Byte,
  isDigit,
  isHex,
  isLower,
  isTokenByte,
  isUpper,
  startsWith,
} from './ascii.ts';
import type { Spans } from './spans.ts';

const DOT = 0x2e;
const HYPHEN = 0x2d;
const UNDERSCORE = 0x5f;

const JWT = ascii('eyJ');
/** `{"alg":1}` is the shortest thinkable header; real ones are longer. */
const JWT_PART_BYTES_MIN = 10;

/** RFC 7519 in compact form (RFC 7515, section 7.1): base64url parts joined by dots, the first a JSON object. */
export function scanJwt(src: Uint8Array, start: number, end: number, spans: Spans, id: number): void {
  for (let at = indexOf(src, start, end, JWT); at >= 0; at = indexOf(src, at, end, JWT)) {
    const header = run(src, at, end, isTokenByte);
    const glued = at > start && isTokenByte(src[at - 1]);
    let to = header;
    let dots = 0;
    while (to < end && src[to] === DOT && dots < 4) {
      to = run(src, to + 1, end, isTokenByte);
      dots++;
      if (dots === 1 && to - header - 1 < JWT_PART_BYTES_MIN) break;
    }
    if (!glued && dots >= 2 && header - at >= JWT_PART_BYTES_MIN) spans.add(at, to, id);
    at = to;
  }
}

const GITHUB_PAT = ascii('github_pat_');

/** `ghp_`, `gho_`, `ghu_`, `ghs_`, `ghr_` and fine-grained `github_pat_` tokens. */
export function scanGithub(src: Uint8Array, start: number, end: number, spans: Spans, id: number): void {
  for (let at = start + 3; at < end; at++) {
    if (src[at] !== UNDERSCORE) continue;
    let from = -1;
    if (at >= start + 10 && startsWith(src, at - 10, at + 1, GITHUB_PAT)) from = at - 10;
    else if (src[at - 3] === 0x67 && src[at - 2] === 0x68 && isGithubKind(src[at - 1])) from = at - 3;
    if (from < 0 || (from > start && isAlnum(src[from - 1]))) continue;
    const to = run(src, at + 1, end, isWordByte);
    if (to - at - 1 >= 30) {
      spans.add(from, to, id);
      at = to;
    }
  }
}

function isGithubKind(byte: number): boolean {
  return byte === 0x70 || byte === 0x6f || byte === 0x75 || byte === 0x73 || byte === 0x72;
}

const SLACK_HOOK = ascii('hooks.slack.com/');
const SLACK_APP = ascii('xapp-');
const XOX = ascii('xox');

/** Bot, user, app and refresh tokens, and the secret path of incoming web hooks. */
export function scanSlack(src: Uint8Array, start: number, end: number, spans: Spans, id: number): void {
  for (let at = start; at + 14 < end; at++) {
    const byte = src[at];
    if (byte === 0x78) {
      const hyphen = startsWith(src, at, end, SLACK_APP)
        ? at + 4
        : startsWith(src, at, end, XOX)
          ? slackHyphen(src, at + 3, end)
          : -1;
      if (hyphen < 0 || (at > start && isAlnum(src[at - 1]))) continue;
      const to = run(src, hyphen + 1, end, isTokenByte);
      if (to - hyphen - 1 < 10 || !hasDigit(src, hyphen, to)) continue;
      spans.add(at, to, id);
      at = to;
    } else if (byte === 0x68 && startsWith(src, at, end, SLACK_HOOK)) {
      const to = run(src, at + SLACK_HOOK.length, end, isBase64Byte);
      if (to - at < 40) continue;
      spans.add(at, to, id);
      at = to;
    }
  }
}

/** `xoxb-`, and `xoxe.xoxp-` with the letters in between. */
function slackHyphen(src: Uint8Array, at: number, end: number): number {
  const limit = Math.min(end, at + 8);
  if (src[at] === HYPHEN) return -1;
  for (; at < limit; at++) {
    if (src[at] === HYPHEN) return at;
    if (!isAlnum(src[at]) && src[at] !== DOT) return -1;
  }
  return -1;
}

const LIVE = ascii('_live_');
const TEST = ascii('_test_');
const WHSEC = ascii('whsec_');

/** Secret and restricted keys and web-hook secrets. Publishable keys (`pk_`) are made to be seen. */
export function scanStripe(src: Uint8Array, start: number, end: number, spans: Spans, id: number): void {
  for (let at = start; at + 20 < end; at++) {
    let body = -1;
    const key = (src[at] === 0x73 || src[at] === 0x72) && src[at + 1] === 0x6b;
    if (key && (startsWith(src, at + 2, end, LIVE) || startsWith(src, at + 2, end, TEST))) body = at + 8;
    else if (src[at] === 0x77 && startsWith(src, at, end, WHSEC)) body = at + 6;
    if (body < 0 || (at > start && isAlnum(src[at - 1]))) continue;
    const to = run(src, body, end, isBase64Byte);
    if (to - body < 16) continue;
    spans.add(at, to, id);
    at = to;
  }
}

const AWS_LABELS = [ascii('secret'), ascii('aws')];
const AWS_SECRET_BYTES = 40;
const AWS_LABEL_BYTES = 64;

/**
 * Access key ids (`AKIA..` and its siblings, 20 characters) and secret keys. A secret key is 40 characters of base64
 * without a prefix, so one must either be the whole value or follow a label; hex digests never count.
 */
export function scanAws(src: Uint8Array, start: number, end: number, spans: Spans, id: number): void {
  let labelled = false;
  for (let at = start; at < end;) {
    if (!isBase64Byte(src[at])) {
      at++;
      continue;
    }
    const to = run(src, at, end, isBase64Byte);
    if (to - at === AWS_SECRET_BYTES && isMixed(src, at, to)) {
      const from = Math.max(start, at - AWS_LABEL_BYTES);
      const whole = at === start && to === end;
      if (whole || labelled || AWS_LABELS.some((label) => containsWord(src, from, at, label))) spans.add(at, to, id);
    } else if (to - at >= 20) {
      labelled = addAccessKeys(src, at, to, spans, id) || labelled;
    }
    at = to;
  }
}

/** Access key ids within one base64 run, bounded by anything that is not a letter or digit (`/` in a credential scope). */
function addAccessKeys(src: Uint8Array, from: number, to: number, spans: Spans, id: number): boolean {
  let any = false;
  for (let at = from; at + 20 <= to;) {
    const end = run(src, at, to, isAlnum);
    if (end - at === 20 && isAccessKey(src, at)) {
      spans.add(at, end, id);
      any = true;
    }
    at = end + 1;
  }
  return any;
}

function isAccessKey(src: Uint8Array, at: number): boolean {
  if (src[at] !== 0x41 || src[at + 3] !== 0x41) {
    // A3T + one character is the oldest form.
    if (src[at] !== 0x41 || src[at + 1] !== 0x33 || src[at + 2] !== 0x54) return false;
  } else if (!AWS_KINDS.has((src[at + 1] << 8) | src[at + 2])) {
    return false;
  }
  for (let i = at + 4; i < at + 20; i++) if (!isUpper(src[i]) && !isDigit(src[i])) return false;
  return true;
}

/** The two letters between the As of an id, from the IAM reference ("unique identifiers"). */
const AWS_KINDS = new Set(
  ['BI', 'CC', 'GP', 'ID', 'IP', 'KI', 'NP', 'NV', 'PK', 'RO', 'SC', 'SI'].map(
    (k) => (k.charCodeAt(0) << 8) | k.charCodeAt(1),
  ),
);

function isMixed(src: Uint8Array, from: number, to: number): boolean {
  let upper = 0;
  let lower = 0;
  let digit = 0;
  let hex = 0;
  for (let at = from; at < to; at++) {
    if (isUpper(src[at])) upper++;
    else if (isLower(src[at])) lower++;
    else if (isDigit(src[at])) digit++;
    if (isHex(src[at])) hex++;
  }
  return upper > 0 && lower > 0 && digit > 0 && hex < to - from;
}

function isWordByte(byte: number): boolean {
  return isAlnum(byte) || byte === UNDERSCORE;
}

function run(src: Uint8Array, at: number, end: number, is: (byte: number) => boolean): number {
  while (at < end && is(src[at])) at++;
  return at;
}

function hasDigit(src: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (isDigit(src[at])) return true;
  return false;
}

const PEM_BEGIN = ascii('-----BEGIN ');
const PEM_END = ascii('-----END ');
const PRIVATE_KEY = ascii('PRIVATE KEY');
const DASHES = ascii('-----');
/** `ENCRYPTED`, `OPENSSH`, `RSA` and the like stand between BEGIN and PRIVATE KEY (RFC 7468, section 3). */
const PEM_LABEL_BYTES_MAX = 48;

/** A PEM block of a private key, from its first hyphen to the end of its last line, or of the value where it is cut. */
export function scanPrivateKey(src: Uint8Array, start: number, end: number, spans: Spans, id: number): void {
  for (let at = indexOf(src, start, end, PEM_BEGIN); at >= 0; at = indexOf(src, at, end, PEM_BEGIN)) {
    const label = at + PEM_BEGIN.length;
    const key = indexOf(src, label, Math.min(end, label + PEM_LABEL_BYTES_MAX), PRIVATE_KEY);
    if (key < 0) {
      at = label;
      continue;
    }
    const last = indexOf(src, key, end, PEM_END);
    const dashes = last < 0 ? -1 : indexOf(src, last + PEM_END.length, end, DASHES);
    const to = dashes < 0 ? end : dashes + DASHES.length;
    spans.add(at, to, id);
    at = to;
  }
}
