/** Lineage of expressions. The tags are those of PostgreSQL's raw parse tree (parsenodes.h, primnodes.h). */
import { type AstRecord, isRecord, list, names, record, tagOf } from '../parse/ast.ts';
import { anyPath } from '../catalog/catalog.ts';
import { builtinNature } from './builtins.ts';
import {
  hasDefault,
  hazardsOf,
  partsOf,
  recordBranches,
  recordCast,
  recordChoice,
  recordParsing,
} from './flow/hazards.ts';
import { arrayOf, recordOperatorHazard } from './flow/operators.ts';
import { recordCompared, recordUnified } from './flow/unify.ts';
import { isStepwise, recordSteps } from './flow/steps.ts';
import { resolveCall } from './functions.ts';
import { applyOperator } from './hidden.ts';
import {
  type Analysis,
  type Scope,
  enter,
  isSystemColumn,
  leave,
  lookupName,
  lookupQualified,
  lookupTable,
  parameterNamed,
  spend,
} from './scope.ts';
import { queryColumns } from './select.ts';
import { type Value, Dependencies, computedFrom, constant, either, fieldOf, opaque, rowValue } from './value.ts';
import { caseExpression, coalesce, minMax } from './choices.ts';
import { boolOid, isString, literal, textOid, untyped } from './literals.ts';
import { madeOf, steadyIf, typedAs, withGaps, withRecord } from './value.ts';
import { elementOf, holdsRecord, isPlain } from './plain.ts';
import { indirection, operand, rowExpression } from './records.ts';
import { collated, isUnchangedCast, recordReturning, typeByName } from './types.ts';
import { unlessCall } from './words.ts';

/**
 * Tags whose value depends on what stands inside them and on nothing else. Everything not listed here or in
 * `evaluateTag` is opaque.
 */
const computedTags: ReadonlySet<string> = new Set([
  'A_Indices',
  'BooleanTest',
  'CaseWhen',
  'JsonAggConstructor',
  'JsonArgument',
  'JsonArrayAgg',
  'JsonArrayConstructor',
  'JsonBehavior',
  'JsonFormat',
  'JsonFuncExpr',
  'JsonIsPredicate',
  'JsonKeyValue',
  'JsonObjectAgg',
  'JsonObjectConstructor',
  'JsonOutput',
  'JsonParseExpr',
  'JsonReturning',
  'JsonScalarExpr',
  'JsonSerializeExpr',
  'JsonTablePathSpec',
  'JsonValueExpr',
  'List',
  'NamedArgExpr',
  'ResTarget',
  'SortBy',
  'TypeName',
  'XmlExpr',
  'XmlSerialize',
]);

/** Those of them that give a value of a type which is named. */
const checkingTags: ReadonlySet<string> = new Set(
  (
    'JsonArrayAgg JsonArrayConstructor JsonFuncExpr JsonObjectAgg JsonObjectConstructor JsonParseExpr JsonScalarExpr ' +
    'JsonSerializeExpr XmlSerialize'
  ).split(' '),
);

/** Tags that hold no column. */
const constantTags: ReadonlySet<string> = new Set([
  'BitString',
  'Boolean',
  // WHERE CURRENT OF: the cursor's row was chosen by a query that has been judged.
  'CurrentOfExpr',
  'Float',
  'Integer',
  'MergeSupportFunc',
  'SetToDefault',
  'SQLValueFunction',
  'String',
]);

/**
 * Expressions that use columns and are still safe, with the reason. What they tell of a value is at most whether it
 * is there; policy decides on such probing by the columns that a statement names, not by masking its answer.
 */
const safeTags: Readonly<Record<string, string>> = {
  GroupingFunc: 'tells the grouping set of a row, never a value',
};

/** Lineage of one expression. `node` is a wrapped node; anything else is opaque. */
export function evaluate(analysis: Analysis, scope: Scope, node: unknown): Value {
  if (node === undefined || node === null) return constant;
  const tag = tagOf(node);
  if (tag === '') return opaque;
  const value = enter(analysis) ? evaluateTag(analysis, scope, tag, record(record(node)[tag])) : opaque;
  leave(analysis);
  spend(analysis, value.sources.size);
  return value;
}

