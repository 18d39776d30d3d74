/** What the kernel says of a process: processor time and memory. Linux only (/proc); elsewhere the values are NaN. */
import { readFileSync, writeFileSync } from 'node:fs';

const megabyte = 1024 * 1024;
/** USER_HZ: the unit of times in /proc, 100 on every platform that Node supports (proc(5)). */
const ticksPerSecond = 100;

/** Processor seconds, user and system, of all threads so far. */
export function cpuSeconds(pid: number): number {
  const text = readProc(pid, 'stat');
  if (text === null) return Number.NaN;
  // The name in parentheses may hold spaces; field 3 follows it. utime and stime are fields 14 and 15.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

export interface Memory {
  /** Resident now and at most since `resetPeak`, in MB of 2^20 bytes. */
  readonly rssMb: number;
  readonly peakMb: number;
}

export function memoryOf(pid: number): Memory {
  const text = readProc(pid, 'status') ?? '';
  const field = (name: string): number => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text);
    return found === null ? Number.NaN : (Number(found[1]) * 1024) / megabyte;
  };
  return { rssMb: field('VmRSS'), peakMb: field('VmHWM') };
}

/** Lets `peakMb` start from what is resident now (proc(5), clear_refs). Where that is refused, the old peak stays. */
export function resetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // A peak that includes earlier load is too high, never too low: no budget passes by this.
  }
}

function readProc(pid: number, name: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return null;
  }
}
