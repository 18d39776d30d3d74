/**
 * Detectors that start from digits: payment cards, US social-security numbers, telephone numbers.
 *
 * The scanner cuts a value into chains: groups of digits joined by single separators. Every rule is then a question
 * about the groups of one chain, so that a number inside a longer one is never mistaken for a whole.
 */
import { ascii, containsWord, isAlnum, isDigit } from './ascii.ts';
import type { Spans } from './spans.ts';

const SPACE = 0x20;
const HYPHEN = 0x2d;
const DOT = 0x2e;
const SLASH = 0x2f;
const PLUS = 0x2b;
const OPEN = 0x28;
const CLOSE = 0x29;

/** Longer chains are cut; a number has at most 8 groups, so the overlap below loses none. */
const GROUPS_MAX = 64;
const GROUPS_OVERLAP = 12;
/** How far before a bare number its label ("SSN: ") may stand. */
const LABEL_BYTES = 24;

const SSN_LABELS = [ascii('ssn'), ascii('social sec'), ascii('socialsec'), ascii('soc sec')];

const groupAt = new Int32Array(GROUPS_MAX);
const groupEnd = new Int32Array(GROUPS_MAX);
/** Separator after each group: its byte, or 0 after the last of the chain. `(`, `)` and pairs with them count as one. */
const groupSep = new Uint8Array(GROUPS_MAX);
let groups = 0;

/** Ids of the three detectors in the plan, or -1 where one is not wanted. */
export interface DigitDetectors {
  card: number;
  ssn: number;
  phone: number;
}

export function scanDigits(src: Uint8Array, start: number, end: number, spans: Spans, ids: DigitDetectors): void {
  let at = start;
  while (at < end) {
    if (!isDigit(src[at])) {
      at++;
      continue;
    }
    const next = readChain(src, at, end);
    if (groupEnd[groups - 1] - at >= 8) {
      if (ids.card >= 0) findCards(src, start, spans, ids.card);
      if (ids.ssn >= 0) findSsns(src, start, end, spans, ids.ssn);
      if (ids.phone >= 0) findPhones(src, start, end, spans, ids.phone);
    }
    at = next;
  }
}

/** Reads the chain at `at`; returns where to go on. */
function readChain(src: Uint8Array, at: number, end: number): number {
  groups = 0;
  for (;;) {
    groupAt[groups] = at;
    while (at < end && isDigit(src[at])) at++;
    groupEnd[groups] = at;
    const separator = separatorEnd(src, at, end);
    groupSep[groups++] = separator < 0 ? 0 : src[at];
    if (separator < 0) return at;
    if (groups === GROUPS_MAX) return groupAt[groups - GROUPS_OVERLAP];
    at = separator;
  }
}

/** Where the next group starts if src[at..] is one separator, or -1. Telephone numbers also have `) `, ` (`, `)-`. */
function separatorEnd(src: Uint8Array, at: number, end: number): number {
  if (at + 1 >= end) return -1;
  const byte = src[at];
  if (byte !== SPACE && byte !== HYPHEN && byte !== DOT && byte !== SLASH && byte !== CLOSE && byte !== OPEN) return -1;
  let next = at + 1;
  while (next < end && next < at + 3 && (src[next] === OPEN || src[next] === CLOSE || src[next] === SPACE)) next++;
  return next < end && isDigit(src[next]) ? next : -1;
}

// --- payment cards: ISO/IEC 7812, 13 to 19 digits, Luhn

function findCards(src: Uint8Array, start: number, spans: Spans, id: number): void {
  let first = 0;
  while (first < groups) {
    const last = cardEnd(src, start, first);
    if (last >= 0) spans.add(groupAt[first], groupEnd[last], id);
    first = last >= 0 ? last + 1 : first + 1;
  }
}

/** Index of the last group of the longest card number that starts with group `first`, or -1. */
function cardEnd(src: Uint8Array, start: number, first: number): number {
  const from = groupAt[first];
  // The fraction of a decimal number is not a card number.
  if (from - start >= 2 && src[from - 1] === DOT && isDigit(src[from - 2])) return -1;
  let digits = 0;
  let best = -1;
  for (let last = first; last < groups; last++) {
    const size = groupEnd[last] - groupAt[last];
    digits += size;
    if (digits > 19) break;
    if (digits >= 13 && issued(src, first, digits) && luhn(src, groupAt[first], groupEnd[last])) best = last;
    // Groups of one or two digits are lists of small numbers, except at the end of the number.
    if (size < 3) break;
    const sep = groupSep[last];
    if (sep !== SPACE && sep !== HYPHEN && sep !== DOT) break;
    if (groupAt[last + 1] - groupEnd[last] !== 1) break;
  }
  return best;
}

