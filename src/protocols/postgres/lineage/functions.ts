/** Lineage of function and operator calls. */
import { type AstRecord, list, names, record, stringConstant, text, unwrap } from '../parse/ast.ts';
import { sqlBody } from '../catalog/functionBody.ts';
import type { Catalog, PgFunction, SearchPath } from '../catalog/catalog.ts';
import { anyPath, definitionPath, namesRole, searchPathOf } from '../catalog/catalog.ts';
import {
  type BuiltinNature,
  builtinNature,
  findsNothing,
  isPureByOwner,
  isServerSetting,
  isSteadyCall,
  shapedBy,
} from './builtins.ts';
import { type Argument, bindArguments, computed, inputsOf, takes, takesOutputs, valuesOf } from './arguments.ts';
import { evaluate } from './expressions.ts';
import { isDependent, recordCall, recordUnreadableCall } from './flow/calls.ts';
import { recordStatement } from './flow/commands.ts';
import { recordArguments, recordConverted } from './flow/hazards.ts';
import { recordWindow } from './flow/query.ts';
import { aggregateValue, operatorIsPure } from './hidden.ts';
import { isHarmlessBody } from './plpgsql.ts';
import { isAlone, isBare, isPlain } from './plain.ts';
import { type Analysis, type Scope, rootScope } from './scope.ts';
import { statementColumns } from './select.ts';
import { withModifiers } from './modifiers.ts';
import { declaredTypes, isPlainTypeName, mayBeCast, recordCastCall, recordTypesOf } from './types.ts';
import type { Columns, Value } from './value.ts';
import {
  Dependencies,
  constant,
  either,
  fieldOf,
  findColumn,
  knownColumns,
  noColumns,
  opaque,
  renameColumns,
} from './value.ts';
import { madeOf, rowValue, steadyIf, unionColumns, unknownColumns, withGaps } from './value.ts';

/** What a call returns: as a value in an expression, and as columns in FROM. */
export interface CallResult {
  readonly value: Value;
  readonly columns: Columns;
  /** One column without a name of its own: in FROM an alias renames it. */
  readonly scalar: boolean;
}

const opaqueCall: CallResult = Object.freeze({ value: opaque, columns: unknownColumns, scalar: false });

/** Lineage of a FuncCall struct. Overloads that cannot be told apart here are taken together. */
export function resolveCall(analysis: Analysis, scope: Scope, body: AstRecord): CallResult {
  return resolveNamed(analysis, scope, body, takes, (_, args) => args);
}

/** Columns that CALL returns: the procedure's OUT and INOUT parameters. `body`: its FuncCall struct. */
export function resolveProcedure(analysis: Analysis, scope: Scope, body: AstRecord): Columns {
  return resolveNamed(analysis, scope, body, takesOutputs, inputsOf).columns;
}

/**
 * @param mayTake whether a function can be called with so many arguments.
 * @param inputs those of the arguments that the function is given.
 */
function resolveNamed(
  analysis: Analysis,
  scope: Scope,
  body: AstRecord,
  mayTake: (f: PgFunction, count: number) => boolean,
  inputs: (f: PgFunction, args: readonly Argument[]) => readonly Argument[],
): CallResult {
  const parts = names(body.funcname);
  const name = parts.at(-1);
  if (name === undefined || parts.length > 3) return opaqueCall;
  const schema = parts.at(-2) ?? null;
  const args = list(body.args).map((node) => argument(analysis, scope, node));
  const { catalog, path } = analysis;
  // With a row the call may mean its column, so that the name need not be a function's on the path of now.
  const isOfRow = schema === null && args.length === 1 && args[0].value.record;
  const searched = isOfRow && path.loose === true ? anyPath : path;
  const candidates = catalog.functions(schema, name, searched).filter((f) => mayTake(f, args.length));
  const inCatalog = (schema === null || schema === 'pg_catalog') && catalog.builtinFunction(name) !== undefined;
  // Helpers of the information schema compute from their arguments and from the catalog; drivers call them.
  const hasBuiltin = inCatalog || (schema === 'information_schema' && name.startsWith('_pg_'));

  let result: CallResult | null = hasBuiltin ? callBuiltin(analysis, name, body, args) : null;
  for (const candidate of candidates) {
    const next = callUser(analysis, candidate, inputs(candidate, args));
    result = result === null ? next : eitherCall(result, next);
  }
  const known = result !== null;
  // What is not known may be a function made a moment ago.
  if (!known) analysis.folded?.add(opaque);
  if (result === null) result = callAttribute(name, args);
  else if (isOfRow && mayBeField(args[0].value, name, candidates))
    result = eitherCall(result, scalarCall(name, fieldOf(args[0].value, name)));
  if (analysis.flow !== null) {
    const vouched =
      known &&
      (!hasBuiltin || isVouched(analysis, 'pg_catalog', name)) &&
      candidates.every((f) => isVouched(analysis, f.schema, f.name));
    if (args.length === 1) recordCastCall(analysis, schema, name, args[0].value);
    recordCall(analysis, name, body, candidates, {
      values: args.map((arg) => arg.value),
      all: computed(args),
      told: vouched ? toldThrough(analysis, args) : computed(args),
      known: known || result !== opaqueCall,
    });
    recordWindow(analysis, scope, record(body.over));
  }
  return { ...result, value: withModifiers(analysis, scope, body, valuesOf(args), result.value) };
}

