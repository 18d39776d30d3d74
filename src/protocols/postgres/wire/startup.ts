/**
 * The packets before a session has types: how a client opens a connection.
 * Source: PostgreSQL 18 manual, "Message Flow", sections "Start-up", "SSL Session Encryption", "Canceling Requests".
 *
 *     | length: 4 | code or version: 4 | rest |
 *
 *     SSLRequest 80877103 · GSSENCRequest 80877104        nothing follows
 *     CancelRequest 80877102                              int32 process · byte[4..256] key
 *     StartupMessage 3.x                                  (string name · string value)* · zero byte
 */
import { i32, u32 } from '../../../bytes/bytes.ts';
import { cancelKeyBytesMax, clientFault, RequestCode, startupBytesMax, tlsHandshakeByte, WireFault } from './wire.ts';
import { CString, readCString } from './text.ts';
import type { ByteString } from './text.ts';

export type StartupPacket =
  /** At least `missing` more bytes are needed. */
  | { readonly kind: 'incomplete'; readonly missing: number }
  /** TLS without SSLRequest: nothing was consumed, hand the bytes to TLS (ALPN must then be `postgresql`). */
  | { readonly kind: 'direct_tls' }
  | { readonly kind: 'ssl_request'; readonly end: number }
  | { readonly kind: 'gss_request'; readonly end: number }
  | { readonly kind: 'cancel'; readonly end: number; readonly processId: number; readonly secret: Uint8Array }
  | {
      readonly kind: 'startup';
      readonly end: number;
      readonly minor: number;
      /** As they came, in order; names are not yet checked. */
      readonly parameters: readonly (readonly [ByteString, ByteString])[];
    };

const incompleteHeader: StartupPacket = { kind: 'incomplete', missing: 8 };
const directTls: StartupPacket = { kind: 'direct_tls' };
const badLength = clientFault('startup packet: length out of range');
const badCancel = clientFault('CancelRequest: key is shorter or longer than the protocol allows');
const badStartup = clientFault('StartupMessage: contents do not fit the packet');
const badVersion = new WireFault('BG_FEATURE_REFUSED', 'frontend protocol other than 3.x');

/** Pairs of a StartupMessage; drivers send fewer than twenty. */
const parametersMax = 200;

/**
 * Reads the packet at bytes[start, end). The server refuses more than 10,000 bytes here, and so does the gate, before
 * it waits for them. After SSLRequest the caller must see to it that nothing else was sent in the clear
 * (CVE-2021-23214: bytes injected before the handshake would be taken for encrypted ones).
 */
export function readStartupPacket(bytes: Uint8Array, start: number, end: number): StartupPacket | WireFault {
  if (start < end && bytes[start] === tlsHandshakeByte) return directTls;
  const available = end - start;
  if (available < 4) return available === 0 ? incompleteHeader : { kind: 'incomplete', missing: 8 - available };
  const length = i32(bytes, start);
  if (length < 8 || length > startupBytesMax + 4) return badLength;
  if (available < length) return { kind: 'incomplete', missing: length - available };
  const code = u32(bytes, start + 4);
  const packetEnd = start + length;
  switch (code) {
    case RequestCode.SSLRequest:
      return length === 8 ? { kind: 'ssl_request', end: packetEnd } : badLength;
    case RequestCode.GSSENCRequest:
      return length === 8 ? { kind: 'gss_request', end: packetEnd } : badLength;
    case RequestCode.CancelRequest: {
      const keyBytes = length - 12;
      if (keyBytes < 4 || keyBytes > cancelKeyBytesMax) return badCancel;
      const secret = Uint8Array.from(bytes.subarray(start + 12, packetEnd));
      return { kind: 'cancel', end: packetEnd, processId: i32(bytes, start + 8), secret };
    }
    default:
      if (code >>> 16 !== 3) return badVersion;
      return readParameters(bytes, start + 8, packetEnd, code & 0xffff);
  }
}

function readParameters(bytes: Uint8Array, start: number, end: number, minor: number): StartupPacket | WireFault {
  const parameters: [ByteString, ByteString][] = [];
  const text = new CString();
  let at = start;
  while (at < end && bytes[at] !== 0) {
    if (parameters.length === parametersMax || !readCString(bytes, at, end, text)) return badStartup;
    const name = text.value;
    if (!readCString(bytes, text.next, end, text)) return badStartup;
    parameters.push([name, text.value]);
    at = text.next;
  }
  if (at !== end - 1) return badStartup;
  return { kind: 'startup', end, minor, parameters };
}

/** A byte string of foreign origin, cut and freed of everything that could confuse a terminal or a log. */
export function printable(value: ByteString): string {
  return value.slice(0, 63).replaceAll(/[^\x20-\x7e]/g, '?');
}
