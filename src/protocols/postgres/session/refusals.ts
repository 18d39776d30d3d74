/**
 * How a statement is refused so that the client sees what a failed statement would have left behind.
 *
 * In place of the refused message the target gets one that surely fails. Its own state machine then does what it does
 * after any error: the transaction is aborted, messages up to Sync are skipped, ReadyForQuery tells the truth. Only the text
 * of the error is replaced on the way back.
 */
import { errors } from '../../../errors.ts';
import type { ErrorCode, Fault } from '../../../errors.ts';
import type { Decision } from '../../../facts.ts';
import { Backend } from '../wire/wire.ts';
import { encodeByteString } from '../wire/text.ts';
import { diagnosticMessage, errorResponse } from '../wire/toClient.ts';
import { parse, query } from '../wire/toTarget.ts';

/** No statement begins with this word, so every server answers with a syntax error. */
const failingText = 'blastgate_refused';
/** Never created, since parsing fails; a Bind or Execute that fails leaves the client's unnamed statement alone. */
const failingName = 'blastgate_refused';

/** What the target says of these (syntax_error). */
export const refusedSqlstate = '42601';

/** What stands in for a refused Query. */
export const failingQuery: Uint8Array = query(failingText);
/** What stands in for a refused Bind or Execute, or for a Parse under a name. */
export const failingParse: Uint8Array = parse(failingName, failingText);
/** For a Parse without a name: like any failed one it drops the unnamed statement, so that a later Bind runs no older one. */
export const failingUnnamedParse: Uint8Array = parse('', failingText);

/** What the client reads instead of the syntax error. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly response: Uint8Array;
}

/** A decision may carry a code as well. */
export function isFault(decision: Decision | Fault): decision is Fault {
  return 'detail' in decision;
}

/** What stands in the record of a statement that no policy has decided on. */
export function blockedFor(code: ErrorCode, message: string, what: readonly string[] = []): Decision {
  const decision = { outcome: 'block', rules: [], observed: [], message, permit: null, code } as const;
  return what.length === 0 ? decision : { ...decision, uses: { what, hint: null } };
}

export function refusalOf(decision: Decision): Refusal {
  const code = decision.outcome === 'approve' ? 'BG_POLICY_NEEDS_APPROVAL' : 'BG_POLICY_BLOCKED';
  const { message } = decision;
  return { code, response: errorResponse(code, { message, detail: detailOf(decision), hint: hintOf(decision, code) }) };
}

function detailOf({ rules, uses }: Decision): string {
  if (rules.length > 0) return `Decided by ${rules.join(', ')}.`;
  return uses === undefined
    ? 'Decided by default: no rule names this statement.'
    : 'No rule lets this be done with masked columns.';
}

/** Where no rule is named there is no owner of one to ask. */
function hintOf({ rules, approvers = [], uses }: Decision, code: ErrorCode): string {
  const groups = [...new Set(approvers.flatMap((one) => one.groups))];
  if (code === 'BG_POLICY_NEEDS_APPROVAL' && groups.length > 0)
    return `Ask a member of ${groups.join(' or ')} to run the statement.`;
  if (rules.length > 0) return errors[code].hint;
  return uses?.hint ?? 'Ask who runs this gate for a rule that allows it.';
}

/** The name does not exist at the server either, so the client reads what the server itself would say. */
export function unknownName(kind: 'statement' | 'portal', name: string): Refusal {
  const statement = name === '' ? 'unnamed prepared statement' : `prepared statement "${name}"`;
  const said = `${kind === 'statement' ? statement : `portal "${name}"`} does not exist`;
  return { code: 'BG_UNKNOWN_NAME', response: serverError(kind === 'statement' ? '26000' : '34000', said, 0) };
}

/** The server's own parser has found the fault, so its words and its position are what the client reads. */
export function syntaxError(said: string, position: number): Refusal {
  return { code: 'BG_STATEMENT_UNPARSABLE', response: serverError('42601', said, position) };
}

/** An error in the server's words, without a code of the gate: clients tell these apart by their text as well. */
function serverError(sqlstate: string, message: string, position: number): Uint8Array {
  const fields = [
    { type: 'S', value: 'ERROR' },
    { type: 'V', value: 'ERROR' },
    { type: 'C', value: sqlstate },
    { type: 'M', value: encodeByteString(message) },
  ];
  if (position > 0) fields.push({ type: 'P', value: String(position) });
  return diagnosticMessage(Backend.ErrorResponse, fields);
}

export function refusalFor(code: ErrorCode, overrides: { message?: string } = {}): Refusal {
  return { code, response: errorResponse(code, { severity: 'ERROR', ...overrides }) };
}
