/**
 * Whether the rows of a message's statements may fail to be converted to the client's encoding, which would tell of what is
 * computed from masked columns (masks/sessionEncoding.ts).
 */
import type { Fault } from '../../../errors.ts';
import type { MaskedUse } from '../../../facts.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import { nameKeyOfText } from '../wire/text.ts';
import type { Conversation } from './conversation.ts';

/** A cursor or portal whose rows were not judged for that when it was opened. */
export const openedBefore: Fault = {
  code: 'BG_ENCODING_REFUSED',
  detail: 'the cursor was opened in another client encoding; open it again',
};

export class MessageEncoding {
  readonly #conversation: Conversation;
  #alone = false;
  #atStart = false;
  #converts = false;

  constructor(conversation: Conversation) {
    this.#conversation = conversation;
  }

  /** @param alone whether the message has one statement only. */
  begin(alone: boolean): void {
    this.#alone = alone;
    this.#atStart = this.#conversation.masks.encoding.converts;
    this.#converts = this.#atStart;
  }

  /** Whether rows of every statement were judged as such. */
  get converts(): boolean {
    return this.#alone ? this.#converts : this.#atStart;
  }

  /**
   * What its rows tell of when they are converted; null: nothing. Statements are given in their order. `refresh`: the catalog must
   * be read first; `opened_before`: see {@link openedBefore}.
   *
   * @param changes whether it may change the encoding itself.
   * @param certain whether names mean what the catalog says.
   */
  judge(
    statement: AnalyzedStatement,
    changes: boolean,
    certain: boolean,
  ): MaskedUse | null | 'refresh' | 'opened_before' {
    const { masks, portals } = this.#conversation;
    const before = this.#converts;
    if (changes) this.#converts = true;
    const { session } = statement;
    if (session.kind === 'fetch') {
      // What its calls change, was thought of when the cursor was opened.
      const judged = !before || portals.get(nameKeyOfText(session.name))?.converts === true;
      return judged ? null : 'opened_before';
    }
    if (!statement.returnsRows && session.kind !== 'declare') return null;
    // A call in its rows may change the encoding that these are sent in.
    if (!this.#converts && !masks.encoding.copyConverts(statement)) return null;
    return masks.conversionOf(statement, certain);
  }
}
