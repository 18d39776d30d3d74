/**
 * SASLprep (RFC 4013, tables of RFC 3454) as PostgreSQL applies it to passwords: what cannot be prepared is used as it
 * is. Client and server thus agree on "any password", not only on those that the RFC allows.
 *
 * Two tables are approximated, because Unicode 3.2 has hundreds of ranges in them: unassigned code points (A.1) are
 * taken as allowed, and "left-to-right" (D.2) as every other letter. It changes the result only for passwords that mix
 * such characters with some that normalization changes; they then fail to log in, never the reverse.
 */

/** C.1.2: other spaces, which become a plain one. */
const spaces = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu;
/** B.1: characters that become nothing. U+200B is in both tables; PostgreSQL looks for spaces first. */
const nothing = /\u00ad|\u034f|\u1806|[\u180b-\u180d]|[\u200c\u200d]|\u2060|[\ufe00-\ufe0f]|\ufeff/gu;
/** C.1.2, C.2.1, C.2.2, C.3, C.4, C.5, C.6, C.7, C.8 and C.9. */
const prohibited =
  // oxlint-disable-next-line no-control-regex, no-misleading-character-class
  /[\u0000-\u001f\u007f-\u00a0\u0340\u0341\u06dd\u070f\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u2063\u206a-\u206f\u2ff0-\u2ffb\u3000\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufeff\ufff9-\uffff\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}\u{f0000}-\u{10ffff}]|[\p{Noncharacter_Code_Point}]/u;
/** D.1: right-to-left letters. */
const rightToLeft =
  /[\u05be\u05c0\u05c3\u05d0-\u05ea\u05f0-\u05f4\u061b\u061f\u0621-\u063a\u0640-\u064a\u066d-\u066f\u0671-\u06d5\u06dd\u06e5\u06e6\u06fa-\u06fe\u0700-\u070d\u0710\u0712-\u072c\u0780-\u07a5\u07b1\u200f\ufb1d\ufb1f-\ufb28\ufb2a-\ufb36\ufb38-\ufb3c\ufb3e\ufb40\ufb41\ufb43\ufb44\ufb46-\ufbb1\ufbd3-\ufd3d\ufd50-\ufd8f\ufd92-\ufdc7\ufdf0-\ufdfc\ufe70-\ufe74\ufe76-\ufefc]/u;
const letter = /[\p{L}\p{Nl}\p{Mc}]/u;

/** The prepared password, or `password` itself where it cannot be prepared. */
export function saslprep(password: string): string {
  // oxlint-disable-next-line no-control-regex
  if (/^[\u0020-\u007e]*$/.test(password)) return password;
  const prepared = password.replace(spaces, ' ').replace(nothing, '').normalize('NFKC');
  if (prepared === '' || prohibited.test(prepared) || !directionsAgree(prepared)) return password;
  return prepared;
}

/** RFC 3454 section 6: with a right-to-left letter there is no other, and such letters stand first and last. */
function directionsAgree(text: string): boolean {
  if (!rightToLeft.test(text)) return true;
  const characters = [...text];
  const isRight = (character: string): boolean => rightToLeft.test(character);
  if (!isRight(characters[0]) || !isRight(characters[characters.length - 1])) return false;
  return characters.every((character) => isRight(character) || !letter.test(character));
}
