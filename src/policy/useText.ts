/** What a client is told about the use of masked columns: what is wrong, and what to do next. */
import type { ColumnName, ColumnProbe, RuleId } from '../facts.ts';
import type { ProbeBudget } from './types.ts';
import type { UseItem } from './uses.ts';

/** Clauses whose words in a statement are not simply their name in capitals. */
const clauseWords: Readonly<Record<string, string>> = {
  set_operation: 'UNION, INTERSECT or EXCEPT',
  expression: 'this expression',
  constraint: 'a constraint',
  encoding: "the conversion to the client's encoding",
};

/** What to write instead, where the clause itself must change. */
const clauseAdvice: Readonly<Record<string, string>> = {
  where: 'put conditions on other columns',
  having: 'put conditions on other columns',
  filter: 'put conditions on other columns',
  join: 'join by another column, such as a key',
  merge: 'match the rows by another column, such as a key',
  order_by: 'order by other columns; it may stand behind the whole primary key of its table',
  group_by: 'group by other columns; it may stand beside the whole primary key of its table, with ORDER BY that key',
  distinct: 'leave it out there; it may stand beside the whole primary key of its table, with ORDER BY that key',
  set_operation: 'use UNION ALL, or leave the column out',
  window: 'partition and order by other columns',
  from: 'give the column to no function in FROM',
  expression: 'select the column as it is, which comes masked',
  encoding: "select the column as it is, which comes masked, or SET client_encoding = 'UTF8'",
};

/** Clauses with conditions, in which a comparison by `=` can stand. */
const conditionClauses: ReadonlySet<string> = new Set(['where', 'having', 'filter', 'join', 'merge']);

const wordsMax = 200;
/** Of the same kind in a hint; the rest is counted. */
const namesMax = 3;
/** Uses named in a record of the audit log. */
const recordedMax = 16;

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
        : `${insteadOf(item.probe)}, or ask for a policy rule on \`probes\``;
    case 'copy':
      return 'leave the column out, or ask for a policy rule on `copies`';
    case 'unreadable':
      return 'send what it does as plain statements, or ask for a policy rule on `unreadable`';
  }
}

/** For a column that may be asked by equality alone. */
export function equalityAdvice(rule: RuleId, probe: ColumnProbe): string {
  const { by, clause } = probe;
  if (by?.tells === 'written') return `write only a parameter or a literal there (rule ${rule})`;
  if (by !== undefined) return `leave the other columns as they are (rule ${rule})`;
  if (!conditionClauses.has(clause))
    return `${insteadOf(probe)} (rule ${rule} allows no more than = with a parameter or a literal in a condition)`;
  // The comparison may be right, and what stands beside it wrong.
  const compare =
    'compare it only by = with a parameter or a literal, and join that to the rest by AND, not by OR or NOT';
  return `${compare} (rule ${rule}); in place of OR send two statements or UNION ALL`;
}

/** For who reads that no rule lets it through: whom to ask for what. */
export function useHint(items: readonly UseItem[]): string {
  const wanted: string[] = [];
  const names = (kind: 'probe' | 'copy'): readonly string[] => [
    ...new Set(
      items.flatMap((item) =>
        item.kind === 'probe' && kind === 'probe'
          ? [fullName(item.probe.column)]
          : item.kind === 'copy' && kind === 'copy'
            ? [fullName(item.copy.column)]
            : [],
      ),
    ),
  ];
  const [probed, copied] = [names('probe'), names('copy')];
  if (probed.length > 0) wanted.push(`on \`probes\` of ${listed(probed)}`);
  if (copied.length > 0) wanted.push(`on \`copies\` of ${listed(copied)}`);
  if (items.some(({ kind }) => kind === 'unreadable')) wanted.push('on `unreadable`');
  return `If it must stay as it is, ask who runs this gate for a rule ${wanted.join(' and ')}.`;
}

/** For the audit log: names of columns and clauses, as many as are worth reading. */
export function usesRecorded(items: readonly UseItem[]): readonly string[] {
  const shown = items.slice(0, recordedMax).map(recordedText);
  if (items.length > recordedMax) shown.push(`... ${items.length - recordedMax} more`);
  return shown;
}

function recordedText(item: UseItem): string {
  switch (item.kind) {
    case 'probe':
      return `probes ${fullName(item.probe.column)} in ${item.probe.clause}`;
    case 'copy':
      return `copies ${fullName(item.copy.column)} to ${item.copy.to.slice(0, wordsMax)}`;
    case 'unreadable':
      return `unreadable: ${item.reason.slice(0, wordsMax)}`;
  }
}

function insteadOf({ clause, by }: ColumnProbe): string {
  const known = by === undefined && Object.hasOwn(clauseAdvice, clause);
  return known ? clauseAdvice[clause] : 'use other columns there';
}

/** A column as rules name it. */
export function fullName({ schema, table, column }: ColumnName): string {
  return `${schema}.${table}.${column}`;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, namesMax).join(', ');
  return names.length > namesMax ? `${shown} and ${names.length - namesMax} more` : shown;
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
