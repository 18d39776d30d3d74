/** Outcomes compared, and the standard words for them. */
import type { Approvers, Outcome, RuleId } from '../facts.ts';
import type { CompiledRule } from './matchers.ts';

export const strictness: Readonly<Record<Outcome, number>> = { allow: 0, approve: 1, block: 2 };

/** Null for an empty list; mask rules have no outcome. */
export function strictestOutcome(rules: readonly CompiledRule[]): Outcome | null {
  let strictest: Outcome | null = null;
  for (const { rule } of rules) {
    if (rule.action === 'mask') continue;
    if (strictest === null || strictness[rule.action] > strictness[strictest]) strictest = rule.action;
  }
  return strictest;
}

/** Names rules and groups, which the people concerned may know, and nothing of the statement. */
export function standardMessage(outcome: Outcome, ids: readonly RuleId[], approvers: readonly Approvers[]): string {
  const names = `rule ${ids.join(', ')}`;
  if (outcome === 'allow') return `allowed by ${names}`;
  if (outcome === 'block') return `blocked by ${names}`;
  const who = approvers.map(({ groups, needed }) => `${needed} of ${groups.join(', ')}`);
  return `${names} asks for approval by ${who.join(' and ')}`;
}
