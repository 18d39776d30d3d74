/**
 * Runs the corpus: every attack through the gate, and without a gate to show that it is one; every benign statement both
 * ways, to show that nothing was lost.
 */
import type { RawMessage } from '../support/rawPostgres.ts';
import { fieldsOf, valuesOf } from '../support/rawPostgres.ts';
import type { CorpusEntry, Family } from './corpusFile.ts';
import type { CorpusLab } from './corpusLab.ts';
import { modesOf, Sessions } from './corpusSession.ts';
import type { Answers } from './corpusSession.ts';
import { errorOf } from './lab.ts';
import { leaks } from './leaks.ts';
import { sameAnswers } from './sameAnswers.ts';

export interface EntryResult {
  readonly id: string;
  readonly trick: string;
  /** null: the entry has no attack. */
  readonly attack: Verdict | null;
  /** null: the entry has no benign statements. */
  readonly benign: Verdict | null;
  /** What is wrong with the entry itself: an attack that does not work without a gate, a benign statement that fails. */
  readonly fault: string | null;
}

export interface Verdict {
  readonly passed: boolean;
  /** How it was stopped, or what went wrong. */
  readonly how: string;
}

export interface FamilyResult {
  readonly name: string;
  readonly about: string;
  readonly entries: readonly EntryResult[];
  readonly elapsedMs: number;
}

/** Runs a family in a lab that it leaves as it found it. */
export async function runFamily(lab: CorpusLab, family: Family): Promise<FamilyResult> {
  const started = performance.now();
  const sessions = new Sessions(lab);
  const entries: EntryResult[] = [];
  for (const entry of family.entries) entries.push(await new EntryRun(lab, sessions, entry).run());
  return { name: family.name, about: family.about, entries, elapsedMs: performance.now() - started };
}

class EntryRun {
  readonly #lab: CorpusLab;
  readonly #sessions: Sessions;
  readonly #entry: CorpusEntry;

  constructor(lab: CorpusLab, sessions: Sessions, entry: CorpusEntry) {
    this.#lab = lab;
    this.#sessions = sessions;
    this.#entry = entry;
  }

  async run(): Promise<EntryResult> {
    const { id, trick, attack, benign } = this.#entry;
    let fault = attack.length > 0 ? await this.#proof() : null;
    const stopped = attack.length > 0 ? await this.#attack() : null;
    let passed: Verdict | null = null;
    if (benign.length > 0) {
      const twin = await this.#benign();
      if ('fault' in twin) fault = [fault, twin.fault].filter((one) => one !== null).join('; ');
      else passed = twin;
    }
    return { id, trick, attack: stopped, benign: passed, fault };
  }

