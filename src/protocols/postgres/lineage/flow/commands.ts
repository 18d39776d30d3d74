/**
 * Utility statements: those around a query are looked through, those with code that cannot be read are said to be so.
 *
 * What becomes code (a view, the body of a function) is lineage's to read whenever it is used. Still it is a copy of what it
 * reads: there is no end to the places that call code without a statement that shows it, or at a time when other names in it
 * mean other things. A materialized view keeps values besides. A tag that is in no list here counts as unreadable.
 */
import { type AstRecord, list, names, record, stringNode, tagOf, text, unwrap } from '../../parse/ast.ts';
import { type Catalog, type PgFunction, type Relation, definitionPath, searchPathOf } from '../../catalog/catalog.ts';
import { keepsMeaning } from '../../catalog/queries.ts';
import { hidesNulls, readCopy } from '../../parse/copyStatement.ts';
import { withParameterTypes } from '../../parse/parameters.ts';
import { evaluate } from '../expressions.ts';
import { recordNewRows } from './constraints.ts';
import { recordTableChange, tableChangeTags } from './tables.ts';
import { recordOutputsTo, writeTo } from './writes.ts';
import { foldedIn } from '../folded.ts';
import { namesByPlace } from '../dml.ts';
import { resolveProcedure } from '../functions.ts';
import { targetElement } from '../from.ts';
import { type Analysis, type Scope, enter, leave, relationsMeant, rootScope } from '../scope.ts';
import { queryColumns, statementColumns } from '../select.ts';
import { typeByName } from '../types.ts';
import { type Columns, Dependencies, constant, knownColumns, opaque, unknownColumns } from '../value.ts';

/** Statements that neither show, move nor ask for values, or that name only what exists. */
const harmlessTags: ReadonlySet<string> = new Set(
  (
    'TransactionStmt VariableSetStmt VariableShowStmt FetchStmt ClosePortalStmt DeallocateStmt DiscardStmt ' +
    'ListenStmt UnlistenStmt NotifyStmt LockStmt ConstraintsSetStmt CheckPointStmt VacuumStmt ClusterStmt ReindexStmt ' +
    'TruncateStmt DropStmt DropdbStmt DropOwnedStmt DropRoleStmt DropTableSpaceStmt ' +
    'DropUserMappingStmt DropSubscriptionStmt ReassignOwnedStmt CommentStmt SecLabelStmt GrantStmt GrantRoleStmt ' +
    'AlterDefaultPrivilegesStmt AlterOwnerStmt AlterObjectDependsStmt AlterRoleStmt AlterRoleSetStmt ' +
    'AlterDatabaseStmt AlterDatabaseSetStmt AlterDatabaseRefreshCollStmt AlterSystemStmt AlterSeqStmt AlterEnumStmt ' +
    'AlterOperatorStmt AlterOpFamilyStmt AlterTypeStmt AlterTableSpaceOptionsStmt AlterTableMoveAllStmt ' +
    'AlterCollationStmt AlterFdwStmt AlterForeignServerStmt AlterUserMappingStmt AlterStatsStmt ' +
    'AlterTSConfigurationStmt AlterTSDictionaryStmt CreateRoleStmt CreatedbStmt CreateSeqStmt CreateEnumStmt ' +
    'CreateRangeStmt CompositeTypeStmt CreateConversionStmt ' +
    'CreateOpClassStmt CreateOpFamilyStmt CreateTableSpaceStmt CreateFdwStmt CreateForeignServerStmt ' +
    'CreateUserMappingStmt ImportForeignSchemaStmt'
  ).split(' '),
);

/** Statements that bring code, or send rows, which is not in the statement; with words for a person. */
const unreadableTags: Readonly<Record<string, string>> = {
  DoStmt: 'DO runs a block that cannot be read',
  CreateTrigStmt: 'a trigger runs code on every change',
  RuleStmt: 'a rule replaces statements',
  CreateEventTrigStmt: 'an event trigger runs code on other statements',
  AlterEventTrigStmt: 'an event trigger runs code on other statements',
  CreateExtensionStmt: 'an extension brings code',
  AlterExtensionStmt: 'an extension brings code',
  AlterExtensionContentsStmt: 'an extension brings code',
  CreatePLangStmt: 'a language brings code',
  CreateTransformStmt: 'a transform brings code',
  CreateAmStmt: 'an access method brings code',
  LoadStmt: 'LOAD brings code',
  CreatePublicationStmt: 'a publication sends rows elsewhere',
  AlterPublicationStmt: 'a publication sends rows elsewhere',
  CreateSubscriptionStmt: 'a subscription connects to another server',
  AlterSubscriptionStmt: 'a subscription connects to another server',
  ExecuteStmt: 'EXECUTE runs a statement that was prepared before',
};

