/** Why a statement is decided as it is: every rule that applies, key by key. Pure; `cliText.ts` prints it. */
import type { ConnectionInfo, Decision, Identity, Outcome, RuleId, Statement } from '../facts.ts';
import { failingKey } from './applies.ts';
import { applyingPolicies } from './compile.ts';
import type { PolicySet } from './compile.ts';
import { detectorMasks, statementMasks } from './maskNames.ts';
import type { MaskEntry } from './maskNames.ts';
import type { CompiledRule } from './matchers.ts';
import type { Action, Policy } from './types.ts';

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
  readonly masks: readonly MaskEntry[];
}

export interface ExplainedRule {
  readonly id: RuleId;
  readonly action: Action;
  readonly mode: Policy['mode'];
  readonly matched: boolean;
  readonly keys: readonly { readonly key: string; readonly holds: boolean; readonly witness: string }[];
}

export function explain(
  set: PolicySet,
  identity: Identity,
  connection: ConnectionInfo,
  statements: readonly Statement[],
): Explanation {
  const session = set.forSession(identity, connection);
  const { policies: applying } = applyingPolicies(set.policies, identity, connection);
  const decision: Decision = session.decide(statements);
  return {
    identity,
    connection,
    outcome: decision.outcome,
    rules: decision.rules,
    observed: decision.observed,
    message: decision.message,
    policies: set.policies.map(({ policy }) => explainPolicy(policy, identity, connection)),
    statements: statements.map((statement) => ({
      text: statement.text,
      kinds: statement.kinds,
      outcome: session.decide([statement]).outcome,
      rules: applying.flatMap(({ policy, rules }) =>
        rules.filter(({ rule }) => rule.action !== 'mask').map((rule) => explainRule(policy, rule, statement)),
      ),
      masks: statementMasks(session.masks, statement),
    })),
    detectors: detectorMasks(session.masks),
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
