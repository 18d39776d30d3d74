/**
 * SASLprep (RFC 4013) as PostgreSQL applies it to passwords: both ends must derive the same bytes, so its departures
 * from the RFC are kept. A password that is not valid text, or that SASLprep refuses, is used as it is.
 */
import { contains, leftToRight, prohibited, rightToLeft, unassigned } from './stringprep.ts';

/** Table C.1.2: space characters above ASCII, mapped to a space (U+200B stands in B.1 too; the server takes this one). */
const otherSpaces = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu;
/** Table B.1: commonly mapped to nothing. */
const mappedToNothing = /\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/gu;

/** The bytes of a password that go into key derivation. */
export function preparePassword(password: string): Buffer {
  const raw = Buffer.from(password, 'utf8');
  // The server leaves pure ASCII alone, control characters included.
  if (raw.length === password.length || !password.isWellFormed()) return raw;
  const prepared = password.replaceAll(otherSpaces, ' ').replaceAll(mappedToNothing, '').normalize('NFKC');
  return isAcceptable(prepared) ? Buffer.from(prepared, 'utf8') : raw;
}

function isAcceptable(text: string): boolean {
  let anyLeftToRight = false;
  const points: number[] = [];
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    if (point < 0x20 || point === 0x7f || contains(prohibited, point) || contains(unassigned, point)) return false;
    anyLeftToRight ||= contains(leftToRight, point);
    points.push(point);
  }
  if (points.length === 0) return false;
  // RFC 3454, section 6: right-to-left text stands alone, and at both ends.
  if (!points.some((point) => contains(rightToLeft, point))) return true;
  return !anyLeftToRight && contains(rightToLeft, points[0]) && contains(rightToLeft, points[points.length - 1]);
}
