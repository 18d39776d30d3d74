/**
 * Cases beside the policies (`*.test.yaml`): identity, connection and statement in, expected decision and masks out.
 * Pure; facts come from the `analyze` that is handed in, and what hangs on a catalog from the case itself.
 */
import { z } from 'zod';
import type { Fault } from '../errors.ts';
import type { ConnectionInfo, Decision, Identity, MaskedUse, MaskRules, MaskSpec, Statement } from '../facts.ts';
import { readDocument } from '../yaml/document.ts';
import type { FileFault, Position, YamlDocument } from '../yaml/document.ts';
import { faultAt } from '../yaml/faults.ts';
import { ProbeBudgets } from './budgets.ts';
import { maskedPart, readUse, useShape } from './caseUses.ts';
import { compilePolicies } from './compile.ts';
import type { PolicySet } from './compile.ts';
import { columnMask, detectorMask } from './maskNames.ts';
import { toMask } from './rules.ts';
import { maskSchema } from './schema.ts';
import { formatMask, sameMask } from './strength.ts';
import type { Policy, PolicyFile } from './types.ts';
import { validate, yamlOptions } from './validate.ts';

/** Text to facts, as a protocol does it. */
export type Analyze = (text: string) => { readonly statements: readonly Statement[] } | { readonly fault: Fault };

const whoSchema = z.strictObject({ user: z.string().min(1), groups: z.array(z.string().min(1)).optional() });
const whereSchema = z.strictObject({
  connection: z.string().min(1),
  protocol: z.string().min(1).optional(),
  labels: z.record(z.string(), z.string()).optional(),
});
const expectedMask = z.union([z.literal('none'), maskSchema], {
  error: 'is neither `none` nor a mask (redact, null, stars, hash, email, { keep_first: n }, { keep_last: n })',
});
const expectSchema = z.strictObject({
  outcome: z.enum(['allow', 'approve', 'block']).optional(),
  rules: z.array(z.string()).optional(),
  observed: z.array(z.string()).optional(),
  message: z.string().optional(),
  masks: z.record(z.string(), expectedMask).optional(),
  detectors: z.record(z.string(), expectedMask).optional(),
});
const caseSchema = z.strictObject({
  name: z.string().min(1),
  as: whoSchema.optional(),
  on: whereSchema.optional(),
  statement: z.string().optional(),
  ...useShape,
  expect: expectSchema,
});
const casesSchema = z.strictObject({
  policies: z.array(z.string()).min(1).optional(),
  as: whoSchema.optional(),
  on: whereSchema.optional(),
  cases: z.array(caseSchema).min(1).max(10_000),
});

type Expected = z.infer<typeof expectSchema>;

export interface PolicyCase {
  readonly name: string;
  readonly at: Position;
  readonly identity: Identity;
  readonly connection: ConnectionInfo;
  readonly statement: string | null;
  /** Null: the case says nothing of it. */
  readonly use: MaskedUse | null;
  readonly expect: Expected;
  /** Names of the policies to run against; null: all of the directory. */
  readonly policies: readonly string[] | null;
}

export interface CaseResult {
  readonly case: PolicyCase;
  /** What differs; empty if the case holds. */
  readonly differences: readonly string[];
}

/** Cases of all files, or every fault. `policyNames`: those that exist. */
export function parseCases(
  files: readonly PolicyFile[],
  policyNames: ReadonlySet<string>,
): { cases: PolicyCase[] } | { faults: FileFault[] } {
  const faults: FileFault[] = [];
  const cases: PolicyCase[] = [];
  for (const file of files) {
    const yaml = readDocument(file.text, file.name, yamlOptions);
    if (yaml.faults.length > 0) {
      faults.push(...yaml.faults);
      continue;
    }
    const shape = validate(yaml, casesSchema);
    if ('faults' in shape) faults.push(...shape.faults);
    else toCases(yaml, shape.value, policyNames, cases, faults);
  }
  return faults.length > 0 ? { faults } : { cases };
}

