/**
 * Conditions: WHERE, ON, HAVING, FILTER and the like, split at AND so that a harmless part stays harmless.
 *
 * A part that compares one bare column with parameters or literals for equality is marked: it answers one guess, where
 * `<`, LIKE or a function would answer by halves.
 */
import { type AstRecord, list, names, record, tagOf, text, unwrap } from '../../parse/ast.ts';
import { firstUserOid } from '../../catalog/queries.ts';
import { evaluate } from '../expressions.ts';
import { recordChoice } from './hazards.ts';
import type { FlowClause, Given } from './recorder.ts';
import { functionIsPure } from '../hidden.ts';
import { type Analysis, type Scope, enter, leave } from '../scope.ts';
import { holdsDomain, typeByName } from '../types.ts';
import { type Value, Dependencies, constant, opaque } from '../value.ts';

/** Records a probe for each AND-part; gives what the whole condition depends on. */
export function recordCondition(analysis: Analysis, scope: Scope, node: unknown, clause: FlowClause): Value {
  if (node === undefined || node === null) return constant;
  const bool = unwrap(node, 'BoolExpr');
  if (bool === null || bool.boolop !== 'AND_EXPR') {
    const value = evaluateCondition(analysis, scope, node);
    analysis.flow?.probe(clause, value, isEquality(analysis, scope, node));
    return value;
  }
  const all = new Dependencies();
  if (enter(analysis)) for (const part of list(bool.args)) all.add(recordCondition(analysis, scope, part, clause));
  else {
    all.add(opaque);
    analysis.flow?.probe(clause, opaque);
  }
  leave(analysis);
  return all.value();
}

function evaluateCondition(analysis: Analysis, scope: Scope, node: unknown): Value {
  const { flow } = analysis;
  if (flow === null) return evaluate(analysis, scope, node);
  const { withheld } = flow;
  const choices = new Dependencies();
  flow.withheld = choices;
  const value = evaluate(analysis, scope, node);
  flow.withheld = withheld;
  // EXISTS, pg_typeof() and the like tell nothing of what was chosen inside them.
  if (!covers(value, choices.value())) recordChoice(analysis, choices.value());
  return value;
}

/** Whether who is told of `value` is told of all that `part` depends on. */
function covers(value: Value, part: Value): boolean {
  if (value.kind === 'opaque' || part.kind === 'opaque') return value.kind === 'opaque';
  for (const key of part.sources) if (!value.sources.has(key)) return false;
  return true;
}

function isEquality(analysis: Analysis, scope: Scope, node: unknown): boolean {
  const body = unwrap(node, 'A_Expr');
  if (body === null) return false;
  const operator = names(body.name);
  if (operator.at(-1) !== '=' || (operator.length > 1 && operator[0] !== 'pg_catalog')) return false;
  if (operator.length === 1 && !isOwnEquality(analysis)) return false;
  const { lexpr, rexpr } = body;
  switch (body.kind) {
    case 'AEXPR_OP':
      return (
        (isBareColumn(analysis, scope, lexpr) && isGiven(analysis, scope, rexpr)) ||
        (isBareColumn(analysis, scope, rexpr) && isGiven(analysis, scope, lexpr))
      );
    case 'AEXPR_IN':
      return isBareColumn(analysis, scope, lexpr) && areGiven(analysis, scope, list(record(record(rexpr).List).items));
    case 'AEXPR_OP_ANY':
      return isBareColumn(analysis, scope, lexpr) && isGivenArray(analysis, scope, rexpr);
    default:
      return false;
  }
}

/** Whether no user has made an operator `=`, which could ask anything; those of extensions ask what they say. */
function isOwnEquality({ catalog }: Analysis): boolean {
  return catalog.operatorFunctions('=').every((oid) => oid >= firstUserOid && functionIsPure(catalog, oid));
}

/** A reference to one column whose value comes unchanged, perhaps behind a cast that changes nothing, and under its collation. */
function isBareColumn(analysis: Analysis, scope: Scope, node: unknown): boolean {
  if (tagOf(throughCasts(node)) !== 'ColumnRef') return false;
  const value = evaluate(analysis, scope, node);
  return value.kind === 'column' && value.alone;
}

