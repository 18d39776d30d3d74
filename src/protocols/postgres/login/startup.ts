/**
 * What a StartupMessage asks for, judged: who, which connection, which protocol version, and which settings may reach
 * the target.
 *
 * Only a whitelist passes. A setting can change what a statement means (`role`, `session_authorization`,
 * `standard_conforming_strings`), what an error shows (`lc_messages`, `client_min_messages`) or run code (`*_preload_
 * libraries`), so an unknown one is refused, with its name, instead of being dropped in silence: a client that asked for
 * it counts on it. The list is what libpq, JDBC, Npgsql, pgx, pg, postgres.js, asyncpg, tokio-postgres and pgbouncer send.
 */
import { isUtf8 } from 'node:buffer';
import type { StartupPacket } from '../wire/startup.ts';
import { printable } from '../wire/startup.ts';
import { clientFault, WireFault } from '../wire/wire.ts';
import type { ByteString } from '../wire/text.ts';
import { decodeByteString } from '../wire/text.ts';

/** Lower case, as the server compares them; the value names the spelling that is passed on. */
const passedOn: ReadonlyMap<string, string> = new Map(
  [
    'application_name',
    'bytea_output',
    'client_encoding',
    'DateStyle',
    'default_transaction_deferrable',
    'default_transaction_isolation',
    'default_transaction_read_only',
    'extra_float_digits',
    'geqo',
    'idle_in_transaction_session_timeout',
    'idle_session_timeout',
    'IntervalStyle',
    'jit',
    'lock_timeout',
    'search_path',
    'statement_timeout',
    'TimeZone',
    'transaction_timeout',
  ].map((name) => [name.toLowerCase(), name]),
);

/** Settings that pass only with the one value that leaves the meaning of statements alone. */
const harmlessValue: ReadonlyMap<string, RegExp> = new Map([
  ['standard_conforming_strings', /^(on|true|yes|1)$/i],
  // Not a setting: libpq and Npgsql send it only when asked for a replication connection, some pools as `false`.
  ['replication', /^(off|false|no|0)$/i],
]);

/** Newest minor version of protocol 3 that the gate speaks. */
const protocolMinorMax = 2;
const userBytesMax = 256;
const optionPrefix = '_pq_.';

export interface ClientStartup {
  readonly user: string;
  /** Name of a connection; the user's name where the client gave none, as in the server. */
  readonly database: string;
  /** Minor version in force from here on: 0 or 2 (1 was never released and counts as 0). */
  readonly minor: number;
  /** Present if the client must get NegotiateProtocolVersion before anything else. */
  readonly negotiation: { readonly version: number; readonly options: readonly string[] } | null;
  /** Settings for the target, canonical spelling -> value; those of `options` first, a direct one wins over it. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Judges a StartupMessage. The `detail` of a BG_PARAMETER_REFUSED names the parameter and is safe for the client. */
export function judgeStartup(packet: Extract<StartupPacket, { kind: 'startup' }>): ClientStartup | WireFault {
  const given = new Map<string, string>();
  const unknownOptions: string[] = [];
  for (const [rawName, rawValue] of packet.parameters) {
    if (rawName.startsWith(optionPrefix)) {
      unknownOptions.push(printable(rawName));
      continue;
    }
    const name = rawName.toLowerCase();
    // The server lets the last one win, other software the first: two readings of one packet are an attack.
    if (given.has(name)) return clientFault(`StartupMessage: ${printable(name)} given twice`);
    if (!isUtf8(Buffer.from(rawValue, 'latin1'))) return clientFault(`StartupMessage: ${printable(name)} is not UTF-8`);
    given.set(name, decodeByteString(rawValue));
  }
  const user = given.get('user') ?? '';
  if (user === '') return clientFault('StartupMessage: no user name');
  const database = given.get('database') || user;
  if (user.length > userBytesMax || database.length > userBytesMax) return clientFault('StartupMessage: name too long');
  const parameters = collectSettings(given);
  if (parameters instanceof WireFault) return parameters;
  return { user, database, ...negotiate(packet.minor, unknownOptions), parameters };
}

function negotiate(minor: number, unknownOptions: readonly string[]): Pick<ClientStartup, 'minor' | 'negotiation'> {
  const spoken = Math.min(minor, protocolMinorMax);
  const agreed = minor <= protocolMinorMax && unknownOptions.length === 0;
  return {
    minor: spoken === 1 ? 0 : spoken,
    negotiation: agreed ? null : { version: (3 << 16) | spoken, options: unknownOptions },
  };
}

function collectSettings(given: ReadonlyMap<string, string>): Map<string, string> | WireFault {
  const settings = new Map<string, string>();
  const options = given.get('options');
  if (options !== undefined) {
    const parsed = parseOptions(options);
    if (parsed instanceof WireFault) return parsed;
    for (const [name, value] of parsed) {
      const fault = addSetting(settings, name, value);
      if (fault !== null) return fault;
    }
  }
  for (const [name, value] of given) {
    if (name === 'user' || name === 'database' || name === 'options') continue;
    const fault = addSetting(settings, name, value);
    if (fault !== null) return fault;
  }
  return settings;
}

function addSetting(settings: Map<string, string>, name: string, value: string): WireFault | null {
  const canonical = passedOn.get(name.toLowerCase());
  if (canonical !== undefined) {
    settings.set(canonical, value);
    return null;
  }
  if (harmlessValue.get(name.toLowerCase())?.test(value)) return null;
  if (name === 'replication') return new WireFault('BG_FEATURE_REFUSED', 'replication connection');
  return refusedParameter(name);
}

/**
 * Splits `options` as the server does (pg_split_opts): words end at white space, a backslash keeps the next character.
 * Of its switches only `-c name=value` and `--name=value` are read; dashes in names stand for underscores.
 */
function parseOptions(options: string): [string, string][] | WireFault {
  const words = splitOptions(options);
  const settings: [string, string][] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index];
    let assignment: string;
    if (word === '-c') assignment = words[++index] ?? '';
    else if (word.startsWith('-c')) assignment = word.slice(2);
    else if (word.startsWith('--')) assignment = word.slice(2);
    else return refusedParameter(`options ${word}`);
    const equals = assignment.indexOf('=');
    if (equals < 1) return refusedParameter(`options ${word}`);
    settings.push([assignment.slice(0, equals).replaceAll('-', '_'), assignment.slice(equals + 1)]);
  }
  return settings;
}

function splitOptions(options: string): string[] {
  const words: string[] = [];
  const word = /(?:\\[\s\S]?|[^\s\\])+/g;
  for (const match of options.matchAll(word)) words.push(match[0].replaceAll(/\\([\s\S]?)/g, '$1'));
  return words;
}

function refusedParameter(name: ByteString): WireFault {
  return new WireFault('BG_PARAMETER_REFUSED', `parameter "${printable(name).replaceAll('"', '')}"`);
}
