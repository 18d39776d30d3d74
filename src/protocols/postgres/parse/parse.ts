/**
 * PostgreSQL's own parser (libpg-query 18, WebAssembly) behind limits.
 *
 * Hostile text was measured against it: brackets nested without end are refused by bison at 10,000 levels, chains of
 * operators, joins or UNIONs exhaust the stack while the tree is written out (a `RangeError`), and a run of operator
 * characters costs the square of its length in the scanner. The last is refused before parsing. An instance that
 * threw is never used again: its error stack and shadow stack are in an unknown state. A spare takes over at once.
 */
import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import factory from 'libpg-query/wasm/libpg-query.js';
import type { Fault } from '../../../errors.ts';
import { type AstRecord, isRecord, list, record } from './ast.ts';

export interface ParseLimits {
  readonly textBytesMax: number;
  readonly statementsMax: number;
  /** Bytes of the tree as JSON; bounds the memory that one text can take. About 60 per byte of dense text. */
  readonly astBytesMax: number;
}

/** Why a text was not analysed. */
export interface ParseFault extends Fault {
  /**
   * What the parser found wrong, in the words of the server that it comes from: for the author of the text, which it
   * quotes, and never for the log. `position` is a character of the text, from 1; 0: none.
   */
  readonly syntax?: { readonly said: string; readonly position: number };
}

export const defaultParseLimits: ParseLimits = Object.freeze({
  textBytesMax: 1024 * 1024,
  statementsMax: 10_000,
  astBytesMax: 96 * 1024 * 1024,
});

export interface ParsedStatement {
  /** Exact slice of the batch, without its semicolon. */
  readonly text: string;
  /** Wrapped node, e.g. `{"SelectStmt": {...}}`: RawStmt.stmt. */
  readonly ast: AstRecord;
}

export interface ParsedText {
  readonly statements: readonly ParsedStatement[];
  /** Size of the tree as JSON, for the accounting of caches. */
  readonly astBytes: number;
}

/** What is used of the emscripten module. Views are replaced when its memory grows, so they are never kept. */
interface ParserModule {
  readonly HEAPU8: Uint8Array;
  readonly HEAPU32: Uint32Array;
  _malloc(size: number): number;
  _free(at: number): void;
  _wasm_parse_query_raw(text: number): number;
  _wasm_free_parse_result(result: number): void;
  _wasm_fingerprint(text: number): number;
  _wasm_free_string(at: number): void;
}

/** A tree this large has touched so much of an instance's memory that the instance is replaced to give it back. */
const recycleAstBytes = 4 * 1024 * 1024;
/** Scanner steps that runs of operator characters may cost: about 30 ms, or one banner of 4,000 characters. */
const operatorStepsMax = 16_000_000;

let compiled: WebAssembly.Module | null = null;
let active: ParserModule | null = null;
let spare: ParserModule | null = null;
let loading: Promise<void> | null = null;

/** Compiles the parser once and starts it. Must be awaited before anything is parsed. */
export function loadParser(): Promise<void> {
  loading ??= load();
  return loading;
}

async function load(): Promise<void> {
  const path = fileURLToPath(import.meta.resolve('libpg-query/wasm/libpg-query.wasm'));
  compiled = await WebAssembly.compile(await readFile(path));
  active = await instantiate(compiled);
  void refill();
}

async function instantiate(wasm: WebAssembly.Module): Promise<ParserModule> {
  const made = await factory({
    instantiateWasm: (imports, done) => {
      const instance = new WebAssembly.Instance(wasm, imports);
      done(instance);
      return instance.exports;
    },
  });
  if (!isParserModule(made)) throw new Error('libpg-query does not export the functions that the gate uses');
  return made;
}

function isParserModule(value: unknown): value is ParserModule {
  return (
    isRecord(value) &&
    typeof value._wasm_parse_query_raw === 'function' &&
    typeof value._wasm_fingerprint === 'function' &&
    value.HEAPU8 instanceof Uint8Array
  );
}

