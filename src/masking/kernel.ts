/**
 * Masks ranges of whole row messages in place.
 *
 * A row is first walked: masks of equal length overwrite their values, all others leave edits. Only when the whole row
 * is known to be well-formed and to fit does anything move, so a row is either sent masked or not at all. Bytes between
 * edits move by one copyWithin per run, and runs reach across rows; while no length has changed, nothing moves.
 */
import { i32, writeI32 } from '../bytes/bytes.ts';
import { CopyCsvRows, CopyTextRows } from './copyRows.ts';
import { copyBytes, Edits, type ValueMask } from './edits.ts';
import type { RangeGuard } from './ownPatterns.ts';
import { preparePairs } from './pairs.ts';
import type { Kernel, KernelResult, MaskPlan } from './plan.ts';
import { LengthPrefixedRows, MALFORMED, type RowWalker } from './rows.ts';
import { createRowStream } from './rowStream.ts';
import { compileColumns, compileScans } from './values.ts';

const DATA_ROW = 0x44;
const COPY_DATA = 0x64;
const HEADER_BYTES = 5;
const MOVE_LOOP_BYTES_MAX = 64;

/** Compiles a plan. Throws where the plan is impossible (an unknown detector, COPY without options): a bug of ours. */
export function createKernel(plan: MaskPlan): Kernel {
  const scans = compileScans(plan);
  const masks = compileColumns(plan, scans);
  const mover = new Mover(plan.columns.some(({ action }) => action === 'scan') ? scans.guard : null);
  const walker = rowWalker(plan, masks);
  const type = plan.rowFormat === 'data_row' ? DATA_ROW : COPY_DATA;
  const hasHeader = plan.copy?.header === true && plan.rowFormat !== 'copy_binary';
  return {
    plan,
    run: (bytes, start, end, outputStart, first = false) =>
      mover.run(bytes, start, end, outputStart, walker, type, first && hasHeader),
    openRowStream: () => createRowStream(plan, scans),
  };
}

function rowWalker(plan: MaskPlan, masks: readonly (ValueMask | null)[]): RowWalker {
  switch (plan.rowFormat) {
    case 'data_row':
      return new LengthPrefixedRows(masks, false);
    case 'copy_binary':
      return new LengthPrefixedRows(masks, true);
    case 'copy_text':
      if (plan.copy === null) throw new Error('COPY without options');
      return new CopyTextRows(masks, plan.copy);
    case 'copy_csv':
      if (plan.copy === null) throw new Error('COPY without options');
      return new CopyCsvRows(masks, plan.copy);
  }
}

/**
 * Input [#from, row) is final but has not moved; its first byte belongs at #out. Output stands in [#base, #out).
 * #base <= #out <= #from <= start of the row at hand: output never overtakes input.
 */
class Mover {
  readonly #edits = new Edits();
  readonly #guard: RangeGuard | null;
  #base = 0;
  #out = 0;
  #from = 0;
  readonly #result: KernelResult = {
    status: 'done',
    inputEnd: 0,
    outputStart: 0,
    outputEnd: 0,
    rows: 0,
    masked: 0,
  };

  constructor(guard: RangeGuard | null) {
    this.#guard = guard;
  }

  /** Guarded: what stands in the range is known only as long as nobody else writes to it. */
  run(
    bytes: Uint8Array,
    start: number,
    end: number,
    outputStart: number,
    walker: RowWalker,
    type: number,
    skipFirst: boolean,
  ): KernelResult {
    this.#guard?.open(bytes, start, end);
    try {
      return this.#run(bytes, start, end, outputStart, walker, type, skipFirst);
    } finally {
      this.#guard?.close();
    }
  }

  #run(
    bytes: Uint8Array,
    start: number,
    end: number,
    outputStart: number,
    walker: RowWalker,
    type: number,
    skipFirst: boolean,
  ): KernelResult {
    const edits = this.#edits;
    preparePairs(bytes);
    this.#base = this.#out = this.#from = start;
    let status: KernelResult['status'] = 'done';
    let at = start;
    let rows = 0;
    let masked = 0;
    let skip = skipFirst;
    while (at < end) {
      const next = messageEnd(bytes, at, end, type);
      if (next < 0) {
        status = 'malformed';
        break;
      }
      edits.clear();
      this.#guard?.reach(bytes, at, next, end);
      const changed = skip ? 0 : walker.walk(bytes, at, next, edits);
      skip = false;
      if (changed === MALFORMED) {
        status = 'malformed';
        break;
      }
      if (edits.count > 0) {
        if (!this.#fits(bytes, at, outputStart)) {
          status = 'full';
          break;
        }
        walker.commit(bytes);
        this.#commit(bytes, at);
      }
      rows++;
      masked += changed;
      at = next;
    }
    this.#flush(bytes, at);
    const result = this.#result;
    result.status = status;
    result.inputEnd = at;
    result.outputStart = this.#base;
    result.outputEnd = this.#out;
    result.rows = rows;
    result.masked = masked;
    return result;
  }

  /** Whether the row's edits leave output behind input; lowers the output into the headroom if that is what it takes. */
  #fits(bytes: Uint8Array, row: number, outputStart: number): boolean {
    const edits = this.#edits;
    let gap = this.#from - this.#out;
    let least = 0;
    for (let i = 0; i < edits.count; i++) {
      gap -= edits.end[i] - edits.at[i] - (edits.to[i] - edits.from[i]);
      if (gap < least) least = gap;
    }
    if (least === 0) return true;
    const headroom = this.#base - outputStart;
    if (headroom < -least) return false;
    this.#flush(bytes, row);
    bytes.copyWithin(outputStart, this.#base, this.#out);
    this.#base -= headroom;
    this.#out -= headroom;
    return true;
  }

  /** Writes the lengths of message and columns into the input, then moves and replaces. */
  #commit(bytes: Uint8Array, row: number): void {
    const edits = this.#edits;
    let delta = 0;
    for (let i = 0; i < edits.count; i++) delta += edits.end[i] - edits.at[i] - (edits.to[i] - edits.from[i]);
    if (delta !== 0) writeI32(bytes, row + 1, i32(bytes, row + 1) + delta);
    for (let i = 0; i < edits.count; i++) {
      this.#flush(bytes, edits.from[i]);
      const length = edits.end[i] - edits.at[i];
      if (this.#out + length > edits.to[i]) throw new Error('output would overtake input');
      copyBytes(edits.scratch, edits.at[i], edits.end[i], bytes, this.#out);
      this.#out += length;
      this.#from = edits.to[i];
    }
  }

  /** Moves what is final up to input offset `to`. */
  #flush(bytes: Uint8Array, to: number): void {
    const length = to - this.#from;
    if (this.#out !== this.#from) {
      // A native call costs more than moving a few bytes; forwards is right, since output stands before input.
      if (length > MOVE_LOOP_BYTES_MAX) bytes.copyWithin(this.#out, this.#from, to);
      else for (let i = this.#from, o = this.#out; i < to;) bytes[o++] = bytes[i++];
    }
    this.#out += length;
    this.#from = to;
  }
}

/** End of the whole message of `type` at `at`, or -1. */
function messageEnd(bytes: Uint8Array, at: number, end: number, type: number): number {
  if (end - at < HEADER_BYTES || bytes[at] !== type) return -1;
  const length = i32(bytes, at + 1);
  return length < 4 || length > end - at - 1 ? -1 : at + 1 + length;
}