function argument(analysis: Analysis, scope: Scope, node: unknown): Argument {
  const named = unwrap(node, 'NamedArgExpr');
  if (named === null) return { name: '', value: evaluate(analysis, scope, node) };
  return { name: text(named.name), value: evaluate(analysis, scope, named.arg) };
}

function eitherCall(a: CallResult, b: CallResult): CallResult {
  return {
    value: either(a.value, b.value),
    columns: eitherColumns(a.columns, b.columns),
    scalar: a.scalar && b.scalar,
  };
}

/** By name only what both have: a name that one has not means something else there. */
function eitherColumns(a: Columns, b: Columns): Columns {
  const isSame = a.list.length === b.list.length && a.list.every(({ name }, at) => name === b.list[at].name);
  if (isSame || a.openAt !== -1 || b.openAt !== -1) return unionColumns(a, b);
  const all = new Dependencies();
  all.addColumns(a);
  all.addColumns(b);
  return { list: [], openAt: 0, rest: all.value() };
}

function callBuiltin(analysis: Analysis, name: string, body: AstRecord, args: readonly Argument[]): CallResult {
  const nature = natureOfCall(analysis, name, body, args);
  if (nature === 'opaque') return opaqueCall;
  const value = toldByBuiltin(analysis, nature, name, body, args);
  const builtin = analysis.catalog.builtinFunction(name);
  const outputs = builtin?.outputNames ?? [];
  if (outputs.length > 0) {
    const columns = knownColumns(outputs.map((output) => ({ name: output, value })));
    return {
      value: outputs.length > 1 && value.kind !== 'opaque' ? { ...value, row: columns } : value,
      columns,
      scalar: false,
    };
  }
  if (builtin === undefined || builtin.open)
    return { value, columns: { list: [], openAt: 0, rest: value }, scalar: false };
  return scalarCall(name, value);
}

function natureOfCall(analysis: Analysis, name: string, body: AstRecord, args: readonly Argument[]): BuiltinNature {
  const { settings, largeObjects } = analysis.stores;
  if (name === 'current_setting' && (settings || (args.length > 0 && isServerSetting(analysis.catalog, args[0].value))))
    return 'computed';
  if (largeObjects && (name === 'lo_get' || name === 'loread')) return 'computed';
  return builtinNature(name, stringConstant(list(body.args)[0]));
}

/** What the result of a built-in function depends on. */
function toldByBuiltin(
  analysis: Analysis,
  nature: Exclude<BuiltinNature, 'opaque'>,
  name: string,
  body: AstRecord,
  args: readonly Argument[],
): Value {
  switch (nature) {
    case 'safe':
      return constant;
    case 'computed': {
      if (isVouched(analysis, 'pg_catalog', name)) return toldThrough(analysis, args);
      const value = shapedBy(name, computed(args), valuesOf(args));
      if (findsNothing(name, list(body.args), valuesOf(args))) return withGaps(value);
      return isSteadyCall(name, list(body.args)) ? steadyIf(madeOf(value, valuesOf(args)), valuesOf(args)) : value;
    }
    case 'counts_nulls': {
      // `count(DISTINCT x)` over a column and a guess beside it tells whether they are equal.
      const isHarmless = body.agg_distinct === true ? isAlone : isPlain;
      // The elements of an array are counted, which are part of its value.
      const counted = body.func_variadic === true ? args : args.filter((arg) => !isHarmless(analysis, arg.value));
      return shapedBy(name, computed(counted), valuesOf(args));
    }
  }
}

/** Whether policy vouches for the results of this function. */
function isVouched(analysis: Analysis, schema: string, name: string): boolean {
  return analysis.safe.size > 0 && analysis.safe.has(`${schema}.${name}`);
}

