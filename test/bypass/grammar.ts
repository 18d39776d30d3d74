/**
 * A grammar of statements that show something made of a masked column: where the column comes from, what is computed from it, where
 * in a statement that stands, and how the result leaves. Expressions are typed, so that most statements are valid.
 */
import fc from 'fast-check';
import type { Arbitrary } from 'fast-check';

export type Output = 'simple' | 'extended' | 'binary' | 'copy' | 'copy csv' | 'copy binary' | 'cursor' | 'prepared';

export interface Generated {
  /** Statements for one transaction, one after the other; the last one shows the value. */
  readonly steps: readonly string[];
  /** How the last one is sent. */
  readonly mode: 'simple' | 'extended' | 'binary';
}

type Type = 'text' | 'array' | 'json' | 'jsonb' | 'bytea' | 'xml' | 'row';

/** Something in FROM: its text, and the masked column as an expression over it. */
interface Source {
  readonly with: string;
  readonly from: string;
  readonly column: string;
}

const columns = fc.constantFrom('ssn', 'email', 'phone', 'card_number');

/** Where the column comes from. `n` makes names unique: sources stand inside each other. */
function source(depth: number): Arbitrary<Source> {
  const plain = columns.chain((column) => {
    const from = (text: string, name = `s.${column}`): Source => ({ with: '', from: text, column: name });
    const list = [
      from('customers s'),
      from('public.customers as s'),
      from('only customers s'),
      from('customers s join orders o on o.customer_id = s.id'),
      from('orders o left join customers s on o.customer_id = s.id'),
      from('customers s cross join generate_series(1, 2) g'),
      from('customers s natural join (select id from products) p'),
      from(`(select ${column} as v from customers) s`, 's.v'),
      from(`(select c.* from customers c order by id limit 5) s`),
      from(
        `(select id, row(${column}, city) as r from customers) z, lateral (select ${column} as v from customers c where c.id = z.id) s`,
        's.v',
      ),
      from(`customers c, lateral (select c.${column} as v) s`, 's.v'),
      from(`customers c cross join lateral (values (c.${column}), (c.city)) s(v)`, 's.v'),
      from(`(select 'x' as v union all select ${column} from customers) s`, 's.v'),
      from(`(select ${column} as v from customers except select 'x') s`, 's.v'),
      from(`(select ${column} as v from customers intersect all select ${column} from customers) s`, 's.v'),
      from(`(values ((select ${column} from customers where id = 3)), ('x')) s(v)`, 's.v'),
      from(`customers c, unnest(array[c.${column}, c.city]) as s(v)`, 's.v'),
      from(`customers c, json_to_record(json_build_object('v', c.${column})) as s(v text)`, 's.v'),
      from(`customers c, jsonb_to_recordset(jsonb_build_array(to_jsonb(c))) as s(${column} text)`),
      from(`customers c, jsonb_each_text(to_jsonb(c)) as s(k, v)`, 's.v'),
      from(`customers c, json_table(to_jsonb(c), '$' columns (v text path '$.${column}')) s`, 's.v'),
      from(`customers c, xmltable('/r' passing xmlelement(name r, c.${column}) columns v text path '.') s`, 's.v'),
      from('customer_view s', 's.number'),
      from('customer_view s', 's.part'),
      from('payments s', 's.iban'),
      from(`(table customers) s`),
      from(`(select (c).${column} as v from (select c from customers c) z) s`, 's.v'),
      from(`(select any_value(${column}) as v from customers group by id) s`, 's.v'),
      from(`(select lag(${column}) over (order by id) as v from customers) s`, 's.v'),
      from(`(customers c join orders o on o.customer_id = c.id) as s(i, f, l, email, phone, ssn, card_number)`),
    ];
    const named = (text: string, column = 's.v'): Source => ({ with: `with ${text} `, from: 's', column });
    const withs = [
      named(`s as (select ${column} as v from customers)`),
      named(`s(v) as materialized (select ${column} from customers)`),
      named(`q as not materialized (select * from customers), s as (select ${column} as v from q)`),
      named(`recursive s(v, n) as (select ${column}, 1 from customers union all select v, n + 1 from s where n < 2)`),
      named(`s as (update customers set last_name = last_name where id < 4 returning ${column} as v)`),
      named(`s as (update customers set city = city where id < 4 returning old.${column} as v)`),
      named(`customers as (select id, ${column} as v from customers), s as (select v from customers)`),
    ];
    return fc.constantFrom(...list, ...withs);
  });
  if (depth === 0) return plain;
  const nested = source(depth - 1).chain((inner) =>
    expression('text', 1, inner.column).chain((value) =>
      fc.constantFrom(
        { with: inner.with, from: `(select ${value} as v from ${inner.from}) s`, column: 's.v' },
        { with: inner.with, from: `(select distinct ${value} as v from ${inner.from}) s`, column: 's.v' },
        { with: inner.with, from: `(select max(${value}) as v from ${inner.from}) s`, column: 's.v' },
        { with: inner.with, from: `(select ${value} as v from ${inner.from} union all select 'y') s`, column: 's.v' },
      ),
    ),
  );
  return fc.oneof({ arbitrary: plain, weight: 3 }, { arbitrary: nested, weight: 1 });
}

