/**
 * Which built-in functions fail on what, for lineage/flow/hazards.ts.
 *
 * A column's own values are what they are; a computed argument can be made to fail at will, as in
 * `now() AT TIME ZONE CASE WHEN ssn LIKE '1%' THEN 'UTC' ELSE 'x' END`. So there is a list of what fails on ordinary
 * values, and another of what takes any computed value; a function in neither fails on computed ones.
 */

/**
 * Built-in functions with a domain that ordinary values leave, or whose time or memory grows with the value: the error
 * or the wait tells of it. Functions that fail only on broken input of a rare kind are not here.
 */
export const failing: ReadonlySet<string> = new Set(
  (
    'pg_sleep pg_sleep_for pg_sleep_until repeat lpad rpad array_fill factorial ' +
    'div mod sqrt cbrt ln log log10 power pow exp acos asin acosd asind acosh atanh gamma lgamma width_bucket setseed ' +
    'chr decode convert convert_from convert_to to_date to_timestamp to_number make_date make_time make_timestamp ' +
    'make_timestamptz make_interval get_byte set_byte get_bit set_bit json_array_length jsonb_array_length ' +
    'json_array_elements jsonb_array_elements json_array_elements_text jsonb_array_elements_text json_each jsonb_each ' +
    'json_object_keys jsonb_object_keys json_populate_record jsonb_populate_record jsonb_set jsonb_insert xpath ' +
    'xpath_exists xmlparse jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array ' +
    'jsonb_path_query_first int4 int8 int2 numeric float4 float8 date timestamp timestamptz ' +
    'interval bool uuid json jsonb xml bytea inet cidr macaddr ' +
    // A lower bound above the upper, a key that is there twice.
    'int4range int8range numrange daterange tsrange tstzrange random json_object_agg_unique json_object_agg_unique_strict ' +
    'jsonb_object_agg_unique jsonb_object_agg_unique_strict'
  ).split(' '),
);

/** Built-in functions that leave a trace although they take no value: whether they ran can be asked afterwards. */
export const tracing: ReadonlySet<string> = new Set([
  'nextval',
  'lo_unlink',
  'pg_current_xact_id',
  'txid_current',
  'pg_advisory_unlock',
  'pg_advisory_unlock_all',
  'pg_advisory_unlock_shared',
  'pg_export_snapshot',
  'pg_reload_conf',
  'pg_rotate_logfile',
  'pg_switch_wal',
  'pg_stat_reset',
  'pg_stat_clear_snapshot',
  'pg_drop_replication_slot',
]);

/** Functions that take any value in any argument, or that sum up rows. */
const total: ReadonlySet<string> = new Set(
  (
    'upper lower initcap length char_length character_length octet_length bit_length md5 sha224 sha256 sha384 sha512 ' +
    'concat concat_ws textcat left right reverse btrim ltrim rtrim trim replace translate strpos position starts_with ascii ' +
    'quote_literal quote_ident quote_nullable hashtext to_json to_jsonb row_to_json array_to_json json_build_array ' +
    'jsonb_build_array array_agg string_agg json_agg jsonb_agg json_agg_strict jsonb_agg_strict xmlagg count sum avg min max ' +
    'bool_and bool_or every bit_and bit_or bit_xor any_value stddev stddev_pop stddev_samp variance var_pop var_samp ' +
    'percentile_disc percentile_cont mode rank dense_rank percent_rank cume_dist row_number lag lead first_value ' +
    'last_value array_to_string string_to_array string_to_table cardinality array_length array_append array_prepend ' +
    'array_remove array_replace unnest num_nulls num_nonnulls pg_typeof pg_collation_for round floor ceil ceiling trunc ' +
    'sign abs age isfinite json_typeof jsonb_typeof json_strip_nulls jsonb_strip_nulls jsonb_pretty ' +
    'pg_column_size version now generate_series'
  ).split(' '),
);

/** Functions that take any value in these arguments and fail on some in the others: patterns, fields, lengths. */
const subjects: Readonly<Record<string, readonly number[]>> = {
  substr: [0],
  substring: [0, 1],
  overlay: [0, 1],
  split_part: [0, 1],
  regexp_replace: [0, 2],
  regexp_match: [0],
  regexp_matches: [0],
  regexp_count: [0],
  regexp_like: [0],
  regexp_substr: [0],
  regexp_split_to_table: [0],
  regexp_split_to_array: [0],
  to_char: [0],
  encode: [0],
  timezone: [1],
  date_trunc: [1],
  date_part: [1],
  extract: [1],
  format: [1, 2, 3, 4, 5, 6, 7, 8, 9],
  json_build_object: [1, 3, 5, 7, 9],
  jsonb_build_object: [1, 3, 5, 7, 9],
};

/** Whether a computed value as this argument can make the built-in function fail. */
export function failsOnComputed(name: string, at: number): boolean {
  if (total.has(name)) return false;
  return !(Object.hasOwn(subjects, name) && subjects[name].includes(at));
}
