/** Chooses, once per plan, what masks the values of each column. */
import { arrayBinaryMask, arrayTextMask } from './arrays.ts';
import { byteaColumnMask, byteaScan } from './bytea.ts';
import { NULLED, UNCHANGED, type Edits, type Outcome, type ValueMask } from './edits.ts';
import { createHasher, type Hasher } from './hash.ts';
import { jsonColumnMask, jsonScan } from './json.ts';
import { textMask } from './masks.ts';
import { numberScan } from './numbers.ts';
import { RangeGuard } from './ownPatterns.ts';
import type { ColumnPlan, MaskPlan } from './plan.ts';
import { compileTextScan, type TextScan } from './textScan.ts';

/** Scans of one plan; shared by its columns. */
export interface Scans {
  readonly text: TextScan;
  /** Only the detectors that look at bare numbers. */
  readonly number: TextScan;
  readonly hasher: Hasher;
  /** Of the policy's own patterns; null without any that it could rule out. */
  readonly guard: RangeGuard | null;
}

export function compileScans(plan: MaskPlan): Scans {
  const hasher = createHasher(plan.hashKey);
  const own = new Set(plan.customDetectors.map((detector) => detector.name));
  const forNumbers = plan.detectors.filter((d) => d.name === 'credit_card' || own.has(d.name));
  const used = plan.customDetectors.filter(({ name }) => plan.detectors.some((detector) => detector.name === name));
  const ranges = new RangeGuard(used);
  const guard = ranges.useful ? ranges : null;
  return {
    text: compileTextScan(plan.detectors, plan.customDetectors, plan.encoding, hasher, guard),
    number: compileTextScan(forNumbers, plan.customDetectors, plan.encoding, hasher, guard),
    hasher,
    guard,
  };
}

/** One mask per column; null where the column passes. COPY fixes the format of every column by its own. */
export function compileColumns(plan: MaskPlan, scans: Scans): (ValueMask | null)[] {
  return plan.columns.map((column) => {
    const format = plan.rowFormat === 'data_row' ? column.format : plan.rowFormat === 'copy_binary' ? 1 : (0 as 0 | 1);
    if (column.action === 'pass') return null;
    if (column.action === 'mask') return columnMask(column, format, plan, scans);
    return plan.detectors.length === 0 ? null : columnScan(column, format, scans);
  });
}

function columnMask(column: ColumnPlan, format: 0 | 1, plan: MaskPlan, scans: Scans): ValueMask {
  const leaf = textMask(column.mask, plan.encoding, scans.hasher);
  switch (column.type) {
    case 'text':
      return leaf;
    case 'json':
      return jsonColumnMask(column.mask, leaf, plan.encoding);
    case 'jsonb': {
      const json = jsonColumnMask(column.mask, leaf, plan.encoding);
      return format === 1 ? afterVersion(json) : json;
    }
    case 'bytea':
      return byteaColumnMask(column.mask, format, scans.hasher);
    case 'text_array':
      if (column.mask.kind === 'null') return () => NULLED;
      return format === 1 ? arrayBinaryMask(leaf) : arrayTextMask(leaf);
    case 'integer':
    case 'numeric':
    case 'fixed':
    case 'other':
      return () => NULLED;
  }
}

function columnScan(column: ColumnPlan, format: 0 | 1, scans: Scans): ValueMask | null {
  switch (column.type) {
    case 'text':
      return scans.text.mask;
    case 'json':
      return jsonScan(scans.text);
    case 'jsonb': {
      const json = jsonScan(scans.text);
      return format === 1 ? afterVersion(json) : json;
    }
    case 'bytea':
      return byteaScan(format, scans.text);
    case 'text_array':
      return format === 1 ? arrayBinaryMask(scans.text.mask) : arrayTextMask(scans.text.mask);
    case 'integer':
    case 'numeric':
      return numberScan(column.type, format, scans.number);
    case 'fixed':
      return null;
    case 'other':
      return (src, start, end) => (scans.text.matches(src, start, end) ? NULLED : UNCHANGED);
  }
}

/** jsonb_send writes a version byte, 1, before the text; another version may mean another syntax. */
function afterVersion(json: ValueMask): ValueMask {
  return (src: Uint8Array, start: number, end: number, edits: Edits): Outcome => {
    if (end === start || src[start] !== 1) return NULLED;
    return json(src, start + 1, end, edits);
  };
}
