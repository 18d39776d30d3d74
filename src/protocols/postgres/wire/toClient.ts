/** Messages that the gate sends to a client in the server's place. Each function returns whole messages. */
import { errors } from '../../../errors.ts';
import type { ErrorCode, ErrorEntry } from '../../../errors.ts';
import { Authentication, Backend } from './wire.ts';
import type { DiagnosticField, RowField } from './backend.ts';
import { MessageWriter } from './writer.ts';
import { encodeByteString } from './text.ts';

/** What differs from the table's entry; texts must be safe for clients. */
export interface ErrorOverrides {
  readonly severity?: ErrorEntry['severity'];
  readonly sqlstate?: string;
  readonly message?: string;
  readonly detail?: string;
  readonly hint?: string;
}

/**
 * ErrorResponse for one of the gate's own errors. The code stands in the message, because that is the one field that
 * every client shows and people search for.
 */
export function errorResponse(code: ErrorCode, overrides: ErrorOverrides = {}): Uint8Array {
  const entry: ErrorEntry = errors[code];
  const severity = overrides.severity ?? entry.severity;
  const fields: DiagnosticField[] = [
    textField('S', severity),
    textField('V', severity),
    textField('C', overrides.sqlstate ?? entry.sqlstate),
    textField('M', `${overrides.message ?? entry.message} [${code}]`),
  ];
  if (overrides.detail !== undefined) fields.push(textField('D', overrides.detail));
  fields.push(textField('H', overrides.hint ?? entry.hint));
  return diagnosticMessage(Backend.ErrorResponse, fields);
}

/** ErrorResponse or NoticeResponse (`type`) with exactly these fields. */
export function diagnosticMessage(type: number, fields: readonly DiagnosticField[]): Uint8Array {
  const writer = new MessageWriter().begin(type);
  for (const field of fields) writer.byte(field.type.charCodeAt(0)).string(field.value);
  return writer.byte(0).end().take();
}

export function authenticationOk(): Uint8Array {
  return new MessageWriter().begin(Backend.Authentication).int32(Authentication.Ok).end().take();
}

export function authenticationSASL(mechanisms: readonly string[]): Uint8Array {
  const writer = new MessageWriter().begin(Backend.Authentication).int32(Authentication.SASL);
  for (const mechanism of mechanisms) writer.text(mechanism);
  return writer.byte(0).end().take();
}

export function authenticationSASLContinue(data: Uint8Array): Uint8Array {
  return new MessageWriter().begin(Backend.Authentication).int32(Authentication.SASLContinue).raw(data).end().take();
}

export function authenticationSASLFinal(data: Uint8Array): Uint8Array {
  return new MessageWriter().begin(Backend.Authentication).int32(Authentication.SASLFinal).raw(data).end().take();
}

export function parameterStatus(name: string, value: string): Uint8Array {
  return new MessageWriter().begin(Backend.ParameterStatus).text(name).text(value).end().take();
}

export function backendKeyData(processId: number, secret: Uint8Array): Uint8Array {
  return new MessageWriter().begin(Backend.BackendKeyData).int32(processId).raw(secret).end().take();
}

/** `status` is one of `TransactionStatus` in wire/wire.ts. */
export function readyForQuery(status: number): Uint8Array {
  return new MessageWriter().begin(Backend.ReadyForQuery).byte(status).end().take();
}

/** `version`: newest that the gate speaks, major in the upper 16 bits; the server sends both halves too. */
export function negotiateProtocolVersion(version: number, options: readonly string[]): Uint8Array {
  const writer = new MessageWriter().begin(Backend.NegotiateProtocolVersion).int32(version).int32(options.length);
  for (const option of options) writer.text(option);
  return writer.end().take();
}

export function rowDescription(fields: readonly RowField[]): Uint8Array {
  const writer = new MessageWriter().begin(Backend.RowDescription).int16(fields.length);
  for (const field of fields) {
    writer.text(field.name).int32(field.tableOid).int16(field.attribute).int32(field.typeOid);
    writer.int16(field.typeSize).int32(field.typeModifier).int16(field.format);
  }
  return writer.end().take();
}

/** One row; null stands for NULL. */
export function dataRow(values: readonly (Uint8Array | null)[]): Uint8Array {
  const writer = new MessageWriter().begin(Backend.DataRow).int16(values.length);
  for (const value of values) {
    if (value === null) writer.int32(-1);
    else writer.int32(value.length).raw(value);
  }
  return writer.end().take();
}

function textField(type: string, text: string): DiagnosticField {
  return { type, value: encodeByteString(text) };
}

/** `channel` as text, `payload` as the bytes that the client shall read. */
export function notificationResponse(processId: number, channel: string, payload: Uint8Array): Uint8Array {
  const writer = new MessageWriter().begin(Backend.NotificationResponse).int32(processId);
  return writer.string(encodeByteString(channel)).raw(payload).byte(0).end().take();
}
