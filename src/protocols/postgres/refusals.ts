/**
 * How a statement is refused so that the client sees what a failed statement would have left behind.
 *
 * In place of the refused message the target gets one that surely fails. Its own state machine then does what it does
 * after any error: the transaction is aborted, messages up to Sync are skipped, ReadyForQuery tells the truth. Only the text
 * of the error is replaced on the way back.
 */
import type { ErrorCode } from '../../errors.ts';
import type { Decision } from '../../facts.ts';
import { errorResponse } from './wireToClient.ts';
import { parse, query } from './wireToTarget.ts';

/** No statement begins with this word, so every server answers with a syntax error. */
const failingText = 'blastgate_refused';
/** Never created, since parsing fails; named, so that the client's unnamed statement is left alone. */
const failingName = 'blastgate_refused';

/** What stands in for a refused Query. */
export const failingQuery: Uint8Array = query(failingText);
/** What stands in for a refused Parse, Bind or Execute. */
export const failingParse: Uint8Array = parse(failingName, failingText);

/** What the client reads instead of the syntax error. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly response: Uint8Array;
}

export function refusalOf(decision: Decision): Refusal {
  const code = decision.outcome === 'approve' ? 'BG_POLICY_NEEDS_APPROVAL' : 'BG_POLICY_BLOCKED';
  const rules = decision.rules.length === 0 ? 'by default' : `by ${decision.rules.join(', ')}`;
  return { code, response: errorResponse(code, { message: decision.message, detail: `Decided ${rules}.` }) };
}

/** A refusal that is the server's own business: the name does not exist there either. */
export function unknownName(kind: 'statement' | 'portal', name: string): Refusal {
  const what = kind === 'statement' ? `prepared statement "${name}"` : `portal "${name}"`;
  return {
    code: 'BG_UNKNOWN_NAME',
    response: errorResponse('BG_UNKNOWN_NAME', {
      sqlstate: kind === 'statement' ? '26000' : '34000',
      message: `${what} does not exist`,
    }),
  };
}

export function refusalFor(code: ErrorCode, overrides: { message?: string; position?: number } = {}): Refusal {
  return { code, response: errorResponse(code, { severity: 'ERROR', ...overrides }) };
}
