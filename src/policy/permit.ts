/**
 * The only maker of permits. Forwarding to a target takes a {@link Permit}, so a path that forgot to ask for a decision
 * does not compile; `test/policy/permit.test.ts` holds down who may call the two makers.
 *
 * The brand stops mistakes at compile time. {@link isPermit} stops a cast or a structural look-alike at run time: the
 * private field cannot be written from outside this class.
 */
import type { Permit } from '../facts.ts';

class PermitProof {
  readonly #maker: 'decision' | 'gate';

  constructor(maker: 'decision' | 'gate') {
    this.#maker = maker;
    Object.freeze(this);
  }

  static makerOf(value: unknown): 'decision' | 'gate' | null {
    return typeof value === 'object' && value !== null && #maker in value ? value.#maker : null;
  }
}

const byDecision = new PermitProof('decision') as unknown as Permit;
const byGate = new PermitProof('gate') as unknown as Permit;

/** For `decide` alone: the permit of a statement whose outcome is allow. */
export function decisionPermit(): Permit {
  return byDecision;
}

/**
 * For statements that the gate itself makes up, such as catalog reads, the surely failing statement that replaces a
 * blocked one, or resetting a session. Never for text that a client sent.
 */
export function gatePermit(): Permit {
  return byGate;
}

/** Whether this value was made here, whatever its static type claims. */
export function isPermit(value: unknown): value is Permit {
  return PermitProof.makerOf(value) !== null;
}
