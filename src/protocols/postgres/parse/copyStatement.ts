/** What a COPY statement says about its data: PostgreSQL manual, sql-copy, "Parameters" and "File Formats". */
import type { CopyOptions } from '../../../masking/plan.ts';
import { type AstRecord, isRecord, list, names, record, text, unwrap } from './ast.ts';

export interface CopyStatement {
  /** null: COPY (query). */
  readonly relation: { readonly schema: string | null; readonly name: string } | null;
  /** null: every column. */
  readonly columns: readonly string[] | null;
  readonly target: 'stdio' | 'file' | 'program';
  /** `other`: a format that this gate does not know; its data cannot be masked. */
  readonly format: 'text' | 'csv' | 'binary' | 'other';
  readonly options: CopyOptions;
  /** ENCODING of the data where the statement names one; else it is the client encoding. */
  readonly encoding: string | null;
}

/** Words for NULL that are no value of anybody's. */
const usualNulls = /^(?:\\N|NULL|null|\(null\)|<null>|N\/A|NA|nil|None|none|-|)$/;

/** Whether a value may look like NULL, so that what is passed as NULL could be one (manual, COPY, Text Format). */
export function hidesNulls({ format, options }: Pick<CopyStatement, 'format' | 'options'>): boolean {
  return format === 'text' && !usualNulls.test(options.nullText);
}

export function readCopy(copy: AstRecord): CopyStatement {
  const options = readOptions(list(copy.options));
  const columns = names(copy.attlist);
  const relation = isRecord(copy.relation) ? copy.relation : null;
  return {
    relation: relation === null ? null : { schema: text(relation.schemaname) || null, name: text(relation.relname) },
    columns: columns.length === 0 ? null : columns,
    target: copy.is_program === true ? 'program' : typeof copy.filename === 'string' ? 'file' : 'stdio',
    ...options,
  };
}

function readOptions(items: readonly unknown[]): Pick<CopyStatement, 'format' | 'options' | 'encoding'> {
  const given = new Map<string, unknown>();
  for (const item of items) {
    const option = unwrap(item, 'DefElem');
    if (option !== null) given.set(text(option.defname), option.arg);
  }
  const format = formatOf(stringOf(given.get('format')) ?? 'text');
  const csv = format === 'csv';
  const quote = byteOf(stringOf(given.get('quote')) ?? '"');
  return {
    format,
    encoding: stringOf(given.get('encoding')),
    options: {
      delimiter: byteOf(stringOf(given.get('delimiter')) ?? (csv ? ',' : '\t')),
      nullText: stringOf(given.get('null')) ?? (csv ? '' : '\\N'),
      quote,
      // The manual: the escape character defaults to the quote character.
      escape: given.has('escape') ? byteOf(stringOf(given.get('escape')) ?? '"') : quote,
      header: given.has('header') && isOn(given.get('header')),
    },
  };
}

/** The server compares format names exactly, after the grammar folded unquoted ones. */
function formatOf(name: string): CopyStatement['format'] {
  return name === 'text' || name === 'csv' || name === 'binary' ? name : 'other';
}

function stringOf(arg: unknown): string | null {
  const string = unwrap(arg, 'String');
  if (string !== null) return text(string.sval);
  const type = unwrap(arg, 'TypeName');
  return type === null ? null : (names(type.names).at(-1) ?? null);
}

/** The server itself refuses a delimiter, quote or escape that is not one byte long. */
function byteOf(value: string): number {
  return value === '' ? 0 : value.charCodeAt(0) & 0xff;
}

/** defGetCopyHeaderOption: without an argument true; `match` means a header is there. */
function isOn(arg: unknown): boolean {
  if (!isRecord(arg)) return true;
  const boolean = unwrap(arg, 'Boolean');
  if (boolean !== null) return boolean.boolval === true;
  const number = unwrap(arg, 'Integer');
  if (number !== null) return record(number).ival === 1;
  const word = stringOf(arg)?.toLowerCase() ?? '';
  return word === 'true' || word === 'on' || word === 'match';
}
