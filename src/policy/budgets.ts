/**
 * How often users made use of allow rules that have a budget. One object for the whole gate, which outlives its sessions and
 * every reload of the policies: a user must not get a new budget by connecting again.
 */
import { LRUCache } from 'lru-cache';
import type { RuleId } from '../facts.ts';
import type { ProbeBudget } from './types.ts';

/** The budgets of one user. */
export interface UserBudgets {
  /** Milliseconds until the rule has room again; 0 if it has room now. */
  waitMs(rule: RuleId, budget: ProbeBudget): number;
  /** Counts one statement. */
  spend(rule: RuleId, budget: ProbeBudget): void;
}

/** For callers that cannot count: a rule with a budget then never has room. */
export const noBudgets: UserBudgets = { waitMs: () => Infinity, spend: () => undefined };

const windowMs: Readonly<Record<ProbeBudget['per'], number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** Pairs of user and rule. Beyond it the pair that was asked for longest ago is forgotten, which renews its budget. */
const pairsMax = 10_000;

interface Window {
  readonly beganMs: number;
  spent: number;
}

export class ProbeBudgets {
  readonly #now: () => number;
  readonly #windows: LRUCache<string, Window>;

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(now: () => number, max = pairsMax) {
    this.#now = now;
    this.#windows = new LRUCache({ max });
  }

  of(user: string): UserBudgets {
    return {
      waitMs: (rule, budget) => {
        const window = this.#current(user, rule, budget);
        if (window === null || window.spent < budget.statements) return 0;
        return window.beganMs + windowMs[budget.per] - this.#now();
      },
      spend: (rule, budget) => {
        const window = this.#current(user, rule, budget);
        if (window === null) this.#windows.set(keyOf(user, rule), { beganMs: this.#now(), spent: 1 });
        else window.spent++;
      },
    };
  }

  /** The window that is not over yet. */
  #current(user: string, rule: RuleId, budget: ProbeBudget): Window | null {
    const window = this.#windows.get(keyOf(user, rule));
    return window === undefined || this.#now() - window.beganMs >= windowMs[budget.per] ? null : window;
  }
}

/** The id of a rule holds no space, so no two pairs share a key. */
function keyOf(user: string, rule: RuleId): string {
  return `${rule} ${user}`;
}
