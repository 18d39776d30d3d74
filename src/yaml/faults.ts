/** Faults of files as text and as places, and those that a schema finds. */
import { z } from 'zod';
import type { FileFault, KeyPath, YamlDocument } from './document.ts';

/** `file:line:column path: message`, which editors and terminals turn into links. */
export function formatFault(fault: FileFault): string {
  const path = fault.path === '' ? '' : ` ${fault.path}:`;
  // A line of 0 is that of a directory, or of a file that could not be read: there is no place in it to go to.
  if (fault.line === 0) return `${fault.file}:${path} ${fault.message}`;
  return `${fault.file}:${fault.line}:${fault.column}${path} ${fault.message}`;
}

/** A fault of a directory, or of a file that cannot be read. */
export function wholeFault(file: string, message: string): FileFault {
  return { file, line: 0, column: 0, path: '', message };
}

/** Items [n] and keys .k, as in JavaScript. */
export function pathText(path: KeyPath): string {
  let text = '';
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : text === '' ? part : `.${part}`;
  return text;
}

/** A fault at the value of `path`, or at its nearest existing ancestor. */
export function faultAt(document: YamlDocument, path: KeyPath, message: string): FileFault {
  return { ...document.locate(path), path: pathText(path), message };
}

/** What to say of the key at the end of `path`, which the schema does not know; `known`: those that it knows there. */
export type ExplainKey = (path: KeyPath, known: readonly string[]) => string;

/** All faults of a failed validation, one per unknown key. The paths of `issues` begin at the top of the file. */
export function issueFaults(
  document: YamlDocument,
  schema: z.ZodType,
  issues: readonly z.core.$ZodIssue[],
  explainKey: ExplainKey,
): FileFault[] {
  return issues.flatMap((issue) => {
    const path = issue.path.filter((part) => typeof part !== 'symbol');
    if (issue.code === 'unrecognized_keys') {
      const known = keysAt(schema, path, document.valueAt(path));
      return issue.keys.map((key) => {
        const full = [...path, key];
        return { ...document.locateKey(path, key), path: pathText(full), message: explainKey(full, known) };
      });
    }
    if (issue.code === 'invalid_union') {
      const meant = meantOption(document, path, issue.errors);
      if (meant !== null) {
        const nested = meant.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
        return issueFaults(document, schema, nested, explainKey);
      }
    }
    return [faultAt(document, path, issue.message)];
  });
}

/** The option of a union that the writer meant: the only one all of whose own keys are there. */
function meantOption(
  document: YamlDocument,
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
