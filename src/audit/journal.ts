/**
 * Write-ahead with group commit: what decides *when* records are written and *who* is told, whatever they say.
 *
 * Records are appended to a batch in memory. At the end of the event-loop turn in which somebody began to wait, the
 * whole batch is written with one call, and then the waiters are told, in order: everything that arrived together
 * shares one system call (and, with durability `disk`, one fdatasync). Records that nobody waits for ride along, or go a
 * moment later.
 *
 * The write is synchronous on purpose: to the page cache it takes some microseconds, less than handing it to another
 * thread and back would, and no statement waits for a thread. fdatasync takes milliseconds and is never synchronous.
 *
 * When writing fails, the waiters get the fault and their records are dropped, so that the log does not claim what did
 * not happen; a record of which a part may already be in a file stays, and is followed by a `not_run` result. Records that
 * nobody waits for are kept until they can be written. Memory stays bounded, because whoever begins something sets aside
 * the room for its end.
 */
import type { Fault } from '../errors.ts';
import { AuditFile } from './auditFile.ts';
import type { AuditFileOptions } from './auditFile.ts';
import { Batch } from './batch.ts';
import type { OnRoom } from './sink.ts';

export interface JournalOptions extends AuditFileOptions {
  /** Bytes of records in memory and room set aside, at most. */
  readonly bufferBytesMax: number;
  readonly now: () => number;
  /** A waiter's record may be in a file, but its waiter got a fault: append what says so. Its room was set aside. */
  readonly notRun: (id: number) => void;
  /** A waiter's record was dropped: give back the room set aside for its end. */
  readonly dropped: (id: number) => void;
  /** Writing works again. */
  readonly recovered: () => void;
  /** A callback threw: a bug of its session. */
  readonly bug: (error: unknown) => void;
  /** A write, with its sync where there is one, has ended. */
  readonly wrote: (durationUs: number, fault: Fault | null) => void;
}

export interface JournalStatistics {
  readonly writes: number;
  readonly syncs: number;
  readonly bytes: number;
  /** Records that were written. */
  readonly records: number;
  readonly pendingBytes: number;
  /** Statements whose record is not durable yet. */
  readonly waiting: number;
}

/** Records that nobody waits for are written at the latest after this. */
const lazyMs = 20;
/** While writing fails it is tried this often even if nobody asks. */
const retryMs = 250;

const closing: Fault = { code: 'BG_SHUTTING_DOWN', detail: 'the audit log is closed' };

