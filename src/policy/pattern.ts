/**
 * Names with `*` in them. A pattern is split at dots into parts (`schema.table.column`), each part is a glob in which
 * `*` stands for any run of characters. Double quotes keep a dot inside a part: `"odd.name".ssn`.
 */

/** A compiled part. */
export interface Glob {
  readonly source: string;
  /** Matches every name, so a name that is not known matches for certain. */
  readonly any: boolean;
  readonly foldCase: boolean;
}

/**
 * `foldCase` compares without regard to case. Restrictive rules fold: a rule that names `Customers` must not miss
 * `customers`. Rules that let something through do not: `"Customers"` may be another table than `customers`.
 */
export function compileGlob(source: string, foldCase: boolean): Glob {
  return { source: foldCase ? source.toLowerCase() : source, any: /^\*+$/.test(source), foldCase };
}

export function globMatches(glob: Glob, name: string): boolean {
  return glob.any || matchGlob(glob.source, glob.foldCase ? name.toLowerCase() : name);
}

/**
 * Whether `name` matches `pattern`. On a mismatch it goes back to the last star only, so the work is bounded by
 * length of pattern times length of name; a regular expression built from many stars would not be.
 */
export function matchGlob(pattern: string, name: string): boolean {
  let at = 0;
  let nameAt = 0;
  let starAt = -1;
  let resumeAt = 0;
  while (nameAt < name.length) {
    // The star is looked at first: a name may itself hold a star, which must not use up the pattern's.
    if (at < pattern.length && pattern[at] === '*') {
      starAt = at++;
      resumeAt = nameAt;
    } else if (at < pattern.length && pattern[at] === name[nameAt]) {
      at++;
      nameAt++;
    } else if (starAt >= 0) {
      at = starAt + 1;
      nameAt = ++resumeAt;
    } else {
      return false;
    }
  }
  while (at < pattern.length && pattern[at] === '*') at++;
  return at === pattern.length;
}

/**
 * Whether every name that matches `narrow` also matches `wide`. A star of `narrow` is read as a character that only a
 * star of `wide` can take; "yes" is therefore always right, "no" may be too careful.
 */
export function globCovers(wide: string, narrow: string): boolean {
  return matchGlob(wide, narrow);
}

/** Whether some name matches both. Exact: each cell asks whether the rests of the two patterns can still meet. */
export function globsMeet(a: string, b: string): boolean {
  // From the ends towards the starts; `below` holds the row of the rest of `a` that is one character shorter.
  let below: boolean[] = [];
  for (let i = a.length; i >= 0; i--) {
    const row: boolean[] = [];
    for (let j = b.length; j >= 0; j--) {
      if (i === a.length && j === b.length) row[j] = true;
      else if (a[i] === '*') row[j] = below[j] || (j < b.length && row[j + 1]);
      else if (b[j] === '*') row[j] = row[j + 1] || (i < a.length && below[j]);
      else row[j] = i < a.length && a[i] === b[j] && below[j + 1];
    }
    below = row;
  }
  return below[0];
}

/**
 * Parts of a dotted pattern, exactly `parts` of them; missing leading parts become `*`. Null if there are more parts, an
 * empty one, or a quote that does not close.
 */
export function splitPattern(pattern: string, parts: number): string[] | null {
  const found: string[] = [];
  let part = '';
  let quoted = false;
  for (const character of pattern) {
    if (character === '"') quoted = !quoted;
    else if (character === '.' && !quoted) {
      found.push(part);
      part = '';
    } else part += character;
  }
  found.push(part);
  if (quoted || found.length > parts || found.includes('')) return null;
  while (found.length < parts) found.unshift('*');
  return found;
}
