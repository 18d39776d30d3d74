/**
 * The queries that read a target's catalog, for PostgreSQL 12 to 18. Every value comes as text.
 *
 * The gate runs them on a session of its own, in one transaction, so that the rows agree with each other:
 *
 *     BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; <catalogPrelude>; the queries; COMMIT
 *
 * `system` rows come from initdb and are the same until the server is upgraded: they are read once per target.
 */

/** Objects that initdb makes have lower OIDs (FirstNormalObjectId in access/transam.h). */
export const firstUserOid = 16384;

/** More than this and the catalog is refused: a snapshot must stay bounded. */
export const catalogRowsMax = 500_000;

/** Definitions longer than this are left out, which makes what they define undecidable. */
const definitionCharactersMax = 100_000;

/**
 * With an empty path the server qualifies every user name in the definitions that it prints. `lock_timeout`: printing
 * a view takes a lock, and a migration that holds one must not hang the gate.
 */
export const catalogPrelude =
  "SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '30s'";

export type CatalogSet =
  | 'relations'
  | 'columns'
  | 'types'
  | 'inheritance'
  | 'views'
  | 'builtins'
  | 'functions'
  | 'operators'
  | 'casts'
  | 'indexes'
  | 'constraints'
  | 'aggregates'
  | 'code'
  | 'unusable';

export interface CatalogQuery {
  readonly set: CatalogSet;
  readonly sql: string;
}

export interface CatalogQueries {
  readonly system: readonly CatalogQuery[];
  readonly user: readonly CatalogQuery[];
}

/** @param serverVersion server_version_num: 150003 for 15.3. */
export function catalogQueries(serverVersion: number): CatalogQueries {
  const system = [
    { set: 'relations', sql: relationsSql('<') },
    { set: 'columns', sql: columnsSql('<') },
    { set: 'types', sql: typesSql('<') },
    { set: 'builtins', sql: builtinsSql },
  ] as const;
  const user = [
    { set: 'relations', sql: relationsSql('>=') },
    { set: 'columns', sql: columnsSql('>=') },
    { set: 'types', sql: typesSql('>=') },
    { set: 'inheritance', sql: `SELECT inhrelid, inhparent FROM pg_catalog.pg_inherits ${limit}` },
    { set: 'views', sql: viewsSql },
    { set: 'functions', sql: functionsSql(serverVersion) },
    { set: 'operators', sql: operatorsSql },
    { set: 'casts', sql: castsSql },
    { set: 'indexes', sql: indexesSql },
    { set: 'constraints', sql: constraintsSql },
    { set: 'aggregates', sql: aggregatesSql },
    { set: 'code', sql: codeSql },
    { set: 'unusable', sql: unusableSql },
  ] as const;
  return { system, user };
}

const limit = `LIMIT ${catalogRowsMax + 1}`;

function relationsSql(compare: '<' | '>='): string {
  return `SELECT c.oid, n.nspname, c.relname, c.relkind
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid ${compare} ${firstUserOid} AND c.relkind IN ('r','p','v','m','f','S','c') ${limit}`;
}

function columnsSql(compare: '<' | '>='): string {
  return `SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.attgenerated,
  CASE WHEN a.attgenerated <> '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.oid ${compare} ${firstUserOid} AND c.relkind IN ('r','p','v','m','f','S','c')
  AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum ${limit}`;
}

function typesSql(compare: '<' | '>='): string {
  return `SELECT t.oid, n.nspname, t.typname, t.typtype, t.typcategory, t.typbasetype,
  CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END, t.typrelid
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE t.oid ${compare} ${firstUserOid} ${limit}`;
}

const viewsSql = `SELECT v.oid, CASE WHEN pg_catalog.length(v.def) <= ${definitionCharactersMax} THEN v.def END
FROM (SELECT c.oid, pg_catalog.pg_get_viewdef(c.oid) AS def FROM pg_catalog.pg_class c
  WHERE c.relkind IN ('v','m') AND c.oid >= ${firstUserOid}) v ${limit}`;

