/** Logs in at a target: StartupMessage to ReadyForQuery, within the limits of a handshake. */
import type { ErrorCode, Fault } from '../../../errors.ts';
import type { Services, Target, Wire } from '../../protocol.ts';
import { TargetAuthentication } from './authentication.ts';
import { MessageReader } from '../wire/messageReader.ts';
import type { Message } from '../wire/messageReader.ts';
import { saltedPasswordOf } from './scramClient.ts';
import type { SaltPassword } from './scramClient.ts';
import { Backend, backendLimits, targetFault, WireFault } from '../wire/wire.ts';
import { readBackendKeyData, readDiagnostic, readParameterStatus } from '../wire/backend.ts';
import type { KeyData } from '../wire/backend.ts';
import { startupMessage } from '../wire/toTarget.ts';

export interface LoggedIn {
  readonly wire: Wire;
  readonly reader: MessageReader;
  /** As the target reported them, in order. */
  readonly parameters: Map<string, string>;
  /** null: the target gave none, so nothing there can be cancelled. */
  readonly key: KeyData | null;
}

/** More messages than this do not belong to any login. */
const messagesMax = 200;

/** Deriving the SCRAM key costs milliseconds, so it is kept as long as the password is the same. */
const salted = new Map<string, { readonly password: string; readonly salt: SaltPassword }>();

/** What a login needs of the gateway. */
export type LoginServices = Pick<Services, 'dial' | 'random' | 'onTargetLogin'>;

/** `onOpen` gets the wire before the login, so that the caller can give up. The wire's own expiry bounds the time. */
export async function logInAtTarget(
  services: LoginServices,
  target: Target,
  parameters: Iterable<readonly [string, string]>,
  onOpen: (wire: Wire) => void = () => {},
): Promise<LoggedIn | Fault> {
  const password = await target.password();
  if (typeof password !== 'string') {
    services.onTargetLogin(target.info.name, password);
    return password;
  }
  const wire = await services.dial(target, 'postgres');
  if ('code' in wire) return wire;
  onOpen(wire);
  const reader = new MessageReader(wire);
  const startup = [['user', target.user], ['database', target.database], ...parameters] as const;
  wire.write(startupMessage(0, startup), null);
  const refused = await authenticate(services, target, password, wire, reader);
  const result = refused ?? (await untilReady(wire, reader));
  const fault = 'code' in result ? result : null;
  services.onTargetLogin(target.info.name, fault);
  if (fault === null) wire.expireIn(null);
  else wire.destroy();
  return result;
}

async function authenticate(
  services: LoginServices,
  target: Target,
  password: string,
  wire: Wire,
  reader: MessageReader,
): Promise<Fault | null> {
  const authentication = new TargetAuthentication({
    user: target.user,
    password,
    saltPassword: saltPasswordOf(target, password),
    encrypted: wire.encrypted,
    certificate: wire.peerCertificate,
    nonce: Buffer.from(services.random(18)).toString('base64'),
  });
  for (let count = 0; count < messagesMax; count++) {
    const message = await reader.message(backendLimits);
    if (typeof message === 'string') return lost(message);
    if (message.type === Backend.ErrorResponse) return refusedBy(message);
    if (message.type === Backend.NoticeResponse) continue;
    if (message.type !== Backend.Authentication) return targetFault(`message type ${message.type} during login`);
    const step = await authentication.feed(message.body, 0, message.body.length);
    if (step instanceof WireFault) return step;
    if (step.kind === 'ok') return null;
    if (step.kind === 'send') wire.write(step.bytes, null);
  }
  return targetFault('login does not end');
}

async function untilReady(wire: Wire, reader: MessageReader): Promise<LoggedIn | Fault> {
  const parameters = new Map<string, string>();
  let key: KeyData | null = null;
  for (let count = 0; count < messagesMax; count++) {
    const message = await reader.message(backendLimits);
    if (typeof message === 'string') return lost(message);
    const { type, body } = message;
    if (type === Backend.ReadyForQuery) return { wire, reader, parameters, key };
    if (type === Backend.ErrorResponse) return refusedBy(message);
    if (type === Backend.ParameterStatus) {
      const status = readParameterStatus(body, 0, body.length);
      if (status instanceof WireFault) return status;
      parameters.set(status.name, status.value);
    } else if (type === Backend.BackendKeyData) {
      const data = readBackendKeyData(body, 0, body.length);
      if (data instanceof WireFault) return data;
      key = data;
    } else if (type !== Backend.NoticeResponse) return targetFault(`message type ${type} after login`);
  }
  return targetFault('login does not end');
}

function saltPasswordOf(target: Target, password: string): SaltPassword {
  const key = `${target.info.name}\0${target.user}`;
  const known = salted.get(key);
  if (known !== undefined && known.password === password) return known.salt;
  const salt = saltedPasswordOf(password);
  salted.set(key, { password, salt });
  return salt;
}

function lost(end: 'closed' | 'malformed'): Fault {
  if (end === 'malformed') return targetFault('malformed message during login');
  return { code: 'BG_TARGET_UNREACHABLE', detail: 'the target closed the connection during login' };
}

/** What a client may know of a refusal (PostgreSQL manual, Appendix A): enough to tell whom to ask, and whether to wait. */
function codeOf(sqlstate: string): ErrorCode {
  if (sqlstate.startsWith('28')) return 'BG_TARGET_AUTH_FAILED';
  if (sqlstate.startsWith('42')) return 'BG_TARGET_DENIED';
  if (sqlstate === '3D000') return 'BG_TARGET_NO_DATABASE';
  if (sqlstate === '53300') return 'BG_TARGET_FULL';
  return sqlstate === '57P03' ? 'BG_TARGET_NOT_READY' : 'BG_TARGET_UNREACHABLE';
}

function refusedBy(message: Message): Fault {
  const fields = readDiagnostic(message.body, 0, message.body.length);
  if (fields instanceof WireFault) return fields;
  const sqlstate = fields.find((field) => field.type === 'C')?.value ?? '';
  return {
    code: codeOf(sqlstate),
    detail: `the target refused the login with SQLSTATE ${sqlstate.replace(/[^0-9A-Z]/g, '?')}`,
  };
}