/** What makes a type out of another; `{0}` is the argument. */
const makers: Readonly<Record<Type, readonly (readonly [Type, string])[]>> = {
  text: [
    ...[
      'upper({0})',
      'lower({0})',
      'reverse({0})',
      'substr({0}, 1, 8)',
      'substring({0} from 2 for 9)',
      "substring({0} from '.{8}')",
      'left({0}, 9)',
      'right({0}, 14)',
      "{0} || 'x'",
      "concat({0}, '-', {0})",
      "concat_ws('/', 'a', {0})",
      "format('%s', {0})",
      "replace({0}, 'a', 'b')",
      "translate({0}, 'xy', 'yx')",
      "regexp_replace({0}, '0', '1', 'g')",
      "lpad({0}, 30, '.')",
      'trim({0})',
      'quote_literal({0})',
      "coalesce({0}, 'none')",
      "nullif({0}, '')",
      "greatest({0}, '')",
      "case when {0} is null then 'x' else {0} end",
      "case when true then {0} else 'x' end",
      "split_part({0}, '-', 1)",
      '({0})::varchar(14)',
      '({0})::name::text',
      '({0})::char(12)::text',
      '{0} collate "C"',
      'clerk({0})',
      '(select {0})',
      '(select max({0}))',
      '(values ({0}))',
      'md5({0})',
      'initcap({0})',
      'repeat({0}, 2)',
      'normalize({0})',
    ].map((text): readonly [Type, string] => ['text', text]),
    ['array', "array_to_string({0}, ',')"],
    ['array', '({0})[1]'],
    ['array', '({0})::text'],
    ['array', '(select string_agg(e, chr(43)) from unnest({0}) e)'],
    ['jsonb', "jsonb_path_query_first({0}, '$.**')::text"],
    ['jsonb', '({0})::text'],
    ['jsonb', 'jsonb_pretty({0})'],
    ['jsonb', "{0} #>> '{}'"],
    ['json', '({0})::text'],
    ['json', 'json_serialize({0})'],
    ['bytea', "encode({0}, 'hex')"],
    ['bytea', "encode({0}, 'base64')"],
    ['bytea', "convert_from({0}, 'UTF8')"],
    ['bytea', "encode(sha256({0}), 'hex')"],
    ['xml', '({0})::text'],
    ['xml', "(xpath('//text()', {0}))[1]::text"],
    ['row', '({0})::text'],
    ['row', 'to_json({0})::text'],
  ],
  array: [
    ['text', 'array[{0}]'],
    ['text', "string_to_array({0}, '-')"],
    ['text', 'string_to_array({0}, null)'],
    ['text', "array_append(array['x'], {0})"],
    ['text', "regexp_split_to_array({0}, '')"],
    ['text', 'array(select {0})'],
    ['array', 'array_cat({0}, {0})'],
    ['array', '({0})[1:2]'],
    ['array', "array_replace({0}, 'x', 'y')"],
  ],
  jsonb: [
    ['text', 'to_jsonb({0})'],
    ['text', "jsonb_build_object('k', {0})"],
    ['text', 'jsonb_build_array({0}, 1)'],
    ['text', 'jsonb_build_object(coalesce({0}, chr(45)), 1)'],
    ['array', 'to_jsonb({0})'],
    ['row', 'to_jsonb({0})'],
    ['jsonb', "jsonb_set({0}, '{k}', '1')"],
    ['jsonb', "{0} || '[1]'"],
    ['jsonb', 'jsonb_strip_nulls({0})'],
    ['json', '({0})::jsonb'],
  ],
  json: [
    ['text', 'to_json({0})'],
    ['text', "json_build_object('k', {0})"],
    ['text', "json_object('k': {0})"],
    ['text', 'json_array({0})'],
    ['text', 'json_scalar({0})'],
    ['array', 'array_to_json({0})'],
    ['row', 'row_to_json({0})'],
    ['jsonb', '({0})::json'],
  ],
  bytea: [
    ['text', "convert_to({0}, 'UTF8')"],
    ['text', "decode(encode(convert_to({0}, 'UTF8'), 'hex'), 'hex')"],
    ['text', 'textsend({0})'],
    ['bytea', "{0} || '\\x00'::bytea"],
    ['bytea', 'substr({0}, 1, 9)'],
  ],
  xml: [
    ['text', 'xmlelement(name a, {0})'],
    ['text', 'xmlelement(name a, xmlattributes({0} as b))'],
    ['text', 'xmlforest({0} as a)'],
    ['text', 'xmlcomment(replace({0}, chr(45), chr(46)))'],
    ['xml', 'xmlconcat({0}, {0})'],
  ],
  row: [
    ['text', 'row({0}, 1)'],
    ['array', 'row({0})'],
    ['text', 'row(row({0}))'],
  ],
};