/** record, anyelement, anynonarray and anycompatible results may be rows. */
const builtinsSql = `SELECT p.proname,
  bool_or(p.prorettype IN (2249, 2283, 2776, 5077, 5079)),
  max(CASE WHEN p.proargmodes IS NOT NULL THEN (SELECT array_to_json(array_agg(u.n ORDER BY u.i))::text
    FROM unnest(p.proargnames, p.proargmodes::text[]) WITH ORDINALITY AS u(n, m, i) WHERE u.m IN ('o','b','t')) END),
  count(DISTINCT CASE WHEN p.proargmodes IS NULL THEN ''
    ELSE array_to_string(p.proargmodes, '') || array_to_string(p.proargnames, ',') END)
FROM pg_catalog.pg_proc p
WHERE p.oid < ${firstUserOid} AND p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
GROUP BY p.proname ${limit}`;

/**
 * Settings that a function may have for itself without its body meaning anything else than the gate reads. With others it
 * counts as one whose body cannot be read: with standard_conforming_strings off, strings end elsewhere.
 */
const harmlessSettings =
  '^(search_path|timezone|datestyle|intervalstyle|bytea_output|extra_float_digits|row_security|application_name|' +
  'client_min_messages|check_function_bodies|work_mem|maintenance_work_mem|hash_mem_multiplier|temp_buffers|' +
  'jit|geqo|plan_cache_mode|from_collapse_limit|join_collapse_limit|constraint_exclusion|synchronous_commit|cursor_tuple_fraction|' +
  '(statement|lock|deadlock|transaction|idle_in_transaction_session)_timeout|[a-z_]+_cost|' +
  '(enable|log|track|jit|geqo|parallel|effective|max_parallel|min_parallel|default_transaction)_[a-z_]+)$';

const isHarmlessSetting = new RegExp(harmlessSettings);

/** Whether a function that has this setting for itself can be read all the same. */
export function keepsMeaning(setting: string): boolean {
  return isHarmlessSetting.test(setting.toLowerCase());
}

function functionsSql(serverVersion: number): string {
  // SQL-standard bodies (BEGIN ATOMIC) exist since 14; prosrc is empty then.
  const body = serverVersion >= 140000 ? 'COALESCE(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc)' : 'p.prosrc';
  return `SELECT f.oid, f.nspname, f.proname, f.lanname, f.prokind, f.provolatile, f.proretset, f.prorettype,
  f.pronargs, f.pronargdefaults, f.provariadic <> 0, f.names, f.modes,
  CASE WHEN pg_catalog.length(f.body) <= ${definitionCharactersMax} AND NOT f.odd THEN f.body END, f.extname, f.path, f.types
FROM (SELECT p.oid, n.nspname, p.proname, l.lanname, p.prokind, p.provolatile, p.proretset, p.prorettype,
    p.pronargs, p.pronargdefaults, p.provariadic, pg_catalog.array_to_json(p.proargnames)::text AS names,
    pg_catalog.array_to_json(p.proargmodes::text[])::text AS modes, ${body} AS body, e.extname,
    EXISTS (SELECT FROM pg_catalog.unnest(p.proconfig) s
      WHERE pg_catalog.lower(pg_catalog.split_part(s, '=', 1)) !~ '${harmlessSettings}') AS odd,
    pg_catalog.array_to_json(COALESCE(p.proallargtypes, p.proargtypes::pg_catalog.oid[])::text[])::text AS types,
    (SELECT pg_catalog.substr(s, 13) FROM pg_catalog.unnest(p.proconfig) s WHERE s LIKE 'search_path=%') AS path
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_catalog.pg_language l ON l.oid = p.prolang
  LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
    AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e'
  LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
  WHERE p.oid >= ${firstUserOid}) f ${limit}`;
}

/** Schemas that the role may not use: the server passes over them where they stand on a path. */
const unusableSql = `SELECT n.nspname FROM pg_catalog.pg_namespace n
WHERE NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE') ${limit}`;

/** What is known of the server's own functions, is known by their names. */
const builtinName = `CASE WHEN p.oid < ${firstUserOid} THEN p.proname END`;

const operatorsSql = `SELECT o.oprname, p.oid, ${builtinName}
FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode::pg_catalog.oid
WHERE o.oid >= ${firstUserOid} ${limit}`;

const castsSql = `SELECT c.casttarget, p.oid, ${builtinName}
FROM pg_catalog.pg_cast c JOIN pg_catalog.pg_proc p ON p.oid = c.castfunc
WHERE c.oid >= ${firstUserOid} ${limit}`;

