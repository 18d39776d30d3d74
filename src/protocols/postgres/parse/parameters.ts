/** Types that are declared for the parameters of a statement, noted in its tree where they stand. */
import { type AstRecord, isRecord, record } from './ast.ts';

type Open = { [key: string]: unknown } | unknown[];

/**
 * The tree with `declared`, the OID of its type, in each ParamRef struct of a parameter that has one. Trees may be deeper than the
 * stack, so that it does not recurse.
 *
 * @param types by the number of the parameter.
 */
export function withParameterTypes(tree: AstRecord, types: ReadonlyMap<number, number>): AstRecord {
  if (types.size === 0) return tree;
  const root = { tree };
  /** Copies whose parts are not copied yet. */
  const open: Open[] = [root];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const [key, node] of Object.entries(at)) {
      const copy = Array.isArray(node) ? [...node] : isRecord(node) ? withType(node, types) : null;
      if (copy === null) continue;
      Object.assign(at, { [key]: copy });
      open.push(copy);
    }
  }
  return record(root.tree);
}

/** A copy of the struct. */
function withType(node: AstRecord, types: ReadonlyMap<number, number>): { [key: string]: unknown } {
  const parameter = isRecord(node.ParamRef) ? node.ParamRef : null;
  const declared = parameter === null ? undefined : types.get(Number(parameter.number));
  return declared === undefined ? { ...node } : { ParamRef: { ...parameter, declared } };
}
