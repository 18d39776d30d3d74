/**
 * Statements whose parse tree is not on the main thread: those of long texts. A tree takes fifty times the room of its text and
 * reading it over from a thread would stop everybody as long as parsing did, so only the facts come back. Whatever else
 * is to be known of such a statement (its flow) is asked of a thread too, which parses the text again.
 *
 * What comes from a thread is checked like bytes from a peer: a bug in there must refuse a statement, never let one pass.
 */
import type { Fault } from '../../../errors.ts';
import { errors } from '../../../errors.ts';
import type { SearchPath } from '../catalog/catalog.ts';
import type { Doubt } from '../catalog/doubted.ts';
import type { ColumnName, MaskedUse, MaskSpec } from '../../../facts.ts';
import { isRecord } from '../parse/ast.ts';
import type { Analysis, AnalyzedStatement } from '../facts/facts.ts';
import type { Lineage } from '../lineage/lineage.ts';
import type { GivenToMasked, StatementUse } from './maskedUse.ts';
import type { ParseFault, ParseLimits } from '../parse/parse.ts';

/** Names of the tasks, as a protocol's own module for threads exports them. */
export const textTask = 'analyzeText';
export const flowsTask = 'analyzeFlows';

/** Which tree of its text a statement is: how often to go down into the query of DECLARE, PREPARE, EXPLAIN or COPY. */
export interface Distant {
  readonly steps: number;
}

export interface TextPayload {
  readonly text: Uint8Array;
  readonly limits: ParseLimits;
}

/** What `analyzeText` answers. Statements of one shape share their facts, so that ten thousand of them are copied in no time. */
export interface TextAnswer {
  /** Without text, and without that of the statements in them. */
  readonly facts: readonly AnalyzedStatement[];
  readonly texts: readonly string[];
  /** Index of each text's facts. */
  readonly which: Uint32Array;
  readonly literalFree: boolean;
  readonly bytes: number;
}

/** What the names of a flow mean. */
export interface NameView {
  readonly path: SearchPath;
  /** null: what the catalog says. Else no name of a user's object is believed, and so on; see catalog/doubted.ts. */
  readonly doubt: Doubt | null;
  /** A call without arguments means the server's own function, although names are doubted. */
  readonly builtinsFirst: boolean;
}

/** One flow that is asked for. */
export interface FlowQuestion extends NameView {
  readonly text: string;
  readonly steps: number;
}

/** Parameters whose values go to one masked column. */
export interface GivenParameters {
  readonly column: ColumnName;
  readonly mask: MaskSpec;
  readonly numbers: Uint32Array;
}

/** What a statement shows and does, under one catalog and one set of masks. */
export interface FlowAnswer {
  readonly lineage: Lineage;
  readonly use: MaskedUse | null;
  /** Only what looks like a mask; one is enough to refuse. */
  readonly literals: readonly GivenToMasked[];
  readonly parameters: readonly GivenParameters[];
}

/** The same as the main thread would have found it. */
export function useOfAnswer({ use, literals, parameters }: FlowAnswer): StatementUse {
  const given = parameters.flatMap(({ column, mask, numbers }): GivenToMasked[] =>
    Array.from(numbers, (number) => ({ column, mask, given: { kind: 'parameter', number } })),
  );
  return { use, given: [...literals, ...given] };
}

/** What {@link readAnalysis} makes of the answer to `analyzeText`; null: it is none. */
export function readAnalysis(value: unknown): Analysis | { fault: ParseFault } | null {
  if (!isRecord(value)) return null;
  if (isRecord(value.fault)) return isFault(value.fault) ? { fault: value.fault as unknown as ParseFault } : null;
  const { facts, texts, which, literalFree, bytes } = value;
  if (!isListOf(facts, (one) => isStatement(one, 0)) || !isListOf(texts, isText)) return null;
  if (!(which instanceof Uint32Array) || which.length !== texts.length) return null;
  if (typeof literalFree !== 'boolean' || !isSize(bytes) || which.some((at) => at >= facts.length)) return null;
  const statements = texts.map((text, at) => withText(facts[which[at]] as AnalyzedStatement, text as string));
  return { statements, literalFree, bytes };
}

