import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { MaskRules, MaskSpec, ValueMaskRule } from '../../../../src/facts.ts';
import { strongerMask } from '../../../../src/policy/strength.ts';
import type { Catalog } from '../../../../src/protocols/postgres/catalog/catalog.ts';
import { lineageOf } from '../../../../src/protocols/postgres/lineage/lineage.ts';
import { columnMasks } from '../../../../src/protocols/postgres/masks/maskIndex.ts';
import {
  type MaskPlanInput,
  type ShapeColumn,
  buildMaskPlan,
  explainMasks,
  shapeOfLineage,
} from '../../../../src/protocols/postgres/masks/maskPlan.ts';
import { parserReady } from '../../../../src/protocols/postgres/parse/parse.ts';
import { parse, publicPath, shopCatalog, typeOids } from '../catalog/fixture.ts';

let catalog: Catalog;
before(async () => {
  await parserReady();
  catalog = shopCatalog();
});

const last4: MaskSpec = { kind: 'keep_last', count: 4 };
const rules: MaskRules = {
  columns: [
    { rule: 'p/ssn', schema: '*', table: 'customers', column: 'ssn', mask: last4 },
    { rule: 'p/email', schema: '*', table: 'customers', column: 'email', mask: { kind: 'email' } },
  ],
  values: [],
  customDetectors: [],
  safeFunctions: [],
  sealed: true,
};
const other: MaskRules = { ...rules, columns: [{ ...rules.columns[0], schema: 'public' }] };
const none: MaskRules = { columns: [], values: [], customDetectors: [], safeFunctions: [], sealed: true };
const pii: ValueMaskRule = { rule: 'p/pii', detectors: ['email', 'us_ssn'], mask: { kind: 'redact' } };

/** `table.attnum:type` or `-:type` for a column without origin. */
function shape(...columns: string[]): ShapeColumn[] {
  return columns.map((text) => {
    const [origin, type = 'text'] = text.split(':');
    const [table, attribute] = origin === '-' ? ['0', '0'] : origin.split('.');
    const tableOid = table === '0' ? 0 : (catalog.resolve(null, table, publicPath)?.oid ?? Number(table));
    return {
      name: text,
      tableOid,
      attribute: Number(attribute),
      typeOid: typeOids[type as keyof typeof typeOids],
      format: 0,
    };
  });
}

function input(
  sql: string | null,
  columns: readonly ShapeColumn[],
  more: Partial<MaskPlanInput> = {},
  masks: MaskRules = rules,
): MaskPlanInput {
  return {
    shape: columns,
    lineage: sql === null ? null : lineageOf(parse(sql)?.[0], catalog, publicPath),
    index: columnMasks(catalog, masks, strongerMask),
    values: masks.values,
    customDetectors: masks.customDetectors,
    strongerMask,
    encoding: 'utf8',
    rowFormat: 'data_row',
    copy: null,
    hashKey: new Uint8Array(32),
    catalogIsFresh: false,
    ...more,
  };
}

/** One word a column: `pass`, `scan`, or the mask. */
function outcome(of: MaskPlanInput): string {
  const result = buildMaskPlan(of);
  if (result.kind !== 'plan') return result.kind;
  return result.plan.columns.map((column) => (column.action === 'mask' ? column.mask.kind : column.action)).join(' ');
}