/** What shows through a function that policy vouches for: arguments that are no bare columns. */
function toldThrough(analysis: Analysis, args: readonly Argument[]): Value {
  return computed(args.filter((arg) => !isBare(analysis, arg.value)));
}

function scalarCall(name: string, value: Value): CallResult {
  return { value, columns: knownColumns([{ name, value }]), scalar: true };
}

/** `f(t)` may mean the column f of the row t (manual, 8.16.5); anything else of this name is unknown here. */
function callAttribute(name: string, args: readonly Argument[]): CallResult {
  const row = args.length === 1 ? args[0].value.row : null;
  const value = row === null ? undefined : findColumn(row, name);
  return value === undefined ? opaqueCall : scalarCall(name, value);
}

/** Of a row whose fields are not known only where a user's function has the name: those of the server take any row, or none. */
function mayBeField({ row }: Value, name: string, candidates: readonly PgFunction[]): boolean {
  return row === null ? candidates.length > 0 : findColumn(row, name) !== undefined;
}

function callUser(analysis: Analysis, f: PgFunction, args: readonly Argument[]): CallResult {
  if (isVouched(analysis, f.schema, f.name)) return callVouched(analysis, f, args);
  return callKnown(analysis, f, args);
}

/**
 * A function that policy vouches for. What its body asks of bare columns, or of others, shows in nothing but its result;
 * what a body in SQL writes is written nevertheless.
 */
function callVouched(analysis: Analysis, f: PgFunction, args: readonly Argument[]): CallResult {
  const told = toldThrough(analysis, args);
  const flow = analysis.calls ?? analysis.flow;
  if (flow !== null) {
    const { probing } = flow;
    flow.probing = probing && isDependent(told);
    if (isReadable(f)) callKnown(analysis, f, args);
    else if (!isPureByOwner(f) && !isPureProcedural(analysis, f)) recordUnreadableCall(analysis, f, told);
    flow.probing = probing;
  }
  return computedCall(analysis.catalog, f, told);
}

/** The result of a function whose every output is computed from `value`. */
function computedCall(catalog: Catalog, f: PgFunction, value: Value): CallResult {
  if (f.outputNames.length > 0) {
    return { value, columns: knownColumns(f.outputNames.map((name) => ({ name, value }))), scalar: false };
  }
  return returnsRow(catalog, f)
    ? { value, columns: { list: [], openAt: 0, rest: value }, scalar: false }
    : scalarCall(f.name, value);
}

/** Whether its body can be walked. */
function isReadable(f: PgFunction): boolean {
  return f.language === 'sql' && (f.kind === 'f' || f.kind === 'p');
}

/** A call of a function that has been found. */
export function callKnown(analysis: Analysis, f: PgFunction, args: readonly Argument[]): CallResult {
  if (isPureByOwner(f)) return computedCall(analysis.catalog, f, computed(args));
  if (f.kind !== 'a') recordArguments(analysis, f, valuesOf(args));
  const result = callBody(analysis, f, args);
  recordTypesOf(analysis, f, computed(args), result.value);
  // What a default gives is not known, and may be worked out as well.
  const given = Number.isFinite(f.argumentsMax) ? f.argumentsMax : f.inputNames.length;
  if (f.kind === 'f' && args.length < given) analysis.folded?.add(opaque);
  if (f.immutable && f.kind === 'f') {
    const constants = args.map(({ name }) => ({ name, value: constant }));
    analysis.folded?.addRun(analysis, (inner) => callBody(inner, f, constants).value);
  }
  return result;
}

function callBody(analysis: Analysis, f: PgFunction, args: readonly Argument[]): CallResult {
  if (isPureProcedural(analysis, f)) return computedCall(analysis.catalog, f, computed(args));
  if (f.kind === 'a') {
    const value = aggregateValue(analysis, f, computed(args));
    if (value !== null) return computedCall(analysis.catalog, f, value);
  }
  return (isReadable(f) ? callSql(analysis, f, args) : null) ?? unreadableCall(analysis, f, args);
}

/** Whether it is in PL/pgSQL and computes from its arguments alone, for all that its body says. */
export function isPureProcedural(analysis: Analysis, f: PgFunction): boolean {
  if (f.language !== 'plpgsql' || f.volatile || f.source === null || f.kind !== 'f') return false;
  const { catalog } = analysis;
  const path = bodyPath(analysis.path, f);
  return isHarmlessBody(
    f.source,
    (name) =>
      catalog.builtinFunction(name) !== undefined &&
      builtinNature(name, null) !== 'opaque' &&
      catalog.functions(null, name, path).length === 0 &&
      !mayBeCast({ ...analysis, path }, null, name),
    (operator) => operatorIsPure(catalog, operator),
    (type) => isPlainTypeName(catalog, type),
  );
}

