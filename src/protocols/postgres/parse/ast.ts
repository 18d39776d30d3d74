/**
 * Narrow accessors over libpg-query's JSON tree.
 *
 * A polymorphic field holds a wrapped node, `{"SelectStmt": {...}}`; a field of a fixed type holds the bare struct.
 * Fields with a zero value (0, false, "", empty list) are left out. Nothing here throws on a strange tree.
 */

/** A struct of the tree, or a wrapped node: any JSON object. */
export type AstRecord = { readonly [key: string]: unknown };

const none: AstRecord = Object.freeze({});
const noItems: readonly unknown[] = Object.freeze([]);

export function isRecord(value: unknown): value is AstRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The struct, or an empty one. */
export function record(value: unknown): AstRecord {
  return isRecord(value) ? value : none;
}

/** The list, or an empty one. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : noItems;
}

/** The string, or ''. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Tag of a wrapped node (`SelectStmt`), or '' where the value is something else. Tags alone start in upper case. */
export function tagOf(value: unknown): string {
  if (!isRecord(value)) return '';
  for (const key in value) {
    const first = key.charCodeAt(0);
    return first >= 65 && first <= 90 ? key : '';
  }
  return '';
}

/** The struct inside a wrapped node of this tag, or null. */
export function unwrap(value: unknown, tag: string): AstRecord | null {
  if (!isRecord(value)) return null;
  const inner = value[tag];
  return isRecord(inner) ? inner : null;
}

/** Text of a `String` node, or null. */
export function stringNode(value: unknown): string | null {
  const inner = unwrap(value, 'String');
  return inner === null ? null : text(inner.sval);
}

/** Texts of the `String` nodes in a list or in a `List` node; other items are left out. */
export function names(value: unknown): string[] {
  const items = Array.isArray(value) ? value : list(record(record(value).List).items);
  const out: string[] = [];
  for (const item of items) {
    const name = stringNode(item);
    if (name !== null) out.push(name);
  }
  return out;
}

/** Name of a column that is written without a table; null where the node is anything else. */
export function bareName(value: unknown): string | null {
  const fields = list(unwrap(value, 'ColumnRef')?.fields);
  return fields.length === 1 ? stringNode(fields[0]) : null;
}

/** The number that a node is a literal of, with its sign, which the grammar puts into the literal; null: it is none. */
export function integerConstant(value: unknown): number | null {
  const constant = unwrap(value, 'A_Const');
  if (constant === null || !isRecord(constant.ival)) return null;
  const { ival = 0 } = constant.ival;
  return typeof ival === 'number' ? ival : null;
}

/** Types in which a text stays as it was written. */
const texts: ReadonlySet<string> = new Set(['text', 'varchar']);
/** With those in which it names what it named. */
const keepsText: ReadonlySet<string> = new Set([
  ...texts,
  ...'regclass regproc regprocedure regtype regrole'.split(' '),
]);

/** Value of a string constant (`A_Const` with `sval`), through casts such as `'x'::text` that keep it; null for anything else. */
export function stringConstant(value: unknown): string | null {
  return constantText(uncast(value, keepsText));
}

/** The same of what the server takes for a text: what names an object is written as the object is called, and not as it is here. */
export function textConstant(value: unknown): string | null {
  return constantText(uncast(value, texts));
}

/** What stands in casts to text; null: another cast may cut it or write it otherwise. */
export function textNode(value: unknown): unknown {
  return uncast(value, texts);
}

function uncast(value: unknown, types: ReadonlySet<string>): unknown {
  let at = value;
  for (let cast = unwrap(at, 'TypeCast'); cast !== null; cast = unwrap(at, 'TypeCast')) {
    const { names: path, typmods, arrayBounds } = record(cast.typeName);
    // `'roleX'::char(4)` is another text.
    if (list(typmods).length + list(arrayBounds).length > 0 || !types.has(names(path).at(-1) ?? '')) return null;
    at = cast.arg;
  }
  return at;
}

function constantText(value: unknown): string | null {
  const constant = unwrap(value, 'A_Const');
  if (constant === null || !isRecord(constant.sval)) return null;
  return text(constant.sval.sval);
}
