/** Messages that a target may send at any time, and what the client may read of them: notices, notifications, settings. */
import type { Conversation } from './conversation.ts';
import type { Answered } from '../diagnostics/diagnostics.ts';
import type { Expected } from './expected.ts';
import { Backend, WireFault } from '../wire/wire.ts';
import { readDiagnostic, readNotification, readParameterStatus } from '../wire/backend.ts';
import { errorResponse, notificationResponse } from '../wire/toClient.ts';

/** It passes, it is swallowed, or these bytes go in its place; a fault: it is malformed. */
export type Relayed = 'pass' | 'swallow' | Uint8Array | WireFault;

/** A NoticeResponse, scrubbed where masks apply. */
export function relayNotice(conversation: Conversation, bytes: Uint8Array, body: number, end: number): Relayed {
  if (!conversation.masks.active) return 'pass';
  const fields = readDiagnostic(bytes, body, end);
  if (fields instanceof WireFault) return fields;
  return conversation.masks.scrub(Backend.NoticeResponse, fields, answeredBy(conversation.expected.front));
}

/** A NotificationResponse: detectors look at its payload. */
export function relayNotification(conversation: Conversation, bytes: Uint8Array, body: number, end: number): Relayed {
  if (!conversation.masks.active) return 'pass';
  const notification = readNotification(bytes, body, end);
  if (notification instanceof WireFault) return notification;
  const masked = conversation.masks.maskText(bytes, notification.payloadStart, notification.payloadEnd);
  return masked === null ? 'pass' : notificationResponse(notification.processId, notification.channel, masked);
}

/** A ParameterStatus; a setting under which masks cannot be applied ends the session. */
export function relayParameterStatus(
  conversation: Conversation,
  bytes: Uint8Array,
  body: number,
  end: number,
): Relayed {
  const status = readParameterStatus(bytes, body, end);
  if (status instanceof WireFault) return status;
  const fault = conversation.masks.onParameter(status.name, status.value);
  if (fault === null) return 'pass';
  conversation.close(fault.code, errorResponse(fault.code));
  return 'swallow';
}

/** What the target is answering, for telling its own words from data. */
export function answeredBy(front: Expected | null): Answered {
  return { statement: answeredText(front), input: inputOf(front) };
}

/** Whether the target may be reading values that the client sends, and nothing else that could look so. */
function inputOf(front: Expected | null): Answered['input'] {
  if (front?.kind === 'bind') return front.own ? null : 'bind';
  const statement = front?.run?.current ?? null;
  if (statement === null || statement.session.kind !== 'copy_from') return null;
  const readsServer = statement.kinds.some((kind) => kind === 'copy_file' || kind === 'copy_program');
  return readsServer ? null : 'copy';
}

/** Its text; null if several could be meant. */
function answeredText(front: Expected | null): string | null {
  const run = front?.run ?? null;
  if (run !== null) return run.statements.length === 1 ? run.statements[0].text : null;
  return front?.statement?.statement?.text ?? null;
}
