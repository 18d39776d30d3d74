/**
 * What a statement does with masked columns besides showing them, as policy judges it (policy/judge.ts): made from the flow of
 * the statement and from the masks in force.
 */
import type { ColumnCopy, ColumnName, ColumnProbe, MaskedUse, MaskSpec } from '../../../facts.ts';
import type { Catalog, ColumnKey } from '../catalog/catalog.ts';
import { anyPath, keyRelation } from '../catalog/catalog.ts';
import type { AnalyzedStatement } from '../facts/facts.ts';
import type { Flow, FlowProbe, FlowWrite, Given } from '../lineage/flow/flow.ts';
import type { Lineage } from '../lineage/lineage.ts';
import { names, record, unwrap } from '../parse/ast.ts';
import type { ColumnMaskIndex, StrongerMask } from './maskIndex.ts';

/** A bare value that a statement writes into a masked column. */
export interface GivenToMasked {
  readonly column: ColumnName;
  readonly mask: MaskSpec;
  readonly given: Given;
}

export interface StatementUse {
  /** null: nothing for policy to judge. */
  readonly use: MaskedUse | null;
  /** Values that must not be masks themselves: a client that saw only masks would overwrite what it never saw. */
  readonly given: readonly GivenToMasked[];
}

/** Nothing to judge and nothing given. */
export const noUse: StatementUse = Object.freeze({ use: null, given: Object.freeze([]) });

/** What `flow` means under these masks. Without any masked column there is nothing to judge, whatever the statement does. */
export function statementUse(flow: Flow, index: ColumnMaskIndex, stronger: StrongerMask): StatementUse {
  if (!index.any) return noUse;
  const gathered = new UseGatherer(index, stronger);
  for (const probe of flow.probes) gathered.probe(probe);
  for (const write of flow.writes) gathered.write(write);
  return gathered.result();
}

/**
 * What a conversion of these outputs that may fail tells of: of bare columns only that they hold such a character.
 *
 * @param statement the one whose rows they are, if its names are known for certain.
 */
export function conversionUse(
  lineage: Lineage,
  index: ColumnMaskIndex,
  statement: AnalyzedStatement | null,
): MaskedUse | null {
  if (!index.any || (statement !== null && callsWithoutRows(statement, index.catalog))) return null;
  const gathered = new UseGatherer(index, (mask) => mask);
  for (const { kind, sources } of [...lineage.head, ...lineage.tail, ...(lineage.rest === null ? [] : [lineage.rest])])
    if (kind !== 'column')
      gathered.probe({ sources, opaque: kind === 'opaque', clause: 'encoding', equality: false, by: null });
  return gathered.result().use;
}

/** Modes of parameters that a procedure gives back as a row. */
const givesBack: ReadonlySet<string> = new Set(['o', 'b', 't']);

/** CALL of a procedure that has no row to give, whichever of its name is meant. */
function callsWithoutRows({ ast }: AnalyzedStatement, catalog: Catalog): boolean {
  const call = unwrap(ast, 'CallStmt');
  if (call === null) return false;
  const called = catalog.functions(null, names(record(call.funccall).funcname).at(-1) ?? '', anyPath);
  return called.length > 0 && called.every(({ modes }) => !modes.some((mode) => givesBack.has(mode)));
}

class UseGatherer {
  readonly #index: ColumnMaskIndex;
  readonly #stronger: StrongerMask;
  readonly #probes = new Map<string, ColumnProbe>();
  readonly #copies = new Map<string, ColumnCopy>();
  readonly #unreadable = new Set<string>();
  readonly #given: GivenToMasked[] = [];

  constructor(index: ColumnMaskIndex, stronger: StrongerMask) {
    this.#index = index;
    this.#stronger = stronger;
  }

  probe({ sources, opaque, clause, equality, by }: FlowProbe): void {
    if (opaque) this.#unreadable.add(unreadableText(clause));
    for (const source of sources) {
      for (const { relation, column, unchanged } of this.#index.originsOf(source)) {
        const name = { schema: relation.schema, table: relation.name, column: column.name };
        const probe: ColumnProbe = { column: name, clause, equality: equality && unchanged, by: by ?? undefined };
        this.#probes.set(`${column.key} ${clause} ${probe.equality}`, probe);
      }
    }
  }

