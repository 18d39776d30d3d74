/**
 * The audit log as JSON lines in files. What a line says stands here; when it is written stands in `journal.ts`.
 *
 *     {"event":"statement","time":..,"id":..,"session":..,"user":..,..,"outcome":..,"code":..,"rules":..,..,"kind":..,"text":..}
 *     {"event":"result","time":..,"id":..,"rows":..,"bytes":..,"masked":..,"duration_us":..,"sqlstate":..,"ended":..}
 *
 * (client address, groups and protocol stand once, in `session_open`)
 *
 * and `file`, `session_open`, `session_close`, `login_refused` and `gap` in between. A `gap` counts what was refused or
 * lost while nothing could be written.
 */
import nodeFs from 'node:fs';
import { randomBytes } from 'node:crypto';
import type { Fault } from '../errors.ts';
import type { AuditFs, Durability } from './auditFile.ts';
import { jsonName, jsonText, ownerFragment, sessionFragment } from './fragments.ts';
import type { DecisionFragment, StatementFragment } from './fragments.ts';
import { Journal } from './journal.ts';
import type { JournalStatistics } from './journal.ts';
import type { AuditSession, AuditSink, OnDurable, OnRoom, RefusedLogin, ResultFacts, SessionFacts } from './sink.ts';

export interface FileSinkOptions {
  /** Created if missing, for the user of the gate alone. */
  readonly directory: string;
  readonly durability?: Durability;
  /** A file that has reached this size is followed by a new one. */
  readonly fileBytesMax?: number;
  /** Records in memory, with the room set aside for results. At least 1 MiB. */
  readonly bufferBytesMax?: number;
  /** A callback of a session threw. Default: rethrow where nothing catches it. */
  readonly onBug?: (error: unknown) => void;
  /** After each write, with the sync where there is one: how long it took, and whether it failed. For metrics. */
  readonly onWrite?: (durationUs: number, fault: Fault | null) => void;
  /** Tests put failing disks here. */
  readonly fs?: AuditFs;
  readonly now?: () => number;
}

export interface AuditStatistics extends JournalStatistics {
  readonly statements: number;
  /** Statements and events that could not be recorded, hence were refused or lost. */
  readonly lost: number;
}

/** Room set aside for records that must not be refused. */
const resultBytesMax = 320;
const closeBytesMax = 256;
const gapBytesMax = 256;
/** Everything in a record that is not a fragment. */
const headBytesMax = 128;
const bufferBytesLeast = 1024 * 1024;

const quote = Buffer.from('"');
const rowsKey = Buffer.from('","rows":');
const bytesKey = Buffer.from(',"bytes":');
const maskedKey = Buffer.from(',"masked":');
const durationKey = Buffer.from(',"duration_us":');
/** How nearly every result ends. */
const completed = Buffer.from(',"sqlstate":null,"ended":"complete"}\n');

const nothingDone: ResultFacts = { rows: 0, bytes: 0, masked: 0, durationUs: 0, sqlstate: null, ended: 'not_run' };

export class FileSink implements AuditSink {
  /** In every id of this sink, so that ids of different processes never meet. */
  readonly run: string;
  readonly #journal: Journal;
  readonly #now: () => number;
  #nextStatement = 1;
  #nextSession = 1;
  #timeMs = -1;
  /** {@link Journal.turn} when the clock was read. */
  #timeTurn: number | null = null;
  #time = '';
  #headsTime = '';
  #headsNow: { readonly statement: Buffer; readonly result: Buffer } = { statement: quote, result: quote };
  #lost = 0;
  #lostInGap = 0;
  #gapSince = '';

