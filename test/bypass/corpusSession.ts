/** Runs the steps of one entry in sessions of their own or in one that entries share, through the gate or past it. */
import { setTimeout } from 'node:timers/promises';
import { bind, describe, execute, parse, query, sync } from '../support/rawPostgres.ts';
import type { RawClient, RawMessage } from '../support/rawPostgres.ts';
import type { CorpusEntry, CorpusStep, CorpusUser } from './corpusFile.ts';
import type { CorpusLab } from './corpusLab.ts';
import { send } from './lab.ts';
import type { Step } from './lab.ts';
import { wireMessages } from './wireScript.ts';

export type Way = 'gate' | 'direct';
/** How a single statement is sent: as simple query, or by Parse, Bind and Execute with results as text or binary. */
export type Mode = 'simple' | 'extended' | 'binary';

export interface Answers {
  readonly messages: readonly RawMessage[];
  readonly elapsedMs: number;
  /** A step had no answer in time. */
  readonly hung: boolean;
}

const stepMsMax = 15_000;

/** What leaves traces in a session, so that the next entry must not have it. */
const leavesTraces =
  /\b(?:set|reset|prepare|deallocate|listen|role|discard|declare|temp|temporary|set_config|advisory|setseed|into)\b/i;

export class Sessions {
  readonly #lab: CorpusLab;
  readonly #shared = new Map<string, RawClient>();

  constructor(lab: CorpusLab) {
    this.#lab = lab;
  }

  async run(way: Way, entry: CorpusEntry, steps: readonly CorpusStep[], mode: Mode): Promise<Answers> {
    const shares = steps.length === 1 && isPlain(steps[0]) && !entry.commit && !leavesTraces.test(steps[0]);
    const one = new Run(way, entry, mode, (user, main) => this.#open(way, user, shares && main));
    const answers = await one.run(steps, this.#lab);
    const main = await one.end(shares);
    if (main !== null) this.#shared.set(`${way} ${entry.as}`, main);
    return answers;
  }

  async #open(way: Way, user: CorpusUser, shared: boolean): Promise<RawClient> {
    const key = `${way} ${user}`;
    const kept = this.#shared.get(key);
    if (shared && kept !== undefined) {
      // Taken out while it is used: a session that breaks is not used again.
      this.#shared.delete(key);
      return kept;
    }
    return way === 'gate' ? await this.#lab.connect(user) : await this.#lab.connectDirect();
  }
}

function isPlain(step: CorpusStep): step is string {
  return typeof step === 'string';
}

type Open = (user: CorpusUser, main: boolean) => Promise<RawClient>;

class Run {
  readonly #way: Way;
  readonly #entry: CorpusEntry;
  readonly #mode: Mode;
  readonly #open: Open;
  readonly #sessions = new Map<string, RawClient>();
  #hung = false;

  constructor(way: Way, entry: CorpusEntry, mode: Mode, open: Open) {
    this.#way = way;
    this.#entry = entry;
    this.#mode = mode;
    this.#open = open;
  }

  async run(steps: readonly CorpusStep[], lab: CorpusLab): Promise<Answers> {
    const messages: RawMessage[] = [];
    const recordsBefore = steps.some((one) => readsStore(one)) ? (await lab.gate.audit()).length : 0;
    const linesBefore = lab.gate.log.length;
    const started = performance.now();
    for (const step of steps) {
      if (typeof step !== 'string' && 'read' in step) {
        if (this.#way === 'direct') continue;
        const lines =
          step.read === 'audit' ? (await lab.gate.audit()).slice(recordsBefore) : lab.gate.log.slice(linesBefore);
        messages.push({ type: 'd', body: Buffer.from(JSON.stringify(lines)) });
        continue;
      }
      messages.push(...(await this.#step(step, steps.length > 1)));
      if (this.#hung) break;
    }
    return { messages, elapsedMs: performance.now() - started, hung: this.#hung };
  }

  /** Ends the sessions; returns the main one, alive, if it shall be kept. */
  async end(keep: boolean): Promise<RawClient | null> {
    let kept: RawClient | null = null;
    for (const [name, client] of this.#sessions) {
      const usable = !this.#hung && !client.socket.destroyed && !client.socket.readableEnded;
      if (usable && !this.#entry.commit) await this.#ask(client, 'rollback');
      if (keep && usable && name === mainName) kept = client;
      else client.close();
    }
    return kept;
  }

  async #step(step: Exclude<CorpusStep, { read: string }>, several: boolean): Promise<RawMessage[]> {
    const plain = typeof step === 'string';
    const client = await this.#session(plain ? {} : step);
    const cut = !plain && 'wire' in step && step.cut === true;
    // A step that fails must not take the next ones with it, as it would not for an attacker.
    const guarded = several && !this.#entry.commit && !(!plain && 'wire' in step);
    if (guarded) await this.#ask(client, 'savepoint lab_step');
    const answers = await this.#ask(client, this.#messages(step), cut);
    if (guarded && answers.at(-1)?.body.toString() === 'E') await this.#ask(client, 'rollback to lab_step');
    return answers;
  }

  #messages(step: Exclude<CorpusStep, { read: string }>): Step {
    if (typeof step !== 'string') return 'sql' in step ? [query(step.sql)] : wireMessages(step.wire);
    if (this.#mode === 'simple') return step;
    const formats = this.#mode === 'binary' ? [1] : [];
    return [parse('', step), bind('', '', [], formats), describe('P', ''), execute(''), sync];
  }

  async #session(step: {
    readonly session?: string | undefined;
    readonly as?: CorpusUser | undefined;
  }): Promise<RawClient> {
    const name = step.session ?? step.as ?? mainName;
    const open = this.#sessions.get(name);
    if (open !== undefined) return open;
    const client = await this.#open(step.as ?? this.#entry.as, name === mainName);
    this.#sessions.set(name, client);
    if (!this.#entry.commit) await this.#ask(client, 'begin');
    return client;
  }

  async #ask(client: RawClient, step: Step, cut = false): Promise<RawMessage[]> {
    const late = new AbortController();
    const timeout = setTimeout(stepMsMax, null, { signal: late.signal }).catch(() => null);
    const answers = await Promise.race([send(client, step, cut), timeout]);
    late.abort();
    if (answers !== null) return answers;
    this.#hung = true;
    client.socket.destroy();
    return [];
  }
}

const mainName = 'main';

function readsStore(step: CorpusStep): boolean {
  return typeof step !== 'string' && 'read' in step;
}

/** The ways in which the steps are worth sending. */
export function modesOf(steps: readonly CorpusStep[]): readonly Mode[] {
  const [only] = steps;
  if (steps.length !== 1 || !isPlain(only) || only.includes(';')) return ['simple'];
  return ['simple', 'extended', 'binary'];
}
