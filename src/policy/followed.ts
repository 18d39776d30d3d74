/** What statements do with columns, as the catalog of a target tells it: handed to `policy explain` by whoever knows one. */
import type { CatalogNames } from './catalogNames.ts';
import type { ColumnName, MaskedUse, MaskRules, MaskSpec, RuleId } from '../facts.ts';

/** A stored column that an output depends on. */
export interface FollowedColumn extends ColumnName {
  /** Its value comes out unchanged. */
  readonly unchanged: boolean;
  /** Columns of views and generated columns on the way, the output's own first. */
  readonly through: readonly ColumnName[];
}

export interface FollowedOutput {
  readonly name: string;
  /** An unknown number of columns, each like this. */
  readonly several: boolean;
  readonly how: 'passed' | 'computed' | 'constant' | 'unknown';
  readonly sources: readonly FollowedColumn[];
  readonly action: 'pass' | 'mask' | 'scan';
  /** Only with action `mask`. */
  readonly mask: MaskSpec | null;
  /** What a client sees of a masked value: the mask, or NULL because no text fits the type; `unknown`: one of them. */
  readonly shown: 'mask' | 'null' | 'unknown';
  readonly rules: readonly RuleId[];
  readonly why: string;
}

export interface FollowedStatement {
  readonly outputs: readonly FollowedOutput[];
  /** null: nothing for policy to judge. */
  readonly use: MaskedUse | null;
  /** Masked columns into which it writes what only a mask can look like. */
  readonly maskWritten: readonly ColumnName[];
  /** Something before it in the same text may change what names mean, so that no name of a user's object is believed. */
  readonly doubted: boolean;
}

/** Where a catalog comes from: the target of a connection, or a file that {@link TargetCatalog.snapshot} was written to. */
export type CatalogChoice =
  | { readonly kind: 'target'; readonly config: string; readonly connection: string }
  | { readonly kind: 'file'; readonly path: string };

export interface TargetCatalog {
  /** For a person: what was read. */
  readonly from: string;
  /** Of the connection in the configuration. */
  readonly labels: Readonly<Record<string, string>>;
  names(): CatalogNames;
  /** Names and definitions without any data, as one text. */
  snapshot(): string;
  /** Statements of a text that can be analysed, in their order. `searchPath`: the setting as a session would have it. */
  follow(text: string, masks: MaskRules, searchPath: string): readonly FollowedStatement[];
}

/** The catalog, or sentences on why there is none. */
export type OpenCatalog = (choice: CatalogChoice) => Promise<TargetCatalog | { readonly faults: readonly string[] }>;
