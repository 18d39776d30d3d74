/**
 * Calls that no name in a statement stands for: the functions behind operators, casts and aggregates that users made.
 *
 * `CREATE OPERATOR` and `CREATE AGGREGATE` take any function, also one of the server that stores its arguments, and what they
 * say of its volatility means nothing. So functions of users are read as if they were called, and those of the server are
 * looked up by their names.
 */
import type { Catalog, PgFunction } from '../catalog/catalog.ts';
import { firstUserOid } from '../catalog/queries.ts';
import { builtinNature } from './builtins.ts';
import { isDependent, isStoring, mayWrite } from './flow/calls.ts';
import { recordCallHazard } from './flow/hazards.ts';
import { isPureByOwner } from './builtins.ts';
import { takes } from './arguments.ts';
import { callKnown, isPureProcedural } from './functions.ts';
import type { Analysis } from './scope.ts';
import { type Value, Dependencies, constant, opaque } from './value.ts';

/** Whether a function, known by its OID alone, computes its result from its arguments and does nothing else. */
export function functionIsPure(catalog: Catalog, oid: number): boolean {
  if (oid >= firstUserOid) {
    const f = catalog.functionByOid(oid);
    return f !== undefined && isPureByOwner(f);
  }
  const name = catalog.builtinByOid(oid);
  return name !== undefined && builtinNature(name, null) !== 'opaque' && !isStoring(name);
}

export function operatorIsPure(catalog: Catalog, name: string): boolean {
  return catalog.operatorFunctions(name).every((oid) => functionIsPure(catalog, oid));
}

/** What an operator adds to its operands: nothing, unless a user made one of this name with other code behind it. */
export function applyOperator(analysis: Analysis, name: string, operands: readonly Value[]): Value {
  const functions = analysis.catalog.operatorFunctions(name);
  if (functions.length === 0) return constant;
  const all = new Dependencies();
  for (const oid of functions) all.add(applyHidden(analysis, oid, operands));
  return all.value();
}

function applyHidden(analysis: Analysis, oid: number, operands: readonly Value[]): Value {
  const f = analysis.catalog.functionByOid(oid);
  if (f === undefined) {
    recordHiddenCalls(analysis, [oid], operands);
    if (functionIsPure(analysis.catalog, oid)) return constant;
    analysis.folded?.add(opaque);
    return opaque;
  }
  // An overload for another number of operands.
  if (!takes(f, operands.length)) return constant;
  if (analysis.flow !== null && f.language !== 'sql' && !isPureByOwner(f)) analysis.flow.hazards++;
  return callKnown(
    analysis,
    f,
    operands.map((value) => ({ name: '', value })),
  ).value;
}

/** Records what these functions do with their operands, without reading bodies. */
export function recordHiddenCalls(analysis: Analysis, functions: readonly number[], operands: readonly Value[]): void {
  const { flow, catalog } = analysis;
  if (flow === null) return;
  const all = allOf(operands);
  for (const oid of functions) {
    const name = catalog.builtinByOid(oid);
    if (name !== undefined) {
      recordCallHazard(analysis, {
        name,
        nodes: operands.map(() => null),
        values: operands,
        all,
        told: all,
        candidates: [],
        leavesTrace: false,
      });
    }
    if (functionIsPure(catalog, oid)) continue;
    flow.hazards++;
    const f = catalog.functionByOid(oid);
    if (isDependent(all) && (f === undefined || (mayWrite(f) && !isPureProcedural(analysis, f))))
      flow.write({ kind: 'outside', what: `function ${f?.name ?? name ?? oid}()` }, all, null);
  }
}

/**
 * The result of a user's aggregate: computed from its arguments and from what the functions that it calls add. null: one of
 * these cannot be read.
 */
export function aggregateValue(analysis: Analysis, f: PgFunction, given: Value): Value | null {
  if (f.calls.length === 0) return null;
  let state = given;
  // What a function adds to the state comes to all of them with the next row.
  for (let round = 0; round < 2; round++) {
    const all = new Dependencies();
    all.add(state);
    for (const oid of f.calls) {
      const value = calledByAggregate(analysis, oid, state);
      if (value.kind === 'opaque') return null;
      all.add(value);
    }
    state = all.value();
  }
  return state;
}

/** More parameters than an aggregate can have. */
const parametersMax = 100;

function calledByAggregate(analysis: Analysis, oid: number, state: Value): Value {
  const f = analysis.catalog.functionByOid(oid);
  if (f === undefined) {
    recordHiddenCalls(analysis, [oid], [state]);
    return functionIsPure(analysis.catalog, oid) ? constant : opaque;
  }
  if (analysis.flow !== null && f.language !== 'sql' && !isPureByOwner(f)) analysis.flow.hazards++;
  const count = Number.isFinite(f.argumentsMax) ? Math.min(f.argumentsMax, parametersMax) : parametersMax;
  return callKnown(
    analysis,
    f,
    Array.from({ length: count }, () => ({ name: '', value: state })),
  ).value;
}

function allOf(values: readonly Value[]): Value {
  if (values.length === 1) return values[0];
  const all = new Dependencies();
  for (const value of values) all.add(value);
  return all.value();
}
