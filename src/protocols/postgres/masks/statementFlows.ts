/** Flows of statements, and what they mean under the masks in force, kept as long as names and masks stay the same. */
import type { Fault } from '../../../errors.ts';
import type { SearchPath } from '../catalog/catalog.ts';
import { type Doubt, doubtedCatalog } from '../catalog/doubted.ts';
import { sameView } from './distantFlows.ts';
import type { DistantFlow, DistantFlows, FlowView, Wanted } from './distantFlows.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import { type Ahead, catalogAhead } from '../lineage/ahead.ts';
import { flowOf } from '../lineage/flow/flow.ts';
import { tooLarge } from '../lineage/flow/flow.ts';
import type { Flow } from '../lineage/flow/flow.ts';
import type { Lineage } from '../lineage/lineage.ts';
import { noStores } from '../lineage/scope.ts';
import { noUse, statementUse } from './maskedUse.ts';
import type { GivenToMasked, StatementUse } from './maskedUse.ts';
import { parseSql } from '../parse/parse.ts';
import type { ColumnMaskIndex, StrongerMask } from './maskIndex.ts';

/** A path on which no user name resolves, so that expressions over tables count as undecidable. */
export const unknownPath: SearchPath = Object.freeze({ schemas: ['pg_catalog'], temp: null });

interface Known {
  readonly version: number;
  readonly flow: Flow;
  use: StatementUse | null;
  /** It has to do with masked columns in any way. */
  touches: boolean;
}

function showsMasked({ lineage }: Flow, index: ColumnMaskIndex): boolean {
  const outputs = [...lineage.head, ...lineage.tail, ...(lineage.rest === null ? [] : [lineage.rest])];
  return outputs.some((output) => index.maskOfOutput(output) !== null);
}

/** The parse tree of the statement's very text. */
export function treeOf(statement: AnalyzedStatement): unknown {
  // That of a distant statement is elsewhere.
  if (statement.distant !== null) return {};
  if (statement.exact) return statement.ast;
  const parsed = parseSql(statement.text);
  // A tree of another text would be a guess; an empty one is unreadable.
  return 'fault' in parsed || parsed.statements.length !== 1 ? {} : parsed.statements[0].ast;
}

export class StatementFlows {
  readonly #strongerMask: StrongerMask;
  readonly #known = new WeakMap<object, Known>();
  readonly #distant: DistantFlows | null;
  /** Of distant statements by their shape: what was asked for and is not known. */
  readonly #wanted = new Map<object, Wanted[]>();
  /** Shapes of distant statements of which nothing could be found out. */
  readonly #unknown = new WeakSet<object>();

  /** `distant` null: there are no distant statements. */
  constructor(strongerMask: StrongerMask, distant: DistantFlows | null) {
    this.#strongerMask = strongerMask;
    this.#distant = distant;
  }

  /**
   * With every name meaning what the catalog says on this path. `version` stands for catalog, masks and path. `refresh`, here
   * and below: of a distant statement, and {@link fetch} must find it out.
   */
  lineage(
    statement: AnalyzedStatement,
    index: ColumnMaskIndex,
    path: SearchPath,
    version: number,
  ): Lineage | 'refresh' {
    if (statement.distant === null) return this.#of(statement, index, path, version).flow.lineage;
    return this.#lineageOf(statement, viewOf(index, path));
  }

