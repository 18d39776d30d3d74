/**
 * The file that records go to: `audit-YYYYMMDD-NNNN.jsonl` (UTC day), mode 0600, append only. Each process creates files
 * of its own with O_EXCL and never opens an existing one, so two processes cannot write into one file, nor can a
 * process append to the torn line that a crash left.
 */
import type { Fault } from '../errors.ts';
import type { Batch } from './batch.ts';

/** What this needs of node:fs; tests put failing disks here. */
export interface AuditFs {
  mkdirSync(path: string, options: { recursive: true; mode: number }): unknown;
  readdirSync(path: string): string[];
  openSync(path: string, flags: string, mode?: number): number;
  writeSync(fd: number, buffer: Uint8Array, offset: number, length: number): number;
  ftruncateSync(fd: number, length: number): void;
  fsyncSync(fd: number): void;
  closeSync(fd: number): void;
  unlinkSync(path: string): void;
  fdatasync(fd: number, done: (error: NodeJS.ErrnoException | null) => void): void;
  fsync(fd: number, done: (error: NodeJS.ErrnoException | null) => void): void;
}

export type Durability =
  /** Survives the death of the process: the record is with the operating system. */
  | 'os'
  /** Survives the death of the machine: the record is on the disk. */
  | 'disk';

export interface AuditFileOptions {
  readonly directory: string;
  readonly fileBytesMax: number;
  readonly durability: Durability;
  readonly fs: AuditFs;
  /** First record of each file, given the name of the file before it. */
  readonly header: (previous: string | null) => string;
}

const dayMs = 86_400_000;
const filesPerDayMax = 999_999;
const createTriesMax = 1000;
const interruptionsMax = 16;
/** After these, what was written before is in the file, and writing can go on where it stopped. */
const resumable: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EINTR', 'EAGAIN']);

export class AuditFile {
  readonly #options: AuditFileOptions;
  readonly #retiring = new Set<Promise<void>>();
  #fd = -1;
  #name: string | null = null;
  #bytes = 0;
  #day = -1;
  #rotate = false;
  #broken = false;

  constructor(options: AuditFileOptions) {
    this.#options = options;
  }

  /** Name of the current file, without its directory. */
  get name(): string | null {
    return this.#name;
  }

  /** What was written to this file and not synced is in doubt: it must be given up. */
  get broken(): boolean {
    return this.#broken;
  }

  /** The next write goes to a new file. */
  rotate(): void {
    this.#rotate = true;
  }

  /** A new file was asked for and is not there yet. */
  get rotating(): boolean {
    return this.#rotate;
  }

  /** Opens or changes the file where that is due. A change that fails is a fault only if there is no file to go on with. */
  prepare(nowMs: number): Fault | null {
    const day = Math.floor(nowMs / dayMs);
    const { fileBytesMax } = this.#options;
    if (this.#fd !== -1 && !this.#rotate && day === this.#day && this.#bytes < fileBytesMax) return null;
    const fault = this.#open(day, new Date(nowMs).toISOString().slice(0, 10).replaceAll('-', ''));
    return this.#fd === -1 ? fault : null;
  }

  /**
   * Writes batch.buffer[written, length) and moves `written`. After a fault, what was written stands in the file and the
   * rest can be written later, even from the middle of a record; unless the file is {@link broken}, as it is after
   * anything else than lack of space.
   */
  write(batch: Batch): Fault | null {
    let interruptions = 0;
    while (batch.written < batch.length) {
      try {
        const count = this.#options.fs.writeSync(this.#fd, batch.buffer, batch.written, batch.length - batch.written);
        batch.written += count;
        this.#bytes += count;
        if (count > 0) interruptions = 0;
        else if (++interruptions > interruptionsMax) return unavailable('write', 'wrote nothing');
      } catch (error) {
        const code = codeOf(error);
        if ((code === 'EINTR' || code === 'EAGAIN') && ++interruptions <= interruptionsMax) continue;
        this.#broken = !resumable.has(code);
        return unavailable('write', code);
      }
    }
    return null;
  }

  /**
   * Leaves a file that failed. A failed fdatasync may have marked lost pages as clean, so a second one would lie: what was
   * not known to be durable is written again elsewhere. The torn record at the end is cut off where that still works.
   */
  giveUp(batch: Batch): void {
    this.cutTorn(batch);
    this.#retire();
    this.#broken = false;
    batch.written = 0;
  }

  /** Cuts off the part of a record at the end of the file; the batch stays as it is. */
  cutTorn(batch: Batch): void {
    if (this.#fd === -1 || batch.written === 0) return;
    const whole = batch.buffer.lastIndexOf(0x0a, batch.written - 1) + 1;
    const torn = batch.written - whole;
    if (torn === 0) return;
    try {
      this.#options.fs.ftruncateSync(this.#fd, this.#bytes - torn);
      this.#bytes -= torn;
      batch.written = whole;
    } catch {
      // The disk fails already. Readers skip a torn last record, as after a crash.
    }
  }

  /** fdatasync: `done` comes on a later turn. */
  sync(done: (fault: Fault | null) => void): void {
    this.#options.fs.fdatasync(this.#fd, (error) => {
      if (error === null) return done(null);
      this.#broken = true;
      done(unavailable('fdatasync', codeOf(error)));
    });
  }

