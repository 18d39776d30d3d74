/** One run of a statement, or of the statements of one simple query: from the decision to its result line in the audit. */
import type { MaskPlan } from '../../masking/plan.ts';
import type { AuditEntry } from '../protocol.ts';
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
  /** No row of the current statement has been masked yet. */
  firstRange = true;
  ended = false;

  constructor(statements: readonly AnalyzedStatement[], entry: AuditEntry) {
    this.statements = statements;
    this.entry = entry;
  }

  get current(): AnalyzedStatement | null {
    return this.index < this.statements.length ? this.statements[this.index] : null;
  }
}
