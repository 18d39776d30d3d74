/** Reads the sources of this project for the tidy tests. Paths are relative to the checkout, with forward slashes. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

export const root = join(import.meta.dirname, '..', '..');

export interface Source {
  readonly path: string;
  readonly text: string;
  /** The text with comments and the contents of strings blanked; line breaks stay where they are. */
  readonly code: string;
  /** Paths of the project's own files that this one imports or names. */
  readonly uses: readonly Use[];
}

export interface Use {
  readonly path: string;
  readonly typeOnly: boolean;
}

let cached: readonly Source[] | null = null;

/** Every TypeScript file of src, test, native-bench and loadtest. */
export function readSources(): readonly Source[] {
  cached ??= globSync('{src,test,native-bench,loadtest}/**/*.ts', { cwd: root })
    .toSorted()
    .map((path) => {
      const text = readFileSync(join(root, path), 'utf8');
      return { path, text, code: blank(text), uses: findUses(path, text) };
    });
  return cached;
}

/** Files that are kept in the repository besides sources and may be read by people: documents, policies, scripts. */
export function readTexts(): readonly { path: string; text: string }[] {
  return globSync(['*', '{docs,policies,src,test,native-bench,loadtest,.ci}/**/*'], { cwd: root, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'package-lock.json' && !/\.(?:png|wasm|svg)$/.test(entry.name))
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return { path: normalize(path.slice(root.length + 1)), text: readFileSync(path, 'utf8') };
    });
}

/** Line numbers (from 1) of `code` where `pattern` matches, as `path:line`. */
export function placesOf(source: Source, pattern: RegExp): string[] {
  return source.code.split('\n').flatMap((line, at) => (pattern.test(line) ? [`${source.path}:${at + 1}`] : []));
}

const comment = /^\s*\/\/[^\n]*|\/\*[\s\S]*?\*\//gm;

function findUses(path: string, text: string): Use[] {
  const uses: Use[] = [];
  const imports =
    /^(?:import|export)\s(?<type>type\s)?[^'";]*?from\s+'(?<path>\.[^']+)'|import\(\s*'(?<late>\.[^']+)'/gm;
  for (const { groups } of text.matchAll(imports)) {
    const used = groups?.['path'] ?? groups?.['late'];
    if (used !== undefined)
      uses.push({ path: normalize(join(dirname(path), used)), typeOnly: groups?.['type'] !== undefined });
  }
  // Workers and children are started by file name, which is no import: './lane' with or without its ending.
  for (const [, name] of text.replaceAll(comment, '').matchAll(/['"`]([\w./-]+?)(?:\.ts)?['"`]/g)) {
    for (const base of [dirname(path), join(dirname(path), 'fixtures')]) {
      uses.push({ path: normalize(`${join(base, name)}.ts`), typeOnly: false });
    }
  }
  return uses;
}

/** A tokenizer that knows just enough: comments, the three kinds of strings, and regular expressions. */
function blank(text: string): string {
  const token =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|(?<=[=(,:[!&|?{};]\s*|\breturn\s|^\s*)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/gm;
  return text.replaceAll(token, (found) => found.replaceAll(/[^\n]/g, ' '));
}
