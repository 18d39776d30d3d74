/** The files of the corpus: what an entry may say, and how it becomes steps. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { keyedTwins } from './keyedTables.ts';

const user = z.enum(['alice', 'bob', 'dana']);

const step = z.union([
  z.string(),
  z.strictObject({
    /** One simple query. */
    sql: z.string(),
    /** A session of this name, opened when it is first named. */
    session: z.string().optional(),
    as: user.optional(),
  }),
  z.strictObject({
    /** Messages; see wireScript.ts. */
    wire: z.string(),
    session: z.string().optional(),
    as: user.optional(),
    /** Each byte is sent by itself. */
    cut: z.boolean().optional(),
  }),
  /** What the gate itself has kept since the entry began. */
  z.strictObject({ read: z.enum(['audit', 'log']) }),
]);

const steps = z.union([step, z.array(step)]);

const common = {
  /** Who attacks. */
  as: user.optional(),
  /** Statements take effect, and what they made is removed afterwards; otherwise all is rolled back. */
  commit: z.boolean().optional(),
  /** How an attack is stopped: `masked` it runs, `refused` with 42501, `either`. */
  expect: z.enum(['masked', 'refused', 'either']).optional(),
  /**
   * What shows that the attack would work: without a gate it `leaks` (an oracle: tells right from wrong), or at least
   * `runs`. `none`: nothing here can show it.
   */
  proof: z.enum(['leaks', 'runs', 'none']).optional(),
  /** The steps ask whether a guess is right: `{guess}` is put in. The answers must not differ. */
  oracle: z.boolean().optional(),
  /** The time of the answer is part of it. */
  timing: z.boolean().optional(),
  /** How much of a benign answer must be as without a gate: `rows`, their `shape`, all but `masked` cells. */
  compare: z.enum(['rows', 'shape', 'masked']).optional(),
  /** A query whose result, past the gate, must be the same before and after the attack. */
  unchanged: z.string().optional(),
};

const entry = z.strictObject({
  ...common,
  id: z.string().regex(/^[a-z0-9-]+$/),
  trick: z.string().min(4),
  attack: steps.optional(),
  /** For an oracle whose wrong guess is not the same text with another guess. */
  wrong: steps.optional(),
  /** `twin` (the default): the attack itself, over the tables that look the same and have no masked column. */
  benign: z.union([z.literal('none'), steps]).optional(),
});

const file = z.strictObject({
  about: z.string(),
  defaults: z.strictObject(common).optional(),
  entries: z.array(entry).optional(),
  /** Statements of a tool, each a benign entry of its own. */
  statements: z.array(z.union([z.string(), z.strictObject({ ...common, steps: z.array(step) })])).optional(),
});

export type CorpusUser = z.infer<typeof user>;
export type CorpusStep = z.infer<typeof step>;

export interface CorpusEntry {
  /** `family/name`. */
  readonly id: string;
  readonly family: string;
  readonly trick: string;
  readonly as: CorpusUser;
  readonly commit: boolean;
  readonly expect: 'masked' | 'refused' | 'either';
  readonly proof: 'leaks' | 'runs' | 'none';
  readonly oracle: boolean;
  readonly timing: boolean;
  readonly compare: 'rows' | 'shape' | 'masked';
  readonly unchanged: string | null;
  readonly attack: readonly CorpusStep[];
  readonly wrong: readonly CorpusStep[];
  readonly benign: readonly CorpusStep[];
}

export interface Family {
  readonly name: string;
  readonly about: string;
  readonly entries: readonly CorpusEntry[];
}

const folder = join(import.meta.dirname, 'corpus');

/** All families in order of their names. Throws at the first fault of a file. */
export async function readCorpus(): Promise<Family[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).toSorted();
  const families = await Promise.all(
    names.map(async (name) => readFamily(basename(name, '.yaml'), await readFile(join(folder, name), 'utf8'))),
  );
  const ids = families.flatMap(({ entries }) => entries.map(({ id }) => id));
  const twice = ids.find((id, at) => ids.indexOf(id) !== at);
  if (twice !== undefined) throw new Error(`two entries are called ${twice}`);
  return families;
}

function readFamily(name: string, text: string): Family {
  const parsed = file.safeParse(parse(text));
  if (!parsed.success) throw new Error(`${name}.yaml: ${z.prettifyError(parsed.error)}`);
  const { about, defaults = {}, entries = [], statements = [] } = parsed.data;
  const tools = statements.map((one, at) => {
    const { steps: benign, ...rest } = typeof one === 'string' ? { steps: [one] } : one;
    return { ...rest, id: String(at + 1), trick: 'a statement of the tool', benign };
  });
  return {
    name,
    about,
    entries: [...entries, ...tools].map((one) => complete(name, { ...defaults, ...one })),
  };
}

function complete(family: string, one: z.infer<typeof entry>): CorpusEntry {
  const attack = listOf(one.attack);
  const oracle = one.oracle ?? false;
  const right = oracle ? guessed(attack, rightGuess) : attack;
  const benign = one.benign === undefined ? twinOf(right) : one.benign === 'none' ? [] : listOf(one.benign);
  return {
    id: `${family}/${one.id}`,
    family,
    trick: one.trick,
    as: one.as ?? 'alice',
    commit: one.commit ?? false,
    expect: one.expect ?? 'either',
    proof: one.proof ?? 'leaks',
    oracle,
    timing: one.timing ?? false,
    compare: one.compare ?? 'rows',
    unchanged: one.unchanged ?? null,
    attack: right,
    wrong: one.wrong === undefined ? guessed(attack, wrongGuess) : listOf(one.wrong),
    benign,
  };
}

function listOf(given: CorpusStep | readonly CorpusStep[] | undefined): readonly CorpusStep[] {
  if (given === undefined) return [];
  return Array.isArray(given) ? (given as readonly CorpusStep[]) : [given as CorpusStep];
}

/** How the first values of `ssn` begin, and how none begins. */
const rightGuess = 'Zq7k';
const wrongGuess = 'Zq7j';

function guessed(list: readonly CorpusStep[], guess: string): readonly CorpusStep[] {
  return list.map((one) => mapText(one, (text) => text.replaceAll('{guess}', guess)));
}

/** Name of a table, view or schema with masked columns -> of its twin without. Canaries have twins of equal length. */
export const twins: Readonly<Record<string, string>> = {
  customers: 'members',
  payments: 'receipts',
  customer_view: 'member_view',
  customers_pkey: 'members_pkey',
  customers_email_idx: 'members_email_idx',
  ...keyedTwins,
};
export const twinCanaries: Readonly<Record<string, string>> = {
  Zq7k: 'Ha2n',
  Wm3x: 'Pe6r',
  Jv8h: 'Su4d',
  Gf5t: 'Ti9m',
  Lr9d: 'Ro5g',
};

function twinOf(list: readonly CorpusStep[]): readonly CorpusStep[] {
  return list.filter((one) => typeof one === 'string' || !('read' in one)).map((one) => mapText(one, twinText));
}

export function twinText(text: string): string {
  const names = text.replaceAll(/\b[a-z_]+\b/g, (word) => twins[word] ?? word);
  return Object.entries(twinCanaries).reduce((twin, [canary, other]) => twin.replaceAll(canary, other), names);
}

function mapText(one: CorpusStep, change: (text: string) => string): CorpusStep {
  if (typeof one === 'string') return change(one);
  if ('sql' in one) return { ...one, sql: change(one.sql) };
  return 'wire' in one ? { ...one, wire: change(one.wire) } : one;
}
