/**
 * Readers for what a target sends. Each takes the body of a frame, bytes[start, end). A target is not trusted more than
 * a client: every length is checked against the frame.
 *
 *     RowDescription        int16 count · (string name · int32 table · int16 attribute · int32 type · int16 size
 *                           · int32 modifier · int16 format)[count]
 *     Copy*Response         int8 format · int16 count · int16 format[count]
 *     CommandComplete       string tag
 *     ReadyForQuery         byte status
 *     ParameterStatus       string name · string value
 *     BackendKeyData        int32 process · byte[4..256] key
 *     ErrorResponse         (byte field · string value)* · zero byte          NoticeResponse likewise
 *     NotificationResponse  int32 process · string channel · string payload
 */
import { cstringEnd, i16, i32, u16, u32 } from '../../../bytes/bytes.ts';
import { cancelKeyBytesMax, targetFault, TransactionStatus } from './wire.ts';
import type { WireFault } from './wire.ts';
import { CString, readCString, utf8Text } from './text.ts';
import type { ByteString } from './text.ts';

const badRowDescription = targetFault('RowDescription: contents do not fit the message');
const badCopyResponse = targetFault('CopyResponse: contents do not fit the message');
const badReadyForQuery = targetFault('ReadyForQuery: not a transaction status');
const badParameterStatus = targetFault('ParameterStatus: contents do not fit the message');
const badKeyData = targetFault('BackendKeyData: key is shorter or longer than the protocol allows');
const badDiagnostic = targetFault('ErrorResponse or NoticeResponse: contents do not fit the message');
const badNotification = targetFault('NotificationResponse: contents do not fit the message');
const badAuthentication = targetFault('Authentication: contents do not fit the message');

export interface RowField {
  readonly name: string;
  /** 0 where the column is not a table's. */
  readonly tableOid: number;
  /** Attribute number; 0 where the column is not a table's, negative for system columns. */
  readonly attribute: number;
  readonly typeOid: number;
  /** Bytes of the type; negative for variable length. */
  readonly typeSize: number;
  readonly typeModifier: number;
  /** 0 text, 1 binary; after Describe of a statement always 0, because formats are not yet known. */
  readonly format: 0 | 1;
}

export function readRowDescription(bytes: Uint8Array, start: number, end: number): RowField[] | WireFault {
  if (end - start < 2) return badRowDescription;
  const count = u16(bytes, start);
  const fields: RowField[] = [];
  let at = start + 2;
  for (let index = 0; index < count; index++) {
    const nameEnd = cstringEnd(bytes, at, end);
    if (nameEnd < 0 || nameEnd + 19 > end) return badRowDescription;
    const format = u16(bytes, nameEnd + 17);
    if (format !== 0 && format !== 1) return badRowDescription;
    fields.push({
      name: utf8Text(bytes, at, nameEnd),
      tableOid: u32(bytes, nameEnd + 1),
      attribute: i16(bytes, nameEnd + 5),
      typeOid: u32(bytes, nameEnd + 7),
      typeSize: i16(bytes, nameEnd + 11),
      typeModifier: i32(bytes, nameEnd + 13),
      format,
    });
    at = nameEnd + 19;
  }
  return at === end ? fields : badRowDescription;
}

export interface CopyResponse {
  /** Of the whole COPY: 0 text (also csv), 1 binary. */
  readonly format: 0 | 1;
  /** Of each column; all 0 when `format` is 0. */
  readonly columnFormats: readonly number[];
}

/** CopyInResponse, CopyOutResponse and CopyBothResponse. */
export function readCopyResponse(bytes: Uint8Array, start: number, end: number): CopyResponse | WireFault {
  if (end - start < 3) return badCopyResponse;
  const format = bytes[start];
  const count = u16(bytes, start + 1);
  if ((format !== 0 && format !== 1) || start + 3 + 2 * count !== end) return badCopyResponse;
  const columnFormats: number[] = [];
  for (let index = 0; index < count; index++) {
    const columnFormat = u16(bytes, start + 3 + 2 * index);
    // A row reader chooses by these; a third value or a mixture would be read as something that it is not.
    if (columnFormat > format) return badCopyResponse;
    columnFormats.push(columnFormat);
  }
  return { format, columnFormats };
}

/**
 * Rows that a CommandComplete reports: the number after the last space of its tag. -1 where the tag has none
 * (`CREATE TABLE`). Allocates nothing; never reads outside the body.
 */
