/**
 * SQL text to statement facts.
 *
 * The text is parsed by PostgreSQL's own grammar and every statement's tree is walked once. Whatever cannot be parsed,
 * or is too deep to walk, is a fault: it is never guessed at.
 */
import type { Statement } from '../../../facts.ts';
import { type AstRecord, isRecord, list, record, stringNode, tagOf, text, unwrap } from '../parse/ast.ts';
import { type CopyStatement, readCopy } from '../parse/copyStatement.ts';
import type { Distant } from '../masks/distant.ts';
import { FactsCollector, type Lookups, lookupsMax, type SettingChange, TreeTooDeep } from './collect.ts';
import { walkStatement } from './commands.ts';
import { walkModify } from './modify.ts';
import {
  type ParseFault,
  type ParseLimits,
  type ParsedText,
  defaultParseLimits,
  fingerprintOf,
  parseBytes,
  parseSql,
} from '../parse/parse.ts';
import { changesCatalog, kindOf } from './statementKinds.ts';

/** What a statement does to the session's own state, for the state machine. Names are case-folded as the server's. */
export type SessionEffect =
  | { readonly kind: 'none' }
  | { readonly kind: 'prepare'; readonly name: string; readonly inner: AnalyzedStatement }
  | { readonly kind: 'execute'; readonly name: string }
  /** `name` null: DEALLOCATE ALL. */
  | { readonly kind: 'deallocate'; readonly name: string | null }
  | { readonly kind: 'declare'; readonly name: string; readonly hold: boolean; readonly inner: AnalyzedStatement }
  | { readonly kind: 'fetch'; readonly name: string }
  | { readonly kind: 'move'; readonly name: string }
  /** `name` null: CLOSE ALL. */
  | { readonly kind: 'close'; readonly name: string | null }
  /** `inner`: the query of COPY (query) TO. */
  | { readonly kind: 'copy_to'; readonly copy: CopyStatement; readonly inner: AnalyzedStatement | null }
  | { readonly kind: 'copy_from'; readonly copy: CopyStatement }
  | { readonly kind: 'explain'; readonly analyze: boolean; readonly inner: AnalyzedStatement }
  /** `name` null: RESET ALL. `value` null: back to the default. */
  | { readonly kind: 'set'; readonly name: string | null; readonly value: string | null; readonly local: boolean }
  /** DISCARD; `all` also ends prepared statements and cursors, `plans` and `sequences` leave them. */
  | { readonly kind: 'discard'; readonly target: 'all' | 'plans' | 'sequences' | 'temp' }
  | { readonly kind: 'transaction'; readonly command: string }
  /** The catalog snapshot is stale once this ran. */
  | { readonly kind: 'ddl' };

export interface AnalyzedStatement extends Statement {
  /** Wrapped node of libpg-query's tree; of a distant statement its tag with an empty struct, unless it is a short SET. */
  readonly ast: AstRecord;
  /** null: the tree is here; see masks/distant.ts. */
  readonly distant: Distant | null;
  /** Whether `ast` is of this very text; else of one that differs in literals. */
  readonly exact: boolean;
  readonly session: SessionEffect;
  /** Every setting that it changes: SET, RESET, and set_config() at any depth. */
  readonly settings: readonly SettingChange[];
  /** Prepared statements that it runs: EXECUTE, EXPLAIN EXECUTE, CREATE TABLE AS EXECUTE. */
  readonly executes: readonly string[];
  /** SQL in it that cannot be read: `do`, `function_body:plpgsql`, `query_to_xml`. Not empty: kinds has `dynamic_sql`. */
  readonly opaque: readonly string[];
  /** Whether it, or a statement within, changes the catalog. */
  readonly changesCatalog: boolean;
  /**
   * Equal for statements that differ in nothing but literals on which no fact hangs. What was derived from the facts
   * other than `text` may be cached by it.
   */
  readonly shape: object;
}

export interface Analysis {
  /** Empty for an empty query. */
  readonly statements: readonly AnalyzedStatement[];
  /** True if other literals in the same places would give the same facts (but for `text`) and the same lineage. */
  readonly literalFree: boolean;
  /** Rough size in memory, for the accounting of caches. */
  readonly bytes: number;
}

/** SQL in literals that holds SQL in literals: deeper than this is refused. */
const dynamicDepthMax = 4;
/** Texts above this are grouped by nothing in the audit log; a second parse of a bulk INSERT would cost too much. */
const fingerprintTextMax = 64 * 1024;

/** Analyses a batch given as a string. `loadParser()` must have been awaited. */
export function analyze(sql: string, limits: ParseLimits = defaultParseLimits): Analysis | { fault: ParseFault } {
  return analyzeParsed(parseSql(sql, limits), sql.length);
}

