/** Values that a Bind gives for parameters, where they are texts that can be compared. */
import { i32, u16 } from '../../../bytes/bytes.ts';
import { maskBytesMax } from '../masks/maskedUse.ts';
import type { BindMessage } from '../wire/frontend.ts';
import { utf8Text } from '../wire/text.ts';

/** Of a Bind that was read before. There may be 65,535 parameters, so their places are looked up once. */
export class ParameterTexts {
  readonly #bytes: Uint8Array;
  readonly #bind: BindMessage;
  #places: Uint32Array | null = null;

  constructor(bytes: Uint8Array, bind: BindMessage) {
    this.#bytes = bytes;
    this.#bind = bind;
  }

  /** The parameter of this number, from 1; null if it is NULL, missing or long. */
  text(number: number): string | null {
    if (number < 1 || number > this.#bind.valueCount) return null;
    this.#places ??= this.#findPlaces();
    const at = this.#places[number - 1];
    const length = i32(this.#bytes, at);
    return length < 0 || length > maskBytesMax ? null : utf8Text(this.#bytes, at + 4, at + 4 + length);
  }

  /** Whether all are sent as texts. */
  get allAreTexts(): boolean {
    const { formatCount, formatsAt } = this.#bind;
    for (let index = 0; index < formatCount; index++) if (u16(this.#bytes, formatsAt + 2 * index) !== 0) return false;
    return true;
  }

  #findPlaces(): Uint32Array {
    const places = new Uint32Array(this.#bind.valueCount);
    let at = this.#bind.valuesAt;
    for (let index = 0; index < places.length; index++) {
      places[index] = at;
      at += 4 + Math.max(0, i32(this.#bytes, at));
    }
    return places;
  }
}
