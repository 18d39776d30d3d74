/** The arguments of `run policy ..` as what is asked for, or what is wrong with them. Pure. */
import { parseArgs } from 'node:util';
import type { CatalogChoice } from './followed.ts';

export const policyUsage = `Usage:
  policy check   [DIR | --policies DIR] [--json] [--config FILE] [--catalog FILE]
  policy test    [DIR | --policies DIR] [--json] [--config FILE]
  policy explain [--policies DIR] [--json] --user NAME [--groups A,B] --connection NAME
                 [--protocol postgres] [--label KEY=VALUE]...
                 [--config FILE] [--catalog FILE] [--search-path PATH] "STATEMENT"
  policy catalog --config FILE --connection NAME > FILE

check    faults; rules that can never match, contradict, are shadowed or repeated; with --config also
         names of users, groups, connections and labels that it does not know, with --catalog names
         of tables, columns and functions that are not there
test     runs the cases in *.test.yaml
explain  shows which rules decide a statement and why, and which columns are masked; with the
         catalog of the target also where each result column comes from, what the client sees of it,
         which masked columns are probed or copied, and how that is judged
catalog  writes the names and definitions in the target's catalog, for --catalog

--config FILE   a blastgate.yaml: its policies, the groups of NAME and the labels of the connection,
                where no option says otherwise. For explain it also reads the catalog of --connection
                from its target, with the credential in that file, unless there is a --catalog.
--catalog FILE  what \`policy catalog\` wrote.
PATH is the search_path of the session, '"$user", public' if not given.
DIR is that of --config, else ./policies. Exit code: 0 fine, 1 something was found or failed, 2 wrong usage.`;

const options = {
  policies: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
  user: { type: 'string' },
  groups: { type: 'string', multiple: true },
  connection: { type: 'string' },
  protocol: { type: 'string' },
  label: { type: 'string', multiple: true },
  config: { type: 'string' },
  catalog: { type: 'string' },
  'search-path': { type: 'string', default: '"$user", public' },
} as const;

/** What is given on the command line; null: it is not, and a configuration may say it. */
interface Common {
  readonly policies: string | null;
  readonly config: string | null;
  readonly json: boolean;
}

export interface ExplainArguments extends Common {
  readonly command: 'explain';
  readonly statement: string;
  readonly user: string;
  readonly groups: readonly string[] | null;
  readonly connection: string;
  readonly protocol: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly searchPath: string;
  readonly choice: CatalogChoice | null;
}

export type PolicyArguments =
  | { readonly command: 'help' }
  | (Common & { readonly command: 'check'; readonly choice: CatalogChoice | null })
  | (Common & { readonly command: 'test' })
  | ExplainArguments
  | { readonly command: 'catalog'; readonly choice: CatalogChoice };

/** `args` without the word `policy`. A text says what is wrong. */
export function readPolicyArguments(args: readonly string[]): PolicyArguments | string {
  const parsed = parse(args);
  if (typeof parsed === 'string') return parsed;
  const { values, positionals } = parsed;
  if (values.help || positionals[0] === 'help') return { command: 'help' };
  const [command, ...rest] = positionals;
  if (command === undefined) return 'a command is missing: check, test, explain or catalog';
  const { config = null, catalog = null } = values;
  const common = { policies: values.policies ?? null, config, json: values.json };
  switch (command) {
    case 'check':
    case 'test': {
      if (rest.length > 1) return `${command} takes one directory`;
      if (rest.length > 0 && values.policies !== undefined)
        return `${command} takes the directory once, as an argument or with --policies`;
      const directory = { ...common, policies: rest[0] ?? common.policies };
      if (command === 'check') return { command, ...directory, choice: fileChoice(catalog) };
      return catalog === null ? { command, ...directory } : 'test does not take --catalog';
    }
    case 'explain':
      return rest.length === 1 ? readExplain(values, rest[0]) : 'explain takes one statement, in quotes';
    case 'catalog':
      if (rest.length > 0) return 'catalog takes no argument';
      if (catalog !== null) return 'catalog does not take --catalog';
      if (config === null) return '--config is missing';
      if (values.connection === undefined) return '--connection is missing';
      return { command, choice: { kind: 'target', config, connection: values.connection } };
    default:
      return `unknown command "${command}": check, test, explain or catalog`;
  }
}

type Values = Exclude<ReturnType<typeof parse>, string>['values'];

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    // Behind the first sentence Node tells how to write a positional argument, which nobody meant.
    return error instanceof Error ? error.message.split('. ')[0] : String(error);
  }
}

function fileChoice(path: string | null): CatalogChoice | null {
  return path === null ? null : { kind: 'file', path };
}

/** Who asks and where, or what is wrong with the options. */
function readExplain(values: Values, statement: string): ExplainArguments | string {
  const { user, connection, config = null, catalog = null } = values;
  if (user === undefined) return '--user is missing';
  if (connection === undefined) return '--connection is missing';
  const labels: Record<string, string> = {};
  for (const label of values.label ?? []) {
    const equals = label.indexOf('=');
    if (equals < 1) return `--label takes KEY=VALUE, not "${label}"`;
    labels[label.slice(0, equals)] = label.slice(equals + 1);
  }
  const groups = values.groups?.flatMap((list) => list.split(',')).filter((group) => group !== '') ?? null;
  const target: CatalogChoice | null = config === null ? null : { kind: 'target', config, connection };
  return {
    command: 'explain',
    policies: values.policies ?? null,
    config,
    json: values.json,
    statement,
    user,
    groups,
    connection,
    protocol: values.protocol ?? null,
    labels,
    searchPath: values['search-path'],
    choice: fileChoice(catalog) ?? target,
  };
}
