/** A secret in memory, and where one comes from. */
import { inspect } from 'node:util';

import type { SecretRef } from '../config/config.ts';
import type { Fault } from '../errors.ts';

/**
 * Text that must not reach a log, a metric, an error or a structured clone by accident: every way of printing it gives
 * `[secret]`, and the value is in a private field, which neither JSON nor inspect nor postMessage looks into.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The only way to the text. Call it where the secret is used and keep the result in no field. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

export interface SecretSource {
  /** Never rejects. A fault's detail names the variable, file or program, never its content. */
  resolve(ref: SecretRef): Promise<Secret | Fault>;
}
