/**
 * What calls do beside giving a value: put it somewhere, make more or fewer rows.
 *
 * Names are those of PostgreSQL 18's pg_proc (volatile ones for storing, set-returning ones for rows). Names of the
 * server count with and without `pg_catalog.`, and whatever extension of the same name stands beside them counts too.
 */
import { type AstRecord, list } from '../../parse/ast.ts';
import type { PgFunction } from '../../catalog/catalog.ts';
import { recordCallHazard } from './hazards.ts';
import { recordCompared } from './unify.ts';
import type { Analysis } from '../scope.ts';
import type { Value } from '../value.ts';

/** Built-in functions that put an argument where others, or later statements, can read it, with the place. */
const storing: Readonly<Record<string, string>> = {
  set_config: 'a setting of the session',
  setseed: 'the seed that random() shows',
  pg_notify: 'a notification',
  lo_from_bytea: 'a large object',
  lo_put: 'a large object',
  lowrite: 'a large object',
  // Numbers and names of objects are chosen by the caller and can be listed afterwards.
  lo_create: 'the number of a large object',
  lo_creat: 'the number of a large object',
  lo_import: 'the number of a large object or the name of a file',
  lo_truncate: 'the length of a large object',
  lo_truncate64: 'the length of a large object',
  lo_lseek: 'the position in a large object',
  lo_lseek64: 'the position in a large object',
  lo_export: 'the name of a file',
  setval: 'a sequence',
  // Locks are listed in pg_locks with their numbers.
  pg_advisory_lock: 'the number of a lock',
  pg_advisory_lock_shared: 'the number of a lock',
  pg_advisory_xact_lock: 'the number of a lock',
  pg_advisory_xact_lock_shared: 'the number of a lock',
  pg_try_advisory_lock: 'the number of a lock',
  pg_try_advisory_lock_shared: 'the number of a lock',
  pg_try_advisory_xact_lock: 'the number of a lock',
  pg_try_advisory_xact_lock_shared: 'the number of a lock',
  // The write-ahead log and what is decoded from it.
  pg_logical_emit_message: 'the write-ahead log',
  pg_create_restore_point: 'the write-ahead log',
  pg_replication_origin_create: 'the name of a replication origin',
  pg_replication_origin_advance: 'a replication origin',
  pg_replication_origin_session_setup: 'a replication origin',
  pg_replication_origin_xact_setup: 'a replication origin',
  pg_create_logical_replication_slot: 'the name of a replication slot',
  pg_create_physical_replication_slot: 'the name of a replication slot',
  pg_copy_logical_replication_slot: 'the name of a replication slot',
  pg_copy_physical_replication_slot: 'the name of a replication slot',
  pg_replication_slot_advance: 'a replication slot',
  pg_backup_start: 'the label of a backup',
  // Statistics are columns that hold values.
  pg_restore_attribute_stats: 'the statistics of a table',
  pg_restore_relation_stats: 'the statistics of a table',
  // Names of files that are tried, and signals to processes that are chosen.
  pg_read_file: 'the name of a file',
  pg_read_binary_file: 'the name of a file',
  pg_stat_file: 'the name of a file',
  pg_ls_dir: 'the name of a directory',
  pg_cancel_backend: 'a signal to another session',
  pg_terminate_backend: 'a signal to another session',
  pg_log_backend_memory_contexts: 'the log of the server',
  pg_extension_config_dump: 'the configuration of an extension',
  // Of extensions.
  pg_file_write: 'a file',
  pg_file_rename: 'the name of a file',
  dblink_connect: 'another server',
  dblink_connect_u: 'another server',
};

/** Functions that run SQL given as text: what it reads and writes is nowhere in the tree. */
const runsText: ReadonlySet<string> = new Set([
  'query_to_xml',
  'query_to_xmlschema',
  'query_to_xml_and_xmlschema',
  'ts_stat',
  'dblink',
  'dblink_exec',
  'dblink_open',
  'dblink_send_query',
  'crosstab',
  'crosstab2',
  'crosstab3',
  'crosstab4',
  'connectby',
  'xpath_table',
  'schedule',
  'schedule_in_database',
  'pg_background_launch',
  'pg_background_launch_v2',
]);