describe('column masks', () => {
  it('an alias does not help', () => {
    assert.equal(
      outcome(input('select ssn as x, name from customers', shape('customers.3', 'customers.2'))),
      'keep_last pass',
    );
  });

  it('benign statements pass', () => {
    assert.equal(outcome(input('select id, note from orders', shape('orders.1:int4', 'orders.3'))), 'pass');
    assert.equal(outcome(input('select count(*), now()', shape('-:int8', '-:timestamptz'))), 'pass');
    assert.equal(outcome(input('select count(ssn) from customers', shape('-:int8'))), 'pass');
    assert.equal(outcome(input('show search_path', shape('-'))), 'pass');
    assert.equal(outcome(input('select relname from pg_class', shape('pg_class.2:name'))), 'pass');
  });

  it('an expression over a masked column is redacted, next to one over others', () => {
    assert.equal(
      outcome(input('select substr(ssn, 1, 3), upper(name) from customers', shape('-', '-'))),
      'redact pass',
    );
    assert.equal(outcome(input('select c from customers c', shape('customers.0:customersRow'))), 'redact');
    assert.equal(outcome(input('select dynamic(name) from customers', shape('-'))), 'null');
  });

  it('what is computed is NULL where being NULL, or long, could be an answer', () => {
    const masks = (expression: string): string => outcome(input(`select ${expression} from customers`, shape('-')));
    for (const steady of [
      "upper(ssn) || ' ' || name",
      'substring(ssn, 1, 3)',
      'md5(ssn)',
      'ssn::varchar || 1',
      'reverse(ssn)',
    ])
      assert.equal(masks(steady), 'redact', steady);
    for (const telling of [
      "substring(ssn from '^1')",
      "case when ssn like '1%' then 'a' end",
      '(array[ssn])[4]',
      'min(ssn)',
      'trim(ssn)',
      "to_json(substring(ssn from '^1'))",
    ])
      assert.equal(masks(telling), 'null', telling);
  });

  it('a column without origin keeps its own mask where lineage shows that it is unchanged', () => {
    assert.equal(outcome(input('select note from orders union select ssn from customers', shape('-'))), 'keep_last');
    assert.equal(outcome(input('select (select email from customers limit 1)', shape('-:varchar'))), 'email');
    assert.equal(outcome(input('select ssn from customers union select email from customers', shape('-'))), 'redact');
  });

  it('what was written before RETURNING counts, whatever the origin says', () => {
    const sql = 'update orders set note = (select ssn from customers) returning note, id';
    assert.equal(outcome(input(sql, shape('orders.3', 'orders.1:int4'))), 'keep_last pass');
    assert.equal(
      outcome(input('update customers set ssn = reverse(ssn) returning ssn', shape('customers.3'))),
      'redact',
    );
  });

  it('without lineage the origin decides, and what has none is redacted', () => {
    assert.equal(outcome(input(null, shape('customers.3', 'customers.2', '-'))), 'keep_last pass null');
    assert.equal(outcome(input(null, shape('-'), {}, none)), 'pass');
  });

  it('unknown origins ask for the catalog once and are then redacted', () => {
    const unknown = shape('99999.1', 'orders.3');
    assert.equal(outcome(input('select x, note from nowhere, orders', unknown)), 'needs_catalog');
    assert.equal(
      outcome(input('select x, note from nowhere, orders', unknown, { catalogIsFresh: true })),
      'redact pass',
    );
    assert.equal(outcome(input('select x, note from nowhere, orders', unknown, {}, none)), 'pass');
    assert.equal(outcome(input('select * from orders', shape('orders.9'))), 'needs_catalog');
    assert.equal(outcome(input('select nowhere from nowhere', shape('99999.0'))), 'needs_catalog');
  });

  it('the server vouches for an origin where the text cannot be resolved, unless the statement writes', () => {
    // A temporary table of a session whose temporary schema is not known.
    assert.equal(
      outcome(input('select ssn, upper(ssn) from pg_temp.customers', shape('16412.1', '-'), {}, other)),
      'pass null',
    );
    const copied = 'update orders set note = (select ssn from pg_temp.customers) returning note';
    assert.equal(outcome(input(copied, shape('orders.3'), {}, other)), 'redact');
  });

  it('system columns pass', () => {
    assert.equal(outcome(input('select ctid from orders', shape('orders.-1:int4'))), 'pass');
  });

  it('a number of outputs that does not fit asks for the catalog, then redacts what has no origin', () => {
    assert.equal(
      outcome(input('select id, ssn from customers', shape('customers.1:int4', 'customers.3', '-'))),
      'needs_catalog',
    );
    const fresh = { catalogIsFresh: true };
    assert.equal(
      outcome(input('select id, ssn from customers', shape('customers.1:int4', 'customers.3', '-'), fresh)),
      'pass keep_last null',
    );
    assert.equal(
      outcome(input('update orders set note = $1 returning id', shape('orders.1:int4', 'orders.3'), fresh)),
      'redact redact',
    );
  });

  it('an origin that lineage did not see means a wrongly resolved name: nothing is believed', () => {
    // The text says orders.note, the server says customers.name: a temporary table, or a search path gone wrong.
    assert.equal(outcome(input('select note, upper(note) from orders', shape('customers.2', '-'))), 'needs_catalog');
    assert.equal(
      outcome(input('select note, upper(note) from orders', shape('customers.2', '-'), { catalogIsFresh: true })),
      'pass null',
    );
  });

  it('views mask by what they select', () => {
    assert.equal(
      outcome(input('select * from contacts', shape('contacts.1:int4', 'contacts.2', 'contacts.3'))),
      'pass keep_last redact',
    );
  });

  it('names the rules that apply', () => {
    const result = buildMaskPlan(
      input('select ssn, email || name, id from customers', shape('customers.3', '-', 'customers.1:int4')),
    );
    assert.ok(result.kind === 'plan');
    assert.deepEqual(result.rules, ['p/ssn', 'p/email']);
    assert.deepEqual(result.plan.detectors, []);
  });
});

