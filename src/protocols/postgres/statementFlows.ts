/** Flows of statements, and what they mean under the masks in force, kept as long as names and masks stay the same. */
import type { SearchPath } from './catalog.ts';
import { doubtedCatalog } from './catalogDoubted.ts';
import type { AnalyzedStatement } from './facts.ts';
import { type Ahead, catalogAhead } from './lineageAhead.ts';
import { flowOf } from './lineageFlow.ts';
import type { Flow } from './lineageFlow.ts';
import type { Lineage } from './lineage.ts';
import { noStores } from './lineageScope.ts';
import { noUse, statementUse } from './maskedUse.ts';
import type { GivenToMasked, StatementUse } from './maskedUse.ts';
import { parseSql } from './parse.ts';
import type { ColumnMaskIndex, StrongerMask } from './maskIndex.ts';

/** A path on which no user name resolves, so that expressions over tables count as undecidable. */
const unknownPath: SearchPath = Object.freeze({ schemas: ['pg_catalog'], temp: null });

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
  if (statement.exact) return statement.ast;
  const parsed = parseSql(statement.text);
  // A tree of another text would be a guess; an empty one is unreadable.
  return 'fault' in parsed || parsed.statements.length !== 1 ? {} : parsed.statements[0].ast;
}

export class StatementFlows {
  readonly #strongerMask: StrongerMask;
  readonly #known = new WeakMap<object, Known>();

  constructor(strongerMask: StrongerMask) {
    this.#strongerMask = strongerMask;
  }

  /** With every name meaning what the catalog says on this path. `version` stands for catalog, masks and path. */
  flow(statement: AnalyzedStatement, index: ColumnMaskIndex, path: SearchPath, version: number): Flow {
    return this.#of(statement, index, path, version).flow;
  }

  use(statement: AnalyzedStatement, index: ColumnMaskIndex, path: SearchPath, version: number): StatementUse {
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
  useOn(statement: AnalyzedStatement, index: ColumnMaskIndex, path: SearchPath | null): StatementUse {
    if (path === null) return this.doubtedUse(statement, index, null);
    return statementUse(
      flowOf(treeOf(statement), index.catalog, path, index.safe, index.stores),
      index,
      this.#strongerMask,
    );
  }

  /** Of this very text behind what the same message has made. */
  flowAhead(statement: AnalyzedStatement, index: ColumnMaskIndex, ahead: Ahead): Flow {
    // A function that was made just now may fill what is shown.
    const stores = ahead.functions.length > 0 ? noStores : index.stores;
    return flowOf(treeOf(statement), catalogAhead(ahead), ahead.path, index.safe, stores, ahead);
  }

  useOf(flow: Flow, index: ColumnMaskIndex): StatementUse {
    return statementUse(flow, index, this.#strongerMask);
  }

  /** With no name of a user's object meaning anything for certain. */
  doubtedFlow(statement: AnalyzedStatement, index: ColumnMaskIndex, path: SearchPath | null): Flow {
    const builtinsFirst = path?.schemas[0] === 'pg_catalog';
    return flowOf(statement.ast, doubtedCatalog(index.catalog, builtinsFirst), unknownPath, index.safe);
  }

  /** What holds of a statement's rows whatever names of users' objects mean. */
  sureLineage(statement: AnalyzedStatement | null, index: ColumnMaskIndex): Lineage | null {
    return statement === null ? null : this.doubtedFlow(statement, index, null).lineage;
  }

  doubtedUse(statement: AnalyzedStatement, index: ColumnMaskIndex, path: SearchPath | null): StatementUse {
    return statementUse(this.doubtedFlow(statement, index, path), index, this.#strongerMask);
  }

  /** What the very text of the statement gives to masked columns. */
  given(statement: AnalyzedStatement, index: ColumnMaskIndex, path: SearchPath | null): readonly GivenToMasked[] {
    const flow = flowOf(treeOf(statement), index.catalog, path ?? unknownPath, index.safe, index.stores);
    return statementUse(flow, index, this.#strongerMask).given;
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
