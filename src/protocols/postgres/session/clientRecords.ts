/** What the audit log gets of a client's statements before they run, and of those that do not run with what the client reads. */
import type { Fault } from '../../../errors.ts';
import type { ColumnName, Decision } from '../../../facts.ts';
import type { AuditEntry } from '../../protocol.ts';
import type { Conversation } from './conversation.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import type { ParseFault } from '../parse/parse.ts';
import { blockedFor, isFault, refusalFor, refusalOf, syntaxError } from './refusals.ts';
import type { Refusal } from './refusals.ts';
import { utf8Text } from '../wire/text.ts';

const noStatement = { text: '', fingerprint: '', kind: 'empty' } as const;
/** Of a statement that cannot be analysed, this much is recorded. */
const recordedCharactersMax = 4096;

export class ClientRecords {
  readonly #conversation: Conversation;

  constructor(conversation: Conversation) {
    this.#conversation = conversation;
  }

  /** The record of what is about to run, or of what is refused. */
  begin(statements: readonly AnalyzedStatement[], decision: Decision): AuditEntry {
    const { audit, maskRules } = this.#conversation;
    return audit.begin(statements.length === 1 ? statements[0] : batchOf(statements), decision, maskRules);
  }

  /**
   * Records that the statements do not run.
   *
   * @param decision or why there is none.
   */
  blocked(statements: readonly AnalyzedStatement[], decision: Decision | Fault): Refusal {
    const known = isFault(decision) ? blockedFor(decision.code, decision.detail) : decision;
    const refusal = isFault(decision) ? refusalFor(decision.code, { message: decision.detail }) : refusalOf(known);
    this.#conversation.refused(this.begin(statements, known), refusal.code);
    return refusal;
  }

  /** The refusal of a statement that would overwrite a value with the mask that was shown for it. */
  maskRefused(statements: readonly AnalyzedStatement[], { schema, table, column }: ColumnName): Refusal {
    const name = `${schema}.${table}.${column}`;
    const message = `the value given for ${name} is a mask, not a value`;
    const decision = blockedFor('BG_MASK_WRITTEN', message, [`writes a mask to ${name}`]);
    this.#conversation.refused(this.begin(statements, decision), 'BG_MASK_WRITTEN');
    return refusalFor('BG_MASK_WRITTEN', { message });
  }

  /** Whatever cannot be parsed cannot be decided; the client reads what its own server would say of the syntax. */
  unparsable(fault: ParseFault, bytes: Uint8Array, start: number, end: number): Refusal {
    const text = utf8Text(bytes, start, Math.min(end, start + recordedCharactersMax));
    const record = { text, fingerprint: '', kind: 'unparsable' };
    const entry = this.#conversation.audit.begin(record, blockedFor(fault.code, fault.detail), []);
    this.#conversation.refused(entry, fault.code);
    const { syntax } = fault;
    if (syntax !== undefined) return syntaxError(syntax.said, syntax.position);
    return refusalFor(fault.code, { message: fault.detail });
  }
}

/** One record for several statements that come in one message and run together. */
function batchOf(statements: readonly AnalyzedStatement[]): { text: string; fingerprint: string; kind: string } {
  if (statements.length === 0) return noStatement;
  const text = statements.map((statement) => statement.text).join('; ');
  return { text, fingerprint: statements.map(({ fingerprint }) => fingerprint).join(' '), kind: 'batch' };
}