export class Journal {
  readonly #options: JournalOptions;
  readonly #file: AuditFile;
  #filling = new Batch();
  #writing = new Batch();
  #reservedBytes = 0;
  #fault: Fault | null;
  #writeStartedMs = 0;
  #scheduled = false;
  #turn = 0;
  #syncing = false;
  #closed = false;
  #lazy: NodeJS.Timeout | null = null;
  #forRoom: OnRoom[] = [];
  #onIdle: (() => void)[] = [];
  readonly #statistics = { writes: 0, syncs: 0, bytes: 0, records: 0 };

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#file = new AuditFile(options);
    this.#fault = this.#file.prepare(options.now());
  }

  get fault(): Fault | null {
    return this.#fault;
  }

  get fileName(): string | null {
    return this.#file.name;
  }

  /** Counts the turns of the event loop in which somebody began to wait; null between two of them. */
  get turn(): number | null {
    return this.#scheduled ? this.#turn : null;
  }

  /** Append here, after {@link Batch.ensure}; then {@link flushSoon} if somebody waits, else {@link flushLater}. */
  get filling(): Batch {
    return this.#filling;
  }

  statistics(): JournalStatistics {
    return {
      ...this.#statistics,
      pendingBytes: this.#filling.length + this.#writing.length,
      waiting: this.#filling.waiters + this.#writing.waiters,
    };
  }

  fits(bytes: number): boolean {
    const used = this.#filling.length + this.#writing.length + this.#reservedBytes;
    return !this.#closed && used + bytes <= this.#options.bufferBytesMax;
  }

  /** Sets room aside for a record that must not be refused later; negative: gives it back. */
  reserve(bytes: number): void {
    this.#reservedBytes += bytes;
    if (this.#reservedBytes < 0) throw new Error('more audit records ended than began');
  }

  flushSoon(): void {
    if (this.#scheduled || this.#syncing) return;
    this.#scheduled = true;
    setImmediate(this.#turnEnds);
  }

  flushLater(): void {
    if (this.#lazy === null && !this.#closed)
      this.#lazy = setTimeout(this.#lazyEnds, this.#fault === null ? lazyMs : retryMs);
  }

  /** `onRoom` comes after the next write, or at once in a later turn where nothing is to be written. */
  whenRoom(onRoom: OnRoom): void {
    if (this.#closed) {
      setImmediate(onRoom, closing);
      return;
    }
    this.#forRoom.push(onRoom);
    // Nothing to write: all room is set aside for what runs. Looking again in each turn would only burn CPU.
    if (this.#filling.empty && this.#writing.empty) this.flushLater();
    else this.flushSoon();
  }

  reopen(): void {
    this.#file.rotate();
    this.flushSoon();
  }

  async close(): Promise<Fault | null> {
    this.#closed = true;
    await this.#idle();
    this.#flush();
    await this.#idle();
    if (this.#lazy !== null) clearTimeout(this.#lazy);
    this.#file.cutTorn(this.#writing);
    await this.#file.close();
    return this.#fault;
  }

  async #idle(): Promise<void> {
    while (this.#syncing || this.#scheduled) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  readonly #turnEnds = (): void => {
    this.#scheduled = false;
    this.#turn++;
    this.#flush();
  };

  readonly #lazyEnds = (): void => {
    this.#lazy = null;
    this.#flush();
  };

  #flush(): void {
    // The end of the sync flushes again; until then the batch that is being synced must stay as it is.
    if (this.#syncing) return;
    if (!this.#writing.empty) this.#write();
    if (!this.#syncing && this.#writing.empty) {
      [this.#filling, this.#writing] = [this.#writing, this.#filling];
      if (!this.#writing.empty || this.#file.rotating || this.#fault !== null) this.#write();
    } else if (!this.#syncing && this.#fault !== null) {
      this.#fail(this.#fault, this.#filling);
    }
    if (!this.#syncing) this.#settled();
  }

  /** Tries to write the batch. Afterwards it is empty, or being synced, or kept because of a fault. */
  #write(): void {
    const batch = this.#writing;
    this.#writeStartedMs = performance.now();
    // A record that began in one file must end there.
    let fault = batch.written === 0 ? this.#file.prepare(this.#options.now()) : null;
    if (fault === null && !batch.empty) {
      const before = batch.written;
      fault = this.#file.write(batch);
      this.#statistics.writes++;
      this.#statistics.bytes += batch.written - before;
    }
    if (fault !== null) {
      this.#fail(fault, batch);
    } else if (this.#options.durability === 'disk' && !batch.empty) {
      this.#syncing = true;
      this.#statistics.syncs++;
      this.#file.sync(this.#synced);
    } else {
      this.#succeed(batch);
    }
  }

  readonly #synced = (fault: Fault | null): void => {
    this.#syncing = false;
    if (fault === null) this.#succeed(this.#writing);
    else this.#fail(fault, this.#writing);
    if (this.#fault !== null) this.#fail(this.#fault, this.#filling);
    else if (!this.#filling.empty) this.flushSoon();
    this.#settled();
  };

  #succeed(batch: Batch): void {
    if (!batch.empty) this.#options.wrote((performance.now() - this.#writeStartedMs) * 1000, null);
    this.#statistics.records += batch.records;
    if (this.#fault !== null) {
      this.#fault = null;
      this.#options.recovered();
    }
    // Callbacks append to the other batch, so this one holds still.
    for (let waiter = 0; waiter < batch.waiters; waiter++) {
      try {
        batch.callback(waiter)(null, batch.id(waiter));
      } catch (error) {
        this.#options.bug(error);
      }
    }
    batch.clear();
  }

  #fail(fault: Fault, batch: Batch): void {
    if (batch === this.#writing) this.#options.wrote((performance.now() - this.#writeStartedMs) * 1000, fault);
    this.#fault = fault;
    const safe = this.#options.durability === 'os' && !this.#file.broken;
    let durable = 0;
    if (safe) while (durable < batch.waiters && batch.end(durable) <= batch.written) durable++;
    let visible = durable;
    while (visible < batch.waiters && batch.start(visible) < batch.written) visible++;

    const waiters = Array.from({ length: batch.waiters }, (_, at) => ({ id: batch.id(at), call: batch.callback(at) }));
    batch.drop(visible);
    batch.forget(0);
    if (batch === this.#writing && this.#file.broken) this.#file.giveUp(batch);
    for (const [at, { id }] of waiters.entries()) {
      if (at >= visible) this.#options.dropped(id);
      else if (at >= durable) this.#options.notRun(id);
    }
    this.flushLater();
    for (const [at, { id, call }] of waiters.entries()) {
      try {
        call(at < durable ? null : fault, id);
      } catch (error) {
        this.#options.bug(error);
      }
    }
  }

  /** A write has come to its end, well or not. */
  #settled(): void {
    const forRoom = this.#forRoom;
    this.#forRoom = [];
    for (const onRoom of forRoom) {
      try {
        onRoom(this.#fault);
      } catch (error) {
        this.#options.bug(error);
      }
    }
    const onIdle = this.#onIdle;
    this.#onIdle = [];
    for (const resolve of onIdle) resolve();
  }
}
