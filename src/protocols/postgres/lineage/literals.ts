/** Literals, as far as lineage cares: they hang on no column and have a type. */
import { type AstRecord, record, text } from '../parse/ast.ts';
import { type Value, constant, typedAs, unknownType } from './value.ts';

export const boolOid = 16;
const int8Oid = 20;
export const textOid = 25;
const numericOid = 1700;

/** text, varchar, bpchar, and what becomes one of them. */
const strings: ReadonlySet<number> = new Set([textOid, 1042, 1043, unknownType]);

export function isString(typeOid: number): boolean {
  return strings.has(typeOid);
}

/** NULL, a literal text, or a parameter: it takes the type of what stands beside it. */
export const untyped: Value = Object.freeze(typedAs(constant, unknownType));
const truth = Object.freeze(typedAs(constant, boolOid));
const wholeNumber = Object.freeze(typedAs(constant, int8Oid));
const fraction = Object.freeze(typedAs(constant, numericOid));

/** Whole numbers are of one type here, however large: statements that differ by them alone share what is known. */
export function literal({ ival, fval, boolval }: AstRecord): Value {
  if (boolval !== undefined) return truth;
  if (ival !== undefined || /^\d+$/.test(text(record(fval).fval))) return wholeNumber;
  return fval === undefined ? untyped : fraction;
}
