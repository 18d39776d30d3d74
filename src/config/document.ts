/** YAML to plain values, with the place of every key. Pure. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, ErrorCode, Node, YAMLParseError, YAMLWarning } from 'yaml';

import type { ConfigFault, KeyPath } from './faults.ts';

/** A configuration is written by hand; more than this is a mistake or an attack on the parser. */
const textCharsMax = 4 << 20;
const depthMax = 64;

export interface Position {
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

export interface ConfigDocument {
  readonly file: string;
  /** Plain values; keys without a value are left out, as if they were not written. */
  readonly raw: unknown;
  /** Faults of the YAML itself, in reading order; `raw` is undefined if there are any. */
  readonly faults: readonly ConfigFault[];
  has(path: KeyPath): boolean;
  /** The plain value at `path`; undefined where something on the way is missing or of another type. */
  valueAt(path: KeyPath): unknown;
  /** Place of the value at `path`, or of its nearest existing ancestor. */
  locate(path: KeyPath): Position;
  /** Place of the key `key` in the map at `path`. */
  locateKey(path: KeyPath, key: string): Position;
}

/**
 * The parser's own messages quote the text that they stumble over, which may be a secret, so each code has its own
 * sentence here.
 */
const yamlMessages: Partial<Record<ErrorCode, string>> = {
  BAD_ALIAS: 'an alias (`*name`) has no anchor, or is malformed; quote text that starts with `*`',
  BAD_DQ_ESCAPE: 'unknown escape in a double-quoted text; use single quotes or double the backslash',
  BAD_INDENT: 'wrong indentation',
  BAD_SCALAR_START: 'plain text cannot start with this character; quote it',
  BLOCK_AS_IMPLICIT_KEY: 'a nested map cannot stand on the line of its key',
  DUPLICATE_KEY: 'this key stands twice in the same map',
  MISSING_CHAR: 'a character is missing here: a colon, comma, quote or closing bracket',
  MULTILINE_IMPLICIT_KEY: 'a key must stand on one line; is a colon missing?',
  MULTIPLE_DOCS: 'only one YAML document is allowed in the file',
  TAB_AS_INDENT: 'tabs cannot indent; use spaces',
  TAG_RESOLVE_FAILED: 'unknown tag (`!name`); quote text that starts with `!`',
  UNEXPECTED_TOKEN: 'unexpected text here; check quotes, brackets and indentation',
};

/** Reads YAML text. `file` is only named in faults. */
export function readDocument(text: string, file: string): ConfigDocument {
  if (text.length > textCharsMax) return broken(file, `the file is longer than ${textCharsMax} characters`);
  const lines = new LineCounter();
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  let document: Document.Parsed;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  } catch {
    // The parser recurses; absurd nesting exhausts its stack.
    return broken(file, 'the YAML cannot be read; it may be nested too deeply');
  }
  const faults = yamlFaults([...document.errors, ...document.warnings], file, position);
  return faults.length > 0 ? { ...broken(file, ''), faults } : resolved(document, file, position);
}

/** One bracket too many can make the parser complain at every following character; each place is told once. */
function yamlFaults(
  problems: readonly (YAMLParseError | YAMLWarning)[],
  file: string,
  position: (offset: number) => Position,
): ConfigFault[] {
  const faults = new Map<string, ConfigFault>();
  for (const { code, pos } of problems) {
    const { line, column } = position(pos[0]);
    const message = yamlMessages[code] ?? `wrong YAML (${code})`;
    const key = `${line} ${message}`;
    if (!faults.has(key)) faults.set(key, { file, line, column, path: '', message });
  }
  return [...faults.values()];
}

function resolved(document: Document.Parsed, file: string, position: (offset: number) => Position): ConfigDocument {
  let raw: unknown;
  try {
    // An alias may be used a hundred times; more is the "billion laughs" attack.
    raw = dropEmpty(document.toJS({ maxAliasCount: 100 }), 0) ?? {};
  } catch {
    return broken(file, 'the YAML cannot be resolved: an alias without anchor, too many aliases, or too deep nesting');
  }
  const at = (path: KeyPath): { node: Node | null; depth: number } => walk(document, path);
  return {
    file,
    raw,
    faults: [],
    has: (path) => {
      const found = at(path);
      return found.depth === path.length && !(isScalar(found.node) && found.node.value === null);
    },
    valueAt: (path) => valueAt(raw, path),
    locate: (path) => position(at(path).node?.range?.[0] ?? 0),
    locateKey: (path, key) => {
      const map = at(path).node;
      const pair = isMap(map) ? map.items.find((item) => isScalar(item.key) && String(item.key.value) === key) : null;
      const keyNode = isScalar(pair?.key) ? pair.key : map;
      return position(keyNode?.range?.[0] ?? 0);
    },
  };
}

/** The deepest existing node on `path`, and how many of its parts exist. */
function walk(document: Document.Parsed, path: KeyPath): { node: Node | null; depth: number } {
  let node: Node | null = document.contents;
  for (let depth = 0; depth < path.length; depth++) {
    const next: unknown = isMap(node) || isSeq(node) ? node.get(path[depth], true) : null;
    const target: unknown = isAlias(next) ? next.resolve(document) : next;
    if (!isMap(target) && !isSeq(target) && !isScalar(target)) return { node, depth };
    node = target;
  }
  return { node, depth: path.length };
}

function valueAt(raw: unknown, path: KeyPath): unknown {
  let value = raw;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = Reflect.get(value, part);
  }
  return value;
}

/** `limits:` with every key below it commented out means the same as no `limits` at all. */
function dropEmpty(value: unknown, depth: number): unknown {
  if (depth > depthMax) throw new RangeError('too deep');
  if (Array.isArray(value)) return value.map((item) => dropEmpty(item, depth + 1));
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([, item]) => item !== null);
  return Object.fromEntries(kept.map(([key, item]) => [key, dropEmpty(item, depth + 1)]));
}

function broken(file: string, message: string): ConfigDocument {
  const start = { line: 1, column: 1 };
  return {
    file,
    raw: undefined,
    faults: [{ file, ...start, path: '', message }],
    has: () => false,
    valueAt: () => undefined,
    locate: () => start,
    locateKey: () => start,
  };
}
