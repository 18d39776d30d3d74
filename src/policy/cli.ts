/** `run policy check | test | explain | catalog`. Reads no argv and prints through `deps.out`, so that it can be tested as it is. */
import type { FileFault } from '../yaml/document.ts';
import { formatFault } from '../yaml/faults.ts';
import { didYouMean } from '../yaml/nearest.ts';
import { parseCases, runCases } from './cases.ts';
import type { Analyze } from './cases.ts';
import { checkPolicies } from './check.ts';
import { policyUsage, readPolicyArguments } from './cliArguments.ts';
import type { ExplainArguments, PolicyArguments } from './cliArguments.ts';
import { casesText, explanationText, findingsText } from './cliText.ts';
import { compilePolicies } from './compile.ts';
import { explain } from './explain.ts';
import type { CatalogChoice, OpenCatalog, TargetCatalog } from './followed.ts';
import type { ReadFiles } from './load.ts';
import { parsePolicies } from './parse.ts';
import type { ReadSetting, Setting } from './setting.ts';
import type { Policy } from './types.ts';

export interface PolicyCommandDeps {
  /** Statement text to facts, of the protocol that the cases and the explained statement are written in. */
  readonly analyze: Analyze;
  readonly readFiles: (directory: string, what: 'policies' | 'cases') => Promise<ReadFiles>;
  readonly readSetting: ReadSetting;
  readonly openCatalog: OpenCatalog;
  /** One or more whole lines without the last line feed. */
  readonly out: (text: string) => void;
  /** The same for what is wrong with the arguments. */
  readonly err: (text: string) => void;
}

/** `args` without the word `policy`. Resolves to the exit code. */
export async function policyCommand(args: readonly string[], deps: PolicyCommandDeps): Promise<number> {
  const asked = readPolicyArguments(args);
  if (typeof asked === 'string') {
    deps.err(`policy: ${asked} (policy --help tells more)`);
    return 2;
  }
  if (asked.command === 'help') {
    deps.out(policyUsage);
    return 0;
  }
  if (asked.command === 'catalog') return catalogCommand(deps, asked.choice);
  const setting = asked.config === null ? null : await deps.readSetting(asked.config);
  if (setting !== null && 'faults' in setting) return reportSentences(deps, setting.faults, asked.json);
  const directory = asked.policies ?? setting?.policies ?? 'policies';
  const read = await deps.readFiles(directory, 'policies');
  const loaded = 'faults' in read ? read : parsePolicies(read.files, directory);
  if ('faults' in loaded) return reportFaults(deps, loaded.faults, asked.json);
  switch (asked.command) {
    case 'check':
      return checkCommand(deps, loaded.policies, asked, setting);
    case 'test':
      return testCommand(deps, loaded.policies, directory, asked.json);
    case 'explain':
      return explainCommand(deps, loaded.policies, asked, setting);
  }
}

async function checkCommand(
  deps: PolicyCommandDeps,
  policies: readonly Policy[],
  { json, choice }: Extract<PolicyArguments, { command: 'check' }>,
  setting: Setting | null,
): Promise<number> {
  const catalog = choice === null ? null : await deps.openCatalog(choice);
  if (catalog !== null && 'faults' in catalog) return reportSentences(deps, catalog.faults, json);
  const findings = checkPolicies(policies, { setting, catalog: catalog?.names() ?? null });
  deps.out(json ? JSON.stringify({ faults: [], findings }, null, 2) : findingsText(policies, findings));
  return findings.length === 0 ? 0 : 1;
}

async function testCommand(
  deps: PolicyCommandDeps,
  policies: readonly Policy[],
  directory: string,
  json: boolean,
): Promise<number> {
  const read = await deps.readFiles(directory, 'cases');
  const parsed = 'faults' in read ? read : parseCases(read.files, new Set(policies.map(({ name }) => name)));
  if ('faults' in parsed) return reportFaults(deps, parsed.faults, json);
  const results = runCases(policies, parsed.cases, deps.analyze);
  deps.out(json ? JSON.stringify({ faults: [], results }, null, 2) : casesText(results));
  return results.every(({ differences }) => differences.length === 0) ? 0 : 1;
}

async function explainCommand(
  deps: PolicyCommandDeps,
  policies: readonly Policy[],
  asked: ExplainArguments,
  setting: Setting | null,
): Promise<number> {
  const { json, statement, choice, searchPath } = asked;
  const who = setting === null ? asked : withSetting(asked, setting);
  if ('faults' in who) return reportSentences(deps, who.faults, json);
  const catalog = choice === null ? null : await deps.openCatalog(choice);
  if (catalog !== null && 'faults' in catalog) return reportSentences(deps, catalog.faults, json);
  const analysis = deps.analyze(statement);
  if ('fault' in analysis) {
    const { code, detail } = analysis.fault;
    deps.out(json ? JSON.stringify({ fault: analysis.fault }, null, 2) : `blocked: ${code}: ${detail}`);
    return 1;
  }
  const set = compilePolicies(policies);
  const identity = { user: who.user, groups: who.groups ?? [], method: 'password' } as const;
  const labels = { ...catalog?.labels, ...who.labels };
  const connection = { name: who.connection, protocol: who.protocol ?? 'postgres', labels };
  const explanation = explain(
    set,
    identity,
    connection,
    analysis.statements,
    catalog === null ? null : followedBy(catalog, statement, set.forSession(identity, connection).masks, searchPath),
  );
  deps.out(json ? JSON.stringify(explanation, null, 2) : explanationText(explanation));
  return 0;
}

function followedBy(catalog: TargetCatalog, text: string, masks: Parameters<TargetCatalog['follow']>[1], path: string) {
  return { from: catalog.from, statements: catalog.follow(text, masks, path) };
}

/** What the configuration says of the user and the connection, where the command line says nothing. */
function withSetting(
  asked: ExplainArguments,
  { file, users, connections }: Setting,
): ExplainArguments | { readonly faults: readonly string[] } {
  const user = users.find(({ name }) => name === asked.user);
  const connection = connections.find(({ name }) => name === asked.connection);
  const faults: string[] = [];
  // Whoever names the groups may ask for a user that is yet to come.
  if (user === undefined && asked.groups === null) {
    const near = didYouMean(
      asked.user,
      users.map(({ name }) => name),
    );
    faults.push(`${file}: has no user named "${asked.user}"${near === '' ? ' (--groups explains for others)' : near}`);
  }
  if (connection === undefined) {
    const names = connections.map(({ name }) => name);
    faults.push(`${file}: has no connection named "${asked.connection}"${didYouMean(asked.connection, names)}`);
  }
  if (faults.length > 0) return { faults };
  return {
    ...asked,
    groups: asked.groups ?? user?.groups ?? [],
    protocol: asked.protocol ?? connection?.protocol ?? null,
    labels: { ...connection?.labels, ...asked.labels },
  };
}

async function catalogCommand(deps: PolicyCommandDeps, choice: CatalogChoice): Promise<number> {
  const catalog = await deps.openCatalog(choice);
  if ('faults' in catalog) return reportSentences(deps, catalog.faults, false);
  deps.out(catalog.snapshot());
  return 0;
}

function reportSentences(deps: PolicyCommandDeps, faults: readonly string[], json: boolean): number {
  deps.out(json ? JSON.stringify({ faults }, null, 2) : faults.join('\n'));
  return 1;
}

function reportFaults(deps: PolicyCommandDeps, faults: readonly FileFault[], json: boolean): number {
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  deps.out(json ? JSON.stringify({ faults }, null, 2) : `${faults.map(formatFault).join('\n')}\n${count}`);
  return 1;
}
