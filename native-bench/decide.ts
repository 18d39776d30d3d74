/** What a decision costs: a statement seen before, a new one, and both with fifty rules. */
import type { Statement } from '../src/facts.ts';
import { compilePolicies } from '../src/policy/compile.ts';
import type { SessionPolicy } from '../src/policy/decide.ts';
import { parsePolicies } from '../src/policy/parse.ts';
import type { Task } from './task.ts';

export const name = 'decide';

const statement: Statement = {
  text: 'SELECT c.name, o.total FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.id = $1',
  kind: 'select',
  kinds: ['select'],
  fingerprint: '',
  objects: [
    { schema: null, name: 'customers', access: 'read' },
    { schema: null, name: 'orders', access: 'read' },
  ],
  columns: [
    { schema: null, table: 'customers', column: 'name', access: 'read' },
    { schema: null, table: 'orders', column: 'total', access: 'read' },
    { schema: null, table: 'customers', column: 'id', access: 'read' },
    { schema: null, table: 'orders', column: 'customer_id', access: 'read' },
  ],
  functions: ['lower'],
  where: 'present',
  limit: 'absent',
  returnsRows: true,
};

export async function tasks(): Promise<Task[]> {
  const few = sessionOf(5);
  const many = sessionOf(50);
  const one = [statement];
  const batch = [statement, { ...statement }, { ...statement }];
  return [
    { name: 'seen before, 5 rules', fn: () => void few.decide(one) },
    { name: 'seen before, 50 rules', fn: () => void many.decide(one) },
    { name: 'batch of 3 seen before, 50 rules', fn: () => void many.decide(batch) },
    { name: 'new statement, 5 rules', fn: () => void few.decide([{ ...statement }]) },
    { name: 'new statement, 50 rules', fn: () => void many.decide([{ ...statement }]) },
  ];
}

/** None of the rules matches, so every key of every rule is asked until one fails. */
function sessionOf(rules: number): SessionPolicy {
  const matches = [
    '{ statement: [drop, truncate, alter] }',
    '{ statement: [update, delete], where: absent }',
    '{ objects: ["hr.*", "payroll*"], access: [write] }',
    '{ columns: ["*.employees.salary"] }',
    '{ functions: [pg_read_file, "dblink*"] }',
  ];
  const lines = Array.from(
    { length: rules },
    (_, index) => `  - { id: r${index}, match: ${matches[index % matches.length]}, action: block }`,
  );
  const parsed = parsePolicies([{ name: 'bench', text: `name: bench\ndefault: allow\nrules:\n${lines.join('\n')}` }]);
  if ('faults' in parsed) throw new Error(parsed.faults[0].message);
  return compilePolicies(parsed.policies).forSession(
    { user: 'alice', groups: ['engineering'], method: 'password' },
    { name: 'shop', protocol: 'postgres', labels: {} },
  );
}
