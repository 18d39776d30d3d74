/**
 * Relations of one name. The server looks an unqualified name up by a path that calls, other statements and cached plans may have
 * made another one than the gate believes, so a name that could be that of a masked table is read as both.
 */
import type { Catalog, Relation } from '../catalog/catalog.ts';

const noRelations: readonly Relation[] = Object.freeze([]);

/** @param isMasked whether something of a relation's column is hidden. */
export function standInsIn(
  catalog: Catalog,
  isMasked: (relation: Relation, column: string) => boolean,
): (relation: Relation) => readonly Relation[] {
  const known = new Map<number, readonly Relation[]>();
  const masked = new Map<string, ReadonlyMap<string, Relation>>();
  /** Names and types of the columns in their order, and which of them are hidden. */
  const signature = (relation: Relation): string =>
    relation.columns.map(({ name, typeOid }) => `${isMasked(relation, name) ? '!' : ' '}${typeOid} ${name}`).join('\0');
  /** One relation for each signature with a masked column. */
  const maskedNamed = (name: string): ReadonlyMap<string, Relation> => {
    let found = masked.get(name);
    if (found === undefined) {
      const bySignature = new Map<string, Relation>();
      for (const relation of catalog.relationsNamed(null, name)) {
        const signed = signature(relation);
        if (/(?:^|\0)!/.test(signed)) bySignature.set(signed, relation);
      }
      found = bySignature;
      masked.set(name, found);
    }
    return found;
  };
  return (relation) => {
    let others = known.get(relation.oid);
    if (others === undefined) {
      const named = maskedNamed(relation.name);
      const own = named.size === 0 ? '' : signature(relation);
      others =
        named.size === 0 ? noRelations : [...named].filter(([signed]) => signed !== own).map(([, other]) => other);
      known.set(relation.oid, others);
    }
    return others;
  };
}