async function refill(): Promise<void> {
  if (compiled === null || spare !== null) return;
  const made = await instantiate(compiled);
  spare = made;
  active ??= take();
}

function take(): ParserModule | null {
  const taken = spare;
  spare = null;
  return taken;
}

/** Drops the active instance. Two traps before the event loop turns leave none: statements are refused until it did. */
function replaceInstance(): void {
  active = take();
  void refill();
}

/** Waits until a spare instance stands by, so that tests need not guess. */
export async function parserReady(): Promise<void> {
  await loadParser();
  await refill();
}

/** Parses a batch given as a string; see {@link parseBytes}. A lone surrogate is a fault, as it has no UTF-8 form. */
export function parseSql(sql: string, limits: ParseLimits = defaultParseLimits): ParsedText | { fault: ParseFault } {
  if (sql.length > limits.textBytesMax) return tooLarge('text over the limit');
  if (!sql.isWellFormed()) return unparsable('not valid Unicode');
  const bytes = Buffer.from(sql, 'utf8');
  return parseBytes(bytes, 0, bytes.length, limits);
}

/** Trees of the statements of a batch, without their texts; null where it is at fault. */
export function parseTrees(sql: string): readonly AstRecord[] | null {
  const parsed = parseSql(sql);
  return 'fault' in parsed ? null : parsed.statements.map((statement) => statement.ast);
}

/**
 * Parses the UTF-8 text in bytes[start, end), which may hold any number of statements (none: an empty query).
 * Synchronous; the parser must be loaded. Faults: BG_STATEMENT_UNPARSABLE, BG_STATEMENT_TOO_LARGE.
 */
export function parseBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  limits: ParseLimits = defaultParseLimits,
): ParsedText | { fault: ParseFault } {
  const fault = checkText(bytes, start, end, limits);
  if (fault !== null) return fault;
  const run = runParser(bytes, start, end, limits);
  if ('fault' in run) return run;
  const tree = treeOf(run.json);
  if (tree === null) return unparsable('the tree cannot be read');
  const raw = list(tree.stmts);
  if (raw.length > limits.statementsMax) return tooLarge('too many statements in one text');
  const statements: ParsedStatement[] = [];
  for (const item of raw) {
    const statement = record(item);
    if (!isRecord(statement.stmt)) return unparsable('a statement without a tree');
    // Offsets count bytes. A length of 0 means: up to the end of the text.
    const from = start + integer(statement.stmt_location);
    const length = integer(statement.stmt_len);
    const to = length === 0 ? end : from + length;
    if (from > end || to > end) return unparsable('a statement outside its text');
    statements.push({ text: decode(bytes, from, to), ast: statement.stmt });
  }
  return { statements, astBytes: run.json.length };
}

function treeOf(json: string): AstRecord | null {
  try {
    const tree: unknown = JSON.parse(json);
    return isRecord(tree) ? tree : null;
  } catch {
    return null;
  }
}

/** Fingerprint of a statement that parsed: 16 hex digits, or '' where it cannot be computed. */
export function fingerprintOf(sql: string): string {
  const module = active;
  if (module === null) return '';
  try {
    const at = copyIn(module, Buffer.from(sql, 'utf8'));
    const result = module._wasm_fingerprint(at);
    const digits = result === 0 ? '' : decode(module.HEAPU8, result, zeroAfter(module.HEAPU8, result));
    module._wasm_free_string(result);
    module._free(at);
    // Errors come back as text in the same place.
    return /^[0-9a-f]{16}$/.test(digits) ? digits : '';
  } catch {
    replaceInstance();
    return '';
  }
}

function checkText(bytes: Uint8Array, start: number, end: number, limits: ParseLimits): { fault: ParseFault } | null {
  if (end - start > limits.textBytesMax) return tooLarge('text over the limit');
  const range = bytes.subarray(start, end);
  // The server reads up to the first NUL; so does the parser. What stands behind one would be judged by neither.
  if (range.indexOf(0) !== -1) return unparsable('NUL byte in the text');
  if (!isUtf8(range)) return unparsable('not valid UTF-8');
  if (operatorSteps(range) > operatorStepsMax) return tooLarge('runs of operator characters over the limit');
  return null;
}

