/**
 * What to do to each column of a result. A plan is plain data: it is built once per result shape on the main thread
 * and handed to lanes by structured clone.
 */
import type { CustomDetector, MaskSpec } from '../facts.ts';

/** How values of a column are represented, as far as masks care. */
export type TypeClass =
  /** text, varchar, bpchar, name, citext, unknown, xml: any string of the client encoding is valid. */
  | 'text'
  | 'json'
  | 'jsonb'
  | 'bytea'
  /** Array of a text-like type. */
  | 'text_array'
  /** int8, numeric: may hold a card number, so detectors render it as decimal text. */
  | 'integer'
  | 'numeric'
  /** bool, dates, float, uuid, int2, int4, oid, ...: no detector can match; masked only as NULL. */
  | 'fixed'
  /** Everything else (composite, range, other arrays, hstore, tsvector, ...): scanned as text, masked only as NULL. */
  | 'other';

export interface ColumnPlan {
  /** `pass`: untouched. `mask`: `mask` always applies. `scan`: detectors run, what they find is masked. */
  readonly action: 'pass' | 'mask' | 'scan';
  readonly mask: MaskSpec;
  readonly type: TypeClass;
  /** Wire format of this column: 0 text, 1 binary. */
  readonly format: 0 | 1;
}

/** Detectors to run on `scan` columns, with the mask for what each finds. */
export interface DetectorPlan {
  readonly name: string;
  readonly mask: MaskSpec;
}

/**
 * Wire form of the rows. `data_row`: DataRow messages ('D'). `copy_*`: CopyData messages ('d'), one row each.
 * PostgreSQL, Message Formats (protocol-message-formats) and COPY (sql-copy, File Formats).
 */
export type RowFormat = 'data_row' | 'copy_text' | 'copy_csv' | 'copy_binary';

/** COPY options that change how a row is read; PostgreSQL's defaults where the statement is silent. */
export interface CopyOptions {
  readonly delimiter: number;
  /** The string that stands for NULL. */
  readonly nullText: string;
  readonly quote: number;
  readonly escape: number;
  readonly header: boolean;
}

/** The encodings whose characters the kernels can count. Everything else is refused on connections with masks. */
export type TextEncoding = 'utf8' | 'single_byte';

export interface MaskPlan {
  /** Unique in the process; lanes cache compiled kernels by it. */
  readonly id: number;
  readonly rowFormat: RowFormat;
  readonly copy: CopyOptions | null;
  readonly encoding: TextEncoding;
  readonly columns: readonly ColumnPlan[];
  readonly detectors: readonly DetectorPlan[];
  readonly customDetectors: readonly CustomDetector[];
  /** Key of the `hash` mask: 32 bytes, per gate, so equal values stay equal across sessions. */
  readonly hashKey: Uint8Array;
}

/** Outcome of one kernel run over a range of whole row messages. */
export interface KernelResult {
  /**
   * `done`: all input was consumed. `full`: output would have overtaken input; input up to `inputEnd` was consumed, the
   * rest must be run again with more headroom. `malformed`: the row at `inputEnd` breaks its own lengths; nothing
   * from there on may be sent.
   */
  status: 'done' | 'full' | 'malformed';
  /** Input consumed up to here (absolute offset). */
  inputEnd: number;
  /** Output stands in [outputStart, outputEnd) (absolute offsets). */
  outputStart: number;
  outputEnd: number;
  rows: number;
  /** Values changed, in all. */
  masked: number;
}

/**
 * A compiled plan. Synchronous and without I/O; not reentrant.
 *
 * `run` masks the whole row messages in bytes[start, end) in place. Output is written from `outputStart` (at most
 * `start`; the gap is headroom for masks longer than their values) and never overtakes the input, so no second
 * buffer is needed. Headroom is used only when it is needed: the result says where output starts, which is `start`
 * while no value grew. The result object is reused between runs. Bytes of a row that was refused may be overwritten.
 */
export interface Kernel {
  readonly plan: MaskPlan;
  /**
   * `first`: the range begins the result, so that with the HEADER option its first row holds names, which pass. Left out,
   * a header row is masked like any other. (The header of binary COPY is recognised wherever it stands.)
   */
  run(bytes: Uint8Array, start: number, end: number, outputStart: number, first?: boolean): KernelResult;
  /** A masker for one row message that is larger than a slot; see {@link RowStream}. */
  openRowStream(): RowStream;
}

/**
 * Masks one oversized row message as it passes, always in place and with equal lengths, because the message's length
 * has already been sent when its values arrive.
 */
export interface RowStream {
  /**
   * Takes the next bytes of the message (the first call starts at its type byte). Returns the offset up to which bytes
   * may be written out. The caller presents the rest again, in front of the next bytes, so that detectors see through
   * chunk borders; at most `holdBytesMax` bytes are held. Returns -1 if the row is malformed or a masked column's type has
   * no mask of equal length (`fault` says which).
   */
  push(bytes: Uint8Array, start: number, end: number): number;
  readonly fault: 'BG_TARGET_PROTOCOL' | 'BG_ROW_TOO_LARGE_TO_MASK' | null;
  /** True once the last byte of the message has been passed on. */
  readonly done: boolean;
  readonly masked: number;
}
