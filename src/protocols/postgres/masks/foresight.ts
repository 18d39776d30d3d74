/**
 * What is known of a message of several statements before any of them has run: what its statements make (lineage/ahead.ts), and
 * what those behind these do and return. Good only as long as nothing else changes the schema.
 */
import type { MaskRules } from '../../../facts.ts';
import type { SearchPath } from '../catalog/catalog.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import type { Lineage } from '../lineage/lineage.ts';
import { type Ahead, followCreation } from '../lineage/ahead.ts';
import type { Flow } from '../lineage/flow/flow.ts';
import type { StatementUse } from './maskedUse.ts';
import type { ColumnMaskIndex } from './maskIndex.ts';
import { type StatementFlows, treeOf } from './statementFlows.ts';

export class Foresight {
  readonly index: ColumnMaskIndex;
  readonly rules: MaskRules;
  readonly #flows: StatementFlows;
  readonly #path: SearchPath;
  #ahead: Ahead | null = null;
  readonly #lineages = new Map<AnalyzedStatement, Lineage>();

  constructor(flows: StatementFlows, index: ColumnMaskIndex, rules: MaskRules, path: SearchPath) {
    this.#flows = flows;
    this.index = index;
    this.rules = rules;
    this.#path = path;
  }

  /** Takes in what a statement makes that changes the schema. False: that is not known, nor anything behind it. */
  follow(statement: AnalyzedStatement): boolean {
    const { catalog, safe, isRuled } = this.index;
    this.#ahead = followCreation(treeOf(statement), this.#ahead, { catalog, path: this.#path, safe, isRuled });
    return this.#ahead !== null;
  }

  /** Flow of a statement behind those that were followed; null: that is not known. */
  flowOf(statement: AnalyzedStatement): Flow | null {
    if (this.#ahead === null) return null;
    const flow = this.#flows.flowAhead(statement, this.index, this.#ahead);
    this.#lineages.set(statement, flow.lineage);
    return flow;
  }

  useOf(statement: AnalyzedStatement): StatementUse | null {
    const flow = this.flowOf(statement);
    return flow === null ? null : this.#flows.useOf(flow, this.index);
  }

  /** Lineage of the rows of a statement behind those that were followed. */
  lineageOf(statement: AnalyzedStatement): Lineage | null {
    return this.#lineages.get(statement) ?? null;
  }
}