/** Records any statement inside `scope`; gives its columns where it has some. */
export function recordStatement(analysis: Analysis, scope: Scope, node: unknown): Columns {
  const columns = enter(analysis) ? dispatch(analysis, scope, node) : unknownColumns;
  leave(analysis);
  return columns;
}

function dispatch(analysis: Analysis, scope: Scope, node: unknown): Columns {
  const tag = tagOf(node);
  const body = record(record(node)[tag]);
  switch (tag) {
    case 'SelectStmt':
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'DeleteStmt':
    case 'MergeStmt':
      return statementColumns(analysis, scope, node);
    case 'PrepareStmt':
      return recordPrepared(analysis, scope, body);
    case 'DeclareCursorStmt':
      return recordStatement(analysis, scope, body.query);
    case 'DefineStmt':
      // One that is not deterministic finds by one look-up what would take thousands.
      if (body.kind === 'OBJECT_COLLATION') analysis.flow?.unreadable('a collation decides what is equal');
      break;
    case 'ExplainStmt':
      return recordExplain(analysis, scope, body);
    case 'CopyStmt':
      return recordCopy(analysis, scope, body);
    case 'CreateTableAsStmt':
      recordCreateAs(analysis, scope, body);
      break;
    case 'RefreshMatViewStmt':
      recordRefresh(analysis, body);
      break;
    case 'ViewStmt': {
      const read = new Dependencies();
      read.addColumns(queryColumns(analysis, scope, body.query));
      analysis.flow?.defines(`the view ${text(record(body.view).relname)}`, read);
      break;
    }
    case 'CallStmt':
      return resolveProcedure(analysis, scope, record(body.funccall));
    case 'ReturnStmt':
      return knownColumns([{ name: '', value: evaluate(analysis, scope, body.returnval) }]);
    case 'CreateFunctionStmt':
      recordFunction(analysis, body);
      break;
    case 'AlterFunctionStmt':
      for (const item of list(body.actions)) {
        const set = unwrap(record(record(item).DefElem).arg, 'VariableSetStmt');
        // RESET ALL has no name, and takes back only what made it unreadable.
        if (set !== null && set.kind !== 'VAR_RESET_ALL' && !keepsMeaning(text(set.name)))
          analysis.flow?.unreadable(`with ${text(set.name)} the body of a function means something else`);
      }
      break;
    case 'CreateCastStmt':
      // A cast that is written out is seen where it stands.
      if (body.func !== undefined && body.context !== 'COERCION_EXPLICIT')
        analysis.flow?.unreadable('a cast runs code wherever a value changes its type unasked');
      break;
    case 'CreateSchemaStmt':
      for (const element of list(body.schemaElts)) recordStatement(analysis, scope, element);
      break;
    default:
      if (tableChangeTags.has(tag)) recordTableChange(analysis, scope, tag, body);
      else if (!harmlessTags.has(tag)) analysis.flow?.unreadable(unreadableTags[tag] ?? `${tag || 'it'} is not known`);
  }
  return unknownColumns;
}

/** Types that are declared count where the parameters stand; -1: not known. */
function recordPrepared(analysis: Analysis, scope: Scope, body: AstRecord): Columns {
  const types = list(body.argtypes).map((node, at): [number, number] => {
    const type = typeByName(analysis, record(record(node).TypeName));
    return [at + 1, type?.oid ?? -1];
  });
  return recordStatement(analysis, scope, withParameterTypes(record(body.query), new Map(types)));
}

/** EXPLAIN shows estimates, which conditions change, but only ANALYZE executes. */
function recordExplain(analysis: Analysis, scope: Scope, body: AstRecord): Columns {
  const flow = analysis.flow;
  const executes = list(body.options).some((item) => isOn(record(record(item).DefElem)));
  const before = flow?.writing === true;
  if (before)
    flow.write({ kind: 'outside', what: 'the plan that EXPLAIN shows' }, foldedIn(analysis, body.query), null);
  if (flow !== null && !executes) flow.writing = false;
  if (flow !== null) flow.measuring = executes;
  recordStatement(analysis, scope, body.query);
  if (flow !== null) flow.writing = before;
  if (flow !== null) flow.measuring = false;
  return knownColumns([{ name: 'QUERY PLAN', value: constant }]);
}

