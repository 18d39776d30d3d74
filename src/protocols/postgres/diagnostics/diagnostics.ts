/**
 * Errors and notices of a target on connections with masks. Their fields can quote data that the client must not see:
 * `select ssn::int` says `invalid input syntax for type integer: "123-45-6789"`, a unique violation names the key, a
 * function raises what it likes. Field by field (PostgreSQL manual, "Error and Notice Message Fields"):
 *
 *     S V      kept if they are a severity           C        kept; from user code only if the manual lists it
 *     M H      by origin, below                      D        dropped unless by origin and class it names objects only,
 *                                                             or keys of columns without masks
 *     P        kept                                  p q      dropped: the text of a function's own statement
 *     W        lines of known form, values cut       s t c d n  kept unless user code could have set them
 *     F L R    kept if they look like a source file, a line and a routine
 *
 * Three origins:
 *
 * - *statement*: there is a position in the client's own text and no context. Raised by parse analysis, before any row was
 *   read: it can quote the statement and the catalog only, in any language. Left as it is; so are reports of VACUUM.
 * - *code*: a function, a DO block, an extension or a foreign server may have chosen the words. The message becomes the
 *   name of its SQLSTATE.
 * - *engine*: the server itself, while it ran. Names that stand in the statement stay, other quoted text and numbers go.
 *   Where the text is not in plain English it becomes the name of its SQLSTATE.
 */
import type { DiagnosticField } from '../wire/backend.ts';
import { decodeByteString } from '../wire/text.ts';
import type { ByteString } from '../wire/text.ts';
import { conditionOf, isListed } from './conditions.ts';
import { keyIn } from './keys.ts';
import type { ReportedKey } from './keys.ts';
import { maskedMarker, scrubText } from './text.ts';
import type { Vouching } from './text.ts';

/** What the target is answering. */
export interface Answered {
  /** What the client sent; null if that is not known. */
  readonly statement: string | null;
  /** Values that the target is reading from the client itself: data of COPY FROM STDIN, parameters of a Bind. */
  readonly input: 'copy' | 'bind' | null;
}

export interface DiagnosticContext extends Answered {
  /** Whether the key is of columns that no mask hides. */
  readonly isShownKey: (key: ReportedKey) => boolean;
  /** Whether a detector finds something in a text that is to be shown. */
  readonly isSuspect: (text: ByteString) => boolean;
}

type Origin = 'statement' | 'engine' | 'code';

/** What is known of one message before its fields are gone through. */
interface Verdict {
  readonly origin: Origin;
  readonly sqlstate: string;
  readonly vouch: Vouching;
  readonly context: string;
  readonly trustsNames: boolean;
  /** The message is about a value that the client has just sent. */
  readonly aboutInput: boolean;
  /** For a detail that quotes a key, whether its values may be shown. */
  readonly showsKey: (detail: string) => boolean;
}

/** The fields that may leave, in their order. Pure; an unknown field is dropped. */
export function scrubDiagnostics(fields: readonly DiagnosticField[], context: DiagnosticContext): DiagnosticField[] {
  const verdict = judge(fields, context);
  const kept: DiagnosticField[] = [];
  for (const field of fields) {
    const value = scrubField(field, verdict);
    if (value !== null) kept.push(value === field.value ? field : { type: field.type, value });
  }
  return kept;
}

const severities = /^(ERROR|FATAL|PANIC|WARNING|NOTICE|INFO|LOG|DEBUG[1-5]?)$/;
/** Messages for the server's log that a client can ask for (`client_min_messages`): plans and statements of others. */
const logSeverities = /^(LOG|DEBUG[1-5]?)$/;
/**
 * Internal errors (what extensions raise by default), errors of routines written outside SQL, of foreign servers, and of
 * PL/pgSQL: their words are not the server's.
 */
