/** Why a statement is decided as it is: every rule that applies, key by key. Pure; `cliText.ts` prints it. */
import { errors } from '../errors.ts';
import type { ConnectionInfo, Identity, Outcome, RuleId, Statement } from '../facts.ts';
import { failingKey } from './applies.ts';
import { ProbeBudgets } from './budgets.ts';
import { applyingPolicies } from './compile.ts';
import type { PolicySet } from './compile.ts';
import type { SessionPolicy } from './decide.ts';
import { explainFlow, withUses } from './explainFlow.ts';
import type { ExplainedFlow } from './explainFlow.ts';
import type { FollowedStatement } from './followed.ts';
import { detectorMasks, statementMasks } from './maskNames.ts';
import type { MaskEntry } from './maskNames.ts';
import { decidesStatements } from './matchers.ts';
import type { CompiledRule } from './matchers.ts';
import type { UseKey } from './rules.ts';
import { columnPatternsMeet } from './subsume.ts';
import type { Action, Policy, ProbeBudget, ProbeHow } from './types.ts';

export interface Explanation {
  readonly identity: Identity;
  readonly connection: ConnectionInfo;
  readonly outcome: Outcome;
  readonly rules: readonly RuleId[];
  readonly observed: readonly RuleId[];
  readonly message: string;
  readonly policies: readonly ExplainedPolicy[];
  readonly statements: readonly ExplainedStatement[];
  readonly detectors: readonly MaskEntry[];
  /** Where the catalog behind `flow` was read; null: there is none. */
  readonly catalog: string | null;
}

export interface ExplainedPolicy {
  readonly name: string;
  readonly mode: Policy['mode'];
  readonly default: Policy['default'];
  readonly applies: boolean;
  /** Key of `applies_to` that does not hold; null if the policy applies. */
  readonly failing: string | null;
}

export interface ExplainedStatement {
  readonly text: string;
  readonly kinds: readonly string[];
  /** Of this statement alone; a batch takes the strictest. */
  readonly outcome: Outcome;
  readonly rules: readonly ExplainedRule[];
  readonly uses: readonly ExplainedUse[];
  readonly masks: readonly MaskEntry[];
  /** What the catalog tells; null without one. */
  readonly flow: ExplainedFlow | null;
}

/** What a catalog tells of the statements, in their order. */
export interface Followed {
  readonly from: string;
  readonly statements: readonly FollowedStatement[];
}

/**
 * A rule on the use of masked columns. What a statement does with them is known when it runs, by the target's catalog; its
 * text tells only which columns can be meant.
 */
export interface ExplainedUse {
  readonly id: RuleId;
  readonly action: Action;
  readonly mode: Policy['mode'];
  readonly key: UseKey;
  readonly how: ProbeHow | null;
  readonly budget: ProbeBudget | null;
  /** False: it names none of the masked columns that the text names. Views and functions may bring in others. */
  readonly possible: boolean;
  /** Masked columns that the text names and the rule too. */
  readonly columns: readonly string[];
}

export interface ExplainedRule {
  readonly id: RuleId;
  readonly action: Action;
  readonly mode: Policy['mode'];
  readonly matched: boolean;
  readonly keys: readonly { readonly key: string; readonly holds: boolean; readonly witness: string }[];
}

/**
 * Why the gate would answer these statements of one message as it would.
 *
 * @param followed what is known of their results and of what they ask; null: their texts alone.
 */
export function explain(
  set: PolicySet,
  identity: Identity,
  connection: ConnectionInfo,
  statements: readonly Statement[],
  followed: Followed | null = null,
): Explanation {
  // Everything is explained with full budgets.
  const freshSession = (): SessionPolicy => set.forSession(identity, connection, new ProbeBudgets(() => 0));
  const session = freshSession();
  const { policies: applying } = applyingPolicies(set.policies, identity, connection);
  const flows = statements.map((_, at) => followed?.statements[at] ?? null);
  const decision = withUses(session.decide(statements), flows, session);
  const overwrites = decision.outcome !== 'block' && flows.some((flow) => (flow?.maskWritten.length ?? 0) > 0);
  return {
    identity,
    connection,
    outcome: overwrites ? 'block' : decision.outcome,
    rules: overwrites ? [] : decision.rules,
    observed: decision.observed,
    message: overwrites ? errors.BG_MASK_WRITTEN.message : decision.message,
    policies: set.policies.map(({ policy }) => explainPolicy(policy, identity, connection)),
    statements: statements.map((statement, at) => {
      const flow = flows[at];
      const masks = statementMasks(session.masks, statement);
      return {
        text: statement.text,
        kinds: statement.kinds,
        outcome:
          (flow?.maskWritten.length ?? 0) > 0
            ? 'block'
            : withUses(session.decide([statement]), [flow], freshSession()).outcome,
        rules: applying.flatMap(({ policy, rules }) =>
          rules.filter(decidesStatements).map((rule) => explainRule(policy, rule, statement)),
        ),
        uses: applying.flatMap(({ policy, rules }) => rules.flatMap((rule) => explainUse(policy, rule, masks))),
        masks,
        flow: flow === null ? null : explainFlow(flow, freshSession),
      };
    }),
    detectors: detectorMasks(session.masks),
    catalog: followed?.from ?? null,
  };
}

function explainPolicy(policy: Policy, identity: Identity, connection: ConnectionInfo): ExplainedPolicy {
  const failing = failingKey(policy.appliesTo, identity, connection);
  return { name: policy.name, mode: policy.mode, default: policy.default, applies: failing === null, failing };
}

function explainRule(policy: Policy, { rule, tests }: CompiledRule, statement: Statement): ExplainedRule {
  const keys = tests.map((test) => ({
    key: test.key,
    holds: test.holds(statement),
    witness: test.witness(statement),
  }));
  return { id: rule.id, action: rule.action, mode: policy.mode, matched: keys.every(({ holds }) => holds), keys };
}

function explainUse(policy: Policy, { rule, use }: CompiledRule, masks: readonly MaskEntry[]): ExplainedUse[] {
  if (use === null) return [];
  const { id, action, budget, match } = rule;
  const patterns = use.key === 'unreadable' ? [] : (match[use.key] ?? []);
  const named = masks.filter(({ name }) => patterns.some((pattern) => columnPatternsMeet(pattern, name)));
  const columns = named.map(({ name }) => name);
  const possible = use.key === 'unreadable' || columns.length > 0;
  return [{ id, action, mode: policy.mode, key: use.key, how: match.how, budget, possible, columns }];
}
