/**
 * What EXPLAIN shows of values: the planner works out what immutable functions give for constants, and shows the outcome.
 *
 * Every such function of a user's counts that the statement may come to, also behind views, in operators and in bodies that
 * are inlined. What it is given does not: with a column in it a call is no constant.
 */
import { tagOf, unwrap } from '../parse/ast.ts';
import { type Relation, definitionPath } from '../catalog/catalog.ts';
import { recordStatement } from './flow/commands.ts';
import { FlowRecorder } from './flow/recorder.ts';
import { callKnown } from './functions.ts';
import { type Analysis, rootScope } from './scope.ts';
import { type Value, Dependencies, constant, dependingOn, opaque } from './value.ts';

/** Gathers what may stand in a plan. */
export class Folded {
  readonly #all = new Dependencies();
  readonly #seen = new Set<Relation>();

  add(value: Value): void {
    this.#all.add(value);
  }

  /** Adds what `run` gives, and what it asks on the way. */
  addRun(analysis: Analysis, run: (inner: Analysis) => Value): void {
    const flow = new FlowRecorder();
    const inner: Analysis = { ...analysis, flow, calls: null, folded: null };
    this.add(run(inner));
    for (const { sources, opaque: isOpaque } of flow.probes) this.add(isOpaque ? opaque : dependingOn(sources));
    analysis.nodesLeft = inner.nodesLeft;
  }

  /** A relation that the statement names. The server puts definitions of views and virtual columns in the place of their names. */
  addRelation(analysis: Analysis, relation: Relation): void {
    if (relation.system || this.#seen.has(relation)) return;
    this.#seen.add(relation);
    if (relation.kind === 'v') this.#addDefinition(analysis, relation.definition);
    for (const { generated, expression } of relation.columns)
      if (generated) {
        const from = [relation.schema, relation.name].map((name) => `"${name.replaceAll('"', '""')}"`).join('.');
        this.#addDefinition(analysis, expression === null ? null : `SELECT (${expression}) FROM ${from}`);
      }
  }

  #addDefinition(analysis: Analysis, sql: string | null): void {
    const statements = sql === null ? null : analysis.catalog.parse(sql);
    if (statements === null) {
      this.add(opaque);
      return;
    }
    const inner: Analysis = { ...analysis, path: definitionPath, flow: new FlowRecorder() };
    for (const statement of statements) recordStatement(inner, rootScope(null), statement);
    analysis.nodesLeft = inner.nodesLeft;
  }

  value(): Value {
    return this.#all.value();
  }
}

/** What functions of users may bring into the plan of this statement. */
export function foldedIn(analysis: Analysis, query: unknown): Value {
  const folded = new Folded();
  const inner: Analysis = { ...analysis, flow: new FlowRecorder(), folded };
  // A statement that was prepared before, of which nothing is known here.
  if (tagOf(unwrap(query, 'CreateTableAsStmt')?.query ?? query) !== 'ExecuteStmt')
    recordStatement(inner, rootScope(null), query);
  else addEvery(analysis, folded);
  analysis.nodesLeft = inner.nodesLeft;
  return folded.value();
}

/** Adds what any function of a user's may give to the planner. */
function addEvery(analysis: Analysis, folded: Folded): void {
  const { ahead, catalog } = analysis;
  if (catalog.doubt !== null || (ahead !== null && ahead.functions.length > 0)) folded.add(opaque);
  for (const [oid] of catalog.rows.functions ?? []) {
    const f = catalog.functionByOid(Number(oid));
    if (f === undefined || !f.immutable || f.kind !== 'f') continue;
    const count = Number.isFinite(f.argumentsMax) ? f.argumentsMax : f.inputNames.length;
    const constants = Array.from({ length: count }, () => ({ name: '', value: constant }));
    folded.addRun(analysis, (inner) => callKnown(inner, f, constants).value);
  }
}
