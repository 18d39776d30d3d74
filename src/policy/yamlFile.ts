/**
 * One YAML file against one zod schema, with a line and column for every fault. Pure: takes the text, not the path.
 */
import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Document, Node } from 'yaml';
import type { z } from 'zod';
import type { PolicyFault, PolicyFile, Position } from './types.ts';

const fileCharactersMax = 1 << 20;
/** Enough for hand-written anchors; a "billion laughs" file needs many more. */
const aliasesMax = 100;
const wordsShownMax = 12;

export type Path = readonly (string | number)[];

/** A file that is YAML. Its data has not been checked against anything. */
export interface YamlFile {
  readonly name: string;
  readonly data: unknown;
  at(path: Path): Position;
  fault(path: Path, message: string): PolicyFault;
  /** Points at the last key of the path instead of its value. */
  keyFault(path: Path, message: string): PolicyFault;
}

export function readYaml(file: PolicyFile): { yaml: YamlFile } | { faults: PolicyFault[] } {
  if (file.text.length > fileCharactersMax) {
    const message = `larger than ${fileCharactersMax} characters`;
    return { faults: [{ file: file.name, line: 1, column: 1, path: '', message }] };
  }
  const lines = new LineCounter();
  const document = parseDocument(file.text, { lineCounter: lines, prettyErrors: false });
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { file: file.name, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problems = [...document.errors, ...document.warnings];
  if (problems.length > 0) {
    const faults = problems.map((problem) => ({ ...position(problem.pos[0]), path: '', message: problem.message }));
    return { faults };
  }
  let data: unknown;
  try {
    data = document.toJS({ maxAliasCount: aliasesMax });
  } catch (error) {
    // The only foreign cause left is an alias that is undefined or multiplies; the library throws for both.
    const message = error instanceof Error ? error.message : 'cannot be resolved';
    return { faults: [{ file: file.name, line: 1, column: 1, path: '', message }] };
  }
  const at = (path: Path): Position => position(offsetOf(document, path, 'value'));
  return {
    yaml: {
      name: file.name,
      data,
      at,
      fault: (path, message) => ({ ...at(path), path: formatPath(path), message }),
      keyFault: (path, message) => ({
        ...position(offsetOf(document, path, 'key')),
        path: formatPath(path),
        message,
      }),
    },
  };
}

/** Value of the schema, or every fault that the schema finds in the data at `path` of the file. */
export function validate<T>(
  yaml: YamlFile,
  schema: z.ZodType<T>,
  data: unknown,
  path: Path,
): { value: T } | { faults: PolicyFault[] } {
  const result = schema.safeParse(data, { error: describeIssue });
  if (result.success) return { value: result.data };
  const faults: PolicyFault[] = [];
  for (const issue of result.error.issues) {
    const issuePath = [...path, ...issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key))];
    if (issue.code === 'unrecognized_keys') {
      const known = knownKeys(schema, issue.path);
      for (const key of issue.keys)
        faults.push(yaml.keyFault([...issuePath, key], `unknown key${suggest(key, known)}`));
    } else {
      faults.push(yaml.fault(issuePath, issue.message));
    }
  }
  return { faults };
}

/** `; did you mean "x"?` if one of the words is close, else an empty string. */
export function suggest(word: string, known: readonly string[]): string {
  let best = '';
  let bestDistance = Math.max(1, Math.floor(word.length / 3));
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate, bestDistance);
    if (distance < bestDistance || (distance === bestDistance && best === '')) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best === '' ? '' : `; did you mean "${best}"?`;
}

/** Items [n] and keys .k, as in JavaScript. */
export function formatPath(path: Path): string {
  let text = '';
  for (const key of path) text += typeof key === 'number' ? `[${key}]` : text === '' ? key : `.${key}`;
  return text;
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
      const hint = typeof issue.input === 'string' ? suggest(issue.input, words) : '';
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

interface Shaped {
  readonly shape?: Readonly<Record<string, unknown>>;
  unwrap?(): unknown;
}

/** Keys that the schema knows at this path, for suggestions only: an unknown construct gives an empty list. */
function knownKeys(schema: unknown, path: readonly PropertyKey[]): string[] {
  let at = unwrapped(schema);
  for (const key of path) {
    // `unwrapped` has already stepped from a list to its entries.
    if (typeof key !== 'number') at = unwrapped(at?.shape?.[String(key)]);
  }
  return Object.keys(at?.shape ?? {});
}

function unwrapped(schema: unknown): Shaped | undefined {
  let at = schema as Shaped | undefined;
  while (typeof at?.unwrap === 'function') at = at.unwrap() as Shaped | undefined;
  return at;
}

/** Offset of the deepest node of the path that exists: of a missing key, the map that lacks it. */
function offsetOf(document: Document.Parsed, path: Path, last: 'key' | 'value'): number {
  let node: Node | null | undefined = document.contents;
  let offset = node?.range?.[0] ?? 0;
  for (const [depth, key] of path.entries()) {
    // What is wrong with an alias is wrong where it stands, not where its anchor does.
    if (isAlias(node)) return offset;
    let keyNode: Node | null = null;
    if (isMap<Node, Node | null>(node)) {
      const pair: { key: Node; value: Node | null } | undefined = node.items.find(
        (item) => isScalar(item.key) && String(item.key.value) === String(key),
      );
      if (pair === undefined) return offset;
      keyNode = pair.key;
      node = pair.value;
    } else if (isSeq<Node>(node)) {
      node = node.items[Number(key)];
    } else {
      return offset;
    }
    const wanted: Node | null | undefined = depth === path.length - 1 && last === 'key' ? keyNode : node;
    offset = (wanted ?? keyNode)?.range?.[0] ?? offset;
  }
  return offset;
}

/** Edit distance in which swapping two neighbours counts once, as typing errors do; given up beyond `limit`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? before[j - 2] + 1 : Infinity;
      next.push(Math.min(replaced, swapped, row[j] + 1, next[j - 1] + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length];
}
