/** Statements other than queries: DDL, COPY, cursors, prepared statements, settings, and the SQL that they carry. */
import { type AstRecord, isRecord, list, names, record, stringNode, tagOf, text, unwrap } from '../parse/ast.ts';
import { keepsMeaning } from '../catalog/queries.ts';
import type { FactsCollector, Scope } from './collect.ts';
import { noteCall } from './functions.ts';
import { addRelation, openQuery, tableSource, walk, walkInto, walkQuery } from './walk.ts';
import { kindOf } from './statementKinds.ts';

/** Walks a wrapped statement of any kind. Statements that another one carries come back here. */
export function walkStatement(facts: FactsCollector, statement: unknown, outer: Scope | null): void {
  const tag = tagOf(statement);
  const body = record(record(statement)[tag]);
  facts.enter();
  facts.kinds.add(kindOf(tag, body));
  if (!walkQuery(facts, tag, body, outer)) {
    facts.literalFree = false;
    walkCommand(facts, tag, body, outer);
  }
  facts.leave();
}

function walkCommand(facts: FactsCollector, tag: string, body: AstRecord, outer: Scope | null): void {
  switch (tag) {
    case 'ExplainStmt':
    case 'PrepareStmt':
    case 'DeclareCursorStmt':
      walkStatement(facts, body.query, outer);
      return;
    case 'CreateTableAsStmt':
      walkInto(facts, body.into);
      walkStatement(facts, body.query, outer);
      return;
    case 'ViewStmt':
      addRelation(facts, record(body.view), 'define');
      walkStatement(facts, body.query, outer);
      return;
    case 'ExecuteStmt':
      facts.executes.push(text(body.name));
      walk(facts, body.params, outer);
      return;
    case 'CopyStmt':
      walkCopy(facts, body);
      return;
    case 'LockStmt':
      // Modes 1 (ACCESS SHARE) and 2 (ROW SHARE) are what reading takes.
      for (const item of list(body.relations)) {
        const mode = typeof body.mode === 'number' ? body.mode : 8;
        addRelation(facts, record(unwrap(item, 'RangeVar')), mode <= 2 ? 'read' : 'write');
      }
      return;
    case 'CallStmt':
      noteCall(facts, record(body.funccall));
      walk(facts, record(body.funccall).args, outer);
      return;
    case 'DoStmt':
      facts.addOpaque('do');
      return;
    case 'VariableSetStmt':
      walkSet(facts, body);
      return;
    case 'DiscardStmt':
      facts.settings.push({ name: null, value: null, local: false });
      return;
    default:
      walkDefinition(facts, tag, body, outer);
  }
}

function walkSet(facts: FactsCollector, body: AstRecord): void {
  const name = text(body.name).toLowerCase();
  if (name === 'role' || name === 'session_authorization') facts.kinds.add('set_role');
  const values: string[] = [];
  for (const arg of list(body.args)) {
    const constant = record(unwrap(arg, 'A_Const') ?? unwrap(record(unwrap(arg, 'TypeCast')).arg, 'A_Const'));
    if (isRecord(constant.sval)) values.push(text(constant.sval.sval));
    else if (isRecord(constant.ival)) values.push(String(constant.ival.ival ?? 0));
    else if (isRecord(constant.fval)) values.push(text(constant.fval.fval));
  }
  const all = body.kind === 'VAR_RESET_ALL';
  const assigned = body.kind === 'VAR_SET_VALUE';
  facts.settings.push({
    name: all ? null : name,
    value: assigned ? values.join(', ') : null,
    local: body.is_local === true,
  });
}

function walkCopy(facts: FactsCollector, body: AstRecord): void {
  if (body.is_program === true) facts.kinds.add('copy_program');
  else if (typeof body.filename === 'string') facts.kinds.add('copy_file');
  if (isRecord(body.query)) {
    walkStatement(facts, body.query, null);
    return;
  }
  const relation = record(body.relation);
  const access = body.is_from === true ? 'write' : 'read';
  addRelation(facts, relation, access);
  const columns = names(body.attlist);
  for (const column of columns.length === 0 ? ['*'] : columns) {
    facts.addColumn(text(relation.schemaname) || null, text(relation.relname), column, access);
  }
  const scope: Scope = { parent: null, ctes: new Set(), sources: [tableSource(relation, null)], starred: 0 };
  walk(facts, body.whereClause, scope);
}

