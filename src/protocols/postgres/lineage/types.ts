/** Types and casts: which leave a value as it is, and which run code of the target's users. */
import type { PgType } from '../catalog/types.ts';
import { type AstRecord, list, names, record } from '../parse/ast.ts';
import { type Catalog, type PgFunction, anyPath, definitionPath } from '../catalog/catalog.ts';
import { firstUserOid } from '../catalog/queries.ts';
import { functionIsPure } from './hidden.ts';
import type { Analysis } from './scope.ts';
import { type Value, computedFrom } from './value.ts';

/** String types between which a cast without a length changes nothing that a mask could reveal by (text, varchar). */
const plainStrings: ReadonlySet<number> = new Set([25, 1043]);

/** Type that a TypeName means; undefined where the catalog does not know it, or where it may be another by the time. */
export function typeByName(analysis: Analysis, typeName: AstRecord): PgType | undefined {
  const parts = names(typeName.names);
  const name = parts.at(-1);
  if (name === undefined) return undefined;
  const { catalog, path } = analysis;
  if (parts.length === 1 && path.loose === true) {
    const named = catalog.typesNamed(name);
    if (named.length > 1 && !named.every((type) => isPlainType(catalog, type))) return undefined;
  }
  return catalog.resolveType(parts.at(-2) ?? null, name, path);
}

/** An enum, or rows of the server's own types: with others of the name, as schemas of tenants have them, it runs the same code. */
function isPlainType(catalog: Catalog, { oid, kind, relation }: PgType): boolean {
  if (oid < firstUserOid || catalog.castFunctions(oid).length > 0) return false;
  const columns = kind === 'c' ? catalog.relation(relation)?.columns : undefined;
  return kind === 'e' || columns?.every(({ typeOid }) => typeOid < firstUserOid) === true;
}

/** What the parser itself makes of these words, whatever types there are of their names. */
const typeWords: Readonly<Record<string, string>> = {
  bigint: 'int8',
  bit: 'bit',
  boolean: 'bool',
  char: 'bpchar',
  character: 'bpchar',
  dec: 'numeric',
  decimal: 'numeric',
  double: 'float8',
  float: 'float8',
  int: 'int4',
  integer: 'int4',
  interval: 'interval',
  numeric: 'numeric',
  real: 'float4',
  smallint: 'int2',
  time: 'time',
  timestamp: 'timestamp',
  varchar: 'varchar',
};

/** Whether a type's name alone, as it may stand in a body, means a base type of the server's to which nobody has made a cast. */
export function isPlainTypeName(catalog: Catalog, name: string): boolean {
  const word = Object.hasOwn(typeWords, name) ? typeWords[name] : null;
  const type = catalog.resolveType('pg_catalog', word ?? name, definitionPath);
  if (type?.kind !== 'b' || (word === null && catalog.typesNamed(name).length > 1)) return false;
  return catalog.castFunctions(type.oid).every((oid) => functionIsPure(catalog, oid));
}

/** Types in types deeper than this count as checked. */
const nestingMax = 20;

/**
 * Whether a value that takes this type may be checked by what a user wrote: a domain, or an array, row or range that may have one
 * in it. The catalog does not tell which domains have checks.
 */
function isChecked(catalog: Catalog, oid: number, depth = 0): boolean {
  const type = oid < firstUserOid ? undefined : catalog.type(oid);
  if (type === undefined) return false;
  if (depth > nestingMax || 'drm'.includes(type.kind)) return true;
  if (type.elementType !== 0) return isChecked(catalog, type.elementType, depth + 1);
  // The row of a table is checked as well, since its columns may be of domains.
  const relation = type.kind === 'c' ? catalog.relation(type.relation) : undefined;
  return relation?.columns.some((column) => isChecked(catalog, column.typeOid, depth + 1)) === true;
}

