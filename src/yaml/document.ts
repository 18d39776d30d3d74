/** YAML that people write, to plain values, with the place of every key and value. Pure. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, ErrorCode, Node, YAMLParseError, YAMLWarning } from 'yaml';

/** A key path in the file. */
export type KeyPath = readonly (string | number)[];

/** A place in a file; line and column count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One thing wrong with a file. */
export interface FileFault extends Position {
  /** `connections[0].target.port`; empty for the file as a whole. */
  readonly path: string;
  /** What is wrong, and what would be right. */
  readonly message: string;
}

export interface YamlOptions {
  /** What is longer is a mistake or an attack on the parser. */
  readonly charsMax: number;
  /** `limits:` with every key below it commented out means the same as no `limits` at all, and nothing the same as {}. */
  readonly emptyIsMissing: boolean;
  /** Where something is that was written once, at an anchor, and is meant again through an alias. */
  readonly placeOfAliased: 'anchor' | 'alias';
}

export interface YamlDocument {
  readonly file: string;
  /** Plain values, checked against nothing; undefined if there are faults. */
  readonly data: unknown;
  /** Faults of the YAML itself, in reading order. */
  readonly faults: readonly FileFault[];
  /** Whether the file has a value at `path` that is not empty. */
  has(path: KeyPath): boolean;
  /** The plain value at `path`; undefined where something on the way is missing or of another type. */
  valueAt(path: KeyPath): unknown;
  /** Place of the value at `path`, or of its nearest existing ancestor: of a missing key, the map that lacks it. */
  locate(path: KeyPath): Position;
  /** Place of the key `key` in the map at `path`. */
  locateKey(path: KeyPath, key: string): Position;
}

const depthMax = 64;
/** Enough for anchors written by hand; the "billion laughs" attack needs many more. */
const aliasesMax = 100;

/**
 * The parser's own messages quote the text that they stumble over, which may be a secret, so each code has its own
 * sentence here.
 */
const yamlMessages: Partial<Record<ErrorCode, string>> = {
  BAD_ALIAS: 'an alias (`*name`) has no anchor, or is malformed; quote text that starts with `*`',
  BAD_DQ_ESCAPE: 'unknown escape in a double-quoted text; use single quotes or double the backslash',
  BAD_INDENT: 'wrong indentation: the keys of one map must start at the same column',
  BAD_SCALAR_START: 'plain text cannot start with this character; quote it',
  BLOCK_AS_IMPLICIT_KEY:
    'a nested map cannot stand on the line of its key, nor below its value; is the next line indented too far, or text with `: ` in it not quoted?',
  DUPLICATE_KEY: 'this key stands twice in the same map',
  MISSING_CHAR: 'a character is missing here: a colon, comma, quote or closing bracket',
  MULTILINE_IMPLICIT_KEY:
    'this is no `key: value`; is the colon missing, the space behind it, or the dash of a list item?',
  MULTIPLE_DOCS: 'only one YAML document is allowed in the file',
  TAB_AS_INDENT: 'tabs cannot indent; use spaces',
  TAG_RESOLVE_FAILED: 'unknown tag (`!name`); quote text that starts with `!`',
  UNEXPECTED_TOKEN: 'unexpected text here; check quotes, brackets and indentation',
};

/** Where one code of the parser stands for several mistakes: recognised by its message, which is not passed on. */
const yamlDetails: readonly (readonly [code: ErrorCode, said: RegExp, message: string])[] = [
  [
    'MISSING_CHAR',
    /^Sequence item without -/,
    'wrong indentation: this line belongs to no item of the list above; start it at the column of the other keys of the item, or with `- `',
  ],
  ['MISSING_CHAR', /^Missing closing/, 'the closing quote of a text is missing'],
  ['MISSING_CHAR', /followed by map values$/, 'this is no `key: value`; is the colon missing?'],
  [
    'BAD_INDENT',
    /^Flow /,
    'a bracket or brace that was opened above is not closed, or what is inside is not indented further than its key',
  ],
];

function yamlMessage({ code, message }: YAMLParseError | YAMLWarning): string {
  const detail = yamlDetails.find(([ofCode, said]) => ofCode === code && said.test(message));
  return detail?.[2] ?? yamlMessages[code] ?? `wrong YAML (${code})`;
}

