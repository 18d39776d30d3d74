/** The plan for rows of one session: their shape and lineage under its rules. */
import type { Fault } from '../../../errors.ts';
import type { MaskRules } from '../../../facts.ts';
import type { CopyOptions, MaskPlan, RowFormat, TextEncoding } from '../../../masking/plan.ts';
import type { Services } from '../../protocol.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { type CopyStatement, hidesNulls } from '../parse/copyStatement.ts';
import type { Lineage } from '../lineage/lineage.ts';
import type { ColumnMaskIndex } from './maskIndex.ts';
import { buildMaskPlan, emptyRows, shapeOfLineage } from './maskPlan.ts';
import type { ShapeColumn } from './maskPlan.ts';
import type { CopyResponse } from '../wire/backend.ts';

/** null: the rows pass. `refresh`: the catalog must be read first. */
export type Planned = MaskPlan | null | 'refresh';

export interface Rows {
  readonly lineage: Lineage | null;
  readonly shape: readonly ShapeColumn[];
  readonly rowFormat: RowFormat;
  /** null: no COPY. */
  readonly copy: CopyOptions | null;
  readonly encoding: TextEncoding;
}

/** @param fresh the catalog was read again for these rows. */
export function planRows(
  services: Services,
  rules: MaskRules,
  index: ColumnMaskIndex,
  rows: Rows,
  fresh: boolean,
): Planned {
  if (rows.shape.length === 0) return rows.rowFormat === 'data_row' ? emptyRows : null;
  const result = buildMaskPlan({
    ...rows,
    index,
    values: rules.values,
    customDetectors: rules.customDetectors,
    strongerMask: services.strongerMask,
    hashKey: services.hashKey,
    catalogIsFresh: fresh,
  });
  if (result.kind === 'needs_catalog') return 'refresh';
  return result.kind === 'plan' ? result.plan : null;
}

/** Rows of a COPY, of which the server tells nothing but their number of columns. */
export function copyRows(
  lineage: Lineage,
  { columnFormats, format }: CopyResponse,
  copy: CopyStatement,
  encoding: TextEncoding,
): Rows {
  const told = shapeOfLineage(lineage);
  const count = columnFormats.length;
  const shape = Array.from({ length: count }, (_, at): ShapeColumn => ({
    name: '',
    tableOid: 0,
    attribute: 0,
    typeOid: told.length === count ? told[at].typeOid : 0,
    format,
  }));
  const rowFormat = format === 1 ? 'copy_binary' : copy.format === 'csv' ? 'copy_csv' : 'copy_text';
  return { lineage, shape, rowFormat, copy: copy.options, encoding };
}

/** Without origins in views, which may show something else by now; a table's column is what it was. */
export function tableOrigins(shape: readonly ShapeColumn[], catalog: Catalog | null): readonly ShapeColumn[] {
  return shape.map((column) => {
    const kind = catalog?.relation(column.tableOid)?.kind;
    return kind === 'r' || kind === 'p' ? column : { ...column, tableOid: 0, attribute: 0 };
  });
}

/** Without origins in relations that the catalog does not know, of rows whose lineage knows them. */
export function withoutNew(shape: readonly ShapeColumn[], catalog: Catalog): readonly ShapeColumn[] {
  return shape.map((column) =>
    column.tableOid === 0 || catalog.relation(column.tableOid) !== undefined
      ? column
      : { ...column, tableOid: 0, attribute: 0 },
  );
}

export const unreadableCopy: Fault = {
  code: 'BG_MASK_FAILED',
  detail: 'a COPY whose format, encoding or NULL text cannot be masked',
};

/** Whether the rows of a COPY can be masked so that nothing else is told of them. Where nothing is masked, all is well. */
export function understood(copy: CopyStatement, encoding: TextEncoding | null, planned: Planned): boolean {
  if (planned === null || planned === 'refresh') return true;
  if (copy.format === 'other' || encoding === null) return false;
  return !hidesNulls(copy) || planned.columns.every(({ action }) => action !== 'mask');
}
