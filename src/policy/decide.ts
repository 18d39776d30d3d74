/**
 * The decision on a statement, for one identity on one connection.
 *
 * Most restrictive wins: block, then approve, then allow. Without an outcome the strictest `default` of the policies
 * that apply. No policy applies, or none has a default: block.
 */
import type { Approvers, Decision, MaskedUse, MaskRules, Outcome, RuleId, Statement } from '../facts.ts';
import { noBudgets } from './budgets.ts';
import type { UserBudgets } from './budgets.ts';
import { judgeUse } from './judge.ts';
import type { UseVerdict } from './judge.ts';
import { decidesStatements, matchesAll } from './matchers.ts';
import type { CompiledPolicy, CompiledRule } from './matchers.ts';
import { standardMessage, strictestOutcome, strictness } from './outcomes.ts';
import { decisionPermit } from './permit.ts';

/** What a session asks. Sessions whom the same rules concern share one. */
export interface SessionPolicy {
  /** Of the set that this came from. */
  readonly version: number;
  /** False: no enforced policy applies, and everything is blocked. */
  readonly applies: boolean;
  readonly masks: MaskRules;
  /**
   * Decides statements that would run together: the strictest wins, and one that is blocked stops all.
   *
   * Remembers its answer per Statement object, which callers get from a statement cache. Allocates nothing when every
   * statement was decided before and is plainly allowed.
   */
  decide(statements: readonly Statement[]): Decision;
  /**
   * Decides what one statement does with masked columns besides showing them; null if it does nothing.
   *
   * To be asked once per execution, since budgets count each call, and not for a statement that is blocked anyway. Where no
   * budget took part, the answer is remembered per object.
   */
  judge(use: MaskedUse): Decision | null;
  /** The stricter of the two answers on one statement, or both where they are equally strict. */
  both(decided: Decision, judged: Decision | null): Decision;
}

/** Outcome of one statement, and what is needed to join it with others. */
interface Verdict {
  readonly decision: Decision;
  readonly observed: readonly { readonly rule: RuleId; readonly outcome: Outcome }[];
}

export class SessionDecider implements SessionPolicy {
  readonly version: number;
  readonly applies: boolean;
  readonly masks: MaskRules;
  readonly #enforced: readonly CompiledRule[];
  readonly #observing: readonly CompiledRule[];
  readonly #enforcedUses: readonly CompiledRule[];
  readonly #observingUses: readonly CompiledRule[];
  readonly #byDefault: Decision;
  readonly #memo: WeakMap<Statement, Verdict>;
  readonly #judged: WeakMap<MaskedUse, Decision>;

  constructor(version: number, policies: readonly CompiledPolicy[], masks: MaskRules) {
    const enforced = policies.filter(({ policy }) => policy.mode === 'enforce');
    const observing = policies.filter(({ policy }) => policy.mode === 'observe');
    const deciding = (entry: CompiledPolicy): CompiledRule[] => entry.rules.filter(decidesStatements);
    const judging = (entry: CompiledPolicy): CompiledRule[] => entry.rules.filter(({ use }) => use !== null);
    this.version = version;
    this.applies = enforced.length > 0;
    this.masks = masks;
    this.#enforced = enforced.flatMap(deciding);
    this.#observing = observing.flatMap(deciding);
    this.#enforcedUses = enforced.flatMap(judging);
    this.#observingUses = observing.flatMap(judging);
    this.#byDefault = defaultDecision(enforced);
    this.#memo = new WeakMap();
    this.#judged = new WeakMap();
  }

  /** Whether answers hang on who asks. */
  get budgeted(): boolean {
    return this.#enforcedUses.some(({ rule }) => rule.budget !== null);
  }

