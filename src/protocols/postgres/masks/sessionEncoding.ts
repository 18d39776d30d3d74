/**
 * The encoding of what the client reads. Where it is another than the server's, a character may have no place in it, and then the
 * server fails before the gate has masked anything: what is computed from a masked column could be made to fail by its content.
 */
import type { Fault } from '../../../errors.ts';
import type { TextEncoding } from '../../../masking/plan.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import { encodingKey, encodingOf } from './encodings.ts';

export class SessionEncoding {
  #server = 'utf8';
  #client = 'utf8';
  /** Results in the encoding as it was reported may fail. Asked with every statement. */
  #failing = false;
  /** null: masks cannot be applied in it. */
  text: TextEncoding | null = 'utf8';
  /** Runs that were sent, have not ended, and may change it. */
  #ahead = 0;
  /** Such a run has ended, and the target has not told yet what came of it. */
  #doubted = false;
  #touched = false;

  /** What the target has told with the login, in whatever order: of one alone nobody knows whether anything is converted. */
  onLogin(told: ReadonlyMap<string, string>): void {
    this.#server = encodingKey(told.get('server_encoding') ?? this.#server);
    const client = told.get('client_encoding');
    if (client !== undefined) this.onReported('client_encoding', client);
    else this.#failing = this.#fails(this.#client);
  }

  /** A ParameterStatus. True: it was about an encoding. */
  onReported(name: string, value: string): boolean {
    if (name === 'server_encoding') this.#server = encodingKey(value);
    else if (name === 'client_encoding') {
      this.#client = encodingKey(value);
      this.text = encodingOf(value);
    } else return false;
    this.#failing = this.#fails(this.#client);
    return true;
  }

  /** A fault if masks cannot be applied under a setting that was reported. */
  refuses(name: string, value: string): Fault | null {
    if (this.text === null) return { code: 'BG_ENCODING_REFUSED', detail: `client_encoding ${value}` };
    // The parser reads string literals as the standard says; a target that does not would run something else.
    const misread = name === 'standard_conforming_strings' && value !== 'on';
    return misread ? { code: 'BG_ENCODING_REFUSED', detail: 'standard_conforming_strings is off' } : null;
  }

  /** Whether a result that is sent now may fail by the characters in it. */
  get converts(): boolean {
    return this.#ahead > 0 || this.#doubted || this.#failing;
  }

  /**
   * Whether names outside ASCII may be others to the target than they are here: converted, and cut at 63 bytes of another length;
   * where the server's own letters are no UTF-8, all of them look the same to the gate. A server in UTF8 checks what comes from a
   * client without encoding.
   */
  get misspells(): boolean {
    return this.converts || this.#server !== 'utf8';
  }

  /** The same as {@link converts} of a COPY with an encoding of its own. */
  copyConverts({ session }: AnalyzedStatement): boolean {
    if (session.kind !== 'copy_to' || session.copy.encoding === null) return false;
    return this.#fails(encodingKey(session.copy.encoding));
  }

  /** Whether the statement may change the encoding to one in which results fail, or from one, to which it may be taken back. */
  changedBy({ settings }: AnalyzedStatement): boolean {
    return settings.some(({ name, value }) => {
      if (name !== null && name !== 'client_encoding') return false;
      return name === null || value === null || this.#failing || this.#fails(encodingKey(value));
    });
  }

  /** A run that may change it was sent. */
  begin(): void {
    this.#ahead++;
  }

  /** It has been answered, or never will be. */
  end(): void {
    this.#ahead--;
  }

  /** Such a run may have changed it. */
  doubt(): void {
    this.#doubted = true;
    this.#touched = true;
  }

  /** It may have been changed in the current transaction, whose end may take that back. */
  get isTouched(): boolean {
    return this.#touched;
  }

  endTransaction(): void {
    this.#touched = false;
  }

  /** ReadyForQuery: what has changed was reported before it. `settled`: nothing else is under way. */
  onReady(settled: boolean): void {
    if (settled) this.#doubted = false;
  }

  #fails(client: string): boolean {
    if (client === 'sqlascii' || client === this.#server) return false;
    // Each of its 256 values is a character of Unicode.
    return client !== 'utf8' || this.#server !== 'latin1';
  }
}
