/**
 * The parts of a record that repeat, serialised once: a statement's when it is parsed, a decision's when it is made, a
 * session's when it opens. Writing a record is then a copy.
 */
import { createHash } from 'node:crypto';
import type { Decision, RuleId, Statement } from '../facts.ts';
import type { SessionFacts } from './sink.ts';

declare const fragmentBrand: unique symbol;
/** Ends a record: kind, fingerprint and text. */
export type StatementFragment = Buffer & { readonly [fragmentBrand]: 'statement' };
/** Outcome and rules. */
export type DecisionFragment = Buffer & { readonly [fragmentBrand]: 'decision' };

/** UTF-16 code units of a statement that are kept; the rest is represented by its length and hash. */
export const textUnitsMax = 64 * 1024;
const nameUnitsMax = 256;
const groupsMax = 64;
const rulesMax = 256;
const usesMax = 64;

/**
 * Characters that JSON allows in the open but that end a line, reverse it or hide in it, in terminals and in tools that
 * read line by line: DEL and C1 controls (with NEL), bidirectional controls, LINE and PARAGRAPH SEPARATOR, BOM. Escaped,
 * a hostile statement can neither forge a record nor show an auditor something else than what ran.
 */
const deceptive = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** `text` as a JSON string. Lone surrogates come out as escapes (ECMA-262, QuoteJSONString). */
export function jsonText(text: string): string {
  return JSON.stringify(text).replace(deceptive, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A name that a peer chose, cut to a sane length. */
export function jsonName(name: string): string {
  return jsonText(name.length > nameUnitsMax ? `${name.slice(0, nameUnitsMax)}...` : name);
}

function jsonNames(names: readonly string[], most: number): string {
  const shown = names.slice(0, most).map(jsonName);
  if (names.length > most) shown.push(jsonText(`... ${names.length - most} more`));
  return `[${shown.join(',')}]`;
}

/** What is recorded of a statement itself. */
export type RecordedText = Pick<Statement, 'text' | 'kind' | 'fingerprint'>;

/** At most some 400 KB, however hostile the text; usually little more than the text itself. */
export function statementFragment(statement: RecordedText): StatementFragment {
  const { text } = statement;
  let json = `,"kind":${jsonName(statement.kind)},"fingerprint":${jsonName(statement.fingerprint)}`;
  if (text.length <= textUnitsMax) {
    json += `,"text":${jsonText(text)}}\n`;
  } else {
    // The hash is over UTF-8, which has no lone surrogates: they count as U+FFFD.
    const sha256 = createHash('sha256').update(text, 'utf8').digest('hex');
    json += `,"text":${jsonText(text.slice(0, textUnitsMax))},"truncated":true,"text_length":${text.length},"text_sha256":"${sha256}"}\n`;
  }
  return Buffer.from(json, 'utf8') as StatementFragment;
}

/** `maskRules`: every mask rule that applies to this identity on this connection. */
export function decisionFragment(
  decision: Pick<Decision, 'outcome' | 'rules' | 'observed' | 'code' | 'uses'>,
  maskRules: readonly RuleId[],
): DecisionFragment {
  const json =
    `,"outcome":"${decision.outcome}"${refusedText(decision)},"rules":${jsonNames(decision.rules, rulesMax)},"observed":${jsonNames(decision.observed, rulesMax)}` +
    `,"mask_rules":${jsonNames(maskRules, rulesMax)}`;
  return Buffer.from(json, 'utf8') as DecisionFragment;
}

/** Why a statement was refused, also where no rule did it; nothing for one that was allowed. */
function refusedText({ outcome, code, uses }: Pick<Decision, 'outcome' | 'code' | 'uses'>): string {
  if (outcome === 'allow') return '';
  const known = code ?? (outcome === 'approve' ? 'BG_POLICY_NEEDS_APPROVAL' : 'BG_POLICY_BLOCKED');
  return `,"code":"${known}"${uses === undefined ? '' : `,"uses":${jsonNames(uses.what, usesMax)}`}`;
}

/** Who, from where, to what, for the record that opens a session; `id` is the sink's own and needs no escapes. */
export function sessionFragment(id: string, facts: SessionFacts): Buffer {
  const rest =
    `,"groups":${jsonNames(facts.groups, groupsMax)},"protocol":${jsonName(facts.protocol)}` +
    `,"client":${jsonName(facts.clientAddress)}`;
  return Buffer.concat([ownerFragment(id, facts), Buffer.from(rest, 'utf8')]);
}

/** What every statement of the session repeats; the rest stands in the record that opened it. */
export function ownerFragment(id: string, facts: Pick<SessionFacts, 'user' | 'connection'>): Buffer {
  return Buffer.from(
    `,"session":"${id}","user":${jsonName(facts.user)},"connection":${jsonName(facts.connection)}`,
    'utf8',
  );
}
