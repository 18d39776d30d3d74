/** What `run policy ...` prints for people. Pure; `--json` prints the data instead. */
import type { CaseResult } from './cases.ts';
import { flowLines } from './cliFlowText.ts';
import type { Finding } from './check.ts';
import type { ExplainedRule, ExplainedStatement, ExplainedUse, Explanation } from './explain.ts';
import type { MaskEntry } from './maskNames.ts';
import { formatMask } from './strength.ts';
import type { Policy } from './types.ts';
import { budgetText } from './useText.ts';

export function findingsText(policies: readonly Policy[], findings: readonly Finding[]): string {
  const rules = policies.reduce((sum, policy) => sum + policy.rules.length, 0);
  const lines = findings.map(
    ({ file, line, column, kind, subject, message }) => `${file}:${line}:${column} ${kind}: ${subject}: ${message}`,
  );
  lines.push(
    `${counted(policies.length, 'policy', 'policies')}, ${counted(rules, 'rule', 'rules')}, ${counted(findings.length, 'finding', 'findings')}`,
  );
  return lines.join('\n');
}

export function casesText(results: readonly CaseResult[]): string {
  const lines: string[] = [];
  for (const { case: entry, differences } of results) {
    if (differences.length === 0) continue;
    lines.push(`${entry.at.file}:${entry.at.line}:${entry.at.column} ${entry.name}`);
    for (const difference of differences) lines.push(`  ${difference}`);
  }
  const failed = results.filter(({ differences }) => differences.length > 0).length;
  lines.push(`${counted(results.length, 'case', 'cases')}, ${failed} failed`);
  return lines.join('\n');
}

const withoutCatalog =
  'by its text alone: with --config FILE or --catalog FILE it shows where results come from and what is probed or copied';

export function explanationText(explanation: Explanation): string {
  const { identity, connection, statements } = explanation;
  const groups = identity.groups.length === 0 ? 'no group' : identity.groups.join(', ');
  const lines = [
    `${explanation.outcome}: ${explanation.message}`,
    `for ${identity.user} (${groups}) on ${connection.name}${labelsText(connection.labels)}`,
    '',
    'policies',
  ];
  for (const policy of explanation.policies) {
    const state = policy.applies
      ? `applies, ${policy.mode}, default: ${policy.default ?? 'none'}`
      : `does not apply: ${policy.failing}`;
    lines.push(`  ${policy.name}: ${state}`);
  }
  const { catalog } = explanation;
  lines.push('', catalog === null ? withoutCatalog : `lineage by the catalog of ${catalog}`);
  for (const [index, statement] of statements.entries()) {
    lines.push('', statements.length === 1 ? 'statement' : `statement ${index + 1}`, ...statementLines(statement));
  }
  lines.push('', 'masks on content', ...maskLines(explanation.detectors));
  if (explanation.observed.length > 0) lines.push('', `observed only: ${explanation.observed.join(', ')}`);
  return lines.join('\n');
}

function statementLines(statement: ExplainedStatement): string[] {
  const lines = [`  ${statement.outcome}: ${statement.kinds.join(', ')}`];
  for (const rule of statement.rules.filter(({ matched }) => matched)) lines.push(`  ${matchedText(rule)}`);
  for (const rule of statement.rules.filter(({ matched }) => !matched)) lines.push(`  ${missedText(rule)}`);
  if (statement.flow !== null) return [...lines, ...flowLines(statement.flow).map((line) => `  ${line}`)];
  if (statement.uses.length > 0)
    lines.push('  other uses of masked columns, if the catalog finds any (blocked if no rule matches)');
  for (const use of statement.uses.toSorted((a, b) => Number(b.possible) - Number(a.possible))) {
    lines.push(`    ${possibleUseText(use)}`);
  }
  lines.push('  masks on columns', ...maskLines(statement.masks).map((line) => `  ${line}`));
  return lines;
}

function matchedText(rule: ExplainedRule): string {
  const keys = rule.keys.map(({ key, witness }) => (witness === '' ? key : `${key} ${witness}`)).join('; ');
  return `+ ${rule.id} -> ${rule.action}${rule.mode === 'observe' ? ' (observed only)' : ''}: ${keys}`;
}

/** For an allow rule the witness is the part of the statement that it does not cover. */
function missedText(rule: ExplainedRule): string {
  const keys = rule.keys
    .filter(({ holds }) => !holds)
    .map(({ key, witness }) => (rule.action === 'allow' && witness !== '' ? `${key} does not cover ${witness}` : key));
  return `- ${rule.id} -> ${rule.action}: not ${keys.join('; ')}`;
}

function possibleUseText({ id, action, mode, key, how, budget, possible, columns }: ExplainedUse): string {
  const head = `${possible ? '+' : '-'} ${id} -> ${action}${mode === 'observe' ? ' (observed only)' : ''}`;
  if (!possible) return `${head}: names no masked column that stands here (${key})`;
  const words = [columns.length === 0 ? key : `${key} ${columns.join(', ')}`];
  if (how === 'equality') words.push('equality only');
  if (budget !== null) words.push(`at most ${budgetText(budget)}`);
  return `${head}: ${words.join('; ')}`;
}

function maskLines(masks: readonly MaskEntry[]): string[] {
  if (masks.length === 0) return ['  none'];
  return masks.map(({ name, mask, rules }) => `  ${name} -> ${formatMask(mask)} (${rules.join(', ')})`);
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const all = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return all.length === 0 ? '' : ` (${all.join(', ')})`;
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
