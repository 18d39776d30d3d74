/** Results as tables for people and as one object for machines. */
import { rounded } from './budgets.ts';
import type { Verdict } from './budgets.ts';
import { medianLatencies } from './measure.ts';
import type { RouteName } from './measure.ts';
import { cpuPerGb, megabytesPerSecond, metricsOf, routeNames, transactionsPerSecond } from './results.ts';
import type { Results } from './results.ts';

export interface Table {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Text with aligned columns; all but the first are numbers and stand right. */
export function drawTable({ title, header, rows }: Table): string {
  const widths = header.map((name, column) =>
    Math.max(...[name, ...rows.map((row) => row[column])].map((cell) => cell.length)),
  );
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join('   ')}`.trimEnd();
  return [title, line(header), ...rows.map(line)].join('\n');
}

/** What cannot be measured shows as a dash. */
export function cell(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value) ? '-' : rounded(value);
}

/** Of what was measured. @param latencyRate requests a second at which latency was measured. */
export function tablesOf(results: Results, latencyRate: number): readonly Table[] {
  const { oltp, latency, bulk, value, idle, tenGb } = results;
  const tables: Table[] = [];
  const perRoute = (
    title: string,
    header: readonly string[],
    row: (route: RouteName) => readonly (number | null)[],
  ): void => {
    const rows = routeNames.map((route) => [route, ...row(route).map(cell)]);
    tables.push({
      title,
      header: ['', ...header],
      rows: rows.filter((cells) => cells.some((text, at) => at > 0 && text !== '-')),
    });
  };
  if (oltp !== null) {
    perRoute('Point queries, closed loop, 16 clients', ['per second'], (route) => [transactionsPerSecond(oltp, route)]);
  }
  if (latency !== null) {
    const rate = latencyRate.toLocaleString('en');
    perRoute(`Latency at ${rate}/s from the intended send time, µs`, ['p50', 'p99', 'p99.9', 'max'], (route) => {
      const found = medianLatencies(latency, route);
      return found === null ? [] : [found.p50, found.p99, found.p999, found.max];
    });
  }
  if (bulk !== null) {
    perRoute('Bulk result, 500,000 rows of 8 columns', ['MB/s', 'CPU s/GB'], (route) => [
      megabytesPerSecond(bulk.measured, route),
      cpuPerGb(bulk.measured, route),
    ]);
  }
  if (value !== null) {
    perRoute('One value of 500 MB', ['MB/s', 'CPU s/GB'], (route) => [
      megabytesPerSecond(value.measured, route),
      cpuPerGb(value.measured, route),
    ]);
  }
  if (idle !== null) {
    const rows = Object.entries({ gate: idle.withMb, ...idle.others }).map(([route, megabytes]) => [
      route,
      cell(megabytes),
    ]);
    tables.push({ title: '1,000 idle connections, resident memory', header: ['', 'MB'], rows });
  }
  if (tenGb !== null) {
    const rows = [
      ['gate', cell(tenGb.bytes / 1e6 / tenGb.seconds), cell(Math.max(...tenGb.rssMb)), cell(tenGb.growthMb)],
    ];
    tables.push({ title: '10 GB, masked', header: ['', 'MB/s', 'most MB resident', 'MB grown'], rows });
  }
  return tables.filter(({ rows }) => rows.length > 0);
}

export function budgetTable(verdicts: readonly Verdict[]): Table {
  const rows = verdicts.map(({ metric, value, bound, limit, aim, state, reachesAim }) => [
    metric,
    cell(value),
    `${bound} ${limit}`,
    aim === null ? '-' : String(aim),
    reachesAim ? 'met, aim reached' : state,
  ]);
  return { title: 'Budgets', header: ['', 'measured', 'budget', 'aim', ''], rows };
}

/** `oltp.gate_over_pgbouncer` becomes `{ oltp: { gate_over_pgbouncer } }`; what was not measured is null. */
export function jsonOf(
  results: Results,
  verdicts: readonly Verdict[],
  faults: readonly string[],
  environment: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const sections: Record<string, Record<string, number | null>> = {};
  for (const [metric, value] of Object.entries(metricsOf(results))) {
    const [section, name] = metric.split('.');
    const kept = value === null || !Number.isFinite(value) ? null : value;
    sections[section] = { ...sections[section], [name]: kept };
  }
  return { ...sections, budgets: verdicts, faults, environment, runs: results };
}
