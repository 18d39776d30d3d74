/** Whose rows come: those of the statement that runs, or of the one that a name in it means. */
import type { Conversation } from './conversation.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import type { Portal } from './prepared.ts';
import { nameKeyOfText } from '../wire/text.ts';

export interface RowSource {
  /** null: not known. */
  readonly statement: AnalyzedStatement | null;
  /** The portal whose query was planned before; null: the statement is planned as it runs. */
  readonly cursor: Portal | null;
}

/**
 * @param statement the statement that runs.
 * @param portal the portal that it runs in; null in a simple query.
 */
export function rowSourceOf(
  conversation: Conversation,
  statement: AnalyzedStatement | null,
  portal: Portal | null,
): RowSource {
  const effect = statement?.session;
  if (effect?.kind === 'fetch') {
    const cursor = conversation.heldPortals.get(nameKeyOfText(effect.name));
    return cursor === undefined ? { statement, cursor: null } : { statement: cursor.prepared.statement, cursor };
  }
  if (effect?.kind === 'execute') {
    const prepared = conversation.heldStatements.get(nameKeyOfText(effect.name));
    return { statement: prepared?.statement ?? statement, cursor: null };
  }
  return { statement, cursor: portal };
}
