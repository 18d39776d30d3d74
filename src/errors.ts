/**
 * Every error that leaves the gate, in one table. A code never changes its meaning.
 *
 * `message` is safe for clients: it quotes no payload and no address. `hint` says what to do next. Protocols map
 * `sqlstate` and `severity` to their native form. The cause goes to the log, never to the client.
 */

export interface ErrorEntry {
  readonly severity: 'ERROR' | 'FATAL';
  /** PostgreSQL SQLSTATE (Appendix A of its manual); other protocols map from it. */
  readonly sqlstate: string;
  readonly message: string;
  readonly hint: string;
}

export const errors = {
  BG_POLICY_BLOCKED: {
    severity: 'ERROR',
    sqlstate: '42501',
    message: 'blocked by policy',
    hint: 'Ask the owner of the named rule; `policy explain` shows whoever runs this gate why.',
  },
  BG_POLICY_NEEDS_APPROVAL: {
    severity: 'ERROR',
    sqlstate: '42501',
    message: 'needs approval, and approvals are not available on this gate yet',
    hint: 'Ask a member of the groups that approve to run the statement.',
  },
  BG_MASK_WRITTEN: {
    severity: 'ERROR',
    sqlstate: '42501',
    message: 'a mask would be written over the value that it stands for',
    hint: 'Leave the masked column out of the statement, or give its real value.',
  },
  BG_STATEMENT_UNPARSABLE: {
    severity: 'ERROR',
    sqlstate: '42601',
    message: 'the gate cannot parse this statement, so it cannot decide it',
    hint: 'Check the syntax; statements that PostgreSQL itself could not parse are refused here.',
  },
  BG_STATEMENT_TOO_LARGE: {
    severity: 'ERROR',
    sqlstate: '54001',
    message: 'the statement is larger or more deeply nested than the gate analyses',
    hint: 'Split the statement, pass values as parameters, or use COPY.',
  },
  BG_ANALYSIS_BUSY: {
    severity: 'ERROR',
    sqlstate: '53000',
    message: 'too many long statements are being analysed at once',
    hint: 'Run it again in a moment; short statements, parameters and COPY need no turn.',
  },
  BG_ANALYSIS_FAILED: {
    severity: 'ERROR',
    sqlstate: 'XX000',
    message: 'the statement could not be analysed, so it was not run',
    hint: 'The gate log holds the cause; a shorter statement, parameters or COPY may go through.',
  },
  BG_STATEMENT_CANCELLED: {
    severity: 'ERROR',
    sqlstate: '57014',
    message: 'canceling statement due to user request',
    hint: 'It was cancelled while the gate analysed it, so the target has not seen it.',
  },
  BG_SCHEMA_BUSY: {
    severity: 'ERROR',
    sqlstate: '55P03',
    message: 'another session uses or changes what this statement changes or uses',
    hint: 'Run it again when the statement or the transaction of the other session has ended.',
  },
  BG_UNKNOWN_NAME: {
    severity: 'ERROR',
    sqlstate: '26000',
    message: 'no such prepared statement or portal',
    hint: 'Prepare it again; it may have been closed or its transaction has ended.',
  },
  BG_FEATURE_REFUSED: {
    severity: 'ERROR',
    sqlstate: '0A000',
    message: 'the gate does not pass this protocol feature',
    hint: 'FunctionCall and replication cannot be decided, so no policy lets them through; use statements, or the target itself.',
  },
  BG_PROTOCOL_VIOLATION: {
    severity: 'FATAL',
    sqlstate: '08P01',
    message: 'malformed or unexpected protocol message',
    hint: 'Check the client library; the session was closed.',
  },
  BG_MESSAGE_TOO_LARGE: {
    severity: 'FATAL',
    sqlstate: '08P01',
    message: 'protocol message exceeds the limit of the gate',
    hint: 'Raise the limit in the configuration if this size is intended.',
  },
  BG_AUTH_FAILED: {
    severity: 'FATAL',
    sqlstate: '28P01',
    message: 'authentication failed',
    hint: 'Check user name and password for the gate (not those of the target).',
  },
  BG_AUTH_TIMEOUT: {
    severity: 'FATAL',
    sqlstate: '57014',
    message: 'authentication took too long',
    hint: 'The client must complete the handshake within the configured time.',
  },
  BG_IDLE_TIMEOUT: {
    severity: 'FATAL',
    sqlstate: '57P05',
    message: 'terminating connection because it was idle for too long',
    hint: 'Reconnect; `limits.idle_ms` of the gate says how long a session may rest.',
  },
  BG_SLOW_CLIENT: {
    severity: 'FATAL',
    sqlstate: '08006',
    message: 'terminating connection because the client did not read what was sent to it',
    hint: 'Read results as they come, or raise `limits.slow_client_ms` of the gate.',
  },
  BG_TLS_REQUIRED: {
    severity: 'FATAL',
    sqlstate: '28000',
    message: 'this listener requires TLS',
    hint: 'Connect with sslmode=require or stricter.',
  },
  BG_PARAMETER_REFUSED: {
    severity: 'FATAL',
    sqlstate: '0A000',
    message: 'the gate does not pass this startup parameter',
    hint: 'Remove it from the connection string or from `options`.',
  },
  BG_UNKNOWN_CONNECTION: {
    severity: 'FATAL',
    sqlstate: '3D000',
    message: 'no such connection on this gate',
    hint: 'The database name selects the connection; ask for the list of names.',
  },
  BG_TARGET_UNREACHABLE: {
    severity: 'FATAL',
    sqlstate: '08001',
    message: 'the target cannot be reached',
    hint: 'The gate log names the cause; check the target host, port and TLS settings.',
  },
  BG_TARGET_AUTH_FAILED: {
    severity: 'FATAL',
    sqlstate: '08004',
    message: 'the target did not accept the credential of the gate',
    hint: 'Check the `credential` of this connection, and at the target that its role may log in this way (LOGIN, pg_hba.conf, TLS).',
  },
  BG_TARGET_DENIED: {
    severity: 'FATAL',
    sqlstate: '08004',
    message: 'the role of the gate may not connect to the database of the target',
    hint: 'Grant it CONNECT there, or change the `credential` of this connection in the configuration.',
  },
  BG_TARGET_NO_DATABASE: {
    severity: 'FATAL',
    sqlstate: '3D000',
    message: 'the target has no database of the configured name',
    hint: 'Check `target.database` of this connection in the configuration.',
  },
  BG_TARGET_FULL: {
    severity: 'FATAL',
    sqlstate: '53300',
    message: 'the target has no room for another connection',
    hint: 'Close idle clients, or raise the limit of the target or of its role.',
  },
  BG_TARGET_NOT_READY: {
    severity: 'FATAL',
    sqlstate: '57P03',
    message: 'the target does not take connections now',
    hint: 'It is starting, stopping or recovering; connect again in a moment.',
  },
  BG_TARGET_LOST: {
    severity: 'FATAL',
    sqlstate: '08006',
    message: 'the connection to the target was lost',
    hint: 'Reconnect; an open transaction was rolled back by the target.',
  },
  BG_TARGET_PROTOCOL: {
    severity: 'FATAL',
    sqlstate: '08P01',
    message: 'the target sent something that the gate does not understand',
    hint: 'The session was closed so that nothing passes unmasked.',
  },
  BG_CATALOG_UNAVAILABLE: {
    severity: 'ERROR',
    sqlstate: '55000',
    message: 'the catalog of the target cannot be read, so masks cannot be applied',
    hint: 'The credential of the gate needs to read pg_catalog.',
  },
  BG_MASK_FAILED: {
    severity: 'FATAL',
    sqlstate: '58000',
    message: 'a result could not be masked',
    hint: 'The session was closed so that nothing passes unmasked.',
  },
  BG_ROW_TOO_LARGE_TO_MASK: {
    severity: 'FATAL',
    sqlstate: '54000',
    message: 'a row larger than a slot holds a masked column whose type has no mask of equal length',
    hint: 'Select the large and the masked column in separate statements.',
  },
  BG_ENCODING_REFUSED: {
    severity: 'FATAL',
    sqlstate: '0A000',
    message: 'this client encoding cannot be masked safely',
    hint: 'Use UTF8 or a single-byte encoding.',
  },
  BG_AUDIT_UNAVAILABLE: {
    severity: 'FATAL',
    sqlstate: '58030',
    message: 'the audit record could not be written, so the statement was not run',
    hint: 'Check space and permissions of the audit directory.',
  },
  BG_TOO_MANY_CONNECTIONS: {
    severity: 'FATAL',
    sqlstate: '53300',
    message: 'too many connections to the gate',
    hint: 'Close idle clients, or raise the limit that the detail or the gate log names.',
  },
  BG_SECRET_UNAVAILABLE: {
    severity: 'FATAL',
    sqlstate: '58000',
    message: 'a secret that the gate needs cannot be read',
    hint: 'The gate log names the variable, file or program; check that it is there, readable and not empty.',
  },
  BG_CONTROL_NOT_FOUND: {
    severity: 'ERROR',
    sqlstate: '42704',
    message: 'no such path on the control port',
    hint: 'Known paths are /healthz, /readyz and /metrics.',
  },
  BG_CONTROL_METHOD: {
    severity: 'ERROR',
    sqlstate: '42501',
    message: 'this method is not allowed here',
    hint: 'Use GET or HEAD.',
  },
  BG_CONTROL_REQUEST: {
    severity: 'ERROR',
    sqlstate: '08P01',
    message: 'the request is malformed, too large, too slow or for another host',
    hint: 'Send a plain GET without a body, addressed to localhost or to an IP address.',
  },
  BG_SHUTTING_DOWN: {
    severity: 'FATAL',
    sqlstate: '57P01',
    message: 'terminating connection because the gate is shutting down',
    hint: 'Reconnect; another gate or the restarted one will answer.',
  },
  BG_INTERNAL: {
    severity: 'FATAL',
    sqlstate: 'XX000',
    message: 'internal error of the gate',
    hint: 'The session was closed; the gate log holds the cause.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errors;

/** What the log may hold of a bug. */
export interface BugReport {
  readonly kind: string;
  /** Frames in our own code, the innermost first: `protocols/postgres/facts.ts:98:5`. */
  readonly frames: readonly string[];
}

const framesMax = 20;
/** Of `src` or `dist`: everything of ours stands below. */
const ownCode = new URL('.', import.meta.url).href;

/** The message of an error is left out: it may quote what a client or a target sent. */
export function reportBug(error: unknown): BugReport {
  if (!(error instanceof Error)) return { kind: typeof error, frames: [] };
  const stack = error.stack ?? '';
  // Lines of the message could look like frames.
  const from = stack.indexOf(error.message) + error.message.length;
  const frames = stack
    .slice(from)
    .split('\n')
    .flatMap((line) => {
      const at = line.indexOf(ownCode);
      return at === -1 || !line.startsWith('    at ') ? [] : [line.slice(at + ownCode.length).replace(/\)$/, '')];
    });
  return { kind: error.name, frames: frames.slice(0, framesMax) };
}

/** What the system calls the failure of a call (`ENOENT`), which quotes nothing, unlike the message; null: it was no such failure. */
export function errnoOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

/** The fault of a peer or of the environment, as a value that names its code. Bugs of ours are plain `Error`s. */
export interface Fault {
  readonly code: ErrorCode;
  /** For the log; may name hosts and files, never payloads or secrets. */
  readonly detail: string;
}
