/**
 * Constraints of tables: what the server asks of stored rows when others are written.
 *
 * Columns are numbers as in pg_attribute. Expressions are the SQL that the server prints; since no constraint may hold a
 * sub-select, every name in one is a column of the constraint's own table.
 */
import { type AstRecord, list, names, record, tagOf, unwrap } from '../parse/ast.ts';
import type { ParseSql, Relation } from './catalog.ts';
import type { CatalogRow } from './build.ts';

interface Named {
  readonly name: string;
  /** OID of the table that has it. */
  readonly relation: number;
}

/** A unique index, with or without a constraint of its name, or an exclusion constraint. */
export interface IndexConstraint extends Named {
  readonly kind: 'unique' | 'exclusion';
  readonly primary: boolean;
  /** A primary key of which no two rows that the table shows ever have the same. */
  readonly identifies: boolean;
  /** Key columns that stand there as such. */
  readonly columns: readonly number[];
  /** They are compared as `=` compares them. */
  readonly plain: boolean;
  /** Further keys; '': none; null: not known. */
  readonly expressions: string | null;
  /** Of a partial index; '': none; null: not known. */
  readonly predicate: string | null;
}

export interface ForeignKey extends Named {
  readonly kind: 'foreign_key';
  readonly columns: readonly number[];
  /** OID of the table that is referenced, and its columns in the same order. */
  readonly references: number;
  readonly referenced: readonly number[];
  /** pg_constraint.confdeltype and confupdtype: a no action, r restrict, c cascade, n set null, d set default. */
  readonly onDelete: string;
  readonly onUpdate: string;
}

export interface CheckConstraint extends Named {
  readonly kind: 'check';
  /** null: not known. */
  readonly expression: string | null;
}

/** By which rows are put into partitions. */
export interface PartitionKey extends Named {
  readonly kind: 'partition_key';
  readonly columns: readonly number[];
  /** '': none. */
  readonly expressions: string;
}

export type Constraint = IndexConstraint | ForeignKey | CheckConstraint | PartitionKey;

export interface Constraints {
  /** By the table that has them. */
  readonly own: ReadonlyMap<number, readonly Constraint[]>;
  /** Foreign keys by the table that they reference. */
  readonly referencing: ReadonlyMap<number, readonly ForeignKey[]>;
}

/** @returns null: a row is malformed. */
export function buildConstraints(indexes: readonly CatalogRow[], others: readonly CatalogRow[]): Constraints | null {
  const own = new Map<number, Constraint[]>();
  const referencing = new Map<number, ForeignKey[]>();
  for (const one of [...indexes.map(indexOf), ...others.map(constraintOf)]) {
    if (one === null) return null;
    add(own, one.relation, one);
    if (one.kind === 'foreign_key') add(referencing, one.references, one);
  }
  return { own, referencing };
}

function add<T>(groups: Map<number, T[]>, key: number, item: T): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [item]);
  else group.push(item);
}

function indexOf(row: CatalogRow): IndexConstraint | null {
  const [relation, name, exclusion, primary, keys, plain, expressions, predicate, lasting] = row;
  const columns = numbers(keys);
  if (!relation || !name || columns === null) return null;
  return {
    kind: exclusion === 't' ? 'exclusion' : 'unique',
    name,
    relation: Number(relation),
    primary: primary === 't',
    identifies: primary === 't' && plain === 't' && expressions === '' && predicate === '' && lasting === 't',
    columns: columns.filter((attnum) => attnum > 0),
    plain: plain === 't' && exclusion !== 't',
    expressions,
    predicate,
  };
}

function constraintOf(row: CatalogRow): ForeignKey | CheckConstraint | PartitionKey | null {
  const [relation, name, type, keys, references, referencedKeys, onDelete, onUpdate, expression] = row;
  if (!relation || !name) return null;
  const named = { name, relation: Number(relation) };
  if (type === 'c') return { ...named, kind: 'check', expression };
  const [columns, referenced] = [numbers(keys), numbers(referencedKeys)];
  if (type === 'k' && columns !== null)
    return { ...named, kind: 'partition_key', columns: columns.filter((at) => at > 0), expressions: expression ?? '' };
  if (columns === null || referenced === null || columns.length !== referenced.length || !references) return null;
  return {
    ...named,
    kind: 'foreign_key',
    columns,
    references: Number(references),
    referenced,
    onDelete: onDelete ?? '',
    onUpdate: onUpdate ?? '',
  };
}

