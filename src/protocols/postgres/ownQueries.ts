/** Asks what the target does not report by itself, between two statements of the client: the search path. */
import type { Conversation } from './conversation.ts';
import { Expected } from './expected.ts';
import { TransactionStatus } from './wire.ts';
import { query } from './wireToTarget.ts';

/** SHOW neither fails nor takes a lock, so it cannot harm the client's transaction. */
const showSearchPath = query('SHOW search_path');

export class OwnQueries {
  readonly #conversation: Conversation;
  #asking = false;
  #answer: string | null = null;

  constructor(conversation: Conversation) {
    this.#conversation = conversation;
  }

  /** Asks if there is something to ask, and if now is a time when the target takes a query. */
  ask(): void {
    const conversation = this.#conversation;
    if (this.#asking || conversation.ended || !conversation.masks.pathUnknown) return;
    const between = conversation.expected.length === 0 && conversation.toTarget.empty && !conversation.copyIn;
    if (!between || conversation.transaction === TransactionStatus.failed) return;
    this.#asking = true;
    this.#answer = null;
    conversation.sendOwn(conversation.services.gatePermit, showSearchPath);
    conversation.expect(new Expected('query', true));
  }

  onRow(values: readonly (string | null)[]): void {
    this.#answer = values[0] ?? null;
  }

  onReady(): void {
    this.#asking = false;
    if (this.#answer !== null) this.#conversation.masks.onSearchPath(this.#answer);
  }
}
