/**
 * Words that are syntax since PostgreSQL 16 or 17 and names of functions before, which users may have made. The parser is that of
 * 18, whatever the server: where there is a function of the name, it may be the one that is called.
 */
import { type AstRecord, text } from '../parse/ast.ts';
import { anyPath } from '../catalog/catalog.ts';
import { isDependent } from './flow/calls.ts';
import type { Analysis } from './scope.ts';
import { type Value, opaque } from './value.ts';

/** By the tag of the node, or by what JsonFuncExpr calls its operation. */
const names: ReadonlyMap<string, string> = new Map([
  // Since 16.
  ['JsonArrayAgg', 'json_arrayagg'],
  ['JsonArrayConstructor', 'json_array'],
  ['JsonArrayQueryConstructor', 'json_array'],
  ['JsonObjectAgg', 'json_objectagg'],
  ['JsonObjectConstructor', 'json_object'],
  // Since 17.
  ['JSON_EXISTS_OP', 'json_exists'],
  ['JSON_QUERY_OP', 'json_query'],
  ['JSON_VALUE_OP', 'json_value'],
  ['JsonParseExpr', 'json'],
  ['JsonScalarExpr', 'json_scalar'],
  ['JsonSerializeExpr', 'json_serialize'],
  ['MergeSupportFunc', 'merge_action'],
]);

/** What such a node gives: `value`, unless it may be a call, whose arguments that is computed from. */
export function unlessCall(analysis: Analysis, tag: string, body: AstRecord, value: Value): Value {
  const name = names.get(tag === 'JsonFuncExpr' ? text(body.op) : tag);
  if (name === undefined || analysis.catalog.functions(null, name, anyPath).length === 0) return value;
  const { flow, folded } = analysis;
  folded?.add(opaque);
  if (flow === null) return opaque;
  flow.hazards++;
  flow.probe('expression', value);
  flow.probe('from', value);
  if (isDependent(value)) flow.write({ kind: 'outside', what: `function ${name}()` }, value, null);
  return opaque;
}