/** A statement inside another has the text of that. */
function withText(facts: AnalyzedStatement, text: string): AnalyzedStatement {
  const { session } = facts;
  const nested = 'inner' in session && session.inner !== null;
  return {
    ...facts,
    text,
    shape: {},
    session: nested ? { ...session, inner: withText(session.inner, text) } : session,
  };
}

/** The same for `analyzeFlows` with `count` questions. */
export function readFlowAnswers(value: unknown, count: number): readonly FlowAnswer[] | null {
  if (!Array.isArray(value) || value.length !== count || !value.every(isFlowAnswer)) return null;
  return value as FlowAnswer[];
}

function isFault(value: { readonly [key: string]: unknown }): boolean {
  return typeof value.code === 'string' && Object.hasOwn(errors, value.code) && typeof value.detail === 'string';
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && value >= 0;
}

const present: readonly unknown[] = ['present', 'absent', 'none'];

/** `steps`: of a statement in another, how deep. Then both have the same text. */
function isStatement(value: unknown, steps: number): boolean {
  if (!isRecord(value) || !isRecord(value.distant) || value.distant.steps !== steps || steps > 8) return false;
  const { session } = value;
  return (
    typeof value.kind === 'string' &&
    typeof value.fingerprint === 'string' &&
    isListOf(value.kinds, isText) &&
    value.kinds.length > 0 &&
    isListOf(value.objects, isNamed) &&
    isListOf(value.columns, isColumn) &&
    isListOf(value.functions, isText) &&
    isListOf(value.settings, isRecord) &&
    isListOf(value.executes, isText) &&
    isListOf(value.opaque, isText) &&
    present.includes(value.where) &&
    present.includes(value.limit) &&
    typeof value.returnsRows === 'boolean' &&
    typeof value.changesCatalog === 'boolean' &&
    value.exact === true &&
    isRecord(value.ast) &&
    isRecord(value.shape) &&
    isRecord(session) &&
    typeof session.kind === 'string' &&
    (session.inner === undefined || session.inner === null || isStatement(session.inner, steps + 1))
  );
}

function isListOf(value: unknown, is: (item: unknown) => boolean): value is unknown[] {
  return Array.isArray(value) && value.every(is);
}

const isText = (value: unknown): boolean => typeof value === 'string';
const isNamed = (value: unknown): boolean =>
  isRecord(value) && typeof value.name === 'string' && typeof value.access === 'string';
const isColumn = (value: unknown): boolean =>
  isRecord(value) && typeof value.column === 'string' && typeof value.access === 'string';

function isFlowAnswer(value: unknown): boolean {
  if (!isRecord(value) || !isRecord(value.lineage)) return false;
  const { head, rest, tail, writes } = value.lineage;
  const { use, literals, parameters } = value;
  return (
    isListOf(head, isOutput) &&
    isListOf(tail, isOutput) &&
    (rest === null || isOutput(rest)) &&
    typeof writes === 'boolean' &&
    isListOf(literals, isGiven) &&
    isListOf(parameters, (one) => isRecord(one) && isGiven(one) && one.numbers instanceof Uint32Array) &&
    (use === null || (isRecord(use) && [use.probes, use.copies, use.unreadable].every(Array.isArray)))
  );
}

const isGiven = (value: unknown): boolean => isRecord(value) && isRecord(value.column) && isRecord(value.mask);
const isOutput = (value: unknown): boolean =>
  isRecord(value) &&
  typeof value.kind === 'string' &&
  value.sources instanceof Set &&
  typeof value.steady === 'boolean';

/** What the server itself would say. */
export const cancelledFault: Fault = {
  code: 'BG_STATEMENT_CANCELLED',
  detail: errors.BG_STATEMENT_CANCELLED.message,
};

/** What keeps a statement from being analysed in a thread. */
export function analysisFault(result: { readonly kind: 'timeout' | 'busy' | 'failed' }, timeoutMs: number): Fault {
  switch (result.kind) {
    case 'timeout':
      return { code: 'BG_STATEMENT_TOO_LARGE', detail: `its analysis took longer than ${timeoutMs} ms` };
    case 'busy':
      return { code: 'BG_ANALYSIS_BUSY', detail: errors.BG_ANALYSIS_BUSY.message };
    case 'failed':
      return { code: 'BG_ANALYSIS_FAILED', detail: errors.BG_ANALYSIS_FAILED.message };
  }
}