/** Fields that hold the name of what a definition makes or changes, where it is not a relation. */
const nameLists = [
  'defnames',
  'funcname',
  'typeName',
  'domainname',
  'opclassname',
  'opfamilyname',
  'conversion_name',
  'collname',
];
const nameTexts = [
  'dbname',
  'tablespacename',
  'extname',
  'fdwname',
  'servername',
  'subname',
  'pubname',
  'role',
  'plname',
  'idxname',
  'server_name',
];

/** Any CREATE, ALTER, DROP, GRANT, ... : relations in it are defined, queries in it are read as queries. */
function walkDefinition(facts: FactsCollector, tag: string, body: AstRecord, outer: Scope | null): void {
  const trigger = tag === 'CreateTrigStmt' || tag === 'CreateEventTrigStmt';
  for (const field of nameLists) if (!(trigger && field === 'funcname')) addDefined(facts, names(body[field]));
  for (const field of nameTexts)
    if (typeof body[field] === 'string') facts.addObject(null, text(body[field]), 'define');
  if (trigger) facts.addFunction(names(body.funcname));
  if (tag === 'AlterFunctionStmt')
    for (const item of list(body.actions)) walkFunctionSetting(facts, record(unwrap(item, 'DefElem')).arg);
  for (const field of ['schemaname', 'local_schema']) {
    if (typeof body[field] === 'string') facts.addObject(text(body[field]), '*', 'define');
  }
  if (tag.endsWith('EventTrigStmt')) facts.addObject(null, text(body.trigname), 'define');
  const type = text(body.removeType || body.objtype || body.objectType || body.renameType);
  for (const item of list(body.objects))
    addNamedObject(facts, type, item, body.targtype === 'ACL_TARGET_ALL_IN_SCHEMA');
  if (isRecord(body.object)) addNamedObject(facts, type, body.object, false);
  if (isRecord(body.func)) addDefined(facts, names(body.func.objname));
  addRoles(facts, body);
  // ALTER ROLE, DATABASE or FUNCTION .. SET changes how later sessions read their statements.
  if (tag === 'AlterDefaultPrivilegesStmt') walkStatement(facts, { GrantStmt: record(body.action) }, null);
  if (isRecord(body.setstmt)) walkStatement(facts, { VariableSetStmt: body.setstmt }, null);
  if (tag === 'CreateFunctionStmt') walkFunctionBody(facts, body);
  // Expressions of constraints, policies, triggers and indexes see the columns of the relation they belong to.
  const scope = openQuery(facts, {}, outer);
  const relation = record(body.relation ?? body.table);
  if (typeof relation.relname === 'string') scope.sources.push(tableSource(relation, null));
  walkDefinitionParts(facts, body, scope);
}

function addDefined(facts: FactsCollector, path: readonly string[]): void {
  if (path.length > 0) facts.addObject(path.length > 1 ? path[path.length - 2] : null, path[path.length - 1], 'define');
}

function addRoles(facts: FactsCollector, body: AstRecord): void {
  const single = isRecord(body.role) ? [{ RoleSpec: body.role }] : [];
  for (const item of [...list(body.roles), ...single]) {
    const role = record(unwrap(item, 'RoleSpec')).rolename;
    if (typeof role === 'string') facts.addObject(null, role, 'define');
  }
  for (const item of list(body.granted_roles)) {
    facts.addObject(null, text(record(unwrap(item, 'AccessPriv')).priv_name), 'define');
  }
}

/** Object types whose last name is a part of a relation: the relation is what a policy names. */
const partOfRelation = new Set([
  'OBJECT_TRIGGER',
  'OBJECT_RULE',
  'OBJECT_POLICY',
  'OBJECT_COLUMN',
  'OBJECT_TABCONSTRAINT',
]);

/** A name in DROP, COMMENT, GRANT, ALTER .. OWNER: a String, a List of them, a TypeName or a function with arguments. */
function addNamedObject(facts: FactsCollector, type: string, item: unknown, wholeSchema: boolean): void {
  const relation = unwrap(item, 'RangeVar');
  if (relation !== null) {
    addRelation(facts, relation, 'define');
    return;
  }
  const single = stringNode(item);
  if (single !== null) {
    if (wholeSchema || type === 'OBJECT_SCHEMA') facts.addObject(single, '*', 'define');
    else facts.addObject(null, single, 'define');
    return;
  }
  const routine = unwrap(item, 'ObjectWithArgs');
  const typeName = unwrap(item, 'TypeName');
  const path = routine !== null ? names(routine.objname) : typeName !== null ? names(typeName.names) : names(item);
  addDefined(facts, partOfRelation.has(type) && path.length > 1 ? path.slice(0, -1) : path);
}

