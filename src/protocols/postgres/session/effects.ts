/** What a statement that has succeeded changes in what the gate knows of the session. */
import type { Conversation } from './conversation.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import { list, stringConstant, unwrap } from '../parse/ast.ts';
import { pathSettings } from '../catalog/movingCode.ts';
import { Portal, PreparedStatement } from './prepared.ts';
import type { Names } from './prepared.ts';
import { changesNames } from './statementRun.ts';
import type { StatementRun } from './statementRun.ts';
import { nameKeyOfText } from '../wire/text.ts';

const noFormats = new Int8Array(0);
const endsOrTakesBack = /^(?:commit|rollback|prepare)/;

export function applyEffects(conversation: Conversation, statement: AnalyzedStatement, run: StatementRun): void {
  const effect = statement.session;
  switch (effect.kind) {
    case 'prepare': {
      const name = nameKeyOfText(effect.name);
      const prepared = decided(conversation, effect.name, effect.inner);
      conversation.heldStatements.put(name, prepared);
      conversation.statements.put(name, prepared);
      break;
    }
    case 'declare': {
      const name = nameKeyOfText(effect.name);
      const prepared = decided(conversation, effect.name, effect.inner);
      const portal = new Portal(name, prepared, noFormats, null, effect.hold);
      conversation.masks.onOpened(portal, run);
      portal.converts = run.converts;
      conversation.heldPortals.put(name, portal);
      conversation.portals.put(name, portal);
      break;
    }
    case 'deallocate':
      takeAway(conversation.heldStatements, conversation.statements, effect.name);
      break;
    case 'close':
      takeAway(conversation.heldPortals, conversation.portals, effect.name);
      break;
    case 'discard':
      if (effect.target === 'all') {
        takeAway(conversation.heldStatements, conversation.statements, null);
        takeAway(conversation.heldPortals, conversation.portals, null);
      }
      break;
    case 'transaction':
      // A rollback takes back what SET had changed, and any end of a transaction what SET LOCAL had.
      conversation.inBlock = effect.command === 'begin' || (conversation.inBlock && !endsTransaction(statement));
      if (endsTransaction(statement)) {
        conversation.takeBackSettings();
        // Up to the savepoint the schema is what it was.
        if (conversation.schemaTouched) conversation.masks.doubtSchema();
      }
      break;
    default:
      break;
  }
  if (statement.changesCatalog || statement.opaque.length > 0) conversation.schemaTouched = true;
  // Until the transaction ends nobody but this session sees the change, not even the gate.
  if (changesNames(statement)) {
    conversation.masks.doubtSchema();
    run.changesMade++;
  }
  if (changesPath(statement)) {
    conversation.pathTouched = true;
    const role = roleSetBy(statement);
    if (role !== undefined) {
      conversation.roleTouched = true;
      if (effect.kind === 'discard') conversation.masks.meanings.onDiscarded();
      else conversation.masks.meanings.onRole(role);
      return;
    }
    // A report comes only with the next ReadyForQuery, and other statements may be run before.
    const path = pathSetBy(statement, conversation.inBlock);
    if (path === null) conversation.masks.meanings.forgetPath();
    else conversation.masks.meanings.onSet(path);
  }
}

/** Whether it ends a transaction, or goes back within one. */
export function endsTransaction({ session }: AnalyzedStatement): boolean {
  return session.kind === 'transaction' && endsOrTakesBack.test(session.command);
}

/** Whether unqualified names may mean something else once it has run. */
export function changesPath(statement: AnalyzedStatement): boolean {
  const touches = statement.settings.some(({ name }) => name === null || pathSettings.has(name));
  return touches || statement.opaque.length > 0;
}

/** Takes a name (null: all) off what the target holds, and from the client's view unless a message has set it anew since. */
function takeAway<Value>(held: Names<Value>, ahead: Names<Value>, name: string | null): void {
  if (name === null) {
    ahead.deleteIf((value, key) => held.get(key) === value);
    held.clear();
    return;
  }
  const key = nameKeyOfText(name);
  if (ahead.get(key) === held.get(key)) ahead.put(key, undefined);
  held.put(key, undefined);
}

/** The role that a statement sets; null: not known; undefined: the role stays. */
function roleSetBy(statement: AnalyzedStatement): string | null | undefined {
  if (statement.opaque.length > 0) return null;
  if (!statement.settings.some(({ name }) => name === null || name === 'role' || name === 'session_authorization')) {
    return undefined;
  }
  const { session } = statement;
  if (session.kind === 'discard') return session.target === 'all' ? null : undefined;
  const set = unwrap(statement.ast, 'VariableSetStmt');
  if (set?.kind === 'VAR_RESET_ALL') return undefined;
  // RESET gives what the login has by its settings, and NONE the role of the session, which may be another than the login.
  if (set?.name !== 'role' || set.is_local === true || set.kind !== 'VAR_SET_VALUE') return null;
  const role = stringConstant(list(set.args)[0]);
  return role === 'none' ? null : role;
}

/**
 * The path that `SET search_path = ..` gives, in the form in which the server shows it; null for anything else.
 *
 * @param inBlock whether a transaction is surely open, so that SET LOCAL has an effect.
 */
export function pathSetBy(statement: AnalyzedStatement, inBlock = false): string | null {
  const set = unwrap(statement.ast, 'VariableSetStmt');
  if (set?.name !== 'search_path' || set.kind !== 'VAR_SET_VALUE' || (set.is_local === true && !inBlock)) return null;
  const schemas: string[] = [];
  for (const arg of list(set.args)) {
    const schema = stringConstant(arg);
    if (schema === null) return null;
    schemas.push(`"${schema.replaceAll('"', '""')}"`);
  }
  return schemas.join(', ');
}

/** A statement that a name means, with a decision that must be taken again when it is used. */
function decided(conversation: Conversation, name: string, inner: AnalyzedStatement): PreparedStatement {
  const policy = conversation.policy();
  const prepared = new PreparedStatement(nameKeyOfText(name), inner, policy.decide([inner]), policy.version);
  prepared.madeUnder = conversation.masks.names;
  return prepared;
}