  constructor(options: FileSinkOptions) {
    const bufferBytesMax = options.bufferBytesMax ?? 8 * 1024 * 1024;
    if (bufferBytesMax < bufferBytesLeast) throw new RangeError('bufferBytesMax must be at least 1 MiB');
    this.#now = options.now ?? Date.now;
    this.run = `${this.#now().toString(36)}-${randomBytes(4).toString('hex')}`;
    this.#journal = new Journal({
      directory: options.directory,
      durability: options.durability ?? 'os',
      fileBytesMax: options.fileBytesMax ?? 256 * 1024 * 1024,
      bufferBytesMax,
      fs: options.fs ?? nodeFs,
      now: this.#now,
      header: (previous) => this.#header(previous),
      notRun: (id) => this.#result(id, nothingDone),
      dropped: () => {
        this.#journal.reserve(-resultBytesMax);
        this.#lose();
      },
      recovered: () => this.#gap(),
      bug: options.onBug ?? rethrow,
      wrote: options.onWrite ?? (() => {}),
    });
    this.#journal.reserve(gapBytesMax);
  }

  get fault(): Fault | null {
    return this.#journal.fault;
  }

  /** Name of the file that is written now; null if none could be opened. */
  get fileName(): string | null {
    return this.#journal.fileName;
  }

  statistics(): AuditStatistics {
    return {
      ...this.#journal.statistics(),
      statements: this.#nextStatement - 1,
      lost: this.#lost,
    };
  }

  openSession(facts: SessionFacts): AuditSession | null {
    const id = `${this.run}.s${this.#nextSession++}`;
    if (!this.#event('session_open', sessionFragment(id, facts), closeBytesMax)) return null;
    this.#journal.reserve(closeBytesMax);
    return { id, fragment: ownerFragment(id, facts) };
  }

  closeSession(session: AuditSession, reason: string): void {
    this.#journal.reserve(-closeBytesMax);
    const { id } = session;
    this.#line(
      `{"event":"session_close","time":"${this.#stamp()}","session":"${id}","reason":"${constant(reason)}"}\n`,
    );
    this.#journal.flushLater();
  }

  loginRefused(refused: RefusedLogin): void {
    const facts =
      `,"user":${jsonNameOrNull(refused.user)},"connection":${jsonNameOrNull(refused.connection)}` +
      `,"protocol":${jsonName(refused.protocol)},"client":${jsonName(refused.clientAddress)}` +
      `,"reason":"${constant(refused.reason)}"`;
    this.#event('login_refused', Buffer.from(facts, 'utf8'), 0);
  }

  begin(session: AuditSession, statement: StatementFragment, decision: DecisionFragment, onDurable: OnDurable): number {
    const bytes = headBytesMax + session.fragment.length + decision.length + statement.length;
    if (!this.#journal.fits(bytes + resultBytesMax)) return 0;
    this.#journal.reserve(resultBytesMax);
    const id = this.#nextStatement++;
    const batch = this.#journal.filling;
    const start = batch.length;
    batch.ensure(bytes);
    batch.bytes(this.#heads().statement);
    batch.digits(id);
    batch.bytes(quote);
    batch.bytes(session.fragment);
    batch.bytes(decision);
    batch.bytes(statement);
    batch.wait(start, id, onDurable);
    batch.records++;
    this.#journal.flushSoon();
    return id;
  }

  end(id: number, result: ResultFacts): void {
    this.#result(id, result);
    this.#journal.flushLater();
  }

  whenRoom(onRoom: OnRoom): void {
    this.#journal.whenRoom(onRoom);
  }

  reopen(): void {
    this.#journal.reopen();
  }

  close(): Promise<Fault | null> {
    return this.#journal.close();
  }

  /** Appends a `result` record into the room that `begin` set aside. */
  #result(id: number, result: ResultFacts): void {
    const { rows, bytes, masked } = result;
    const durationUs = Math.round(result.durationUs);
    // Before anything is appended: half a record would spoil the line behind it.
    if (!isCount(rows) || !isCount(bytes) || !isCount(masked) || !isCount(durationUs))
      throw new RangeError('a count in an audit record must be a whole number');
    const batch = this.#journal.filling;
    batch.ensure(resultBytesMax);
    const start = batch.length;
    batch.bytes(this.#heads().result);
    batch.digits(id);
    batch.bytes(rowsKey);
    batch.digits(rows);
    batch.bytes(bytesKey);
    batch.digits(bytes);
    batch.bytes(maskedKey);
    batch.digits(masked);
    batch.bytes(durationKey);
    batch.digits(durationUs);
    if (result.sqlstate === null && result.ended === 'complete') batch.bytes(completed);
    else batch.ascii(`,"sqlstate":${sqlstateJson(result.sqlstate)},"ended":"${constant(result.ended)}"}\n`);
    if (batch.length - start > resultBytesMax) throw new Error('a result record exceeds the room set aside for it');
    this.#journal.reserve(-resultBytesMax);
    batch.records++;
  }

  /** Appends an event that nobody waits for, if it fits and leaves `reserve` bytes. */
  #event(event: string, facts: Buffer, reserve: number): boolean {
    const bytes = headBytesMax + facts.length;
    if (!this.#journal.fits(bytes + reserve)) {
      this.#lose();
      return false;
    }
    const batch = this.#journal.filling;
    batch.ensure(bytes);
    batch.ascii(`{"event":"${event}","time":"${this.#stamp()}"`);
    batch.bytes(facts);
    batch.ascii('}\n');
    batch.records++;
    this.#journal.flushLater();
    return true;
  }

  #gap(): void {
    if (this.#lostInGap === 0) return;
    this.#line(`{"event":"gap","time":"${this.#stamp()}","since":"${this.#gapSince}","lost":${this.#lostInGap}}\n`);
    this.#lostInGap = 0;
    this.#journal.flushLater();
  }

  #lose(): void {
    if (this.#lostInGap++ === 0) this.#gapSince = this.#stamp();
    this.#lost++;
  }

  #line(ascii: string): void {
    const batch = this.#journal.filling;
    batch.ensure(ascii.length);
    batch.ascii(ascii);
    batch.records++;
  }

  /** The journal asks for the first one while it is being made. */
  #header(previous: string | null): string {
    return (
      `{"event":"file","time":"${new Date(this.#now()).toISOString()}","version":1,"run":"${this.run}","pid":${process.pid}` +
      `,"previous":${previous === null ? 'null' : jsonText(previous)}}\n`
    );
  }

  /** Both records of a statement up to its number, made once per millisecond. */
  #heads(): { readonly statement: Buffer; readonly result: Buffer } {
    const time = this.#stamp();
    if (time !== this.#headsTime) {
      this.#headsTime = time;
      this.#headsNow = { statement: this.#head('statement', time), result: this.#head('result', time) };
    }
    return this.#headsNow;
  }

  #head(event: string, time: string): Buffer {
    return Buffer.from(`{"event":"${event}","time":"${time}","id":"${this.run}.`, 'latin1');
  }

  /** UTC, in milliseconds; read once for all that is written together, and formatted once per millisecond. */
  #stamp(): string {
    const { turn } = this.#journal;
    if (turn !== null && turn === this.#timeTurn) return this.#time;
    this.#timeTurn = turn;
    const nowMs = this.#now();
    if (nowMs !== this.#timeMs) {
      this.#timeMs = nowMs;
      this.#time = new Date(nowMs).toISOString();
    }
    return this.#time;
  }
}

/** The state comes from the target: five upper-case letters or digits (PostgreSQL, Appendix A), or it is not repeated. */
function sqlstateJson(sqlstate: string | null): string {
  if (sqlstate === null) return 'null';
  return /^[0-9A-Z]{5}$/.test(sqlstate) ? `"${sqlstate}"` : '"?????"';
}

/** A short constant of the caller's, made harmless should it not be one. */
function constant(text: string): string {
  return /^[\w-]{1,48}$/.test(text) ? text : text.slice(0, 48).replace(/[^\w-]/g, '?');
}

function jsonNameOrNull(name: string | null): string {
  return name === null ? 'null' : jsonName(name);
}

function isCount(count: number): boolean {
  return Number.isSafeInteger(count) && count >= 0;
}

function rethrow(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