/** Fields whose relation is only looked at: a LIKE clause, a referenced or inherited table. */
const readRelations = new Set(['pktable', 'inhRelations', 'TableLikeClause', 'constrrel']);

function walkDefinitionParts(facts: FactsCollector, body: AstRecord, scope: Scope): void {
  facts.enter();
  for (const key in body) {
    const value = body[key];
    if (typeof value !== 'object' || value === null) continue;
    // Already added by name.
    if (key === 'objects' || key === 'object' || key === 'func' || key === 'sql_body' || key === 'setstmt') continue;
    walkDefinitionPart(facts, key, value, scope);
  }
  facts.leave();
}

function walkDefinitionPart(facts: FactsCollector, key: string, value: unknown, scope: Scope): void {
  if (Array.isArray(value)) {
    for (const item of value) walkDefinitionPart(facts, key, item, scope);
    return;
  }
  if (!isRecord(value)) return;
  const tag = tagOf(value);
  const body = record(tag === '' ? value : value[tag]);
  if (tag === 'FuncCall' || tag === 'SubLink' || tag.startsWith('A_') || tag === 'TypeCast' || tag === 'BoolExpr') {
    walk(facts, value, scope);
  } else if (typeof body.relname === 'string') {
    addRelation(facts, body, readRelations.has(key) || readRelations.has(tag) ? 'read' : 'define');
  } else if (tag.endsWith('Stmt')) {
    walkStatement(facts, value, scope);
  } else if (tag === 'TableLikeClause') {
    addRelation(facts, record(body.relation), 'read');
  } else if (tag !== '' && isExpressionTag(tag)) {
    walk(facts, value, scope);
  } else {
    walkDefinitionParts(facts, body, scope);
  }
}

/** Every other node that holds an expression: the generic walk knows how to read it. */
function isExpressionTag(tag: string): boolean {
  return (
    tag.endsWith('Expr') ||
    tag.endsWith('Test') ||
    tag === 'ColumnRef' ||
    tag === 'SQLValueFunction' ||
    tag === 'XmlSerialize' ||
    tag === 'CollateClause' ||
    tag.startsWith('Json')
  );
}

/** A body in SQL is read like any other SQL; one in another language cannot be. */
function walkFunctionBody(facts: FactsCollector, body: AstRecord): void {
  let language = '';
  let source: string | null = null;
  for (const item of list(body.options)) {
    const option = record(unwrap(item, 'DefElem'));
    if (option.defname === 'language') language = (stringNode(option.arg) ?? '').toLowerCase();
    else if (option.defname === 'as') source = names(option.arg)[0] ?? null;
    else if (option.defname === 'set') walkFunctionSetting(facts, option.arg);
  }
  if (isRecord(body.sql_body)) {
    walkSqlBody(facts, body.sql_body);
  } else if (source !== null && !(language === 'sql' && facts.walkText(source))) {
    facts.addOpaque(`function_body:${language || 'unknown'}`);
  }
}

/** A function may set how its own body is read: where a backslash escapes, strings end elsewhere. */
function walkFunctionSetting(facts: FactsCollector, node: unknown): void {
  const set = unwrap(node, 'VariableSetStmt');
  const name = text(set?.name).toLowerCase();
  if (set !== null && set.kind !== 'VAR_RESET_ALL' && !keepsMeaning(name)) facts.addOpaque(`function_body:${name}`);
}

/** RETURN expression, or BEGIN ATOMIC: lists of statements. */
function walkSqlBody(facts: FactsCollector, value: unknown): void {
  const items = Array.isArray(value) ? value : list(record(record(value).List).items);
  if (items.length === 0) {
    const result = unwrap(value, 'ReturnStmt');
    if (result !== null) walk(facts, result.returnval, null);
    else if (tagOf(value) !== '' && tagOf(value) !== 'List') walkStatement(facts, value, null);
    return;
  }
  facts.enter();
  for (const item of items) walkSqlBody(facts, item);
  facts.leave();
}