function evaluateTag(analysis: Analysis, scope: Scope, tag: string, body: AstRecord): Value {
  switch (tag) {
    case 'ColumnRef':
      spendLookup(analysis, scope);
      return columnReference(analysis, scope, list(body.fields));
    case 'ParamRef':
      return parameterReference(analysis, scope, body);
    case 'FuncCall':
      return resolveCall(analysis, scope, body).value;
    case 'A_Expr':
      return operation(analysis, scope, body);
    case 'TypeCast':
      return cast(analysis, scope, body);
    case 'CollateClause':
      return collated(analysis, evaluate(analysis, scope, body.arg), names(body.collname));
    case 'A_Indirection':
      return indirection(analysis, scope, body);
    case 'SubLink':
      return subLink(analysis, scope, body);
    case 'CoalesceExpr':
      return coalesce(analysis, scope, list(body.args));
    case 'BoolExpr': {
      const value = dependencies(analysis, scope, body);
      // AND and OR stop at the first part that decides.
      if (body.boolop !== 'NOT_EXPR') recordChoice(analysis, value);
      return value;
    }
    case 'CaseExpr':
      return caseExpression(analysis, scope, body);
    case 'MinMaxExpr':
      return minMax(analysis, scope, list(body.args));
    case 'A_Const':
      return literal(body);
    case 'A_ArrayExpr':
      return arrayOf(analysis, scope, list(body.elements));
    case 'RowExpr':
      return rowExpression(analysis, scope, body.args);
    case 'NullTest':
      return nullTest(analysis, scope, body.arg);
    case 'JsonArrayQueryConstructor': {
      const value = computedFrom(rowValue(queryColumns(analysis, scope, body.query)));
      recordReturning(analysis, body, value);
      return unlessCall(analysis, tag, body, value);
    }
  }
  if (constantTags.has(tag) || Object.hasOwn(safeTags, tag)) return unlessCall(analysis, tag, body, constant);
  if (!computedTags.has(tag)) return opaque;
  const before = hazardsOf(analysis);
  const value = /^(?:Json|Xml)/.test(tag) ? partsOf(analysis, scope, body) : dependencies(analysis, scope, body);
  // What stands behind ON EMPTY and ON ERROR is worked out only then.
  if (tag === 'JsonFuncExpr') {
    recordBranches(analysis, before, value);
    if (hasDefault(body)) recordChoice(analysis, value);
  }
  recordParsing(analysis, scope, tag, body, value);
  if (checkingTags.has(tag)) recordReturning(analysis, body, value);
  return unlessCall(analysis, tag, body, tag === 'JsonFuncExpr' ? withGaps(value) : value);
}

/** A name is looked for in every element of every level, and in each among its columns. */
function spendLookup(analysis: Analysis, scope: Scope): void {
  for (let at: Scope | null = scope; at !== null && analysis.nodesLeft >= 0; at = at.parent) {
    spend(analysis, at.elements.length >> 2);
    for (const element of at.elements) spend(analysis, element.columns.list.length >> 4);
  }
}

/** What all wrapped nodes inside a struct depend on. */
export function dependencies(analysis: Analysis, scope: Scope, body: unknown): Value {
  const all = new Dependencies();
  addDependencies(analysis, scope, body, all);
  return all.value();
}

function addDependencies(analysis: Analysis, scope: Scope, node: unknown, all: Dependencies): void {
  if (!enter(analysis)) all.add(opaque);
  else if (Array.isArray(node)) for (const item of node) addDependencies(analysis, scope, item, all);
  else if (tagOf(node) !== '') all.add(evaluate(analysis, scope, node));
  else if (isRecord(node))
    for (const key in node) if (typeof node[key] === 'object') addDependencies(analysis, scope, node[key], all);
  leave(analysis);
}

function columnReference(analysis: Analysis, scope: Scope, fields: readonly unknown[]): Value {
  const parts = names(fields);
  if (tagOf(fields.at(-1)) === 'A_Star') {
    // In an expression `t.*` is the row itself: f(t.*), ROW(t.*), t.* IS NULL.
    const table = parts.length === 0 ? null : lookupTable(scope, parts.at(-2) ?? null, parts[parts.length - 1]);
    return table === null ? opaque : rowValue(table.columns);
  }
  if (parts.length !== fields.length) return opaque;
  const value = namedValue(analysis, scope, parts);
  // Where it is not certain what a name means, it may be a call, whose body asks and writes.
  if (
    value.kind === 'opaque' &&
    parts.length > 1 &&
    analysis.flow !== null &&
    mayBeCall(analysis, parts[parts.length - 1])
  )
    callOfRow(analysis, scope, { ColumnRef: { fields: fields.slice(0, -1) } }, parts[parts.length - 1]);
  return value;
}

function namedValue(analysis: Analysis, scope: Scope, parts: readonly string[]): Value {
  switch (parts.length) {
    case 1:
      return lookupName(scope, parts[0]);
    case 2:
      return attributeOfTable(analysis, scope, parts[0], parts[1]);
    case 3:
      return lookupQualified(scope, parts[0], parts[1], parts[2]);
    case 4:
      return lookupQualified(scope, parts[1], parts[2], parts[3]);
    default:
      return opaque;
  }
}

