/**
 * What is said of a configuration that does not fit its schema. Values are never quoted: a misplaced one may be a secret.
 */
import type { z } from 'zod';

import type { KeyPath } from '../yaml/document.ts';
import { pathText } from '../yaml/faults.ts';
import { nearest } from '../yaml/nearest.ts';
import { laterKeys } from './schema.ts';

export { formatFault } from '../yaml/faults.ts';

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

/** The message for a key that the schema does not know. */
export function explainKey(path: KeyPath, known: readonly string[]): string {
  const key = String(path.at(-1));
  if (laterKeys.has(pathText(path))) return `${key} is not available in this version`;
  const near = nearest(key, known);
  if (near !== null) return `unknown key; did you mean \`${near}\`?`;
  return known.length === 0 ? 'unknown key' : `unknown key; known here: ${known.join(', ')}`;
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