/** An ANALYZE option that is not surely off. */
function isOn(option: AstRecord): boolean {
  if (text(option.defname).toLowerCase() !== 'analyze') return false;
  const said = text(stringNode(option.arg)).toLowerCase();
  const number = unwrap(option.arg, 'Integer');
  if (number !== null) return number.ival !== undefined && number.ival !== 0;
  return unwrap(option.arg, 'Boolean')?.boolval !== false && said !== 'off' && said !== 'false';
}

function recordCopy(analysis: Analysis, scope: Scope, body: AstRecord): Columns {
  const relation = record(body.relation);
  if (body.is_from === true) {
    const named = names(body.attlist);
    const isPlaced = named.length === 0 && relationsMeant(analysis, relation).length > 1;
    const order = named.length > 0 || isPlaced ? named : namesByPlace(targetElement(analysis, relation).columns);
    for (const name of order) writeTo(analysis, relation, name, constant, null);
    // Rows of the client's own are what it gives; those of a file may be anything.
    const how = body.filename === undefined && body.is_program !== true ? 'bare' : 'computed';
    const gift = { how, notNull: false, value: constant } as const;
    const gifts = order.map((column, at) => ({ ...gift, column, at }));
    recordNewRows(analysis, relation, gifts.length > 0 ? gifts : [{ ...gift, column: '', at: -1 }]);
    return unknownColumns;
  }
  const columns = body.query === undefined ? copied(analysis, body) : recordStatement(analysis, scope, body.query);
  // A value that looks like NULL comes as it is.
  if (hidesNulls(readCopy(body))) {
    for (const { value } of columns.list) analysis.flow?.probe('expression', value);
    if (columns.openAt !== -1) analysis.flow?.probe('expression', columns.rest);
  }
  if (body.is_program === true || body.filename !== undefined)
    recordOutputsTo(analysis, columns, {
      kind: 'outside',
      what: body.is_program === true ? 'a program on the server' : 'a file on the server',
    });
  return columns;
}

/** For what goes elsewhere, generated columns that COPY leaves out are no matter. */
function copied(analysis: Analysis, body: AstRecord): Columns {
  const columns = targetElement(analysis, record(body.relation)).columns;
  const wanted = names(body.attlist);
  if (wanted.length === 0 || columns.openAt !== -1) return columns;
  return { ...columns, list: columns.list.filter((column) => wanted.includes(column.name)) };
}

function recordCreateAs(analysis: Analysis, scope: Scope, body: AstRecord): void {
  const into = record(body.into);
  const columns = tagOf(body.query) === 'ExecuteStmt' ? unknownColumns : recordStatement(analysis, scope, body.query);
  if (body.objtype === 'OBJECT_MATVIEW') {
    // What fills it later without data now, is the same query.
    recordOutputsTo(analysis, columns, { kind: 'outside', what: `the materialized view ${newTable(into).name}` });
    return;
  }
  if (into.skipData === true) return;
  recordOutputsTo(analysis, columns, newTable(into));
}

/**
 * REFRESH keeps what functions and views give now, and they may be replaced afterwards: then lineage by the definition is
 * wrong. With nothing but tables and the server's own functions in its definition it stays right.
 */
function recordRefresh(analysis: Analysis, body: AstRecord): void {
  const relation = record(body.relation);
  if (body.skipData === true) return;
  // Nothing but a materialized view can be refreshed.
  const views = relationsMeant(analysis, relation).filter(({ kind }) => kind === 'm');
  for (const view of views) recordRefreshed(analysis, view);
  if (views.length === 0)
    analysis.flow?.unreadable(`what the materialized view ${text(relation.relname)} is made of cannot be read`);
}

function recordRefreshed(analysis: Analysis, known: Relation): void {
  const { catalog, flow } = analysis;
  if (flow === null) return;
  const to = { kind: 'outside', what: `the materialized view ${known.name}` } as const;
  const statements = known.definition === null ? null : catalog.parse(known.definition);
  if (statements === null || statements.length !== 1) {
    flow.unreadable(`what ${to.what} is made of cannot be read`);
    return;
  }
  const replaceable = { found: false };
  const inner: Analysis = { ...analysis, catalog: noticing(catalog, replaceable), path: definitionPath };
  const { probing } = flow;
  // What it asks has been judged when it was made.
  flow.probing = false;
  const columns = recordStatement(inner, rootScope(null), statements[0]);
  flow.probing = probing;
  analysis.nodesLeft = inner.nodesLeft;
  if (replaceable.found) recordOutputsTo(analysis, columns, to);
}

