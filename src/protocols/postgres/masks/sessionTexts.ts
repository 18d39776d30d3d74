/** What detectors find in texts that are no rows: payloads of notifications, fields of errors. */
import type { MaskRules } from '../../../facts.ts';
import type { TextEncoding } from '../../../masking/plan.ts';
import type { Masker, TextMasker } from '../../protocol.ts';

export class SessionTexts {
  readonly #masker: Masker;
  #made: { readonly encoding: TextEncoding | null; readonly masker: TextMasker } | null = null;

  constructor(masker: Masker) {
    this.#masker = masker;
  }

  /** Other rules are in force. */
  forget(): void {
    this.#made = null;
  }

  /** bytes[start, end) with what is found masked; null: nothing found. */
  mask(
    rules: MaskRules,
    encoding: TextEncoding | null,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): Uint8Array | null {
    if (rules.values.length === 0) return null;
    if (this.#made === null || this.#made.encoding !== encoding)
      this.#made = { encoding, masker: this.#masker.textMasker(rules, encoding ?? 'single_byte') };
    return this.#made.masker.mask(bytes, start, end);
  }
}