/** 1 for the characters of `op_chars` in PostgreSQL's scan.l. */
const operatorChars = new Uint8Array(256);
for (const char of '~!@#^&|`?+-*/%<>=') operatorChars[char.charCodeAt(0)] = 1;

/**
 * Upper bound of the scanner's work on operators: it matches a whole run, keeps a short piece of it and starts again.
 * Comments and strings count too, so no trick of quoting hides a run.
 */
function operatorSteps(range: Uint8Array): number {
  let steps = 0;
  let run = 0;
  for (let at = 0; at < range.length; at++) {
    run = operatorChars[range[at]] === 1 ? run + 1 : 0;
    steps += run;
  }
  return steps;
}

/** The tree as JSON. PgQueryParseResult is {parse_tree, stderr_buffer, error}; PgQueryError keeps cursorpos at 16. */
function runParser(
  bytes: Uint8Array,
  start: number,
  end: number,
  limits: ParseLimits,
): { json: string } | { fault: ParseFault } {
  const module = active;
  if (module === null) {
    if (loading === null) throw new Error('loadParser() must be awaited first');
    return tooLarge('the parser is being replaced');
  }
  try {
    const at = copyIn(module, bytes.subarray(start, end));
    const result = module._wasm_parse_query_raw(at);
    const outcome = readResult(module, result, limits);
    module._wasm_free_parse_result(result);
    module._free(at);
    if ('json' in outcome && outcome.json.length > recycleAstBytes && spare !== null) replaceInstance();
    return outcome;
  } catch {
    // Stack or memory exhausted inside the parser; it cannot be trusted with another statement.
    replaceInstance();
    return tooLarge('nested too deeply for the parser');
  }
}

function readResult(
  module: ParserModule,
  result: number,
  limits: ParseLimits,
): { json: string } | { fault: ParseFault } {
  if (result === 0) throw new Error('parser out of memory');
  const words = module.HEAPU32;
  const tree = words[result >>> 2];
  const error = words[(result + 8) >>> 2];
  if (error !== 0) {
    const message = words[error >>> 2];
    const exhausted = message !== 0 && startsWith(module.HEAPU8, message, 'memory exhausted');
    if (exhausted) return tooLarge('nested too deeply for the grammar');
    const position = words[(error + 16) >>> 2];
    const said = message === 0 ? '' : decode(module.HEAPU8, message, zeroAfter(module.HEAPU8, message));
    // What it said quotes the text, so only the position goes to the log.
    const { fault } = unparsable(`syntax error at character ${position}`);
    return { fault: { ...fault, syntax: { said, position } } };
  }
  if (tree === 0) throw new Error('parser returned neither a tree nor an error');
  const treeEnd = zeroAfter(module.HEAPU8, tree);
  if (treeEnd - tree > limits.astBytesMax) return tooLarge('tree over the limit');
  return { json: decode(module.HEAPU8, tree, treeEnd) };
}

function copyIn(module: ParserModule, text: Uint8Array): number {
  const at = module._malloc(text.length + 1);
  if (at === 0) throw new Error('parser out of memory');
  const heap = module.HEAPU8;
  heap.set(text, at);
  heap[at + text.length] = 0;
  return at;
}

function zeroAfter(heap: Uint8Array, at: number): number {
  const end = heap.indexOf(0, at);
  if (end === -1) throw new Error('unterminated string from the parser');
  return end;
}

function startsWith(heap: Uint8Array, at: number, expected: string): boolean {
  for (let i = 0; i < expected.length; i++) if (heap[at + i] !== expected.charCodeAt(i)) return false;
  return true;
}

function decode(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}

function integer(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : 0;
}

function tooLarge(detail: string): { fault: ParseFault } {
  return { fault: { code: 'BG_STATEMENT_TOO_LARGE', detail } };
}

function unparsable(detail: string): { fault: ParseFault } {
  return { fault: { code: 'BG_STATEMENT_UNPARSABLE', detail } };
}
