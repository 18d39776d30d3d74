/** Rows of the gate's own questions, as text. */
import { i32, u16 } from '../../../bytes/bytes.ts';
import { utf8Text } from '../wire/text.ts';

/** Values of a DataRow as text; NULL is null. Null where the row breaks its own lengths. */
export function readTextRow(bytes: Uint8Array, start: number, end: number): (string | null)[] | null {
  if (end - start < 2) return null;
  const values: (string | null)[] = [];
  let at = start + 2;
  for (let left = u16(bytes, start); left > 0; left--) {
    if (end - at < 4) return null;
    const length = i32(bytes, at);
    at += 4;
    if (length === -1) {
      values.push(null);
      continue;
    }
    if (length < 0 || length > end - at) return null;
    values.push(utf8Text(bytes, at, at + length));
    at += length;
  }
  return at === end ? values : null;
}

export type OwnRow = (values: readonly (string | null)[]) => void;

/** Reads whole DataRows in [start, end) and hands their values on. False if one is malformed. */
export function takeOwnRow(bytes: Uint8Array, start: number, end: number, onRow: OwnRow): boolean {
  for (let at = start; at < end;) {
    const next = at + 1 + i32(bytes, at + 1);
    const values = readTextRow(bytes, at + 5, next);
    if (values === null) return false;
    onRow(values);
    at = next;
  }
  return true;
}