/** Built-in functions that return sets: how many rows, depends on their arguments. */
const setReturning: ReadonlySet<string> = new Set(
  (
    'generate_series generate_subscripts unnest json_array_elements json_array_elements_text json_each json_each_text ' +
    'json_object_keys json_populate_recordset json_to_recordset jsonb_array_elements jsonb_array_elements_text ' +
    'jsonb_each jsonb_each_text jsonb_object_keys jsonb_path_query jsonb_path_query_tz jsonb_populate_recordset ' +
    'jsonb_to_recordset regexp_matches regexp_split_to_table string_to_table ts_debug ts_parse ts_stat ts_token_type ' +
    'aclexplode _pg_expandarray pg_options_to_table pg_mcv_list_items pg_ls_dir pg_partition_tree ' +
    'pg_partition_ancestors pg_snapshot_xip txid_snapshot_xip pg_get_multixact_members'
  ).split(' '),
);

/** Whether a value hangs on any column. */
export function isDependent(value: Value): boolean {
  return value.kind === 'opaque' || value.sources.size > 0;
}

export interface CallArguments {
  /** One by one. */
  readonly values: readonly Value[];
  /** What all of them together depend on. */
  readonly all: Value;
  /** What the result, and how many rows there are, tells of. */
  readonly told: Value;
  /** Whether the name means anything at all here; what does not may be a function made a moment ago. */
  readonly known: boolean;
}

/**
 * Records what a call does beside giving its value; called only while a flow is recorded.
 *
 * @param body the FuncCall struct.
 */
export function recordCall(
  analysis: Analysis,
  name: string,
  body: AstRecord,
  candidates: readonly PgFunction[],
  { values, all, told, known }: CallArguments,
): void {
  const flow = analysis.flow;
  if (flow === null) return;
  // A function of the same name whose body is SQL is read like any other.
  const runs = runsText.has(name) && (candidates.length === 0 || candidates.some((f) => f.language === 'c'));
  if (runs) flow.unreadable(`${name}() runs SQL given as text`);
  if (body.agg_distinct === true) recordCompared(analysis, values);
  const place = Object.hasOwn(storing, name) ? storing[name] : undefined;
  const counts = runs || !known || place !== undefined;
  recordCallHazard(analysis, {
    name,
    nodes: list(body.args),
    values,
    all,
    told,
    candidates,
    leavesTrace: counts,
  });
  if (!isDependent(all)) return;
  if (place !== undefined) flow.write({ kind: 'outside', what: `${name}(): ${place}` }, all, null);
  else if (!known) flow.write({ kind: 'outside', what: `function ${name}()` }, all, null);
  if (!known || setReturning.has(name) || candidates.some((f) => f.returnsSet)) flow.probe('from', told);
}

/** Whether a function of the server puts its arguments somewhere or runs them. */
export function isStoring(name: string): boolean {
  return Object.hasOwn(storing, name) || runsText.has(name);
}

/**
 * Whether a function that cannot be read may put its arguments anywhere, whatever it is declared as. SQL and other languages may
 * call what they like: what is STABLE runs no INSERT itself, but functions that do. An aggregate is declared as nothing else than
 * immutable.
 */
export function mayWrite(f: PgFunction): boolean {
  return f.volatile || f.kind === 'a' || (f.language !== 'c' && f.language !== 'internal');
}

/** A function of the target's users that cannot be read here may put its arguments anywhere, if it may write at all. */
export function recordUnreadableCall(analysis: Analysis, f: PgFunction, argumentsValue: Value): void {
  if (mayWrite(f) && isDependent(argumentsValue))
    analysis.flow?.write({ kind: 'outside', what: `function ${f.name}()` }, argumentsValue, null);
}
