/**
 * The types that a Parse declares for parameters. `$1` declared as oid is `$1::oid`: what it is compared with is made that type,
 * and may fail there. So a statement is judged as if these casts were written.
 */
import { i32 } from '../../../bytes/bytes.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import { treeOf } from '../masks/statementFlows.ts';
import { type AstRecord, isRecord, record } from '../parse/ast.ts';
import type { ParseMessage } from '../wire/frontend.ts';

/** Types in which some value of another type has no room (pg_type.dat). A literal would take the type of what it stands beside. */
const narrowTypes: ReadonlyMap<number, string> = new Map([
  [26, 'oid'],
  [24, 'regproc'],
  [2202, 'regprocedure'],
  [2203, 'regoper'],
  [2204, 'regoperator'],
  [2205, 'regclass'],
  [2206, 'regtype'],
  [4096, 'regrole'],
  [4089, 'regnamespace'],
  [3734, 'regconfig'],
  [3769, 'regdictionary'],
  [4191, 'regcollation'],
  [700, 'float4'],
  [701, 'float8'],
  [1114, 'timestamp'],
  [1184, 'timestamptz'],
]);

/** By statement and declared types, so that what is found out about it is kept. */
const known = new WeakMap<AnalyzedStatement, Map<string, AnalyzedStatement>>();
/** More combinations than this of one statement are worked out each time. */
const knownMax = 8;

/** The statement with the declared types of its parameters, where these matter. */
export function withDeclaredTypes(
  statement: AnalyzedStatement,
  bytes: Uint8Array,
  { typeCount, typesAt }: ParseMessage,
): AnalyzedStatement {
  const types = new Map<number, string>();
  for (let index = 0; index < typeCount; index++) {
    const name = narrowTypes.get(i32(bytes, typesAt + 4 * index));
    if (name !== undefined) types.set(index + 1, name);
  }
  // The tree of a long text is elsewhere.
  if (types.size === 0 || statement.distant !== null) return statement;
  const key = [...types].join();
  let ofStatement = known.get(statement);
  if (ofStatement === undefined) known.set(statement, (ofStatement = new Map()));
  let typed = ofStatement.get(key);
  if (typed === undefined) {
    typed = { ...statement, ast: record(cast(treeOf(statement), types)), exact: true, shape: {} };
    if (ofStatement.size < knownMax) ofStatement.set(key, typed);
  }
  return typed;
}

/** The tree with a cast around each parameter that has such a type. Trees are no deeper than the parser allows. */
function cast(node: unknown, types: ReadonlyMap<number, string>): unknown {
  if (Array.isArray(node)) return node.map((one) => cast(one, types));
  if (!isRecord(node)) return node;
  const name = isRecord(node.ParamRef) ? types.get(Number(node.ParamRef.number)) : undefined;
  if (name !== undefined) return castNode(node, name);
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, cast(value, types)]));
}

function castNode(arg: AstRecord, name: string): AstRecord {
  const names = ['pg_catalog', name].map((sval) => ({ String: { sval } }));
  return { TypeCast: { arg, typeName: { names, typemod: -1 } } };
}
