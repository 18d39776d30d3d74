/** The log of the gate itself: one channel of JSON lines. It holds no payload, no statement text and no secret. */
import { destination, pino, stdTimeFunctions } from 'pino';
import type { DestinationStream, Logger } from 'pino';

import type { LogLevel } from '../config/config.ts';

/** `log.info({ session, connection }, 'session opened')`: fields first, then a constant sentence. */
export type Log = Logger;

/**
 * The last line of defence, not the first: whoever writes a field of this name by mistake gets `[redacted]`. Secrets
 * are wrapped (`Secret`) and payloads never handed to the log.
 */
const redactedNames = [
  'password',
  'secret',
  'token',
  'authorization',
  'credential',
  'verifier',
  'salt',
  'payload',
  'text',
  'sql',
  'query',
  'parameters',
  'row',
  'rows',
  'value',
  'values',
];

/** A reader that stops reading must not make memory grow: beyond this, lines are dropped. */
const waitingBytesMax = 1 << 20;

/** Where lines go by default: standard error, written behind the caller's back, flushed at exit. */
function logToStderr(): DestinationStream {
  return destination({ fd: 2, sync: false, maxLength: waitingBytesMax });
}

/** Opens the log. `main` does it once and passes it down; parts use `log.child({ part: 'audit' })`. */
export function openLog(level: LogLevel, to: DestinationStream = logToStderr()): Log {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: redactedNames.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    },
    to,
  );
}