const classesOfCode = new Set(['XX', 'HV', '38', '39', 'P0']);
/** Source files that raise what user code says. */
const filesOfCode = new Set(['pl_exec.c', 'plperl.c', 'pltcl.c', 'plpy_elog.c', 'plpy_plpymodule.c', 'dblink.c']);
/** Files that raise integrity errors: their table, column and constraint fields come from the catalog. */
const filesOfConstraints = new Set([
  'nbtinsert.c',
  'ri_triggers.c',
  'execMain.c',
  'execIndexing.c',
  'execExprInterp.c',
  'domains.c',
  'tablecmds.c',
  'tuplesort.c',
  'tuplesortvariants.c',
]);

/** Maintenance reports (`VACUUM VERBOSE`): names and counts, made by the server alone. */
const filesOfMaintenance = new Set(['vacuum.c', 'vacuumlazy.c', 'analyze.c', 'cluster.c']);

function judge(fields: readonly DiagnosticField[], context: DiagnosticContext): Verdict {
  const first = new Map<string, string>();
  for (const field of fields) if (!first.has(field.type)) first.set(field.type, field.value);
  const sqlstate = first.get('C') ?? '';
  const severity = first.get('V') ?? '';
  const file = first.get('F') ?? '';
  const contextLines = scrubContext(first.get('W') ?? '');
  const raisedByCode =
    classesOfCode.has(sqlstate.slice(0, 2)) ||
    filesOfCode.has(file) ||
    !severities.test(severity) ||
    logSeverities.test(severity) ||
    // No source file, or one that is not the server's: another product, or an extension in another language.
    !/\.[cylh]$/.test(file) ||
    contextLines.fromCode;
  const maintenance = sqlstate === '00000' && filesOfMaintenance.has(file);
  const positioned = first.has('P') && !first.has('W') && !first.has('q') && !first.has('p');
  const origin: Origin = raisedByCode ? 'code' : positioned || maintenance ? 'statement' : 'engine';
  const trustsNames = origin !== 'code' || (filesOfConstraints.has(file) && sqlstate.startsWith('23'));
  const own = new Set(trustsNames ? ['s', 't', 'c', 'd', 'n'].map((type) => first.get(type) ?? '') : []);
  // What a client wrote can be quoted back to it; but a bad value is never vouched for by standing in the statement,
  // because a statement may list every candidate and see which one comes back.
  const mayQuoteStatement = !sqlstate.startsWith('22') && !sqlstate.startsWith('44');
  const written = mayQuoteStatement ? wordsOf(context.statement) : null;
  const vouch: Vouching = {
    name: (text) => text !== '' && (own.has(text) || (written !== null && standsIn(written, decodeByteString(text)))),
    number: (text) => written !== null && standsIn(written, text),
  };
  const { input } = context;
  const aboutInput =
    origin === 'engine' &&
    input !== null &&
    sqlstate.startsWith('22') &&
    !filesOfServers.has(file) &&
    inputLine[input].test(first.get('W') ?? '');
  const ofConstraint = origin === 'engine' && filesOfConstraints.has(file) && /^2350[35]$/.test(sqlstate);
  const showsKey = (detail: string): boolean => {
    const key = ofConstraint ? keyIn(detail) : null;
    if (key === null) return false;
    const [schema = '', table = '', constraint = ''] = ['s', 't', 'n'].map((type) => first.get(type));
    return context.isShownKey({ schema, table, constraint, columns: key.columns }) && !context.isSuspect(detail);
  };
  return { origin, sqlstate, vouch, context: contextLines.text, trustsNames, aboutInput, showsKey };
}

/**
 * The innermost line of context while a value of the client's is read, before any row is made of it: whatever a trigger,
 * a default or a check runs has lines of its own in front.
 */
const inputLine = {
  copy: /^COPY [A-Za-z0-9_]{1,63}, line \d{1,10}, column [A-Za-z0-9_]{1,63}: /,
  bind: /^unnamed portal parameter \$\d{1,5}(?: = |$)/,
} as const;
/** What another server says in its own words and under its own context. */
const filesOfServers = new Set(['connection.c', 'postgres_fdw.c', 'dblink.c']);

