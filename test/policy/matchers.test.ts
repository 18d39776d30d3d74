import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ColumnUse, ObjectUse, Statement } from '../../src/facts.ts';
import { policySet, alice, shop, statement } from './support.ts';

const read = (name: string, schema: string | null = null): ObjectUse => ({ schema, name, access: 'read' });
const write = (name: string, schema: string | null = null): ObjectUse => ({ schema, name, access: 'write' });
const column = (name: string, table: string | null = null, schema: string | null = null): ColumnUse => ({
  schema,
  table,
  column: name,
  access: 'read',
});
const select = (facts: Partial<Statement>): Statement => statement({ kind: 'select', ...facts });

/** Whether a block rule with this `match` blocks; everything else is allowed. */
function blocks(match: string, facts: Statement): boolean {
  const set = policySet(`name: p\ndefault: allow\nrules: [{ id: r, match: ${match}, action: block }]`);
  return set.forSession(alice, shop).decide([facts]).outcome === 'block';
}

/** Whether an allow rule with this `match` allows; everything else is blocked. */
function allows(match: string, facts: Statement): boolean {
  const set = policySet(`name: p\ndefault: block\nrules: [{ id: r, match: ${match}, action: allow }]`);
  return set.forSession(alice, shop).decide([facts]).outcome === 'allow';
}

test('statement: any kind restricts, all kinds allow', () => {
  const mixed = select({ kinds: ['select', 'delete'] });
  assert.ok(blocks('{ statement: [delete] }', mixed));
  assert.ok(!blocks('{ statement: [insert] }', mixed));
  assert.ok(!allows('{ statement: [select] }', mixed));
  assert.ok(allows('{ statement: [select, delete] }', mixed));
});

test('statement: group words', () => {
  assert.ok(blocks('{ statement: [ddl] }', statement({ kind: 'create' })));
  assert.ok(blocks('{ statement: [dml] }', statement({ kind: 'merge' })));
  assert.ok(blocks('{ statement: [tcl] }', statement({ kind: 'begin' })));
  assert.ok(!blocks('{ statement: [ddl, dml, tcl] }', select({})));
  assert.ok(blocks('{ statement: [other] }', statement({ kind: 'graph_match' })));
  assert.ok(!blocks('{ statement: [other] }', select({})));
  assert.ok(!allows('{ statement: [select] }', statement({ kind: 'graph_match' })));
});

test('statement: INSERT .. VALUES needs no right to select, INSERT .. SELECT does', () => {
  const values = statement({ kind: 'insert', kinds: ['insert', 'select'], objects: [write('orders')] });
  const copying = statement({
    kind: 'insert',
    kinds: ['insert', 'select'],
    objects: [write('orders'), read('salaries')],
  });
  assert.ok(allows('{ statement: [insert] }', values));
  assert.ok(!allows('{ statement: [insert] }', copying));
});

test('objects: one that matches restricts, all must match to allow', () => {
  const join = select({ objects: [read('orders', 'public'), read('salaries', 'hr')] });
  assert.ok(blocks('{ objects: [salaries] }', join));
  assert.ok(blocks('{ objects: ["hr.*"] }', join));
  assert.ok(!blocks('{ objects: [public.salaries] }', join));
  assert.ok(!allows('{ objects: [orders] }', join));
  assert.ok(allows('{ objects: [orders, hr.salaries] }', join));
  assert.ok(!allows('{ objects: ["*"] }', select({})), 'no object is no reason to allow');
});

test('objects: an unknown schema could be any for a restriction, is none for an allowance', () => {
  const plain = select({ objects: [read('users')] });
  assert.ok(blocks('{ objects: [auth.users] }', plain));
  assert.ok(!allows('{ objects: [auth.users] }', plain));
  assert.ok(allows('{ objects: [users] }', plain));
  assert.ok(allows('{ objects: ["*.users"] }', plain));
});

test('objects: letter case is ignored to restrict, compared to allow', () => {
  const quoted = select({ objects: [read('Users', 'public')] });
  assert.ok(blocks('{ objects: [users] }', quoted));
  assert.ok(!allows('{ objects: [users] }', quoted));
  assert.ok(allows('{ objects: [Users] }', quoted));
});

test('objects and access are about the same use', () => {
  const copying = statement({ kind: 'insert', objects: [write('log'), read('salaries')] });
  assert.ok(!blocks('{ objects: [salaries], access: [write] }', copying));
  assert.ok(blocks('{ objects: [salaries], access: [read] }', copying));
  assert.ok(blocks('{ access: [write] }', copying));
  assert.ok(!blocks('{ access: [define] }', copying));
  assert.ok(!allows('{ access: [read] }', copying));
  assert.ok(allows('{ access: [read, write] }', copying));
});

test('columns: names, tables, schemas and stars', () => {
  const pattern = '{ columns: [public.customers.ssn] }';
  const from = (use: ColumnUse, ...objects: ObjectUse[]): Statement => select({ columns: [use], objects });
  assert.ok(blocks(pattern, from(column('ssn', 'customers', 'public'), read('customers', 'public'))));
  assert.ok(blocks(pattern, from(column('ssn', 'customers'), read('customers'))));
  assert.ok(blocks(pattern, from(column('*', 'customers'), read('customers'))));
  assert.ok(!blocks(pattern, from(column('name', 'customers'), read('customers'))));
  assert.ok(!blocks(pattern, from(column('ssn', 'employees'), read('employees'))));
  assert.ok(!blocks(pattern, from(column('ssn', 'customers', 'archive'), read('customers', 'archive'))));
});

