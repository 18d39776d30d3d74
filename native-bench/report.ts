/** Measurements as a table for people and as JSON for machines. */
import { availableParallelism, cpus } from 'node:os';
import type { Measured } from './measure.ts';

export interface BenchResult {
  readonly name: string;
  readonly tasks: readonly Measured[];
}

/** What `--json` writes. */
export interface Report {
  /** Changes when a key changes its meaning. */
  readonly version: 1;
  /** Numbers of a quick run say which of two is faster, and little more. */
  readonly quick: boolean;
  readonly machine: {
    readonly node: string;
    readonly platform: string;
    readonly cpu: string;
    readonly cores: number;
  };
  readonly benches: readonly BenchResult[];
}

export function reportOf(benches: readonly BenchResult[], quick: boolean): Report {
  const platform = `${process.platform} ${process.arch}`;
  const cpu = cpus().at(0)?.model ?? 'unknown';
  return {
    version: 1,
    quick,
    machine: { node: process.version, platform, cpu, cores: availableParallelism() },
    benches,
  };
}

const header = ['', 'ops/s', 'ns/op', 'p99', 'MB/s', 'speed'];

/** Lines of a table: one task each, numbers to the right. */
export function tableOf({ name, tasks }: BenchResult): string[] {
  const rows = [[name, ...header.slice(1)], ...tasks.map(rowOf)];
  const widths = header.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  '),
  );
}

function rowOf(task: Measured): string[] {
  return [
    `  ${task.name}`,
    numberText(task.opsPerSecond),
    numberText(task.nsPerOp),
    numberText(task.nsPerOpP99),
    task.mbPerSecond === null ? '' : numberText(task.mbPerSecond),
    task.base === task.name ? 'base' : `${numberText(task.speed)}x`,
  ];
}

/** About three digits that count, with thousands apart. */
function numberText(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 0.1 ? 2 : 4;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
