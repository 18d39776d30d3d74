/**
 * What one session needs to turn the shape of a result into a mask plan: the rules in force, the catalog of the target, the
 * search path and the encoding as they are now. Every change raises `version`, and plans of older versions are made anew.
 */
import type { Fault } from '../../../errors.ts';
import type { MaskedUse, MaskRules } from '../../../facts.ts';
import type { Services } from '../../protocol.ts';
import { conversionUse, type GivenToMasked, type StatementUse } from './maskedUse.ts';
import type { CatalogRows } from '../catalog/build.ts';
import type { Doubt } from '../catalog/doubted.ts';
import type { Fillers } from '../catalog/fillers.ts';
import type { CatalogSource } from '../catalog/source.ts';
import { type Answered, scrubDiagnostics } from '../diagnostics/diagnostics.ts';
import { isShownKey, type ReportedKey } from '../diagnostics/keys.ts';
import type { DistantFlows } from './distantFlows.ts';
import { encodingOf } from './encodings.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import { type Footprints, KnownFootprints } from '../catalog/footprints.ts';
import { Foresight } from './foresight.ts';
import type { Lineage } from '../lineage/lineage.ts';
import type { ColumnMaskIndex } from './maskIndex.ts';
import type { ShapeColumn } from './maskPlan.ts';
import type { Movers } from '../catalog/movers.ts';
import { NamesText, schemaPart } from './namesText.ts';
import type { Portal, PreparedStatement } from '../session/prepared.ts';
import type { RowSource } from '../session/rowSource.ts';
import { copyRows, type Planned, planRows, type Rows, tableOrigins, unreadableCopy, withoutNew } from './rowPlans.ts';
import { understood } from './rowPlans.ts';
import type { SchemaTurns } from '../catalog/schemaTurns.ts';
import { SessionCatalog } from './sessionCatalog.ts';
import { SessionEncoding } from './sessionEncoding.ts';
import { SessionIndex } from './sessionIndex.ts';
import { SessionNames } from './sessionNames.ts';
import { SessionTexts } from './sessionTexts.ts';
import { StatementFlows } from './statementFlows.ts';
import type { StatementRun } from '../session/statementRun.ts';
import type { CopyResponse, DiagnosticField, RowField } from '../wire/backend.ts';
import type { ByteString } from '../wire/text.ts';
import { diagnosticMessage } from '../wire/toClient.ts';

export class MaskContext {
  readonly #services: Services;
  readonly #catalog: SessionCatalog;
  /** What unqualified names mean in this session. */
  readonly meanings: SessionNames;
  #rules: MaskRules;
  #index: ColumnMaskIndex | null = null;
  readonly #masks: SessionIndex;
  readonly #footprints = new KnownFootprints();
  readonly encoding = new SessionEncoding();
  readonly flows: StatementFlows;
  readonly #texts: SessionTexts;
  readonly #names = new NamesText();
  /** The catalog was read again for the shape that is planned now. */
  #fresh = false;
  #version = 0;
  /** Runs of this session that were sent, have not ended, and may change what names mean. */
  changesAhead = 0;
  /** The same of runs that may change the search path or the role, or take such a change back. */
  movesAhead = 0;
  /** Whether any mask rule applies to this session. */
  active = false;

  constructor(services: Services, catalog: CatalogSource, rules: MaskRules, distant: DistantFlows) {
    this.#services = services;
    this.#catalog = new SessionCatalog(catalog);
    this.flows = new StatementFlows(services.strongerMask, distant);
    this.meanings = new SessionNames(this.encoding);
    this.#rules = rules;
    this.#masks = new SessionIndex(services.strongerMask, catalog.fillers, rules);
    this.#texts = new SessionTexts(services.masker);
    this.usePolicy(rules);
  }

  usePolicy(rules: MaskRules): void {
    this.#masks.usePolicy(rules);
    this.#rules = rules;
    this.active = rules.columns.length > 0 || rules.values.length > 0;
    this.#catalog.hold(this.active);
    this.#texts.forget();
    this.#version++;
  }

  close(): void {
    this.#catalog.close();
  }

  get version(): number {
    return this.#version + this.meanings.version;
  }

  /** The schema that only this session sees yet should be read by itself, if it is to be believed. */
  get catalogUnknown(): boolean {
    return this.active && this.#catalog.wantsOwn;
  }

  /** See {@link SessionCatalog.takeOwn}. */
  onCatalog(rows: CatalogRows | null): void {
    this.#catalog.takeOwn(rows);
  }

