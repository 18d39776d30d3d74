/** What a statement that has succeeded changes in what the gate knows of the session. */
import type { Conversation } from './conversation.ts';
import type { AnalyzedStatement } from './facts.ts';
import { Portal, PreparedStatement } from './prepared.ts';
import { nameKeyOfText } from './wireText.ts';

/** Settings on which the meaning of unqualified names hangs. */
const pathSettings = new Set(['search_path', 'role', 'session_authorization']);
const noFormats = new Int8Array(0);

export function applyEffects(conversation: Conversation, statement: AnalyzedStatement): void {
  const effect = statement.session;
  switch (effect.kind) {
    case 'prepare': {
      const name = nameKeyOfText(effect.name);
      conversation.statements.set(name, decided(conversation, effect.name, effect.inner));
      break;
    }
    case 'declare': {
      const name = nameKeyOfText(effect.name);
      const prepared = decided(conversation, effect.name, effect.inner);
      conversation.portals.set(name, new Portal(name, prepared, noFormats, null, effect.hold));
      break;
    }
    case 'deallocate':
      if (effect.name === null) conversation.statements.clear();
      else conversation.statements.delete(nameKeyOfText(effect.name));
      break;
    case 'close':
      if (effect.name === null) conversation.portals.clear();
      else conversation.portals.delete(nameKeyOfText(effect.name));
      break;
    case 'discard':
      if (effect.target === 'all') {
        conversation.statements.clear();
        conversation.portals.clear();
        conversation.masks.forgetPath();
      }
      break;
    case 'transaction':
      // A rollback takes back what SET had changed, so the path may be another one now.
      if (effect.command.startsWith('rollback') && conversation.pathTouched) conversation.masks.forgetPath();
      break;
    default:
      break;
  }
  if (statement.changesCatalog || statement.opaque.length > 0) conversation.schemaTouched = true;
  const touchesPath = statement.settings.some(({ name }) => name === null || pathSettings.has(name));
  if (touchesPath || statement.opaque.length > 0) {
    conversation.pathTouched = true;
    if (!conversation.reportsPath) conversation.masks.forgetPath();
  }
}

/** A statement that a name means, with a decision that must be taken again when it is used. */
function decided(conversation: Conversation, name: string, inner: AnalyzedStatement): PreparedStatement {
  const policy = conversation.policy();
  return new PreparedStatement(nameKeyOfText(name), inner, policy.decide([inner]), policy.version);
}