  async #ask(
    way: 'gate' | 'direct',
    steps: CorpusEntry['attack'],
    mode: Parameters<Sessions['run']>[3],
  ): Promise<Answers> {
    const answers = await this.#sessions.run(way, this.#entry, steps, mode);
    if (this.#entry.commit) await this.#lab.reset();
    return answers;
  }

  /** What is wrong with the attack, which must work where no gate is; null: nothing. */
  async #proof(): Promise<string | null> {
    const { proof, oracle, attack, wrong, timing } = this.#entry;
    if (proof === 'none') return null;
    // What would destroy the lab is taken back where nothing stops it.
    const right =
      this.#entry.unchanged === null
        ? await this.#ask('direct', attack, 'simple')
        : await this.#sessions.run('direct', { ...this.#entry, commit: false }, attack, 'simple');
    if (right.hung) return 'the attack hangs without a gate';
    if (proof === 'runs') {
      const error = errorOf(right.messages);
      return error === null ? null : `the attack fails without a gate: ${error}`;
    }
    if (oracle) {
      const told = difference(right, await this.#ask('direct', wrong, 'simple'), timing);
      return told === null ? `the oracle tells nothing without a gate: ${errorOf(right.messages) ?? 'no error'}` : null;
    }
    if (leaks(right.messages, this.#lab.secrets).length > 0) return null;
    return `the attack gives nothing away without a gate: ${errorOf(right.messages) ?? 'no error'}`;
  }

  async #attack(): Promise<Verdict> {
    const { attack, unchanged } = this.#entry;
    const ways: string[] = [];
    for (const mode of modesOf(attack)) {
      const before = await this.#look(unchanged);
      const verdict = await this.#attackOnce(mode);
      const after = await this.#look(unchanged);
      if (unchanged !== null) await this.#lab.reset();
      if (before !== after) return { passed: false, how: `${mode}: it took effect` };
      if (!verdict.passed) return { passed: false, how: `${mode}: ${verdict.how}` };
      ways.push(verdict.how);
    }
    return { passed: true, how: [...new Set(ways)].join(' or ') };
  }

  async #attackOnce(mode: Parameters<Sessions['run']>[3]): Promise<Verdict> {
    const { attack, wrong, oracle, timing, expect } = this.#entry;
    // With `unchanged`, the look afterwards must find what the attack left, so that nothing is put back before it.
    const ask = (steps: CorpusEntry['attack']): Promise<Answers> =>
      this.#entry.unchanged === null
        ? this.#ask('gate', steps, mode)
        : this.#sessions.run('gate', this.#entry, steps, mode);
    const answers = await ask(attack);
    if (answers.hung) return { passed: false, how: 'no answer' };
    const refused = isRefused(answers.messages);
    if (oracle) {
      const other = await ask(wrong);
      const told = refused && isRefused(other.messages) ? null : difference(answers, other, timing);
      if (told !== null) return { passed: false, how: `tells right from wrong: ${told}` };
    } else {
      const leaked = leaks(answers.messages, this.#lab.secrets);
      if (leaked.length > 0) return { passed: false, how: `leaks ${leaked.join(', ')}` };
    }
    if (expect === 'refused' && !refused) return { passed: false, how: `not refused: ${errorOf(answers.messages)}` };
    if (expect === 'masked' && errorOf(answers.messages) !== null)
      return { passed: false, how: `not masked but refused: ${errorOf(answers.messages)}` };
    return { passed: true, how: refused ? 'refused' : 'masked' };
  }

  async #look(sql: string | null): Promise<string> {
    if (sql === null) return '';
    const { rows } = await this.#lab.direct.query({ text: sql, rowMode: 'array' });
    return JSON.stringify(rows);
  }

  async #benign(): Promise<Verdict | { readonly fault: string }> {
    const { benign, compare } = this.#entry;
    for (const mode of modesOf(benign)) {
      const direct = await this.#ask('direct', benign, mode);
      const error = errorOf(direct.messages);
      // Some types of the catalog have no binary form at all.
      if (mode === 'binary' && error?.startsWith('42883 no binary output') === true) continue;
      if (error !== null) return { fault: `the benign statement fails without a gate: ${mode}: ${error}` };
      if (direct.hung) return { fault: 'the benign statement hangs without a gate' };
      const gated = await this.#ask('gate', benign, mode);
      const differs = gated.hung ? 'no answer' : sameAnswers(gated.messages, direct.messages, compare);
      if (differs !== null) return { passed: false, how: `${mode}: ${differs}` };
    }
    return { passed: true, how: 'as without a gate' };
  }
}

/** The gate says 42501 wherever a rule refuses, and 0A000 to what it passes for nobody. */
function isRefused(messages: readonly RawMessage[]): boolean {
  return messages.some((one) => {
    if (one.type !== 'E') return false;
    const { C, M } = fieldsOf(one);
    return C === '42501' || (C === '0A000' && M.includes('[BG_FEATURE_REFUSED]'));
  });
}

/** Time that an answer takes longer than another before it counts as told: well below the sleeps of the corpus. */
const timeToldMs = 150;

/** What tells the two answers apart; null: nothing. */
function difference(right: Answers, wrong: Answers, timing: boolean): string | null {
  if (timing && Math.abs(right.elapsedMs - wrong.elapsedMs) > timeToldMs)
    return `${Math.round(right.elapsedMs)} ms and ${Math.round(wrong.elapsedMs)} ms`;
  const [a, b] = [right, wrong].map(({ messages }) => messages.map(comparable));
  if (a.length !== b.length) return `${a.length} and ${b.length} messages`;
  const at = a.findIndex((one, index) => one !== b[index]);
  return at < 0 ? null : `${printable(a[at])} and ${printable(b[at])}`;
}

/** A message without what only repeats the guess. */
function comparable(message: RawMessage): string {
  const body = message.type === 'D' ? valuesOf(message).map(String).join('|') : message.body.toString('latin1');
  return `${message.type} ${body.replaceAll(/Zq7[kj]/g, 'guess')}`;
}

function printable(text: string): string {
  return JSON.stringify(text.replaceAll('\0', ' ').slice(0, 60));
}
