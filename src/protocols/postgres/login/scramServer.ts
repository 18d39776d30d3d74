/**
 * SCRAM towards the client: the gate is the server. Pure but for hashing; the nonce comes from outside.
 *
 *     client-first  = gs2-header  [mext ","] "n=" user "," "r=" nonce ["," extensions]
 *     gs2-header    = ("n" / "y" / "p=" binding-name) "," ["a=" authzid] ","
 *     server-first  = "r=" nonce nonce' "," "s=" salt "," "i=" iterations
 *     client-final  = "c=" base64(gs2-header [binding]) "," "r=" nonce nonce' ["," extensions] "," "p=" proof
 *     server-final  = "v=" signature
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { decodeBase64, hmacSha256, iterationsMin, sha256 } from '../../../scram/keys.ts';
import type { ScramVerifier } from '../../../scram/verifier.ts';
import { clientFault, WireFault } from '../wire/wire.ts';
import { channelBindingName, noncePattern, scramSha256, scramSha256Plus, xorBytes } from './scram.ts';
import type { ScramMechanism } from './scram.ts';

export interface ServerScramOptions {
  /** null: there is no such user. The exchange runs to its end all the same, against `mockVerifier`, and fails there. */
  readonly verifier: ScramVerifier | null;
  /** What stands in for a missing verifier. */
  readonly mockVerifier: ScramVerifier;
  /** The gate's half of the nonce: base64 or other printable ASCII without comma, at least 18 random bytes. */
  readonly nonce: string;
  /** Hash of the gate's certificate (login/authenticationBinding.ts); null without TLS. Offers SCRAM-SHA-256-PLUS. */
  readonly channelBinding: Uint8Array | null;
}

export type ServerScramStep =
  | { readonly kind: 'continue'; readonly data: Uint8Array }
  | { readonly kind: 'done'; readonly data: Uint8Array };

/** Of a message, before base64 or commas are looked at. */
const messageBytesMax = 4096;
const malformed = clientFault('SCRAM: malformed message');
const outOfOrder = clientFault('SCRAM: message out of order');

export class ServerScram {
  /** To be offered, strongest first. */
  readonly mechanisms: readonly ScramMechanism[];
  readonly #options: ServerScramOptions;
  readonly #verifier: ScramVerifier;
  #state: 'initial' | 'final' | 'over' = 'initial';
  #gs2Header = '';
  #bound = false;
  #clientFirstBare = '';
  #serverFirst = '';
  #nonce = '';

  constructor(options: ServerScramOptions) {
    this.#options = options;
    this.#verifier = options.verifier ?? options.mockVerifier;
    this.mechanisms = options.channelBinding === null ? [scramSha256] : [scramSha256Plus, scramSha256];
  }