/** Analyses the UTF-8 text in bytes[start, end). */
export function analyzeBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  limits: ParseLimits = defaultParseLimits,
): Analysis | { fault: ParseFault } {
  return analyzeParsed(parseBytes(bytes, start, end, limits), end - start);
}

function analyzeParsed(parsed: ParsedText | { fault: ParseFault }, length: number): Analysis | { fault: ParseFault } {
  if ('fault' in parsed) return parsed;
  try {
    let literalFree = true;
    const lookups: Lookups = { left: lookupsMax };
    const statements = parsed.statements.map((one) => {
      const outer = { text: one.text, fingerprint: fingerprint(one.text), lookups };
      const [statement, free] = analyzeStatement(outer, one.ast);
      literalFree &&= free;
      return statement;
    });
    // Objects in V8 take about four times their JSON.
    return { statements, literalFree, bytes: 4 * parsed.astBytes + 2 * length + 1024 };
  } catch (error) {
    // RangeError: the caller left too little stack. Any other error is a bug and goes up.
    if (!(error instanceof TreeTooDeep) && !(error instanceof RangeError)) throw error;
    const detail = error instanceof TreeTooDeep ? error.message : 'nested too deeply to be analysed';
    return { fault: { code: 'BG_STATEMENT_TOO_LARGE', detail } };
  }
}

function fingerprint(sql: string): string {
  return sql.length > fingerprintTextMax ? '' : fingerprintOf(sql);
}

/** What a statement shares with those inside it. */
interface Outer {
  readonly text: string;
  readonly fingerprint: string;
  readonly lookups: Lookups;
}

function analyzeStatement(outer: Outer, ast: AstRecord): [AnalyzedStatement, boolean] {
  const tag = tagOf(ast);
  const body = record(ast[tag]);
  const facts = collect(ast, 0, outer.lookups);
  const kinds = [...facts.kinds];
  const statement: AnalyzedStatement = {
    text: outer.text,
    kind: kindOf(tag, body),
    kinds,
    fingerprint: outer.fingerprint,
    objects: [...facts.objects.values()],
    columns: [...facts.columns.values()],
    functions: [...facts.functions],
    where: facts.where,
    limit: limitOf(tag, body),
    returnsRows: returnsRows(tag, body),
    ast,
    distant: null,
    exact: true,
    session: effectOf(outer, tag, body),
    settings: facts.settings,
    executes: facts.executes,
    opaque: [...facts.opaque],
    changesCatalog: kinds.some(changesCatalog),
    shape: {},
  };
  return [statement, facts.literalFree];
}

/** Facts of a tree, and of the SQL that stands in its literals. */
function collect(ast: AstRecord, dynamicDepth: number, lookups: Lookups): FactsCollector {
  const walkText = (inner: string): boolean => {
    if (dynamicDepth >= dynamicDepthMax) throw new TreeTooDeep();
    const parsed = parseSql(inner);
    if ('fault' in parsed) return false;
    for (const one of parsed.statements) merge(facts, collect(one.ast, dynamicDepth + 1, lookups));
    return true;
  };
  const facts: FactsCollector = new FactsCollector(walkText, walkModify, lookups);
  walkStatement(facts, ast, null);
  return facts;
}

function merge(into: FactsCollector, from: FactsCollector): void {
  for (const kind of from.kinds) into.kinds.add(kind);
  for (const [key, use] of from.objects) into.objects.set(key, use);
  for (const [key, use] of from.columns) into.columns.set(key, use);
  for (const name of from.functions) into.functions.add(name);
  for (const what of from.opaque) into.opaque.add(what);
  into.settings.push(...from.settings);
  into.executes.push(...from.executes);
  if (from.where !== 'none') into.addWhere(from.where === 'present');
}

/** The query that a wrapper runs, e.g. of `DECLARE c CURSOR FOR ..`; null where the statement is no wrapper. */
function innerQuery(tag: string, body: AstRecord): AstRecord | null {
  switch (tag) {
    case 'ExplainStmt':
    case 'PrepareStmt':
    case 'DeclareCursorStmt':
    case 'CreateTableAsStmt':
    case 'CopyStmt':
      return isRecord(body.query) ? body.query : null;
    default:
      return null;
  }
}

function limitOf(tag: string, body: AstRecord): 'present' | 'absent' | 'none' {
  const inner = innerQuery(tag, body);
  if (inner !== null) {
    const innerTag = tagOf(inner);
    return limitOf(innerTag, record(inner[innerTag]));
  }
  if (tag !== 'SelectStmt') return 'none';
  if (!isRecord(body.limitCount)) return 'absent';
  // LIMIT ALL and LIMIT NULL are no limit.
  return unwrap(body.limitCount, 'A_Const')?.isnull === true ? 'absent' : 'present';
}

