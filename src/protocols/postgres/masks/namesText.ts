/** What names mean, as a text to compare: which search path, which schema of this session, and which of all sessions. */

/** Makes the text of {@link MaskContext.names}. It is asked for with every run, and nearly always the same. */
export class NamesText {
  #path = -1;
  #schema = -1;
  #epoch = -1;
  #text = '';

  /** All three are counters that rise with every change. */
  text(path: number, schema: number, epoch: number): string {
    if (path === this.#path && schema === this.#schema && epoch === this.#epoch) return this.#text;
    this.#path = path;
    this.#schema = schema;
    this.#epoch = epoch;
    return (this.#text = `${path} ${schema} ${epoch}`);
  }
}

/** The same without what stands for the search path. */
export function schemaPart(names: string): string {
  return names.slice(names.indexOf(' '));
}