function areGiven(analysis: Analysis, scope: Scope, nodes: readonly unknown[]): boolean {
  return nodes.length > 0 && nodes.every((node) => isGiven(analysis, scope, node));
}

/** A literal or parameter; inside a function's body also a parameter that the call gave no column to. */
function isGiven(analysis: Analysis, scope: Scope, node: unknown): boolean {
  const inner = throughCasts(node);
  if (!castsKeepEquality(analysis, node)) return false;
  switch (tagOf(inner)) {
    case 'A_Const':
      return true;
    case 'ParamRef':
      return isOfPlainType(analysis, inner) && evaluate(analysis, scope, inner).kind === 'constant';
    case 'ColumnRef':
      return scope.parameters !== null && isParameterName(analysis, scope, inner);
    default:
      return false;
  }
}

function isParameterName(analysis: Analysis, scope: Scope, node: unknown): boolean {
  const name = names(record(record(node).ColumnRef).fields).at(-1) ?? '';
  return scope.parameters?.names.includes(name) === true && evaluate(analysis, scope, node).kind === 'constant';
}

function isGivenArray(analysis: Analysis, scope: Scope, node: unknown): boolean {
  const inner = throughCasts(node);
  if (!castsKeepEquality(analysis, node)) return false;
  const array = unwrap(inner, 'A_ArrayExpr');
  return array === null ? isGiven(analysis, scope, inner) : areGiven(analysis, scope, list(array.elements));
}

/** Whether a parameter is declared as no domain, or not at all. */
function isOfPlainType({ catalog }: Analysis, parameter: unknown): boolean {
  const { declared } = record(record(parameter).ParamRef);
  if (typeof declared !== 'number') return true;
  const type = catalog.type(declared);
  return type !== undefined && !holdsDomain(catalog, type);
}

/** A domain brings its own collation, by which as much may be equal as its maker likes. */
function castsKeepEquality(analysis: Analysis, node: unknown): boolean {
  let at = node;
  for (let cast = unwrap(at, 'TypeCast'); cast !== null; cast = unwrap(at, 'TypeCast')) {
    const type = typeByName(analysis, record(cast.typeName));
    if (type === undefined || holdsDomain(analysis.catalog, type)) return false;
    at = cast.arg;
  }
  return true;
}

/** Trees are no deeper than the walk allows, but this runs before it. */
const castsMax = 100;

function throughCasts(node: unknown): unknown {
  let at = node;
  for (let casts = 0; casts < castsMax; casts++) {
    const cast = unwrap(at, 'TypeCast');
    if (cast === null) return at;
    at = cast.arg;
  }
  return null;
}

/**
 * The bare literal or parameter that a node is, also behind casts without a length, which could cut it. null for all
 * else, for NULL, and for the parameters of a function's body, which the client did not give.
 */
export function givenOf(scope: Scope, node: unknown): Given | null {
  let at = node;
  for (let casts = 0; casts < castsMax; casts++) {
    const cast = unwrap(at, 'TypeCast');
    if (cast === null) break;
    if (list(record(cast.typeName).typmods).length > 0) return null;
    at = cast.arg;
  }
  const parameter = unwrap(at, 'ParamRef');
  if (parameter !== null)
    return scope.parameters === null && typeof parameter.number === 'number'
      ? { kind: 'parameter', number: parameter.number }
      : null;
  const literal = unwrap(at, 'A_Const');
  const said = literal === null ? null : literalText(literal);
  return said === null ? null : { kind: 'literal', text: said };
}

/** Zero values are left out of the tree: `{ival: {}}` is 0, `{boolval: {}}` is false, `{sval: {}}` is ''. */
function literalText(literal: AstRecord): string | null {
  if (literal.sval !== undefined) return text(record(literal.sval).sval);
  if (literal.fval !== undefined) return text(record(literal.fval).fval);
  if (literal.bsval !== undefined) return text(record(literal.bsval).bsval);
  if (literal.boolval !== undefined) return record(literal.boolval).boolval === true ? 'true' : 'false';
  const number = literal.ival === undefined ? null : (record(literal.ival).ival ?? 0);
  return typeof number === 'number' ? String(number) : null;
}
