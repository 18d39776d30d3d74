/**
 * Policies compiled to a set that is asked once per session. All that hangs on who asks and where is decided there, so a
 * message costs one look-up.
 */
import type { ColumnMaskRule, ConnectionInfo, CustomDetector, Identity, MaskRules, ValueMaskRule } from '../facts.ts';
import { failingKey } from './applies.ts';
import type { ProbeBudgets } from './budgets.ts';
import { SessionDecider, sessionOf } from './decide.ts';
import type { SessionPolicy } from './decide.ts';
import { compileMatch } from './matchers.ts';
import type { CompiledPolicy, CompiledRule } from './matchers.ts';
import { splitPattern } from './pattern.ts';
import { patternParts } from './rules.ts';
import { compareStrength } from './strength.ts';
import type { Policy, Rule } from './types.ts';
import { compileUse } from './uses.ts';

export interface PolicySet {
  /** Grows with every compiled set of this process. */
  readonly version: number;
  readonly policies: readonly CompiledPolicy[];
  /**
   * Cheap after the first call for the same policies and rules: users whom the same rules concern share one result, unless
   * one of the rules has a budget. `budgets` are those of the gate; without them such a rule lets nothing through.
   */
  forSession(identity: Identity, connection: ConnectionInfo, budgets?: ProbeBudgets): SessionPolicy;
}

/** Far more than distinct roles; beyond it, results are not shared, which costs memory per session and nothing else. */
const sharedSessionsMax = 1000;

let lastVersion = 0;

/** Policies that were parsed without a fault; every call makes another version. */
export function compilePolicies(policies: readonly Policy[]): PolicySet {
  const version = ++lastVersion;
  const compiled = policies.map((policy): CompiledPolicy => ({ policy, rules: policy.rules.map(compileRule) }));
  const detectors = new Map<string, CustomDetector>();
  for (const policy of policies) for (const detector of policy.detectors) detectors.set(detector.name, detector);
  const sealed = compiled.every(isSealing);
  const shared = new Map<string, SessionDecider>();

  return {
    version,
    policies: compiled,
    forSession(identity, connection, budgets) {
      const applying = applyingPolicies(compiled, identity, connection);
      let session = shared.get(applying.key);
      if (session === undefined) {
        session = new SessionDecider(version, applying.policies, maskRules(applying.policies, detectors, sealed));
        if (shared.size < sharedSessionsMax) shared.set(applying.key, session);
      }
      return budgets !== undefined && session.budgeted ? sessionOf(session, budgets.of(identity.user)) : session;
    },
  };
}

/** Whether no rule lets masked columns be copied or code be run that cannot be read, whomever it is about. */
function isSealing({ policy, rules }: CompiledPolicy): boolean {
  if (policy.mode === 'observe') return true;
  return rules.every(({ rule, use }) => use === null || use.key === 'probes' || rule.action === 'block');
}

function compileRule(rule: Rule): CompiledRule {
  const use = compileUse(rule);
  const byFacts = rule.action !== 'mask' && use === null;
  const tests = byFacts ? compileMatch(rule.match, rule.action === 'allow' ? 'certain' : 'possible') : [];
  return { rule, tests, use };
}

/** The policies that apply, each with those of its rules that apply; `key` is equal exactly if these are. */
export function applyingPolicies(
  compiled: readonly CompiledPolicy[],
  identity: Identity,
  connection: ConnectionInfo,
): { policies: CompiledPolicy[]; key: string } {
  const policies: CompiledPolicy[] = [];
  let key = '';
  for (const [index, entry] of compiled.entries()) {
    if (failingKey(entry.policy.appliesTo, identity, connection) !== null) continue;
    key += `|${index}:`;
    const rules: CompiledRule[] = [];
    for (const [ruleIndex, rule] of entry.rules.entries()) {
      if (failingKey(rule.rule.appliesTo, identity, connection) !== null) continue;
      key += `${ruleIndex},`;
      rules.push(rule);
    }
    policies.push({ policy: entry.policy, rules });
  }
  return { policies, key };
}

/** Strongest first, so that whoever folds them with `strongerMask` gets the same mask whatever the order of files. */
function maskRules(
  policies: readonly CompiledPolicy[],
  detectors: ReadonlyMap<string, CustomDetector>,
  sealed: boolean,
): MaskRules {
  const columns: ColumnMaskRule[] = [];
  const values: ValueMaskRule[] = [];
  const customDetectors = new Map<string, CustomDetector>();
  const safeFunctions = new Set<string>();
  for (const { policy, rules } of policies) {
    if (policy.mode === 'observe') continue;
    for (const name of policy.safeFunctions) safeFunctions.add(name);
    for (const { rule } of rules) {
      if (rule.mask === null) continue;
      columns.push(...columnMasks(rule));
      if (rule.match.values === null) continue;
      values.push({ rule: rule.id, detectors: rule.match.values, mask: rule.mask });
      for (const name of rule.match.values) {
        const detector = detectors.get(name);
        if (detector !== undefined) customDetectors.set(name, detector);
      }
    }
  }
  columns.sort((a, b) => compareStrength(a.mask, b.mask));
  values.sort((a, b) => compareStrength(a.mask, b.mask));
  return { columns, values, customDetectors: [...customDetectors.values()], safeFunctions: [...safeFunctions], sealed };
}

/** One entry per pattern of a mask rule; none for a rule on content. */
export function columnMasks(rule: Rule): ColumnMaskRule[] {
  const found: ColumnMaskRule[] = [];
  for (const pattern of rule.match.columns ?? []) {
    const parts = splitPattern(pattern, patternParts.columns);
    if (parts === null || rule.mask === null) throw new Error(`mask rule was not checked: ${rule.id}`);
    found.push({ rule: rule.id, schema: parts[0], table: parts[1], column: parts[2], mask: rule.mask });
  }
  return found;
}