/**
 * `t.name`: a column, or a function of that name of the whole row (manual, 8.16.5); inside a function also a field of a
 * parameter. Fields of a parameter are not told apart: a row is converted to its type by position, whatever it calls them.
 */
function attributeOfTable(analysis: Analysis, scope: Scope, tableName: string, name: string): Value {
  const table = lookupTable(scope, null, tableName);
  if (table === null) {
    const given = parameterNamed(scope, tableName);
    if (given === null || mayBeCall(analysis, name) || scope.parameters?.functionName === tableName)
      return lookupQualified(scope, null, tableName, name);
    return computedFrom(given);
  }
  const { list: columns, openAt } = table.columns;
  const isUnknown =
    (openAt !== -1 && columns.every((column) => column.name !== name)) || table.columns.mixed?.has(name) === true;
  if (isUnknown && mayBeCall(analysis, name)) return opaque;
  const isCall = openAt === -1 && columns.every((column) => column.name !== name) && !isSystemColumn(name);
  // The name alone may mean a column as well, and then it is not the row that the function gets.
  if (!isCall || lookupName(scope, tableName) !== rowValue(table.columns))
    return lookupQualified(scope, null, tableName, name);
  return callOfRow(analysis, scope, { ColumnRef: { fields: [{ String: { sval: tableName } }] } }, name);
}

/** What a function of one row gives. */
function callOfRow(analysis: Analysis, scope: Scope, row: unknown, name: string): Value {
  return resolveCall(analysis, scope, { funcname: [{ String: { sval: name } }], args: [row] }).value;
}

/** Whether a field of this name could be a function that does more than compute from the row. */
function mayBeCall(analysis: Analysis, name: string): boolean {
  const { catalog, path } = analysis;
  const anywhere = path.loose === true ? anyPath : path;
  return catalog.functions(null, name, anywhere).length > 0 || builtinNature(name, null) === 'opaque';
}

/** `$1` is a value that the client sent, or an argument inside a function body. */
function parameterReference({ catalog }: Analysis, scope: Scope, { number, declared }: AstRecord): Value {
  if (scope.parameters === null) {
    // Without a type of its own it takes that of what stands beside it.
    if (typeof declared !== 'number') return untyped;
    const type = catalog.type(declared);
    return type === undefined ? withRecord(constant) : typedAs(constant, elementOf(catalog, declared));
  }
  return (typeof number === 'number' ? scope.parameters.values[number - 1] : undefined) ?? opaque;
}

/**
 * Whether a column is NULL, masks keep visible anyway. Whether `nullif(ssn, '1')` is, tells a digit: what is computed
 * counts.
 */
function nullTest(analysis: Analysis, scope: Scope, node: unknown): Value {
  const all = new Dependencies();
  const parts = tagOf(node) === 'RowExpr' ? list(record(record(node).RowExpr).args) : [node];
  for (const part of parts) {
    const value = evaluate(analysis, scope, part);
    if (!isPlain(analysis, value)) all.add(value);
  }
  return all.value();
}

function operation(analysis: Analysis, scope: Scope, body: AstRecord): Value {
  const operator = names(body.name).at(-1) ?? '';
  const all = new Dependencies();
  const before = hazardsOf(analysis);
  const left = operand(analysis, scope, body.lexpr);
  const right = operand(analysis, scope, body.rexpr);
  all.add(left);
  all.add(right);
  const both = all.value();
  if (isStepwise(body)) {
    const isRow = tagOf(body.lexpr) === 'RowExpr';
    recordSteps(analysis, scope, before, isRow ? [body.lexpr, body.rexpr] : body.rexpr, isRow ? both : left);
  }
  const operands = body.lexpr === undefined ? [right] : [left, right];
  recordOperatorHazard(analysis, scope, { operator, body, operands, both });
  for (const name of operatorsOf(operator)) all.add(applyOperator(analysis, name, operands));
  const value = all.value();
  if (body.kind === 'AEXPR_NULLIF') return withGaps(typedAs(value, left.resultType, left.record));
  // A prefix gives something else, and so may an operator of a user's.
  const isAsking =
    asking.test(operator) && body.lexpr !== undefined && analysis.catalog.operatorFunctions(operator).length === 0;
  const typed = isAsking ? typedAs(value, boolOid) : value;
  if (mayMiss(body)) return withGaps(typed);
  if (body.kind !== 'AEXPR_OP' || operator !== '||') return typed;
  const isText = operands.every(({ resultType }) => isString(resultType));
  return steadyIf(madeOf(isText ? typedAs(value, textOid) : value, operands), operands);
}

