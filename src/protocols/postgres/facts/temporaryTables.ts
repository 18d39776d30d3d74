/**
 * Statements that change nothing but temporary tables of the session itself: `DROP TABLE tmp`, `TRUNCATE tmp`, `DELETE FROM tmp`.
 *
 * The text does not tell: an unqualified name may mean a table of everybody, and so may a temporary view. The catalog tells, if
 * the session's temporary schema is searched before all others and no other table of the name is in the path. So if the
 * table should be gone by then (a rollback, a function that drops it), the statement fails and meets nothing else.
 */
import type { ObjectUse } from '../../../facts.ts';
import { list, record, tagOf } from '../parse/ast.ts';
import type { Catalog, SearchPath } from '../catalog/catalog.ts';
import type { AnalyzedStatement } from './facts.ts';

/** What such a statement can be, by its tag, with the kind that it must have and no other beside it but `select`. */
const tags: ReadonlyMap<string, string> = new Map([
  ['DropStmt', 'drop'],
  ['TruncateStmt', 'truncate'],
  ['AlterTableStmt', 'alter'],
  ['DeleteStmt', 'delete'],
  ['UpdateStmt', 'update'],
]);

/** Changes of a table that concern another one. */
const touchingOthers: ReadonlySet<string> = new Set([
  'AT_AddInherit',
  'AT_DropInherit',
  'AT_AttachPartition',
  'AT_DetachPartition',
  'AT_AddConstraint',
]);

const variants = new WeakMap<AnalyzedStatement, AnalyzedStatement>();

/** Whether it is worth asking the catalog. */
export function mayBeTemporary({ ast, kinds, opaque, distant, objects }: AnalyzedStatement): boolean {
  const tag = tagOf(ast);
  const kind = tags.get(tag);
  const body = record(ast[tag]);
  if (kind === undefined || distant !== null || opaque.length > 0) return false;
  if (!kinds.every((one) => one === kind || one === 'select')) return false;
  if (tag === 'DropStmt' && body.removeType !== 'OBJECT_TABLE') return false;
  if (tag === 'AlterTableStmt') {
    if (body.objtype !== 'OBJECT_TABLE') return false;
    const commands = list(body.cmds).map((item) => record(record(item).AlterTableCmd).subtype);
    if (commands.some((subtype) => typeof subtype !== 'string' || touchingOthers.has(subtype))) return false;
  }
  return objects.some(isChanged) && objects.every((use) => !isChanged(use) || isUnqualified(use));
}

/** The statement with that fact; null: it changes something else, or may do so. One object for each statement. */
export function asTemporary(
  statement: AnalyzedStatement,
  catalog: Catalog,
  path: SearchPath,
): AnalyzedStatement | null {
  const own = path.temp ?? '';
  // Nothing that others make can come in front.
  if (own === '' || path.schemas[0] !== own || catalog.doubt !== null) return null;
  for (const { name } of statement.objects.filter(isChanged)) {
    const [found, ...others] = catalog.relationsNamed(null, name).filter(({ schema }) => path.schemas.includes(schema));
    // Through a view a change would go to the table behind it.
    if (found?.schema !== own || found.kind !== 'r' || others.length > 0) return null;
  }
  let variant = variants.get(statement);
  if (variant === undefined) variants.set(statement, (variant = { ...statement, temporary: true }));
  return variant;
}

function isChanged({ access }: ObjectUse): boolean {
  return access !== 'read';
}

function isUnqualified({ schema }: ObjectUse): boolean {
  return schema === null || schema === 'pg_temp';
}
