/**
 * Flows of distant statements (masks/distant.ts), asked of threads and shared by the sessions of a gate.
 *
 * A thread builds its own catalog from the rows of ours. They are written down once for each catalog that somebody asks
 * about, a few at a time, into memory that threads share.
 */
import type { Fault } from '../../../errors.ts';
import type { MaskRules } from '../../../facts.ts';
import type { Services } from '../../protocol.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { CatalogRows } from '../catalog/build.ts';
import type { CatalogSet } from '../catalog/queries.ts';
import { analysisFault, flowsTask, type NameView, readFlowAnswers, useOfAnswer } from './distant.ts';
import type { FlowsPayload } from './distantWork.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import type { Lineage } from '../lineage/lineage.ts';
import type { StatementUse } from './maskedUse.ts';

/** Under what a flow is asked for. */
export interface FlowView extends NameView {
  readonly catalog: Catalog;
  readonly rules: MaskRules;
}

export interface DistantFlow {
  readonly lineage: Lineage;
  readonly use: StatementUse;
}

export interface Wanted {
  readonly statement: AnalyzedStatement;
  readonly view: FlowView;
}

interface Known extends DistantFlow {
  readonly view: FlowView;
}

/** Views of one statement that are kept: of sessions with other paths, or before and after a change of the schema. */
const viewsMax = 4;
const rowsPerTurn = 2000;

export class DistantFlows {
  readonly #services: Services;
  readonly #known = new WeakMap<object, readonly Known[]>();
  readonly #rows = new WeakMap<CatalogRows, Promise<SharedArrayBuffer>>();
  readonly #ruleIds = new WeakMap<MaskRules, number>();
  #lastRuleId = 0;

  constructor(services: Services) {
    this.#services = services;
  }

  find({ shape }: AnalyzedStatement, view: FlowView): DistantFlow | null {
    return this.#known.get(shape)?.find((known) => sameView(known.view, view)) ?? null;
  }

  /** Has all of these found out. They must be of one catalog and one set of rules. A fault: nothing was found out. */
  async ask(wanted: readonly Wanted[]): Promise<Fault | null> {
    const { heavy, limits, log } = this.#services;
    if (heavy === null || wanted.length === 0) return analysisFault({ kind: 'failed' }, 0);
    const result = await heavy(flowsTask, await this.#payload(wanted), limits.analysisMs);
    const answers = result.kind === 'done' ? readFlowAnswers(result.value, wanted.length) : null;
    if (answers === null) {
      const detail = result.kind === 'failed' ? result.detail : result.kind === 'done' ? 'no flow came back' : null;
      if (detail !== null) log.error({ detail }, 'the flow of a long statement could not be worked out');
      return analysisFault(result.kind === 'done' ? { kind: 'failed' } : result, limits.analysisMs);
    }
    for (const [at, answer] of answers.entries()) {
      const { statement, view } = wanted[at];
      this.#keep(statement, { view, lineage: answer.lineage, use: useOfAnswer(answer) });
    }
    return null;
  }

  #keep({ shape }: AnalyzedStatement, flow: Known): void {
    const others = (this.#known.get(shape) ?? []).filter(({ view }) => !sameView(view, flow.view));
    this.#known.set(shape, [flow, ...others].slice(0, viewsMax));
  }

  async #payload(wanted: readonly Wanted[]): Promise<FlowsPayload> {
    const { catalog, rules } = wanted[0].view;
    let rows = this.#rows.get(catalog.rows);
    if (rows === undefined) this.#rows.set(catalog.rows, (rows = writeRows(catalog.rows, this.#services.nextTurn)));
    // What failed once is tried again.
    rows.catch(() => this.#rows.delete(catalog.rows));
    let id = this.#ruleIds.get(rules);
    if (id === undefined) this.#ruleIds.set(rules, (id = ++this.#lastRuleId));
    return {
      catalog: { id: catalog.version, rows: await rows, formerNames: catalog.formerNames },
      masks: { id, columns: rules.columns, safeFunctions: rules.safeFunctions },
      questions: wanted.map(({ statement, view: { path, doubt, builtinsFirst } }) => {
        return { text: statement.text, steps: statement.distant?.steps ?? 0, path, doubt, builtinsFirst };
      }),
    };
  }
}

export function sameView(a: FlowView, b: FlowView): boolean {
  if (a.catalog.version !== b.catalog.version || a.rules !== b.rules) return false;
  if (a.doubt !== b.doubt || a.builtinsFirst !== b.builtinsFirst) return false;
  return (
    a.path.temp === b.path.temp &&
    a.path.loose === b.path.loose &&
    a.path.schemas.join('\0') === b.path.schemas.join('\0')
  );
}

/** The rows as JSON. A large catalog takes many turns, so that nobody waits for it. */
async function writeRows(rows: CatalogRows, nextTurn: Services['nextTurn']): Promise<SharedArrayBuffer> {
  const sets: string[] = [];
  for (const set of Object.keys(rows) as CatalogSet[]) {
    const all = rows[set] ?? [];
    const pieces: string[] = [];
    for (let at = 0; at < all.length; at += rowsPerTurn) {
      pieces.push(JSON.stringify(all.slice(at, at + rowsPerTurn)).slice(1, -1));
      if (all.length > rowsPerTurn) await nextTurn();
    }
    sets.push(`${JSON.stringify(set)}:[${pieces.join(',')}]`);
  }
  const json = Buffer.from(`{${sets.join(',')}}`);
  const shared = new SharedArrayBuffer(json.length);
  new Uint8Array(shared).set(json);
  return shared;
}
