/**
 * The algebra of lineage: what an expression's value may depend on.
 *
 * Everything unknown is {@link opaque}, which every combination keeps: fail closed.
 */
import type { ColumnKey } from '../catalog/catalog.ts';

/**
 * `column`: always the unchanged value of one of `sources`, or a constant. `expression`: computed from `sources`.
 * `constant`: from no column at all. `opaque`: may hold anything.
 */
export type ValueKind = 'column' | 'expression' | 'constant' | 'opaque';

export interface Value {
  readonly kind: ValueKind;
  readonly sources: ReadonlySet<ColumnKey>;
  /** Fields of a row value, where they are known. */
  readonly row: Columns | null;
  /** Type OID where it is that of a catalog column, else 0. */
  readonly typeOid: number;
  /** The value of one column and of no other; no literal can stand in its place. */
  readonly alone: boolean;
  /** Whether it is NULL, and how long it is, tells no more of its sources than which of them are NULL and how long they are. */
  readonly steady: boolean;
  /** Those of the sources by whose content it is NULL or not, as `nullif(ssn, '1')` is. */
  readonly gaps: ReadonlySet<ColumnKey>;
  /** It may be a record, or hold one: these are compared field by field, and fail where two are of different types. */
  readonly record: boolean;
  /** The collation that it was given (COLLATE), or a part of it; null: none. */
  readonly collation: string | null;
  /** Of how many values and literals it is put together without growing otherwise; Infinity: not known. */
  readonly parts: number;
  /**
   * Type OID of what stands here, of a domain its base, of an array its elements: also of literals ({@link unknownType} for a
   * text), casts and calls. 0: not known.
   */
  readonly resultType: number;
}

/** The type of a literal text or NULL, which takes that of what stands beside it. */
export const unknownType = 705;

export interface NamedValue {
  readonly name: string;
  readonly value: Value;
}

/** Columns of a relation in the order of `*`. */
export interface Columns {
  readonly list: readonly NamedValue[];
  /** Where in `list` an unknown number of further columns stands, or -1: all are known. */
  readonly openAt: number;
  /** What a further column may depend on. */
  readonly rest: Value;
  /**
   * They are of several relations that one name may mean: known by their names, but not by their places. The names that not all of
   * these relations have, so that each may mean something else.
   */
  readonly mixed?: ReadonlySet<string>;
}

const noSources: ReadonlySet<ColumnKey> = new Set();

export const constant: Value = Object.freeze({
  kind: 'constant',
  sources: noSources,
  row: null,
  typeOid: 0,
  alone: false,
  steady: true,
  gaps: noSources,
  record: false,
  collation: null,
  parts: 1,
  resultType: 0,
});
export const opaque: Value = Object.freeze({
  kind: 'opaque',
  sources: noSources,
  row: null,
  typeOid: 0,
  alone: false,
  steady: false,
  gaps: noSources,
  record: true,
  collation: null,
  parts: Infinity,
  resultType: 0,
});

const constantRecord: Value = Object.freeze({ ...constant, record: true });

export const noColumns: Columns = Object.freeze({ list: [], openAt: -1, rest: constant });
/** Columns of which nothing is known. */
export const unknownColumns: Columns = Object.freeze({ list: [], openAt: 0, rest: opaque });

/** @param holdsRecord whether its type is composite, or has one in it. */
export function columnValue(key: ColumnKey, typeOid: number, holdsRecord = false, resultType = typeOid): Value {
  const sources = new Set([key]);
  const shape = { row: null, typeOid, record: holdsRecord, collation: null, parts: 1, resultType };
  return { kind: 'column', sources, ...shape, alone: true, steady: true, gaps: noSources };
}

/** The same value, of which the type is known. */
export function typedAs(value: Value, resultType: number, holdsRecord = false): Value {
  if (value.kind === 'opaque' || (value.resultType === resultType && value.record === holdsRecord)) return value;
  return { ...value, resultType, record: holdsRecord };
}

/** The same value, which is put together of these and no larger than they are. */
export function madeOf(value: Value, values: readonly Value[]): Value {
  return value.kind === 'opaque' ? value : { ...value, parts: partsOfAll(values) };
}

function partsOfAll(values: readonly Value[]): number {
  let parts = 1;
  for (const value of values) parts += value.parts;
  return parts;
}

/** The same value, which may be a record or hold one. */
export function withRecord(value: Value): Value {
  return value.record ? value : { ...value, record: true, resultType: 0 };
}

export function knownColumns(list: readonly NamedValue[]): Columns {
  return { list, openAt: -1, rest: constant };
}