/** The catalog, with a note of whether something has been asked of it that CREATE OR REPLACE could change. */
function noticing(catalog: Catalog, note: { found: boolean }): Catalog {
  const noted = (f: PgFunction | undefined): void => {
    if (f !== undefined && f.extension === null) note.found = true;
  };
  return {
    ...catalog,
    resolve: (schema, name, path) => {
      const relation = catalog.resolve(schema, name, path);
      if (relation?.kind === 'v' && !relation.system) note.found = true;
      return relation;
    },
    functions: (schema, name, path) => {
      const found = catalog.functions(schema, name, path);
      found.forEach(noted);
      return found;
    },
    functionByOid: (oid) => {
      const found = catalog.functionByOid(oid);
      noted(found);
      return found;
    },
  };
}

/** The table that SELECT INTO or CREATE TABLE AS makes; `into` is the IntoClause struct. */
export function newTable(into: AstRecord): { readonly kind: 'new_table'; readonly name: string } {
  const relation = record(into.rel);
  const schema = text(relation.schemaname);
  return { kind: 'new_table', name: `${schema === '' ? '' : `${schema}.`}${text(relation.relname)}` };
}

/** The INTO of a SELECT, which stands in the leftmost part of a set operation; null without one. */
export function intoOf(select: AstRecord): AstRecord | null {
  let at = select;
  while (at.larg !== undefined) at = record(at.larg);
  return at.intoClause === undefined ? null : record(at.intoClause);
}

/**
 * CREATE FUNCTION and CREATE PROCEDURE. An SQL body is read: what it reads and copies of columns counts now, since whoever
 * calls it may be someone else; what it does with its arguments is seen when it is called.
 */
function recordFunction(analysis: Analysis, body: AstRecord): void {
  const flow = analysis.flow;
  if (flow === null) return;
  const parts = names(body.funcname);
  const name = parts.at(-1) ?? '';
  const statements = bodyStatements(analysis, body);
  const path = bodyPath(analysis, body);
  if (statements === null || path === null) {
    flow.unreadable(`the body of ${name}() cannot be read`);
    return;
  }
  const inputs = list(body.parameters)
    .map((item) => record(record(item).FunctionParameter))
    .filter((item) => item.mode !== 'FUNC_PARAM_OUT' && item.mode !== 'FUNC_PARAM_TABLE');
  // Where one of this name is replaced, a check, policy, default or trigger may give it any column of its table already.
  const isReplaced =
    body.replace === true && analysis.catalog.functions(parts.at(-2) ?? null, name, analysis.path).length > 0;
  const scope = rootScope({
    functionName: name,
    names: inputs.map((item) => text(item.name)),
    values: inputs.map(() => (isReplaced ? opaque : constant)),
  });
  const { probing, asked } = flow;
  const read = new Dependencies();
  flow.probing = false;
  flow.asked = read;
  const inner: Analysis = { ...analysis, path };
  for (const statement of statements) read.addColumns(recordStatement(inner, scope, statement));
  analysis.nodesLeft = inner.nodesLeft;
  flow.probing = probing;
  flow.asked = asked;
  flow.defines(`the body of ${name}()`, read);
}

function bodyStatements(analysis: Analysis, body: AstRecord): readonly unknown[] | null {
  const language = option(body, 'language');
  if (body.sql_body !== undefined) {
    if (tagOf(body.sql_body) !== 'List') return [body.sql_body];
    // BEGIN ATOMIC is a list of one list of statements.
    return list(record(record(body.sql_body).List).items).flatMap((item) =>
      tagOf(item) === 'List' ? list(record(record(item).List).items) : [item],
    );
  }
  if (text(stringNode(language)).toLowerCase() !== 'sql') return null;
  const parts = list(record(record(option(body, 'as')).List).items);
  const source = parts.length === 1 ? stringNode(parts[0]) : null;
  return source === null ? null : analysis.catalog.parse(source);
}

function option(body: AstRecord, name: string): unknown {
  for (const item of list(body.options)) {
    const element = record(record(item).DefElem);
    if (element.defname === name) return element.arg;
  }
  return undefined;
}

/** The path of the body's names; null where it is not certain. */
function bodyPath(analysis: Analysis, body: AstRecord): Analysis['path'] | null {
  for (const item of list(body.options)) {
    const set = unwrap(record(record(item).DefElem).arg, 'VariableSetStmt');
    if (set !== null && !keepsMeaning(text(set.name))) return null;
    if (set === null || text(set.name).toLowerCase() !== 'search_path') continue;
    if (set.kind !== 'VAR_SET_VALUE') return null;
    const schemas = list(set.args).map((node) => text(record(record(record(node).A_Const).sval).sval));
    if (schemas.includes('$user')) return null;
    const quoted = schemas.map((schema) => `"${schema.replaceAll('"', '""')}"`).join(', ');
    return searchPathOf(quoted, '', analysis.path.temp);
  }
  return analysis.path;
}
