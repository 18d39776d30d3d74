/**
 * Readers for what a client sends after startup. Each takes the body of a frame, bytes[start, end).
 *
 *     Parse     string name · string query · int16 count · int32 type[count]
 *     Bind      string portal · string statement · int16 count · int16 format[count]
 *               · int16 count · (int32 length, -1 for NULL · byte[length])[count] · int16 count · int16 format[count]
 *     Describe  byte 'S' or 'P' · string name          Close likewise
 *     Execute   string portal · int32 rows, 0 for all
 *     Query     string
 *
 * A body must end exactly where its content ends, as the server demands (pq_getmsgend).
 */
import { cstringEnd, i32, u16 } from '../../../bytes/bytes.ts';
import { clientFault } from './wire.ts';
import type { WireFault } from './wire.ts';
import { nameKey, utf8Text } from './text.ts';
import type { ByteString } from './text.ts';

const badParse = clientFault('Parse: contents do not fit the message');
const badBind = clientFault('Bind: contents do not fit the message');
const badTarget = clientFault('Describe or Close: contents do not fit the message');
const badExecute = clientFault('Execute: contents do not fit the message');
const badQuery = clientFault('Query: text is not one terminated string');
const badSasl = clientFault('SASLInitialResponse: contents do not fit the message');

/** Query text stands in [queryStart, queryEnd), parameter type OIDs from `typesAt`, four bytes each. */
export class ParseMessage {
  name: ByteString = '';
  queryStart = 0;
  queryEnd = 0;
  typeCount = 0;
  typesAt = 0;
}

export function readParse(bytes: Uint8Array, start: number, end: number, into: ParseMessage): WireFault | null {
  const nameEnd = cstringEnd(bytes, start, end);
  if (nameEnd < 0) return badParse;
  const queryEnd = cstringEnd(bytes, nameEnd + 1, end);
  if (queryEnd < 0 || queryEnd + 3 > end) return badParse;
  const typeCount = u16(bytes, queryEnd + 1);
  if (queryEnd + 3 + 4 * typeCount !== end) return badParse;
  into.name = nameKey(bytes, start, nameEnd);
  into.queryStart = nameEnd + 1;
  into.queryEnd = queryEnd;
  into.typeCount = typeCount;
  into.typesAt = queryEnd + 3;
  return null;
}

/** Not told, text, unknown, varchar (pg_type.dat). */
const textTypes: ReadonlySet<number> = new Set([0, 25, 705, 1043]);

/** Whether every type that a Parse names for its parameters keeps a text as it is sent. */
export function namesTextTypes(bytes: Uint8Array, { typeCount, typesAt }: ParseMessage): boolean {
  for (let index = 0; index < typeCount; index++) if (!textTypes.has(i32(bytes, typesAt + 4 * index))) return false;
  return true;
}

/** Values are checked and skipped; the first length stands at `valuesAt`. Formats are 16 bits each. */
export class BindMessage {
  portal: ByteString = '';
  statement: ByteString = '';
  formatCount = 0;
  formatsAt = 0;
  valueCount = 0;
  valuesAt = 0;
  resultFormatCount = 0;
  resultFormatsAt = 0;
}

export function readBind(bytes: Uint8Array, start: number, end: number, into: BindMessage): WireFault | null {
  const portalEnd = cstringEnd(bytes, start, end);
  if (portalEnd < 0) return badBind;
  const statementEnd = cstringEnd(bytes, portalEnd + 1, end);
  if (statementEnd < 0 || statementEnd + 3 > end) return badBind;
  const formatCount = u16(bytes, statementEnd + 1);
  let at = statementEnd + 3 + 2 * formatCount;
  if (at + 2 > end) return badBind;
  const valueCount = u16(bytes, at);
  const valuesAt = (at += 2);
  for (let left = valueCount; left > 0; left--) {
    if (end - at < 4) return badBind;
    const length = i32(bytes, at);
    at += 4;
    if (length === -1) continue;
    if (length < 0 || length > end - at) return badBind;
    at += length;
  }
  if (end - at < 2) return badBind;
  const resultFormatCount = u16(bytes, at);
  if (at + 2 + 2 * resultFormatCount !== end) return badBind;
  into.portal = nameKey(bytes, start, portalEnd);
  into.statement = nameKey(bytes, portalEnd + 1, statementEnd);
  into.formatCount = formatCount;
  into.formatsAt = statementEnd + 3;
  into.valueCount = valueCount;
  into.valuesAt = valuesAt;
  into.resultFormatCount = resultFormatCount;
  into.resultFormatsAt = at + 2;
  return null;
}

