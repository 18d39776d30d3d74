/**
 * A target's catalog in a file: the rows of the catalog queries as JSON. Names and definitions only, so that it can be kept
 * beside the policies; definitions of views and functions are in it as they are.
 */
import { z } from 'zod';
import type { CatalogRows } from '../protocols/postgres/catalog/build.ts';

export interface CatalogSnapshot {
  /** The connection that it was read from. */
  readonly connection: string;
  /** Role that the gate logs in with there. */
  readonly role: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly rows: CatalogRows;
}

const format = 'blastgate catalog 1';

/** Longer than the catalog of any database that the gate takes. */
const snapshotCharactersMax = 512 << 20;

const rowsSchema = z.array(z.array(z.string().nullable()));
const snapshotSchema = z.strictObject({
  format: z.literal(format),
  connection: z.string(),
  role: z.string(),
  labels: z.record(z.string(), z.string()),
  rows: z.strictObject({
    relations: rowsSchema,
    columns: rowsSchema,
    types: rowsSchema,
    inheritance: rowsSchema,
    views: rowsSchema,
    builtins: rowsSchema,
    functions: rowsSchema,
    operators: rowsSchema,
    casts: rowsSchema,
    indexes: rowsSchema,
    constraints: rowsSchema,
    aggregates: rowsSchema,
    code: rowsSchema,
    unusable: rowsSchema,
  }),
});

/** One row a line, so that a change of the schema is a small difference between two files. */
export function writeSnapshot({ rows, ...head }: CatalogSnapshot): string {
  const sets = Object.entries(rows).map(
    ([set, list]) => `${JSON.stringify(set)}:[\n${list.map((row) => JSON.stringify(row)).join(',\n')}\n]`,
  );
  const { connection, role, labels } = head;
  return `${JSON.stringify({ format, connection, role, labels }).slice(0, -1)},"rows":{\n${sets.join(',\n')}\n}}\n`;
}

/** A set that is missing is a fault: what is not known must not look as if it did not exist. */
export function readSnapshot(text: string): CatalogSnapshot | { readonly fault: string } {
  if (text.length > snapshotCharactersMax) return { fault: 'is too large' };
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return { fault: 'is not JSON' };
  }
  const parsed = snapshotSchema.safeParse(data);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0];
  return { fault: `is no snapshot of a catalog: ${path.length === 0 ? '' : `${path.join('.')}: `}${message}` };
}