  /** Two equal texts: every name means the same, as far as this session and its gate can tell. */
  get names(): string {
    return this.#names.text(this.meanings.serial, this.#catalog.serial, this.#catalog.epoch);
  }

  get epoch(): number {
    return this.#catalog.epoch;
  }

  get schemaSerial(): number {
    return this.#catalog.serial;
  }

  beginChange(): void {
    this.#catalog.beginChange(this.active);
  }

  endChange(): void {
    this.#catalog.endChange();
  }

  /** The schema was changed, and the change is not committed. */
  doubtSchema(): void {
    this.#catalog.doubt();
    this.meanings.doubtTemp();
    this.meanings.onMoved();
    this.#version++;
  }

  /** Whether the shape of a prepared statement may be another one by now: its columns may come from elsewhere. */
  mayHaveChanged(prepared: PreparedStatement): boolean {
    if (prepared.shape === null) return false;
    return prepared.shapeNames !== this.names || this.#catalog.othersChange;
  }

  /** A portal has been bound or declared: names in its query keep the meaning that they have now. */
  onOpened(portal: Portal, run: StatementRun): void {
    portal.names = this.names;
    portal.certain = this.#certain(run);
    // A cursor is read by other statements, and what names mean may have changed by then.
    if (this.active && portal.run === null) this.#portalLineage(portal, run);
  }

  /** A ParameterStatus. A fault if masks cannot be applied under the new setting. */
  onParameter(name: string, value: string): Fault | null {
    if (name === 'search_path') this.meanings.onReported(value);
    const recoded = this.encoding.onReported(name, value);
    if (recoded) this.#version++;
    if (recoded && this.encoding.converts) this.meanings.onMoved();
    return this.active ? this.encoding.refuses(name, value) : null;
  }

  /** The schema changed through this session: what is known of it is no longer trusted. */
  onSchemaChange(): void {
    this.#catalog.settle();
  }

  get turns(): SchemaTurns {
    return this.#catalog.turns;
  }

  /** What the statements hang on that users have made, and what they change of it. */
  footprintsOf(statements: readonly AnalyzedStatement[]): Footprints {
    return this.#footprints.of(statements, this.#currentIndex()?.catalog ?? null);
  }

  get fillers(): Fillers {
    return this.#catalog.fillers;
  }

  /** Reads the catalog for what is about to be sent. */
  readCatalog(): Promise<Fault | null> {
    return this.#catalog.refresh();
  }

  /** Reads the catalog again. A fault ends the session: without a catalog nobody knows what to mask. */
  async refresh(): Promise<Fault | null> {
    if (this.flows.wanted) return this.flows.tryFetch();
    const fault = await this.#catalog.refresh();
    this.#fresh = true;
    return fault;
  }

  /**
   * Plan for the rows of `run`. `refresh`: the catalog must be read first.
   *
   * @param source the statement behind the rows; see {@link RowSource}.
   * @param portal the portal that is executed; null for a simple query.
   */
  plan(run: StatementRun, source: RowSource, shape: readonly ShapeColumn[], portal: Portal | null): Planned {
    // A cursor goes on reading what its names meant when it was opened.
    if (run.foresight !== null && source.cursor === null && source.statement !== null) {
      const foreseen = this.#foreseen(run, source.statement);
      if (foreseen !== null) return this.#planForeseen(run.foresight, this.#dataRows(foreseen, shape));
    }
    // Before anything that is remembered is trusted: a catalog that was read again raises the version.
    const index = this.#currentIndex();
    if (index === null) return 'refresh';
    const keeps = portal !== null && source.cursor === portal && this.#ownNames(portal, run);
    const known = keeps ? portal.prepared.plans.get(portal.formatsKey) : undefined;
    if (known !== undefined && known.version === this.version) return known.plan;
    const lineage = this.#rowLineage(run, source, portal);
    if (lineage === 'refresh') return lineage;
    const trusted = this.#certain(run) && this.#sameSchema(portal) && this.#sameSchema(source.cursor);
    const sure = trusted ? lineage : this.flows.sureLineage(source.statement, index);
    if (sure === 'refresh') return sure;
    const origins = trusted ? shape : tableOrigins(shape, index.catalog);
    const planned = this.#build(this.#dataRows(sure, origins));
    if (planned !== 'refresh' && keeps) portal.prepared.keepPlan(portal.formatsKey, this.version, planned);
    return planned;
  }

