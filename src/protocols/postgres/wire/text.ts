/**
 * Strings of the protocol. Two kinds are kept apart:
 *
 * - *text*, decoded as UTF-8, for people and for SQL;
 * - *byte strings*, one character per byte (latin1), which survive any encoding unchanged. Names of prepared statements
 *   and portals, and the fields of errors, are byte strings, because the gate must compare and repeat them exactly.
 */
import { cstringEnd } from '../../../bytes/bytes.ts';
import { nameBytesMax } from './wire.ts';

/** A string in which every character stands for one byte. */
export type ByteString = string;

/** bytes[start, end) as a byte string. */
export function byteString(bytes: Uint8Array, start: number, end: number): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

/** bytes[start, end) as UTF-8; broken sequences become U+FFFD, so use it only for what is shown or looked up. */
export function utf8Text(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}

/** A byte string as text. */
export function decodeByteString(value: ByteString): string {
  return Buffer.from(value, 'latin1').toString('utf8');
}

/** Text as the byte string of its UTF-8. */
export function encodeByteString(text: string): ByteString {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** A string that {@link readCString} found, and where the bytes after its zero byte begin. */
export class CString {
  value: ByteString = '';
  next = 0;
}

/** Reads the C string at `at` and moves `into.next` past its zero byte. False if it does not end before `end`. */
export function readCString(bytes: Uint8Array, at: number, end: number, into: CString): boolean {
  const stop = cstringEnd(bytes, at, end);
  if (stop < 0) return false;
  into.value = byteString(bytes, at, stop);
  into.next = stop + 1;
  return true;
}

const ascii = /^[\0-\x7f]*$/;

/** Whether it is the same text in every encoding. */
export function isAscii(text: string): boolean {
  return ascii.test(text);
}

const internedMax = 1024;
const interned: string[] = Array.from({ length: internedMax }, () => '');

/**
 * The key of a prepared statement or portal whose name stands in bytes[start, end).
 *
 * The server keeps these names in a hash table whose keys are NAMEDATALEN bytes and silently cut longer ones, byte by
 * byte. If the gate kept them apart, a client could have "a..a1" decided and run "a..a2"; so keys are cut likewise.
 * Drivers repeat a few names, so the strings are shared: no allocation, and Map lookups find a hash already made.
 */
export function nameKey(bytes: Uint8Array, start: number, end: number): ByteString {
  if (start === end) return '';
  const stop = end - start > nameBytesMax ? start + nameBytesMax : end;
  let hash = 0x811c9dc5;
  for (let at = start; at < stop; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193);
  const slot = (hash ^ (hash >>> 15)) & (internedMax - 1);
  const known = interned[slot];
  if (known.length === stop - start && sameBytes(known, bytes, start)) return known;
  return (interned[slot] = byteString(bytes, start, stop));
}

/** The key under which {@link nameKey} finds a name that SQL text gave (`DEALLOCATE x`), as the parser returns it. */
export function nameKeyOfText(name: string): ByteString {
  return encodeByteString(name).slice(0, nameBytesMax);
}

function sameBytes(text: ByteString, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}
