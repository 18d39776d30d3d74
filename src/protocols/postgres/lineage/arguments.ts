/** Arguments of calls: which functions take how many, and what their parameters hold then. */
import type { Catalog, PgFunction } from '../catalog/catalog.ts';
import { elementOf, holdsRecord } from './plain.ts';
import { type Value, Dependencies, opaque, typedAs } from './value.ts';

export interface Argument {
  /** '' for positional notation. */
  readonly name: string;
  readonly value: Value;
}

/** Whether it can be called with so many arguments. */
export function takes(f: PgFunction, count: number): boolean {
  // Direct and aggregated arguments of ordered-set aggregates are counted together by the catalog only.
  return f.kind === 'a' || (count >= f.argumentsMin && count <= f.argumentsMax);
}

/** CALL gives OUT parameters an argument too, which says nothing (manual, CALL). */
export function takesOutputs(f: PgFunction, count: number): boolean {
  const outputs = f.modes.filter((mode) => mode === 'o').length;
  return takes(f, count) || takes(f, count - outputs);
}

export function inputsOf(f: PgFunction, args: readonly Argument[]): readonly Argument[] {
  const given = args.filter(({ name }, at) =>
    name === '' ? f.modes[at] !== 'o' : !f.outputNames.includes(name) || f.inputNames.includes(name),
  );
  return takes(f, given.length) ? given : args;
}

export function valuesOf(args: readonly Argument[]): readonly Value[] {
  return args.map((arg) => arg.value);
}

export function computed(args: readonly Argument[]): Value {
  const all = new Dependencies();
  for (const arg of args) all.add(arg.value);
  return all.value();
}

export function bindArguments(catalog: Catalog, f: PgFunction, args: readonly Argument[]): readonly Value[] {
  const count = Number.isFinite(f.argumentsMax) ? f.argumentsMax : Math.max(f.inputNames.length, args.length);
  // A parameter left to its default: the default's expression is not known here.
  const values: Value[] = new Array(Math.min(count, 200)).fill(opaque);
  if (!Number.isFinite(f.argumentsMax)) return values.fill(computed(args));
  args.forEach((arg, at) => {
    const position = arg.name === '' ? at : f.inputNames.indexOf(arg.name);
    if (position < 0 || position >= values.length) return;
    const type = f.modes.length === 0 ? (f.parameterTypes[position] ?? 0) : 0;
    // What is given takes the type of the parameter.
    const isTyped = type !== 0 && catalog.type(type)?.kind !== 'p' && arg.value.row === null;
    values[position] = isTyped ? typedAs(arg.value, elementOf(catalog, type), holdsRecord(catalog, type)) : arg.value;
  });
  return values;
}