test('columns: one without a table is looked for in the tables of the statement', () => {
  const pattern = '{ columns: [customers.ssn] }';
  const join = [read('orders'), read('customers')];
  assert.ok(blocks(pattern, select({ columns: [column('ssn')], objects: join })));
  assert.ok(blocks(pattern, select({ columns: [column('*')], objects: join })));
  assert.ok(!blocks(pattern, select({ columns: [column('*')], objects: [read('orders')] })));
  assert.ok(!blocks(pattern, select({ columns: [column('id')], objects: join })));
  assert.ok(blocks(pattern, select({ columns: [column('ssn')], functions: ['everyone'] })), 'a function may return it');
  assert.ok(blocks('{ columns: [ssn] }', select({ columns: [column('ssn')], objects: [read('orders')] })));
});

test('columns: to allow, every column must be covered for certain', () => {
  const pattern = '{ columns: [orders.id, orders.status] }';
  const objects = [read('orders')];
  assert.ok(allows(pattern, select({ objects, columns: [column('id', 'orders')] })));
  assert.ok(!allows(pattern, select({ objects, columns: [column('id', 'orders'), column('note', 'orders')] })));
  assert.ok(!allows(pattern, select({ objects, columns: [column('*', 'orders')] })));
  assert.ok(!allows(pattern, select({ objects, columns: [column('id')] })));
  assert.ok(allows('{ columns: ["orders.*"] }', select({ objects, columns: [column('*', 'orders')] })));
});

test('columns and access are about the same use', () => {
  const update = statement({
    kind: 'update',
    objects: [write('customers')],
    columns: [{ ...column('name', 'customers'), access: 'write' }, column('ssn', 'customers')],
  });
  assert.ok(!blocks('{ columns: [ssn], access: [write] }', update));
  assert.ok(blocks('{ columns: [name], access: [write] }', update));
});

test('functions: qualified or not', () => {
  const calls = (...functions: string[]): Statement => select({ functions });
  assert.ok(blocks('{ functions: [pg_read_file] }', calls('lower', 'pg_read_file')));
  assert.ok(blocks('{ functions: [pg_read_file] }', calls('pg_catalog.pg_read_file')));
  assert.ok(blocks('{ functions: [pg_catalog.pg_read_file] }', calls('pg_read_file')));
  assert.ok(!blocks('{ functions: [pg_read_file] }', calls('my_pg_read_file')));
  assert.ok(blocks('{ functions: ["dblink_*"] }', calls('public.dblink_exec')));
  assert.ok(!allows('{ functions: [lower] }', calls('lower', 'pg_read_file')));
  assert.ok(!allows('{ functions: [pg_catalog.lower] }', calls('lower')));
  assert.ok(allows('{ functions: [lower, upper] }', calls('lower', 'upper')));
});

test('temporary: what is not certain is not', () => {
  const drop = statement({ kind: 'drop', kinds: ['drop'] });
  assert.ok(blocks('{ temporary: not_only }', drop));
  assert.ok(!blocks('{ temporary: not_only }', { ...drop, temporary: true }));
  assert.ok(!blocks('{ temporary: only }', drop));
  assert.ok(blocks('{ statement: [drop], temporary: only }', { ...drop, temporary: true }));
});

test('where and limit', () => {
  assert.ok(blocks('{ where: absent }', statement({ kind: 'update', where: 'absent' })));
  assert.ok(!blocks('{ where: absent }', statement({ kind: 'update', where: 'present' })));
  assert.ok(!blocks('{ where: absent }', select({})));
  assert.ok(blocks('{ limit: absent }', select({ limit: 'absent' })));
  assert.ok(!blocks('{ limit: absent }', select({ limit: 'present' })));
});

test('text: found anywhere restricts, only the whole text allows', () => {
  const text = (value: string): Statement => select({ text: value });
  assert.ok(blocks("{ text: '(?i)forbidden' }", text('select 1 /* FORBIDDEN */')));
  assert.ok(!blocks("{ text: 'forbidden' }", text('select 1')));
  assert.ok(allows("{ text: 'select 1' }", text('select 1')));
  assert.ok(!allows("{ text: 'select 1' }", text('drop table t -- select 1')));
  assert.ok(!allows("{ text: 'a|select 1' }", text('select 1; drop table t')));
  assert.ok(!allows("{ text: '(?m)select 1' }", text('select 1\ndrop table t')));
});

test('all keys must hold', () => {
  const match = '{ statement: [update, delete], objects: [orders], where: absent }';
  const facts = { kind: 'delete', where: 'absent', objects: [write('orders')] } as const;
  assert.ok(blocks(match, statement(facts)));
  assert.ok(!blocks(match, statement({ ...facts, where: 'present' })));
  assert.ok(!blocks(match, statement({ ...facts, kind: 'insert' })));
  assert.ok(!blocks(match, statement({ ...facts, objects: [write('carts')] })));
});