  use(
    statement: AnalyzedStatement,
    index: ColumnMaskIndex,
    path: SearchPath,
    version: number,
  ): StatementUse | 'refresh' {
    if (statement.distant !== null) return this.#useOf(statement, viewOf(index, path));
    const known = this.#of(statement, index, path, version);
    if (known.use === null) {
      known.use = statementUse(known.flow, index, this.#strongerMask);
      known.touches = known.use !== noUse || showsMasked(known.flow, index);
    }
    // Whether an expression can fail hangs on the literals in it, and texts that differ in these share a tree.
    if (!known.touches || statement.exact) return known.use;
    return this.useOn(statement, index, path);
  }

  /** Of this very text, on this path; null: not known. */
  useOn(statement: AnalyzedStatement, index: ColumnMaskIndex, path: SearchPath | null): StatementUse | 'refresh' {
    if (path === null) return this.doubtedUse(statement, index, null);
    if (statement.distant !== null) return this.#useOf(statement, viewOf(index, path));
    return this.useOf(flowOf(treeOf(statement), index.catalog, path, index.safe, index.stores), index);
  }

  /** Of this very text behind what the same message has made. Not of a distant one, whose tree is not here. */
  flowAhead(statement: AnalyzedStatement, index: ColumnMaskIndex, ahead: Ahead): Flow {
    // A function that was made just now may fill what is shown.
    const stores = ahead.functions.length > 0 ? noStores : index.stores;
    return flowOf(treeOf(statement), catalogAhead(ahead), ahead.path, index.safe, stores, ahead);
  }

  useOf(flow: Flow, index: ColumnMaskIndex): StatementUse {
    return statementUse(flow, index, this.#strongerMask);
  }

  /** With no name of a user's object meaning anything for certain. */
  doubtedFlow(
    statement: AnalyzedStatement,
    index: ColumnMaskIndex,
    path: SearchPath | null,
    doubt: Doubt = 'any',
  ): Flow {
    const catalog = doubtedCatalog(index.catalog, isBuiltinsFirst(path), doubt);
    return flowOf(statement.ast, catalog, unknownPath, index.safe);
  }

  /** What holds of a statement's rows whatever names of users' objects mean. */
  sureLineage(statement: AnalyzedStatement | null, index: ColumnMaskIndex): Lineage | 'refresh' | null {
    return statement === null ? null : this.doubtedLineage(statement, index, null);
  }

  doubtedLineage(statement: AnalyzedStatement, index: ColumnMaskIndex, path: SearchPath | null): Lineage | 'refresh' {
    if (statement.distant === null) return this.doubtedFlow(statement, index, path).lineage;
    return this.#lineageOf(statement, doubtedView(index, path, 'any'));
  }

  doubtedUse(
    statement: AnalyzedStatement,
    index: ColumnMaskIndex,
    path: SearchPath | null,
    doubt: Doubt = 'any',
  ): StatementUse | 'refresh' {
    if (statement.distant !== null) return this.#useOf(statement, doubtedView(index, path, doubt));
    return statementUse(this.doubtedFlow(statement, index, path, doubt), index, this.#strongerMask);
  }

  /** What the very text of the statement gives to masked columns. */
  given(statement: AnalyzedStatement, index: ColumnMaskIndex, path: SearchPath | null): readonly GivenToMasked[] {
    const flow = flowOf(treeOf(statement), index.catalog, path ?? unknownPath, index.safe, index.stores);
    return statementUse(flow, index, this.#strongerMask).given;
  }

  /** Whether {@link fetch} has anything to do. */
  get wanted(): boolean {
    return this.#wanted.size > 0;
  }

  /** Finds out what was missing. After a fault the lineage of these statements counts as unknown. */
  async fetch(): Promise<Fault | null> {
    const all = [...this.#wanted.values()].flat();
    this.#wanted.clear();
    const newest = all.at(-1);
    if (newest === undefined || this.#distant === null) return null;
    // What was wanted under another catalog or policy is wanted no more, or will be again.
    const now = all.filter(({ view }) => view.catalog === newest.view.catalog && view.rules === newest.view.rules);
    const fault = await this.#distant.ask(now);
    for (const { statement } of now) {
      if (fault === null) this.#unknown.delete(statement.shape);
      else this.#unknown.add(statement.shape);
    }
    return fault;
  }

  /** The same for rows that wait: a fault ends nothing, since of an unknown lineage nothing is shown. */
  async tryFetch(): Promise<null> {
    await this.fetch();
    return null;
  }

  #lineageOf(statement: AnalyzedStatement, view: FlowView): Lineage | 'refresh' {
    const found = this.#find(statement, view);
    if (found !== null) return found.lineage;
    return this.#unknown.has(statement.shape) ? tooLarge(statement.ast).lineage : 'refresh';
  }

  #useOf(statement: AnalyzedStatement, view: FlowView): StatementUse | 'refresh' {
    return this.#find(statement, view)?.use ?? 'refresh';
  }

  #find(statement: AnalyzedStatement, view: FlowView): DistantFlow | null {
    const found = this.#distant?.find(statement, view) ?? null;
    if (found !== null) return found;
    const wanted = this.#wanted.get(statement.shape);
    if (wanted === undefined) this.#wanted.set(statement.shape, [{ statement, view }]);
    else if (!wanted.some((one) => sameView(one.view, view))) wanted.push({ statement, view });
    return null;
  }

  #of(statement: AnalyzedStatement, index: ColumnMaskIndex, path: SearchPath, version: number): Known {
    let known = this.#known.get(statement.shape);
    if (known === undefined || known.version !== version) {
      known = {
        version,
        flow: flowOf(statement.ast, index.catalog, path, index.safe, index.stores),
        use: null,
        touches: false,
      };
      this.#known.set(statement.shape, known);
    }
    return known;
  }
}

function viewOf({ catalog, rules }: ColumnMaskIndex, path: SearchPath): FlowView {
  return { catalog, rules, path, doubt: null, builtinsFirst: false };
}

function doubtedView({ catalog, rules }: ColumnMaskIndex, path: SearchPath | null, doubt: Doubt): FlowView {
  return { catalog, rules, path: unknownPath, doubt, builtinsFirst: isBuiltinsFirst(path) };
}

/** A call without arguments then means the server's own function. */
function isBuiltinsFirst(path: SearchPath | null): boolean {
  return path?.schemas[0] === 'pg_catalog';
}