/** Whether it is NULL by what stands in its operands: a list, an array or a row may have one NULL among others. */
function mayMiss({ kind, name, lexpr, rexpr }: AstRecord): boolean {
  const operator = names(name).at(-1) ?? '';
  if (kind === 'AEXPR_NULLIF' || finding.has(operator)) return true;
  if (kind === 'AEXPR_OP_ANY' || kind === 'AEXPR_OP_ALL') return true;
  if (tagOf(lexpr) === 'RowExpr' || tagOf(rexpr) === 'RowExpr') return true;
  if (kind !== 'AEXPR_IN' && !operator.includes('BETWEEN')) return false;
  const given = list(tagOf(rexpr) === 'List' ? record(record(rexpr).List).items : rexpr);
  return !given.every((one) => tagOf(one) === 'A_Const' && record(record(one).A_Const).isnull !== true);
}

/** Operators that give a boolean. */
const asking = /^(?:=|<>|!=|<|>|<=|>=|!?~~\*?|!?~\*?|@>|<@|\?[|&]?|\^@|(?:NOT )?BETWEEN(?: SYMMETRIC)?)$/;

/** Operators that give NULL where they find nothing. */
const finding: ReadonlySet<string> = new Set(['->', '->>', '#>', '#>>']);

/** The operators that one stands for: `x BETWEEN y AND z` calls those of the comparisons that it is short for. */
function operatorsOf(operator: string): readonly string[] {
  return operator.includes('BETWEEN') ? ['>=', '<=', '<', '>'] : [operator];
}

function cast(analysis: Analysis, scope: Scope, body: AstRecord): Value {
  const inner = evaluate(analysis, scope, body.arg);
  recordCast(analysis, inner, record(body.typeName), body.arg);
  const verdict = isUnchangedCast(analysis, inner, record(body.typeName));
  if (verdict === 'unchanged') return inner;
  if (verdict === 'opaque' && inner.kind !== 'opaque') analysis.folded?.add(opaque);
  if (verdict === 'opaque') return opaque;
  // A row keeps its fields' values under a cast, but which name each has then is not known.
  const value = steadyIf(computedFrom(inner), [inner]);
  const type = typeByName(analysis, record(body.typeName));
  if (type === undefined) return withRecord(value);
  return typedAs(value, elementOf(analysis.catalog, type.oid), holdsRecord(analysis.catalog, type.oid));
}

/** `(row).name`: a field, or else a function of that name of the row (manual, 8.16.5). `row`: the node that `value` is of. */
export function fieldOrCall(analysis: Analysis, scope: Scope, value: Value, row: unknown, name: string): Value {
  const isField = value.row?.list.some((column) => column.name === name) === true;
  if (isField || !mayBeCall(analysis, name)) return fieldOf(value, name);
  // Of a row with aliases for its columns the type keeps the names that it had, so that it may be a field nevertheless.
  const field = value.row?.openAt === -1 ? computedFrom(value) : fieldOf(value, name);
  return either(field, callOfRow(analysis, scope, row, name));
}

function subLink(analysis: Analysis, scope: Scope, body: AstRecord): Value {
  // A query takes time.
  if (analysis.flow !== null) analysis.flow.hazards++;
  // EXISTS tells only whether a row is there: a question of filters, not of values.
  if (body.subLinkType === 'EXISTS_SUBLINK') {
    if (analysis.flow !== null) queryColumns(analysis, scope, body.subselect);
    return constant;
  }
  const columns = queryColumns(analysis, scope, body.subselect);
  if (body.subLinkType === 'EXPR_SUBLINK' && columns.list.length === 1 && columns.openAt === -1)
    return columns.list[0].value;
  const all = new Dependencies();
  all.addColumns(columns);
  if (body.testexpr !== undefined) {
    // Rows are made until one decides.
    const tested = dependencies(analysis, scope, body.testexpr);
    recordChoice(analysis, tested);
    all.add(tested);
  }
  const both = all.value();
  // `x IN (SELECT ..)` names no operator and compares by `=`.
  all.add(applyOperator(analysis, names(body.operName).at(-1) ?? '=', [both, both]));
  if (body.subLinkType === 'ARRAY_SUBLINK') return all.value();
  recordUnified(analysis, [both, ...columns.list.map(({ value }) => value)]);
  recordCompared(analysis, [both]);
  // A NULL among the rows makes NULL of what is not found.
  return withGaps(typedAs(all.value(), boolOid));
}
