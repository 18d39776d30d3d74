/** What is wrong with a configuration file, and where. Values are never quoted: a misplaced one may be a secret. */
import { z } from 'zod';

import type { ConfigDocument } from './document.ts';
import { laterKeys } from './schema.ts';

export interface ConfigFault {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** `connections[0].target.port`; empty for the file as a whole. */
  readonly path: string;
  /** What is wrong, and what would be right. */
  readonly message: string;
}

/** A key path in the file. */
export type KeyPath = readonly (string | number)[];

/** `file:line:column path: message`, which editors and terminals turn into links. */
export function formatFault(fault: ConfigFault): string {
  const path = fault.path === '' ? '' : ` ${fault.path}:`;
  return `${fault.file}:${fault.line}:${fault.column}${path} ${fault.message}`;
}

export function pathText(path: KeyPath): string {
  let text = '';
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : text === '' ? part : `.${part}`;
  return text;
}

/** A fault at the value of `path`, or at its nearest existing ancestor. */
export function faultAt(document: ConfigDocument, path: KeyPath, message: string): ConfigFault {
  return { file: document.file, ...document.locate(path), path: pathText(path), message };
}

/** The message for an issue whose schema has none of its own. */
export function explainIssue(issue: z.core.$ZodRawIssue): string | undefined {
  const received = typeName(issue.input);
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return `is missing; it must be ${expectedName(issue.expected)}`;
      return `must be ${expectedName(issue.expected)}, not ${received}`;
    case 'invalid_value':
      if (issue.input === undefined) return `is missing; it must be ${oneOf(issue.values)}`;
      return `must be ${oneOf(issue.values)}`;
    case 'too_small':
      return `must be at least ${issue.minimum}${unitOf(issue.origin)}`;
    case 'too_big':
      return `must be at most ${issue.maximum}${unitOf(issue.origin)}`;
    case 'invalid_key':
      return 'has a key that is empty, too long or not text';
    default:
      return undefined;
  }
}

/** All faults of a failed validation, one per unknown key. */
export function issueFaults(
  document: ConfigDocument,
  schema: z.ZodType,
  issues: readonly z.core.$ZodIssue[],
): ConfigFault[] {
  return issues.flatMap((issue) => {
    const path = issue.path.filter((part) => typeof part !== 'symbol');
    if (issue.code === 'unrecognized_keys') return unknownKeys(document, schema, path, issue.keys);
    if (issue.code === 'invalid_union') {
      const meant = meantOption(document, path, issue.errors);
      if (meant !== null) {
        const nested = meant.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
        return issueFaults(document, schema, nested);
      }
    }
    return [faultAt(document, path, issue.message)];
  });
}

function unknownKeys(
  document: ConfigDocument,
  schema: z.ZodType,
  path: KeyPath,
  keys: readonly string[],
): ConfigFault[] {
  const known = keysAt(schema, path, document.valueAt(path));
  return keys.map((key) => {
    const full = [...path, key];
    const position = document.locateKey(path, key);
    return { file: document.file, ...position, path: pathText(full), message: unknownKeyMessage(full, key, known) };
  });
}

function unknownKeyMessage(path: KeyPath, key: string, known: readonly string[]): string {
  if (laterKeys.has(pathText(path))) return `${key} is not available in this version`;
  const near = nearest(key, known);
  if (near !== null) return `unknown key; did you mean \`${near}\`?`;
  return known.length === 0 ? 'unknown key' : `unknown key; known here: ${known.join(', ')}`;
}

/** The option of a union that the writer meant: the only one all of whose own keys are there. */
function meantOption(
  document: ConfigDocument,
  path: KeyPath,
  options: readonly (readonly z.core.$ZodIssue[])[],
): readonly z.core.$ZodIssue[] | null {
  const meant = options.filter((issues) =>
    issues.every((issue) => {
      const first = issue.path[0];
      if (issue.code === 'unrecognized_keys' && issue.path.length === 0) return true;
      return typeof first === 'string' && document.has([...path, first]);
    }),
  );
  return meant.length === 1 ? meant[0] : null;
}

/** Keys that the object `value` at `path` may have, in the order of the schema; of a union, of the forms it resembles. */
function keysAt(schema: z.core.$ZodType, path: KeyPath, value: unknown): string[] {
  const here = unwrap(schema);
  const [first, ...rest] = path;
  if (here instanceof z.ZodUnion) {
    const forms = here.options.map((option) => keysAt(option, path, value));
    return forms.filter((keys) => keys.some((key) => isObject(value) && Object.hasOwn(value, key))).flat();
  }
  if (here instanceof z.ZodObject) {
    if (first === undefined) return Object.keys(here.shape);
    const child: unknown = Object.hasOwn(here.shape, first) ? here.shape[first] : null;
    return child instanceof z.ZodType ? keysAt(child, rest, value) : [];
  }
  return here instanceof z.ZodArray && first !== undefined ? keysAt(here.element, rest, value) : [];
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  let inner = schema;
  while (inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault || inner instanceof z.ZodOptional)
    inner = inner.unwrap();
  return inner;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** The known word that `word` was most likely meant to be, or null. */
export function nearest(word: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  // Keys are short; a very long one is not a typing mistake, and the distance is quadratic.
  if (word.length > 64) return null;
  for (const candidate of known) {
    // A forgotten unit: `drain` for `drain_ms`.
    if (candidate.startsWith(`${word}_`)) return candidate;
    const distance = editDistance(word.toLowerCase(), candidate);
    if (distance < bestDistance && distance < candidate.length) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Insertions, deletions and replacements that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length];
}

function typeName(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  switch (typeof value) {
    case 'object':
      return 'a map';
    case 'string':
      return 'text';
    case 'boolean':
      return 'true or false';
    case 'number':
      return Number.isInteger(value) ? 'a number' : 'a fraction';
    default:
      return typeof value;
  }
}

function expectedName(expected: string): string {
  const names: Readonly<Record<string, string>> = {
    string: 'text',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
    object: 'a map of keys',
    record: 'a map of keys',
    array: 'a list',
  };
  return names[expected] ?? expected;
}

function oneOf(values: readonly unknown[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.map(String).join(', ')}`;
}

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters long';
  return origin === 'array' ? ' long' : '';
}
