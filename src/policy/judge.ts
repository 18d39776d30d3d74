/**
 * The verdict on what a statement does with masked columns besides showing them.
 *
 * Each column probed, each copy and each unreadable body is decided alone: of the rules that match it the strictest wins,
 * and where none matches it is blocked. The strictest of these outcomes is that of the statement. A `default: allow` has
 * no say: it is about statements, and whoever wrote the mask did not mean it to be walked round.
 */
import type { Approvers, MaskedUse, Outcome, RefusedUses, RuleId } from '../facts.ts';
import type { UserBudgets } from './budgets.ts';
import type { CompiledRule } from './matchers.ts';
import { standardMessage, strictestOutcome, strictness } from './outcomes.ts';
import { equalityAdvice, usedUpText, useAdvice, useHint, usesRecorded, useText } from './useText.ts';
import { useItems } from './uses.ts';
import type { UseItem } from './uses.ts';

export interface UseVerdict {
  readonly outcome: Outcome;
  /** Rules that made the outcome; empty where nothing lets the use through. */
  readonly rules: readonly RuleId[];
  readonly approvers: readonly Approvers[];
  readonly message: string;
  readonly observed: readonly RuleId[];
  /** null: all was allowed. */
  readonly uses: RefusedUses | null;
  /** No budget took part, so that the same use is judged the same next time. */
  readonly lasting: boolean;
}

interface ItemVerdict {
  readonly item: UseItem;
  readonly outcome: Outcome;
  /** Of the rules that match, those that made the outcome. */
  readonly deciding: readonly CompiledRule[];
  readonly budgeted: boolean;
}

/** Null for a use with nothing in it. Counts one statement of each budget that it draws on, unless it is blocked. */
export function judgeUse(
  use: MaskedUse,
  enforced: readonly CompiledRule[],
  observing: readonly CompiledRule[],
  budgets: UserBudgets,
): UseVerdict | null {
  const items = useItems(use);
  if (items === null) return tooMuch;
  if (items.length === 0) return null;
  const verdicts = items.map((item) => judgeItem(item, enforced, budgets));
  let outcome: Outcome = 'allow';
  for (const verdict of verdicts) if (strictness[verdict.outcome] > strictness[outcome]) outcome = verdict.outcome;
  if (outcome !== 'block') spend(verdicts, budgets);

  const strictest = verdicts.filter((verdict) => verdict.outcome === outcome);
  const rules = [...new Set(strictest.flatMap(({ deciding }) => deciding.map(({ rule }) => rule)))];
  const stricter = observing.filter(
    ({ rule, use }) =>
      rule.action !== 'mask' &&
      strictness[rule.action] > strictness[outcome] &&
      items.some((item) => use !== null && use.matches(item)),
  );
  return {
    outcome,
    rules: rules.map(({ id }) => id),
    approvers: rules.flatMap(({ approvers }) => (approvers === null ? [] : [approvers])),
    message: messageOf(outcome, strictest, enforced, budgets),
    observed: stricter.map(({ rule }) => rule.id),
    uses: outcome === 'allow' ? null : refusedUses(strictest),
    lasting: verdicts.every(({ budgeted }) => !budgeted),
  };
}

const tooMuch: UseVerdict = {
  outcome: 'block',
  rules: [],
  approvers: [],
  message: 'the statement uses masked columns in more places than can be judged: make it shorter',
  observed: [],
  uses: null,
  lasting: true,
};

/** Where a rule has decided, its owner is to be asked, and not for another rule. */
function refusedUses(refused: readonly ItemVerdict[]): RefusedUses {
  const items = refused.map(({ item }) => item);
  const ruled = refused.some(({ deciding }) => deciding.length > 0);
  return { what: usesRecorded(items), hint: ruled ? null : useHint(items) };
}

function judgeItem(item: UseItem, enforced: readonly CompiledRule[], budgets: UserBudgets): ItemVerdict {
  const naming = matching(item, enforced);
  const matched = naming.filter(({ rule }) => rule.budget === null || budgets.waitMs(rule.id, rule.budget) === 0);
  const outcome = strictestOutcome(matched) ?? 'block';
  return {
    item,
    outcome,
    deciding: matched.filter(({ rule }) => rule.action === outcome),
    budgeted: naming.some(({ rule }) => rule.budget !== null),
  };
}

function matching(item: UseItem, rules: readonly CompiledRule[]): CompiledRule[] {
  return rules.filter(({ use }) => use !== null && use.matches(item));
}

/** A statement that draws on one budget in several places is still one statement. */
function spend(verdicts: readonly ItemVerdict[], budgets: UserBudgets): void {
  const drawn = new Set(verdicts.flatMap(({ deciding }) => deciding.map(({ rule }) => rule)));
  for (const { id, budget } of drawn) if (budget !== null) budgets.spend(id, budget);
}

/** A rule's own words help most; else the first place that is at fault, and what to do about it. */
function messageOf(
  outcome: Outcome,
  strictest: readonly ItemVerdict[],
  enforced: readonly CompiledRule[],
  budgets: UserBudgets,
): string {
  if (outcome === 'allow') {
    const ids = new Set(strictest.flatMap(({ deciding }) => deciding.map(({ rule }) => rule.id)));
    return standardMessage(outcome, [...ids], []);
  }
  for (const { deciding } of strictest) {
    for (const { rule } of deciding) if (rule.message !== null) return rule.message;
  }
  const [{ item, deciding }] = strictest;
  if (deciding.length === 0) return `${useText(item)}: ${adviceFor(item, enforced, budgets)}`;
  const ids = deciding.map(({ rule }) => rule.id);
  const approvers = deciding.flatMap(({ rule }) => (rule.approvers === null ? [] : [rule.approvers]));
  return `${useText(item)}: ${standardMessage(outcome, ids, approvers)}`;
}

/** For an item that no rule lets through: the nearest way that one would. */
function adviceFor(item: UseItem, enforced: readonly CompiledRule[], budgets: UserBudgets): string {
  for (const { rule } of matching(item, enforced)) {
    if (rule.budget !== null) return usedUpText(rule.id, rule.budget, budgets.waitMs(rule.id, rule.budget));
  }
  if (item.kind === 'probe') {
    const { column } = item.probe;
    const other = enforced.find(
      ({ rule, use }) => rule.action === 'allow' && use?.key === 'probes' && use.names(column),
    );
    if (other !== undefined) return equalityAdvice(other.rule.id, item.probe);
  }
  return useAdvice(item);
}