/** Whether the type is a domain of a user's, or has one in it: such bring their own collation. */
export function holdsDomain(catalog: Catalog, type: PgType): boolean {
  let at: PgType | undefined = type;
  for (let depth = 0; at !== undefined && depth < nestingMax; depth++) {
    if (at.kind === 'd' && at.oid >= firstUserOid) return true;
    if (at.elementType === 0 && at.baseType === 0) return false;
    at = catalog.type(at.kind === 'd' ? at.baseType : at.elementType);
  }
  return true;
}

/** Types of the columns that a function gives, as it declares them; none: they are told by each call. */
export function declaredTypes(catalog: Catalog, f: PgFunction): readonly number[] {
  const type = catalog.type(f.returnType);
  const relation = type?.kind === 'c' ? catalog.relation(type.relation) : undefined;
  if (relation !== undefined) return relation.columns.map(({ typeOid }) => typeOid);
  if (f.outputNames.length > 0) return f.parameterTypes.filter((_, at) => 'obt'.includes(f.modes[at] ?? 'i'));
  return type?.kind === 'p' ? [] : [f.returnType];
}

/** A function whose parameters or results are checked tells by an error what it is given, and what it gives. */
export function recordTypesOf(analysis: Analysis, f: PgFunction, given: Value, result: Value): void {
  const { flow, catalog } = analysis;
  if (flow === null) return;
  const takesChecked = f.parameterTypes.some((oid) => isChecked(catalog, oid));
  const givesChecked = isChecked(catalog, f.returnType);
  if (!takesChecked && !givesChecked) return;
  flow.hazards++;
  flow.probe('expression', given);
  // OUT parameters are among the parameters. What cannot be read is told of by what made it so.
  if (result.kind !== 'opaque') flow.probe('expression', result);
}

/**
 * `t(x)` is a cast where t is a type and no function takes x as it is (manual, 4.2.9). By the conversion, or the check of a domain,
 * it fails on what stands in x.
 */
export function mayBeCast({ catalog, path }: Analysis, schema: string | null, name: string): boolean {
  const isMoving = schema === null && (path.loose === true || path === anyPath);
  const types = isMoving ? catalog.typesNamed(name) : [catalog.resolveType(schema, name, path)];
  return types.some((type) => type !== undefined && type.oid >= firstUserOid);
}

export function recordCastCall(analysis: Analysis, schema: string | null, name: string, given: Value): void {
  if (analysis.flow === null || !mayBeCast(analysis, schema, name)) return;
  analysis.flow.hazards++;
  analysis.flow.probe('expression', given);
}

/** RETURNING of an SQL/JSON constructor, and the type of XMLSERIALIZE. `body`: the struct, or one inside it that has the output. */
export function recordReturning(analysis: Analysis, body: AstRecord, value: Value): void {
  const { flow } = analysis;
  if (flow === null) return;
  const output = record(body.output ?? record(body.constructor).output);
  const typeName = record(output.typeName ?? body.typeName);
  if (typeName.names === undefined) return;
  const type = typeByName(analysis, typeName);
  // What is longer than the type allows fails.
  const isCut = list(typeName.typmods).length > 0;
  if (type !== undefined && !isCut && !isChecked(analysis.catalog, type.oid)) return;
  flow.hazards++;
  flow.probe('expression', value);
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

/** Names that initdb gives; those of pg_catalog win over a user's. */
const builtinCollations: ReadonlySet<string> = new Set(['C', 'POSIX', 'default', 'ucs_basic', 'pg_c_utf8', 'unicode']);

/** The value under a collation. By one of a user's, what is equal is what they like. */
export function collated({ path }: Analysis, value: Value, collation: readonly string[]): Value {
  const name = collation.at(-1) ?? '';
  // Users may give theirs any name, and stand it in front where the path does not begin with those of the server.
  const isFirst = path.loose !== true && path.schemas.find((schema) => schema !== path.temp) === 'pg_catalog';
  const isOwn = collation.length > 1 ? collation[0] !== 'pg_catalog' : !(isFirst && builtinCollations.has(name));
  const under = { ...(isOwn ? computedFrom(value) : value), collation: collation.join('.') };
  return value.kind === 'opaque' ? value : under;
}