/** A value that is one of the two, unchanged: positions of a UNION, arguments of COALESCE, merged join columns. */
export function either(a: Value, b: Value): Value {
  if (a === b) return a;
  if (a.kind === 'opaque' || b.kind === 'opaque') return opaque;
  const computed = a.kind === 'expression' || b.kind === 'expression';
  const sources = union(a.sources, b.sources);
  // A NULL or text literal takes the column's type, a literal of another type could not stand there.
  const typeOid = a.typeOid === b.typeOid || b.kind === 'constant' ? a.typeOid : a.kind === 'constant' ? b.typeOid : 0;
  const kind = computed ? 'expression' : sources.size === 0 ? 'constant' : 'column';
  const alone = a.alone && b.alone && sources.size === 1;
  const gaps = union(a.gaps, b.gaps);
  const record = a.record || b.record;
  const parts = Math.max(a.parts, b.parts);
  const shape = {
    row: eitherRow(a, b),
    typeOid,
    record,
    collation: a.collation ?? b.collation,
    parts,
    resultType: eitherType(a.resultType, b.resultType),
  };
  return { kind, sources, ...shape, alone, steady: a.steady && b.steady, gaps };
}

/** Types in an order in which each takes every value of those before it: int2, int4, int8, numeric. */
export const widening: readonly number[] = [21, 23, 20, 1700];

/** The type of what may be of one or the other. */
function eitherType(a: number, b: number): number {
  if (a === b || b === unknownType) return a;
  if (a === unknownType) return b;
  const [first, second] = [widening.indexOf(a), widening.indexOf(b)];
  return first === -1 || second === -1 ? 0 : widening[Math.max(first, second)];
}

/** The type that values take together. */
export function commonType(values: readonly Value[]): number {
  let type = unknownType;
  for (const { resultType } of values) type = eitherType(type, resultType);
  return type;
}

function eitherRow(a: Value, b: Value): Columns | null {
  if (a.row === null || b.row === null || a.row.mixed !== undefined || b.row.mixed !== undefined) return null;
  if (a.row.openAt !== -1 || b.row.openAt !== -1 || a.row.list.length !== b.row.list.length) return null;
  const other = b.row.list;
  return knownColumns(
    a.row.list.map((column, at) => ({ name: column.name, value: either(column.value, other[at].value) })),
  );
}

/** Gathers what a computed value depends on. */
export class Dependencies {
  private sources: ReadonlySet<ColumnKey> = noSources;
  private gaps: ReadonlySet<ColumnKey> = noSources;
  private isOpaque = false;
  private hasRecord = false;
  private collation: string | null = null;

  add(value: Value): void {
    if (value.kind === 'opaque') {
      this.isOpaque = true;
      return;
    }
    if (value.record) this.hasRecord = true;
    this.collation ??= value.collation;
    this.sources = union(this.sources, value.sources);
    this.gaps = union(this.gaps, value.gaps);
  }

  addColumns(columns: Columns): void {
    for (const column of columns.list) this.add(column.value);
    if (columns.openAt !== -1) this.add(columns.rest);
  }

  /** The computed value; without any source it is a constant. */
  value(): Value {
    return this.isOpaque ? opaque : this.known();
  }

  /** The same without what cannot be known. */
  known(): Value {
    const { sources, gaps, hasRecord, collation } = this;
    if (sources.size === 0 && collation === null) return hasRecord ? constantRecord : constant;
    if (sources.size === 0) return { ...constant, record: hasRecord, collation };
    return { ...computedValue(sources, gaps, hasRecord), collation };
  }
}

function computedValue(sources: ReadonlySet<ColumnKey>, gaps: ReadonlySet<ColumnKey>, record: boolean): Value {
  const shape = { row: null, typeOid: 0, record, collation: null, parts: Infinity, resultType: 0 };
  return { kind: 'expression', sources, ...shape, alone: false, steady: false, gaps };
}

function union(a: ReadonlySet<ColumnKey>, b: ReadonlySet<ColumnKey>): ReadonlySet<ColumnKey> {
  if (b.size === 0 || a === b) return a;
  if (a.size === 0) return b;
  let all: Set<ColumnKey> | null = null;
  // Sets are shared between values, so one is copied only when it really grows.
  for (const key of b) if (!a.has(key)) (all ??= new Set(a)).add(key);
  return all ?? a;
}

const rows = new WeakMap<Columns, Value>();

/** A row made of these columns: `t`, `(t).*`, ROW(..). */
export function rowValue(columns: Columns): Value {
  let value = rows.get(columns);
  if (value === undefined) {
    const all = new Dependencies();
    all.addColumns(columns);
    const steady = columns.openAt === -1 && columns.list.every((column) => column.value.steady);
    const parts = columns.openAt === -1 ? partsOfAll(columns.list.map((column) => column.value)) : Infinity;
    value = { ...all.value(), row: columns, record: true, steady, parts };
    rows.set(columns, value);
  }
  return value;
}

