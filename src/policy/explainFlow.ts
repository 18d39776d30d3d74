/** Why each output of a statement is as it is, and how each use of a masked column is judged, one by one. Pure. */
import type { ColumnName, Decision, MaskedUse, Outcome, RuleId } from '../facts.ts';
import type { SessionPolicy } from './decide.ts';
import type { FollowedOutput, FollowedStatement } from './followed.ts';
import { useItems } from './uses.ts';
import type { UseItem } from './uses.ts';

export interface ExplainedFlow {
  readonly outputs: readonly FollowedOutput[];
  readonly uses: readonly JudgedUse[];
  /** Masked columns into which the statement writes a mask, which is refused. */
  readonly maskWritten: readonly ColumnName[];
  /** Names are not believed, because of what stands before the statement. */
  readonly doubted: boolean;
}

/** One use of a masked column, judged as if it were the only one. */
export interface JudgedUse {
  readonly use: UseItem;
  readonly outcome: Outcome;
  /** Rules that made the outcome; empty where no rule lets it through. */
  readonly rules: readonly RuleId[];
  readonly message: string;
}

/** More of them than people read. */
const usesMax = 1000;

/** @param freshSession a session whose budgets nothing has been drawn from. */
export function explainFlow(followed: FollowedStatement, freshSession: () => SessionPolicy): ExplainedFlow {
  const items = followed.use === null ? [] : (useItems(followed.use) ?? []);
  const uses = items.slice(0, usesMax).flatMap((item): JudgedUse[] => {
    const judged = freshSession().judge(useOf(item));
    return judged === null
      ? []
      : [{ use: item, outcome: judged.outcome, rules: judged.rules, message: judged.message }];
  });
  const { outputs, maskWritten, doubted } = followed;
  return { outputs, uses, maskWritten, doubted };
}

/** The decision on statements that are sent together, with what they do with masked columns. */
export function withUses(
  decided: Decision,
  followed: readonly (FollowedStatement | null)[],
  session: SessionPolicy,
): Decision {
  let decision = decided;
  if (decided.outcome === 'block') return decided;
  for (const statement of followed) {
    if (statement !== null && statement.use !== null) decision = session.both(decision, session.judge(statement.use));
  }
  return decision;
}

function useOf(item: UseItem): MaskedUse {
  return {
    probes: item.kind === 'probe' ? [item.probe] : [],
    copies: item.kind === 'copy' ? [item.copy] : [],
    unreadable: item.kind === 'unreadable' ? [item.reason] : [],
  };
}
