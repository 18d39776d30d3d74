/** What the body of a function may change by itself of what names mean. What it calls is found by its words; see catalog/movers.ts. */
import { record, tagOf, text as textOf } from '../parse/ast.ts';
import type { ParseSql, PgFunction } from './catalog.ts';
import { hiddenSql } from './fillers.ts';
import { sqlBody } from './functionBody.ts';

/** `path`: settings on which names hang, or the encoding of results; `schema`: also what there is. */
export type Moves = 'nothing' | 'path' | 'schema';

const order: readonly Moves[] = ['nothing', 'path', 'schema'];

export function moreMoves(a: Moves, b: Moves): Moves {
  return order[Math.max(order.indexOf(a), order.indexOf(b))];
}

/** Settings on which the meaning of unqualified names hangs. */
export const pathSettings: ReadonlySet<string> = new Set(['search_path', 'role', 'session_authorization']);
/** With the encoding of results. */
const meaningSettings: ReadonlySet<string> = new Set([...pathSettings, 'client_encoding']);

/** Ways to run text that is made, and to write a name so that it is not found. */
const hides = new RegExp(hiddenSql, 'i');
const setConfig = /set_config/gi;
/** The literal is all of the name: nothing is put behind it, and it does not go on in the next line. */
const harmlessConfig = /set_config"?\s*\(\s*'([\w.]+)'\s*,/gi;

/** Whether SQL text can set what names hang on by a call. */
export function setsByCall(source: string): boolean {
  if (hides.test(source) || /pg_settings/i.test(source)) return true;
  const calls = source.match(setConfig)?.length ?? 0;
  if (calls === 0) return false;
  const harmless = [...source.matchAll(harmlessConfig)].filter(([, name]) => !meaningSettings.has(name.toLowerCase()));
  return harmless.length < calls;
}

/** Whether names may be written in the text, in lower case, so that they are not found: by their numbers, or in a literal that is run. */
export function hidesNames(lower: string): boolean {
  return lower.includes('u&') || (/\\|''/.test(lower) && hides.test(lower));
}

/** Whether it runs text that is made, for all that is known from what it is given. */
export function runsMadeText({ language, source }: PgFunction): boolean {
  return language === 'plpgsql' && /\bexecute\b/i.test(source ?? '');
}

const plpgsqlSets =
  /search_path|client_encoding|\bset\s+(?:local\s+|session\s+)?names\b|\bset\s+(?:local\s+|session\s+)?(?:role|schema|session\s+authorization)\b|\breset\b|\bdiscard\b/i;
const plpgsqlDefines = /\b(?:create|alter|drop|import)\b/i;

/** What the body of a function may move by itself. One of an extension is believed where its code cannot be read. */
export function movedBy({ language, kind, extension, source }: PgFunction, parse: ParseSql): Moves {
  if (kind === 'a') return 'nothing';
  if (language === 'c' || language === 'internal') return extension === null ? 'schema' : 'nothing';
  if (source === null) return 'schema';
  const byCall: Moves = setsByCall(source) ? 'path' : 'nothing';
  if (language === 'sql') return moreMoves(byCall, movedByStatements(source, parse));
  if (language !== 'plpgsql') return 'path';
  // What looks like a comment may stand in a string.
  const texts = [source, withoutComments(source)];
  if (texts.some((text) => plpgsqlDefines.test(text))) return 'schema';
  return texts.some((text) => plpgsqlSets.test(text)) ? 'path' : byCall;
}

/** Each comment becomes a space. They nest, and one that is not closed runs to the end. */
function withoutComments(source: string): string {
  let kept = '';
  let from = 0;
  let depth = 0;
  let inLine = false;
  for (const { 0: mark, index } of source.matchAll(/--|\/\*|\*\/|[\r\n]/g)) {
    if (mark === '\r' || mark === '\n') {
      if (inLine) from = index;
      inLine = false;
    } else if (mark === '*/') {
      if (depth > 0 && --depth === 0) from = index + mark.length;
    } else if (!inLine && (depth === 0 || mark === '/*')) {
      if (depth === 0) kept += `${source.slice(from, index)} `;
      if (mark === '/*') depth++;
      else inLine = true;
    }
  }
  return depth === 0 && !inLine ? kept + source.slice(from) : kept;
}

const queries: ReadonlySet<string> = new Set(['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt']);
/** Without one of these no statement of a body is anything but a query. */
const commands =
  /\b(?:set|reset|discard|create|alter|drop|import|do|call|execute|security|comment|grant|revoke|fetch|move|declare|close|prepare|deallocate)\b/i;

function movedByStatements(source: string, parse: ParseSql): Moves {
  const sql = sqlBody(source);
  if (!commands.test(sql)) return 'nothing';
  const statements = parse(sql);
  if (statements === null) return 'schema';
  let moves: Moves = 'nothing';
  for (const statement of statements) moves = moreMoves(moves, movedByStatement(statement));
  return moves;
}

const harmless: ReadonlySet<string> = new Set([
  'NotifyStmt',
  'LockStmt',
  'ListenStmt',
  'ExplainStmt',
  'TruncateStmt',
  'VariableShowStmt',
]);

function movedByStatement(statement: unknown): Moves {
  const tag = tagOf(statement);
  if (queries.has(tag) || harmless.has(tag)) return 'nothing';
  if (tag === 'DiscardStmt') return 'path';
  // What it calls is found by its name.
  if (tag === 'CallStmt') return 'nothing';
  if (tag !== 'VariableSetStmt') return 'schema';
  const { name, kind } = record(record(statement)[tag]);
  return kind === 'VAR_RESET_ALL' || meaningSettings.has(textOf(name).toLowerCase()) ? 'path' : 'nothing';
}
