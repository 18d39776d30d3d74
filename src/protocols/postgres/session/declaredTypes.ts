/**
 * The types that a Parse declares for parameters. What is compared with `$1` that is declared as oid is made that type, and may fail
 * there; a domain brings its own collation. So a statement is judged with these types.
 */
import { i32 } from '../../../bytes/bytes.ts';
import type { Fault } from '../../../errors.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import { treeOf } from '../masks/statementFlows.ts';
import { record } from '../parse/ast.ts';
import { withParameterTypes } from '../parse/parameters.ts';
import type { ParseMessage } from '../wire/frontend.ts';

/**
 * Types that tell no more than a literal would: not told, bool, bytea, int8, int2, int4, text, json, unknown, bpchar, varchar, date,
 * numeric, uuid, jsonb (pg_type.dat).
 */
const plainTypes: ReadonlySet<number> = new Set([
  0, 16, 17, 20, 21, 23, 25, 114, 705, 1042, 1043, 1082, 1700, 2950, 3802,
]);

/** Further types, in which numbers have no place: time, timestamp, timestamptz, interval, timetz. */
const timeTypes: ReadonlySet<number> = new Set([1083, 1114, 1184, 1186, 1266]);

const declared: Fault = {
  code: 'BG_FEATURE_REFUSED',
  detail:
    'in a statement of this length write the types of parameters as casts, $1::float8, in place of declaring them',
};

/** Why types that are declared for a long text, whose tree is elsewhere, are refused: what they decide would not be known. */
export function refusesTypes(
  statements: readonly AnalyzedStatement[],
  bytes: Uint8Array,
  { typeCount, typesAt }: ParseMessage,
): Fault | null {
  if (!statements.some(({ distant, returnsRows }) => distant !== null && returnsRows)) return null;
  for (let index = 0; index < typeCount; index++) {
    const oid = i32(bytes, typesAt + 4 * index);
    if (!plainTypes.has(oid) && !timeTypes.has(oid)) return declared;
  }
  return null;
}

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
  if (typeCount === 0) return statement;
  const types = new Map<number, number>();
  for (let index = 0; index < typeCount; index++) {
    const oid = i32(bytes, typesAt + 4 * index);
    if (!plainTypes.has(oid)) types.set(index + 1, oid);
  }
  // The tree of a long text is elsewhere.
  if (types.size === 0 || statement.distant !== null) return statement;
  const key = [...types].join();
  let ofStatement = known.get(statement);
  if (ofStatement === undefined) known.set(statement, (ofStatement = new Map()));
  let typed = ofStatement.get(key);
  if (typed === undefined) {
    typed = { ...statement, ast: withParameterTypes(record(treeOf(statement)), types), exact: true, shape: {} };
    if (ofStatement.size < knownMax) ofStatement.set(key, typed);
  }
  return typed;
}