/** Whatever function an aggregate may call, one row each. */
const aggregatesSql = `SELECT a.aggfnoid::pg_catalog.oid, p.oid, ${builtinName}
FROM pg_catalog.pg_aggregate a JOIN pg_catalog.pg_proc p ON p.oid IN (a.aggtransfn::pg_catalog.oid,
  a.aggfinalfn::pg_catalog.oid, a.aggcombinefn::pg_catalog.oid, a.aggserialfn::pg_catalog.oid, a.aggdeserialfn::pg_catalog.oid,
  a.aggmtransfn::pg_catalog.oid, a.aggminvtransfn::pg_catalog.oid, a.aggmfinalfn::pg_catalog.oid)
WHERE a.aggfnoid::pg_catalog.oid >= ${firstUserOid} ${limit}`;

/** What is left out where it is too long comes as NULL, and what is not there as an empty text. */
function definition(node: string): string {
  const text = `pg_catalog.pg_get_expr(x.${node}, x.indrelid)`;
  return `CASE WHEN x.${node} IS NULL THEN ''
  WHEN pg_catalog.length(${text}) <= ${definitionCharactersMax} THEN ${text} END`;
}

/**
 * Unique indexes and exclusion constraints, also those that are still being built. An operator class or collation other than
 * the column's own may call other values equal than `=` does. The last value: no two rows have the same now, not even until
 * a transaction ends, nor through children of the table that there are or have been.
 */
const indexesSql = `SELECT x.indrelid, c.relname, x.indisexclusion, x.indisprimary,
  (SELECT pg_catalog.array_to_json(pg_catalog.array_agg(x.indkey[i] ORDER BY i))::text
    FROM pg_catalog.generate_series(0, x.indnkeyatts - 1) i),
  NOT EXISTS (SELECT FROM pg_catalog.generate_series(0, x.indnkeyatts - 1) i
    JOIN pg_catalog.pg_opclass o ON o.oid = x.indclass[i]
    JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[i]
    WHERE NOT o.opcdefault OR a.attcollation <> x.indcollation[i]),
  ${definition('indexprs')}, ${definition('indpred')},
  x.indisvalid AND x.indimmediate AND (t.relkind = 'p' OR NOT t.relhassubclass)
FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid
  JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
WHERE x.indrelid >= ${firstUserOid} AND (x.indisunique OR x.indisexclusion)
  AND c.relnamespace <> 'pg_toast'::pg_catalog.regnamespace ${limit}`;

/** With the keys by which rows are put into partitions, which cannot be changed. */
const constraintsSql = `SELECT k.conrelid, k.conname, k.contype, pg_catalog.array_to_json(k.conkey)::text,
  k.confrelid, pg_catalog.array_to_json(k.confkey)::text, k.confdeltype, k.confupdtype,
  CASE WHEN k.contype = 'c' AND pg_catalog.length(pg_catalog.pg_get_expr(k.conbin, k.conrelid)) <= ${definitionCharactersMax}
    THEN pg_catalog.pg_get_expr(k.conbin, k.conrelid) END
FROM pg_catalog.pg_constraint k WHERE k.conrelid >= ${firstUserOid} AND k.contype IN ('c','f')
UNION ALL SELECT p.partrelid, 'partition key', 'k', pg_catalog.array_to_json(p.partattrs::pg_catalog.int2[])::text,
  0, NULL, NULL, NULL, pg_catalog.pg_get_expr(p.partexprs, p.partrelid)
FROM pg_catalog.pg_partitioned_table p WHERE p.partrelid >= ${firstUserOid} ${limit}`;

/** Whether an expression, as the server keeps it, holds this. Printing it would take a lock on its table. */
function holds(node: string, mark: string): string {
  return `pg_catalog.strpos(${node}::pg_catalog.text, (SELECT ${mark})) > 0`;
}

const setsConfig = "':funcid ' || 'pg_catalog.set_config'::pg_catalog.regproc::pg_catalog.oid || ' '";
const usesSettings = "':relid ' || 'pg_catalog.pg_settings'::pg_catalog.regclass::pg_catalog.oid || ' '";

/** Catalogs whose dependents are told by what names them. */
const namedOtherwise = ['attrdef', 'rewrite', 'policy', 'constraint', 'trigger', 'class', 'proc', 'event_trigger']
  .map((name) => `'pg_catalog.pg_${name}'::pg_catalog.regclass`)
  .join(', ');

