/** Catalogs for `policy explain` and `policy catalog`: from a target, or from a file. */
import { readFile } from 'node:fs/promises';
import { formatFault } from '../config/faults.ts';
import { loadConfig } from '../config/load.ts';
import type { CatalogChoice, OpenCatalog, TargetCatalog } from '../policy/followed.ts';
import type { ReadSetting } from '../policy/setting.ts';
import { strongerMask } from '../policy/strength.ts';
import { catalogNames } from '../protocols/postgres/catalog/names.ts';
import { buildCatalog } from '../protocols/postgres/catalog/build.ts';
import { analyze } from '../protocols/postgres/facts/facts.ts';
import { followStatements } from '../protocols/postgres/lineage/explain.ts';
import { parseTrees } from '../protocols/postgres/parse/parse.ts';
import { readSnapshot, writeSnapshot } from './catalogSnapshot.ts';
import type { CatalogSnapshot } from './catalogSnapshot.ts';

/** What a configuration says without any of its secrets. */
export const readSetting: ReadSetting = async (path) => {
  const loaded = await loadConfig(path, { env: {}, needs: { connection: null } });
  if ('faults' in loaded) return { faults: loaded.faults.map(formatFault) };
  const { policies, identity, connections } = loaded.config;
  return { file: path, policies, users: identity.users, connections };
};

type Faults = { readonly faults: readonly string[] };

/** `loadParser()` must have been awaited before a statement is followed. */
export function catalogOpener(env: Readonly<Record<string, string | undefined>>): OpenCatalog {
  return async (choice) => {
    const read = choice.kind === 'file' ? await fromFile(choice.path) : await fromTarget(choice, env);
    if ('faults' in read) return read;
    return targetCatalog(
      read,
      choice.kind === 'file' ? `${read.connection} in ${choice.path}` : `the target of ${choice.connection}`,
    );
  };
}

async function fromFile(path: string): Promise<CatalogSnapshot | Faults> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    return { faults: [`${path}: cannot be read: ${error instanceof Error ? error.message : String(error)}`] };
  }
  const read = readSnapshot(text);
  return 'fault' in read ? { faults: [`${path}: ${read.fault}`] } : read;
}

async function fromTarget(
  { config: path, connection }: Extract<CatalogChoice, { kind: 'target' }>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<CatalogSnapshot | Faults> {
  const loaded = await loadConfig(path, { env, needs: { connection } });
  if ('faults' in loaded) return { faults: loaded.faults.map(formatFault) };
  // The gate is large, and all other commands do without it.
  const { readCatalog } = await import('../gateway/readCatalog.ts');
  const read = await readCatalog(loaded.config, connection, env);
  if (read === null) return { faults: [`${path}: has no connection named "${connection}"`] };
  if ('code' in read) return { faults: [`the catalog of ${connection} cannot be read: ${read.code}: ${read.detail}`] };
  return { connection, ...read };
}

function targetCatalog(snapshot: CatalogSnapshot, from: string): TargetCatalog | Faults {
  const { connection, rows, labels, role } = snapshot;
  const catalog = buildCatalog(rows, parseTrees);
  if ('fault' in catalog) return { faults: [`${from}: ${catalog.fault.code}: ${catalog.fault.detail}`] };
  return {
    from,
    labels,
    names: () => ({ connection, labels, ...catalogNames(catalog) }),
    snapshot: () => writeSnapshot(snapshot),
    follow: (text, masks, searchPath) => {
      const analysis = analyze(text);
      if ('fault' in analysis) return [];
      return followStatements(analysis.statements, { catalog, masks, strongerMask, searchPath, role });
    },
  };
}