function scrubField(field: DiagnosticField, verdict: Verdict): string | null {
  const { type, value } = field;
  switch (type) {
    case 'S':
      return value.length <= 32 && !/[\d"]/.test(value) ? value : 'ERROR';
    case 'M':
    case 'H':
    case 'D':
      return verdict.origin === 'statement' ? value : scrubWording(type, value, verdict);
    case 'V':
      return severities.test(value) ? value : 'ERROR';
    case 'C':
      return scrubSqlstate(value, verdict.origin);
    case 'P':
    case 'L':
      return /^\d{1,10}$/.test(value) ? value : null;
    case 'F':
    case 'R':
      return /^[A-Za-z_][A-Za-z0-9_.]{0,62}$/.test(value) ? value : null;
    case 'W':
      return verdict.context === '' ? null : verdict.context;
    case 's':
    case 't':
    case 'c':
    case 'd':
    case 'n':
      return verdict.trustsNames ? value : null;
    default:
      return null;
  }
}

function scrubWording(type: 'M' | 'H' | 'D', value: string, verdict: Verdict): string | null {
  if (type === 'M') return scrubMessage(value, verdict);
  if (verdict.origin === 'code') return null;
  return type === 'D' ? scrubDetail(value, verdict) : scrubHint(value, verdict);
}

/**
 * From user code a listed SQLSTATE passes, any other becomes P0001 (raise_exception): `RAISE .. USING ERRCODE =
 * left(ssn, 5)` would carry five digits a statement.
 */
function scrubSqlstate(value: string, origin: Origin): string {
  if (origin === 'code' && !isListed(value)) return 'P0001';
  return /^[0-9A-Z]{5}$/.test(value) ? value : 'XX000';
}

/** Classes in which the server writes data after a colon, or reports what a run-time lookup was asked for. */
const classesWithColons = new Set(['0A', '21', '22', '23', '42', '44', '54']);

function scrubMessage(value: string, verdict: Verdict): string {
  const cutAtColon = classesWithColons.has(verdict.sqlstate.slice(0, 2));
  // A setting that does not exist has another error, so its name is no data; `SET` of a wrong value stays readable.
  const setting = /^invalid value for parameter "([A-Za-z_.]{1,63})": "/.exec(value);
  if (setting !== null && verdict.origin === 'engine') return `${setting[0]}${maskedMarker}"`;
  if (verdict.aboutInput) return value;
  const encodings = verdict.origin === 'engine' ? scrubEncodings(value) : null;
  if (encodings !== null) return encodings;
  const text = verdict.origin === 'code' ? null : scrubText(value, verdict.vouch, cutAtColon);
  return text ?? `${conditionOf(scrubSqlstate(verdict.sqlstate, verdict.origin))} (message masked by the gate)`;
}

/** The server's own names for encodings stay; which bytes could not be converted does not. */
function scrubEncodings(value: string): string | null {
  const sequence = /^invalid byte sequence for encoding "([A-Z0-9_]{3,16})": (?:0x[0-9a-f]{2} ?)+$/.exec(value);
  if (sequence !== null && encodingNames.has(sequence[1]))
    return `invalid byte sequence for encoding "${sequence[1]}": ${maskedMarker}`;
  const character =
    /^character with byte sequence (?:0x[0-9a-f]{2} ?)+ in encoding "([A-Z0-9_]{3,16})" has no equivalent in encoding "([A-Z0-9_]{3,16})"$/.exec(
      value,
    );
  if (character === null || !encodingNames.has(character[1]) || !encodingNames.has(character[2])) return null;
  return `character with byte sequence ${maskedMarker} in encoding "${character[1]}" has no equivalent in encoding "${character[2]}"`;
}

/** PostgreSQL manual, 23.3.1, "Supported Character Sets", as the server spells them in messages. */
const encodingNames: ReadonlySet<string> = new Set(
  (
    'SQL_ASCII EUC_JP EUC_CN EUC_KR EUC_TW EUC_JIS_2004 UTF8 MULE_INTERNAL LATIN1 LATIN2 LATIN3 LATIN4 LATIN5 LATIN6 LATIN7 ' +
    'LATIN8 LATIN9 LATIN10 WIN1256 WIN1258 WIN866 WIN874 KOI8R KOI8U WIN1251 WIN1252 ISO_8859_5 ISO_8859_6 ISO_8859_7 ' +
    'ISO_8859_8 WIN1250 WIN1253 WIN1254 WIN1255 WIN1257 SJIS BIG5 GBK UHC GB18030 JOHAB SHIFT_JIS_2004'
  ).split(' '),
);

/** Classes whose details list catalog objects, processes or locks, never values. */
const classesWithSafeDetail = new Set(['2B', '40', '53', '55', '57']);

function scrubDetail(value: string, verdict: Verdict): string | null {
  const sqlstateClass = verdict.sqlstate.slice(0, 2);
  if (sqlstateClass === '23') {
    // `Key (columns)=(values) already exists.` Columns come from the index; what follows quotes rows.
    if (verdict.showsKey(value)) return value;
    const columns = /^Key \(([^=]*)\)=\(/.exec(value);
    return columns === null ? null : `Key (${columns[1]})=(${maskedMarker}).`;
  }
  if (classesWithSafeDetail.has(sqlstateClass)) return value;
  // `String of 12 bytes is too long` and the like would be harmless, `Failing row contains (..)` is not.
  return sqlstateClass === '42' && scrubText(value, verdict.vouch, true) === value ? value : null;
}

/** A hint is fixed advice, or it is dropped. */
function scrubHint(value: string, verdict: Verdict): string | null {
  return scrubText(value, verdict.vouch, true) === value ? value : null;
}

/** Context lines that carry a value behind what they match: that much is kept, and nothing after. */
const linesWithValue =
  /^(?:COPY [^\n"]{1,130}?, line \d+(?:, column [^\n":]{1,70}(?=[:,]|$))?|(?:JSON|XML) data, line \d+(?=:|$)|unnamed portal parameter \$\d+)/;
/** Lines about tuples and locks; complete, nothing is quoted but a relation. */
const harmlessLine = /^while [a-z ]{1,60} \(\d+,\d+\) in relation "[^"\n]{1,130}"$/;
/** Lines that name a function: the message is its, the line may pass. */
const functionLine =
  /^(?:PL\/pgSQL function [A-Za-z0-9_.$]+(?:\([^()"\n]*\))? line \d+ at [A-Za-z ]+|SQL function "[^"\n]{1,130}" statement \d+)$/;

/**
 * Innermost line first. A value can contain line breaks and then lines that look harmless, so reading stops at the first
 * line that is not known from end to end.
 */
function scrubContext(context: string): { text: string; fromCode: boolean } {
  const kept: string[] = [];
  let fromCode = false;
  for (const line of context === '' ? [] : context.split('\n')) {
    if (harmlessLine.test(line)) {
      kept.push(line);
      continue;
    }
    const withValue = linesWithValue.exec(line);
    if (withValue !== null) {
      kept.push(withValue[0]);
      // What a trigger of a COPY raises has a line of its own further in, and was seen before this one.
      break;
    }
    fromCode = true;
    if (!functionLine.test(line)) break;
    kept.push(line);
  }
  return { text: kept.join('\n'), fromCode };
}

/** Longer statements vouch for nothing: they have room to list every value that a column can have. */
const statementCharactersMax = 16_384;

function wordsOf(statement: string | null): string | null {
  return statement === null || statement.length > statementCharactersMax ? null : statement.toLowerCase();
}

/** Whether `text` stands in the (lower-case) statement as whole words; a part of a longer word proves nothing. */
function standsIn(statement: string, text: string): boolean {
  const wanted = text.toLowerCase();
  const isWord = (character: string): boolean => /[\p{L}\p{N}_$]/u.test(character);
  for (let at = statement.indexOf(wanted); at >= 0; at = statement.indexOf(wanted, at + 1)) {
    if (!isWord(statement.charAt(at - 1)) && !isWord(statement.charAt(at + wanted.length))) return true;
  }
  return false;
}
