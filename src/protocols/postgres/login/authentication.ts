/**
 * Logging in at a target: answers its Authentication messages until AuthenticationOk. What comes after (ParameterStatus,
 * BackendKeyData, ReadyForQuery) is the session's.
 *
 * The target names the method, so a false one could ask for the weakest. Hence: the password itself leaves only inside
 * TLS; SCRAM checks the server in turn and binds to its certificate where it can; a method once begun is finished.
 */
import { md5Password } from './md5.ts';
import { authenticationFault, ClientScram } from './scramClient.ts';
import type { SaltPassword } from './scramClient.ts';
import { serverEndPoint } from './authenticationBinding.ts';
import { Authentication, targetFault, WireFault } from '../wire/wire.ts';
import { readAuthentication, readSASLMechanisms } from '../wire/backend.ts';
import { passwordMessage, saslInitialResponse, saslResponse } from '../wire/toTarget.ts';

export interface TargetAuthenticationOptions {
  readonly user: string;
  readonly password: string;
  /** From `saltedPasswordOf(password)`, kept per credential so that reconnecting is cheap. */
  readonly saltPassword: SaltPassword;
  readonly encrypted: boolean;
  /** The target's certificate in DER; null without TLS. */
  readonly certificate: Uint8Array | null;
  /** Printable ASCII without comma: 18 or more random bytes in base64. */
  readonly nonce: string;
}

export type TargetAuthenticationStep =
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  /** Nothing to answer; the next message is awaited. */
  | { readonly kind: 'wait' }
  | { readonly kind: 'ok' };

const ok: TargetAuthenticationStep = { kind: 'ok' };
const wait: TargetAuthenticationStep = { kind: 'wait' };
const outOfOrder = targetFault('Authentication: message out of order');
const methodNames: ReadonlyMap<number, string> = new Map(
  Object.entries(Authentication).map(([name, number]) => [number, name]),
);

export class TargetAuthentication {
  readonly #options: TargetAuthenticationOptions;
  #state: 'initial' | 'answered' | 'sasl_first' | 'sasl_proof' | 'sasl_verified' | 'over' = 'initial';
  #scram: ClientScram | null = null;

  constructor(options: TargetAuthenticationOptions) {
    this.#options = options;
  }

  /**
   * Takes the body of one Authentication message ('R'), bytes[start, end). One at a time: the next must wait until the
   * promise has settled. Faults are BG_TARGET_AUTH_FAILED, or BG_TARGET_PROTOCOL for what is malformed.
   */
  async feed(bytes: Uint8Array, start: number, end: number): Promise<TargetAuthenticationStep | WireFault> {
    const request = readAuthentication(bytes, start, end);
    const step = request instanceof WireFault ? request : await this.#answer(request.method, request.data);
    if (step instanceof WireFault || step.kind === 'ok') this.#state = 'over';
    return step;
  }

  async #answer(method: number, data: Uint8Array): Promise<TargetAuthenticationStep | WireFault> {
    switch (method) {
      case Authentication.Ok:
        return this.#accept(data);
      case Authentication.CleartextPassword:
        return this.#cleartext(data);
      case Authentication.MD5Password:
        return this.#md5(data);
      case Authentication.SASL:
        return this.#saslFirst(data);
      case Authentication.SASLContinue:
        return this.#saslProof(data);
      case Authentication.SASLFinal:
        return this.#saslVerify(data);
      default:
        return authenticationFault(
          `the target asks for authentication by ${methodNames.get(method) ?? `method ${method}`}`,
        );
    }
  }

  /** `initial` is a target that trusts the gate (pg_hba `trust`, or a client certificate). */
  #accept(data: Uint8Array): TargetAuthenticationStep | WireFault {
    const complete = this.#state === 'initial' || this.#state === 'answered' || this.#state === 'sasl_verified';
    // Inside SCRAM, Ok before the server's signature would pass a server that does not know the password.
    return complete && data.length === 0 ? ok : outOfOrder;
  }

  #cleartext(data: Uint8Array): TargetAuthenticationStep | WireFault {
    if (this.#state !== 'initial' || data.length !== 0) return outOfOrder;
    if (!this.#options.encrypted)
      return authenticationFault('the target asks for the password in the clear, outside TLS');
    this.#state = 'answered';
    return { kind: 'send', bytes: passwordMessage(Buffer.from(this.#options.password, 'utf8')) };
  }

  #md5(data: Uint8Array): TargetAuthenticationStep | WireFault {
    if (this.#state !== 'initial' || data.length !== 4) return outOfOrder;
    this.#state = 'answered';
    const answer = md5Password(this.#options.user, this.#options.password, data);
    return { kind: 'send', bytes: passwordMessage(Buffer.from(answer, 'latin1')) };
  }

  #saslFirst(data: Uint8Array): TargetAuthenticationStep | WireFault {
    if (this.#state !== 'initial') return outOfOrder;
    const offered = readSASLMechanisms(data);
    if (offered instanceof WireFault) return offered;
    const { certificate, nonce, saltPassword } = this.#options;
    const channelBinding = certificate === null ? null : serverEndPoint(certificate);
    const scram = new ClientScram({ offered, channelBinding, nonce, saltPassword });
    if (scram.mechanism === null)
      return authenticationFault('the target offers no SASL mechanism that the gate speaks');
    this.#scram = scram;
    this.#state = 'sasl_first';
    return { kind: 'send', bytes: saslInitialResponse(scram.mechanism, scram.first()) };
  }

  async #saslProof(data: Uint8Array): Promise<TargetAuthenticationStep | WireFault> {
    if (this.#state !== 'sasl_first' || this.#scram === null) return outOfOrder;
    this.#state = 'sasl_proof';
    const proof = await this.#scram.proof(data);
    return proof instanceof WireFault ? proof : { kind: 'send', bytes: saslResponse(proof) };
  }

  #saslVerify(data: Uint8Array): TargetAuthenticationStep | WireFault {
    if (this.#state !== 'sasl_proof' || this.#scram === null) return outOfOrder;
    const fault = this.#scram.verify(data);
    if (fault !== null) return fault;
    this.#state = 'sasl_verified';
    return wait;
  }
}
