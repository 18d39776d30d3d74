/** What a client is told about the use of masked columns: what is wrong, and what to do next. */
import type { ColumnName, ColumnProbe, RuleId } from '../facts.ts';
import type { ProbeBudget } from './types.ts';
import type { UseItem } from './uses.ts';

/** Clauses whose words in a statement are not simply their name in capitals. */
const clauseWords: Readonly<Record<string, string>> = {
  set_operation: 'UNION, INTERSECT or EXCEPT',
  expression: 'this expression',
  constraint: 'a constraint',
};

const wordsMax = 200;

/** The fault itself, without what to do about it. */
export function useText(item: UseItem): string {
  switch (item.kind) {
    case 'probe':
      return `${columnText(item.probe.column)} is masked, and ${revealText(item.probe)}`;
    case 'copy':
      return `${columnText(item.copy.column)} is masked, and this would copy it to ${item.copy.to.slice(0, wordsMax)}`;
    case 'unreadable':
      return `what this does with masked columns cannot be told: ${item.reason.slice(0, wordsMax)}`;
  }
}

/** What to do where no rule lets it through. */
export function useAdvice(item: UseItem): string {
  switch (item.kind) {
    case 'probe':
      return item.probe.by?.tells === 'written'
        ? 'leave the column out, or ask for a policy rule on `probes`'
        : 'use other columns there, or ask for a policy rule on `probes`';
    case 'copy':
      return 'leave the column out, or ask for a policy rule on `copies`';
    case 'unreadable':
      return 'send what it does as plain statements, or ask for a policy rule on `unreadable`';
  }
}

/** For a column that may be asked by equality alone. */
export function equalityAdvice(rule: RuleId, { by }: ColumnProbe): string {
  const advice =
    by === undefined
      ? 'compare it only by = with a parameter or a literal'
      : by.tells === 'written'
        ? 'write only a parameter or a literal there'
        : 'leave the other columns as they are';
  return `${advice} (rule ${rule})`;
}

export function budgetText({ statements, per }: ProbeBudget): string {
  return `${counted(statements, 'statement')} per ${per}`;
}

export function usedUpText(rule: RuleId, budget: ProbeBudget, waitMs: number): string {
  const name = `the budget of rule ${rule} (${budgetText(budget)})`;
  return Number.isFinite(waitMs)
    ? `${name} is used up and renews in ${durationText(waitMs)}`
    : `${name} is not counted here, so the rule does not hold`;
}

/** As people write it: the schema only where it is not the usual one. */
function columnText({ schema, table, column }: ColumnName): string {
  return schema === 'public' ? `${table}.${column}` : `${schema}.${table}.${column}`;
}

function revealText({ clause, by }: ColumnProbe): string {
  if (by === undefined) return `${clauseText(clause)} would reveal it`;
  return by.tells === 'written'
    ? `${by.what} would tell whether the value written is there`
    : `${by.what} would tell of the values that are there`;
}

function clauseText(clause: string): string {
  return Object.hasOwn(clauseWords, clause) ? clauseWords[clause] : clause.replaceAll('_', ' ').toUpperCase();
}

/** Rounded up, so that who waits that long has waited long enough. */
function durationText(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds <= 90) return counted(seconds, 'second');
  const minutes = Math.ceil(seconds / 60);
  return minutes <= 90 ? counted(minutes, 'minute') : counted(Math.ceil(minutes / 60), 'hour');
}

function counted(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
