/** SCRAM towards the target: the gate is the client and checks that the server knows the password too. RFC 5802. */
import { timingSafeEqual } from 'node:crypto';
import {
  clientKeyOf,
  decodeBase64,
  hmacSha256,
  iterationsMin,
  saltPassword,
  serverKeyOf,
  sha256,
} from '../../../scram/keys.ts';
import { channelBindingName, noncePattern, scramSha256, scramSha256Plus, xorBytes } from './scram.ts';
import type { ScramMechanism } from './scram.ts';
import { WireFault } from '../wire/wire.ts';

/** A target with fewer than `iterationsMin` would make the proof cheap to guess from; one with more could keep the gate busy. */
const iterationsMax = 1_000_000;
const messageBytesMax = 16_384;

/** Derives SaltedPassword; a cache can stand here, because a target's salt for one user rarely changes. */
export type SaltPassword = (salt: Uint8Array, iterations: number) => Promise<Uint8Array>;

/** Remembers the last derivation for one password, so that pools of connections pay for it once. */
export function saltedPasswordOf(password: string): SaltPassword {
  let lastKey = '';
  let last: Promise<Uint8Array> | null = null;
  return (salt, iterations) => {
    const key = `${iterations}:${Buffer.from(salt).toString('base64')}`;
    if (last === null || key !== lastKey) {
      lastKey = key;
      last = saltPassword(password, salt, iterations);
    }
    return last;
  };
}

export interface ClientScramOptions {
  /** Mechanisms that the target offers. */
  readonly offered: readonly string[];
  /** Hash of the target's certificate; null without TLS, or where its signature algorithm defines none. */
  readonly channelBinding: Uint8Array | null;
  /** The gate's nonce: printable ASCII without comma, at least 18 random bytes in base64. */
  readonly nonce: string;
  readonly saltPassword: SaltPassword;
}

export class ClientScram {
  /** null: the target offers nothing that the gate speaks. */
  readonly mechanism: ScramMechanism | null;
  readonly #options: ClientScramOptions;
  readonly #gs2Header: string;
  readonly #clientFirstBare: string;
  #serverSignature: Uint8Array | null = null;

  constructor(options: ClientScramOptions) {
    this.#options = options;
    const canBind = options.channelBinding !== null;
    const bind = canBind && options.offered.includes(scramSha256Plus);
    const plain = options.offered.includes(scramSha256);
    this.mechanism = bind ? scramSha256Plus : plain ? scramSha256 : null;
    // "y" lets an honest server notice that somebody removed PLUS from what it offered.
    this.#gs2Header = bind ? `p=${channelBindingName},,` : canBind ? 'y,,' : 'n,,';
    // The user name stays empty: the server takes the one of the StartupMessage.
    this.#clientFirstBare = `n=,r=${options.nonce}`;
  }

  /** For SASLInitialResponse. */
  first(): Uint8Array {
    return Buffer.from(this.#gs2Header + this.#clientFirstBare, 'latin1');
  }

  /** Takes AuthenticationSASLContinue, gives what SASLResponse shall carry. */
  async proof(data: Uint8Array): Promise<Uint8Array | WireFault> {
    const serverFirst = messageText(data);
    const parts = serverFirst === null ? null : /^r=([^,]+),s=([^,]+),i=([1-9][0-9]{0,9})(?:,.*)?$/.exec(serverFirst);
    if (parts === null) return malformed;
    const [, nonce, saltText, iterationsText] = parts;
    const { nonce: ours, saltPassword: salted } = this.#options;
    // A server that does not extend our nonce replays somebody else's exchange.
    if (!nonce.startsWith(ours) || nonce.length === ours.length || !noncePattern.test(nonce)) return malformed;
    const salt = decodeBase64(saltText);
    const iterations = Number(iterationsText);
    if (salt === null) return malformed;
    if (iterations < iterationsMin || iterations > iterationsMax) {
      return authenticationFault(`SCRAM iterations outside ${iterationsMin} to ${iterationsMax}`);
    }
    const saltedPassword = await salted(salt, iterations);
    const withoutProof = `c=${this.#binding()},r=${nonce}`;
    const authMessage = `${this.#clientFirstBare},${serverFirst},${withoutProof}`;
    const clientKey = clientKeyOf(saltedPassword);
    const proof = xorBytes(clientKey, hmacSha256(sha256(clientKey), authMessage));
    this.#serverSignature = hmacSha256(serverKeyOf(saltedPassword), authMessage);
    return Buffer.from(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`, 'latin1');
  }

  /** Takes AuthenticationSASLFinal. null: the server has proved that it knows the password. */
  verify(data: Uint8Array): WireFault | null {
    const text = messageText(data);
    if (text?.startsWith('e=')) return authenticationFault('SCRAM refused by the target');
    const parts = text === null ? null : /^v=([^,]+)(?:,.*)?$/.exec(text);
    const signature = parts === null ? null : decodeBase64(parts[1]);
    const expected = this.#serverSignature;
    if (signature === null || expected === null || signature.length !== expected.length) return malformed;
    return timingSafeEqual(signature, expected) ? null : authenticationFault('SCRAM signature of the target is wrong');
  }

  #binding(): string {
    const header = Buffer.from(this.#gs2Header, 'latin1');
    const bound = this.mechanism === scramSha256Plus ? this.#options.channelBinding : null;
    return (bound === null ? header : Buffer.concat([header, bound])).toString('base64');
  }
}

/** The gate cannot log in at the target. */
export function authenticationFault(detail: string): WireFault {
  return new WireFault('BG_TARGET_AUTH_FAILED', detail);
}

const malformed = authenticationFault('SCRAM: malformed message of the target');

function messageText(data: Uint8Array): string | null {
  return data.length > messageBytesMax ? null : Buffer.from(data).toString('latin1');
}