  write(write: FlowWrite): void {
    const { to, sources, opaque, given } = write;
    if (opaque)
      this.#unreadable.add(
        to.kind === 'unknown' ? to.reason : `${this.#placeText(to)} takes a value that cannot be read`,
      );
    for (const source of sources) {
      if (this.#staysMasked(source, write)) continue;
      for (const { relation, column } of this.#index.originsOf(source)) {
        const name = { schema: relation.schema, table: relation.name, column: column.name };
        const place = this.#placeText(to);
        this.#copies.set(`${column.key} ${place}`, { column: name, to: place });
      }
    }
    if (given === null || to.kind !== 'column') return;
    const mask = this.#index.maskOf(to.key);
    const column = this.#nameOf(to.key);
    if (mask !== null && column !== null) this.#given.push({ column, mask: mask.mask, given });
  }

  result(): StatementUse {
    const [probes, copies, unreadable] = [
      [...this.#probes.values()],
      [...this.#copies.values()],
      [...this.#unreadable],
    ];
    const empty = probes.length + copies.length + unreadable.length === 0;
    if (empty && this.#given.length === 0) return noUse;
    return { use: empty ? null : { probes, copies, unreadable }, given: this.#given };
  }

  /**
   * A copy is none where the value itself goes on standing in its table, under a mask that shows no more than the one it had.
   * Another table, whatever its name, has types, constraints, indexes and statistics of its own, and whoever made it has chosen
   * them. What is computed may be NULL, or look otherwise, where the client likes.
   */
  #staysMasked(source: ColumnKey, { to, valueKind }: FlowWrite): boolean {
    const mask = this.#index.maskOf(source);
    if (mask === null) return true;
    if (to.kind !== 'column' || valueKind !== 'column' || keyRelation(to.key) !== keyRelation(source)) return false;
    const there = this.#index.maskOf(to.key);
    if (there === null) return false;
    const joined = this.#stronger(there.mask, mask.mask);
    return joined.kind === there.mask.kind && countOf(joined) === countOf(there.mask);
  }

  #placeText(to: FlowWrite['to']): string {
    switch (to.kind) {
      case 'column': {
        const name = this.#nameOf(to.key);
        return name === null ? 'a column' : `column ${name.schema}.${name.table}.${name.column}`;
      }
      case 'new_table':
        return `the new table ${to.name}`;
      case 'outside':
        return to.what;
      case 'unknown':
        return to.reason;
    }
  }

  #nameOf(key: ColumnKey): ColumnName | null {
    const relation = this.#index.catalog.relation(keyRelation(key));
    const column = relation?.columns.find((candidate) => candidate.key === key);
    if (relation === undefined || column === undefined) return null;
    return { schema: relation.schema, table: relation.name, column: column.name };
  }
}

function countOf(mask: MaskSpec): number {
  return 'count' in mask ? mask.count : -1;
}

/** Why nothing can be said of a clause. */
function unreadableText(clause: string): string {
  if (clause === 'constraint') return 'what constraints would ask cannot be read';
  // A row fails where a character of it has no place in the client's encoding.
  if (clause === 'encoding') return 'what is in its rows cannot be read, and they may be converted to another encoding';
  return `what decides in ${clauseText(clause)} cannot be read`;
}

function clauseText(clause: string): string {
  return clause.replaceAll('_', ' ').toUpperCase();
}

/** Longer values are no masks: a mask is at most as long as a name, a number or an address. */
export const maskBytesMax = 4096;

/** Whether a literal may be what the mask makes of values; see {@link looksMasked}. */
export function mayBeMask(mask: MaskSpec, text: string): boolean {
  return text.length <= maskBytesMax && looksMasked(mask, text);
}

/** Whether `text` is what the mask itself makes of values: such a text can only come from a result of this gate. */
export function looksMasked(mask: MaskSpec, text: string): boolean {
  switch (mask.kind) {
    case 'null':
      return false;
    case 'redact':
      return text === '[redacted]';
    case 'stars':
      return /^\*{2,}$/.test(text);
    case 'keep_first':
    case 'keep_last':
    case 'email':
      // A value that is shorter than what stays visible is starred whole.
      return /^\*{2,}$/.test(text) || isPartlyStarred(mask, text);
    case 'hash':
      return /^h_[0-9a-f]{24}$/.test(text);
  }
}

function isPartlyStarred(mask: MaskSpec, text: string): boolean {
  const characters = [...text];
  const stars = characters.filter((character) => character === '*').length;
  switch (mask.kind) {
    case 'keep_first':
      return stars > 0 && characters.slice(mask.count).every((character) => character === '*');
    case 'keep_last':
      return (
        stars > 0 &&
        characters.slice(0, -mask.count).every((character) => character === '*') &&
        characters.length > mask.count
      );
    case 'email':
      return /^.\*+@[^@*]+$/u.test(text) || /^\*@[^@*]+$/.test(text);
    default:
      return false;
  }
}
