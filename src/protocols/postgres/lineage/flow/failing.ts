/**
 * Which built-in functions fail on what, for lineage/flow/hazards.ts.
 *
 * A column's own values are what they are; a computed argument can be made to fail at will, as in
 * `now() AT TIME ZONE CASE WHEN ssn LIKE '1%' THEN 'UTC' ELSE 'x' END`, or by growing from call to call until there is no room.
 * So there are lists of what takes any value of a column, and of what takes any computed value; whatever is in neither fails.
 */

/**
 * Built-in functions with a domain that ordinary values leave, or whose time or memory grows with the value: the error
 * or the wait tells of it. Functions that fail only on broken input of a rare kind are not here.
 */
const failing: ReadonlySet<string> = new Set(
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

/**
 * Functions that take any value in any argument and give none that is longer (but for a few letters whose other case is), so that
 * no nesting of them fails.
 */
const total: ReadonlySet<string> = new Set(
  (
    'upper lower initcap length char_length character_length octet_length bit_length md5 sha224 sha256 sha384 sha512 ' +
    'left right reverse btrim ltrim rtrim trim strpos position starts_with ascii hashtext count min max bool_and bool_or ' +
    'every any_value num_nulls num_nonnulls pg_typeof pg_collation_for sign isfinite json_typeof jsonb_typeof'
  ).split(' '),
);

/** Functions that take any value in these arguments and fail on some in the others: patterns, fields, lengths. */
const subjects: Readonly<Record<string, readonly number[]>> = {
  substr: [0],
  substring: [0],
  split_part: [0],
  regexp_match: [0],
  regexp_matches: [0],
  regexp_count: [0],
  regexp_like: [0],
  regexp_substr: [0],
};

/** Further functions that take any of a column's own values, in any argument. */
const quiet: ReadonlySet<string> = new Set(
  (
    'concat concat_ws textcat quote_literal quote_ident quote_nullable to_json to_jsonb row_to_json array_to_json ' +
    'json_build_array jsonb_build_array json_build_object jsonb_build_object json_object_agg jsonb_object_agg string_agg json_agg ' +
    'jsonb_agg json_agg_strict jsonb_agg_strict xmlagg mode rank dense_rank percent_rank cume_dist row_number lag lead ' +
    'first_value last_value array_to_string string_to_array string_to_table cardinality array_length array_append array_prepend ' +
    'array_remove array_upper array_lower array_ndims unnest floor ceil ceiling abs age json_strip_nulls ' +
    'jsonb_strip_nulls jsonb_pretty pg_column_size host network masklen family broadcast netmask abbrev to_tsvector ' +
    'jsonb_extract_path jsonb_extract_path_text json_extract_path json_extract_path_text lower_inc upper_inc lower_inf upper_inf ' +
    'isempty justify_days justify_hours justify_interval version now'
  ).split(' '),
);

/** The same of those that do so in these arguments; what they are told in others makes some fail. */
const quietIn: Readonly<Record<string, readonly number[]>> = {
  // At the ends of the range these fail.
  timezone: [1],
  date_trunc: [1],
  date_part: [1],
  extract: [1],
  replace: [0],
  translate: [0],
  overlay: [0],
  regexp_replace: [0],
  regexp_split_to_table: [0],
  regexp_split_to_array: [0],
  encode: [0],
  round: [0],
  trunc: [0],
  to_char: [0],
  format: [1, 2, 3, 4, 5, 6, 7, 8, 9],
  array_replace: [0],
  array_position: [0],
  array_positions: [0],
};

/** With more arguments than one these check, or cut, or decode. */
const oneArgument: ReadonlySet<string> = new Set(['length', 'text', 'varchar', 'bpchar', 'name']);

const summing = 'sum avg stddev stddev_pop stddev_samp variance var_pop var_samp'.split(' ');
const sums: ReadonlySet<string> = new Set(summing);

/** Aggregates that fail where values of other kinds or sizes come together. */
const gathering: ReadonlySet<string> = new Set([...summing, 'bit_and', 'bit_or', 'bit_xor', 'array_agg']);

/** Aggregates whose result leaves the range of all types but those of {@link summable}. */
export function isSum(name: string): boolean {
  return sums.has(name);
}

/** int2, int4, int8 and numeric: their sums are numeric, or would take more rows than there are. */
const summable: ReadonlySet<number> = new Set([21, 23, 20, 1700]);

/** date, time and timestamps, intervals: numbers can be formatted so that they are multiplied. */
const formatted: ReadonlySet<number> = new Set([1082, 1083, 1114, 1184, 1186, 1266]);

/** A column as an argument. */
export interface ColumnArgument {
  /** From 0. */
  readonly at: number;
  /** 0: not known. */
  readonly typeOid: number;
  /** It is one column's, and no literal can stand in its place. */
  readonly isAlone: boolean;
}

/** Whether the built-in function can fail on what stands in a column, given `count` arguments. */
export function failsOnColumn(name: string, { at, typeOid, isAlone }: ColumnArgument, count: number): boolean {
  if (failing.has(name) || (oneArgument.has(name) && count > 1)) return true;
  if (gathering.has(name)) return !isAlone || (isSum(name) && !summable.has(typeOid));
  if (name === 'to_char') return at !== 0 || !formatted.has(typeOid);
  if (total.has(name) || quiet.has(name) || oneArgument.has(name)) return false;
  const places = Object.hasOwn(subjects, name) ? subjects[name] : Object.hasOwn(quietIn, name) ? quietIn[name] : [];
  return !places.includes(at);
}

/** Whether the built-in function can fail, or wait, without any column. */
export function failsAnyway(name: string): boolean {
  return failing.has(name);
}

/** Whether a computed value as this argument can make the built-in function fail, given `count` arguments. */
export function failsOnComputed(name: string, at: number, count: number): boolean {
  if (total.has(name)) return oneArgument.has(name) && count > 1;
  return !(Object.hasOwn(subjects, name) && subjects[name].includes(at));
}

/** Functions that put a text of the client's in place of what they find. */
const replacing: ReadonlySet<string> = new Set(['replace', 'regexp_replace', 'array_replace', 'overlay']);

/** Functions whose second argument is a regular expression; of `substring` it may be one. */
const matchingFunctions: ReadonlySet<string> = new Set(
  (
    'regexp_replace regexp_match regexp_matches regexp_count regexp_like regexp_substr regexp_instr regexp_split_to_table ' +
    'regexp_split_to_array substring'
  ).split(' '),
);

/** A replacement that is longer than this takes time, or room, where the pattern is found. */
const replacementUnitsMax = 100;

/** Formats of format() without widths, which may be as long as one likes. */
const plainFormat = /^(?:[^%]|%%|%[sIL])*$/;

/**
 * Whether a call of the built-in function takes time or room by what it finds in a value. `literals`: its arguments, null for
 * what is no literal.
 */
export function labours(name: string, literals: readonly (string | number | null)[]): boolean {
  const isLong = (literal: string | number | null): boolean =>
    literal === null || (typeof literal === 'string' && literal.length > replacementUnitsMax);
  if (replacing.has(name) && literals.slice(1).some(isLong)) return true;
  if (name === 'format') return typeof literals[0] !== 'string' || !plainFormat.test(literals[0]);
  return matchingFunctions.has(name) && literals.length > 1 && laboursOver(literals[1]);
}

/** Whether matching this regular expression may take time that grows fast: one with back references is tried out (manual, 9.7.3). */
export function laboursOver(pattern: string | number | null): boolean {
  return pattern === null || (typeof pattern === 'string' && /\\[1-9]/.test(pattern));
}
