/** A sink in a temporary directory, disks that fail on demand, and a reader of what was written. */
import nodeFs from 'node:fs';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { AuditFs } from '../../src/audit/auditFile.ts';
import { FileSink } from '../../src/audit/fileSink.ts';
import type { FileSinkOptions } from '../../src/audit/fileSink.ts';
import { decisionFragment, statementFragment } from '../../src/audit/fragments.ts';
import type { AuditSession, ResultFacts } from '../../src/audit/sink.ts';
import type { Fault } from '../../src/errors.ts';

export const allowed = decisionFragment({ outcome: 'allow', rules: [], observed: [] }, []);
export const complete: ResultFacts = {
  rows: 1,
  bytes: 40,
  masked: 0,
  durationUs: 12.6,
  sqlstate: null,
  ended: 'complete',
};

export function sql(text: string) {
  return statementFragment({ text, kind: 'select', fingerprint: 'f00d' });
}

/** node:fs with the failures of one disk. Everything else is real. */
export class FlakyDisk implements AuditFs {
  /** Bytes that still fit; then ENOSPC, after a short write. */
  freeBytes = Infinity;
  /** Error codes for the next writes, one each; undefined: that write works. */
  writeErrors: (string | undefined)[] = [];
  /** At most so many bytes per write. */
  writeBytesMax = Infinity;
  openError: string | null = null;
  syncErrors: (string | undefined)[] = [];
  truncateFails = false;
  writes = 0;
  syncs = 0;
  /** Called before each write; for the order of things. */
  onWrite: () => void = () => {};

  mkdirSync = nodeFs.mkdirSync;
  readdirSync = (path: string): string[] => nodeFs.readdirSync(path);
  fsyncSync = nodeFs.fsyncSync;
  closeSync = nodeFs.closeSync;
  unlinkSync = nodeFs.unlinkSync;
  fsync = nodeFs.fsync;

  openSync(path: string, flags: string, mode?: number): number {
    if (this.openError !== null) throw failure(this.openError);
    return nodeFs.openSync(path, flags, mode);
  }

  writeSync(fd: number, buffer: Uint8Array, offset: number, length: number): number {
    this.onWrite();
    this.writes++;
    const error = this.writeErrors.shift();
    if (error !== undefined) throw failure(error);
    if (this.freeBytes === 0) throw failure('ENOSPC');
    const count = nodeFs.writeSync(fd, buffer, offset, Math.min(length, this.freeBytes, this.writeBytesMax));
    this.freeBytes -= count;
    return count;
  }

  ftruncateSync(fd: number, length: number): void {
    if (this.truncateFails) throw failure('EIO');
    nodeFs.ftruncateSync(fd, length);
  }

  fdatasync(fd: number, done: (error: NodeJS.ErrnoException | null) => void): void {
    this.syncs++;
    const error = this.syncErrors.shift();
    if (error === undefined) nodeFs.fdatasync(fd, done);
    else setImmediate(done, failure(error));
  }
}

function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected`), { code });
}

export type Line = Record<string, unknown>;

export interface Log {
  readonly sink: FileSink;
  readonly session: AuditSession;
  readonly directory: string;
  /** Begins a statement; resolves with its id and fault. */
  begin(text: string): Promise<{ id: number; fault: Fault | null }>;
  files(): string[];
  raw(): string;
  /** Every line of every file in order, parsed; fails on a line that is no JSON. */
  lines(): Line[];
}

export function openLog(context: TestContext, options: Partial<FileSinkOptions> = {}): Log {
  const directory = mkdtempSync(join(tmpdir(), 'blastgate-audit-'));
  const sink = new FileSink({ directory, ...options });
  context.after(async () => {
    await sink.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const session = sink.openSession({
    user: 'alice',
    groups: ['engineering'],
    connection: 'shop',
    protocol: 'postgres',
    clientAddress: '127.0.0.1:4711',
  });
  if (session === null) throw new Error('no room for the first session');
  const files = (): string[] => readdirSync(directory).toSorted();
  const raw = (): string => readAll(directory);
  return {
    sink,
    session,
    directory,
    begin: (text) =>
      new Promise((resolve, reject) => {
        const taken = sink.begin(session, sql(text), allowed, (fault, id) => resolve({ id, fault }));
        if (taken === 0) reject(new Error('no room'));
      }),
    files,
    raw,
    lines: () => parseLines(raw()),
  };
}

function readAll(directory: string): string {
  return readdirSync(directory)
    .toSorted()
    .map((name) => readFileSync(join(directory, name), 'utf8'))
    .join('');
}

export function readLines(directory: string): Line[] {
  return parseLines(readAll(directory));
}

export function parseLines(raw: string): Line[] {
  const lines = raw.split('\n');
  if (lines.pop() !== '') throw new Error('the last line is torn');
  return lines.map((line): Line => JSON.parse(line));
}

export function ofEvent(lines: readonly Line[], event: string): Line[] {
  return lines.filter((line) => line['event'] === event);
}
