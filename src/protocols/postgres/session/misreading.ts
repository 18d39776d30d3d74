/**
 * What would make the target read texts otherwise than the gate does: where strings end, and what names are. A session that is
 * found in such a state is ended, but what stands behind the change in a pipeline, or in the body of a function, is run before
 * anybody is told of it. So the change itself is refused.
 */
import type { Fault } from '../../../errors.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import type { SettingChange } from '../facts/collect.ts';
import { hiddenSql } from '../catalog/fillers.ts';
import { pathSettings } from '../catalog/movingCode.ts';
import { encodingKey, encodingOf } from '../masks/encodings.ts';
import { tagOf } from '../parse/ast.ts';
import { settingsOf } from './boundSettings.ts';
import type { ParameterTexts } from './parameterTexts.ts';
import { definesCode } from './statementRun.ts';
import { isAscii } from '../wire/text.ts';

const strings: Fault = { code: 'BG_ENCODING_REFUSED', detail: 'standard_conforming_strings must stay on' };
const encoding: Fault = {
  code: 'BG_ENCODING_REFUSED',
  detail: 'results can be masked in UTF8 and in single-byte encodings; SET client_encoding to one of these by its name',
};
const anySetting: Fault = {
  code: 'BG_ENCODING_REFUSED',
  detail:
    'set_config() needs the name of its setting as a literal or as a parameter in text format, or a value that no encoding and ' +
    'no switch has',
};
/** Names that the target may read otherwise than the gate does; see {@link SessionEncoding.misspells}. */
export const misspelled: Fault = {
  code: 'BG_ENCODING_REFUSED',
  detail: 'names with other letters than ASCII are known only where client and database both use UTF8',
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
/**
 * @param misspells see {@link SessionEncoding.misspells}.
 * @param parameters see {@link settingsOf}.
 */
export function misreadingFault(
  statement: AnalyzedStatement,
  misspells: boolean,
  parameters: ParameterTexts | null = null,
): Fault | null {
  const isReset = resets.has(tagOf(statement.ast));
  for (const setting of settingsOf(statement, parameters)) {
    const fault = misreadsBehind(setting, isReset);
    if (fault !== null) return fault;
  }
  // What an aggregate or operator does with its operands is in no statement that uses it.
  if (tagOf(statement.ast) === 'DefineStmt' && /set_config|u&/i.test(statement.text)) return anySetting;
  return misspells && !namesAreAscii(statement) ? misspelled : null;
}

function misreadsBehind({ name, value }: SettingChange, isReset: boolean): Fault | null {
  if (value === null && isReset) return null;
  if (name === 'standard_conforming_strings') return value === null || isOff.test(value) ? strings : null;
  if (name === 'client_encoding') return value === null || encodingOf(value) === null ? encoding : null;
  if (name !== null) return null;
  const isHarmless = value !== null && !isOff.test(value) && !refusedEncodings.has(encodingKey(value));
  return isHarmless ? null : anySetting;
}

/** Ways to run text: names stand in its literals too. */
const runsText = new RegExp(hiddenSql, 'i');
/** Literals in which letters may be written in ASCII. */
const escapes = /\b(?:u&|e')/i;

/**
 * Whether every name in the statement is surely ASCII. The text says more than the facts: an alias, the name of a CTE and that of
 * an EXECUTE are converted and cut too, and two that are different here may be one there.
 */
export function namesAreAscii(statement: AnalyzedStatement): boolean {
  const { text, settings, opaque, objects, functions } = statement;
  if (/u&"/i.test(text)) return false;
  // By an escape in a literal, which is then taken for a name.
  if (settings.some(({ name, value }) => namesSchema(name) && !isAscii(value ?? ''))) return false;
  if (!functions.every(isAscii)) return false;
  if (!objects.every(({ name, schema }) => isAscii(name) && isAscii(schema ?? ''))) return false;
  if (isAscii(text) && !escapes.test(text)) return true;
  if (opaque.length > 0 || definesCode(statement) || runsText.test(text)) return false;
  return isAscii(text) || lettersAreInLiterals(text);
}

/** null: any setting. */
function namesSchema(setting: string | null): boolean {
  return setting === null || pathSettings.has(setting);
}

/**
 * Whether letters outside ASCII stand in nothing but '..' strings. This is stricter than the server's lexer, so that it cannot be
 * led to see a string where there is none: what may begin a comment, an escape or a string of another kind is enough to say no.
 */
function lettersAreInLiterals(text: string): boolean {
  if (/\\|--|\/\*|\$(?!\d)/.test(text)) return false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) return false;
    if (code !== quote && code !== doubleQuote) continue;
    const end = text.indexOf(code === quote ? "'" : '"', at + 1);
    if (end < 0 || (code === doubleQuote && !isAscii(text.slice(at, end)))) return false;
    at = end;
  }
  return true;
}

const quote = 0x27;
const doubleQuote = 0x22;
