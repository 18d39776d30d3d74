/**
 * From the shape of a result and the lineage of its statement to a mask plan.
 *
 * Two witnesses are heard for every column: the origin in RowDescription, which the server itself vouches for, and the
 * lineage from the parse tree, which knows what the origin cannot tell (expressions, set operations, values written
 * before RETURNING). The stronger mask of both applies. Where they contradict each other, the catalog is stale or a
 * name was resolved wrongly: the caller refreshes it, and if they still do, everything without origin is redacted.
 *
 * A masked column is not scanned as well: its mask covers every character, and what keep_first, keep_last or email
 * leave visible is what the rule's author chose to show.
 */
import type { CustomDetector, MaskSpec, RuleId, ValueMaskRule } from '../../../facts.ts';
import type {
  ColumnPlan,
  CopyOptions,
  DetectorPlan,
  MaskPlan,
  RowFormat,
  TextEncoding,
  TypeClass,
} from '../../../masking/plan.ts';
import { columnKey } from '../catalog/catalog.ts';
import { type Lineage, type OutputLineage, outputsFor } from '../lineage/lineage.ts';
import type { ColumnMask, ColumnMaskIndex, StrongerMask } from './maskIndex.ts';
import { typeClassOf } from '../catalog/types.ts';

/** A field of RowDescription, as far as masks care. */
export interface ShapeColumn {
  readonly name: string;
  /** 0: no origin. */
  readonly tableOid: number;
  /** Attribute number; 0 with an origin: a whole row. Negative: a system column. */
  readonly attribute: number;
  /** 0: not told (COPY); the lineage's type is taken. */
  readonly typeOid: number;
  readonly format: number;
}

export interface MaskPlanInput {
  readonly shape: readonly ShapeColumn[];
  /** Of the statement that makes the rows: for FETCH and EXECUTE the one behind them. null: not known. */
  readonly lineage: Lineage | null;
  /** Holds the catalog too. */
  readonly index: ColumnMaskIndex;
  readonly values: readonly ValueMaskRule[];
  readonly customDetectors: readonly CustomDetector[];
  readonly strongerMask: StrongerMask;
  readonly encoding: TextEncoding;
  readonly rowFormat: RowFormat;
  readonly copy: CopyOptions | null;
  readonly hashKey: Uint8Array;
  /** Whether the catalog was read after the statement was described: what is unknown now stays unknown. */
  readonly catalogIsFresh: boolean;
}

export type MaskPlanResult =
  /** Nothing is to be done to any column. */
  | { readonly kind: 'pass' }
  /** `rules`: column rules that apply, and value rules whose detectors will look. */
  | { readonly kind: 'plan'; readonly plan: MaskPlan; readonly rules: readonly RuleId[] }
  /** The catalog does not know what the result names: read it again and ask once more with `catalogIsFresh`. */
  | { readonly kind: 'needs_catalog' };

let lastPlanId = 0;

/** For rows that were described as having no columns, or not to come at all: rows that do have columns are refused. */
export const emptyRows: MaskPlan = {
  id: ++lastPlanId,
  rowFormat: 'data_row',
  copy: null,
  encoding: 'utf8',
  columns: [],
  detectors: [],
  customDetectors: [],
  hashKey: new Uint8Array(32),
};

export function buildMaskPlan(input: MaskPlanInput): MaskPlanResult {
  const decided = decideColumns(input);
  if (decided === null) return { kind: 'needs_catalog' };
  if (decided.every((column) => column.plan.action === 'pass')) return { kind: 'pass' };
  const scans = decided.some((column) => column.plan.action === 'scan');
  const detectors = scans ? detectorPlans(input.values, input.strongerMask) : [];
  const used = new Set(detectors.map((detector) => detector.name));
  const rules = new Set<RuleId>();
  for (const column of decided) for (const rule of column.rules) rules.add(rule);
  const plan: MaskPlan = {
    id: ++lastPlanId,
    rowFormat: input.rowFormat,
    copy: input.copy,
    encoding: input.encoding,
    columns: decided.map((column) => column.plan),
    detectors,
    customDetectors: input.customDetectors.filter((detector) => used.has(detector.name)),
    hashKey: input.hashKey,
  };
  return { kind: 'plan', plan, rules: [...rules] };
}

export interface ExplainedColumn {
  readonly name: string;
  readonly action: ColumnPlan['action'];
  /** Only with action `mask`. */
  readonly mask: MaskSpec | null;
  readonly rules: readonly RuleId[];
  readonly why: string;
}

/** What happens to each column of a result and why; null: the catalog must be read again. */
export function explainMasks(input: MaskPlanInput): readonly ExplainedColumn[] | null {
  const decided = decideColumns(input);
  if (decided === null) return null;
  return decided.map(({ plan, rules, why }, at) => ({
    name: input.shape[at].name,
    action: plan.action,
    mask: plan.action === 'mask' ? plan.mask : null,
    rules,
    why,
  }));
}

/** A shape for statements that no server has described: COPY, and `policy explain`. Unknown outputs count as one. */
export function shapeOfLineage(lineage: Lineage): readonly ShapeColumn[] {
  const outputs = [...lineage.head, ...(lineage.rest === null ? [] : [lineage.rest]), ...lineage.tail];
  return outputs.map(({ name, typeOid }) => ({ name, tableOid: 0, attribute: 0, typeOid, format: 0 }));
}

interface Decided {
  readonly plan: ColumnPlan;
  readonly rules: readonly RuleId[];
  readonly why: string;
}

const noMask: MaskSpec = Object.freeze({ kind: 'redact' });
const hidden: MaskSpec = Object.freeze({ kind: 'null' });