function toCases(
  yaml: YamlDocument,
  file: z.infer<typeof casesSchema>,
  policyNames: ReadonlySet<string>,
  cases: PolicyCase[],
  faults: FileFault[],
): void {
  for (const [index, name] of (file.policies ?? []).entries()) {
    if (!policyNames.has(name)) faults.push(faultAt(yaml, ['policies', index], `no policy is named "${name}"`));
  }
  for (const [index, entry] of file.cases.entries()) {
    const path = ['cases', index];
    const who = entry.as ?? file.as;
    const where = entry.on ?? file.on;
    const { outcome, rules, observed, message } = entry.expect;
    const expectsDecision = [outcome, rules, observed, message].some((expected) => expected !== undefined);
    if (who === undefined) faults.push(faultAt(yaml, path, 'needs `as`, here or at the top of the file'));
    if (where === undefined) faults.push(faultAt(yaml, path, 'needs `on`, here or at the top of the file'));
    const use = readUse(entry, (keys, message) => faults.push(faultAt(yaml, [...path, ...keys], message)));
    if (entry.statement === undefined && use === null && expectsDecision) {
      const message = 'expects a decision, so it needs `statement`, `probes`, `copies` or `unreadable`';
      faults.push(faultAt(yaml, path, message));
    }
    if (Object.keys(entry.expect).length === 0) faults.push(faultAt(yaml, [...path, 'expect'], 'must not be empty'));
    for (const name of Object.keys(entry.expect.masks ?? {})) {
      const named = columnMask({ columns: [], values: [], customDetectors: [], safeFunctions: [], sealed: true }, name);
      if (named === undefined)
        faults.push(faultAt(yaml, [...path, 'expect', 'masks', name], 'is not schema.table.column'));
    }
    if (who === undefined || where === undefined) continue;
    cases.push({
      name: entry.name,
      at: yaml.locate(path),
      identity: { user: who.user, groups: who.groups ?? [], method: 'password' },
      connection: { name: where.connection, protocol: where.protocol ?? 'postgres', labels: where.labels ?? {} },
      statement: entry.statement ?? null,
      use,
      expect: entry.expect,
      policies: file.policies ?? null,
    });
  }
}

/** One result a case, in their order. No difference: the policies do as it expects. */
export function runCases(policies: readonly Policy[], cases: readonly PolicyCase[], analyze: Analyze): CaseResult[] {
  const sets = new Map<string, PolicySet>();
  return cases.map((entry) => {
    const key = JSON.stringify(entry.policies);
    const chosen = policies.filter(({ name }) => entry.policies === null || entry.policies.includes(name));
    const set = sets.get(key) ?? compilePolicies(chosen);
    sets.set(key, set);
    return { case: entry, differences: runCase(set, entry, analyze) };
  });
}

function runCase(set: PolicySet, entry: PolicyCase, analyze: Analyze): string[] {
  // Every case begins with full budgets.
  const session = set.forSession(entry.identity, entry.connection, new ProbeBudgets(() => 0));
  const differences = compareMasks(session.masks, entry.expect);
  const { statement, use } = entry;
  if (statement === null && use === null) return differences;
  const analysis = statement === null ? { statements: [] } : analyze(statement);
  if ('fault' in analysis)
    return [...differences, `cannot be analysed: ${analysis.fault.code} ${analysis.fault.detail}`];
  const decided = session.decide(analysis.statements);
  const judged = use === null || decided.outcome === 'block' ? null : session.judge(maskedPart(use, session.masks));
  return [...compareDecision(session.both(decided, judged), entry.expect), ...differences];
}

function compareDecision(decision: Decision, expect: Expected): string[] {
  const differences: string[] = [];
  for (const key of ['outcome', 'message'] as const) {
    const wanted = expect[key];
    if (wanted === undefined || wanted === decision[key]) continue;
    differences.push(`${key}: expected ${wanted}, got ${decision[key]}${key === 'outcome' ? because(decision) : ''}`);
  }
  for (const key of ['rules', 'observed'] as const) {
    const wanted = expect[key]?.toSorted().join(', ');
    const found = decision[key].toSorted().join(', ');
    if (wanted !== undefined && wanted !== found) {
      differences.push(`${key}: expected ${wanted === '' ? 'none' : wanted}, got ${found === '' ? 'none' : found}`);
    }
  }
  return differences;
}

function compareMasks(masks: MaskRules, expect: Expected): string[] {
  const differences: string[] = [];
  const compare = (name: string, wanted: MaskSpec | null, found: MaskSpec | null): void => {
    if (wanted === null ? found === null : found !== null && sameMask(wanted, found)) return;
    const text = (mask: MaskSpec | null): string => (mask === null ? 'none' : formatMask(mask));
    differences.push(`mask of ${name}: expected ${text(wanted)}, got ${text(found)}`);
  };
  for (const [name, wanted] of Object.entries(expect.masks ?? {})) {
    compare(name, wanted === 'none' ? null : toMask(wanted), columnMask(masks, name)?.mask ?? null);
  }
  for (const [name, wanted] of Object.entries(expect.detectors ?? {})) {
    compare(name, wanted === 'none' ? null : toMask(wanted), detectorMask(masks, name)?.mask ?? null);
  }
  return differences;
}

function because(decision: Decision): string {
  return ` (${decision.rules.length > 0 ? decision.rules.join(', ') : decision.message})`;
}
