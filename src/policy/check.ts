/**
 * What is valid in policy files and yet surely not meant: rules that cannot match, that another rule makes pointless, that
 * contradict. Each finding is certain; what cannot be proven is not reported.
 */
import type { Position } from '../yaml/document.ts';
import { checkNames } from './checkNames.ts';
import type { KnownNames } from './checkNames.ts';
import { globCovers } from './pattern.ts';
import { patternParts } from './rules.ts';
import { compareStrength, formatMask, sameMask, strongerMask } from './strength.ts';
import { appliesCovers, columnPatternsMeet, matchCovers, patternsCover } from './subsume.ts';
import type { AppliesTo, Policy, Rule } from './types.ts';
import { expandKinds, kindsWithoutQuery } from './vocabulary.ts';

export interface Finding extends Position {
  readonly kind: 'never' | 'duplicate' | 'contradiction' | 'shadowed' | 'no-default' | 'case' | 'wildcard' | 'unknown';
  /** `policy/rule`, or the policy's name. */
  readonly subject: string;
  readonly message: string;
}

/** A rule with all that narrows it. */
interface Placed {
  readonly policy: Policy;
  readonly rule: Rule;
  readonly applies: readonly AppliesTo[];
}

export function checkPolicies(policies: readonly Policy[], known: KnownNames): Finding[] {
  const placed = policies.flatMap((policy) =>
    policy.rules.map((rule): Placed => ({ policy, rule, applies: [policy.appliesTo, rule.appliesTo] })),
  );
  const findings: Finding[] = [];
  for (const policy of policies) {
    const reason = neverApplies([policy.appliesTo]);
    if (reason !== null) findings.push({ ...policy.at, kind: 'never', subject: policy.name, message: reason });
  }
  for (const policy of policies) findings.push(...checkSafeFunctions(policy));
  for (const entry of placed) findings.push(...checkAlone(entry), ...checkMasked(entry, placed));
  findings.push(...checkNames(policies, known));
  for (const [index, entry] of placed.entries()) findings.push(...checkPairs(entry, index, placed));
  if (policies.every((policy) => policy.default === null || policy.mode === 'observe') && policies.length > 0) {
    const message = 'no enforced policy has a `default`, so everything that no rule allows is blocked';
    findings.push({ ...policies[0].at, kind: 'no-default', subject: policies[0].name, message });
  }
  return findings;
}

function checkAlone({ policy, rule }: Placed): Finding[] {
  const findings: Finding[] = [];
  const applies = neverApplies([policy.appliesTo, rule.appliesTo]);
  if (applies !== null && neverApplies([policy.appliesTo]) === null) findings.push(finding('never', rule, applies));
  const match = neverMatches(rule);
  if (match !== null) findings.push(finding('never', rule, match));
  for (const key of ['objects', 'columns', 'functions', 'probes', 'copies'] as const) {
    for (const pattern of rule.match[key] ?? []) {
      if (rule.action !== 'allow' || pattern === pattern.toLowerCase()) continue;
      const message = `"${pattern}" has capital letters; PostgreSQL stores unquoted names in lower case, and an allow rule compares exactly`;
      findings.push(finding('case', rule, message));
    }
  }
  return findings;
}

function checkSafeFunctions({ name, safeFunctions, at }: Policy): Finding[] {
  return safeFunctions
    .filter((safe) => safe !== safe.toLowerCase())
    .map((safe) => {
      const message = `safe function "${safe}" has capital letters; PostgreSQL stores unquoted names in lower case, and they are compared exactly`;
      return { ...at, kind: 'case', subject: name, message };
    });
}

/**
 * Only masked columns are probed or copied, so a pattern must be able to name one. Masks of policies that observe are not
 * applied, and a mask for other people or connections masks nothing for these. A policy on trial may bring its own masks.
 */
function checkMasked({ policy: own, rule, applies }: Placed, placed: readonly Placed[]): Finding[] {
  const patterns = rule.match.probes ?? rule.match.copies ?? [];
  if (neverApplies(applies) !== null) return [];
  const masks = placed.filter(
    ({ policy, rule: other, applies: where }) =>
      other.action === 'mask' &&
      (policy.mode === 'enforce' || own.mode === 'observe') &&
      neverApplies([...applies, ...where]) === null,
  );
  const masked = masks.flatMap(({ rule: { match } }) => match.columns ?? []);
  return patterns
    .filter((pattern) => !masked.some((column) => columnPatternsMeet(pattern, column)))
    .map((pattern) =>
      finding('never', rule, `"${pattern}" never matches: no mask rule on columns names such a column`),
    );
}