  /** The shape of a portal's rows, without origins where they may be of another time. */
  shapeOf(portal: Portal, run: StatementRun): readonly RowField[] {
    const shape = portal.shape() ?? [];
    const current = portal.described !== null || (portal.prepared.shapeNames === portal.names && this.#certain(run));
    return current ? shape : shape.map((field) => ({ ...field, tableOid: 0, attribute: 0 }));
  }

  /** Plan for the rows of a COPY TO STDOUT. */
  planCopy(run: StatementRun, response: CopyResponse): Planned | Fault {
    const statement = run.current;
    const effect = statement?.session;
    if (statement === null || effect?.kind !== 'copy_to') return unreadableCopy;
    const { copy } = effect;
    const binary = response.format === 1;
    if ((copy.format === 'binary') !== binary) return unreadableCopy;
    const encoding = copy.encoding === null ? this.encoding.text : encodingOf(copy.encoding);
    const foreseen = this.#foreseen(run, statement);
    const lineage = foreseen ?? this.#lineage(statement, this.#certain(run));
    if (lineage === 'refresh') return 'refresh';
    const rows = copyRows(lineage, response, copy, encoding ?? 'single_byte');
    const planned =
      foreseen !== null && run.foresight !== null ? this.#planForeseen(run.foresight, rows) : this.#build(rows);
    return understood(copy, encoding, planned) ? planned : unreadableCopy;
  }

  /** What may change what names mean, as far as the catalog is known. */
  get movers(): Movers | null {
    return this.#currentIndex()?.catalog.movers() ?? null;
  }

  /** Nothing moves anything, by the catalog that was looked at last. */
  get noMovers(): boolean {
    return this.#index?.catalog.movers().none === true;
  }

  /** The catalog and its masks where they are what the target uses now, for certain. */
  get certainIndex(): ColumnMaskIndex | null {
    return this.certainNow ? this.#currentIndex() : null;
  }

  /** The fields of an error or notice that the client may read, as a message. */
  scrub(type: number, fields: readonly DiagnosticField[], answered: Answered): Uint8Array {
    const isSuspect = (text: ByteString): boolean =>
      this.maskText(Buffer.from(text, 'latin1'), 0, text.length) !== null;
    const isOpenKey = (key: ReportedKey): boolean => isShownKey(this.certainIndex, key);
    return diagnosticMessage(type, scrubDiagnostics(fields, { ...answered, isShownKey: isOpenKey, isSuspect }));
  }

  /** A notification's payload with what detectors find masked; null: nothing found. */
  maskText(bytes: Uint8Array, start: number, end: number): Uint8Array | null {
    return this.#texts.mask(this.#rules, this.encoding.text, bytes, start, end);
  }

  /**
   * Whether names mean, in a statement that is sent now, what the catalog says. Changes by sessions without masks are
   * not waited for: who may see everything anyway gains nothing from the race.
   */
  get certainNow(): boolean {
    const namesKnown = this.meanings.path !== null && !this.meanings.tempUnknown;
    const ahead = this.changesAhead + this.movesAhead > 0;
    return namesKnown && !ahead && !this.#catalog.doubted && !this.#catalog.othersChangeMasked;
  }

  /**
   * What a statement that is about to be sent does with masked columns. `certain` false: no name of a user's object is
   * believed. `refresh`: the catalog must be read first.
   */
  useOf(statement: AnalyzedStatement, certain: boolean, doubt: Doubt = 'any'): StatementUse | 'refresh' {
    const index = this.#currentIndex();
    if (index === null) return 'refresh';
    const { path } = this.meanings;
    if (path === null || !certain) return this.flows.doubtedUse(statement, index, path, path === null ? 'any' : doubt);
    return this.flows.use(statement, index, path, this.version);
  }

  /** The same behind a `SET search_path` to `setting` in one message with the statement. */
  useBehind(statement: AnalyzedStatement, setting: string): StatementUse | 'refresh' {
    const index = this.#currentIndex();
    return index === null ? 'refresh' : this.flows.useOn(statement, index, this.meanings.pathWith(setting));
  }

  /** What the conversion of a statement's rows to the client's encoding tells of masked columns; null: nothing. */
  conversionOf(statement: AnalyzedStatement, certain: boolean): MaskedUse | null | 'refresh' {
    const lineage = this.#lineage(statement, certain);
    if (lineage === 'refresh' || this.#index === null) return 'refresh';
    return conversionUse(lineage, this.#index, certain ? statement : null);
  }

  /** What can be known of a message before it runs; null: names mean nothing for certain. */
  foresee(): Foresight | null {
    const index = this.#currentIndex();
    const { path } = this.meanings;
    return index === null || path === null ? null : new Foresight(this.flows, index, this.#rules, path);
  }

  /** Literals among what exactly this text writes into masked columns; its parse tree may be that of another. */
  givenBy(statement: AnalyzedStatement): readonly GivenToMasked[] {
    const index = this.#currentIndex();
    return index === null ? [] : this.flows.given(statement, index, this.meanings.path);
  }

  /** Changes that were sent behind `run`, and may be in the catalog before its rows are judged. */
  #changesBehind(run: StatementRun): number {
    return this.changesAhead - (run.changesNames && !run.ended ? 1 : 0);
  }

  /** Whether the catalog that the gate can read is the one that the target used for `run`. */
  #certain(run: StatementRun): boolean {
    const settled = !this.#catalog.doubted && this.#changesBehind(run) === 0 && !this.#catalog.othersChange;
    return settled && run.epoch === this.#catalog.epoch;
  }

  /** Lineage of rows that hangs on what the run itself has made; null: there is none, or something else may have changed. */
  #foreseen(run: StatementRun, statement: AnalyzedStatement): Lineage | null {
    const { foresight } = run;
    if (foresight === null || foresight.rules !== this.#rules || this.#changesBehind(run) > 0) return null;
    const alone = !this.#catalog.othersChange && run.epoch === this.#catalog.epoch;
    const asForeseen = this.#catalog.serial === run.serial + run.changesMade;
    return alone && asForeseen ? foresight.lineageOf(statement) : null;
  }

  #planForeseen({ index }: Foresight, rows: Rows): Planned {
    const known = { ...rows, shape: withoutNew(rows.shape, index.catalog) };
    return planRows(this.#services, this.#rules, index, known, true);
  }

  #dataRows(lineage: Lineage | null, shape: readonly ShapeColumn[]): Rows {
    return { lineage, shape, rowFormat: 'data_row', copy: null, encoding: this.encoding.text ?? 'single_byte' };
  }

  /** No schema has changed since the portal was opened; a change of search_path does not matter to it. */
  #sameSchema(portal: Portal | null): boolean {
    return portal === null || portal.names === '' || schemaPart(portal.names) === schemaPart(this.names);
  }

