/** What a thread does for statements of long texts: see masks/distant.ts. Everything here may take seconds; the caller limits it. */
import type { ColumnMaskRule } from '../../../facts.ts';
import { type AstRecord, record, tagOf } from '../parse/ast.ts';
import { buildCatalog, type CatalogRows } from '../catalog/build.ts';
import type { Catalog, ColumnKey, FormerName } from '../catalog/catalog.ts';
import { doubtedCatalog } from '../catalog/doubted.ts';
import type { FlowAnswer, FlowQuestion, GivenParameters, TextAnswer, TextPayload } from './distant.ts';
import { analyzeBytes, type AnalyzedStatement, type SessionEffect } from '../facts/facts.ts';
import type { Lineage, OutputLineage } from '../lineage/lineage.ts';
import { flowOf, tooLarge } from '../lineage/flow/flow.ts';
import { type GivenToMasked, mayBeMask, statementUse } from './maskedUse.ts';
import { type ColumnMaskIndex, columnMasks, type StrongerMask } from './maskIndex.ts';
import { type ParseFault, parseSql, parserReady, parseTrees } from '../parse/parse.ts';

export interface FlowsPayload {
  readonly catalog: {
    /** Equal for equal catalogs: a thread keeps what it built last. */
    readonly id: number;
    /** JSON of {@link CatalogRows}. */
    readonly rows: SharedArrayBuffer;
    readonly formerNames: ReadonlyMap<ColumnKey, readonly FormerName[]>;
  };
  readonly masks: {
    readonly id: number;
    readonly columns: readonly ColumnMaskRule[];
    readonly safeFunctions: readonly string[];
  };
  readonly questions: readonly FlowQuestion[];
}

/** Different tables, columns and functions in one text. The main thread looks at each; no statement has use for more. */
const namesMax = 20_000;
/** Outputs and their sources. The server itself refuses more than 1,664 outputs. */
const lineageUnitsMax = 20_000;
const usesMax = 5_000;
/** A tree that goes to the main thread after all: settings only, and short. */
const settingCharactersMax = 16_384;

/** Trees of the text that was analysed last: their flows are what is asked for next. */
let lastTrees: ReadonlyMap<string, AstRecord> = new Map();

/** Facts of a long text, without its trees and short enough for the main thread to read. */
export async function analyzeText({ text, limits }: TextPayload): Promise<TextAnswer | { fault: ParseFault }> {
  lastTrees = new Map();
  await parserReady();
  const analysis = analyzeBytes(text, 0, text.length, limits);
  if ('fault' in analysis) return analysis;
  lastTrees = new Map(analysis.statements.map((statement) => [statement.text, statement.ast]));
  const names = new NameLists();
  const known = new Map<string, number>();
  const facts: AnalyzedStatement[] = [];
  const which = Uint32Array.from(analysis.statements, (statement) => {
    const bare = withoutTree(statement, 0, names);
    const key = JSON.stringify(bare);
    const found = known.get(key) ?? facts.push(bare) - 1;
    known.set(key, found);
    return found;
  });
  if (names.count > namesMax) {
    return { fault: { code: 'BG_STATEMENT_TOO_LARGE', detail: 'too many tables, columns and functions' } };
  }
  const texts = analysis.statements.map((statement) => statement.text);
  const bytes = 3 * text.length + 128 * names.count + 1024 * texts.length;
  return { facts, texts, which, literalFree: analysis.literalFree, bytes };
}

/** Equal lists are one object, and stay one when they are copied to another thread. */
class NameLists {
  readonly #lists = new Map<string, readonly unknown[]>();
  /** Names in different lists. */
  count = 0;

  one<Item>(items: readonly Item[]): readonly Item[] {
    const key = JSON.stringify(items);
    const known = this.#lists.get(key);
    // Lists of one text are equal only if they are of one kind, or empty.
    if (known !== undefined) return known as readonly Item[];
    this.#lists.set(key, items);
    this.count += items.length;
    return items;
  }
}

function withoutTree(statement: AnalyzedStatement, steps: number, names: NameLists): AnalyzedStatement {
  return {
    ...statement,
    text: '',
    kinds: names.one(statement.kinds),
    objects: names.one(statement.objects),
    columns: names.one(statement.columns),
    functions: names.one(statement.functions),
    settings: names.one(statement.settings),
    executes: names.one(statement.executes),
    opaque: names.one(statement.opaque),
    ast: stubOf(statement.ast),
    distant: { steps },
    session: effectWithoutTree(statement.session, steps, names),
  };
}

