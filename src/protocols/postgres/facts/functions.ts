/**
 * Function calls that matter beyond their name: those that run SQL from a string, open a relation by its name in a
 * string, or change a setting.
 */
import { type AstRecord, list, names, record, stringConstant, textConstant, unwrap } from '../parse/ast.ts';
import type { FactsCollector } from './collect.ts';

/** Functions that run SQL given as text. Bare names: an extension may live in any schema. */
const runsSql = new Set([
  // xml.c of PostgreSQL
  'query_to_xml',
  'query_to_xmlschema',
  'query_to_xml_and_xmlschema',
  // text search
  'ts_stat',
  'ts_rewrite',
  // dblink
  'dblink',
  'dblink_exec',
  'dblink_open',
  'dblink_send_query',
  // tablefunc, xml2
  'crosstab',
  'crosstab2',
  'crosstab3',
  'crosstab4',
  'connectby',
  'xpath_table',
  // pg_cron, whose names are too plain to be judged without their schema; pg_background
  'cron.schedule',
  'cron.schedule_in_database',
  'pg_background_launch',
]);

/** Functions that read relations which no argument names, or a cursor whose query is elsewhere. */
const readsUnnamed = new Set([
  'schema_to_xml',
  'schema_to_xml_and_xmlschema',
  'database_to_xml',
  'database_to_xml_and_xmlschema',
  'cursor_to_xml',
]);

/** Functions whose first argument names a relation, with what they do to it. */
const opensRelation: Readonly<Record<string, 'read' | 'write'>> = {
  table_to_xml: 'read',
  table_to_xml_and_xmlschema: 'read',
  currval: 'read',
  pg_get_sequence_data: 'read',
  nextval: 'write',
  setval: 'write',
};

/** Functions of strings alone: no fact and no lineage hangs on the value of a constant given to them. */
const literalSafe = new Set([
  'lower',
  'upper',
  'length',
  'char_length',
  'concat',
  'concat_ws',
  'substr',
  'substring',
  'left',
  'right',
  'btrim',
  'ltrim',
  'rtrim',
  'replace',
  'split_part',
  'to_char',
  'to_date',
  'to_timestamp',
  'date_trunc',
  'date_part',
  'extract',
  'md5',
  'round',
  'trunc',
  'ceil',
  'floor',
  'abs',
  'mod',
  'count',
  'sum',
  'avg',
  'min',
  'max',
  'coalesce',
  'nullif',
  'position',
  'strpos',
  'lpad',
  'rpad',
  'timezone',
  'string_agg',
]);

/** Functions in FROM whose rows hold nothing but what their arguments gave them. */
const computesRows = new Set([
  'generate_series',
  'generate_subscripts',
  'unnest',
  'json_each',
  'json_each_text',
  'jsonb_each',
  'jsonb_each_text',
  'json_array_elements',
  'json_array_elements_text',
  'jsonb_array_elements',
  'jsonb_array_elements_text',
  'json_object_keys',
  'jsonb_object_keys',
  'json_to_record',
  'json_to_recordset',
  'jsonb_to_record',
  'jsonb_to_recordset',
  'jsonb_path_query',
  'regexp_matches',
  'regexp_split_to_table',
  'string_to_table',
  'now',
]);

/** Whether the rows of a function in FROM are computed from its arguments alone, so that no table's columns show. */
export function isRowBuiltin(path: readonly string[]): boolean {
  if (path.length > 1 && path[path.length - 2] !== 'pg_catalog') return false;
  return computesRows.has(path.at(-1) ?? '');
}

/** Notes what a call does. Its arguments are walked by the caller. */
export function noteCall(facts: FactsCollector, call: AstRecord): void {
  const path = names(call.funcname);
  const name = path.at(-1)?.toLowerCase() ?? '';
  const args = list(call.args);
  facts.addFunction(path);
  if (!literalSafe.has(name) && args.some((arg) => stringConstant(namedArgument(arg)) !== null))
    facts.literalFree = false;
  if (runsSql.has(name) || runsSql.has(path.join('.'))) noteSqlArguments(facts, name, args);
  else if (readsUnnamed.has(name)) facts.addOpaque(name);
  else if (Object.hasOwn(opensRelation, name)) noteRelation(facts, name, opensRelation[name], args[0]);
  else if (name === 'set_config') noteSetConfig(facts, args);
}

/**
 * Which argument holds the SQL differs by function and overload, so every constant that parses as a statement counts;
 * where none does, the SQL is made at run time.
 */
function noteSqlArguments(facts: FactsCollector, name: string, args: readonly unknown[]): void {
  facts.literalFree = false;
  let read = false;
  let computed = false;
  for (const arg of args) {
    const argument = namedArgument(arg);
    const constant = stringConstant(argument);
    if (constant !== null) read = facts.walkText(constant) || read;
    else if (unwrap(argument, 'A_Const') === null) computed = true;
  }
  if (!read || (computed && name !== 'ts_rewrite')) facts.addOpaque(name);
}

function noteRelation(facts: FactsCollector, name: string, access: 'read' | 'write', arg: unknown): void {
  facts.literalFree = false;
  const constant = stringConstant(namedArgument(arg));
  if (constant === null) facts.addOpaque(name);
  else addNamedRelation(facts, constant, access);
}

function noteSetConfig(facts: FactsCollector, args: readonly unknown[]): void {
  facts.literalFree = false;
  const isLocal = record(unwrap(namedArgument(args[2]), 'A_Const')?.boolval);
  facts.settings.push({
    name: textConstant(namedArgument(args[0]))?.toLowerCase() ?? null,
    value: textConstant(namedArgument(args[1])),
    local: isLocal.boolval === true,
  });
}

function namedArgument(arg: unknown): unknown {
  return unwrap(arg, 'NamedArgExpr')?.arg ?? arg;
}

/** Adds a relation named by a string, as `'s."T"'::regclass` does. A number is an OID, which names nothing here. */
export function addNamedRelation(facts: FactsCollector, name: string, access: 'read' | 'write'): void {
  const path = splitIdentifiers(name);
  if (path === null || path.length === 0) return;
  facts.addObject(path.length > 1 ? path[path.length - 2] : null, path[path.length - 1], access);
}

/** Splits `schema.name` as the server does: quoted parts keep their case, others are folded. Null: not such a name. */
function splitIdentifiers(name: string): string[] | null {
  const part = /\s*(?:"((?:[^"]|"")+)"|([^\s."]+))\s*(\.|$)/y;
  const path: string[] = [];
  while (part.lastIndex < name.length) {
    const match = part.exec(name);
    if (match === null) return null;
    path.push(match[1] === undefined ? match[2].toLowerCase() : match[1].replaceAll('""', '"'));
  }
  return path;
}
