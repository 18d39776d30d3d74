/**
 * The vocabulary that protocols, policy, masking, audit and the gateway share. Types only.
 *
 * A protocol turns bytes into {@link Statement} facts and {@link RowShape}s; policy turns facts into a
 * {@link Decision}; masking turns a shape and a decision's mask rules into a plan.
 */

/** Who is asking, and how that was proven. */
export interface Identity {
  readonly user: string;
  readonly groups: readonly string[];
  /** `password`: SCRAM against a verifier that the gate stores. Later: `oidc`, `saml`, `token`. */
  readonly method: 'password';
}

/** What policies may know of a connection: the configured target, never its address or credential. */
export interface ConnectionInfo {
  readonly name: string;
  readonly protocol: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a statement does to an object. `define` is DDL: create, alter, drop, truncate, grant, comment. */
export type Access = 'read' | 'write' | 'define';

/** A named thing that a statement uses. Names are as the target resolves them: unquoted and case-folded. */
export interface ObjectUse {
  /** null: the statement does not say and no catalog has told; policy treats it as "could be any". */
  readonly schema: string | null;
  readonly name: string;
  readonly access: Access;
}

/** A column named in a statement. `table` and `schema` are null where the text alone does not tell. */
export interface ColumnUse {
  readonly schema: string | null;
  readonly table: string | null;
  /** `*` for a star or a whole-row reference. */
  readonly column: string;
  readonly access: 'read' | 'write';
}

/**
 * What is known of one parsed command of any protocol.
 *
 * Nested commands count: a data-modifying CTE, `EXPLAIN ANALYZE DELETE`, `COPY (DELETE .. RETURNING ..)` and
 * `PREPARE x AS DROP ..` contribute their kinds, objects, functions and columns to the outer statement.
 */
export interface Statement {
  /** Exact text of this command (of a batch: its own slice). */
  readonly text: string;
  /** Kind of the outermost command, lower case with underscores: `select`, `insert`, `drop`, `copy_to`, `set`, ... */
  readonly kind: string;
  /** The outer kind and every nested one, without repetition. Rules on `statement` match any of them. */
  readonly kinds: readonly string[];
  /** For grouping in the audit log, never a cache key. */
  readonly fingerprint: string;
  readonly objects: readonly ObjectUse[];
  readonly columns: readonly ColumnUse[];
  /** Lower-case names, qualified where the text is: `pg_sleep`, `pg_catalog.pg_read_file`. */
  readonly functions: readonly string[];
  /** `absent` if any UPDATE or DELETE in it lacks a WHERE; `none`: no clause could stand there. */
  readonly where: 'present' | 'absent' | 'none';
  /** Same for LIMIT or FETCH FIRST of an outermost SELECT. */
  readonly limit: 'present' | 'absent' | 'none';
  /** All that it writes or defines are temporary tables of the session; absent where that is not certain. */
  readonly temporary?: true;
  /** Whether rows may come back. */
  readonly returnsRows: boolean;
}

/** Outcome of a decision, from least to most restrictive. */
export type Outcome = 'allow' | 'approve' | 'block';

/** `policy/rule` as written in the files. */
export type RuleId = string;

declare const permitBrand: unique symbol;
/** Proof that a policy decision allowed one statement. Only `policy/permit.ts` can make one. */
export interface Permit {
  readonly [permitBrand]: true;
}

/** Who can approve. Any `needed` members of these groups. */
export interface Approvers {
  readonly groups: readonly string[];
  readonly needed: number;
}

export interface Decision {
  readonly outcome: Outcome;
  /** Rules that made the outcome; empty where a default did. */
  readonly rules: readonly RuleId[];
  /** Rules of policies in `observe` mode that would have made a stricter outcome. */
  readonly observed: readonly RuleId[];
  /** Text for the client: the deciding rule's own message, or a standard sentence. */
  readonly message: string;
  /** Present exactly if outcome is `allow`. */
  readonly permit: Permit | null;
  /** Of every approve rule that decided, if the outcome is `approve`; each entry must be satisfied. */
  readonly approvers?: readonly Approvers[];
  /** Of errors.ts, where it was refused for something else than a rule or the lack of one. */
  readonly code?: string;
  /** What was done with masked columns that made the outcome; absent if that was allowed, or nothing was done. */
  readonly uses?: RefusedUses;
}

/** Bounded in number and length, names and no values. */
export interface RefusedUses {
  /** `probes public.customers.ssn in where`, `copies public.customers.ssn to ..`, `unreadable: ..`. */
  readonly what: readonly string[];
  /** Whom to ask for what, where no rule decided; null where one did. */
  readonly hint: string | null;
}

/** Part of a statement that makes its rows, their order, an error or the time hang on a column: `where`, `join`, `order_by`, ... */
export type ProbeClause = string;

/** A column of the target as its catalog names it. */
export interface ColumnName {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
}

/** The constraint behind a probe of clause `constraint`. */
export interface ProbingConstraint {
  /** Words for a person: `the unique index customers_email_idx`. */
  readonly what: string;
  /** `written`: whether the value that is written is there. `stored`: of values that the statement does not bring. */
  readonly tells: 'written' | 'stored';
}

/** A masked column whose values a statement can learn of without showing them. */
export interface ColumnProbe {
  readonly column: ColumnName;
  readonly clause: ProbeClause;
  /** The bare column is compared by `=` with parameters or literals, and nothing else is done with it there. */
  readonly equality: boolean;
  /** Where a constraint tells, and it is known which. */
  readonly by?: ProbingConstraint | undefined;
}

/** A masked column whose values a statement puts where the mask does not follow. */
export interface ColumnCopy {
  readonly column: ColumnName;
  /** Words for a person: `table scratch`, `set_config`. */
  readonly to: string;
}

/**
 * What one statement does with masked columns besides showing them. Policy remembers its answer per object, so callers
 * keep one per cached statement.
 */
export interface MaskedUse {
  readonly probes: readonly ColumnProbe[];
  readonly copies: readonly ColumnCopy[];
  /** Why a body that the statement runs or defines cannot be read; it may do anything with any masked column. */
  readonly unreadable: readonly string[];
}

/** What a mask does to a value. Order of strength: null, redact, stars, hash, keep_first/keep_last/email. */
export type MaskSpec =
  | { readonly kind: 'redact' }
  | { readonly kind: 'null' }
  | { readonly kind: 'stars' }
  | { readonly kind: 'keep_first'; readonly count: number }
  | { readonly kind: 'keep_last'; readonly count: number }
  | { readonly kind: 'email' }
  | { readonly kind: 'hash' };

/** A mask rule on named columns. Each part is a glob (`*` matches any run of characters). */
export interface ColumnMaskRule {
  readonly rule: RuleId;
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  readonly mask: MaskSpec;
}

/** A mask rule on content: what these detectors find is masked wherever it stands. */
export interface ValueMaskRule {
  readonly rule: RuleId;
  /** Names of built-in detectors or of `detectors:` that policies define. */
  readonly detectors: readonly string[];
  readonly mask: MaskSpec;
}

/** A detector that a policy file defines. */
export interface CustomDetector {
  readonly name: string;
  /** RE2 syntax. */
  readonly pattern: string;
}

/** All mask rules that apply to one identity on one connection (enforced ones only). */
export interface MaskRules {
  readonly columns: readonly ColumnMaskRule[];
  readonly values: readonly ValueMaskRule[];
  readonly customDetectors: readonly CustomDetector[];
  /**
   * Functions whose result may be shown although an argument is a masked column, because a policy's author vouches for
   * them. Only the bare column: `count(nullif(ssn, '..'))` would answer any question about the value.
   * Always `schema.name`, exactly as the catalog has both: a name without its schema could be anybody's function.
   */
  readonly safeFunctions: readonly string[];
  /**
   * No policy lets anybody copy masked columns or run what cannot be read: through the gate, nothing masked gets to places that
   * sessions or users share and that no rule can name.
   */
  readonly sealed: boolean;
}
