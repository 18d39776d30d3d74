/** Whether what is about to run may change what unqualified names mean to what runs behind it. */
import type { ObjectUse } from '../../../facts.ts';
import type { Movers } from '../catalog/movers.ts';
import { type Moves, moreMoves, setsByCall } from '../catalog/movingCode.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import { tagOf } from '../parse/ast.ts';
import { nameKeyOfText } from '../wire/text.ts';
import type { Conversation } from './conversation.ts';
import { changesPath, endsTransaction } from './effects.ts';
import { changesNames, type RunMoves, still } from './statementRun.ts';

const quiet = new WeakMap<AnalyzedStatement, boolean>();

/** Nothing in its own text changes what names mean or how results are sent. It is asked for with every run. */
export function isQuiet(statement: AnalyzedStatement): boolean {
  let found = quiet.get(statement);
  if (found === undefined) {
    const { session, settings, opaque, executes, changesCatalog, objects } = statement;
    const isPlain = session.kind === 'none' && settings.length + opaque.length + executes.length === 0;
    const isShort = statement.distant === null && tagOf(statement.ast) !== 'ConstraintsSetStmt';
    found = isPlain && isShort && !changesCatalog && !objects.some(setsByRow);
    quiet.set(statement, found);
  }
  return found;
}

/** @param running what runs, in order, with what is executed by name. */
export function movesOf(conversation: Conversation, running: readonly AnalyzedStatement[]): RunMoves {
  let hidden: Moves = 'nothing';
  let [ahead, encoding] = [false, false];
  for (const statement of running) {
    hidden = moreMoves(hidden, hiddenMoves(conversation, statement, running));
    encoding ||= changesEncoding(conversation, statement);
    if (changesPath(statement)) {
      ahead = true;
      // The effects of a statement behind a name are not those of the EXECUTE.
      if (running.some(({ executes }) => executes.length > 0)) hidden = moreMoves(hidden, 'path');
    } else if (endsTransaction(statement) && hasMoved(conversation)) ahead = true;
  }
  const hides = hidden !== 'nothing';
  return hides || ahead || encoding ? { hidden, ahead: ahead || hides, encoding: encoding || hides } : still;
}

/** Whether results behind the statement may be in another encoding, as far as its text shows. */
export function changesEncoding({ masks: { encoding } }: Conversation, statement: AnalyzedStatement): boolean {
  return encoding.changedBy(statement) || (encoding.isTouched && endsTransaction(statement));
}

/** What the end of the transaction takes back, or settles. */
function hasMoved({ pathTouched, roleTouched, schemaTouched, masks }: Conversation): boolean {
  return pathTouched || roleTouched || schemaTouched || masks.movesAhead + masks.changesAhead > 0;
}

/** What the statement may move although its text does not say so. */
export function hiddenMoves(
  conversation: Conversation,
  statement: AnalyzedStatement,
  running: readonly AnalyzedStatement[],
): Moves {
  const { movers } = conversation.masks;
  // Without a catalog no name is believed anyway.
  if (movers === null) return 'nothing';
  const { session } = statement;
  switch (session.kind) {
    case 'transaction':
      return endsTransaction(statement) ? movers.atCommit : 'nothing';
    case 'fetch':
    case 'move':
      return moreMoves(textMoves(statement, movers), cursorMoves(conversation, session.name, running, movers));
    default:
      break;
  }
  const tag = tagOf(statement.ast);
  let moves = textMoves(statement, movers);
  if (tag === 'ConstraintsSetStmt') moves = moreMoves(moves, movers.atCommit);
  if (statement.changesCatalog || !firesNothing.has(tag)) moves = moreMoves(moves, movers.atChange);
  return moves;
}

/** Statements for which no event trigger fires, unless they change the schema as SELECT INTO does. */
const firesNothing: ReadonlySet<string> = new Set([
  'SelectStmt',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
  'CopyStmt',
  'PrepareStmt',
  'ExecuteStmt',
  'DeallocateStmt',
  'DeclareCursorStmt',
  'DiscardStmt',
  'ClosePortalStmt',
  'VariableSetStmt',
  'VariableShowStmt',
  'ConstraintsSetStmt',
]);

/** A cursor runs what its query calls when it is read. */
function cursorMoves(
  conversation: Conversation,
  name: string,
  running: readonly AnalyzedStatement[],
  movers: Movers,
): Moves {
  const query = queryOfCursor(conversation, name, running);
  return query === null || changesPath(query) ? 'path' : textMoves(query, movers);
}

/** null: not known. */
function queryOfCursor(
  { portals }: Conversation,
  name: string,
  running: readonly AnalyzedStatement[],
): AnalyzedStatement | null {
  const key = nameKeyOfText(name);
  const declared = running.find(({ session }) => session.kind === 'declare' && nameKeyOfText(session.name) === key);
  return declared ?? portals.get(key)?.prepared.statement ?? null;
}

/** Whether it reads a cursor that is perhaps being opened just now. */
export function isUnknownCursor(
  conversation: Conversation,
  { session }: AnalyzedStatement,
  running: readonly AnalyzedStatement[],
): boolean {
  if (session.kind !== 'fetch' && session.kind !== 'move') return false;
  return queryOfCursor(conversation, session.name, running) === null;
}

const known = new WeakMap<AnalyzedStatement, { readonly movers: Movers; readonly moves: Moves }>();

function textMoves(statement: AnalyzedStatement, movers: Movers): Moves {
  if (statement.objects.some(setsByRow)) return 'path';
  if (movers.none && !statement.changesCatalog) return 'nothing';
  // Such a text is too long to be looked through each time.
  if (statement.distant !== null) return movers.ofNames(namesIn(statement));
  const kept = known.get(statement);
  if (kept !== undefined && kept.movers === movers) return kept.moves;
  // What it makes may be used by what stands behind it in the same message.
  const made: Moves = changesNames(statement) && setsByCall(statement.text) ? 'path' : 'nothing';
  const found = moreMoves(made, movers.of(statement.text));
  known.set(statement, { movers, moves: found });
  return found;
}

/** The server's view of its settings has a rule that sets them. */
function setsByRow({ name, access }: ObjectUse): boolean {
  return name === 'pg_settings' && access !== 'read';
}

function namesIn({ objects, functions }: AnalyzedStatement): readonly string[] {
  const called = functions.map((name) => name.slice(name.lastIndexOf('.') + 1));
  return [...called, ...objects.map(({ name }) => name)];
}
