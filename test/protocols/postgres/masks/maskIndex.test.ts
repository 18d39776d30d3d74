import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { ColumnMaskRule, MaskSpec } from '../../../../src/facts.ts';
import { strongerMask } from '../../../../src/policy/strength.ts';
import type { Catalog } from '../../../../src/protocols/postgres/catalog/catalog.ts';
import {
  type ColumnMask,
  type ColumnMaskIndex,
  columnMasks,
  globMatches,
} from '../../../../src/protocols/postgres/masks/maskIndex.ts';
import { parserReady } from '../../../../src/protocols/postgres/parse/parse.ts';
import { keyOf, shopCatalog } from '../catalog/fixture.ts';

let catalog: Catalog;
before(async () => {
  await parserReady();
  catalog = shopCatalog();
});

const last4: MaskSpec = { kind: 'keep_last', count: 4 };

function rule(columns: string, mask: MaskSpec = last4): ColumnMaskRule {
  const [schema, table, column] = columns.split('.');
  return { rule: `p/${column}`, schema, table, column, mask };
}

function indexOf(...rules: ColumnMaskRule[]): ColumnMaskIndex {
  return columnMasks(
    catalog,
    { columns: rules, values: [], customDetectors: [], safeFunctions: [], sealed: true },
    strongerMask,
  );
}

function maskOf(index: ColumnMaskIndex, table: string, column: string, schema = 'public'): ColumnMask | null {
  return index.maskOf(keyOf(catalog, schema, table, column));
}

describe('columnMasks', () => {
  it('a named column has its rule’s mask, its neighbours none', () => {
    const index = indexOf(rule('*.customers.ssn'));
    assert.deepEqual(maskOf(index, 'customers', 'ssn'), { mask: last4, rules: ['p/ssn'], reason: 'rule' });
    assert.equal(maskOf(index, 'customers', 'name'), null);
    assert.equal(maskOf(index, 'orders', 'note'), null);
    assert.equal(index.any, true);
  });

  it('letter case does not let a column escape', () => {
    const index = indexOf(rule('*.customers.ssn'));
    assert.equal(maskOf(index, 'Customers', 'SSN', 'odd')?.mask.kind, 'keep_last');
  });

  it('two rules on one column: the stronger mask, both named', () => {
    const index = indexOf(rule('*.*.ssn'), { ...rule('public.customers.ssn', { kind: 'redact' }), rule: 'q/all' });
    assert.deepEqual(maskOf(index, 'customers', 'ssn'), {
      mask: { kind: 'redact' },
      rules: ['p/ssn', 'q/all'],
      reason: 'rule',
    });
  });

  it('passes through a view unchanged and through views over views', () => {
    const index = indexOf(rule('*.customers.ssn'));
    assert.deepEqual(maskOf(index, 'contacts', 'ssn'), { mask: last4, rules: ['p/ssn'], reason: 'rule' });
    assert.deepEqual(maskOf(index, 'contacts2', 'ssn')?.mask, last4);
    assert.equal(maskOf(index, 'contacts2', 'n'), null);
    assert.deepEqual(maskOf(index, 'snapshot', 's')?.mask, last4);
    assert.equal(maskOf(index, 'snapshot', 'n'), null);
  });

  it('an expression in a view is redacted, and so is a generated column', () => {
    const index = indexOf(rule('*.customers.email', { kind: 'email' }));
    assert.deepEqual(maskOf(index, 'contacts', 'shout'), {
      mask: { kind: 'redact' },
      rules: ['p/email'],
      reason: 'derived',
    });
    assert.deepEqual(maskOf(index, 'customers', 'email_lower'), {
      mask: { kind: 'redact' },
      rules: ['p/email'],
      reason: 'derived',
    });
    assert.equal(maskOf(index, 'contacts', 'id'), null);
  });

  it('a rule on a view’s own column holds beside what it inherits', () => {
    const index = indexOf(rule('*.contacts.ssn', { kind: 'null' }), rule('*.customers.ssn'));
    assert.equal(maskOf(index, 'contacts', 'ssn')?.mask.kind, 'null');
    assert.equal(maskOf(index, 'contacts2', 'ssn')?.mask.kind, 'null');
    assert.equal(maskOf(index, 'customers', 'ssn')?.mask.kind, 'keep_last');
  });

  it('spreads over partitions in both directions, by name', () => {
    for (const table of ['events', 'events_1', 'events_1a']) {
      const index = indexOf(rule(`public.${table}.ssn`));
      for (const other of ['events', 'events_1', 'events_1a'])
        assert.deepEqual(maskOf(index, other, 'ssn')?.mask, last4, `${table} ${other}`);
      assert.equal(maskOf(index, 'events_1a', 'id'), null);
    }
  });

  it('views that read each other, and views without definition, are redacted', () => {
    const index = indexOf(rule('*.customers.ssn'));
    for (const view of ['loop_a', 'loop_b', 'broken'])
      assert.deepEqual(maskOf(index, view, 'x'), { mask: { kind: 'redact' }, rules: [], reason: 'undecidable' });
  });

  it('statistics with sampled values are redacted', () => {
    const index = indexOf(rule('*.customers.ssn'));
    assert.equal(maskOf(index, 'pg_stats', 'most_common_vals', 'pg_catalog')?.reason, 'undecidable');
    assert.equal(maskOf(index, 'pg_stats', 'tablename', 'pg_catalog'), null);
  });

  it('rules that match nothing make nothing undecidable', () => {
    const index = indexOf(rule('*.nowhere.ssn'));
    assert.equal(index.any, false);
    assert.equal(index.ruled, true);
    assert.equal(index.undecidable, null);
    assert.equal(maskOf(index, 'broken', 'x'), null);
  });

  it('a whole row is redacted if any column is masked', () => {
    const index = indexOf(rule('*.customers.ssn'));
    const relation = (name: string) => catalog.resolve('public', name, { schemas: [], temp: '' });
    const customers = relation('customers');
    const orders = relation('orders');
    assert.ok(customers !== undefined && orders !== undefined);
    assert.deepEqual(index.maskOfRow(customers), { mask: { kind: 'redact' }, rules: ['p/ssn'], reason: 'derived' });
    assert.equal(index.maskOfRow(orders), null);
  });
});

describe('globMatches', () => {
  it('matches stars anywhere and nothing else specially', () => {
    for (const [glob, name] of [
      ['*', ''],
      ['a*', 'a'],
      ['*ssn*', 'my_ssn_2'],
      ['a*b*c', 'aXbbYc'],
      ['SSN', 'ssn'],
      ['a.b', 'a.b'],
    ])
      assert.ok(globMatches(glob, name), `${glob} ${name}`);
    for (const [glob, name] of [
      ['a', 'ab'],
      ['a*b', 'abc'],
      ['a.b', 'axb'],
      ['', 'a'],
      ['*a', 'ab'],
      ['[a]', 'a'],
    ])
      assert.ok(!globMatches(glob, name), `${glob} ${name}`);
  });

  it('does not take long over many stars', () => {
    assert.equal(globMatches(`${'*a'.repeat(2000)}b`, 'a'.repeat(4000)), false);
  });
});
