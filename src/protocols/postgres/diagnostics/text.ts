/**
 * Takes out of a message what may be data and leaves its wording. PostgreSQL puts what it quotes into double quotes,
 * after a colon, or writes it as a number, so these are replaced unless the caller vouches for them. Everything here errs
 * towards masking: a message that does not look like one of the server's is cut.
 */

export const maskedMarker = '[masked]';

export interface Vouching {
  /** Whether what stands in double quotes is a name that the client knows anyway. */
  readonly name: (text: string) => boolean;
  readonly number: (text: string) => boolean;
}

/**
 * Words between two quoted names in the server's own messages (`column "a" of relation "b"`). Anything else between
 * quotes is taken for the inside of a value that has quotes itself: `x" secret "y`.
 */
const betweenNames = new RegExp(
  `^[ ,()]*(?:(?:${[
    'a|access|after|aggregate|already|an|and|as|at|be|because|before|belongs|by|cannot|cast|check|child|class|clause',
    'collation|column|columns|configuration|constraint|contains|conversion|database|default|depends|dictionary|does',
    'domain|encoding|event|exclusion|exist|exists|extension|family|for|foreign|from|function|generated|has|identity|in|index',
    'inherits|into|is|it|its|key|language|materialized|member|method|must|name|named|no|not|null|object|of|on|operator',
    'option|or|owned|parameter|parent|parser|partition|partitioned|policy|privilege|procedure|publication|relation|role',
    'rule|schema|search|sequence|server|statistics|subscription|table|tablespace|template|text|that|the|to|trigger|type',
    'unique|user|using|value|view|violates|with|wrapper',
  ].join('|')})[ ,()]+)*$`,
);

/**
 * The scrubbed message, or null if not enough of it could be recognised. `cutAtColon`: what follows ": " may be data.
 */
export function scrubText(text: string, vouch: Vouching, cutAtColon: boolean): string | null {
  const colon = cutAtColon ? text.indexOf(': ') : -1;
  if (colon < 0) return scrubPhrase(text, vouch);
  const head = scrubPhrase(text.slice(0, colon), vouch);
  if (head === null) return null;
  const tail = text.slice(colon + 2);
  if (vouch.name(tail)) return `${head}: ${tail}`;
  return tail.startsWith('"') ? `${head}: "${maskedMarker}"` : `${head}: ${maskedMarker}`;
}

function scrubPhrase(text: string, vouch: Vouching): string | null {
  const parts = text.split('"');
  // An odd number of quotes: the value has one itself, or it was cut. Nothing behind the first is certain.
  if (parts.length % 2 === 0) return withQuoted(parts[0], '', vouch);
  if (parts.length === 1) return scrubWords(text, vouch);
  const last = parts.length - 1;
  for (let i = 2; i < last; i += 2) {
    if (!betweenNames.test(parts[i])) return withQuoted(parts[0], parts[last], vouch);
  }
  const scrubbed: string[] = [];
  for (const [i, part] of parts.entries()) {
    const kept = i % 2 === 1 ? scrubName(part, vouch) : scrubWords(part, vouch);
    if (kept === null) return null;
    scrubbed.push(kept);
  }
  return scrubbed.join('"');
}

function withQuoted(before: string, after: string, vouch: Vouching): string | null {
  const head = scrubWords(before, vouch);
  const tail = scrubWords(after, vouch);
  return head === null || tail === null ? null : `${head}"${maskedMarker}"${tail}`;
}

function scrubName(name: string, vouch: Vouching): string {
  return vouch.name(name) ? name : maskedMarker;
}

/** A type's modifier, as in `character varying(3)`, is kept; any other number must be vouched for. */
const numbers = /([A-Za-z]\(\d+(?:,-?\d+)?\))|(?<![A-Za-z_0-9])\d[\w.:+-]*/g;

function scrubWords(text: string, vouch: Vouching): string | null {
  // The server's English is ASCII. Other characters are a translation, whose quotes and order are not known here.
  if (/[^\x20-\x7e\n\t]/.test(text)) return null;
  return text.replaceAll(numbers, (found, modifier: string | undefined) =>
    modifier !== undefined || vouch.number(found) ? found : maskedMarker,
  );
}
