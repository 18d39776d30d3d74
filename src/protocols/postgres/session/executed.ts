/** CREATE TABLE AS EXECUTE and EXPLAIN EXECUTE with the statement behind the name in its place, so that it can be read. */
import { type AstRecord, record, tagOf, text, unwrap } from '../parse/ast.ts';
import type { Conversation } from './conversation.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import { treeOf } from '../masks/statementFlows.ts';
import { type ByteString, nameKeyOfText } from '../wire/text.ts';

/** Effects after which a name may mean another prepared statement. */
export const changesStatements: ReadonlySet<string> = new Set(['prepare', 'deallocate', 'discard']);

/**
 * The statement as it will run if it is sent now in a simple query; itself where the name may mean another statement by then.
 *
 * @param mayDiffer whether a statement in front of it in the same message changes what names mean.
 */
export function withExecuted(
  conversation: Conversation,
  statement: AnalyzedStatement,
  mayDiffer: boolean,
): AnalyzedStatement {
  const tag = tagOf(statement.ast);
  if (tag !== 'CreateTableAsStmt' && tag !== 'ExplainStmt') return statement;
  const name = executedName(statement.ast);
  if (name === null || mayDiffer) return statement;
  const query = queryBehind(conversation, nameKeyOfText(name));
  if (query === null) return statement;
  return { ...statement, ast: replaced(statement.ast, query), exact: true, shape: {} };
}

/** Name in the EXECUTE inside; null: there is none. */
function executedName(ast: AstRecord): string | null {
  const tag = tagOf(ast);
  const body = record(ast[tag]);
  if (tag === 'ExecuteStmt') return text(body.name);
  return tag === 'CreateTableAsStmt' || tag === 'ExplainStmt' ? executedName(record(body.query)) : null;
}

function replaced(ast: AstRecord, query: AstRecord): AstRecord {
  const tag = tagOf(ast);
  if (tag === 'ExecuteStmt') return query;
  const body = record(ast[tag]);
  return { [tag]: { ...body, query: replaced(record(body.query), query) } };
}

/** The query that the target holds under this name, and will hold when everything is answered; null: not certain. */
function queryBehind(conversation: Conversation, key: ByteString): AstRecord | null {
  const held = conversation.heldStatements.get(key);
  if (held === undefined || held !== conversation.statements.get(key) || held.statement === null) return null;
  // The tree of a long text is elsewhere.
  if (held.statement.distant !== null) return null;
  const { expected } = conversation;
  for (let index = 0; index < expected.length; index++) {
    const { statement, closesStatement, run } = expected.at(index) ?? {};
    if (statement?.name === key || closesStatement === key) return null;
    if (run?.statements.some(({ session }) => changesStatements.has(session.kind)) === true) return null;
  }
  const tree = record(treeOf(held.statement));
  // The text of what PREPARE has prepared is that of the PREPARE.
  return record(unwrap(tree, 'PrepareStmt')?.query ?? tree);
}