/** record, the polymorphic types and composite types. */
function returnsRow(catalog: Catalog, f: PgFunction): boolean {
  const type = catalog.type(f.returnType);
  return type === undefined || type.kind === 'c' || type.kind === 'p' || type.kind === 'd';
}

function unreadableCall(analysis: Analysis, f: PgFunction, args: readonly Argument[]): CallResult {
  if (analysis.flow !== null) recordUnreadableCall(analysis, f, computed(args));
  return opaqueCall;
}

/** The body's last statement, with the arguments' lineage in place of the parameters; null where it cannot be read. */
function callSql(analysis: Analysis, f: PgFunction, args: readonly Argument[]): CallResult | null {
  const path = bodyPath(analysis.path, f);
  const statements = f.source === null || analysis.active.has(f.oid) ? null : analysis.catalog.parse(sqlBody(f.source));
  if (statements === null) return null;
  if (statements.length === 0) return { value: constant, columns: noColumns, scalar: false };
  analysis.active.add(f.oid);
  // One object for all counters: a body must not start with a fresh allowance.
  const inner: Analysis = { ...analysis, path, flow: analysis.calls ?? analysis.flow, calls: null };
  const scope = rootScope({
    functionName: f.name,
    names: f.inputNames,
    values: bindArguments(analysis.catalog, f, args),
  });
  if (inner.flow !== null) for (const statement of statements.slice(0, -1)) recordStatement(inner, scope, statement);
  const columns = lastStatement(inner, scope, statements.at(-1));
  analysis.nodesLeft = inner.nodesLeft;
  analysis.active.delete(f.oid);
  if (inner.flow !== null) recordConverted(inner, declaredTypes(analysis.catalog, f), columns);
  return shapeResult(analysis.catalog, f, columns);
}

function lastStatement(analysis: Analysis, scope: Scope, statement: unknown): Columns {
  return analysis.flow === null
    ? statementColumns(analysis, scope, statement)
    : recordStatement(analysis, scope, statement);
}

/**
 * Names in a body mean what they mean to the caller, who is not known where a definition calls it: at the moment of the call, or
 * of an earlier one.
 */
function bodyPath(path: SearchPath, f: PgFunction): SearchPath {
  if (f.searchPath === null) return path === definitionPath ? anyPath : looseOf(path);
  // `"$user"` can mean the function's owner, who is not known either.
  return namesRole(f.searchPath) ? anyPath : looseOf(searchPathOf(f.searchPath, '', path.temp));
}

function looseOf(path: SearchPath): SearchPath {
  return path.loose === true || path === anyPath ? path : { ...path, loose: true };
}

/** Gives the body's columns the names that the function declares. */
function shapeResult(catalog: Catalog, f: PgFunction, columns: Columns): CallResult {
  const type = catalog.type(f.returnType);
  const relation = type?.kind === 'c' ? catalog.relation(type.relation) : undefined;
  // Whatever its body ends with, a procedure returns its parameters.
  if (f.kind === 'p' && f.outputNames.length === 0) return { value: constant, columns: noColumns, scalar: false };
  const declared = f.outputNames.length > 0 ? f.outputNames : (relation?.columns.map((column) => column.name) ?? []);
  if (declared.length > 1 || relation !== undefined) {
    // One output that is a row (`SELECT c FROM c`) stands for its fields.
    const single = columns.list.length === 1 && columns.openAt === -1 ? columns.list[0].value : null;
    const fields =
      single !== null && declared.length > 1
        ? (single.row ?? { list: [], openAt: 0, rest: computed([{ name: '', value: single }]) })
        : columns;
    const named = renameColumns(fields, declared);
    return { value: rowValue(named), columns: named, scalar: false };
  }
  if (returnsRow(catalog, f) && f.kind !== 'p') return { value: rowValue(columns), columns, scalar: false };
  // The value is coerced to the declared type, so it need not be the unchanged column.
  const value = computed(
    columns.list.length === 0 && columns.openAt === -1 ? [] : [{ name: '', value: rowValue(columns) }],
  );
  const name = declared[0] ?? f.name;
  return { value, columns: knownColumns([{ name, value }]), scalar: declared.length === 0 };
}
