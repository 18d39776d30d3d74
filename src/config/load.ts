/** Reads `blastgate.yaml` once: everything that is wrong with it, or a complete and frozen configuration. */
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import { errnoOf } from '../errors.ts';
import { readDocument } from '../yaml/document.ts';
import type { FileFault, KeyPath, YamlDocument, YamlOptions } from '../yaml/document.ts';
import { faultAt, issueFaults, pathText, wholeFault } from '../yaml/faults.ts';
import { checkDocument, itemPaths, warnings } from './checks.ts';
import { completeConfig } from './complete.ts';
import type { Config } from './config.ts';
import { explainIssue, explainKey } from './faults.ts';
import { certificateFault, isPair, privateKeyFault } from './pem.ts';
import { configSchema } from './schema.ts';

export type ConfigResult =
  | { readonly config: Config; /** Sentences for the log. */ readonly warnings: readonly string[] }
  | { readonly faults: readonly FileFault[] };

/** What loading needs of the world. `files` defaults to the file system. */
export interface LoadDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly files?: ConfigFiles;
  /** What the file names is looked for as far as it is needed. Default: all of it. */
  readonly needs?: Needs;
}

/** `connection`: what it takes to reach that target; null: nothing outside the file. */
export type Needs = 'everything' | { readonly connection: string | null };

export interface ConfigFiles {
  readFile(path: string): Promise<string>;
  /** null: there is no such file, or it cannot be reached. `mode` as in stat(2). */
  stat(path: string): Promise<{ readonly kind: 'file' | 'directory' | 'other'; readonly mode: number } | null>;
}

const yamlOptions: YamlOptions = { charsMax: 4 << 20, emptyIsMissing: true, placeOfAliased: 'anchor' };

/** The text of a configuration. Pure: looks at no file and no environment. `file` names it and anchors its paths. */
export function parseConfig(text: string, file: string): ConfigResult {
  return validate(readDocument(text, file, yamlOptions));
}

/** Reads and checks the file at `path`, the files that it names and the environment variables that it needs. */
export async function loadConfig(path: string, deps: LoadDeps): Promise<ConfigResult> {
  const files = deps.files ?? systemFiles;
  let text: string;
  try {
    text = await files.readFile(path);
  } catch (cause) {
    const reason = errnoOf(cause) ?? 'unknown error';
    const message = `the configuration cannot be read (${reason}); check the path and its permissions`;
    return { faults: [wholeFault(path, message)] };
  }
  const document = readDocument(text, path, yamlOptions);
  const result = validate(document);
  const world = await checkWorld(document, files, deps.env, deps.needs ?? 'everything');
  const faults = [...('faults' in result ? result.faults : []), ...world.faults].sort(byPlace);
  if ('faults' in result || faults.length > 0) return { faults };
  return { config: result.config, warnings: [...result.warnings, ...world.warnings] };
}

function validate(document: YamlDocument): ConfigResult {
  if (document.faults.length > 0) return { faults: document.faults };
  const parsed = configSchema.safeParse(document.data, { error: explainIssue });
  const faults = checkDocument(document);
  if (!parsed.success) faults.push(...issueFaults(document, configSchema, parsed.error.issues, explainKey));
  if (!parsed.success || faults.length > 0) return { faults: faults.sort(byPlace) };
  const config = completeConfig(parsed.data, document.file);
  return { config, warnings: warnings(config) };
}

function byPlace(a: FileFault, b: FileFault): number {
  return a.line - b.line || a.column - b.column;
}

/** Something outside the file that a key of it names. */
interface Mention {
  readonly path: KeyPath;
  readonly kind: 'env' | 'file' | 'directory';
  /** Whether others on the machine must not read it. */
  readonly private: boolean;
  /** What a file must hold; absent: anything. */
  readonly holds?: 'certificate' | 'key';
  /** It need not be there yet. */
  readonly made?: boolean;
}

