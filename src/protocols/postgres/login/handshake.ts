/**
 * The beginning of a client's connection: TLS, StartupMessage, proof of identity. Nothing here is trusted, and everything
 * is bounded: in bytes by the reader, each message and all of them together, in time by the gateway.
 */
import type { Fault } from '../../../errors.ts';
import type { KnownUser, Services, Target, Wire } from '../../protocol.ts';
import { serverEndPoint } from './authenticationBinding.ts';
import { MessageReader } from '../wire/messageReader.ts';
import { parseVerifier } from '../../../scram/verifier.ts';
import type { ScramVerifier } from '../../../scram/verifier.ts';
import { makeMockVerifier, ServerScram } from './scramServer.ts';
import { judgeStartup } from './startup.ts';
import type { ClientStartup } from './startup.ts';
import { authenticationLimits, clientFault, Frontend, WireFault } from '../wire/wire.ts';
import { readSASLInitialResponse } from '../wire/frontend.ts';
import { readStartupPacket } from '../wire/startup.ts';
import {
  authenticationSASL,
  authenticationSASLContinue,
  authenticationSASLFinal,
  negotiateProtocolVersion,
} from '../wire/toClient.ts';

/** SSLRequest and GSSENCRequest may each come once, then a StartupMessage. */
const requestsMax = 3;
const no = Uint8Array.of(0x4e);
const yes = Uint8Array.of(0x53);

export type Opening =
  | { readonly kind: 'startup'; readonly reader: MessageReader; readonly startup: ClientStartup }
  | { readonly kind: 'cancel'; readonly processId: number; readonly secret: Uint8Array }
  | { readonly kind: 'gone' }
  | { readonly kind: 'fault'; readonly fault: Fault };

/** Reads up to and including the StartupMessage, going over to TLS where the client asks. */
export async function open(wire: Wire, { tlsRequired, limits }: Services): Promise<Opening> {
  let reader = new MessageReader(wire, limits.startupBytesMax);
  for (let count = 0; count < requestsMax; count++) {
    if ((await reader.peek()) < 0) return { kind: 'gone' };
    if (reader.beginsWithTls) {
      if (!wire.canTls) return { kind: 'gone' };
      wire.pause();
      if (!(await wire.startTls(reader.rest()))) return { kind: 'gone' };
      reader = new MessageReader(wire, limits.startupBytesMax);
      continue;
    }
    const bytes = await reader.startupPacket();
    if (bytes === 'closed') return { kind: 'gone' };
    if (bytes === 'malformed') return { kind: 'fault', fault: clientFault('startup packet: length out of range') };
    const packet = readStartupPacket(bytes, 0, bytes.length);
    if (packet instanceof WireFault) return { kind: 'fault', fault: packet };
    switch (packet.kind) {
      case 'ssl_request': {
        if (!wire.canTls) {
          wire.write(no, null);
          break;
        }
        // Bytes that came before the answer were not protected and would be taken for what follows the handshake.
        if (reader.surplus) return { kind: 'fault', fault: clientFault('data before the TLS handshake') };
        wire.pause();
        wire.write(yes, null);
        if (!(await wire.startTls(null))) return { kind: 'gone' };
        reader = new MessageReader(wire, reader.bytesLeft);
        break;
      }
      case 'gss_request':
        wire.write(no, null);
        break;
      case 'cancel':
        return { kind: 'cancel', processId: packet.processId, secret: packet.secret };
      case 'startup': {
        if (tlsRequired && !wire.encrypted) {
          return { kind: 'fault', fault: { code: 'BG_TLS_REQUIRED', detail: 'StartupMessage without TLS' } };
        }
        const startup = judgeStartup(packet);
        return startup instanceof WireFault ? { kind: 'fault', fault: startup } : { kind: 'startup', reader, startup };
      }
      default:
        return { kind: 'fault', fault: clientFault('startup packet out of place') };
    }
  }
  return { kind: 'fault', fault: clientFault('no StartupMessage') };
}

export interface Authenticated {
  readonly user: KnownUser;
  readonly target: Target;
}

/** SCRAM. An unknown user fails exactly like a wrong password, and only somebody proven learns which connections exist. */
export async function authenticate(
  wire: Wire,
  reader: MessageReader,
  startup: ClientStartup,
  services: Services,
  mockSecret: Uint8Array,
): Promise<Authenticated | Fault> {
  if (startup.negotiation !== null) {
    wire.write(negotiateProtocolVersion(startup.negotiation.version, startup.negotiation.options), null);
  }
  const user = services.findUser(startup.user);
  const verifier: ScramVerifier | null = user === null ? null : parseVerifier(user.verifier);
  const scram = new ServerScram({
    verifier,
    mockVerifier: makeMockVerifier(mockSecret, startup.user),
    nonce: Buffer.from(services.random(18)).toString('base64'),
    channelBinding: wire.certificate === null ? null : serverEndPoint(wire.certificate),
  });
  wire.write(authenticationSASL(scram.mechanisms), null);
  const first = await password(reader);
  if (first instanceof Uint8Array === false) return first;
  const initial = readSASLInitialResponse(first, 0, first.length);
  if (initial instanceof WireFault) return initial;
  const begun = scram.begin(initial.mechanism, initial.data);
  if (begun instanceof WireFault) return begun;
  wire.write(authenticationSASLContinue(begun.data), null);
  const second = await password(reader);
  if (second instanceof Uint8Array === false) return second;
  const finished = scram.finish(second);
  if (finished instanceof WireFault) return finished;
  if (user === null) return { code: 'BG_AUTH_FAILED', detail: 'unknown user' };
  wire.write(authenticationSASLFinal(finished.data), null);
  const target = services.findTarget(startup.database);
  if (target === null) return { code: 'BG_UNKNOWN_CONNECTION', detail: 'no connection of that name' };
  return { user, target };
}

async function password(reader: MessageReader): Promise<Uint8Array | Fault> {
  const message = await reader.message(authenticationLimits);
  if (message === 'closed') return { code: 'BG_AUTH_FAILED', detail: 'the client left' };
  if (message === 'malformed') return clientFault('malformed message during authentication');
  if (message.type !== Frontend.PasswordMessage) return clientFault('not an answer to the authentication request');
  return message.body;
}