function decideColumns(input: MaskPlanInput): readonly Decided[] | null {
  const { shape, lineage, index } = input;
  const outputs = lineage === null ? null : outputsFor(lineage, shape.length);
  const trusted = outputs !== null && agrees(shape, outputs);
  // Without masked columns the lineage decides nothing, so its faults do not matter.
  if (!trusted && lineage !== null && index.any && !input.catalogIsFresh) return null;
  const decided: Decided[] = [];
  for (let at = 0; at < shape.length; at++) {
    const column = shape[at];
    const typeOid = column.typeOid === 0 ? (outputs?.[at].typeOid ?? 0) : column.typeOid;
    const type = typeClassOf(typeOid, (oid) => index.catalog.type(oid));
    const origin = originMask(input, column);
    if (origin === 'stale') return null;
    const told = trusted && outputs[at].kind !== 'opaque' ? index.maskOfOutput(outputs[at]) : untoldMask(input, column);
    const found = joinWitnesses(origin, told, input.strongerMask);
    // Of what may be any expression being NULL may be the answer to a question. A column's NULLs are no secret.
    const isHidden = found?.reason === 'undecidable' && column.tableOid === 0;
    decided.push(decideColumn(input, type, column.format === 1 ? 1 : 0, isHidden ? { ...found, mask: hidden } : found));
  }
  return decided;
}

/** Whether every origin is among the sources that the lineage found for its column. */
function agrees(shape: readonly ShapeColumn[], outputs: readonly OutputLineage[]): boolean {
  for (let at = 0; at < shape.length; at++) {
    const { tableOid, attribute } = shape[at];
    if (tableOid === 0 || attribute <= 0 || outputs[at].kind === 'opaque') continue;
    if (!outputs[at].sources.has(columnKey(tableOid, attribute))) return false;
  }
  return true;
}

function originMask(input: MaskPlanInput, column: ShapeColumn): ColumnMask | null | 'stale' {
  const { index } = input;
  const { tableOid, attribute } = column;
  if (!index.ruled || tableOid === 0 || attribute < 0) return null;
  if (attribute === 0) {
    const relation = index.catalog.relation(tableOid);
    if (relation !== undefined) return index.maskOfRow(relation);
  } else if (index.catalog.column(tableOid, attribute) !== undefined) {
    return index.maskOf(columnKey(tableOid, attribute));
  }
  // A column that the rules may well name, but whose name is not known: masked.
  return input.catalogIsFresh ? unknownOrigin : 'stale';
}

const unknownOrigin: ColumnMask = { mask: { kind: 'redact' }, rules: [], reason: 'undecidable' };

/** Where lineage says nothing an origin still vouches for a column, unless the statement wrote to it first. */
function untoldMask(input: MaskPlanInput, column: ShapeColumn): ColumnMask | null {
  const vouched = column.tableOid !== 0 && input.lineage?.writes !== true;
  return vouched ? null : input.index.undecidable;
}

function joinWitnesses(a: ColumnMask | null, b: ColumnMask | null, strongerMask: StrongerMask): ColumnMask | null {
  if (a === null || b === null) return a ?? b;
  if (a === b) return a;
  const mask = strongerMask(a.mask, b.mask);
  return { mask, rules: [...new Set([...a.rules, ...b.rules])], reason: a.reason === 'rule' ? b.reason : a.reason };
}

function decideColumn(input: MaskPlanInput, type: TypeClass, format: 0 | 1, found: ColumnMask | null): Decided {
  if (found !== null) {
    // How many elements a computed array has may be the answer to a question.
    const isShaped = type === 'text_array' && found.reason !== 'rule';
    return {
      plan: { action: 'mask', mask: isShaped ? hidden : found.mask, type, format },
      rules: found.rules,
      why: whyMasked[found.reason],
    };
  }
  const scanning = input.values.filter((rule) => rule.detectors.some((name) => canMatch(type, name)));
  if (scanning.length === 0)
    return { plan: { action: 'pass', mask: noMask, type, format }, rules: [], why: 'no rule applies' };
  return {
    plan: { action: 'scan', mask: noMask, type, format },
    rules: scanning.map((rule) => rule.rule),
    why: 'scanned for sensitive values',
  };
}

const whyMasked: Readonly<Record<ColumnMask['reason'], string>> = {
  rule: 'the rule names this column',
  derived: 'computed from a masked column',
  undecidable: 'may hold a masked column; it cannot be decided where the value comes from',
};

/** Built-in detectors that need letters or punctuation, which whole numbers do not have. */
const digitDetectors: ReadonlySet<string> = new Set(['credit_card']);
const wordDetectors: ReadonlySet<string> = new Set(
  'email us_ssn phone iban ipv4 ipv6 jwt aws_key github_token slack_token stripe_key private_key'.split(' '),
);

/** Whether a detector can find anything in values of this type. Own detectors may look for anything. */
function canMatch(type: TypeClass, detector: string): boolean {
  if (type === 'fixed') return false;
  if (type !== 'integer' && type !== 'numeric') return true;
  return digitDetectors.has(detector) || !wordDetectors.has(detector);
}

function detectorPlans(values: readonly ValueMaskRule[], strongerMask: StrongerMask): readonly DetectorPlan[] {
  const masks = new Map<string, MaskSpec>();
  for (const rule of values) {
    for (const name of rule.detectors) {
      const before = masks.get(name);
      masks.set(name, before === undefined ? rule.mask : strongerMask(before, rule.mask));
    }
  }
  return [...masks].map(([name, mask]) => ({ name, mask }));
}