export class ExecuteMessage {
  portal: ByteString = '';
  /** 0 or less: all rows, as the server reads it. */
  rowsMax = 0;
}

export function readExecute(bytes: Uint8Array, start: number, end: number, into: ExecuteMessage): WireFault | null {
  const portalEnd = cstringEnd(bytes, start, end);
  if (portalEnd < 0 || portalEnd + 5 !== end) return badExecute;
  into.portal = nameKey(bytes, start, portalEnd);
  into.rowsMax = i32(bytes, portalEnd + 1);
  return null;
}

/** What Describe and Close name. */
export class NamedMessage {
  kind: 'statement' | 'portal' = 'statement';
  name: ByteString = '';
}

const statementByte = 0x53; // S
const portalByte = 0x50; // P

/** Reads Describe or Close; their bodies are alike. */
export function readNamed(bytes: Uint8Array, start: number, end: number, into: NamedMessage): WireFault | null {
  if (end - start < 2) return badTarget;
  const kind = bytes[start];
  if (kind !== statementByte && kind !== portalByte) return badTarget;
  const nameEnd = cstringEnd(bytes, start + 1, end);
  if (nameEnd < 0 || nameEnd + 1 !== end) return badTarget;
  into.kind = kind === statementByte ? 'statement' : 'portal';
  into.name = nameKey(bytes, start + 1, nameEnd);
  return null;
}

/** Query text stands in [start, end - 1): its zero byte is the last one of the body and the only one. */
export function checkQuery(bytes: Uint8Array, start: number, end: number): WireFault | null {
  return isOneString(bytes, start, end) ? null : badQuery;
}

export interface SASLInitialResponse {
  readonly mechanism: string;
  /** A view into the frame, empty where the client sent none. */
  readonly data: Uint8Array;
}

/** string mechanism · int32 length, -1 for none · byte[length]. The later SASLResponse is its body as it stands. */
export function readSASLInitialResponse(
  bytes: Uint8Array,
  start: number,
  end: number,
): SASLInitialResponse | WireFault {
  const nameEnd = cstringEnd(bytes, start, end);
  if (nameEnd < 0 || nameEnd + 5 > end) return badSasl;
  const length = i32(bytes, nameEnd + 1);
  const dataAt = nameEnd + 5;
  if (length < -1 || dataAt + Math.max(length, 0) !== end) return badSasl;
  return { mechanism: utf8Text(bytes, start, nameEnd), data: bytes.subarray(dataAt, end) };
}

function isOneString(bytes: Uint8Array, start: number, end: number): boolean {
  return start < end && cstringEnd(bytes, start, end) === end - 1;
}

const noFormats = new Int8Array(0);

/** Result formats of a Bind that was read before: none (all text, however that was said), one for all, or one per column. */
export function resultFormats(bytes: Uint8Array, bind: BindMessage): Int8Array {
  const { resultFormatCount: count, resultFormatsAt: at } = bind;
  let index = 0;
  while (index < count && u16(bytes, at + 2 * index) === 0) index++;
  if (index === count) return noFormats;
  const formats = new Int8Array(count);
  for (; index < count; index++) formats[index] = u16(bytes, at + 2 * index);
  return formats;
}