async function checkWorld(
  document: YamlDocument,
  files: ConfigFiles,
  env: LoadDeps['env'],
  needs: Needs,
): Promise<{ faults: FileFault[]; warnings: string[] }> {
  const faults: FileFault[] = [];
  const notes: string[] = [];
  /** Of PEM files without fault, by the path of their keys. */
  const texts = new Map<string, string>();
  const directory = dirname(resolve(document.file));
  for (const mention of needs === 'everything' ? mentions(document) : mentionsOf(document, needs.connection)) {
    const value = document.valueAt(mention.path);
    if (typeof value !== 'string' || value === '') continue;
    if (mention.kind === 'env') {
      if (env[value] === undefined || env[value] === '')
        faults.push(
          faultAt(document, mention.path, `the environment variable ${value} is not set, or is empty; set it`),
        );
      continue;
    }
    const found = await files.stat(resolve(directory, value));
    if (found === null && mention.made === true) continue;
    if (found?.kind !== mention.kind) {
      faults.push(
        faultAt(document, mention.path, notFound(mention.kind, found?.kind ?? null, resolve(directory, value))),
      );
    } else if (mention.private && (found.mode & 0o007) !== 0) {
      notes.push(`${resolve(directory, value)} can be read or changed by every user of this machine (chmod o= it)`);
    }
    if (found?.kind !== 'file' || mention.holds === undefined) continue;
    const path = resolve(directory, value);
    const text = await readText(files, path);
    const fault =
      text === null ? `this file cannot be read: ${path}; check its permissions` : pemFault(mention, text, path);
    if (fault !== null) faults.push(faultAt(document, mention.path, fault));
    else if (text !== null) texts.set(pathText(mention.path), text);
  }
  const [certificate, key] = [texts.get('listen.postgres.tls.cert'), texts.get('listen.postgres.tls.key')];
  if (certificate !== undefined && key !== undefined && !isPair(certificate, key))
    faults.push(
      faultAt(
        document,
        ['listen', 'postgres', 'tls', 'key'],
        'this key does not belong to the certificate of `cert`; name its own key, and let its certificate stand first in the file',
      ),
    );
  return { faults, warnings: notes };
}

function notFound(wanted: 'file' | 'directory', found: 'file' | 'directory' | 'other' | null, path: string): string {
  if (found === null) return `this ${wanted} does not exist or cannot be reached: ${path}`;
  const is = found === 'other' ? 'neither a file nor a directory' : `a ${found}`;
  return `a ${wanted} is wanted here, and this is ${is}: ${path}`;
}

/** What reaching the target of one connection takes. */
function mentionsOf(document: YamlDocument, connection: string | null): Mention[] {
  const found = itemPaths(document, ['connections']).find((item) => document.valueAt([...item, 'name']) === connection);
  if (connection === null || found === undefined) return [];
  const secret = [...found, 'credential', 'password'];
  return [
    { path: [...secret, 'env'], kind: 'env', private: false },
    { path: [...secret, 'file'], kind: 'file', private: true },
    { path: [...found, 'target', 'ca'], kind: 'file', private: false },
  ];
}

function pemFault({ holds }: Mention, text: string, path: string): string | null {
  return holds === 'key' ? privateKeyFault(text, path) : certificateFault(text, path);
}

async function readText(files: ConfigFiles, path: string): Promise<string | null> {
  try {
    return await files.readFile(path);
  } catch {
    return null;
  }
}

function mentions(document: YamlDocument): Mention[] {
  const secretsAt: KeyPath[] = [
    ...itemPaths(document, ['identity', 'users']).map((item) => [...item, 'password']),
    ...itemPaths(document, ['connections']).map((item) => [...item, 'credential', 'password']),
    ['masking', 'hash_key'],
  ];
  const found: Mention[] = secretsAt.flatMap((path): Mention[] => [
    { path: [...path, 'env'], kind: 'env', private: false },
    { path: [...path, 'file'], kind: 'file', private: true },
  ]);
  const tls = ['listen', 'postgres', 'tls'];
  found.push({ path: [...tls, 'cert'], kind: 'file', private: false, holds: 'certificate' });
  found.push({ path: [...tls, 'key'], kind: 'file', private: true, holds: 'key' });
  for (const item of itemPaths(document, ['connections']))
    found.push({ path: [...item, 'target', 'ca'], kind: 'file', private: false, holds: 'certificate' });
  found.push({ path: ['policies'], kind: 'directory', private: false });
  found.push({ path: ['data'], kind: 'directory', private: false, made: true });
  return found;
}

const systemFiles: ConfigFiles = {
  readFile: (path) => readFile(path, 'utf8'),
  stat: async (path) => {
    try {
      const found = await stat(path);
      const kind = found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other';
      return { kind, mode: found.mode };
    } catch {
      return null;
    }
  },
};
