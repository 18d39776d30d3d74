/** What `run policy explain` prints of the lineage of a statement. Pure. */
import type { MaskSpec } from '../facts.ts';
import type { ExplainedFlow, JudgedUse } from './explainFlow.ts';
import type { FollowedColumn, FollowedOutput } from './followed.ts';
import { formatMask } from './strength.ts';
import { fullName } from './useText.ts';
import type { UseItem } from './uses.ts';

export function flowLines({ outputs, uses, maskWritten, doubted }: ExplainedFlow): string[] {
  const lines: string[] = [];
  if (doubted) lines.push('a statement before it may change what names mean, so names of tables are not believed');
  lines.push('result columns', ...(outputs.length === 0 ? ['  none'] : outputs.flatMap(outputLines)));
  lines.push(
    'other uses of masked columns',
    ...(uses.length === 0 ? ['  none'] : uses.map((use) => `  ${useLine(use)}`)),
  );
  for (const column of maskWritten) lines.push(`refused: a mask would be written over ${fullName(column)}`);
  return lines;
}

function outputLines(output: FollowedOutput): string[] {
  const name = output.several ? `${output.name}..., an unknown number` : output.name === '' ? '(no name)' : output.name;
  return [`  ${name} -> ${fateText(output)}: ${output.why}`, `    ${originText(output)}`];
}

function fateText({ action, mask, shown, rules }: FollowedOutput): string {
  const by = rules.length === 0 ? '' : ` (${rules.join(', ')})`;
  switch (action) {
    case 'mask':
      return `masked${mask === null ? '' : `, ${maskText(mask, shown)}`}${by}`;
    case 'scan':
      return `shown but for what detectors find${by}`;
    case 'pass':
      return 'shown';
  }
}

function maskText(mask: MaskSpec, shown: FollowedOutput['shown']): string {
  const given = formatMask(mask);
  if (mask.kind === 'null' || shown === 'mask') return given;
  return shown === 'null'
    ? `NULL (its type holds no text for ${given})`
    : `${given}, or NULL if its type holds no text`;
}

function originText({ how, sources }: FollowedOutput): string {
  switch (how) {
    case 'passed':
      return `passed through from ${sourcesText(sources, ' or ')}`;
    case 'computed':
      return `computed from ${sourcesText(sources, ', ')}`;
    case 'constant':
      return 'depends on no column';
    case 'unknown':
      return 'cannot be known: it may come from any column';
  }
}

function sourcesText(sources: readonly FollowedColumn[], separator: string): string {
  return sources
    .map((source) => {
      const through = source.through.map(fullName).join(', ');
      return through === '' ? fullName(source) : `${fullName(source)} (through ${through})`;
    })
    .join(separator);
}

function useLine({ use, outcome, rules, message }: JudgedUse): string {
  const because = rules.length > 0 ? ` (${rules.join(', ')})` : outcome === 'allow' ? '' : ` (${message})`;
  return `${itemText(use)} -> ${outcome}${because}`;
}

function itemText(item: UseItem): string {
  switch (item.kind) {
    case 'probe': {
      const { column, clause, equality, by } = item.probe;
      const where = by === undefined ? clause : `${clause} (${by.what})`;
      return `probes ${fullName(column)} in ${where}${equality ? ', by equality' : ''}`;
    }
    case 'copy':
      return `copies ${fullName(item.copy.column)} to ${item.copy.to}`;
    case 'unreadable':
      return `unreadable: ${item.reason}`;
  }
}