/** An expression of a type over a text column. */
function expression(type: Type, depth: number, column: string): Arbitrary<string> {
  const choices = makers[type].filter(([from]) => depth > 1 || from === 'text');
  const made = fc
    .constantFrom(...choices)
    .chain(([from, text]) =>
      expression(from, depth - 1, column).map((argument) => text.replaceAll('{0}', () => argument)),
    );
  if (type !== 'text') return made;
  const leaf = fc.constant(column);
  return depth <= 0 ? leaf : fc.oneof({ arbitrary: leaf, weight: 1 }, { arbitrary: made, weight: 3 });
}

const types = fc.constantFrom<Type>('text', 'text', 'text', 'array', 'jsonb', 'json', 'bytea', 'xml', 'row');

/** What stands round an expression of any type in the select list. */
const wrappers: readonly string[] = [
  '{0}',
  '{0}',
  '{0}',
  'array_agg({0})',
  'json_agg({0})',
  'jsonb_agg(to_jsonb({0}))',
  'json_object_agg(1, {0})',
  'string_agg(({0})::text, chr(44))',
  'max(({0})::text)',
  'min(({0})::text)',
  'any_value({0})',
  'mode() within group (order by ({0})::text)',
  'first_value({0}) over ()',
  'lag({0}) over (order by 1)',
  'max(({0})::text) over (partition by 1)',
  'string_agg(({0})::text, chr(44)) over (rows unbounded preceding)',
  'case when 1 = 1 then {0} end',
  '1, {0}, now()',
  '(select json_agg({0}))',
  'coalesce({0}, null)',
];

const tails = fc.constantFrom('', '', '', ' limit 7', ' offset 1', ' order by 1', ' fetch first 3 rows only');

/** A query that shows the value. */
function queries(): Arbitrary<string> {
  return source(1).chain((from) =>
    types.chain((type) =>
      fc
        .tuple(expression(type, 3, from.column), fc.constantFrom(...wrappers), tails, outsides)
        .map(([value, wrap, tail, outside]) => {
          const list = wrap.replaceAll('{0}', () => value);
          // Not every type can be sorted.
          const end = tail === ' order by 1' && type !== 'text' ? '' : tail;
          return outside.replace('{q}', () => `${from.with}select ${list} from ${from.from}${end}`);
        }),
    ),
  );
}

const outsides = fc.constantFrom(
  '{q}',
  '{q}',
  '{q}',
  '{q}',
  'select * from ({q}) o',
  'select o from ({q}) o',
  'with o as materialized ({q}) select * from o',
  'select to_json(o) from ({q}) o',
  'select array(select o::text from ({q}) o)',
  '({q}) limit 9',
);

/** Statements that write and show what they wrote over. */
function writes(): Arbitrary<string> {
  return fc
    .tuple(columns, types)
    .chain(([column, type]) =>
      expression(type, 2, `c.${column}`).chain((value) =>
        fc.constantFrom(
          `update customers c set city = city where id < 5 returning ${value}`,
          `update customers c set city = city where id < 5 returning with (old as o, new as w) w.${column}, ${value}`,
          `delete from receipts r using customers c where r.id = c.id returning ${value}`,
          `update products p set name = name from customers c where c.id = p.id returning ${value}`,
          `merge into products p using customers c on p.id = c.id when matched then update set name = name returning ${value}`,
          `with w as (update customers c set city = city where id < 5 returning ${value} as v) select v from w`,
          `with w as (delete from receipts r using customers c where r.id = c.id returning ${value} as v) select to_json(v) from w`,
        ),
      ),
    );
}

const outputs: readonly Output[] = [
  'simple',
  'simple',
  'extended',
  'binary',
  'copy',
  'copy csv',
  'copy binary',
  'cursor',
  'prepared',
];

/** A statement with the way in which its result leaves. */
export const statements: Arbitrary<Generated> = fc
  .tuple(fc.oneof({ arbitrary: queries(), weight: 6 }, { arbitrary: writes(), weight: 1 }), fc.constantFrom(...outputs))
  .map(([sql, output]) => dressed(sql, output));

function dressed(sql: string, output: Output): Generated {
  switch (output) {
    case 'simple':
    case 'extended':
    case 'binary':
      return { steps: [sql], mode: output };
    case 'copy':
      return { steps: [`copy (${sql}) to stdout`], mode: 'simple' };
    case 'copy csv':
      return { steps: [`copy (${sql}) to stdout (format csv, header)`], mode: 'simple' };
    case 'copy binary':
      return { steps: [`copy (${sql}) to stdout (format binary)`], mode: 'extended' };
    case 'cursor': {
      // A cursor holds no statement that writes.
      if (/\b(?:update|delete|merge)\b/.test(sql)) return { steps: [sql], mode: 'extended' };
      return { steps: [`declare lab_c no scroll cursor for ${sql}`, 'fetch all from lab_c'], mode: 'simple' };
    }
    case 'prepared':
      return { steps: [`prepare lab_p as ${sql}`, 'execute lab_p', 'deallocate lab_p'], mode: 'simple' };
    default:
      return output satisfies never;
  }
}
