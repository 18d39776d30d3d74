/** What unqualified names mean in one session as far as the gate knows: the role, the search path, the temporary schema. */
import { namesRole, searchPathOf } from '../catalog/catalog.ts';
import type { SearchPath } from '../catalog/catalog.ts';

export class SessionNames {
  /** The role in force, which `"$user"` in a path means; null: not known. ALTER ROLE .. SET role makes it another than the login's. */
  #role: string | null = null;
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
  /** null: not known. */
  path: SearchPath | null = null;
  /** Raised whenever `path` is another one or not known. */
  serial = 0;

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
    if (this.#setting === null) return;
    this.#setting = null;
    this.#derive();
  }

  /** SET ROLE. null: not known, so that a path with `"$user"` is not known either. */
  onRole(role: string | null): void {
    this.#moved = true;
    this.#role = role;
    this.#setting = null;
    this.#derive();
  }

  /** What SHOW says of the path, the role (`none`: it is that of the session) and of the session. */
  onShown(setting: string, role: string, session: string): void {
    this.#role = role === 'none' ? session : role;
    this.onSearchPath(setting);
  }

  onSearchPath(setting: string): void {
    if (this.#first !== null && this.#first !== setting) this.#moved = true;
    this.#first ??= setting;
    this.#setting = setting;
    this.#derive();
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
    if (this.#moved) return;
    this.#moved = true;
    this.#derive();
  }

  #derive(): void {
    this.path = this.#setting === null ? null : this.pathWith(this.#setting);
    this.serial++;
  }
}
