/**
 * What is known of PostgreSQL's own functions (those of initdb). All others in pg_catalog compute their result from
 * their arguments alone, or from server state that holds no user value.
 */
import { integerConstant } from '../parse/ast.ts';
import { type Catalog, type PgFunction, keyRelation } from '../catalog/catalog.ts';
import type { Value } from './value.ts';

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

/** Whether it is the name of a setting in the view pg_settings, which leaves out what sessions invent. */
export function isServerSetting(catalog: Catalog, value: Value): boolean {
  if (value.kind !== 'column' || !value.alone) return false;
  const [key] = value.sources;
  const relation = catalog.relation(keyRelation(key));
  return relation?.system === true && relation.name === 'pg_settings' && relation.byName.get('name')?.key === key;
}

/**
 * Built-in functions and aggregates that are NULL only where their arguments are, or all that they gather is, and whose results
 * are hardly longer than these.
 */
const steady: ReadonlySet<string> = new Set(
  (
    'upper lower initcap reverse concat concat_ws quote_literal quote_nullable quote_ident md5 sha224 sha256 sha384 sha512 encode convert_to convert_from text varchar bpchar name ' +
    'to_json to_jsonb row_to_json json_build_object jsonb_build_object json_build_array jsonb_build_array ' +
    'string_agg json_agg jsonb_agg json_object_agg jsonb_object_agg first_value last_value any_value'
  ).split(' '),
);

/** The same of functions whose further arguments are numbers. As patterns they could answer, and as columns give a length. */
const cutting: ReadonlySet<string> = new Set(['left', 'right', 'substr', 'substring']);

/** Whether the result is NULL or long only where the arguments are; `nodes` are these. */
export function isSteadyCall(name: string, nodes: readonly unknown[]): boolean {
  return steady.has(name) || (cutting.has(name) && nodes.slice(1).every((node) => integerConstant(node) !== null));
}

/** Built-in functions that give NULL where they find nothing, whatever they are given. */
const searching: ReadonlySet<string> = new Set(
  (
    'regexp_match regexp_matches regexp_substr array_position jsonb_extract_path jsonb_extract_path_text json_extract_path ' +
    'json_extract_path_text json_object_field json_object_field_text jsonb_object_field jsonb_object_field_text ' +
    'json_array_element json_array_element_text jsonb_array_element jsonb_array_element_text array_replace string_to_array ' +
    'string_to_table jsonb_path_query_first'
  ).split(' '),
);

/** Whether the result is NULL or not by what stands in the arguments; `nodes` are these. */
export function findsNothing(name: string, nodes: readonly unknown[]): boolean {
  if (name === 'substring') return nodes.length > 1 && !nodes.slice(1).every((node) => integerConstant(node) !== null);
  return searching.has(name);
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

function isPureExtension(name: string | null): boolean {
  return name !== null && pureExtensions.has(name);
}

/** Whether who made it vouches that it computes from its arguments alone. */
export function isPureByOwner(f: PgFunction): boolean {
  if (!isPureExtension(f.extension)) return false;
  // PostGIS ships a few that look tables up by name.
  if (f.extension === 'postgis' && !(f.name.startsWith('st_') && !f.name.includes('extent'))) return false;
  return f.language === 'c' || f.language === 'internal' || f.kind === 'a';
}