/** Whether some issuer has numbers of this length under the first four digits. */
function issued(src: Uint8Array, first: number, digits: number): boolean {
  let prefix = 0;
  let taken = 0;
  for (let group = first; taken < 4; group++) {
    for (let at = groupAt[group]; at < groupEnd[group] && taken < 4; at++, taken++) {
      prefix = prefix * 10 + src[at] - 0x30;
    }
  }
  const two = (prefix / 100) | 0;
  if (two >= 40 && two <= 49) return digits === 13 || digits === 16 || digits === 19;
  if (two >= 51 && two <= 55) return digits === 16;
  if (prefix >= 2221 && prefix <= 2720) return digits === 16;
  if (prefix >= 2200 && prefix <= 2205) return digits >= 16;
  if (two === 34 || two === 37) return digits === 15;
  if (two === 36 || two === 38 || two === 39 || (prefix >= 3000 && prefix <= 3059)) return digits >= 14;
  if (prefix >= 3528 && prefix <= 3589) return digits >= 16;
  if (two >= 81 && two <= 82) return digits >= 16;
  return two === 50 || (two >= 56 && two <= 69);
}

function luhn(src: Uint8Array, from: number, to: number): boolean {
  let sum = 0;
  let twice = false;
  for (let at = to - 1; at >= from; at--) {
    if (!isDigit(src[at])) continue;
    const digit = src[at] - 0x30;
    sum += twice ? (digit > 4 ? digit * 2 - 9 : digit * 2) : digit;
    twice = !twice;
  }
  return sum % 10 === 0;
}

// --- US social-security numbers: area, group and serial as the Social Security Administration assigns them

function findSsns(src: Uint8Array, start: number, end: number, spans: Spans, id: number): void {
  for (let first = 0; first < groups; first++) {
    const size = groupEnd[first] - groupAt[first];
    if (size === 9 && labelled(src, start, groupAt[first], SSN_LABELS) && validSsn(src, groupAt[first], 0)) {
      spans.add(groupAt[first], groupEnd[first], id);
    } else if (size === 3 && first + 2 < groups && isSsn(src, start, end, first)) {
      spans.add(groupAt[first], groupEnd[first + 2], id);
      first += 2;
    }
  }
}

function isSsn(src: Uint8Array, start: number, end: number, first: number): boolean {
  const sep = groupSep[first];
  if (sep !== HYPHEN && sep !== SPACE && sep !== DOT) return false;
  if (groupSep[first + 1] !== sep) return false;
  if (groupEnd[first + 1] - groupAt[first + 1] !== 2 || groupEnd[first + 2] - groupAt[first + 2] !== 4) return false;
  if (groupAt[first + 1] - groupEnd[first] !== 1 || groupAt[first + 2] - groupEnd[first + 1] !== 1) return false;
  const from = groupAt[first];
  const to = groupEnd[first + 2];
  // Part of a longer code with the same separator, such as a part number, or glued to a word.
  if (from > start && (isAlnum(src[from - 1]) || (first > 0 && sep !== SPACE && groupSep[first - 1] === sep)))
    return false;
  if (to < end && isAlnum(src[to])) return false;
  if (sep !== SPACE && groupSep[first + 2] === sep) return false;
  return validSsn(src, from, 1);
}

/** Whether the nine digits from `from`, with `gap` bytes between the parts, are an assignable number. */
function validSsn(src: Uint8Array, from: number, gap: number): boolean {
  const area = number(src, from, 3);
  const group = number(src, from + 3 + gap, 2);
  const serial = number(src, from + 5 + 2 * gap, 4);
  return area !== 0 && area !== 666 && area < 900 && group !== 0 && serial !== 0;
}

function number(src: Uint8Array, from: number, size: number): number {
  let value = 0;
  for (let at = from; at < from + size; at++) value = value * 10 + src[at] - 0x30;
  return value;
}

/** Whether one of `labels` stands shortly before `at`. */
function labelled(src: Uint8Array, start: number, at: number, labels: readonly Uint8Array[]): boolean {
  const from = Math.max(start, at - LABEL_BYTES);
  for (const label of labels) if (containsWord(src, from, at, label)) return true;
  return false;
}

// --- telephone numbers: E.164, North America, and national forms with a trunk prefix 0

const PHONE_LABELS = [ascii('phone'), ascii('mobile'), ascii('tel'), ascii('cell'), ascii('fax'), ascii('call')];

