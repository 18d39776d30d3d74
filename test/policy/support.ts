/** Facts, identities and policies for the tests of this folder. */
import assert from 'node:assert/strict';
import type { ConnectionInfo, Identity, Statement } from '../../src/facts.ts';
import { compilePolicies } from '../../src/policy/compile.ts';
import type { PolicySet } from '../../src/policy/compile.ts';
import { parsePolicies } from '../../src/policy/parse.ts';
import type { Policy } from '../../src/policy/types.ts';
import type { FileFault } from '../../src/yaml/document.ts';
import { formatFault } from '../../src/yaml/faults.ts';

export function statement(facts: Partial<Statement> & { kind: string }): Statement {
  return {
    text: `-- ${facts.kind}`,
    kinds: [facts.kind],
    fingerprint: '',
    objects: [],
    columns: [],
    functions: [],
    where: 'none',
    limit: 'none',
    returnsRows: false,
    ...facts,
  };
}

export function identity(user: string, ...groups: string[]): Identity {
  return { user, groups, method: 'password' };
}

export function connection(name: string, labels: Record<string, string> = {}): ConnectionInfo {
  return { name, protocol: 'postgres', labels };
}

export const alice = identity('alice', 'engineering');
export const dana = identity('dana', 'dba');
export const shop = connection('shop', { env: 'prod' });

/** One policy per text; the file of the first is `0.yaml`. */
export function policies(...texts: string[]): readonly Policy[] {
  const parsed = parsePolicies(texts.map((text, index) => ({ name: `${index}.yaml`, text })));
  if ('faults' in parsed) assert.fail(parsed.faults.map(formatFault).join('\n'));
  return parsed.policies;
}

export function policySet(...texts: string[]): PolicySet {
  return compilePolicies(policies(...texts));
}

export function faultsOf(...texts: string[]): readonly FileFault[] {
  const parsed = parsePolicies(texts.map((text, index) => ({ name: `${index}.yaml`, text })));
  return 'faults' in parsed ? parsed.faults : [];
}
