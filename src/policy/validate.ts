/** Policy files and their cases against their schemas, in words for those who write them. */
import type { z } from 'zod';
import type { FileFault, YamlDocument, YamlOptions } from '../yaml/document.ts';
import { issueFaults } from '../yaml/faults.ts';
import { didYouMean } from '../yaml/nearest.ts';

/** An unquoted `null` is a mask. Of two rules that are one through an alias, the alias is what is wrong. */
export const yamlOptions: YamlOptions = { charsMax: 1 << 20, emptyIsMissing: false, placeOfAliased: 'alias' };

const wordsShownMax = 12;

/** Value of the schema, or every fault that the schema finds in the file. */
export function validate<T>(yaml: YamlDocument, schema: z.ZodType<T>): { value: T } | { faults: FileFault[] } {
  const result = schema.safeParse(yaml.data, { error: describeIssue });
  if (result.success) return { value: result.data };
  const unknownKey = (path: readonly (string | number)[], known: readonly string[]): string =>
    `unknown key${didYouMean(String(path.at(-1)), known)}`;
  return { faults: issueFaults(yaml, schema, result.error.issues, unknownKey) };
}

function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'missing' : `expected ${typeName(issue.expected)}, found ${show(issue.input)}`;
    case 'invalid_value': {
      const words = issue.values.map(String);
      // A long list would bury the suggestion; the reference has it.
      const known = words.length > wordsShownMax ? 'the words for this key' : words.join(', ');
      if (issue.input === undefined) return `missing; one of ${known}`;
      const hint = typeof issue.input === 'string' ? didYouMean(issue.input, words) : '';
      return `${show(issue.input)} is none of ${known}${hint}`;
    }
    case 'too_small':
      return issue.minimum === 1 && issue.origin !== 'int' && issue.origin !== 'number'
        ? 'must not be empty'
        : `must be at least ${issue.minimum}`;
    case 'too_big':
      return `must be at most ${issue.maximum}${issue.origin === 'string' ? ' characters' : ''}`;
    case 'invalid_format':
      return undefined;
    default:
      return undefined;
  }
}

function typeName(expected: string): string {
  if (expected === 'array') return 'a list';
  if (expected === 'object' || expected === 'record') return 'a map';
  if (expected === 'int') return 'a whole number';
  return `a ${expected}`;
}

/** Policy files hold no secrets, so a short quotation helps and harms nobody. */
function show(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a map';
  const text = String(value);
  return typeof value === 'string' ? `"${text.slice(0, 40)}"` : text.slice(0, 40);
}
