/**
 * `Key (columns)=(values) already exists.`: whether the values are of columns that the client may read anyway.
 *
 * The report names its table and constraint. Both ends of a foreign key hold the same values, and which of them the columns are
 * of hangs on which side has failed, so that neither may be masked.
 */
import { keyRelation } from '../catalog/catalog.ts';
import type { Column, Relation } from '../catalog/catalog.ts';
import type { Constraint } from '../catalog/constraints.ts';
import type { ColumnMaskIndex } from '../masks/maskIndex.ts';

export interface ReportedKey {
  readonly schema: string;
  readonly table: string;
  readonly constraint: string;
  /** As the server prints them: `customer_id, line`. */
  readonly columns: string;
}

/** The parts of a detail that quotes one key and nothing else; null: it is none, or quotes more. */
export function keyIn(detail: string): { readonly columns: string; readonly values: string } | null {
  const found =
    /^Key \(([a-z0-9_, ]+)\)=\((.*)\) (?:already exists|is (?:not present in|still referenced from) table "[^"\n]{1,63}")\.$/s.exec(
      detail,
    );
  return found === null ? null : { columns: found[1], values: found[2] };
}

/** False wherever it is not certain. */
export function isShownKey(index: ColumnMaskIndex | null, key: ReportedKey): boolean {
  if (index === null) return false;
  const { catalog } = index;
  const [relation, ...others] = catalog.relationsNamed(key.schema, key.table);
  if (key.schema === '' || relation === undefined || others.length > 0 || catalog.doubt !== null) return false;
  const [constraint, ...more] = catalog.constraintsOf(relation.oid).filter(({ name }) => name === key.constraint);
  if (constraint === undefined || more.length > 0) return false;
  const sides = sidesOf(index, relation, constraint);
  return (
    sides.some((columns) => columns.map(({ name }) => name).join(', ') === key.columns) &&
    sides.every((columns) => columns.every((column) => isShown(index, column)))
  );
}

/** The columns that a report on this constraint can be about; empty: not known. */
function sidesOf(index: ColumnMaskIndex, relation: Relation, constraint: Constraint): readonly (readonly Column[])[] {
  if (constraint.kind === 'unique' && constraint.expressions === '') {
    const columns = columnsOf(relation, constraint.columns);
    return columns === null ? [] : [columns];
  }
  if (constraint.kind !== 'foreign_key') return [];
  const columns = columnsOf(relation, constraint.columns);
  const referenced = columnsOf(index.catalog.relation(constraint.references), constraint.referenced);
  return columns === null || referenced === null ? [] : [columns, referenced];
}

function columnsOf(relation: Relation | undefined, attnums: readonly number[]): readonly Column[] | null {
  const found = attnums.map((attnum) => relation?.columns.find((column) => column.attnum === attnum));
  const columns = found.filter((column) => column !== undefined);
  return columns.length === attnums.length && columns.length > 0 ? columns : null;
}

function isShown(index: ColumnMaskIndex, column: Column): boolean {
  const isTable = ['r', 'p'].includes(index.catalog.relation(keyRelation(column.key))?.kind ?? '');
  return isTable && index.maskOf(column.key) === null;
}
