/**
 * A catalog of which only the server's own part is believed: what users have made may be another thing by now.
 *
 * Their relations cannot be resolved and any call may mean a function of theirs, so whatever depends on either is opaque.
 */
import type { Catalog, PgFunction } from './catalog.ts';

/** No catalog has this OID, so it is nobody's pure function. */
const unknownOid = 0xffff_ffff;
const unknownOids: readonly number[] = Object.freeze([unknownOid]);

export type Doubt = NonNullable<Catalog['doubt']>;

/** @param builtinsFirst whether pg_catalog is searched first: a call without arguments then means the server's own function. */
export function doubtedCatalog(catalog: Catalog, builtinsFirst: boolean, doubt: Doubt): Catalog {
  const anyFunction: PgFunction = {
    oid: unknownOid,
    schema: '',
    name: '',
    language: '',
    kind: 'f',
    volatile: true,
    immutable: true,
    returnsSet: false,
    returnType: 0,
    argumentsMin: builtinsFirst ? 1 : 0,
    argumentsMax: Infinity,
    inputNames: [],
    outputNames: [],
    modes: [],
    calls: [],
    parameterTypes: [],
    source: null,
    extension: null,
    searchPath: null,
  };
  return {
    ...catalog,
    doubt,
    resolve: (schema, name, path) => {
      const relation = schema === null ? undefined : catalog.resolve(schema, name, path);
      return relation?.system === true ? relation : undefined;
    },
    functions: (schema) => (schema === 'pg_catalog' ? [] : [anyFunction]),
    functionByOid: () => undefined,
    operatorFunctions: () => unknownOids,
    castFunctions: () => unknownOids,
  };
}