describe('value masks', () => {
  const scanning: MaskRules = { ...rules, values: [pii] };

  it('scan columns whose type can hold a match, unless they are masked', () => {
    const sql = 'select ssn, name, id, profile, tags from customers';
    const columns = shape(
      'customers.3',
      'customers.2',
      'customers.1:int4',
      'customers.6:jsonb',
      'customers.5:textArray',
    );
    assert.equal(outcome(input(sql, columns, {}, scanning)), 'keep_last scan pass scan scan');
  });

  it('whole numbers are scanned only for what digits alone can be', () => {
    const cards: MaskRules = { ...none, values: [{ ...pii, detectors: ['credit_card'] }] };
    assert.equal(outcome(input('select 1', shape('-:int8'), {}, cards)), 'scan');
    assert.equal(outcome(input('select 1', shape('-:numeric'), {}, { ...none, values: [pii] })), 'pass');
    const own: MaskRules = {
      ...none,
      values: [{ ...pii, detectors: ['badge'] }],
      customDetectors: [{ name: 'badge', pattern: '9\\d{7}' }],
    };
    assert.equal(outcome(input('select 1', shape('-:int8'), {}, own)), 'scan');
  });

  it('two rules on one detector: the stronger mask; only used custom detectors travel', () => {
    const masks: MaskRules = {
      columns: [],
      values: [
        { ...pii, mask: { kind: 'hash' } },
        { rule: 'q/mail', detectors: ['email', 'badge'], mask: { kind: 'redact' } },
      ],
      customDetectors: [
        { name: 'badge', pattern: 'x' },
        { name: 'unused', pattern: 'y' },
      ],
      safeFunctions: [],
      sealed: true,
    };
    const result = buildMaskPlan(input('select name from customers', shape('customers.2'), {}, masks));
    assert.ok(result.kind === 'plan');
    assert.deepEqual(result.plan.detectors, [
      { name: 'email', mask: { kind: 'redact' } },
      { name: 'us_ssn', mask: { kind: 'hash' } },
      { name: 'badge', mask: { kind: 'redact' } },
    ]);
    assert.deepEqual(result.plan.customDetectors, [{ name: 'badge', pattern: 'x' }]);
    assert.deepEqual(result.rules, ['p/pii', 'q/mail']);
  });

  it('a plan carries types, formats and what it was given', () => {
    const columns = [{ ...shape('customers.3')[0], format: 1 }, shape('customers.6:jsonb')[0]];
    const first = buildMaskPlan(
      input('select ssn, profile from customers', columns, { encoding: 'single_byte' }, scanning),
    );
    const second = buildMaskPlan(input('select ssn, profile from customers', columns, {}, scanning));
    assert.ok(first.kind === 'plan' && second.kind === 'plan');
    assert.notEqual(first.plan.id, second.plan.id);
    assert.deepEqual(
      first.plan.columns.map((column) => [column.type, column.format]),
      [
        ['text', 1],
        ['jsonb', 0],
      ],
    );
    assert.equal(first.plan.encoding, 'single_byte');
    assert.deepEqual(structuredClone(first.plan), first.plan);
  });
});

describe('COPY and explain', () => {
  it('a shape from lineage knows the types of unchanged columns', () => {
    const lineage = lineageOf(
      parse('copy (select id, ssn, upper(ssn) from customers) to stdout')?.[0],
      catalog,
      publicPath,
    );
    const columns = shapeOfLineage(lineage);
    const result = buildMaskPlan({ ...input(null, columns), lineage, rowFormat: 'copy_text' });
    assert.ok(result.kind === 'plan');
    assert.deepEqual(
      result.plan.columns.map((column) => [column.action, column.type]),
      [
        ['pass', 'fixed'],
        ['mask', 'text'],
        ['mask', 'other'],
      ],
    );
  });

  it('COPY of a table leaves generated columns out, as the server does', () => {
    const lineage = lineageOf(parse('copy customers to stdout')?.[0], catalog, publicPath);
    assert.deepEqual(
      shapeOfLineage(lineage).map((column) => column.name),
      ['id', 'name', 'ssn', 'email', 'tags', 'profile'],
    );
  });

  it('explains each output', () => {
    const scanning: MaskRules = { ...rules, values: [pii] };
    const sql = 'select id, ssn, upper(ssn) as u, name, dynamic(name) from customers';
    const columns = shape('customers.1:int4', 'customers.3', '-', 'customers.2', '-');
    assert.deepEqual(
      explainMasks(input(sql, columns, {}, scanning))?.map(({ action, mask, rules: by, why }) => [
        action,
        mask?.kind,
        by,
        why,
      ]),
      [
        ['pass', undefined, [], 'no rule applies'],
        ['mask', 'keep_last', ['p/ssn'], 'the rule names this column'],
        ['mask', 'redact', ['p/ssn'], 'computed from a masked column'],
        ['scan', undefined, ['p/pii'], 'scanned for sensitive values'],
        ['mask', 'null', [], 'may hold a masked column; it cannot be decided where the value comes from'],
      ],
    );
  });
});
