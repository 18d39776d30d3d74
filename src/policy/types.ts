/** A policy file as plain, complete data: what `parse.ts` makes and `compile.ts`, `check.ts` and `explain.ts` read. */
import type { Access, Approvers, CustomDetector, MaskSpec, Outcome, RuleId } from '../facts.ts';
import type { Position } from '../yaml/document.ts';

export { formatFault } from '../yaml/faults.ts';

export type Action = Outcome | 'mask';

/** `equality`: nothing but the bare column compared by `=` with parameters or literals. */
export type ProbeHow = 'equality' | 'any';

/** How many statements of one user a rule lets through in a window, which begins with the first of them. */
export interface ProbeBudget {
  readonly statements: number;
  readonly per: 'minute' | 'hour' | 'day';
}

export type Presence = 'present' | 'absent' | 'none';

/** Every list is a disjunction, every key a conjunction; null: the key was not given. Patterns as in `pattern.ts`. */
export interface AppliesTo {
  readonly connections: readonly string[] | null;
  readonly labels: Readonly<Record<string, string>> | null;
  readonly users: readonly string[] | null;
  readonly notUsers: readonly string[] | null;
  readonly groups: readonly string[] | null;
  readonly notGroups: readonly string[] | null;
}

export interface Match {
  readonly statement: readonly string[] | null;
  readonly objects: readonly string[] | null;
  readonly access: readonly Access[] | null;
  readonly columns: readonly string[] | null;
  readonly functions: readonly string[] | null;
  readonly where: Presence | null;
  readonly limit: 'present' | 'absent' | 'none' | null;
  readonly temporary: 'only' | 'not_only' | null;
  /** RE2 syntax. */
  readonly text: string | null;
  /** Detector names; mask rules only. */
  readonly values: readonly string[] | null;
  /** Masked columns that a statement learns of; with `how` and no other key. */
  readonly probes: readonly string[] | null;
  /** Not null exactly if `probes` is given. */
  readonly how: ProbeHow | null;
  /** Masked columns that a statement copies; no other key. */
  readonly copies: readonly string[] | null;
  /** Bodies that cannot be read; no other key. */
  readonly unreadable: true | null;
}

export type MatchKey = keyof Match;

export interface Rule {
  readonly id: RuleId;
  readonly action: Action;
  readonly match: Match;
  /** Narrows the policy's own `applies_to`; both must hold. */
  readonly appliesTo: AppliesTo;
  /** Not null exactly if action is `mask`. */
  readonly mask: MaskSpec | null;
  /** Not null exactly if action is `approve`. */
  readonly approvers: Approvers | null;
  readonly message: string | null;
  /** Only of allow rules on `probes`. */
  readonly budget: ProbeBudget | null;
  readonly at: Position;
}

export interface Policy {
  readonly name: string;
  readonly appliesTo: AppliesTo;
  readonly mode: 'enforce' | 'observe';
  /** Null: the policy has no opinion on statements that none of its rules match. */
  readonly default: 'allow' | 'block' | null;
  readonly rules: readonly Rule[];
  readonly detectors: readonly CustomDetector[];
  /** `schema.name`; `pg_catalog` was filled in where the file names no schema. */
  readonly safeFunctions: readonly string[];
  readonly at: Position;
}

/** A file by its name (for messages) and its text. */
export interface PolicyFile {
  readonly name: string;
  readonly text: string;
}