  #ownNames(portal: Portal, run: StatementRun): boolean {
    return portal.certain && portal.names === this.names && this.#certain(run);
  }

  #rowLineage(run: StatementRun, source: RowSource, portal: Portal | null): Lineage | null | 'refresh' {
    if (portal !== null && portal.lineage !== null) return portal.lineage;
    if (source.cursor !== null) return this.#portalLineage(source.cursor, run);
    const { statement } = source;
    const lineage = statement === null ? null : this.#lineage(statement, this.#certain(run));
    if (portal !== null && lineage !== 'refresh') portal.lineage = lineage;
    return lineage;
  }

  /** Lineage with what names meant when the portal was opened; kept, because they may mean something else next time. */
  #portalLineage(portal: Portal, run: StatementRun): Lineage | null | 'refresh' {
    const { statement } = portal.prepared;
    if (portal.lineage !== null || statement === null) return portal.lineage;
    const lineage = this.#lineage(statement, this.#ownNames(portal, run));
    if (lineage !== 'refresh') portal.lineage = lineage;
    return lineage;
  }

  /** With what is known now; the catalog is read again at most once for the same rows. */
  #build(rows: Rows): Planned {
    const index = this.#currentIndex();
    if (index === null) return 'refresh';
    const planned = planRows(this.#services, this.#rules, index, rows, this.#fresh);
    if (planned !== 'refresh') this.#fresh = false;
    return planned;
  }

  #currentIndex(): ColumnMaskIndex | null {
    const catalog = this.#catalog.fresh;
    if (catalog === null) return null;
    const index = this.#masks.of(catalog);
    if (index !== this.#index) {
      this.#index = index;
      this.#version++;
    }
    return this.#index;
  }

  /** `certain` false: no name of a user's object is believed to mean what the catalog says. */
  #lineage(statement: AnalyzedStatement, certain: boolean): Lineage | 'refresh' {
    const index = this.#currentIndex();
    if (index === null) return 'refresh';
    const { path } = this.meanings;
    if (!certain || path === null) return this.flows.doubtedLineage(statement, index, path);
    return this.flows.lineage(statement, index, path, this.version);
  }
}
