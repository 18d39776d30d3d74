/** Reads budgets.yaml and holds measured values against it. */
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';

export const metricNames = [
  'oltp.gate_over_pgbouncer',
  'bulk.mask_over_haproxy',
  'bulk.detect_over_haproxy',
  'bulk.cpu_over_pgbouncer',
  'latency.added_p50_us',
  'latency.added_p99_us',
  'memory.idle_mb',
  'memory.idle_1000_mb',
  'memory.bulk_peak_mb',
  'memory.value_peak_mb',
  'start.ms',
] as const;

export type MetricName = (typeof metricNames)[number];
/** A metric that is missing or null was not measured. */
export type Metrics = Partial<Record<MetricName, number | null>>;

export interface Budget {
  readonly metric: MetricName;
  readonly bound: 'min' | 'max';
  readonly limit: number;
  readonly aim: number | null;
}

export interface Verdict extends Budget {
  readonly value: number | null;
  readonly state: 'met' | 'exceeded' | 'not measured';
  readonly reachesAim: boolean;
}

const entry = z
  .strictObject({ min: z.number().optional(), max: z.number().optional(), aim: z.number().optional() })
  .refine(({ min, max }) => (min === undefined) !== (max === undefined), { error: 'needs either min or max' });
const file = z.partialRecord(z.enum(metricNames), entry);

/** Throws with all that is wrong with the text. */
export function parseBudgets(text: string): readonly Budget[] {
  const parsed = file.safeParse(parse(text));
  if (!parsed.success) throw new Error(`budgets: ${z.prettifyError(parsed.error)}`);
  return metricNames.flatMap((metric) => {
    const { min, max, aim = null } = parsed.data[metric] ?? {};
    const limit = min ?? max;
    return limit === undefined ? [] : [{ metric, bound: min === undefined ? 'max' : 'min', limit, aim } as const];
  });
}

/** Throws where the file cannot be read, and as {@link parseBudgets}. */
export async function readBudgets(path: string): Promise<readonly Budget[]> {
  return parseBudgets(await readFile(path, 'utf8'));
}

/** One verdict a budget, in their order. */
export function judge(budgets: readonly Budget[], metrics: Metrics): readonly Verdict[] {
  return budgets.map((budget) => {
    const value = metrics[budget.metric] ?? null;
    // NaN (no /proc, nothing counted) satisfies no comparison and must not look like a pass.
    if (value === null || !Number.isFinite(value)) {
      return { ...budget, value: null, state: 'not measured', reachesAim: false };
    }
    const within = (limit: number): boolean => (budget.bound === 'min' ? value >= limit : value <= limit);
    const reachesAim = budget.aim !== null && within(budget.aim);
    return { ...budget, value, state: within(budget.limit) ? 'met' : 'exceeded', reachesAim };
  });
}

/** One line for people. */
export function sentence({ metric, bound, limit, value, state }: Verdict): string {
  const budget = `budget: ${bound === 'min' ? 'at least' : 'at most'} ${limit}`;
  return value === null ? `${metric}: not measured (${budget})` : `${metric}: ${rounded(value)}, ${state} (${budget})`;
}

/** Three significant digits, whole numbers above 100. */
export function rounded(value: number): string {
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
