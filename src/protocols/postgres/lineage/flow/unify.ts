/**
 * Values that come together: the server makes them one type without anybody writing a cast, and compares them. A number that is
 * too large for an object's, or for a float, fails there, and so do records of which two fields are of different types.
 */
import { recordChoice } from './hazards.ts';
import type { Analysis } from '../scope.ts';
import { type Value, Dependencies, unknownType } from '../value.ts';

const int8 = 20;
const numeric = 1700;

/** oid and the types of names: regproc, regclass and the like. */
const objects: ReadonlySet<number> = new Set([
  26, 24, 2202, 2203, 2204, 2205, 2206, 4096, 4089, 3734, 3769, 4191, 8326,
]);
const floats: ReadonlySet<number> = new Set([700, 701]);
const timestamps: ReadonlySet<number> = new Set([1114, 1184]);

/** Records what makes one type of `values` fail. */
export function recordUnified(analysis: Analysis, values: readonly Value[]): void {
  if (analysis.flow === null || values.length < 2) return;
  recordCollations(analysis, values);
  // There may be thousands of values, but few types.
  const types = new Map<number, number>();
  for (const { resultType } of values) types.set(resultType, (types.get(resultType) ?? 0) + 1);
  const narrowed = new Set(
    [...types.keys()].filter((from) =>
      [...types].some(([to, count]) => (to !== from || count > 1) && narrows(from, to)),
    ),
  );
  if (!values.some((one) => isKnownToHang(one) && narrowed.has(one.resultType))) return;
  analysis.flow.hazards++;
  recordChoice(analysis, allOf(values));
}

/**
 * Records what values of several collations tell: which of them rules is not determined, and that is an error only once it is
 * asked for, which an empty value or another length may avoid.
 */
export function recordCollations(analysis: Analysis, values: readonly Value[]): void {
  const [first, ...others] = values.filter((one) => one.collation !== null || one.sources.size > 0);
  if (analysis.flow === null || !others.some(({ collation }) => collation !== first.collation)) return;
  if (!values.some(isKnownToHang)) return;
  analysis.flow.hazards++;
  recordChoice(analysis, allOf(values));
}

/** Whether a value of the one type may fail when it is made the other. */
function narrows(from: number, to: number): boolean {
  if (to === unknownType || (from === to && to !== 0)) return false;
  switch (from) {
    case 0:
      return to === 0 || objects.has(to) || floats.has(to) || timestamps.has(to);
    case int8:
      return to === 0 || objects.has(to);
    case numeric:
      return to === 0 || floats.has(to);
    default:
      return false;
  }
}

/** Records what comparing `values` tells: that of records may fail, wherever two fields are reached. */
export function recordCompared(analysis: Analysis, values: readonly Value[]): void {
  if (analysis.flow === null || !values.some((one) => one.record) || !values.some(isKnownToHang)) return;
  // Values of one column are of one type, whatever it is.
  if (values.length === 1 && values[0].alone) return;
  analysis.flow.hazards++;
  recordChoice(analysis, allOf(values));
}

/** What may be anything is told of by what made it so. */
function isKnownToHang({ kind, sources }: Value): boolean {
  return kind !== 'opaque' && sources.size > 0;
}

function allOf(values: readonly Value[]): Value {
  const all = new Dependencies();
  for (const value of values) all.add(value);
  return all.value();
}
