/**
 * The PostgreSQL frontend/backend protocol 3.0 and 3.2: names, limits and what all readers share.
 * Source: PostgreSQL 18 manual, chapter "Frontend/Backend Protocol", section "Message Formats".
 *
 * Client messages are read in wire/frontend.ts, target messages in wire/backend.ts, and what the gate itself says to
 * either is made in wire/toClient.ts and wire/toTarget.ts. Readers get the body of a frame, [start, end), and never look
 * outside it. Hot ones fill a reused struct with offsets and return null, others return a value; both return a
 * {@link WireFault} when the lengths inside do not add up.
 */
import type { ErrorCode, Fault } from '../../../errors.ts';
import { frameLimits } from '../../../bytes/frames.ts';
import type { FrameLimits } from '../../../bytes/frames.ts';

/** Type bytes of messages from the client. 'p' also carries GSSResponse, SASLInitialResponse and SASLResponse. */
export const Frontend = {
  Bind: 0x42, // B
  Close: 0x43, // C
  CopyData: 0x64, // d
  CopyDone: 0x63, // c
  CopyFail: 0x66, // f
  Describe: 0x44, // D
  Execute: 0x45, // E
  Flush: 0x48, // H
  FunctionCall: 0x46, // F
  Parse: 0x50, // P
  PasswordMessage: 0x70, // p
  Query: 0x51, // Q
  Sync: 0x53, // S
  Terminate: 0x58, // X
} as const;

/** Type bytes of messages from the target. */
export const Backend = {
  Authentication: 0x52, // R
  BackendKeyData: 0x4b, // K
  BindComplete: 0x32, // 2
  CloseComplete: 0x33, // 3
  CommandComplete: 0x43, // C
  CopyBothResponse: 0x57, // W
  CopyData: 0x64, // d
  CopyDone: 0x63, // c
  CopyInResponse: 0x47, // G
  CopyOutResponse: 0x48, // H
  DataRow: 0x44, // D
  EmptyQueryResponse: 0x49, // I
  ErrorResponse: 0x45, // E
  FunctionCallResponse: 0x56, // V
  NegotiateProtocolVersion: 0x76, // v
  NoData: 0x6e, // n
  NoticeResponse: 0x4e, // N
  NotificationResponse: 0x41, // A
  ParameterDescription: 0x74, // t
  ParameterStatus: 0x53, // S
  ParseComplete: 0x31, // 1
  PortalSuspended: 0x73, // s
  ReadyForQuery: 0x5a, // Z
  RowDescription: 0x54, // T
} as const;

/** The int32 after 'R'. */
export const Authentication = {
  Ok: 0,
  KerberosV5: 2,
  CleartextPassword: 3,
  MD5Password: 5,
  GSS: 7,
  GSSContinue: 8,
  SSPI: 9,
  SASL: 10,
  SASLContinue: 11,
  SASLFinal: 12,
} as const;

/** Transaction status in ReadyForQuery. */
export const TransactionStatus = { idle: 0x49, inTransaction: 0x54, failed: 0x45 } as const;

/** Requests without a type byte, told apart by the int32 where a StartupMessage has its version. */
export const RequestCode = { CancelRequest: 80877102, SSLRequest: 80877103, GSSENCRequest: 80877104 } as const;

/** MAX_STARTUP_PACKET_LENGTH of the server: the packet without its length field. */
export const startupBytesMax = 10_000;
/** First byte of a TLS record of type handshake (RFC 8446, section 5.1): a client that starts TLS without asking. */
export const tlsHandshakeByte = 0x16;
/** Protocol 3.2: "the key data ... minimum 4, maximum 256 bytes". */
export const cancelKeyBytesMax = 256;
/** NAMEDATALEN - 1. */
export const nameBytesMax = 63;

/** PQ_SMALL_MESSAGE_LIMIT: what the server takes for messages that carry only names and numbers. */
const smallMessageBytesMax = 10_000;
/** PG_MAX_AUTH_TOKEN_LENGTH. */
const authTokenBytesMax = 65_535;
/** No message of the server is larger than MaxAllocSize; rows up to it pass, streamed. */
const rowBytesMax = 0x3fffffff;
/** 1,664 columns with names of 63 characters in a 4-byte encoding stay below this. */
const descriptionBytesMax = 1024 * 1024;
/** Errors quote statements; a statement can be long, but these messages are held whole to be scrubbed. */
const diagnosticBytesMax = 4 * 1024 * 1024;
/** MAX_ERRMSG_LEN of libpq: what clients take for every other message. */
const shortMessageBytesMax = 30_000;

/** Before the client has authenticated it may only answer: nothing else is framed, let alone buffered. */
export const authenticationLimits: FrameLimits = frameLimits([
  [Frontend.PasswordMessage, authTokenBytesMax],
  [Frontend.Terminate, 4],
]);

/** Limits of an authenticated client; `messageBytesMax` bounds what carries texts and values. */
export function frontendLimits(messageBytesMax: number): FrameLimits {
  return frameLimits([
    [Frontend.Bind, messageBytesMax],
    [Frontend.CopyData, messageBytesMax],
    [Frontend.FunctionCall, messageBytesMax],
    [Frontend.Parse, messageBytesMax],
    [Frontend.Query, messageBytesMax],
    [Frontend.Close, smallMessageBytesMax],
    [Frontend.CopyFail, smallMessageBytesMax],
    [Frontend.Describe, smallMessageBytesMax],
    [Frontend.Execute, smallMessageBytesMax],
    // Drivers send these empty, but the server takes bodies and ignores them.
    [Frontend.CopyDone, smallMessageBytesMax],
    [Frontend.Flush, smallMessageBytesMax],
    [Frontend.Sync, smallMessageBytesMax],
    [Frontend.Terminate, smallMessageBytesMax],
  ]);
}

/** Limits of a target; only row data may be large, because only row data is streamed. */
export const backendLimits: FrameLimits = frameLimits([
  ...Object.values(Backend).map((type) => [type, shortMessageBytesMax] as const),
  [Backend.Authentication, authTokenBytesMax],
  [Backend.CopyData, rowBytesMax],
  [Backend.DataRow, rowBytesMax],
  [Backend.RowDescription, descriptionBytesMax],
  [Backend.ParameterDescription, descriptionBytesMax],
  [Backend.CopyInResponse, descriptionBytesMax],
  [Backend.CopyOutResponse, descriptionBytesMax],
  [Backend.CopyBothResponse, descriptionBytesMax],
  [Backend.ErrorResponse, diagnosticBytesMax],
  [Backend.NoticeResponse, diagnosticBytesMax],
]);

/** A malformed or unexpected message, as a value. Not an Error: it carries no stack and is made once where possible. */
export class WireFault implements Fault {
  readonly code: ErrorCode;
  readonly detail: string;

  constructor(code: ErrorCode, detail: string) {
    this.code = code;
    this.detail = detail;
  }
}

/** The client broke the protocol. */
export function clientFault(detail: string): WireFault {
  return new WireFault('BG_PROTOCOL_VIOLATION', detail);
}

/** The target broke the protocol. */
export function targetFault(detail: string): WireFault {
  return new WireFault('BG_TARGET_PROTOCOL', detail);
}
