/**
 * Analyses of the texts in a client's messages: from the cache, on the spot for short ones, in a thread for long ones. While a
 * thread is at work the message is held, and with it everything behind it; then it is presented again.
 */
import type { Conversation } from './conversation.ts';
import { analysisFault, cancelledFault, readAnalysis, textTask } from '../masks/distant.ts';
import type { Analysis } from '../facts/facts.ts';
import type { ParseFault } from '../parse/parse.ts';
import type { StatementCache } from '../parse/statementCache.ts';

type Analyzed = Analysis | { fault: ParseFault };

export class StatementTexts {
  readonly #conversation: Conversation;
  readonly #cache: StatementCache;
  /** The text of the held message, and what came of it; null: a thread is at work. */
  #held: { readonly text: Uint8Array; result: Analyzed | null } | null = null;
  /** The held message can be presented again; set by the session. */
  onRelease: () => void = () => {};

  constructor(conversation: Conversation, cache: StatementCache) {
    this.#conversation = conversation;
    this.#cache = cache;
  }

  /** Analysis of the text in bytes[start, end). `wait`: hold the message and present it again after {@link onRelease}. */
  analyze(bytes: Uint8Array, start: number, end: number): Analyzed | 'wait' {
    const { heavy, limits } = this.#conversation.services;
    const length = end - start;
    // What is over the limit is refused at once, and costs no copy.
    if (heavy === null || length <= limits.statementInlineBytes || length > limits.statementBytesMax) {
      return this.#cache.analyze(bytes, start, end);
    }
    const held = this.#held;
    if (held !== null && isText(held.text, bytes, start, end)) return held.result ?? 'wait';
    const known = this.#cache.lookup(bytes, start, end);
    if (known !== null) return known;
    this.#ask(bytes.slice(start, end));
    return 'wait';
  }

  /** A thread is at work on the held message: there is no use in presenting it. */
  get waiting(): boolean {
    return this.#held !== null && this.#held.result === null;
  }

  /** The held message has been dealt with. */
  settle(): void {
    this.#held = null;
  }

  /** Gives up what a thread is at work on, as a client asked by CancelRequest. False: there is nothing of that kind. */
  cancel(): boolean {
    // Of what was sent before, the target is the one to cancel.
    if (this.#held === null || !this.waiting || this.#conversation.expected.length > 0) return false;
    this.#release(this.#held, { fault: cancelledFault });
    return true;
  }

  #ask(text: Uint8Array): void {
    this.#cache.misses++;
    const held = { text, result: null };
    this.#held = held;
    const conversation = this.#conversation;
    conversation.analysing = true;
    conversation.follow(this.#run(text), (result) => {
      if ('statements' in result) this.#cache.keep(text, result);
      this.#release(held, result);
    });
  }

  async #run(text: Uint8Array): Promise<Analyzed> {
    const { heavy, limits, log } = this.#conversation.services;
    if (heavy === null) return { fault: analysisFault({ kind: 'failed' }, 0) };
    const result = await heavy(textTask, { text, limits: this.#cache.limits }, limits.analysisMs);
    if (result.kind === 'timeout' || result.kind === 'busy') return { fault: analysisFault(result, limits.analysisMs) };
    const analysis = result.kind === 'done' ? readAnalysis(result.value) : null;
    if (analysis !== null) return analysis;
    const detail = result.kind === 'failed' ? result.detail : 'no analysis came back';
    log.error({ detail }, 'a long statement could not be analysed');
    return { fault: analysisFault({ kind: 'failed' }, 0) };
  }

  #release(held: { result: Analyzed | null }, result: Analyzed): void {
    // It may have been cancelled, and the session may be gone.
    if (this.#held !== held || held.result !== null || this.#conversation.ended) return;
    held.result = result;
    this.#conversation.analysing = false;
    this.onRelease();
  }
}

function isText(text: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  return text.length === end - start && Buffer.compare(text, bytes.subarray(start, end)) === 0;
}
