/** Reads a directory of policies. The only file besides `watch.ts` in this folder that does I/O. */
import { createHash } from 'node:crypto';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../errors.ts';
import type { FileFault } from '../yaml/document.ts';
import { wholeFault } from '../yaml/faults.ts';
import { compilePolicies } from './compile.ts';
import type { PolicySet } from './compile.ts';
import { parsePolicies } from './parse.ts';
import type { PolicyFile } from './types.ts';

const filesMax = 1000;
const fileBytesMax = 1 << 20;

/** File -> digest of its content. */
export type PolicyDigests = ReadonlyMap<string, string>;

/** `digest` identifies the content that was read, so that a watch can start from exactly this. */
export type LoadedPolicies =
  | { readonly set: PolicySet; readonly digest: string; readonly files: PolicyDigests }
  | { readonly faults: readonly FileFault[]; readonly digest: string };

export type ReadFiles = { readonly files: PolicyFile[] } | { readonly faults: FileFault[] };

/** All policies of `directory`, compiled, or every fault of every file. */
export async function loadPolicies(directory: string): Promise<LoadedPolicies> {
  return compileFiles(await readPolicyFiles(directory, 'policies'), directory);
}

/** The same from files that were read already. */
export function compileFiles(read: ReadFiles, directory: string): LoadedPolicies {
  const digest = digestOf(read);
  if ('faults' in read) return { faults: read.faults, digest };
  const parsed = parsePolicies(read.files, directory);
  if ('faults' in parsed) return { faults: parsed.faults, digest };
  const files = new Map(read.files.map(({ name, text }) => [name, createHash('sha256').update(text).digest('hex')]));
  return { set: compilePolicies(parsed.policies), digest, files };
}

/** Names of the files in which two readings differ. */
export function changedFiles(
  before: PolicyDigests,
  after: PolicyDigests,
): { readonly changed: readonly string[]; readonly added: readonly string[]; readonly removed: readonly string[] } {
  const names = [...after.keys()];
  return {
    changed: names.filter((name) => before.has(name) && before.get(name) !== after.get(name)),
    added: names.filter((name) => !before.has(name)),
    removed: [...before.keys()].filter((name) => !after.has(name)),
  };
}

/** JSON keeps names and texts apart, so that moving a line from one file to the next changes the digest. */
export function digestOf(read: ReadFiles): string {
  return createHash('sha256').update(JSON.stringify(read)).digest('hex');
}

/**
 * `policies`: `*.yaml` and `*.yml` without the cases; `cases`: `*.test.yaml` and `*.test.yml`. Sorted by name; not
 * recursive; names that start with a dot are left out, since a mounted ConfigMap keeps its versions in such folders.
 */
export async function readPolicyFiles(directory: string, what: 'policies' | 'cases'): Promise<ReadFiles> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    return { faults: [wholeFault(directory, directoryFaults[errnoOf(error) ?? ''] ?? unreadable(error))] };
  }
  const wanted = names.filter((name) => isWanted(name, what)).sort();
  if (wanted.length > filesMax) return { faults: [fileFault(directory, new Error(`more than ${filesMax} files`))] };
  const files: PolicyFile[] = [];
  const faults: FileFault[] = [];
  for (const name of wanted) {
    const path = join(directory, name);
    try {
      const { size } = await stat(path);
      if (size > fileBytesMax) throw new Error(`larger than ${fileBytesMax} bytes`);
      // A byte that is not UTF-8 would become U+FFFD inside a pattern, which then never matches.
      const text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
      files.push({ name: path, text });
    } catch (error) {
      faults.push(fileFault(path, error));
    }
  }
  return faults.length > 0 ? { faults } : { files };
}

function isWanted(name: string, what: 'policies' | 'cases'): boolean {
  if (name.startsWith('.') || !/\.ya?ml$/.test(name)) return false;
  return /\.test\.ya?ml$/.test(name) === (what === 'cases');
}

function fileFault(file: string, error: unknown): FileFault {
  return wholeFault(file, unreadable(error));
}

const directoryFaults: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such directory; give that of the policy files',
  ENOTDIR: 'this is a file, and the directory that holds the policy files is wanted',
};

function unreadable(error: unknown): string {
  return `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
}
