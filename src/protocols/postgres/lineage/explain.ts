/**
 * What statements do with columns, for people: where each output comes from and why it is shown or masked, which masked
 * columns are probed and copied. The same analysis that the gate makes when a statement runs, without a session.
 */
import type { ColumnName, MaskedUse, MaskRules, MaskSpec, RuleId } from '../../../facts.ts';
import type { Catalog, ColumnKey } from '../catalog/catalog.ts';
import { keyAttnum, keyRelation, searchPathOf } from '../catalog/catalog.ts';
import type { Doubt } from '../catalog/doubted.ts';
import { changesPath, endsTransaction, pathSetBy } from '../session/effects.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import { Foresight } from '../masks/foresight.ts';
import type { OutputLineage } from './lineage.ts';
import { definedAs } from './definitions.ts';
import { flowOf } from './flow/flow.ts';
import type { Flow } from './flow/flow.ts';
import type { SafeFunctions } from './scope.ts';
import { looksMasked, statementUse } from '../masks/maskedUse.ts';
import { columnMasks } from '../masks/maskIndex.ts';
import type { ColumnMaskIndex, StrongerMask } from '../masks/maskIndex.ts';
import { explainMasks, shapeOfLineage } from '../masks/maskPlan.ts';
import { StatementFlows } from '../masks/statementFlows.ts';
import { addsTable, changesNames } from '../session/statementRun.ts';
import { shownOf } from '../catalog/types.ts';
import type { Shown } from '../catalog/types.ts';

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
  /** What a client sees of it where it is masked. */
  readonly shown: Shown;
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

export interface Following {
  readonly catalog: Catalog;
  readonly masks: MaskRules;
  readonly strongerMask: StrongerMask;
  /** The setting `search_path`, and the role that `"$user"` in it means. */
  readonly searchPath: string;
  readonly role: string;
}

/** Follows statements that are sent together. Fit for people and not for every message: nothing is kept. */
export function followStatements(
  statements: readonly AnalyzedStatement[],
  following: Following,
): readonly FollowedStatement[] {
  const { catalog, masks, strongerMask, role } = following;
  const index = columnMasks(catalog, masks, strongerMask);
  const flows = new StatementFlows(strongerMask, null);
  const named = new Map<string, AnalyzedStatement>();
  let setting = following.searchPath;
  let doubt: Doubt | null = null;
  let known: Doubt | null = null;
  let foresight: Foresight | null = null;
  return statements.map((statement) => {
    const path = searchPathOf(setting, role, '');
    const flow = (of: AnalyzedStatement): Flow =>
      doubt !== null
        ? flows.doubtedFlow(of, index, path, doubt)
        : (foresight?.flowOf(of) ?? flowOf(of.ast, catalog, path, index.safe, index.stores));
    const found = follow(statement, named, flow, index, following, doubt !== null);
    const { session } = statement;
    if (session.kind === 'prepare' || session.kind === 'declare') named.set(session.name, session.inner);
    const moved = catalog.movers().of(statement.text) !== 'nothing';
    const set = doubt !== null || foresight !== null || moved ? null : pathSetBy(statement);
    const changes = changesNames(statement);
    const takesBack = moved || changesPath(statement) || (foresight !== null && endsTransaction(statement));
    if (set !== null) setting = set;
    else if (changes || takesBack) {
      known = known !== 'any' && !takesBack && addsTable(statement) ? 'new_tables' : 'any';
      const foreseen =
        doubt === null && !takesBack && (foresight ??= new Foresight(flows, index, masks, path)).follow(statement);
      if (!foreseen) doubt = known;
    }
    return found;
  });
}

function follow(
  statement: AnalyzedStatement,
  named: ReadonlyMap<string, AnalyzedStatement>,
  flow: (of: AnalyzedStatement) => Flow,
  index: ColumnMaskIndex,
  following: Following,
  doubted: boolean,
): FollowedStatement {
  const { session } = statement;
  const byName = session.kind === 'execute' || session.kind === 'fetch';
  const behind = byName ? named.get(session.name) : undefined;
  const found = flow(behind ?? statement);
  const { use, given } = statementUse(found, index, following.strongerMask);
  const maskWritten = given.flatMap((one) =>
    one.given.kind === 'literal' && looksMasked(one.mask, one.given.text) ? [one.column] : [],
  );
  return {
    outputs: outputsOf(found, index, following),
    // A statement that was prepared elsewhere is judged by what it is, which is not known here.
    use: session.kind === 'execute' && behind === undefined ? null : use,
    maskWritten,
    doubted,
  };
}

function outputsOf({ lineage }: Flow, index: ColumnMaskIndex, following: Following): readonly FollowedOutput[] {
  const { masks, strongerMask } = following;
  const { head, rest, tail } = lineage;
  const outputs = [...head, ...(rest === null ? [] : [rest]), ...tail];
  const explained = explainMasks({
    shape: shapeOfLineage(lineage),
    lineage,
    index,
    values: masks.values,
    customDetectors: masks.customDetectors,
    strongerMask,
    encoding: 'utf8',
    rowFormat: 'data_row',
    copy: null,
    hashKey: new Uint8Array(32),
    catalogIsFresh: true,
  });
  if (explained === null) throw new Error('a fresh catalog was called stale');
  return outputs.map((output, at): FollowedOutput => {
    const sources = sourcesOf(output, index.catalog, index.safe);
    const { action, mask, rules, why } = explained[at];
    return {
      name: output.name,
      several: output === rest,
      how: howOf(output, sources),
      sources,
      action,
      mask,
      shown: mask?.kind === 'null' ? 'null' : shownOf(output.typeOid, (oid) => index.catalog.type(oid)),
      rules,
      why,
    };
  });
}

function howOf({ kind }: OutputLineage, sources: readonly FollowedColumn[]): FollowedOutput['how'] {
  if (kind === 'opaque') return 'unknown';
  if (sources.length === 0) return 'constant';
  return sources.every(({ unchanged }) => unchanged) ? 'passed' : 'computed';
}

function sourcesOf(output: OutputLineage, catalog: Catalog, safe: SafeFunctions): readonly FollowedColumn[] {
  const found = new Map<ColumnKey, FollowedColumn>();
  const seen = new Set<string>();
  const visit = (key: ColumnKey, unchanged: boolean, through: readonly ColumnName[]): void => {
    const relation = catalog.relation(keyRelation(key));
    const column = catalog.column(keyRelation(key), keyAttnum(key));
    if (relation === undefined || column === undefined || seen.has(`${key} ${unchanged}`)) return;
    seen.add(`${key} ${unchanged}`);
    const name: ColumnName = { schema: relation.schema, table: relation.name, column: column.name };
    const origin = definedAs(catalog, relation, column, safe);
    // Where a definition cannot be read, the column itself is as far as one gets.
    if (origin === null || origin === 'unknown' || origin.kind === 'opaque') {
      const before = found.get(key);
      if (before === undefined || before.unchanged) found.set(key, { ...name, unchanged, through });
      return;
    }
    for (const source of origin.sources) visit(source, unchanged && origin.kind === 'column', [...through, name]);
  };
  for (const source of output.sources) visit(source, output.kind === 'column', []);
  return [...found.values()];
}
