/** The masked columns of one session's target, worked out anew when the catalog, the rules or what else they hang on changes. */
import type { MaskRules } from '../../../facts.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Fillers } from '../catalog/fillers.ts';
import { columnMasks } from './maskIndex.ts';
import type { ColumnMaskIndex, StrongerMask } from './maskIndex.ts';

export class SessionIndex {
  readonly #strongerMask: StrongerMask;
  /** Functions defined through the gate; see {@link Fillers}. */
  readonly #fillers: Fillers;
  /** Of these, those that were defined before the session began. */
  readonly #before: number;
  #rules: MaskRules;
  /** The rules have been the same since the session began: what it has put into its settings was not masked. */
  #alwaysThese = true;
  #index: ColumnMaskIndex | null = null;
  /** What the index was made of. */
  #version = 0;
  #settings = 0;
  #largeObjects = 0;

  constructor(strongerMask: StrongerMask, fillers: Fillers, rules: MaskRules) {
    this.#strongerMask = strongerMask;
    this.#fillers = fillers;
    this.#before = fillers.settings;
    this.#rules = rules;
  }

  usePolicy(rules: MaskRules): void {
    if (rules === this.#rules) return;
    this.#alwaysThese &&= JSON.stringify(rules) === JSON.stringify(this.#rules);
    this.#rules = rules;
    this.#index = null;
  }

  /** Another object whenever something in it may be another. */
  of(catalog: Catalog): ColumnMaskIndex {
    const fillers = this.#fillers;
    const isSame = this.#settings === fillers.settings && this.#largeObjects === fillers.large_objects;
    if (this.#index !== null && this.#version === catalog.version && isSame) return this.#index;
    const index = columnMasks(catalog, this.#rules, this.#strongerMask);
    const settings = index.stores.settings && this.#alwaysThese && fillers.settings === this.#before;
    const largeObjects = index.stores.largeObjects && fillers.large_objects === 0;
    this.#index = { ...index, stores: { settings, largeObjects } };
    this.#version = catalog.version;
    this.#settings = fillers.settings;
    this.#largeObjects = fillers.large_objects;
    return this.#index;
  }
}
