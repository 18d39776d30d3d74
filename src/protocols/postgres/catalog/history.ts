/**
 * Names that columns have had since the gate first saw them. A rule that names a column goes on holding after a RENAME or SET
 * SCHEMA, by whomever, until the gate starts anew: who renames a column changes the policy file too.
 */
import type { Catalog, Column, ColumnKey, FormerName, Relation } from './catalog.ts';

/** A schema that is renamed as a whole counts once for each of its columns. */
const namesMax = 1_000_000;

export class CatalogHistory {
  #names = new Map<ColumnKey, readonly FormerName[]>();
  #count = 0;

  /**
   * `next` with what its columns were called in `before` and earlier. `keep`: for all to come, not for this snapshot alone.
   * null: more columns were renamed than can be followed.
   */
  follow(before: Catalog | null, next: Catalog, keep: boolean): Catalog | null {
    if (before === null) return { ...next, formerNames: this.#names };
    const added = new Map<ColumnKey, readonly FormerName[]>();
    for (const relation of before.relations.values()) {
      const now = next.relation(relation.oid);
      if (now === undefined || relation.system) continue;
      const moved = now.name !== relation.name || now.schema !== relation.schema;
      for (const column of relation.columns) {
        const same = next.column(relation.oid, column.attnum);
        if (same === undefined || (!moved && same.name === column.name)) continue;
        added.set(column.key, this.#with(relation, column));
      }
    }
    if (added.size === 0) return { ...next, formerNames: this.#names };
    const names = new Map([...this.#names, ...added]);
    if (keep) {
      this.#count += added.size;
      if (this.#count > namesMax) return null;
      this.#names = names;
    }
    return { ...next, formerNames: names };
  }

  #with(relation: Relation, column: Column): readonly FormerName[] {
    const name = { schema: relation.schema, table: relation.name, column: column.name };
    const known = this.#names.get(column.key) ?? [];
    const again = known.some(
      (one) => one.schema === name.schema && one.table === name.table && one.column === name.column,
    );
    return again ? known : [...known, name];
  }
}
