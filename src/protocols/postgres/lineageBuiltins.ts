/**
 * What is known of PostgreSQL's own functions (those of initdb). All others in pg_catalog compute their result from
 * their arguments alone, or from server state that holds no user value.
 */

/** Functions that use columns and are still safe, with the reason. The first three as long as they are given columns. */
export const safeFunctions: Readonly<Record<string, string>> = {
  count: 'a number of rows, also with DISTINCT; never a value',
  num_nulls: 'tells only which values are NULL',
  num_nonnulls: 'tells only which values are NULL',
  pg_typeof: 'the type is known from the schema',
  pg_collation_for: 'the collation is known from the schema',
};

/** Functions that tell only whether values are NULL, which for a computed value such as `nullif(ssn, '1')` is a guess. */
const countingNulls: ReadonlySet<string> = new Set(['count', 'num_nulls', 'num_nonnulls']);

/** Functions that read tables, files or text from elsewhere, so that their arguments do not tell what comes back. */
const reading: ReadonlySet<string> = new Set([
  // Run a query given as text, or read a relation, cursor, schema or database by name.
  'query_to_xml',
  'query_to_xml_and_xmlschema',
  'table_to_xml',
  'table_to_xml_and_xmlschema',
  'cursor_to_xml',
  'schema_to_xml',
  'schema_to_xml_and_xmlschema',
  'database_to_xml',
  'database_to_xml_and_xmlschema',
  'ts_stat',
  'ts_rewrite',
  'currtid2',
  // Large objects and files.
  'lo_get',
  'loread',
  'pg_read_file',
  'pg_read_file_old',
  'pg_read_binary_file',
  'pg_logdir_ls',
  // Statistics with sampled values, changes as logical decoding sees them, rows as the planner saw them.
  'pg_mcv_list_items',
  'pg_logical_slot_get_changes',
  'pg_logical_slot_peek_changes',
  'pg_logical_slot_get_binary_changes',
  'pg_logical_slot_peek_binary_changes',
  'brin_summarize_range',
  // Call functions by number.
  'fmgr_sql_validator',
  'plpgsql_call_handler',
  'plpgsql_inline_handler',
]);

export type BuiltinNature = 'safe' | 'counts_nulls' | 'computed' | 'opaque';

/**
 * @param argument the first argument where it is a string literal, else null.
 */
export function builtinNature(name: string, argument: string | null): BuiltinNature {
  if (countingNulls.has(name)) return 'counts_nulls';
  if (Object.hasOwn(safeFunctions, name)) return 'safe';
  if (reading.has(name)) return 'opaque';
  // Custom settings (with a dot in the name) are variables that a session can store values in.
  if (name === 'current_setting') return argument !== null && !argument.includes('.') ? 'computed' : 'opaque';
  return 'computed';
}

/**
 * Extensions whose C functions compute from their arguments alone. dblink, postgres_fdw, tablefunc, xml2, pageinspect,
 * pg_stat_statements and the like run queries or read storage and are therefore not here.
 */
const pureExtensions: ReadonlySet<string> = new Set([
  'btree_gin',
  'btree_gist',
  'citext',
  'cube',
  'earthdistance',
  'fuzzystrmatch',
  'hstore',
  'intarray',
  'isn',
  'ltree',
  'pg_trgm',
  'pgcrypto',
  'postgis',
  'seg',
  'unaccent',
  'uuid-ossp',
  'vector',
]);

export function isPureExtension(name: string | null): boolean {
  return name !== null && pureExtensions.has(name);
}
