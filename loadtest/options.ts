/** The arguments of `run loadtest`. */
import { parseArgs } from 'node:util';
import type { Endpoint } from './client.ts';
import { scenarioNames } from './scenarios.ts';
import type { ScenarioName } from './scenarios.ts';

export const help = `run loadtest [--quick] [--only NAME]... [--json FILE] [--html FILE] [--budgets FILE]
run loadtest --target DSN|HOST:PORT [--dsn DSN] --query SQL [--rate N] [--seconds N] [--clients N] [--rounds N]

Starts a PostgreSQL with sample data, the gate, and pgbouncer and haproxy where they are installed; measures all of them
in turn and holds the gate to its budgets. Exit 0: no budget exceeded; 1: one was, or something failed; 2: wrong usage.

  --quick         under 3 minutes; without it about 20, with 10 GB through the gate
  --only NAME     one of ${scenarioNames.join(', ')}; may be repeated
  --json FILE     results for machines
  --html FILE     tables and latency plot (default data/loadtest/report.html)
  --budgets FILE  default loadtest/budgets.yaml

Your own gate (no TLS):
  --target        the gate: postgres://user:password@host:port/connection, or host:port with the rest from --dsn
  --dsn           the database behind it, to compare with; may be left out
  --query         a statement to repeat, without parameters; it should only read
  --rate N        requests a second, open loop (default 200)
  --seconds N     of each round (default 10)
  --clients N     connections (default 8)
  --rounds N      default 3
`;

export interface OwnTarget {
  readonly target: Endpoint;
  readonly direct: Endpoint | null;
  readonly query: string;
  readonly ratePerSecond: number;
  readonly seconds: number;
  readonly clients: number;
  readonly rounds: number;
}

export interface Options {
  readonly quick: boolean;
  readonly only: readonly ScenarioName[];
  readonly json: string | null;
  readonly html: string | null;
  readonly budgets: string | null;
  /** null: everything is started here. */
  readonly own: OwnTarget | null;
}

/** The options, 'help', or what is wrong. `environment` supplies PGUSER, PGPASSWORD and PGDATABASE. */
export function readOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Options | 'help' | { readonly wrong: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        quick: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        json: { type: 'string' },
        html: { type: 'string' },
        budgets: { type: 'string' },
        target: { type: 'string' },
        dsn: { type: 'string' },
        query: { type: 'string' },
        rate: { type: 'string' },
        seconds: { type: 'string' },
        clients: { type: 'string' },
        rounds: { type: 'string' },
      },
    });
    if (values.help) return 'help';
    const { quick, json = null, html = null, budgets = null } = values;
    const only = values.only.map(scenarioName);
    const ownOnly = ['dsn', 'query', 'rate', 'seconds', 'clients', 'rounds'] as const;
    if (values.target === undefined) {
      for (const name of ownOnly) if (values[name] !== undefined) throw new Error(`--${name} needs --target`);
      return { quick, only, json, html, budgets, own: null };
    }
    if (quick || only.length > 0) throw new Error('--quick and --only do not go with --target');
    if (values.query === undefined) throw new Error('--target needs --query');
    const direct = values.dsn === undefined ? null : endpointOf('--dsn', values.dsn, environment, null);
    const own: OwnTarget = {
      target: endpointOf('--target', values.target, environment, direct),
      direct,
      query: values.query,
      ratePerSecond: bounded('--rate', values.rate, 200, 1, 50_000),
      seconds: bounded('--seconds', values.seconds, 10, 1, 3600),
      clients: bounded('--clients', values.clients, 8, 1, 1000),
      rounds: bounded('--rounds', values.rounds, 3, 1, 100),
    };
    return { quick, only, json, html, budgets, own };
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) };
  }
}

function scenarioName(text: string): ScenarioName {
  const found = scenarioNames.find((name) => name === text);
  if (found === undefined) throw new Error(`--only: one of ${scenarioNames.join(', ')}`);
  return found;
}

function bounded(name: string, text: string | undefined, otherwise: number, least: number, most: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isInteger(value) || value < least || value > most) throw new Error(`${name}: ${least} to ${most}`);
  return value;
}

function endpointOf(
  name: string,
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
  like: Endpoint | null,
): Endpoint {
  const isDsn = /^postgres(?:ql)?:\/\//.test(text);
  const url = URL.parse(isDsn ? text : `postgres://${text}`);
  if (url === null || url.hostname === '')
    throw new Error(`${name}: postgres://user:password@host:port/database or host:port`);
  const mode = url.searchParams.get('sslmode');
  if (mode !== null && !['disable', 'allow', 'prefer'].includes(mode))
    throw new Error(`${name}: sslmode=${mode} is not spoken here`);
  const given = (part: string): string | null => (part === '' ? null : decodeURIComponent(part));
  const user = given(url.username) ?? like?.user ?? environment['PGUSER'];
  if (user === undefined) throw new Error(`${name}: no user, neither in it nor in PGUSER`);
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 5432 : Number(url.port),
    user,
    password: given(url.password) ?? like?.password ?? environment['PGPASSWORD'] ?? '',
    database: given(url.pathname.slice(1)) ?? like?.database ?? environment['PGDATABASE'] ?? user,
  };
}
