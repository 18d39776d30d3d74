/** Types that are declared for the parameters of a statement, noted in its tree where they stand. */
import { isRecord } from './ast.ts';

/**
 * The tree with `declared`, the OID of its type, in each ParamRef struct of a parameter that has one. Trees are no deeper than the
 * parser allows.
 *
 * @param types by the number of the parameter.
 */
export function withParameterTypes(node: unknown, types: ReadonlyMap<number, number>): unknown {
  if (Array.isArray(node)) return node.map((one) => withParameterTypes(one, types));
  if (!isRecord(node)) return node;
  const parameter = isRecord(node.ParamRef) ? node.ParamRef : null;
  const declared = parameter === null ? undefined : types.get(Number(parameter.number));
  if (declared !== undefined) return { ParamRef: { ...parameter, declared } };
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, withParameterTypes(value, types)]));
}