function returnsRows(tag: string, body: AstRecord): boolean {
  switch (tag) {
    case 'SelectStmt':
      return !hasInto(body);
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'DeleteStmt':
    case 'MergeStmt':
      return isRecord(body.returningClause);
    case 'CopyStmt':
      return body.is_from !== true && body.filename === undefined;
    case 'FetchStmt':
      return body.ismove !== true;
    case 'ExplainStmt':
    case 'VariableShowStmt':
    case 'ExecuteStmt':
    case 'CallStmt':
      return true;
    case 'CreateTableAsStmt':
    case 'PrepareStmt':
    case 'DeclareCursorStmt':
      return false;
    default:
      // Other known statements return none; one that this gate has never heard of might.
      return !tag.endsWith('Stmt');
  }
}

/** In a set operation INTO stands in the leftmost arm. */
function hasInto(body: AstRecord): boolean {
  let at = body;
  while (isRecord(at.larg)) at = at.larg;
  return isRecord(at.intoClause) || isRecord(body.intoClause);
}

function effectOf(outer: Outer, tag: string, body: AstRecord): SessionEffect {
  switch (tag) {
    case 'PrepareStmt':
      return { kind: 'prepare', name: text(body.name), inner: innerStatement(outer, body.query) };
    case 'ExecuteStmt':
      return { kind: 'execute', name: text(body.name) };
    case 'DeallocateStmt':
      return { kind: 'deallocate', name: body.isall === true ? null : text(body.name) };
    case 'DeclareCursorStmt':
      return {
        kind: 'declare',
        name: text(body.portalname),
        hold: typeof body.options === 'number' && (body.options & cursorHold) !== 0,
        inner: innerStatement(outer, body.query),
      };
    case 'FetchStmt':
      return { kind: body.ismove === true ? 'move' : 'fetch', name: text(body.portalname) };
    case 'ClosePortalStmt':
      return { kind: 'close', name: typeof body.portalname === 'string' ? body.portalname : null };
    case 'CopyStmt':
      return copyEffect(outer, body);
    case 'ExplainStmt':
      return { kind: 'explain', analyze: explainsByRunning(body), inner: innerStatement(outer, body.query) };
    case 'VariableSetStmt':
      return setEffect(body);
    case 'DiscardStmt':
      return { kind: 'discard', target: discardTargets[text(body.target)] ?? 'all' };
    case 'TransactionStmt':
      return { kind: 'transaction', command: kindOf(tag, body) };
    default:
      return changesCatalog(kindOf(tag, body)) || hasInto(body) ? { kind: 'ddl' } : { kind: 'none' };
  }
}

/** CURSOR_OPT_HOLD of nodes/parsenodes.h. */
const cursorHold = 0x0020;

const discardTargets: Readonly<Record<string, 'all' | 'plans' | 'sequences' | 'temp'>> = {
  DISCARD_ALL: 'all',
  DISCARD_PLANS: 'plans',
  DISCARD_SEQUENCES: 'sequences',
  DISCARD_TEMP: 'temp',
};

function copyEffect(outer: Outer, body: AstRecord): SessionEffect {
  const copy = readCopy(body);
  if (body.is_from === true) return { kind: 'copy_from', copy };
  return { kind: 'copy_to', copy, inner: isRecord(body.query) ? innerStatement(outer, body.query) : null };
}

function setEffect(body: AstRecord): SessionEffect {
  const facts = new FactsCollector(() => false, walkModify);
  walkStatement(facts, { VariableSetStmt: body }, null);
  const change = facts.settings[0] ?? { name: null, value: null, local: false };
  return { kind: 'set', ...change };
}

/** EXPLAIN runs its statement where ANALYZE is given and not switched off (defGetBoolean of the server). */
function explainsByRunning(body: AstRecord): boolean {
  for (const item of list(body.options)) {
    const option = unwrap(item, 'DefElem');
    if (option?.defname !== 'analyze') continue;
    const number = unwrap(option.arg, 'Integer');
    if (number !== null) return number.ival !== undefined;
    const word = stringNode(option.arg)?.toLowerCase();
    return word !== 'false' && word !== 'off';
  }
  return false;
}

/** The statement behind a cursor, a prepared statement, COPY or EXPLAIN. Its text is that of the whole statement. */
function innerStatement(outer: Outer, query: unknown): AnalyzedStatement {
  return analyzeStatement(outer, record(query))[0];
}
