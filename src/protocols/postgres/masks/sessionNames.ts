/** What unqualified names mean in one session as far as the gate knows: the role, the search path, the temporary schema. */
import { namesRole, searchPathOf } from '../catalog/catalog.ts';
import type { SearchPath } from '../catalog/catalog.ts';
import { isAscii } from '../wire/text.ts';
import type { SessionEncoding } from './sessionEncoding.ts';

export class SessionNames {
  /** The role in force, which `"$user"` in a path means; null: not known. ALTER ROLE .. SET role makes it another than the login's. */
  #role: string | null = null;
  /** The one with which the session began; null: nobody has asked before something may have changed it. */
  #firstRole: string | null = null;
  /** The setting behind `path`; null: not known. */
  #setting: string | null = null;
  /** The one with which the session began. */
  #first: string | null = null;
  /** The setting that the target reported last, if it reports at all. */
  #reported: string | null = null;
  /** See {@link SearchPath.temp}. A connection that was just opened has none. */
  #temp: string | null = '';
  /** Something has happened on which it hangs what names mean, so that plans, cursors and calls may know them otherwise. */
  #moved = false;
  /** Nothing has been done yet that may have changed the setting. */
  #untouched = true;
  /** It was more than the path and the role: DISCARD ALL does not give back a schema, or what the gate has read of it. */
  #lasting = false;
  /** DISCARD ALL has run, and nothing behind it on which names hang. */
  #discarded = false;
  /** null: not known. */
  path: SearchPath | null = null;
  /** Raised whenever `path` is another one or not known. */
  version = 0;
  /** The same, but that it has come to be known what it was all the time. */
  serial = 0;

  readonly #encoding: SessionEncoding;

  constructor(encoding: SessionEncoding) {
    this.#encoding = encoding;
  }

  /** The target must be asked for the search path: it does not report it, and it may have changed. */
  get pathUnknown(): boolean {
    return this.#setting === null;
  }

  /** The target must be asked for the role in force: the path hangs on it. */
  get roleUnknown(): boolean {
    return this.#role === null && this.#setting !== null && namesRole(this.#setting);
  }

  /** The target must be asked which temporary schema is the session's. */
  get tempUnknown(): boolean {
    return this.#temp === null;
  }

  forgetPath(): void {
    this.#touch();
    if (this.#setting === null) return;
    this.#setting = null;
    this.#derive();
  }

  /** SET ROLE. null: not known, so that a path with `"$user"` is not known either. */
  onRole(role: string | null): void {
    this.#touch();
    this.#moved = true;
    this.#role = role;
    this.#setting = null;
    this.#derive();
  }

  /** What SHOW says of the path, the role (`none`: it is that of the session) and of the session. */
  onShown(setting: string, role: string, session: string): void {
    this.#role = role === 'none' ? session : role;
    if (this.#untouched) this.#firstRole ??= this.#role;
    this.#doubtSpelling(this.#role);
    this.onSearchPath(setting);
  }

  /** SET search_path has run. */
  onSet(setting: string): void {
    this.#touch();
    this.onSearchPath(setting);
  }

  /** What the target says that it is. */
  onSearchPath(setting: string): void {
    const isFirst = this.#first === null && this.#untouched;
    if (!isFirst && this.#first !== setting) this.#move();
    this.#first ??= setting;
    this.#doubtSpelling(setting);
    this.#setting = setting;
    // What was prepared before it was told has been prepared under it.
    const { serial } = this;
    this.#derive();
    if (isFirst) this.serial = serial;
  }

  /** What a ParameterStatus says. */
  onReported(setting: string): void {
    this.#reported = setting;
    this.onSearchPath(setting);
  }

  /**
   * ReadyForQuery: what the target has reported by now is so. It reports changed settings right before, and says nothing of
   * one that was set and taken back since.
   */
  onReady(): void {
    if (this.#reported !== null && this.#setting !== this.#reported) this.onSearchPath(this.#reported);
  }

  /** The session may have made its first temporary object. Once it has a temporary schema, that stays the same. */
  doubtTemp(): void {
    if (this.#temp !== '') return;
    this.#temp = null;
    this.#derive();
  }

  /** `-`: the session has no temporary schema. */
  onTemp(schema: string): void {
    this.#temp = schema === '-' ? '' : schema;
    this.#derive();
  }

  /** The path as it is after `SET search_path` to `setting`, with all else as it is; null: not known. */
  pathWith(setting: string): SearchPath | null {
    const known = this.#role !== null || !namesRole(setting);
    if (!known) return null;
    const path = searchPathOf(setting, this.#role ?? '', this.#temp);
    return this.#moved ? { ...path, loose: true } : path;
  }

  /** What names mean has changed since the session began, or may have. */
  onMoved(): void {
    this.#discarded = false;
    this.#lasting = true;
    if (this.#moved) return;
    this.#moved = true;
    this.#derive();
  }

  /** DISCARD ALL has run: with everything else it has the target forget its plans, also those of functions. */
  onDiscarded(): void {
    this.onRole(null);
    this.#discarded = true;
  }

  /** {@link settle} must be asked. */
  get discarded(): boolean {
    return this.#discarded;
  }

  /**
   * ReadyForQuery. Behind DISCARD ALL names mean what they meant when the session began, if the path is the same as well.
   *
   * @param clean whether nothing is under way, or left that was made before.
   */
  settle(clean: boolean): void {
    if (!this.#discarded) return;
    if (clean && (this.#setting === null || this.roleUnknown)) return;
    this.#discarded = false;
    if (!clean || this.#lasting || this.#setting !== this.#first || this.#role !== this.#firstRole) return;
    this.#moved = false;
    this.#derive();
  }

  #move(): void {
    this.#moved = true;
    this.#discarded = false;
  }

  #touch(): void {
    this.#untouched = false;
    this.#discarded = false;
  }

  /** A name that the target has told in letters which the gate may read otherwise is perhaps that of another schema. */
  #doubtSpelling(told: string): void {
    if (this.#encoding.misspells && !isAscii(told)) this.#move();
  }

  #derive(): void {
    this.path = this.#setting === null ? null : this.pathWith(this.#setting);
    this.serial++;
    this.version++;
  }
}
