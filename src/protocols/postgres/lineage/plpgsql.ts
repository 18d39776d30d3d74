/**
 * Whether a PL/pgSQL body can read nothing but its arguments.
 *
 * Its expressions are SQL, so a table can be reached only through a query keyword, dynamic SQL, a function call or a type, whose
 * casts and checks run code. Bodies that contain none of these outside strings and comments are harmless; everything unclear is not.
 */

const tokens =
  /'(?:[^']|'')*'|--[^\n]*|\/\*(?:[^*]|\*(?!\/))*\*\/|\$\w*\$|[\p{L}_][\p{L}\d_$.]*|\d[\w.]*|[-+*/<>=~!@#%^&|`?]+|::|:=|[\s\S]/gu;

const forbidden: ReadonlySet<string> = new Set(
  (
    'from table select perform execute query insert update delete merge copy call values with into using cursor open fetch ' +
    'lock truncate import prepare current_setting operator'
  ).split(' '),
);

/** Words before a bracket that are no function calls. */
const keywords: ReadonlySet<string> = new Set(
  (
    'and or not in if elsif when then else return case begin loop while array row any all some between like ilike is ' +
    'coalesce greatest least nullif numeric varchar char decimal bit timestamp time interval'
  ).split(' '),
);

const sourceCharactersMax = 20_000;

/**
 * @param source pg_proc.prosrc of a PL/pgSQL function.
 * @param isPureCall whether a function of this unqualified name computes from its arguments alone.
 * @param isPureOperator the same of operators.
 * @param isPlainType whether a type of this unqualified name is the server's, and nobody has made casts to it.
 */
export function isHarmlessBody(
  source: string,
  isPureCall: (name: string) => boolean,
  isPureOperator: (name: string) => boolean,
  isPlainType: (name: string) => boolean,
): boolean {
  // Backslash strings and quoted names would need a full scanner to be told from code.
  if (source.length > sourceCharactersMax || source.includes('\\') || source.includes('"')) return false;
  let word = '';
  let before = '';
  // Of a declaration: its name or type comes next, or what follows these.
  let declaring: 'no' | 'name' | 'type' | 'rest' = 'no';
  for (const [found] of source.matchAll(tokens)) {
    const token = found.toLowerCase();
    if (token.startsWith('--') || token.startsWith('/*') || /^\s$/.test(token)) continue;
    const isCast = before === '::';
    before = token;
    if (/^[\p{L}_]/u.test(token)) {
      if (forbidden.has(token)) return false;
      if ((isCast || (declaring === 'type' && token !== 'constant')) && !isPlainType(token)) return false;
      if (token === 'declare') declaring = 'name';
      else if (token === 'begin') declaring = 'no';
      else if (declaring === 'name') declaring = 'type';
      else if (declaring === 'type' && token !== 'constant') declaring = 'rest';
      word = token;
      continue;
    }
    if (isCast) return false;
    if (token === ';' && declaring !== 'no') declaring = 'name';
    if (token === '(' && word !== '' && !keywords.has(word) && !isPureCall(word)) return false;
    if (isUnclear(token) || (/^[-+*/<>=~!@#%^&|`?]/.test(token) && !isPureOperator(token))) return false;
    word = '';
  }
  return true;
}

/** An open string, a dollar quote, a qualified name with spaces, or a comment that begins inside an operator. */
function isUnclear(token: string): boolean {
  if (token.startsWith("'")) return token.length < 2 || !token.endsWith("'");
  return token === '.' || token.startsWith('$') || token.includes('--') || token.includes('/*');
}