  decide(statements: readonly Statement[]): Decision {
    if (statements.length === 1) return this.#verdict(statements[0]).decision;
    // No statement at all is an empty query: harmless, but still nothing for somebody to whom no policy applies.
    if (statements.length === 0) return this.applies ? plainAllow : this.#byDefault;
    let plain = true;
    for (const statement of statements) {
      if (this.#verdict(statement).decision !== plainAllow) plain = false;
    }
    return plain ? plainAllow : joined(statements.map((statement) => this.#verdict(statement)));
  }

  /** Without `budgets` a rule that has a budget lets nothing through. */
  judge(use: MaskedUse, budgets: UserBudgets = noBudgets): Decision | null {
    const known = this.#judged.get(use);
    if (known !== undefined) return known;
    const verdict = judgeUse(use, this.#enforcedUses, this.#observingUses, budgets);
    if (verdict === null) return null;
    const decision = useDecision(verdict);
    if (verdict.lasting) this.#judged.set(use, decision);
    return decision;
  }

  both(decided: Decision, judged: Decision | null): Decision {
    if (judged === null) return decided;
    return joined([this.#asVerdict(decided), this.#asVerdict(judged)]);
  }

  #asVerdict(decision: Decision): Verdict {
    const observed: { rule: RuleId; outcome: Outcome }[] = [];
    for (const { rule } of [...this.#observing, ...this.#observingUses]) {
      if (rule.action === 'mask' || !decision.observed.includes(rule.id)) continue;
      observed.push({ rule: rule.id, outcome: rule.action });
    }
    return { decision, observed };
  }

  #verdict(statement: Statement): Verdict {
    const known = this.#memo.get(statement);
    if (known !== undefined) return known;
    const verdict = this.#decideOne(statement);
    this.#memo.set(statement, verdict);
    return verdict;
  }

  #decideOne(statement: Statement): Verdict {
    const matched = this.#enforced.filter(({ tests }) => matchesAll(tests, statement));
    const outcome = strictestOutcome(matched);
    const decision = outcome === null ? this.#byDefault : decidedBy(matched, outcome);
    const observed: { rule: RuleId; outcome: Outcome }[] = [];
    for (const { rule, tests } of this.#observing) {
      if (rule.action === 'mask' || strictness[rule.action] <= strictness[decision.outcome]) continue;
      if (matchesAll(tests, statement)) observed.push({ rule: rule.id, outcome: rule.action });
    }
    if (observed.length === 0) return decision === plainAllow ? plainVerdict : { decision, observed };
    return {
      decision: withObserved(
        decision,
        observed.map(({ rule }) => rule),
      ),
      observed,
    };
  }
}

/** The same session for one user, whose budgets are counted. */
export function sessionOf(shared: SessionDecider, budgets: UserBudgets): SessionPolicy {
  return {
    version: shared.version,
    applies: shared.applies,
    masks: shared.masks,
    decide: (statements) => shared.decide(statements),
    judge: (use) => shared.judge(use, budgets),
    both: (decided, judged) => shared.both(decided, judged),
  };
}

const plainAllow = makeDecision('allow', [], 'allowed', []);
const plainVerdict: Verdict = { decision: plainAllow, observed: [] };

function makeDecision(
  outcome: Outcome,
  rules: readonly RuleId[],
  message: string,
  approvers: readonly Approvers[],
): Decision {
  const permit = outcome === 'allow' ? decisionPermit() : null;
  return Object.freeze({ outcome, rules, observed: [], message, permit, approvers });
}

function useDecision({ outcome, rules, message, approvers, observed, uses }: UseVerdict): Decision {
  const decision = withObserved(makeDecision(outcome, rules, message, approvers), observed);
  return uses === null ? decision : Object.freeze({ ...decision, uses });
}

function withObserved(decision: Decision, observed: readonly RuleId[]): Decision {
  return Object.freeze({ ...decision, observed });
}

function defaultDecision(enforced: readonly CompiledPolicy[]): Decision {
  const defaults = enforced.map(({ policy }) => policy.default);
  if (defaults.includes('block')) {
    const names = enforced.filter(({ policy }) => policy.default === 'block').map(({ policy }) => policy.name);
    return makeDecision('block', [], `no rule allows this statement (default of policy ${names.join(', ')})`, []);
  }
  if (defaults.includes('allow')) return plainAllow;
  const reason = enforced.length === 0 ? 'no policy applies to this user on this connection' : 'no policy allows this';
  return makeDecision('block', [], reason, []);
}

function decidedBy(matched: readonly CompiledRule[], outcome: Outcome): Decision {
  const deciding = matched.filter(({ rule }) => rule.action === outcome).map(({ rule }) => rule);
  const ids = deciding.map((rule) => rule.id);
  const approvers = deciding.flatMap((rule) => (rule.approvers === null ? [] : [rule.approvers]));
  const own = deciding.find((rule) => rule.message !== null)?.message ?? null;
  return makeDecision(outcome, ids, own ?? standardMessage(outcome, ids, approvers), approvers);
}

/** Several statements that run together or not at all. */
function joined(verdicts: readonly Verdict[]): Decision {
  let outcome: Outcome = 'allow';
  for (const { decision } of verdicts) {
    if (strictness[decision.outcome] > strictness[outcome]) outcome = decision.outcome;
  }
  const deciding = verdicts.map(({ decision }) => decision).filter((decision) => decision.outcome === outcome);
  const rules = [...new Set(deciding.flatMap((decision) => decision.rules))];
  const approvers = [...new Set(deciding.flatMap((decision) => decision.approvers ?? []))];
  const observed = verdicts
    .flatMap((verdict) => verdict.observed)
    .filter((entry) => strictness[entry.outcome] > strictness[outcome])
    .map((entry) => entry.rule);
  // Where a default and a rule both decided, the rule's own words help more.
  const speaking = deciding.find((decision) => decision.rules.length > 0) ?? deciding[0];
  const decision = withObserved(makeDecision(outcome, rules, speaking.message, approvers), [...new Set(observed)]);
  const what = [...new Set(deciding.flatMap(({ uses }) => uses?.what ?? []))].slice(0, usesMax);
  const hint = speaking.uses?.hint ?? null;
  return what.length === 0 ? decision : Object.freeze({ ...decision, uses: { what, hint } });
}

/** Of several statements together. */
const usesMax = 32;
