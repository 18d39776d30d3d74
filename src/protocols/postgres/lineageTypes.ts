/** Casts: which leave a value as it is, and which run code of the target's users. */
import type { PgType } from './types.ts';
import { type AstRecord, list, names } from './ast.ts';
import { functionIsPure } from './lineageHidden.ts';
import type { Analysis } from './lineageScope.ts';
import type { Value } from './lineageValue.ts';

/** String types between which a cast without a length changes nothing that a mask could reveal by (text, varchar). */
const plainStrings: ReadonlySet<number> = new Set([25, 1043]);

/** Type that a TypeName means; undefined where the catalog does not know it. */
export function typeByName(analysis: Analysis, typeName: AstRecord): PgType | undefined {
  const parts = names(typeName.names);
  const name = parts.at(-1);
  if (name === undefined) return undefined;
  return analysis.catalog.resolveType(parts.at(-2) ?? null, name, analysis.path);
}

export function isUnchangedCast(
  analysis: Analysis,
  inner: Value,
  typeName: AstRecord,
): 'unchanged' | 'computed' | 'opaque' {
  const target = typeByName(analysis, typeName);
  // A type that the catalog does not know may have casts that run anything.
  if (target === undefined) return 'opaque';
  for (const oid of analysis.catalog.castFunctions(target.oid)) {
    if (!functionIsPure(analysis.catalog, oid)) return 'opaque';
  }
  if (inner.kind === 'opaque' || inner.kind === 'constant') return inner.kind === 'opaque' ? 'opaque' : 'computed';
  // A length (varchar(3)) cuts: a slice of a partial mask would show what the mask hides.
  const bare = list(typeName.typmods).length === 0 && list(typeName.arrayBounds).length === 0;
  if (!bare || inner.kind !== 'column') return 'computed';
  const same = target.oid === inner.typeOid || (plainStrings.has(target.oid) && plainStrings.has(inner.typeOid));
  // A domain's own cast checks, and bpchar without a length is char(1): both are left as computed.
  return same && target.kind !== 'd' && target.oid !== 1042 ? 'unchanged' : 'computed';
}
