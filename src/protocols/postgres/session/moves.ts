/** Whether what is about to run may change what unqualified names mean to what runs behind it. */
import type { ObjectUse } from '../../../facts.ts';
import type { Movers } from '../catalog/movers.ts';
import { type Moves, moreMoves, setsByCall } from '../catalog/movingCode.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import { tagOf } from '../parse/ast.ts';
import { type ByteString, nameKeyOfText } from '../wire/text.ts';
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
    // What is asked of a long text is worked out elsewhere, and may not be there yet.
    const isHere = statement.distant === null;
    // SET CONSTRAINTS runs what else the end of the transaction would run.
    const runsDeferred = tagOf(statement.ast) === 'ConstraintsSetStmt';
    found = isPlain && isHere && !runsDeferred && !changesCatalog && !objects.some(setsByRow);
    quiet.set(statement, found);
  }
  return found;
}

/** @param running what runs, in order, with what is executed by name. */
export function movesOf(conversation: Conversation, running: readonly AnalyzedStatement[]): RunMoves {
  let hidden: Moves = 'nothing';
  let [ahead, encoding] = [false, false];
  // The effects of a statement behind a name are not those of the EXECUTE.
  const executes = running.some((statement) => statement.executes.length > 0);
  for (const statement of running) {
    hidden = moreMoves(hidden, hiddenMoves(conversation, statement, running));
    encoding ||= changesEncoding(conversation, statement);
    if (changesPath(statement)) {
      ahead = true;
      if (executes) hidden = moreMoves(hidden, 'path');
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

/** A cursor runs what its query calls when it is read; of those that may be meant, what any of them calls. */
function cursorMoves(
  { portals }: Conversation,
  name: string,
  running: readonly AnalyzedStatement[],
  movers: Movers,
): Moves {
  const key = nameKeyOfText(name);
  const declared = cursorsIn(running, movers).get(key) ?? null;
  const query = portals.get(key)?.prepared.statement ?? null;
  if (query === null) return declared ?? 'path';
  return moreMoves(declared ?? 'nothing', queryMoves(query, movers));
}

function queryMoves(query: AnalyzedStatement, movers: Movers | null): Moves {
  if (movers === null) return 'nothing';
  return changesPath(query) ? 'path' : textMoves(query, movers);
}

type Cursors = ReadonlyMap<ByteString, Moves>;

const noCursors: Cursors = new Map();
/** By message: each FETCH in one asks for them. */
const cursors = new WeakMap<
  readonly AnalyzedStatement[],
  { readonly movers: Movers | null; readonly found: Cursors }
>();

/** Names of the cursors that statements declare, and what reading them may move. */
function cursorsIn(running: readonly AnalyzedStatement[], movers: Movers | null): Cursors {
  if (running.length === 1) return noCursors;
  const kept = cursors.get(running);
  if (kept !== undefined && kept.movers === movers) return kept.found;
  const found = new Map<ByteString, Moves>();
  for (const statement of running) {
    if (statement.session.kind !== 'declare') continue;
    const key = nameKeyOfText(statement.session.name);
    found.set(key, moreMoves(found.get(key) ?? 'nothing', queryMoves(statement, movers)));
  }
  cursors.set(running, { movers, found });
  return found;
}

/** Whether it reads a cursor that is perhaps being opened just now. */
export function isUnknownCursor(
  { portals, masks }: Conversation,
  { session }: AnalyzedStatement,
  running: readonly AnalyzedStatement[],
): boolean {
  if (session.kind !== 'fetch' && session.kind !== 'move') return false;
  const key = nameKeyOfText(session.name);
  return (portals.get(key)?.prepared.statement ?? null) === null && !cursorsIn(running, masks.movers).has(key);
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