function effectWithoutTree(effect: SessionEffect, steps: number, names: NameLists): SessionEffect {
  if (!('inner' in effect) || effect.inner === null) return effect;
  return { ...effect, inner: withoutTree(effect.inner, steps + 1, names) };
}

/** The tag alone; of a setting also its value, which the session follows. */
function stubOf(ast: AstRecord): AstRecord {
  const tag = tagOf(ast);
  const keeps = tag === 'VariableSetStmt' && JSON.stringify(ast).length <= settingCharactersMax;
  return keeps ? ast : { [tag]: {} };
}

/** Flows of statements of long texts, in the order of the questions. */
export async function analyzeFlows(payload: FlowsPayload, stronger: StrongerMask): Promise<readonly FlowAnswer[]> {
  await parserReady();
  const index = indexOf(payload, stronger);
  return payload.questions.map((question) => answer(question, index, stronger));
}

function answer(
  { text, steps, path, doubt, builtinsFirst }: FlowQuestion,
  index: ColumnMaskIndex,
  stronger: StrongerMask,
): FlowAnswer {
  const ast = treeOf(text, steps);
  const catalog = doubt === null ? index.catalog : doubtedCatalog(index.catalog, builtinsFirst, doubt);
  let flow = flowOf(ast, catalog, path, index.safe);
  if (unitsOf(flow.lineage) > lineageUnitsMax) flow = { ...flow, lineage: tooLarge(ast).lineage };
  let found = statementUse(flow, index, stronger);
  const { use } = found;
  if (use !== null && use.probes.length + use.copies.length + use.unreadable.length > usesMax) {
    found = statementUse(tooLarge(ast), index, stronger);
  }
  const { literals, parameters } = sortGiven(found.given);
  return { lineage: flow.lineage, use: found.use, literals, parameters };
}

function unitsOf({ head, rest, tail }: Lineage): number {
  const units = (sum: number, { sources }: OutputLineage): number => sum + 1 + sources.size;
  return [...head, ...tail, ...(rest === null ? [] : [rest])].reduce(units, 0);
}

/** Of what a bulk INSERT gives to masked columns, what the main thread has to look at, in little room. */
function sortGiven(given: readonly GivenToMasked[]): {
  literals: readonly GivenToMasked[];
  parameters: readonly GivenParameters[];
} {
  const literal = given.find((one) => one.given.kind === 'literal' && mayBeMask(one.mask, one.given.text));
  const numbers = new Map<string, { of: GivenToMasked; list: number[] }>();
  for (const one of given) {
    if (one.given.kind !== 'parameter') continue;
    const { schema, table, column } = one.column;
    const key = JSON.stringify([schema, table, column]);
    const known = numbers.get(key);
    if (known === undefined) numbers.set(key, { of: one, list: [one.given.number] });
    else known.list.push(one.given.number);
  }
  const parameters = [...numbers.values()].map(({ of: { column, mask }, list }): GivenParameters => {
    return { column, mask, numbers: Uint32Array.from(list) };
  });
  return { literals: literal === undefined ? [] : [literal], parameters };
}

/** A text that gives no one tree counts as unreadable: whatever a flow is made of it. */
function treeOf(text: string, steps: number): unknown {
  let tree: unknown = lastTrees.get(text);
  if (tree === undefined) {
    const parsed = parseSql(text, { textBytesMax: Infinity, statementsMax: 1, astBytesMax: 256 * 1024 * 1024 });
    tree = 'fault' in parsed || parsed.statements.length !== 1 ? {} : parsed.statements[0].ast;
  }
  for (let step = 0; step < steps; step++) tree = record(record(tree)[tagOf(tree)]).query;
  return tree ?? {};
}

let lastCatalog: { readonly id: number; readonly catalog: Catalog } | null = null;
let lastIndex: { readonly catalog: number; readonly masks: number; readonly index: ColumnMaskIndex } | null = null;

function indexOf({ catalog: { id, rows, formerNames }, masks }: FlowsPayload, stronger: StrongerMask): ColumnMaskIndex {
  if (lastCatalog?.id !== id) {
    const built = buildCatalog(JSON.parse(Buffer.from(rows).toString('utf8')) as CatalogRows, parseTrees);
    if ('fault' in built) throw new Error(built.fault.detail);
    lastCatalog = { id, catalog: { ...built, formerNames } };
  }
  if (lastIndex?.catalog !== id || lastIndex.masks !== masks.id) {
    const rules = {
      columns: masks.columns,
      safeFunctions: masks.safeFunctions,
      values: [],
      customDetectors: [],
      sealed: false,
    };
    lastIndex = { catalog: id, masks: masks.id, index: columnMasks(lastCatalog.catalog, rules, stronger) };
  }
  return lastIndex.index;
}
