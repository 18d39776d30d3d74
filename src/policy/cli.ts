/** `run policy check | test | explain | catalog`. Reads no argv and prints through `deps.out`, so that it can be tested as it is. */
import { parseArgs } from 'node:util';
import type { FileFault } from '../yaml/document.ts';
import { formatFault } from '../yaml/faults.ts';
import type { ConnectionInfo, Identity } from '../facts.ts';
import { parseCases, runCases } from './cases.ts';
import type { Analyze } from './cases.ts';
import { checkPolicies } from './check.ts';
import { casesText, explanationText, findingsText } from './cliText.ts';
import { compilePolicies } from './compile.ts';
import { explain } from './explain.ts';
import type { CatalogChoice, OpenCatalog, TargetCatalog } from './followed.ts';
import type { ReadFiles } from './load.ts';
import { parsePolicies } from './parse.ts';
import type { Policy } from './types.ts';

export interface PolicyCommandDeps {
  /** Statement text to facts, of the protocol that the cases and the explained statement are written in. */
  readonly analyze: Analyze;
  readonly readFiles: (directory: string, what: 'policies' | 'cases') => Promise<ReadFiles>;
  readonly openCatalog: OpenCatalog;
  /** One or more whole lines without the last line feed. */
  readonly out: (text: string) => void;
}

export const policyUsage = `Usage:
  policy check   [--policies DIR] [--json]
  policy test    [--policies DIR] [--json]
  policy explain [--policies DIR] [--json] --user NAME [--groups A,B] --connection NAME
                 [--protocol postgres] [--label KEY=VALUE]...
                 [--config FILE | --catalog FILE] [--search-path PATH] "STATEMENT"
  policy catalog --config FILE --connection NAME > FILE

check    faults; rules that can never match, contradict, are shadowed or repeated
test     runs the cases in *.test.yaml
explain  shows which rules decide a statement and why, and which columns are masked; with the
         catalog of the target also where each result column comes from, which masked columns
         are probed or copied, and how that is judged
catalog  writes the names and definitions in the target's catalog, for explain --catalog

--config reads the catalog of --connection from its target, with the credential in that file.
PATH is the search_path of the session, '"$user", public' if not given.
DIR is ./policies if not given. Exit code: 0 fine, 1 something was found or failed, 2 wrong usage.`;