function findPhones(src: Uint8Array, start: number, end: number, spans: Spans, id: number): void {
  let first = 0;
  while (first < groups) {
    const at = groupAt[first];
    const plus =
      at > start && src[at - 1] === PLUS ? 1 : at > start + 1 && src[at - 1] === OPEN && src[at - 2] === PLUS ? 2 : 0;
    let last = -1;
    let from = at;
    if (plus > 0) {
      last = e164End(src, start, first, plus);
      from = at - plus;
    } else if (startsNumber(src, start, first)) {
      last = nationalEnd(src, start, end, first);
      if (at > start && src[at - 1] === OPEN) from = at - 1;
    }
    if (last >= 0) spans.add(from, groupEnd[last], id);
    first = last >= 0 ? last + 1 : first + 1;
  }
}

/** Not glued to a word, a decimal point, or a longer code before it. */
function startsNumber(src: Uint8Array, start: number, first: number): boolean {
  const at = groupAt[first];
  if (at > start && (isAlnum(src[at - 1]) || src[at - 1] === 0x5f)) return false;
  if (first === 0)
    return (
      at === start ||
      (src[at - 1] !== HYPHEN && src[at - 1] !== SLASH && src[at - 1] !== DOT) ||
      at - 1 === start ||
      !isAlnum(src[at - 2])
    );
  return groupSep[first - 1] === SPACE || groupSep[first - 1] === OPEN;
}

/** `+` and 8 to 15 digits in groups. */
function e164End(src: Uint8Array, start: number, first: number, plus: number): number {
  const before = groupAt[first] - plus - 1;
  // "1+23" is a sum, "abc+123" a tag in an address.
  if (before >= start && isAlnum(src[before])) return -1;
  if (src[groupAt[first]] === 0x30) return -1;
  let digits = 0;
  let best = -1;
  for (let last = first; last < groups; last++) {
    const size = groupEnd[last] - groupAt[last];
    digits += size;
    if (digits > 15) break;
    if (digits >= 8) best = last;
    if (digits >= 10 && groupSep[last] === SPACE && nextLooksForeign(last)) break;
  }
  return best;
}

/** A date or a time that follows the number after a space: its groups are joined by something else. */
function nextLooksForeign(last: number): boolean {
  const sep = groupSep[last + 1];
  return last + 1 < groups && (sep === SLASH || sep === DOT || groupEnd[last + 1] - groupAt[last + 1] > 4);
}

function nationalEnd(src: Uint8Array, start: number, end: number, first: number): number {
  const size = groupEnd[first] - groupAt[first];
  const digit = src[groupAt[first]];
  if (size === 3 && digit >= 0x32) return nanpEnd(end, src, first);
  if (size === 1 && digit === 0x31 && first + 3 < groups && src[groupAt[first + 1]] >= 0x32) {
    return nanpEnd(end, src, first + 1);
  }
  if (digit === 0x30 && size >= 2) return trunkEnd(src, end, first, size);
  if ((size === 10 && digit >= 0x32) || (size === 11 && digit === 0x31)) {
    return labelled(src, start, groupAt[first], PHONE_LABELS) ? first : -1;
  }
  return -1;
}

/** Area code, exchange, line: 3-3-4. */
function nanpEnd(end: number, src: Uint8Array, first: number): number {
  if (first + 2 >= groups || groupEnd[first] - groupAt[first] !== 3) return -1;
  if (groupEnd[first + 1] - groupAt[first + 1] !== 3 || groupEnd[first + 2] - groupAt[first + 2] !== 4) return -1;
  if (groupSep[first] === SLASH && groupSep[first + 1] === SLASH) return -1;
  const to = groupEnd[first + 2];
  if (to < end && isAlnum(src[to])) return -1;
  const after = groupSep[first + 2];
  return after === 0 || after === SPACE ? first + 2 : -1;
}

/** `0` and an area code, or `00` and a country code, in at least two groups; never a date such as 01.02.2024. */
function trunkEnd(src: Uint8Array, end: number, first: number, size: number): number {
  const international = src[groupAt[first] + 1] === 0x30;
  if (international && (size < 3 || src[groupAt[first] + 2] === 0x30) && size !== 2) return -1;
  if (international && size === 2 && groupSep[first] !== SPACE) return -1;
  const least = international ? 11 : 9;
  const most = international ? 16 : 12;
  const second = first + 1 < groups ? groupEnd[first + 1] - groupAt[first + 1] : 0;
  const third = first + 2 < groups ? groupEnd[first + 2] - groupAt[first + 2] : 0;
  if (size === 2 && second === 2 && third === 4) return -1;
  let digits = size;
  let best = -1;
  for (let last = first + 1; last < groups; last++) {
    const length = groupEnd[last] - groupAt[last];
    digits += length;
    if (length < 2 || digits > most) break;
    if (digits >= least) best = last;
  }
  if (best < 0 || groupSep[best] === HYPHEN || groupSep[best] === DOT) return -1;
  return groupEnd[best] < end && isAlnum(src[groupEnd[best]]) ? -1 : best;
}
