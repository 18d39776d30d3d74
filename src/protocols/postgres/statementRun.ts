/** One run of a statement, or of the statements of one simple query: from the decision to its result line in the audit. */
import type { MaskPlan } from '../../masking/plan.ts';
import type { AuditEntry } from '../protocol.ts';
import { tagOf } from './ast.ts';
import type { AnalyzedStatement } from './facts.ts';
import type { Shape } from './prepared.ts';

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
  /** No row of the current statement has been masked yet. */
  firstRange = true;
  ended = false;

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

/** Changes of the catalog after which every name still means what it meant. */
const keepsNames: ReadonlySet<string> = new Set([
  'ClusterStmt',
  'CommentStmt',
  'GrantRoleStmt',
  'GrantStmt',
  'IndexStmt',
  'RefreshMatViewStmt',
  'ReindexStmt',
  'TruncateStmt',
]);

/** Whether names or definitions may be others once it has run. */
export function changesNames(statement: AnalyzedStatement): boolean {
  if (statement.opaque.length > 0) return true;
  return statement.changesCatalog && !keepsNames.has(tagOf(statement.ast));
}
