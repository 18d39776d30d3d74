/** One run of a statement, or of the statements of one simple query: from the decision to its result line in the audit. */
import type { MaskPlan } from '../../../masking/plan.ts';
import type { AuditEntry } from '../../protocol.ts';
import { record, tagOf, unwrap } from '../parse/ast.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import type { Foresight } from '../masks/foresight.ts';
import type { Shape } from './prepared.ts';
import type { Moves } from '../catalog/movingCode.ts';
import type { Turn } from '../catalog/schemaTurns.ts';

/** What a run may change of what unqualified names mean; see session/moves.ts. */
export interface RunMoves {
  /** Beyond what its statements show. */
  readonly hidden: Moves;
  /** Until it has run nobody knows what names mean. */
  readonly ahead: boolean;
  /** Until it has run nobody knows the encoding of results. */
  readonly encoding: boolean;
}

export const still: RunMoves = Object.freeze({ hidden: 'nothing', ahead: false, encoding: false });

export class StatementRun {
  readonly statements: readonly AnalyzedStatement[];
  readonly entry: AuditEntry;
  /** Which of the statements the target is at. */
  index = 0;
  /** What to do to the rows that come now; meaningless while `planned` is false. */
  plan: MaskPlan | null = null;
  planned = false;
  /** Version of the masks that `plan` was made from. */
  planVersion = -1;
  /** The shape that RowDescription gave to the rows that come now. */
  shape: Shape | null = null;
  /** Epoch of the catalog when it was sent: names may mean something else since, if the epoch is another one by now. */
  epoch = -1;
  /** See {@link changesNames}. */
  changesNames = false;
  /** It was judged as one whose rows may fail to be converted. */
  converts = false;
  /** What names mean once it has run. */
  moves: RunMoves = still;
  /** What was known of its statements when it was judged; null: nothing beyond the catalog. */
  foresight: Foresight | null = null;
  /** {@link SessionCatalog.serial} when it was sent, and how often the run itself has raised it since. */
  serial = -1;
  changesMade = 0;
  /** No row of the current statement has been masked yet. */
  firstRange = true;
  ended = false;
  /** See {@link SchemaTurns}; null: it hangs on nothing that another session with masks could change. */
  turn: Turn | null = null;
  /** Neighbours in {@link OpenRuns}. */
  before: StatementRun | null = null;
  after: StatementRun | null = null;

  constructor(statements: readonly AnalyzedStatement[], entry: AuditEntry) {
    this.statements = statements;
    this.entry = entry;
  }

  /** From now on rows are treated by `plan`, which was made from this version of the masks. */
  usePlan(plan: MaskPlan | null, version: number): void {
    this.plan = plan;
    this.planned = true;
    this.planVersion = version;
  }

  get current(): AnalyzedStatement | null {
    return this.index < this.statements.length ? this.statements[this.index] : null;
  }
}

/** Runs whose result line is still to be written, as a list through the runs themselves: no hashing per statement. */
export class OpenRuns {
  #last: StatementRun | null = null;

  add(run: StatementRun): void {
    run.before = this.#last;
    if (this.#last !== null) this.#last.after = run;
    this.#last = run;
  }

  delete(run: StatementRun): void {
    const { before, after } = run;
    if (before !== null) before.after = after;
    if (after !== null) after.before = before;
    else if (this.#last === run) this.#last = before;
    run.before = null;
    run.after = null;
  }

  /** Calls `use` for each, the newest first; it may delete the one that it is given. */
  forEach(use: (run: StatementRun) => void): void {
    let run = this.#last;
    while (run !== null) {
      const { before } = run;
      use(run);
      run = before;
    }
  }
}

/** Changes of the catalog after which every name still means what it meant. */
const keepsNames: ReadonlySet<string> = new Set([
  'ClusterStmt',
  'CommentStmt',
  'GrantStmt',
  'IndexStmt',
  'RefreshMatViewStmt',
  'ReindexStmt',
  'TruncateStmt',
]);

/** Statements that make what has no rows yet, and shows none of others. */
const additions: ReadonlySet<string> = new Set([
  'CompositeTypeStmt',
  'CreateEnumStmt',
  'CreateSchemaStmt',
  'CreateSeqStmt',
  'CreateStmt',
  'CreateTableAsStmt',
]);

/** Whether all that it changes is that there is another table, type or sequence: names go on to mean what they meant, or that. */
export function addsTable({ ast, opaque }: AnalyzedStatement): boolean {
  if (opaque.length > 0 || !additions.has(tagOf(ast))) return false;
  return record(unwrap(ast, 'CreateSchemaStmt')).schemaElts === undefined;
}

/** Who may not use a schema passes over it on a path. */
function grantsSchema(ast: AnalyzedStatement['ast']): boolean {
  return unwrap(ast, 'GrantStmt')?.objtype === 'OBJECT_SCHEMA';
}

/** Whether names or definitions may be others once it has run. */
export function changesNames(statement: AnalyzedStatement): boolean {
  if (statement.opaque.length > 0) return true;
  return statement.changesCatalog && !(keepsNames.has(tagOf(statement.ast)) && !grantsSchema(statement.ast));
}

/** CREATE FUNCTION and PROCEDURE; DefineStmt are aggregates and operators among others. */
const definingTags: ReadonlySet<string> = new Set(['CreateFunctionStmt', 'DefineStmt']);

export function definesCode(statement: AnalyzedStatement): boolean {
  return definingTags.has(tagOf(statement.ast));
}
