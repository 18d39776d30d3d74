/** `run policy check | test | explain`. Reads no argv and prints through `deps.out`, so that it can be tested as it is. */
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
import type { ReadFiles } from './load.ts';
import { parsePolicies } from './parse.ts';
import type { Policy } from './types.ts';

export interface PolicyCommandDeps {
  /** Statement text to facts, of the protocol that the cases and the explained statement are written in. */
  readonly analyze: Analyze;
  readonly readFiles: (directory: string, what: 'policies' | 'cases') => Promise<ReadFiles>;
  /** One or more whole lines without the last line feed. */
  readonly out: (text: string) => void;
}

export const policyUsage = `Usage:
  policy check   [--policies DIR] [--json]
  policy test    [--policies DIR] [--json]
  policy explain [--policies DIR] [--json] --user NAME [--groups A,B] --connection NAME
                 [--protocol postgres] [--label KEY=VALUE]... "STATEMENT"

check    faults; rules that can never match, contradict, are shadowed or repeated
test     runs the cases in *.test.yaml
explain  shows which rules decide a statement and why, and which columns are masked

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
  if (command !== 'check' && command !== 'test' && command !== 'explain') {
    return usage(deps, command === undefined ? 'a command is missing' : `unknown command "${command}"`);
  }
  if (rest.length !== (command === 'explain' ? 1 : 0)) {
    return usage(
      deps,
      command === 'explain' ? 'explain takes one statement, in quotes' : `${command} takes no argument`,
    );
  }
  const request = command === 'explain' ? readRequest(values) : null;
  if (typeof request === 'string') return usage(deps, request);

  const read = await deps.readFiles(values.policies, 'policies');
  const loaded = 'faults' in read ? read : parsePolicies(read.files);
  if ('faults' in loaded) return reportFaults(deps, loaded.faults, values.json);
  if (request !== null) return explainCommand(deps, loaded.policies, request, rest[0], values.json);
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
  request: ExplainRequest,
  text: string,
  json: boolean,
): number {
  const analysis = deps.analyze(text);
  if ('fault' in analysis) {
    const { code, detail } = analysis.fault;
    deps.out(json ? JSON.stringify({ fault: analysis.fault }, null, 2) : `blocked: ${code}: ${detail}`);
    return 1;
  }
  const explanation = explain(compilePolicies(policies), request.identity, request.connection, analysis.statements);
  deps.out(json ? JSON.stringify(explanation, null, 2) : explanationText(explanation));
  return 0;
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
}

function readArguments(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Who asks and where, or what is wrong with the options. */
function readRequest(values: {
  user?: string;
  groups?: string[];
  connection?: string;
  protocol: string;
  label?: string[];
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
  };
}
