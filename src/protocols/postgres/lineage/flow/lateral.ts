/**
 * Items of FROM that refer to their neighbours. For each value that comes from there the server may keep what the item gave the
 * last time (Memoize), and its plans and statistics count how often the item was run: so many different values there are.
 */
import { isRecord, list, names, record, tagOf } from '../../parse/ast.ts';
import { isPlain } from '../plain.ts';
import { type Analysis, type FromElement, type NamedTable, enter, leave } from '../scope.ts';
import { type Columns, opaque } from '../value.ts';

/** Records what `node` takes of computed values of the elements on its left. */
export function recordLateral(analysis: Analysis, neighbours: readonly FromElement[], node: unknown): void {
  const { flow } = analysis;
  if (flow === null || !neighbours.some(({ columns }) => hasComputed(analysis, columns))) return;
  const named: Named = { columns: new Set(), rows: new Set(), fields: [] };
  if (!collect(analysis, node, named)) flow.probe('join', opaque);
  for (const { columns, tables } of neighbours) {
    const isWhole = tables.some(
      (table) => named.rows.has(table.name) || named.fields.some((field) => isCallOf(table, field)),
    );
    for (const { name, value } of columns.list)
      if ((isWhole || named.columns.has(name)) && !isPlain(analysis, value)) flow.probe('join', value);
    if (columns.openAt !== -1 && !isPlain(analysis, columns.rest)) flow.probe('join', columns.rest);
  }
}

function hasComputed(analysis: Analysis, columns: Columns): boolean {
  if (columns.openAt !== -1 && columns.rest.sources.size > 0) return true;
  return columns.list.some(({ value }) => value.sources.size > 0 && !isPlain(analysis, value));
}

interface Named {
  readonly columns: Set<string>;
  /** Of tables of which the whole row is meant. */
  readonly rows: Set<string>;
  /** Pairs of a table's name and another. */
  readonly fields: (readonly [table: string, name: string])[];
}

/** `t.f`, which is a function of the whole row where t has no column f. */
function isCallOf({ name, columns }: NamedTable, [table, field]: readonly [string, string]): boolean {
  return table === name && !columns.list.some((column) => column.name === field);
}

/** Adds the names of columns and rows inside a node. False: past the limits. */
function collect(analysis: Analysis, node: unknown, named: Named): boolean {
  const inside = enter(analysis) && collectFrom(analysis, node, named);
  leave(analysis);
  return inside;
}

function collectFrom(analysis: Analysis, node: unknown, named: Named): boolean {
  if (Array.isArray(node)) return node.every((one) => collect(analysis, one, named));
  if (!isRecord(node)) return true;
  if (tagOf(node) !== 'ColumnRef')
    return Object.values(node).every((one) => typeof one !== 'object' || collect(analysis, one, named));
  const fields = list(record(node.ColumnRef).fields);
  const parts = names(fields);
  const isStar = parts.length < fields.length;
  if (!isStar) named.columns.add(parts[parts.length - 1] ?? '');
  if (isStar || parts.length === 1) named.rows.add(parts.at(-1) ?? '');
  else if (parts.length > 1) named.fields.push([parts[parts.length - 2], parts[parts.length - 1]]);
  return true;
}