const options = {
  policies: { type: 'string', default: 'policies' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
  user: { type: 'string' },
  groups: { type: 'string', multiple: true },
  connection: { type: 'string' },
  protocol: { type: 'string', default: 'postgres' },
  label: { type: 'string', multiple: true },
  config: { type: 'string' },
  catalog: { type: 'string' },
  'search-path': { type: 'string', default: '"$user", public' },
} as const;

/** `args` without the word `policy`. Resolves to the exit code. */
export async function policyCommand(args: readonly string[], deps: PolicyCommandDeps): Promise<number> {
  const parsed = readArguments(args);
  if (typeof parsed === 'string') return usage(deps, parsed);
  const { values, positionals } = parsed;
  if (values.help) {
    deps.out(policyUsage);
    return 0;
  }
  const [command, ...rest] = positionals;
  if (command !== 'check' && command !== 'test' && command !== 'explain' && command !== 'catalog') {
    return usage(deps, command === undefined ? 'a command is missing' : `unknown command "${command}"`);
  }
  if (rest.length !== (command === 'explain' ? 1 : 0)) {
    return usage(
      deps,
      command === 'explain' ? 'explain takes one statement, in quotes' : `${command} takes no argument`,
    );
  }
  const choice = readChoice(values, command);
  if (typeof choice === 'string') return usage(deps, choice);
  if (command === 'catalog') return catalogCommand(deps, choice);
  const request = command === 'explain' ? readRequest(values) : null;
  if (typeof request === 'string') return usage(deps, request);

  const read = await deps.readFiles(values.policies, 'policies');
  const loaded = 'faults' in read ? read : parsePolicies(read.files);
  if ('faults' in loaded) return reportFaults(deps, loaded.faults, values.json);
  if (request !== null) {
    const catalog = choice === null ? null : await deps.openCatalog(choice);
    if (catalog !== null && 'faults' in catalog) return reportSentences(deps, catalog.faults, values.json);
    return explainCommand(deps, loaded.policies, { ...request, catalog }, rest[0], values.json);
  }
  if (command === 'check') return checkCommand(deps, loaded.policies, values.json);
  return testCommand(deps, loaded.policies, values.policies, values.json);
}

function checkCommand(deps: PolicyCommandDeps, policies: readonly Policy[], json: boolean): number {
  const findings = checkPolicies(policies);
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

function explainCommand(
  deps: PolicyCommandDeps,
  policies: readonly Policy[],
  request: ExplainRequest & { readonly catalog: TargetCatalog | null },
  text: string,
  json: boolean,
): number {
  const analysis = deps.analyze(text);
  if ('fault' in analysis) {
    const { code, detail } = analysis.fault;
    deps.out(json ? JSON.stringify({ fault: analysis.fault }, null, 2) : `blocked: ${code}: ${detail}`);
    return 1;
  }
  const { identity, catalog, searchPath } = request;
  const set = compilePolicies(policies);
  const labels = { ...catalog?.labels, ...request.connection.labels };
  const connection = { ...request.connection, labels };
  const { masks } = set.forSession(identity, connection);
  const followed =
    catalog === null ? null : { from: catalog.from, statements: catalog.follow(text, masks, searchPath) };
  const explanation = explain(set, identity, connection, analysis.statements, followed);
  deps.out(json ? JSON.stringify(explanation, null, 2) : explanationText(explanation));
  return 0;
}

async function catalogCommand(deps: PolicyCommandDeps, choice: CatalogChoice | null): Promise<number> {
  if (choice?.kind !== 'target') return usage(deps, 'catalog takes --config and --connection');
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

function usage(deps: PolicyCommandDeps, problem: string): number {
  deps.out(`${problem}\n\n${policyUsage}`);
  return 2;
}

interface ExplainRequest {
  readonly identity: Identity;
  readonly connection: ConnectionInfo;
  readonly searchPath: string;
}

function readArguments(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Where the catalog comes from, null if nobody asks for one, or what is wrong with the options. */
function readChoice(
  values: { config?: string; catalog?: string; connection?: string },
  command: string,
): CatalogChoice | null | string {
  const { config, catalog, connection } = values;
  if (config !== undefined && catalog !== undefined) return '--config and --catalog exclude each other';
  if (command === 'catalog' ? catalog !== undefined : command !== 'explain' && (config ?? catalog) !== undefined) {
    return `${command} does not take ${catalog === undefined ? '--config' : '--catalog'}`;
  }
  if (catalog !== undefined) return { kind: 'file', path: catalog };
  if (config === undefined) return command === 'catalog' ? '--config is missing' : null;
  return connection === undefined ? '--connection is missing' : { kind: 'target', config, connection };
}

/** Who asks and where, or what is wrong with the options. */
function readRequest(values: {
  user?: string;
  groups?: string[];
  connection?: string;
  protocol: string;
  label?: string[];
  'search-path': string;
}): ExplainRequest | string {
  if (values.user === undefined) return '--user is missing';
  if (values.connection === undefined) return '--connection is missing';
  const labels: Record<string, string> = {};
  for (const label of values.label ?? []) {
    const equals = label.indexOf('=');
    if (equals < 1) return `--label takes KEY=VALUE, not "${label}"`;
    labels[label.slice(0, equals)] = label.slice(equals + 1);
  }
  const groups = (values.groups ?? []).flatMap((list) => list.split(',')).filter((group) => group !== '');
  return {
    identity: { user: values.user, groups, method: 'password' },
    connection: { name: values.connection, protocol: values.protocol, labels },
    searchPath: values['search-path'],
  };
}