/** A JSON array of column numbers; null: it is none. */
function numbers(text: string | null | undefined): readonly number[] | null {
  if (!text) return null;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((item) => Number.isInteger(item)) ? (value as number[]) : null;
  } catch {
    return null;
  }
}

/** Names of columns in an expression of a constraint. That a column is NULL or not is shown to everybody. */
export interface NamedColumns {
  /** Columns whose values have a say. */
  readonly asked: ReadonlySet<string>;
  /** Columns of which it matters only whether they are NULL. */
  readonly tested: ReadonlySet<string>;
  /** Of these, columns that must be NULL or else the expression is not true. */
  readonly mustBeNull: ReadonlySet<string>;
}

const noColumns: NamedColumns = { asked: new Set(), tested: new Set(), mustBeNull: new Set() };

const namedIn = new WeakMap<Constraint, Map<string, NamedColumns>>();

/** Columns in an expression of this constraint, where '' is none. One that is not known (null) hangs on every column. */
export function columnsOfExpression(
  parse: ParseSql,
  relation: Relation,
  constraint: Constraint,
  expression: string | null,
): NamedColumns {
  if (expression === '') return noColumns;
  let known = namedIn.get(constraint);
  if (known === undefined) namedIn.set(constraint, (known = new Map()));
  const key = expression ?? '';
  let found = known.get(key);
  if (found === undefined) known.set(key, (found = read(parse, relation, expression)));
  return found;
}

function read(parse: ParseSql, relation: Relation, expression: string | null): NamedColumns {
  const statements = expression === null ? null : parse(`SELECT ${expression}`);
  const targets = statements?.length === 1 ? list(record(unwrap(statements[0], 'SelectStmt')).targetList) : [];
  const found = { asked: new Set<string>(), tested: new Set<string>(), mustBeNull: new Set<string>() };
  const whole = targets.length === 1 ? record(unwrap(targets[0], 'ResTarget')).val : targets;
  const conjunction = unwrap(whole, 'BoolExpr');
  const parts = conjunction?.boolop === 'AND_EXPR' ? list(conjunction.args) : [whole];
  for (const part of parts) {
    const test = nullTestOf(part);
    if (test?.nulltesttype === 'IS_NULL') found.mustBeNull.add(columnOf(test.arg));
    if (!collect(part, relation, found))
      return { ...noColumns, asked: new Set(relation.columns.map(({ name }) => name)) };
  }
  return targets.length > 0 ? found : { ...noColumns, asked: new Set(relation.columns.map(({ name }) => name)) };
}

/** `column IS [NOT] NULL`, as its NullTest struct. */
function nullTestOf(node: unknown): AstRecord | null {
  const test = unwrap(node, 'NullTest');
  return test !== null && tagOf(test.arg) === 'ColumnRef' ? test : null;
}

function columnOf(reference: unknown): string {
  const fields = list(record(unwrap(reference, 'ColumnRef')).fields);
  return tagOf(fields.at(-1)) === 'A_Star' ? '' : (names(fields).at(-1) ?? '');
}

/** False: a whole row stands there, or the tree is not as it should be. */
function collect(tree: unknown, relation: Relation, found: { asked: Set<string>; tested: Set<string> }): boolean {
  const open: unknown[] = [tree];
  while (open.length > 0) {
    const at = open.pop();
    if (typeof at !== 'object' || at === null) continue;
    const test = nullTestOf(at);
    const reference = test === null ? at : test.arg;
    if (tagOf(reference) !== 'ColumnRef') {
      open.push(...Object.values(at));
      continue;
    }
    const name = columnOf(reference);
    if (!relation.byName.has(name)) return false;
    (test === null ? found.asked : found.tested).add(name);
  }
  return true;
}
