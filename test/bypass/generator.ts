/** Tries statements that the grammar makes: through the gate for leaks, without a gate to know whether they are valid. */
import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { bind, describe, execute, parse, sync } from '../support/rawPostgres.ts';
import type { RawClient, RawMessage } from '../support/rawPostgres.ts';
import type { CorpusLab } from './corpusLab.ts';
import { statements } from './grammar.ts';
import type { Generated } from './grammar.ts';
import { errorOf, send } from './lab.ts';
import { leaks } from './leaks.ts';

export interface GeneratedOptions {
  readonly statements: number;
  /** null: a new one. */
  readonly seed: number | null;
}

export interface GeneratedResult {
  readonly seed: number;
  readonly tried: number;
  /** Statements that the server takes. */
  readonly valid: number;
  /** Valid statements that give a value away where no gate is. */
  readonly telling: number;
  /** Telling statements that the gate lets run, with its masks. */
  readonly masked: number;
  /** The smallest statement found of each batch that got something through, with what its seed was. */
  readonly leaks: readonly {
    readonly statement: Generated;
    readonly found: readonly string[];
    readonly seed: number;
  }[];
  /** Some of the server's reasons for not taking a statement. */
  readonly reasons: ReadonlyMap<string, number>;
}

/** After a leak the rest of its batch is not tried, so batches are small. */
const batchSize = 250;

export async function runGenerated(lab: CorpusLab, options: GeneratedOptions): Promise<GeneratedResult> {
  const seed = options.seed ?? randomInt(2 ** 31);
  const run = new GeneratedRun(lab);
  const found: GeneratedResult['leaks'][number][] = [];
  for (let done = 0; done < options.statements; done += batchSize) {
    const leak = await run.batch(seed + done / batchSize, Math.min(batchSize, options.statements - done));
    if (leak !== null) found.push(leak);
  }
  const { tried, valid, telling, masked, reasons } = run;
  return { seed, tried, valid, telling, masked, leaks: found, reasons };
}

class GeneratedRun {
  readonly #lab: CorpusLab;
  #gate: RawClient | null = null;
  #direct: RawClient | null = null;
  tried = 0;
  valid = 0;
  telling = 0;
  masked = 0;
  readonly reasons = new Map<string, number>();

  constructor(lab: CorpusLab) {
    this.#lab = lab;
  }

  /** Stops at the first leak and makes its statement as small as it gets. */
  async batch(seed: number, numRuns: number): Promise<GeneratedResult['leaks'][number] | null> {
    let counting = true;
    const property = fc.asyncProperty(statements, async (statement) => {
      const found = await this.#leaksOf(statement, counting);
      if (found.length > 0) counting = false;
      return found.length === 0;
    });
    const { failed, counterexample } = await fc.check(property, { seed, numRuns });
    if (!failed || counterexample === null) return null;
    const [statement] = counterexample;
    return { statement, found: await this.#leaksOf(statement, false), seed };
  }

  async #leaksOf(statement: Generated, counting: boolean): Promise<string[]> {
    const direct = await answersOf((this.#direct ??= await this.#lab.connectDirect()), statement);
    if (counting) this.tried++;
    const error = errorOf(direct);
    if (error !== null) {
      if (counting) this.reasons.set(error, (this.reasons.get(error) ?? 0) + 1);
      return [];
    }
    const tells = leaks(direct, this.#lab.secrets).length > 0;
    const gated = await answersOf((this.#gate ??= await this.#lab.connect()), statement);
    if (counting) {
      this.valid++;
      if (tells) this.telling++;
      if (tells && errorOf(gated) === null) this.masked++;
    }
    return leaks(gated, this.#lab.secrets);
  }
}

async function answersOf(client: RawClient, { steps, mode }: Generated): Promise<RawMessage[]> {
  const answers = await send(client, 'begin');
  for (const sql of steps) {
    const formats = mode === 'binary' ? [1] : [];
    const step =
      mode === 'simple' ? sql : [parse('', sql), bind('', '', [], formats), describe('P', ''), execute(''), sync];
    answers.push(...(await send(client, step)));
  }
  answers.push(...(await send(client, 'rollback; deallocate all')));
  return answers;
}

export function formatGenerated(result: GeneratedResult): string {
  const { seed, tried, valid, telling, masked } = result;
  const lines = [
    `seed ${seed}: ${tried} statements, ${valid} valid (${percent(valid, tried)}), ${telling} of them telling without a gate, ${masked} of these run with masks, ${result.leaks.length} leaks`,
  ];
  for (const { statement, found, seed: own } of result.leaks)
    lines.push(
      `LEAK (--generate ${batchSize} --seed ${own}) ${found.join(', ')}: ${statement.mode}: ${statement.steps.join(' ; ')}`,
    );
  return lines.join('\n');
}

function percent(part: number, all: number): string {
  return `${all === 0 ? 0 : Math.round((part / all) * 100)} %`;
}
