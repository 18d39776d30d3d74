/**
 * Relations of one name. The server looks an unqualified name up by a path that calls, other statements and cached plans may have
 * made another one than the gate believes, so a name that could be that of a masked table is read as both.
 */
import type { MaskSpec } from '../../../facts.ts';
import type { Catalog, Column, Relation } from '../catalog/catalog.ts';

const noRelations: readonly Relation[] = Object.freeze([]);

/** @param maskOf what hides a column; null: nothing does. */
export function standInsIn(
  catalog: Catalog,
  maskOf: (column: Column) => MaskSpec | null,
): (relation: Relation) => readonly Relation[] {
  const known = new Map<number, readonly Relation[]>();
  const masked = new Map<string, ReadonlyMap<string, Relation>>();
  /** One relation for each signature with a masked column. */
  const maskedNamed = (name: string): ReadonlyMap<string, Relation> => {
    let found = masked.get(name);
    if (found === undefined) {
      const bySignature = new Map<string, Relation>();
      for (const relation of catalog.relationsNamed(null, name)) {
        const { text, hasMasked } = signatureOf(relation, maskOf);
        if (hasMasked) bySignature.set(text, relation);
      }
      found = bySignature;
      masked.set(name, found);
    }
    return found;
  };
  const standIns = (relation: Relation): readonly Relation[] => {
    const candidates = maskedNamed(relation.name);
    if (candidates.size === 0) return noRelations;
    const own = signatureOf(relation, maskOf).text;
    return [...candidates].filter(([text]) => text !== own).map(([, other]) => other);
  };
  return (relation) => {
    let others = known.get(relation.oid);
    if (others === undefined) known.set(relation.oid, (others = standIns(relation)));
    return others;
  };
}

/** Names and types of the columns in their order, and what hides each: two that are hidden otherwise do not show the same. */
function signatureOf(
  { columns }: Relation,
  maskOf: (column: Column) => MaskSpec | null,
): { readonly text: string; readonly hasMasked: boolean } {
  let hasMasked = false;
  const parts = columns.map((column) => {
    const mask = maskOf(column);
    if (mask !== null) hasMasked = true;
    return [column.name, column.typeOid, mask];
  });
  return { text: JSON.stringify(parts), hasMasked };
}
