/**
 * Flow: what a statement learns of columns beside its outputs, and where it puts their values.
 *
 * One walk over the parse tree gives the lineage of the outputs (lineage/lineage.ts), the probes and the writes. Sources are
 * columns of the relations that the statement names: those of views are resolved further by whoever knows the masks.
 * What cannot be decided is opaque, and past the limits everything is.
 *
 * Out of its sight: triggers, rules, row security and column defaults that exist already; arithmetic that overflows.
 */
import { tagOf } from '../../parse/ast.ts';
import type { Catalog, SearchPath } from '../../catalog/catalog.ts';
import type { Ahead } from '../ahead.ts';
import { type Lineage, lineageOf, lineageOfColumns } from '../lineage.ts';
import { recordStatement } from './commands.ts';
import { FlowRecorder, type FlowProbe, type FlowWrite } from './recorder.ts';
import { type SafeFunctions, type Stores, newAnalysis, noSafeFunctions, noStores, rootScope } from '../scope.ts';
import { opaque, unknownColumns } from '../value.ts';

export type { FlowClause, FlowDestination, FlowProbe, FlowWrite, Given } from './recorder.ts';

export interface Flow {
  readonly lineage: Lineage;
  /** What the choice, order or number of rows, an error or the time taken depends on. */
  readonly probes: readonly FlowProbe[];
  /** Where values go other than to the client. */
  readonly writes: readonly FlowWrite[];
}

/** Statements whose outputs are those of the query that is walked; others have their lineage worked out apart. */
const queryTags: ReadonlySet<string> = new Set([
  'SelectStmt',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
  'PrepareStmt',
  'DeclareCursorStmt',
]);

/**
 * Flow of a statement. PREPARE, DECLARE, EXPLAIN and COPY are looked through; for FETCH and EXECUTE callers pass the
 * statement behind them (EXECUTE itself counts as unreadable). Never throws.
 *
 * @param ast wrapped statement node of libpg-query.
 * @param safe functions whose results show nothing of bare columns.
 * @param stores places beside tables that hold nothing masked.
 * @param ahead what statements in front in the same message have made.
 */
export function flowOf(
  ast: unknown,
  catalog: Catalog,
  path: SearchPath,
  safe: SafeFunctions = noSafeFunctions,
  stores: Stores = noStores,
  ahead: Ahead | null = null,
): Flow {
  const flow = new FlowRecorder();
  const analysis = newAnalysis({ catalog, path, safe, stores, ahead }, flow);
  const columns = recordStatement(analysis, rootScope(null), ast);
  if (analysis.nodesLeft < 0) return tooLarge(ast);
  const lineage = queryTags.has(tagOf(ast))
    ? lineageOfColumns(columns, ast)
    : lineageOf(ast, catalog, path, safe, stores, ahead);
  return { lineage, probes: flow.probes, writes: flow.writes };
}

/** Past the limits nothing that was found may be believed to be all. */
export function tooLarge(ast: unknown): Flow {
  const flow = new FlowRecorder();
  flow.probe('unknown', opaque);
  flow.unreadable('the statement is too large or too deep');
  return { lineage: lineageOfColumns(unknownColumns, ast), probes: flow.probes, writes: flow.writes };
}
