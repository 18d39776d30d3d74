/**
 * Column lineage: which base columns each output column of a statement may depend on, and how.
 *
 * RowDescription names an origin only for columns that pass through unchanged, and none behind UNION, a scalar
 * sub-select or an expression. Lineage fills the gap from the parse tree. Sources are columns of the relations that the
 * statement names; a view's columns are resolved further by the mask index (masks/maskIndex.ts). Whatever cannot be decided
 * is opaque, and so is everything past the limits.
 *
 * Out of its sight: what triggers, rules on tables and row security substitute.
 */
import { type AstRecord, record, tagOf } from '../parse/ast.ts';
import type { Catalog, ColumnKey, SearchPath } from '../catalog/catalog.ts';
import type { Ahead } from './ahead.ts';
import { copyColumns } from './dml.ts';
import { resolveProcedure } from './functions.ts';
import { type Analysis, type SafeFunctions, type Stores, noSafeFunctions, noStores } from './scope.ts';
import { newAnalysis, rootScope } from './scope.ts';
import { queryColumns, statementColumns } from './select.ts';
import {
  type Columns,
  type Value,
  type ValueKind,
  constant,
  knownColumns,
  noColumns,
  unknownColumns,
} from './value.ts';

export interface OutputLineage {
  readonly name: string;
  readonly kind: ValueKind;
  readonly sources: ReadonlySet<ColumnKey>;
  /** Type OID where it is that of a catalog column, else 0. */
  readonly typeOid: number;
  /** Both as in {@link Value}. */
  readonly alone: boolean;
  readonly steady: boolean;
}

export interface Lineage {
  /** Outputs before the unknown part; all of them where there is none. */
  readonly head: readonly OutputLineage[];
  /** What each column of the unknown part may depend on; null: every output is known. */
  readonly rest: OutputLineage | null;
  /** Outputs behind the unknown part. */
  readonly tail: readonly OutputLineage[];
  /** Whether the statement writes: then origins in RowDescription do not say where a value came from. */
  readonly writes: boolean;
}

/**
 * Lineage of a statement's rows. PREPARE, DECLARE and EXPLAIN are looked through (EXPLAIN itself returns one column of
 * plan text); FETCH and EXECUTE are opaque, so callers pass the statement behind them. Never throws.
 *
 * @param ast wrapped statement node of libpg-query.
 * @param safe functions whose results show nothing of bare columns.
 * @param stores places beside tables that hold nothing masked.
 * @param ahead what statements in front in the same message have made.
 */
export function lineageOf(
  ast: unknown,
  catalog: Catalog,
  path: SearchPath,
  safe: SafeFunctions = noSafeFunctions,
  stores: Stores = noStores,
  ahead: Ahead | null = null,
): Lineage {
  const analysis = newAnalysis({ catalog, path, safe, stores, ahead }, null);
  const columns = utilityColumns(analysis, ast);
  return lineageOfColumns(analysis.nodesLeft < 0 ? unknownColumns : columns, ast);
}

function utilityColumns(analysis: Analysis, ast: unknown): Columns {
  const tag = tagOf(ast);
  const body = record(record(ast)[tag]);
  switch (tag) {
    case 'SelectStmt':
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'DeleteStmt':
    case 'MergeStmt':
      return statementColumns(analysis, rootScope(null), ast);
    case 'CopyStmt':
      if (body.is_from === true) return noColumns;
      return body.query === undefined
        ? copyColumns(analysis, body)
        : queryColumns(analysis, rootScope(null), body.query);
    case 'CallStmt':
      return resolveProcedure(analysis, rootScope(null), record(body.funccall));
    case 'PrepareStmt':
    case 'DeclareCursorStmt':
      return statementColumns(analysis, rootScope(null), body.query);
    case 'ExplainStmt':
      // What a plan may show of values is a copy, see lineage/folded.ts.
      return knownColumns([{ name: 'QUERY PLAN', value: constant }]);
    case 'VariableShowStmt':
      // SHOW ALL has three columns. Settings with a dot are variables that a session can store values in.
      return typeof body.name === 'string' && body.name.includes('.') && !analysis.stores.settings
        ? unknownColumns
        : { list: [], openAt: 0, rest: constant };
    case 'FetchStmt':
    case 'ExecuteStmt':
    case '':
      return unknownColumns;
    default:
      return noColumns;
  }
}

const writingTags: ReadonlySet<string> = new Set(['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt']);

/** Whether a data-modifying statement stands anywhere its RETURNING could reach the outputs. */
function writes(ast: unknown): boolean {
  const tag = tagOf(ast);
  if (writingTags.has(tag)) return true;
  const body: AstRecord = record(record(ast)[tag]);
  if (tag !== 'SelectStmt') return body.query !== undefined && writes(body.query);
  const ctes = record(body.withClause).ctes;
  return Array.isArray(ctes) && ctes.some((cte) => writes(record(record(cte).CommonTableExpr).ctequery));
}

/** The lineage that these output columns of a statement make. */
export function lineageOfColumns(outputColumns: Columns, ast: unknown): Lineage {
  const columns = outputColumns.mixed !== undefined ? unknownColumns : outputColumns;
  const writing = writes(ast);
  const output = (name: string, value: Value): OutputLineage => ({
    name,
    kind: value.kind,
    sources: value.sources,
    typeOid: value.typeOid,
    alone: value.alone,
    steady: value.steady,
  });
  const outputs = columns.list.map((column) => output(column.name, column.value));
  if (columns.openAt === -1) return { head: outputs, rest: null, tail: [], writes: writing };
  return {
    head: outputs.slice(0, columns.openAt),
    rest: output('', columns.rest),
    tail: outputs.slice(columns.openAt),
    writes: writing,
  };
}

/** Lineage of each of `count` outputs; null where the numbers do not fit, so that nothing can be said. */
export function outputsFor(lineage: Lineage, count: number): readonly OutputLineage[] | null {
  const { head, rest, tail } = lineage;
  if (rest === null) return head.length === count ? head : null;
  const unknown = count - head.length - tail.length;
  if (unknown < 0) return null;
  return [...head, ...new Array<OutputLineage>(unknown).fill(rest), ...tail];
}
