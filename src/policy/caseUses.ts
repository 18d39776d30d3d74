/** What a case says that its statement does with masked columns: a case has no catalog to find it out. */
import { z } from 'zod';
import type { ColumnName, MaskedUse, MaskRules } from '../facts.ts';
import type { KeyPath } from '../yaml/document.ts';
import { columnMask } from './maskNames.ts';
import { splitPattern } from './pattern.ts';

const listEntriesMax = 1000;

const probeSchema = z.strictObject({
  column: z.string().min(1),
  clause: z.string().min(1),
  equality: z.boolean().optional(),
});
const copySchema = z.strictObject({ column: z.string().min(1), to: z.string().min(1) });

/** Keys of a case. */
export const useShape = {
  probes: z.array(probeSchema).max(listEntriesMax).optional(),
  copies: z.array(copySchema).max(listEntriesMax).optional(),
  unreadable: z.array(z.string().min(1)).max(listEntriesMax).optional(),
};

const useSchema = z.object(useShape);

type RawUse = z.infer<typeof useSchema>;

/** The use that a case states; null if it states none. `add` is told of names that are not `schema.table.column`. */
export function readUse(raw: RawUse, add: (path: KeyPath, message: string) => void): MaskedUse | null {
  if (raw.probes === undefined && raw.copies === undefined && raw.unreadable === undefined) return null;
  const columnAt = (name: string, path: KeyPath): ColumnName[] => {
    const parts = splitPattern(name, 3);
    if (parts !== null && !parts.includes('*')) return [{ schema: parts[0], table: parts[1], column: parts[2] }];
    add([...path, 'column'], 'is not schema.table.column');
    return [];
  };
  return {
    probes: (raw.probes ?? []).flatMap(({ column, clause, equality }, index) =>
      columnAt(column, ['probes', index]).map((name) => ({ column: name, clause, equality: equality ?? false })),
    ),
    copies: (raw.copies ?? []).flatMap(({ column, to }, index) =>
      columnAt(column, ['copies', index]).map((name) => ({ column: name, to })),
    ),
    unreadable: raw.unreadable ?? [],
  };
}

/** What is left of it for somebody with these masks: a column that nobody masks may be used at will. */
export function maskedPart(use: MaskedUse, masks: MaskRules): MaskedUse {
  const masked = ({ schema, table, column }: ColumnName): boolean => {
    const name = [schema, table, column].map((part) => `"${part}"`).join('.');
    return columnMask(masks, name) !== null;
  };
  return {
    probes: use.probes.filter(({ column }) => masked(column)),
    copies: use.copies.filter(({ column }) => masked(column)),
    unreadable: masks.columns.length + masks.values.length > 0 ? use.unreadable : [],
  };
}