  async close(): Promise<void> {
    this.#retire();
    await Promise.all(this.#retiring);
  }

  #open(day: number, dayName: string): Fault | null {
    const { fs, directory, header } = this.#options;
    try {
      fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
      const { fd, name } = this.#create(dayName);
      const first = Buffer.from(header(this.#name), 'utf8');
      try {
        if (fs.writeSync(fd, first, 0, first.length) !== first.length) throw new Error('short write');
        if (this.#options.durability === 'disk') syncDirectory(fs, directory);
      } catch (error) {
        // Leave no file behind that holds nothing, else a full disk would gather one with every try.
        fs.closeSync(fd);
        fs.unlinkSync(`${directory}/${name}`);
        throw error;
      }
      this.#retire();
      this.#fd = fd;
      this.#name = name;
      this.#bytes = first.length;
      this.#day = day;
      this.#rotate = false;
      return null;
    } catch (error) {
      return unavailable('open', codeOf(error));
    }
  }

  #create(dayName: string): { fd: number; name: string } {
    const { fs, directory } = this.#options;
    const prefix = `audit-${dayName}-`;
    let number = 0;
    for (const name of fs.readdirSync(directory)) {
      const match = name.startsWith(prefix) ? /^(\d{4,6})\.jsonl$/.exec(name.slice(prefix.length)) : null;
      if (match !== null) number = Math.max(number, Number(match[1]));
    }
    for (let tries = 0; tries < createTriesMax && number < filesPerDayMax; tries++) {
      number++;
      const name = `${prefix}${String(number).padStart(4, '0')}.jsonl`;
      try {
        return { fd: fs.openSync(`${directory}/${name}`, 'ax', 0o600), name };
      } catch (error) {
        // Another process took this number between the listing and now.
        if (codeOf(error) !== 'EEXIST') throw error;
      }
    }
    throw new Error('no free file name is left for this day');
  }

  /** Syncs and closes in the background: a quarter of a gigabyte of dirty pages would stop the main thread for long. */
  #retire(): void {
    if (this.#fd === -1) return;
    const { fs } = this.#options;
    const fd = this.#fd;
    this.#fd = -1;
    const retired = new Promise<void>((resolve) => {
      fs.fsync(fd, () => {
        try {
          fs.closeSync(fd);
        } catch {
          // The records are with the operating system since long; there is nothing left to save.
        }
        resolve();
      });
    });
    this.#retiring.add(retired);
    void retired.finally(() => this.#retiring.delete(retired));
  }
}

function syncDirectory(fs: AuditFs, directory: string): void {
  const fd = fs.openSync(directory, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}

function unavailable(operation: string, cause: string): Fault {
  return { code: 'BG_AUDIT_UNAVAILABLE', detail: `audit file: ${operation}: ${cause}` };
}
