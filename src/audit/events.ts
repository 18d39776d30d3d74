/**
 * Every record of the audit log with its fields, in their order. `fileSink.ts` and `fragments.ts` write them by hand, since
 * a record is a copy of parts made before; a test holds what they write to this, and docs/audit.md is made of it.
 */

export interface AuditField {
  readonly name: string;
  /** Of JSON; `time`: UTC as ISO 8601 with milliseconds, in a string. */
  readonly type: 'string' | 'string or null' | 'whole number' | 'list of strings' | 'true' | 'time';
  readonly meaning: string;
  /** Not in every record of the event. */
  readonly optional?: true;
}

export interface AuditEvent {
  readonly event: string;
  readonly meaning: string;
  /** Behind `event` and `time`. */
  readonly fields: readonly AuditField[];
}

const id: AuditField = {
  name: 'id',
  type: 'string',
  meaning: 'Joins the two records of a statement. `run` and a number that grows; unique over all gates.',
};
const session: AuditField = { name: 'session', type: 'string', meaning: 'Joins the records of a session.' };
const owner: readonly AuditField[] = [
  session,
  { name: 'user', type: 'string', meaning: 'Who has proven to be it.' },
  { name: 'connection', type: 'string', meaning: 'Name of the connection in the configuration.' },
];
const protocol: AuditField = { name: 'protocol', type: 'string', meaning: '`postgres`.' };
const client: AuditField = { name: 'client', type: 'string', meaning: 'Address and port of the client.' };

export const auditEvents: readonly AuditEvent[] = [
  {
    event: 'file',
    meaning: 'The first record of every file.',
    fields: [
      { name: 'version', type: 'whole number', meaning: 'Of this format: 1. Fields may be added without raising it.' },
      { name: 'run', type: 'string', meaning: 'The process that writes: the beginning of all its ids.' },
      { name: 'pid', type: 'whole number', meaning: 'Process id.' },
      { name: 'previous', type: 'string or null', meaning: 'File that the same process wrote before; null: none.' },
    ],
  },
  {
    event: 'session_open',
    meaning: 'A client has proven who it is and is let in.',
    fields: [
      ...owner,
      { name: 'groups', type: 'list of strings', meaning: 'Groups of the user, at most 64.' },
      protocol,
      client,
    ],
  },
  {
    event: 'statement',
    meaning: 'A statement was decided. Written before the target can act on it, also where it is refused.',
    fields: [
      id,
      ...owner,
      { name: 'outcome', type: 'string', meaning: 'What policy decided: `allow`, `approve` or `block`.' },
      {
        name: 'code',
        type: 'string',
        meaning: 'Why it was refused: a code of [errors.md](errors.md).',
        optional: true,
      },
      {
        name: 'uses',
        type: 'list of strings',
        meaning: 'Of a refused statement: what it would have asked or copied of masked columns, at most 64.',
        optional: true,
      },
      { name: 'rules', type: 'list of strings', meaning: 'Rules behind the outcome, `policy/rule`, at most 256.' },
      {
        name: 'observed',
        type: 'list of strings',
        meaning: 'Rules of observing policies that matched; they change nothing.',
      },
      {
        name: 'mask_rules',
        type: 'list of strings',
        meaning: 'Every mask rule that applies to this user on this connection, whatever the statement reads.',
      },
      {
        name: 'kind',
        type: 'string',
        meaning: 'What it does, as in `match.statement` of policies: `select`, `drop`, ...',
      },
      {
        name: 'fingerprint',
        type: 'string',
        meaning: 'Equal for statements that differ in constants only. For grouping.',
      },
      {
        name: 'text',
        type: 'string',
        meaning: 'As the client sent it, without the values of parameters; at most 65,536 characters.',
      },
      { name: 'truncated', type: 'true', meaning: 'The text is longer than what stands here.', optional: true },
      {
        name: 'text_length',
        type: 'whole number',
        meaning: 'With `truncated`: characters (UTF-16 units) of the whole.',
        optional: true,
      },
      {
        name: 'text_sha256',
        type: 'string',
        meaning: 'With `truncated`: SHA-256 of the whole as UTF-8, in hex.',
        optional: true,
      },
    ],
  },
  {
    event: 'result',
    meaning: 'A statement has ended, or never ran.',
    fields: [
      id,
      { name: 'rows', type: 'whole number', meaning: 'Rows sent to the client.' },
      { name: 'bytes', type: 'whole number', meaning: 'Bytes of these rows.' },
      { name: 'masked', type: 'whole number', meaning: 'Values that masks have changed.' },
      { name: 'duration_us', type: 'whole number', meaning: 'Microseconds from the decision to the end.' },
      {
        name: 'sqlstate',
        type: 'string or null',
        meaning:
          'Of the error that the client got; null: none. `?????`: the target sent something else than five letters or digits.',
      },
      {
        name: 'ended',
        type: 'string',
        meaning:
          '`complete`; `error`: of the target; `refused`: by the gate; `skipped`: behind an error in the same pipeline; `closed`: before its rows were all read; `lost`: the session ended first; `not_run`: its record came late or is in doubt, so it was not sent.',
      },
    ],
  },
  {
    event: 'session_close',
    meaning: 'A session has ended.',
    fields: [
      session,
      { name: 'reason', type: 'string', meaning: '`client`: it left; else a code of [errors.md](errors.md).' },
    ],
  },
  {
    event: 'login_refused',
    meaning: 'A client was turned away before it had a session.',
    fields: [
      {
        name: 'user',
        type: 'string or null',
        meaning: 'What it called itself, unproven; null: it did not get so far.',
      },
      { name: 'connection', type: 'string or null', meaning: 'What it asked for; null: it did not get so far.' },
      protocol,
      client,
      { name: 'reason', type: 'string', meaning: 'A code of [errors.md](errors.md), or another short constant.' },
    ],
  },
  {
    event: 'gap',
    meaning: 'Records could be written again. What is counted here was refused or lost meanwhile.',
    fields: [
      { name: 'since', type: 'time', meaning: 'When the first of them was lost.' },
      {
        name: 'lost',
        type: 'whole number',
        meaning: 'How many: statements that did not run, and events without a record.',
      },
    ],
  },
];
