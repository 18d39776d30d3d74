/**
 * What would make the target read texts otherwise than the gate does: where strings end, and what names are. A session that is
 * found in such a state is ended, but what stands behind the change in a pipeline, or in the body of a function, is run before
 * anybody is told of it. So the change itself is refused.
 */
import type { Fault } from '../../../errors.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import type { SettingChange } from '../facts/collect.ts';
import { encodingKey, encodingOf } from '../masks/encodings.ts';
import { tagOf } from '../parse/ast.ts';

const strings: Fault = { code: 'BG_ENCODING_REFUSED', detail: 'standard_conforming_strings must stay on' };
const encoding: Fault = {
  code: 'BG_ENCODING_REFUSED',
  detail: 'results can be masked in UTF8 and in single-byte encodings; SET client_encoding to one of these by its name',
};
const anySetting: Fault = {
  code: 'BG_ENCODING_REFUSED',
  detail: 'set_config() needs the name of its setting as a literal, or a value that no encoding and no switch has',
};
export const renamed: Fault = {
  code: 'BG_ENCODING_REFUSED',
  detail: "names with other letters than ASCII are not known in this client encoding; SET client_encoding = 'UTF8'",
};

/** Statements in whose settings a missing value means the default, which the session began with. */
const resets: ReadonlySet<string> = new Set(['VariableSetStmt', 'DiscardStmt']);
/** How parse_bool() of the server spells false. */
const isOff = /^\s*(?:f|fa|fal|fals|false|n|no|of|off|0)\s*$/i;
/** Encodings that a client may have and in which masks cannot be applied (manual, Character Set Support). */
const refusedEncodings: ReadonlySet<string> = new Set(
  (
    'sjis mskanji shiftjis windows932 win932 big5 windows950 win950 gbk windows936 win936 uhc windows949 win949 gb18030 johab ' +
    'shiftjis2004 euckr euccn eucjp euctw eucjis2004 muleinternal'
  ).split(' '),
);
const ascii = /^[\0-\x7f]*$/;

/** @param converts whether the session's encoding is another than the target's, or may be. */
export function misreads(statement: AnalyzedStatement, converts: boolean): Fault | null {
  const isReset = resets.has(tagOf(statement.ast));
  for (const setting of statement.settings) {
    const fault = misreadsBehind(setting, isReset);
    if (fault !== null) return fault;
  }
  // What an aggregate or operator does with its operands is in no statement that uses it.
  if (tagOf(statement.ast) === 'DefineStmt' && /set_config|u&/i.test(statement.text)) return anySetting;
  return converts && !namesAreAscii(statement) ? renamed : null;
}

function misreadsBehind({ name, value }: SettingChange, isReset: boolean): Fault | null {
  if (value === null && isReset) return null;
  if (name === 'standard_conforming_strings') return value === null || isOff.test(value) ? strings : null;
  if (name === 'client_encoding') return value === null || encodingOf(value) === null ? encoding : null;
  if (name !== null) return null;
  const isHarmless = value !== null && !isOff.test(value) && !refusedEncodings.has(encodingKey(value));
  return isHarmless ? null : anySetting;
}

function namesAreAscii({ objects, functions, session }: AnalyzedStatement): boolean {
  if ('name' in session && session.name !== null && !ascii.test(session.name)) return false;
  return objects.every(({ name, schema }) => ascii.test(name) && ascii.test(schema ?? '')) && functions.every(isAscii);
}

export function isAscii(name: string): boolean {
  return ascii.test(name);
}