  /** Takes SASLInitialResponse: the mechanism that the client chose and its first message. */
  begin(mechanism: string, data: Uint8Array): ServerScramStep | WireFault {
    if (this.#state !== 'initial') return this.#fail(outOfOrder);
    const text = messageText(data);
    const parts =
      text === null ? null : /^((n|y|p=[A-Za-z0-9.-]+),(a=[^,]*)?,)(n=([^,]*),r=([^,]+)(?:,.*)?)$/.exec(text);
    if (parts === null) return this.#fail(malformed);
    const [, header, flag, authzid, bare, , nonce] = parts;
    // The server refuses to act for somebody else, and so does the gate. The user name in here is ignored, as there:
    // the one of the StartupMessage counts.
    if (authzid !== undefined) return this.#fail(clientFault('SCRAM: authorization identity is not supported'));
    if (!noncePattern.test(nonce)) return this.#fail(malformed);
    const flagFault = this.#checkBindingFlag(mechanism, flag);
    if (flagFault !== null) return this.#fail(flagFault);
    this.#gs2Header = header;
    this.#bound = flag.startsWith('p');
    this.#clientFirstBare = bare;
    this.#nonce = nonce + this.#options.nonce;
    const salt = Buffer.from(this.#verifier.salt).toString('base64');
    this.#serverFirst = `r=${this.#nonce},s=${salt},i=${this.#verifier.iterations}`;
    this.#state = 'final';
    return { kind: 'continue', data: Buffer.from(this.#serverFirst, 'latin1') };
  }

  /** Takes SASLResponse: the client's proof. A fault BG_AUTH_FAILED says nothing about which part was wrong. */
  finish(data: Uint8Array): ServerScramStep | WireFault {
    if (this.#state !== 'final') return this.#fail(outOfOrder);
    this.#state = 'over';
    const text = messageText(data);
    const parts = text === null ? null : /^(c=([^,]+),r=([^,]+)(?:,.*)?),p=([^,]+)$/.exec(text);
    if (parts === null) return malformed;
    const [, withoutProof, binding, nonce, proofText] = parts;
    const proof = decodeBase64(proofText);
    if (proof === null || proof.length !== this.#verifier.storedKey.length) return malformed;
    const authMessage = `${this.#clientFirstBare},${this.#serverFirst},${withoutProof}`;
    // Every check runs and one verdict is given, so that neither text nor time tells which of them failed.
    const proven = this.#checkProof(proof, authMessage);
    const bindingHolds = equalText(binding, this.#expectedBinding());
    const nonceHolds = equalText(nonce, this.#nonce);
    const known = this.#options.verifier !== null;
    if (!bindingHolds || !nonceHolds || !proven || !known) return new WireFault('BG_AUTH_FAILED', 'SCRAM proof');
    const signature = hmacSha256(this.#verifier.serverKey, authMessage).toString('base64');
    return { kind: 'done', data: Buffer.from(`v=${signature}`, 'latin1') };
  }

  #checkBindingFlag(mechanism: string, flag: string): WireFault | null {
    const offered = this.#options.channelBinding !== null;
    if (mechanism === scramSha256Plus && offered) {
      return flag === `p=${channelBindingName}` ? null : clientFault('SCRAM: channel binding of another type');
    }
    if (mechanism !== scramSha256) return clientFault('SCRAM: mechanism that was not offered');
    if (flag.startsWith('p')) return clientFault('SCRAM: channel binding without SCRAM-SHA-256-PLUS');
    // "y" says: I could bind, but you do not offer it. If we did offer it, somebody in between took it out.
    if (flag === 'y' && offered) return new WireFault('BG_AUTH_FAILED', 'SCRAM channel binding was downgraded');
    return null;
  }

  #expectedBinding(): string {
    const header = Buffer.from(this.#gs2Header, 'latin1');
    const binding = this.#bound ? this.#options.channelBinding : null;
    return (binding === null ? header : Buffer.concat([header, binding])).toString('base64');
  }

  #checkProof(proof: Uint8Array, authMessage: string): boolean {
    const clientSignature = hmacSha256(this.#verifier.storedKey, authMessage);
    const clientKey = xorBytes(proof, clientSignature);
    return timingSafeEqual(sha256(clientKey), this.#verifier.storedKey);
  }

  #fail(fault: WireFault): WireFault {
    this.#state = 'over';
    return fault;
  }
}

/**
 * A verifier for a user who does not exist: the same for the same name as long as `secret` lasts, so that asking twice
 * tells nothing, with keys that nobody knows. Iterations must be those of real users, or they give it away.
 */
export function makeMockVerifier(secret: Uint8Array, user: string, iterations: number = iterationsMin): ScramVerifier {
  const derive = (purpose: string): Buffer =>
    createHmac('sha256', secret).update(`${purpose}:${user}`, 'utf8').digest();
  return {
    iterations,
    // 16 bytes, as the server (SCRAM_DEFAULT_SALT_LEN) and the gate make them.
    salt: derive('salt').subarray(0, 16),
    storedKey: derive('stored key'),
    serverKey: derive('server key'),
  };
}

function messageText(data: Uint8Array): string | null {
  if (data.length > messageBytesMax) return null;
  const text = Buffer.from(data).toString('latin1');
  return text.includes('\0') || text.includes('\n') ? null : text;
}

/** Compares texts of which one is secret or decisive, in time that depends on lengths only. */
function equalText(a: string, b: string): boolean {
  const left = Buffer.from(a, 'latin1');
  const right = Buffer.from(b, 'latin1');
  return left.length === right.length && timingSafeEqual(left, right);
}