export function commandRows(bytes: Uint8Array, start: number, end: number): number {
  let rows = 0;
  let scale = 1;
  let at = end - 2;
  for (; at >= start && bytes[at] >= 0x30 && bytes[at] <= 0x39; at--) {
    rows += (bytes[at] - 0x30) * scale;
    scale *= 10;
    // A count is at most 20 digits (uint64); anything longer is no count.
    if (scale > 1e20) return -1;
  }
  return scale > 1 && at >= start && bytes[at] === 0x20 ? rows : -1;
}

/** One of {@link TransactionStatus}. */
export function readReadyForQuery(bytes: Uint8Array, start: number, end: number): number | WireFault {
  const status = bytes[start];
  const known =
    status === TransactionStatus.idle ||
    status === TransactionStatus.inTransaction ||
    status === TransactionStatus.failed;
  return end - start === 1 && known ? status : badReadyForQuery;
}

export interface ParameterStatus {
  readonly name: string;
  readonly value: string;
}

export function readParameterStatus(bytes: Uint8Array, start: number, end: number): ParameterStatus | WireFault {
  const nameEnd = cstringEnd(bytes, start, end);
  if (nameEnd < 0) return badParameterStatus;
  const valueEnd = cstringEnd(bytes, nameEnd + 1, end);
  if (valueEnd < 0 || valueEnd + 1 !== end) return badParameterStatus;
  return { name: utf8Text(bytes, start, nameEnd), value: utf8Text(bytes, nameEnd + 1, valueEnd) };
}

export interface KeyData {
  /** As the client will repeat it; signed. */
  readonly processId: number;
  /** 4 bytes in protocol 3.0, up to 256 in 3.2. */
  readonly secret: Uint8Array;
}

/** The key is a copy: the frame's memory is reused. */
export function readBackendKeyData(bytes: Uint8Array, start: number, end: number): KeyData | WireFault {
  const keyBytes = end - start - 4;
  if (keyBytes < 4 || keyBytes > cancelKeyBytesMax) return badKeyData;
  return { processId: i32(bytes, start), secret: Uint8Array.from(bytes.subarray(start + 4, end)) };
}

/**
 * One field of an ErrorResponse or NoticeResponse; types are listed in the manual, section "Error and Notice Message
 * Fields". The value is a byte string, so that what is not scrubbed leaves as it came, whatever its encoding.
 */
export interface DiagnosticField {
  readonly type: string;
  readonly value: ByteString;
}

/** The server sends fewer than 20 fields; more would only be a way to make the gate work. */
const diagnosticFieldsMax = 64;

export function readDiagnostic(bytes: Uint8Array, start: number, end: number): DiagnosticField[] | WireFault {
  const fields: DiagnosticField[] = [];
  const text = new CString();
  let at = start;
  while (at < end && bytes[at] !== 0) {
    const type = String.fromCharCode(bytes[at]);
    if (fields.length === diagnosticFieldsMax || !readCString(bytes, at + 1, end, text)) return badDiagnostic;
    fields.push({ type, value: text.value });
    at = text.next;
  }
  return at === end - 1 ? fields : badDiagnostic;
}

export interface Notification {
  readonly processId: number;
  readonly channel: string;
  /** Where the payload stands, without its zero byte: it may quote data. */
  readonly payloadStart: number;
  readonly payloadEnd: number;
}

export function readNotification(bytes: Uint8Array, start: number, end: number): Notification | WireFault {
  if (end - start < 6) return badNotification;
  const channelEnd = cstringEnd(bytes, start + 4, end);
  if (channelEnd < 0) return badNotification;
  const payloadEnd = cstringEnd(bytes, channelEnd + 1, end);
  if (payloadEnd < 0 || payloadEnd + 1 !== end) return badNotification;
  return {
    processId: i32(bytes, start),
    channel: utf8Text(bytes, start + 4, channelEnd),
    payloadStart: channelEnd + 1,
    payloadEnd,
  };
}

export interface AuthenticationRequest {
  /** One of `Authentication` in wire/wire.ts, or something that the gate does not know. */
  readonly method: number;
  /** What follows: salt, mechanisms, SASL data. A view into the frame. */
  readonly data: Uint8Array;
}

export function readAuthentication(bytes: Uint8Array, start: number, end: number): AuthenticationRequest | WireFault {
  if (end - start < 4) return badAuthentication;
  return { method: u32(bytes, start), data: bytes.subarray(start + 4, end) };
}

/** Mechanisms of AuthenticationSASL: strings, closed by an empty one. */
export function readSASLMechanisms(data: Uint8Array): string[] | WireFault {
  const names: string[] = [];
  let at = 0;
  for (;;) {
    const stop = cstringEnd(data, at, data.length);
    if (stop < 0) return badAuthentication;
    if (stop === at) return stop + 1 === data.length ? names : badAuthentication;
    names.push(utf8Text(data, at, stop));
    at = stop + 1;
  }
}