/** One field of a value: of a known row exactly that, of any other value whatever it depends on. */
export function fieldOf(value: Value, name: string): Value {
  // Which of several rows it is of, may hang on what these hold.
  if (value.row === null) return withGaps(computedFrom(value));
  return findColumn(value.row, name) ?? opaque;
}

/** A value computed from this one alone. */
export function computedFrom(value: Value): Value {
  const { kind, sources, gaps, record, parts, collation } = value;
  if (kind !== 'opaque' && kind !== 'constant') return { ...computedValue(sources, gaps, record), parts, collation };
  return value.row === null && value.resultType === 0 ? value : { ...value, row: null, resultType: 0 };
}

/** The same value, which is NULL or not by what stands in its sources. */
export function withGaps(value: Value): Value {
  return value.sources.size === 0 ? value : { ...value, gaps: value.sources };
}

/** What decides whether the value is NULL. */
export function gapsOf(value: Value): Value {
  return dependingOn(value.gaps);
}

/** Something computed from these columns. */
export function dependingOn(sources: ReadonlySet<ColumnKey>): Value {
  return sources.size === 0 ? constant : computedValue(sources, noSources, false);
}

/** The same value, of which it is known that it is NULL only where `from` are, and no longer than these make it. */
export function steadyIf(value: Value, from: readonly Value[]): Value {
  const steady = value.kind !== 'opaque' && from.every((one) => one.steady);
  return steady && !value.steady ? { ...value, steady } : value;
}

/**
 * Value of the column with this name; several of the same name (a reference would be ambiguous) are taken together.
 * undefined: surely no such column.
 */
export function findColumn(columns: Columns, name: string): Value | undefined {
  let found: Value | undefined;
  for (const column of columns.list) {
    if (column.name === name) found = found === undefined ? column.value : either(found, column.value);
  }
  if (found !== undefined || columns.openAt === -1) return found;
  return columns.rest;
}

/** Two relations side by side. Where both have unknown parts, everything between them is one unknown part. */
export function concatColumns(a: Columns, b: Columns): Columns {
  const columns = sideBySide(a, b);
  if (a.mixed === undefined && b.mixed === undefined) return columns;
  return { ...columns, mixed: new Set([...(a.mixed ?? []), ...(b.mixed ?? [])]) };
}

function sideBySide(a: Columns, b: Columns): Columns {
  if (a.list.length === 0 && a.openAt === -1) return b;
  if (b.list.length === 0 && b.openAt === -1) return a;
  const list = [...a.list, ...b.list];
  if (b.openAt === -1) return { list, openAt: a.openAt, rest: a.rest };
  if (a.openAt === -1) return { list, openAt: a.list.length + b.openAt, rest: b.rest };
  const between = new Dependencies();
  between.add(a.rest);
  between.add(b.rest);
  for (const column of a.list.slice(a.openAt)) between.add(column.value);
  for (const column of b.list.slice(0, b.openAt)) between.add(column.value);
  // Names in the part that became unknown stay reachable through `rest`, which covers them.
  return { list: [...a.list.slice(0, a.openAt), ...b.list.slice(b.openAt)], openAt: a.openAt, rest: between.value() };
}

/** Positions of a set operation: names of the left, values of both. */
export function unionColumns(a: Columns, b: Columns): Columns {
  if (a.openAt === -1 && b.openAt === -1 && a.list.length === b.list.length) {
    return knownColumns(
      a.list.map((column, at) => ({ name: column.name, value: either(column.value, b.list[at].value) })),
    );
  }
  // Columns of unknown number on one side: any position may hold any of them.
  const all = new Dependencies();
  all.addColumns(a);
  all.addColumns(b);
  return { list: [], openAt: 0, rest: all.value() };
}

/** Replaces names from the left: `AS t(a, b)`. */
export function renameColumns(columns: Columns, names: readonly string[]): Columns {
  if (names.length === 0) return columns;
  if (columns.mixed !== undefined)
    return { list: names.map((name) => ({ name, value: opaque })), openAt: names.length, rest: opaque };
  const known = columns.openAt === -1 ? columns.list.length : columns.openAt;
  const list = columns.list.map((column, at) =>
    at < names.length && at < known ? { name: names[at], value: column.value } : column,
  );
  // Names given beyond the known columns fall on unknown ones, or on known ones behind those.
  if (names.length <= known || columns.openAt === -1) return { ...columns, list };
  const all = new Dependencies();
  all.add(columns.rest);
  for (const column of columns.list.slice(known)) all.add(column.value);
  const rest = all.value();
  const named = names.slice(known).map((name) => ({ name, value: rest }));
  return { list: [...list.slice(0, known), ...named], openAt: names.length, rest };
}