/** Why no session can satisfy all of these, or null. */
function neverApplies(all: readonly AppliesTo[]): string | null {
  for (const [key, wanted, unwanted] of [
    ['groups', 'groups', 'notGroups'],
    ['users', 'users', 'notUsers'],
  ] as const) {
    for (const { [wanted]: names } of all) {
      if (names === null) continue;
      const excluded = all.flatMap((appliesTo) => appliesTo[unwanted] ?? []);
      if (names.every((name) => excluded.some((pattern) => globCovers(pattern, name)))) {
        return `never applies: all its ${key} are excluded by not_${key}`;
      }
    }
  }
  // A session has one connection and one user, but may be in many groups.
  for (const key of ['connections', 'users'] as const) {
    const given = all.flatMap((appliesTo) => (appliesTo[key] === null ? [] : [appliesTo[key]]));
    if (given.some((first, index) => given.slice(index + 1).some((second) => disjoint(first, second)))) {
      return `never applies: its ${key} are none of the policy's`;
    }
  }
  return null;
}

/** Only exact names can be told apart for sure. */
function disjoint(a: readonly string[], b: readonly string[]): boolean {
  return a.every((x) =>
    b.every((y) => !globCovers(x, y) && !globCovers(y, x) && !(x.includes('*') && y.includes('*'))),
  );
}

function neverMatches({ match }: Rule): string | null {
  if (match.statement === null) return null;
  const kinds = [...expandKinds(match.statement)];
  if (!kinds.every((kind) => kindsWithoutQuery.has(kind))) return null;
  const words = match.statement.join(', ');
  for (const key of ['where', 'limit'] as const) {
    if (match[key] !== null && match[key] !== 'none') return `never matches: ${words} cannot have \`${key}\``;
  }
  if (match.columns !== null && kinds.every((kind) => kind !== 'grant' && kind !== 'revoke')) {
    return `never matches: ${words} names no columns`;
  }
  return null;
}

function checkPairs(entry: Placed, index: number, placed: readonly Placed[]): Finding[] {
  for (const [otherIndex, other] of placed.entries()) {
    if (otherIndex === index || other.policy.mode !== entry.policy.mode) continue;
    if (!appliesCovers(other.applies, entry.applies)) continue;
    const found =
      entry.rule.action === 'mask' ? checkMaskPair(entry.rule, other.rule) : checkStatementPair(entry.rule, other.rule);
    if (found === null) continue;
    // Of two rules that are equal only the later one is reported.
    const mutual = found.kind === 'duplicate' && appliesCovers(entry.applies, other.applies);
    if (mutual && otherIndex > index) continue;
    return [found];
  }
  return [];
}

const restriction = { allow: 0, approve: 1, block: 2 } as const;

function checkStatementPair(rule: Rule, other: Rule): Finding | null {
  if (other.action === 'mask' || rule.action === 'mask' || !covers(other, rule)) return null;
  // A rule whose budget is used up matches nothing, so it never stands in for another.
  if (other.budget !== null) return null;
  if (rule.action === other.action) {
    // Two approvals by different groups add up, so neither makes the other pointless.
    if (rule.action === 'approve' && JSON.stringify(rule.approvers) !== JSON.stringify(other.approvers)) return null;
    const equal = rule.budget === null && covers(rule, other);
    if (equal) return finding('duplicate', rule, `says the same as ${other.id}`);
    return finding('shadowed', rule, `all that it could ${rule.action}, ${other.id} does already`);
  }
  if (restriction[other.action] < restriction[rule.action]) return null;
  if (rule.action === 'allow') {
    return finding('contradiction', rule, `never allows anything: ${other.id} wins with ${other.action} on all of it`);
  }
  return finding('shadowed', rule, `never decides: ${other.id} blocks all of it`);
}

/** Allow rules compare names exactly, so one covers another only with regard to case. */
function covers(wide: Rule, narrow: Rule): boolean {
  return matchCovers(wide.match, narrow.match, wide.action !== 'allow');
}

function checkMaskPair(rule: Rule, other: Rule): Finding | null {
  if (rule.mask === null || other.mask === null) return null;
  if (!maskMatchCovers(other, rule)) return null;
  const strongest = strongerMask(other.mask, rule.mask);
  if (!sameMask(strongest, other.mask)) return null;
  const same = sameMask(rule.mask, other.mask) && maskMatchCovers(rule, other);
  if (same) return finding('duplicate', rule, `says the same as ${other.id}`);
  const stronger = compareStrength(other.mask, rule.mask) < 0 ? 'a stronger' : 'the same';
  return finding('shadowed', rule, `${other.id} covers all of it with ${stronger} mask (${formatMask(other.mask)})`);
}

function maskMatchCovers(wide: Rule, narrow: Rule): boolean {
  if (wide.match.columns !== null) {
    return patternsCover(wide.match.columns, narrow.match.columns, patternParts.columns, true);
  }
  const detectors = wide.match.values ?? [];
  return narrow.match.values !== null && narrow.match.values.every((name) => detectors.includes(name));
}

function finding(kind: Finding['kind'], rule: Rule, message: string): Finding {
  return { ...rule.at, kind, subject: rule.id, message };
}
