/**
 * From a PostgreSQL type to the class that decides how its values are scanned and masked.
 *
 * Source: pg_type (typtype, typcategory, typbasetype, typelem), PostgreSQL manual, chapter "System Catalogs".
 */
import type { TypeClass } from '../../../masking/plan.ts';

export interface PgType {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** pg_type.typtype: b base, c composite, d domain, e enum, p pseudo, r range, m multirange. */
  readonly kind: string;
  /** pg_type.typcategory, one letter. */
  readonly category: string;
  /** Of a domain, else 0. */
  readonly baseType: number;
  /** Of a true array, else 0. */
  readonly elementType: number;
  /** pg_class.oid of a composite type, else 0. */
  readonly relation: number;
}

/** Types whose class does not follow from their category. OIDs are fixed by PostgreSQL's pg_type.dat. */
const classByOid: ReadonlyMap<number, TypeClass> = new Map([
  [17, 'bytea'],
  [18, 'fixed'], // "char" holds one byte: no mask text fits
  [20, 'integer'],
  [114, 'json'],
  [142, 'text'], // xml: plain text is well-formed XML content, and its binary form is text as well
  [705, 'text'], // unknown
  [1700, 'numeric'],
  [1790, 'text'], // refcursor
  [2278, 'fixed'], // void
  [2950, 'fixed'], // uuid
  [3802, 'jsonb'],
]);

/** Whether a mask that makes text fits values of a type; where it does not, they are masked as NULL. See masking/values.ts. */
const takesText: Readonly<Record<TypeClass, boolean>> = {
  text: true,
  json: true,
  jsonb: true,
  bytea: true,
  text_array: true,
  integer: false,
  numeric: false,
  fixed: false,
  other: false,
};

/** What a client sees of a masked value; `unknown`: the mask or NULL, as the type will turn out. */
export type Shown = 'mask' | 'null' | 'unknown';

/** @param typeOid 0: not known before the statement is described. */
export function shownOf(typeOid: number, typeOf: (oid: number) => PgType | undefined): Shown {
  if (typeOid === 0) return 'unknown';
  return takesText[typeClassOf(typeOid, typeOf)] ? 'mask' : 'null';
}

/** Domains over domains and arrays of domains are legal, endless chains are not. */
const chainMax = 32;

/**
 * Class of a type by OID. Domains count as their base type (the wire carries the base type's form). An OID that the
 * lookup does not know is `other`: scanned as text, masked only as NULL, which is valid for every type.
 */
export function typeClassOf(oid: number, typeOf: (oid: number) => PgType | undefined): TypeClass {
  let type = typeOf(oid);
  for (let hops = 0; type !== undefined && type.kind === 'd'; hops++) {
    if (hops === chainMax) return 'other';
    type = typeOf(type.baseType);
  }
  if (type === undefined) return classByOid.get(oid) ?? 'other';
  const known = classByOid.get(type.oid);
  if (known !== undefined) return known;
  if (type.kind === 'e') return 'fixed';
  if (type.kind === 'b' && type.elementType !== 0) return arrayClass(type.elementType, typeOf);
  return categoryClass(type);
}

function arrayClass(element: number, typeOf: (oid: number) => PgType | undefined): TypeClass {
  const type = typeOf(element);
  // An array of arrays (a domain over an array) has elements of array form, which no kernel walks.
  if (type !== undefined && type.kind === 'd' && typeOf(type.baseType)?.category === 'A') return 'other';
  const inner = typeClassOf(element, typeOf);
  // xml[] elements are quoted by array rules only, so they behave as text.
  if (inner === 'text') return 'text_array';
  return inner === 'fixed' ? 'fixed' : 'other';
}

/** Letters of typcategory: table "typcategory Codes" of pg_type's description. */
function categoryClass(type: PgType): TypeClass {
  switch (type.category) {
    case 'S': // text, varchar, bpchar, name, citext and other string types of extensions
      return 'text';
    case 'B': // boolean
    case 'D': // date, timestamps
    case 'T': // interval
    case 'V': // bit strings
      return 'fixed';
    case 'N': // int2, int4, floats, money, oid and the reg* types; user-made ones may print anything
      return type.oid < 16384 ? 'fixed' : 'other';
    case 'G': // point, box, ...
      return type.oid < 16384 ? 'fixed' : 'other';
    default:
      // inet and cidr (I) can hold an address that detectors look for; U holds tsvector, hstore, macaddr, ...
      return type.kind === 'b' && fixedByName.has(type.name) && type.oid < 16384 ? 'fixed' : 'other';
  }
}

const fixedByName: ReadonlySet<string> = new Set([
  'xid',
  'xid8',
  'cid',
  'tid',
  'pg_lsn',
  'pg_snapshot',
  'txid_snapshot',
  'macaddr',
  'macaddr8',
]);
