/** The score of a run, as people read it and as JSON; and the risks that are known and accepted. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { EntryResult, FamilyResult, Verdict } from './corpus.ts';

/** `attack`: one that gets through. `benign`: statements that are refused or hidden although they are harmless. */
export interface Residual {
  readonly id: string;
  readonly kind: 'attack' | 'benign';
  readonly reason: string;
}

export interface Count {
  readonly passed: number;
  readonly all: number;
}

export interface FamilyScore {
  readonly name: string;
  readonly attacks: Count;
  readonly benign: Count;
  readonly elapsedMs: number;
}

export interface Failure {
  readonly id: string;
  readonly trick: string;
  readonly kind: 'attack' | 'benign' | 'entry';
  readonly how: string;
  /** Why it is accepted; null: it is not. */
  readonly accepted: string | null;
}

export interface Score {
  readonly families: readonly FamilyScore[];
  readonly total: FamilyScore;
  readonly failures: readonly Failure[];
  /** What is accepted in vain: entries that passed. */
  readonly outdated: readonly string[];
}

const residualFile = z.array(
  z.strictObject({ id: z.string(), kind: z.enum(['attack', 'benign']), reason: z.string().min(20) }),
);

export async function readResidual(): Promise<Residual[]> {
  const text = await readFile(join(import.meta.dirname, 'residual.yaml'), 'utf8');
  return residualFile.parse(parse(text) ?? []);
}

export function scoreOf(results: readonly FamilyResult[], residual: readonly Residual[]): Score {
  const reasons = new Map(residual.map(({ id, kind, reason }) => [`${kind} ${id}`, reason]));
  const failures = results.flatMap(({ entries }) => entries.flatMap((entry) => failuresOf(entry, reasons)));
  const failed = new Set(failures.map(({ id, kind }) => `${kind} ${id}`));
  const seen = new Set(results.flatMap(({ entries }) => entries.map(({ id }) => id)));
  return {
    families: results.map((result) => familyScore(result.name, [result])),
    total: familyScore('all', results),
    failures,
    outdated: residual.filter(({ id, kind }) => seen.has(id) && !failed.has(`${kind} ${id}`)).map(({ id }) => id),
  };
}

/** Whether nothing failed but what is accepted, and nothing is accepted in vain. */
export function isClean({ failures, outdated }: Score): boolean {
  return outdated.length === 0 && failures.every(({ accepted }) => accepted !== null);
}

function failuresOf(entry: EntryResult, reasons: ReadonlyMap<string, string>): Failure[] {
  const { id, trick, fault } = entry;
  const failures: Failure[] = [];
  if (fault !== null) failures.push({ id, trick, kind: 'entry', how: fault, accepted: null });
  for (const kind of ['attack', 'benign'] as const) {
    const verdict = entry[kind];
    if (verdict === null || verdict.passed) continue;
    failures.push({ id, trick, kind, how: verdict.how, accepted: reasons.get(`${kind} ${id}`) ?? null });
  }
  return failures;
}

function familyScore(name: string, results: readonly FamilyResult[]): FamilyScore {
  const entries = results.flatMap((result) => result.entries);
  return {
    name,
    attacks: count(entries.map(({ attack }) => attack)),
    benign: count(entries.map(({ benign }) => benign)),
    elapsedMs: Math.round(results.reduce((sum, result) => sum + result.elapsedMs, 0)),
  };
}

function count(verdicts: readonly (Verdict | null)[]): Count {
  const given = verdicts.filter((one) => one !== null);
  return { passed: given.filter(({ passed }) => passed).length, all: given.length };
}

/** The score as a table, and each failure under it. */
export function formatScore(score: Score): string {
  const rows = [...score.families, score.total].map(
    ({ name, attacks, benign, elapsedMs }) =>
      `${name.padEnd(20)}${formatCount(attacks)}${formatCount(benign)}${`${(elapsedMs / 1000).toFixed(1)} s`.padStart(10)}`,
  );
  const head = `${'family'.padEnd(20)}${'attacks stopped'.padStart(17)}${'benign passed'.padStart(17)}`;
  const failures = score.failures.map(
    ({ id, trick, kind, how, accepted }) =>
      `${accepted === null ? 'FAILED' : 'accepted'} ${id} (${kind}): ${trick}\n    ${accepted ?? how}`,
  );
  const outdated = score.outdated.map((id) => `FAILED ${id}: listed in residual.yaml, but it passes now`);
  return [head, ...rows, '', ...failures, ...outdated].join('\n');
}

function formatCount({ passed, all }: Count): string {
  return (all === 0 ? '-' : `${passed}/${all}`).padStart(17);
}