/** Reads YAML text. `file` is only named in faults. Never throws. */
export function readDocument(text: string, file: string, options: YamlOptions): YamlDocument {
  if (text.length > options.charsMax) return broken(file, `the file is larger than ${options.charsMax} characters`);
  const lines = new LineCounter();
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  let document: Document.Parsed;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  } catch {
    // The parser recurses; absurd nesting exhausts its stack.
    return broken(file, 'the YAML cannot be read; it may be nested too deeply');
  }
  const faults = yamlFaults([...document.errors, ...document.warnings], position);
  return faults.length > 0 ? { ...broken(file, ''), faults } : resolved(document, file, options, position);
}

/** One bracket too many can make the parser complain at every following character; each line is told once. */
function yamlFaults(
  problems: readonly (YAMLParseError | YAMLWarning)[],
  position: (offset: number) => Position,
): FileFault[] {
  const faults = new Map<string, FileFault>();
  for (const problem of problems) {
    const at = position(problem.pos[0]);
    const message = yamlMessage(problem);
    const key = `${at.line} ${message}`;
    if (!faults.has(key)) faults.set(key, { ...at, path: '', message });
  }
  return [...faults.values()];
}

function resolved(
  document: Document.Parsed,
  file: string,
  options: YamlOptions,
  position: (offset: number) => Position,
): YamlDocument {
  let data: unknown;
  try {
    data = plain(document.toJS({ maxAliasCount: aliasesMax }), options.emptyIsMissing, 0);
  } catch {
    return broken(file, 'the YAML cannot be resolved: an alias without anchor, too many aliases, or too deep nesting');
  }
  const toAnchor = options.placeOfAliased === 'anchor';
  const placeOf = (node: Node | null): Position => position(node?.range?.[0] ?? 0);
  return {
    file,
    data: options.emptyIsMissing ? (data ?? {}) : data,
    faults: [],
    has: (path) => {
      const { node, depth } = walk(document, path, true);
      return depth === path.length && !(isScalar(node) && node.value === null);
    },
    valueAt: (path) => valueAt(data, path),
    locate: (path) => placeOf(walk(document, path, toAnchor).node),
    locateKey: (path, key) => {
      const { node } = walk(document, path, toAnchor);
      const keyNode = isMap(node) ? pairOf(node.items, key)?.key : null;
      return placeOf(isScalar(keyNode) ? keyNode : node);
    },
  };
}

/** The deepest existing node on `path`, and how many of its parts exist. Ends at an alias unless `follow`. */
function walk(document: Document.Parsed, path: KeyPath, follow: boolean): { node: Node | null; depth: number } {
  let node: Node | null = document.contents;
  for (let depth = 0; depth < path.length; depth++) {
    const next: unknown = childOf(node, path[depth]);
    const target: unknown = follow && isAlias(next) ? next.resolve(document) : next;
    if (!isMap(target) && !isSeq(target) && !isScalar(target) && !isAlias(target)) return { node, depth };
    node = target;
  }
  return { node, depth: path.length };
}

function childOf(node: Node | null, key: string | number): unknown {
  if (isMap(node)) return pairOf(node.items, String(key))?.value;
  return isSeq(node) ? node.items[Number(key)] : null;
}

/** The keys of plain values are texts, also where YAML reads a number or a truth. */
function pairOf<Pair extends { readonly key: unknown }>(pairs: readonly Pair[], key: string): Pair | undefined {
  return pairs.find((pair) => isScalar(pair.key) && String(pair.key.value) === key);
}

function valueAt(data: unknown, path: KeyPath): unknown {
  let value = data;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = Reflect.get(value, part);
  }
  return value;
}

/** The value within a depth that those who walk it later can bear, without its empty keys if so wanted. */
function plain(value: unknown, dropEmpty: boolean, depth: number): unknown {
  if (depth > depthMax) throw new RangeError('too deep');
  if (Array.isArray(value)) return value.map((item) => plain(item, dropEmpty, depth + 1));
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([, item]) => !dropEmpty || item !== null);
  return Object.fromEntries(kept.map(([key, item]) => [key, plain(item, dropEmpty, depth + 1)]));
}

function broken(file: string, message: string): YamlDocument {
  const start = { file, line: 1, column: 1 };
  return {
    file,
    data: undefined,
    faults: [{ ...start, path: '', message }],
    has: () => false,
    valueAt: () => undefined,
    locate: () => start,
    locateKey: () => start,
  };
}