/**
 * Functions of users that are run without being named: kind and OID of what runs them, and the OID of the function, 0 for the
 * server's own ways to change settings. Kinds:
 *
 *  - `r` a relation: views, rules, defaults, policies, checks, indexes, partition keys and triggers are all kept as dependencies;
 *  - `f` a function, by its defaults or an SQL-standard body;
 *  - `c` the end of a transaction, by triggers that may be deferred;
 *  - `e` a change of the schema, by event triggers;
 *  - `t` a type, an operator, or whatever else there is that depends on a function: statements need not name it;
 *  - `v` is a relation that reaches another one, by a view, a rule or a policy.
 */
const codeSql = `WITH used AS (
  SELECT d.classid, d.objid, d.refobjid AS called FROM pg_catalog.pg_depend d
    WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.refobjid >= ${firstUserOid} AND d.deptype IN ('n','a')
  UNION SELECT d.classid, d.objid, o.oprcode::pg_catalog.oid FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_operator o ON o.oid = d.refobjid
    WHERE d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND d.refobjid >= ${firstUserOid}
  UNION SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, x.oid, 0 FROM pg_catalog.pg_attrdef x
    WHERE ${holds('x.adbin', setsConfig)}
  UNION SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, x.oid, 0 FROM pg_catalog.pg_rewrite x
    WHERE x.oid >= ${firstUserOid} AND (${holds('x.ev_qual', setsConfig)} OR ${holds('x.ev_action', setsConfig)}
      OR ${holds('x.ev_action', usesSettings)})
  UNION SELECT 'pg_catalog.pg_policy'::pg_catalog.regclass, x.oid, 0 FROM pg_catalog.pg_policy x
    WHERE ${holds('x.polqual', setsConfig)} OR ${holds('x.polwithcheck', setsConfig)}
  UNION SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, x.oid, 0 FROM pg_catalog.pg_constraint x
    WHERE x.oid >= ${firstUserOid} AND ${holds('x.conbin', setsConfig)}
  UNION SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, x.oid, 0 FROM pg_catalog.pg_trigger x
    WHERE ${holds('x.tgqual', setsConfig)}
  UNION SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, x.oid, 0 FROM pg_catalog.pg_proc x
    WHERE x.oid >= ${firstUserOid} AND ${holds('x.proargdefaults', setsConfig)}
  UNION SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, x.oid, 0 FROM pg_catalog.pg_type x
    WHERE x.oid >= ${firstUserOid} AND ${holds('x.typdefaultbin', setsConfig)})
SELECT v.kind, v.oid, v.called FROM (
  SELECT 'r' AS kind, x.adrelid AS oid, u.called FROM used u JOIN pg_catalog.pg_attrdef x ON x.oid = u.objid
    WHERE u.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
  UNION SELECT 'r', x.ev_class, u.called FROM used u JOIN pg_catalog.pg_rewrite x ON x.oid = u.objid
    WHERE u.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
  UNION SELECT 'r', x.polrelid, u.called FROM used u JOIN pg_catalog.pg_policy x ON x.oid = u.objid
    WHERE u.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass
  UNION SELECT CASE WHEN x.conrelid = 0 THEN 't' ELSE 'r' END, x.conrelid, u.called FROM used u
    JOIN pg_catalog.pg_constraint x ON x.oid = u.objid WHERE u.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
  UNION SELECT 'r', x.tgrelid, u.called FROM used u JOIN pg_catalog.pg_trigger x ON x.oid = u.objid
    WHERE u.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass
  UNION SELECT 'c', 0, u.called FROM used u JOIN pg_catalog.pg_trigger x ON x.oid = u.objid
    WHERE u.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND x.tgdeferrable
  UNION SELECT 'r', COALESCE(x.indrelid, u.objid), u.called FROM used u LEFT JOIN pg_catalog.pg_index x ON x.indexrelid = u.objid
    WHERE u.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
  UNION SELECT 'v', x.ev_class, d.refobjid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite x ON x.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    AND d.refobjid >= ${firstUserOid} AND d.refobjid <> x.ev_class
  UNION SELECT 'v', x.polrelid, d.refobjid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_policy x ON x.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    AND d.refobjid >= ${firstUserOid} AND d.refobjid <> x.polrelid
  UNION SELECT 'f', u.objid, u.called FROM used u WHERE u.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
  UNION SELECT 'e', 0, u.called FROM used u JOIN pg_catalog.pg_event_trigger x ON x.oid = u.objid
    WHERE u.classid = 'pg_catalog.pg_event_trigger'::pg_catalog.regclass AND x.evtenabled <> 'D'
  UNION SELECT 't', u.objid, u.called FROM used u WHERE u.classid NOT IN (${namedOtherwise})) v ${limit}`;
