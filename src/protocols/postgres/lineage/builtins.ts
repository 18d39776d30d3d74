/**
 * What is known of PostgreSQL's own functions (those of initdb). All others in pg_catalog compute their result from
 * their arguments alone, or from server state that holds no user value.
 */
import { integerConstant } from '../parse/ast.ts';
import { type Catalog, type PgFunction, keyRelation } from '../catalog/catalog.ts';
import { isString } from './literals.ts';
import { type Value, typedAs, withRecord } from './value.ts';

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
    'string_agg array_agg json_agg jsonb_agg json_object_agg jsonb_object_agg first_value last_value any_value'
  ).split(' '),
);

/** The same of functions whose further arguments are numbers. As patterns they could answer, and as columns give a length. */
const cutting: ReadonlySet<string> = new Set(['left', 'right', 'substr', 'substring']);

/** Whether the result is NULL or long only where the arguments are; `nodes` are these. */
export function isSteadyCall(name: string, nodes: readonly unknown[]): boolean {
  return steady.has(name) || (cutting.has(name) && nodes.slice(1).every((node) => integerConstant(node) !== null));
}

/** Further built-in functions that are NULL only where an argument is, or where all that they gather is. */
const answering: ReadonlySet<string> = new Set(
  (
    'length char_length character_length octet_length bit_length ascii chr strpos position starts_with replace translate overlay ' +
    'split_part btrim ltrim rtrim trim lpad rpad repeat regexp_replace regexp_count regexp_like regexp_split_to_array ' +
    'date_trunc date_part extract age to_char timezone make_date isfinite justify_days justify_hours justify_interval ' +
    'round floor ceil ceiling abs trunc sign mod div sqrt power ln log exp hashtext ' +
    'format decode now array_to_json json_strip_nulls jsonb_strip_nulls jsonb_pretty json_typeof jsonb_typeof ' +
    'json_agg_strict jsonb_agg_strict xmlagg unnest row_number rank dense_rank pg_column_size host network masklen family ' +
    'count sum avg min max array_agg bool_and bool_or every cardinality num_nulls num_nonnulls'
  ).split(' '),
);

/** Whether the result is NULL or not by what stands in the arguments; `nodes` are these. */
export function findsNothing(name: string, nodes: readonly unknown[], values: readonly Value[]): boolean {
  // The end of a range may be open.
  if ((name === 'upper' || name === 'lower') && values.some(({ resultType }) => !isString(resultType))) return true;
  if (name === 'substring') return nodes.length > 1 && !nodes.slice(1).every((node) => integerConstant(node) !== null);
  return !answering.has(name) && !isSteadyCall(name, nodes) && name !== 'substr' && name !== 'left' && name !== 'right';
}

/** Functions that give what they are given, or an array of it, or a part of one. */
const passing: ReadonlySet<string> = new Set(
  (
    'min max mode any_value first_value last_value nth_value lag lead array_agg percentile_disc array_append array_prepend array_cat ' +
    'array_remove array_replace array_fill unnest trim_array array_shuffle array_sample array_sort array_reverse'
  ).split(' '),
);

const makesRecord = /^jsonb?_(?:populate|to)_record(?:set)?$/;

/** Functions of texts that give one, of a text or of anything. */
const texts: ReadonlySet<string> = new Set(
  (
    'initcap concat concat_ws md5 quote_literal quote_nullable quote_ident to_char format split_part regexp_substr ' +
    'regexp_replace translate replace lpad rpad repeat left right chr to_hex encode array_to_string'
  ).split(' '),
);
/** The same of those that also take bytes, or ranges. */
const cutters: ReadonlySet<string> = new Set(
  'substr substring overlay reverse btrim ltrim rtrim upper lower string_agg'.split(' '),
);
const resultTypes: Readonly<Record<string, number>> = {
  char_length: 23,
  character_length: 23,
  octet_length: 23,
  bit_length: 23,
  ascii: 23,
  strpos: 23,
  position: 23,
  count: 20,
  starts_with: 16,
  now: 1184,
  to_json: 114,
  row_to_json: 114,
  json_build_object: 114,
  json_build_array: 114,
  json_agg: 114,
  to_jsonb: 3802,
  jsonb_build_object: 3802,
  jsonb_build_array: 3802,
  jsonb_agg: 3802,
};

/** The result of a call, with what is known of its type. */
export function shapedBy(name: string, result: Value, values: readonly Value[]): Value {
  if (makesRecord.test(name)) return withRecord(result);
  if (passing.has(name)) return result;
  const isText = texts.has(name) || (cutters.has(name) && values.length > 0 && isString(values[0].resultType));
  // The length of a path is a float.
  if (name === 'length' && values.length === 1 && isString(values[0].resultType)) return typedAs(result, 23);
  return typedAs(result, isText ? 25 : Object.hasOwn(resultTypes, name) ? resultTypes[name] : 0);
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
