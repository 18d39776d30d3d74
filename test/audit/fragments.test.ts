import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  decisionFragment,
  jsonText,
  sessionFragment,
  statementFragment,
  textUnitsMax,
} from '../../src/audit/fragments.ts';

function parsed(fragment: Buffer): Record<string, unknown> {
  return JSON.parse(`{"first":0${fragment.toString('utf8').replace(/\}\n$/, '')}}`);
}

test('a statement is kept as it was written', () => {
  const fragment = statementFragment({ text: `select 'é', "x\ty" -- 😀`, kind: 'select', fingerprint: 'abc' });
  assert.equal(
    fragment.toString('utf8'),
    `,"kind":"select","fingerprint":"abc","text":"select 'é', \\"x\\ty\\" -- 😀"}\n`,
  );
});

test('a long statement is cut, flagged, and identified by its hash', () => {
  const text = `select '${'x'.repeat(1024 * 1024)}'`;
  const line = parsed(statementFragment({ text, kind: 'select', fingerprint: '' }));
  assert.equal(line['text'], text.slice(0, textUnitsMax));
  assert.equal(line['truncated'], true);
  assert.equal(line['text_length'], text.length);
  assert.equal(line['text_sha256'], createHash('sha256').update(text).digest('hex'));
  assert.equal(
    'truncated' in parsed(statementFragment({ text: 'x'.repeat(textUnitsMax), kind: '', fingerprint: '' })),
    false,
  );
});

test('the most hostile text still has a bounded record', () => {
  const fragment = statementFragment({ text: '\u0001'.repeat(1024 * 1024), kind: 'x'.repeat(9999), fingerprint: '' });
  assert.ok(fragment.length < 400 * 1024 + 1024, String(fragment.length));
  parsed(fragment);
});

test('a cut through a surrogate pair leaves valid JSON', () => {
  const text = 'x'.repeat(textUnitsMax - 1) + '😀'.repeat(10);
  const line = parsed(statementFragment({ text, kind: 'select', fingerprint: '' }));
  assert.equal(line['text'], `${'x'.repeat(textUnitsMax - 1)}\ud83d`);
});

test('what could end, reverse or hide a line is escaped', () => {
  const hostile = '\r\n\u0000\u001b[2J\u007f\u0085\u009b\u2028\u2029\u202e\u2066\u200f\u061c\ufeff\ud800"\\';
  const json = jsonText(hostile);
  assert.match(json, /^[\u0020-\u007e]*$/);
  assert.equal(JSON.parse(json), hostile);
});

test('names that a client chose are cut', () => {
  const fragment = sessionFragment('run.s1', {
    user: 'u'.repeat(100_000),
    groups: Array.from({ length: 1000 }, (_, index) => `g${index}`),
    connection: '"},\n{',
    protocol: 'postgres',
    clientAddress: '[::1]:9',
  });
  const line = parsed(fragment);
  assert.equal(line['user'], `${'u'.repeat(256)}...`);
  assert.equal((line['groups'] as string[]).at(-1), '... 936 more');
  assert.equal(line['connection'], '"},\n{');
  assert.equal(line['session'], 'run.s1');
  assert.ok(fragment.length < 2000);
});

test('a decision names its rules', () => {
  const decision = { outcome: 'block', rules: ['a/b'], observed: ['c/d'] } as const;
  assert.deepEqual(parsed(decisionFragment(decision, ['m/ssn'])), {
    first: 0,
    outcome: 'block',
    code: 'BG_POLICY_BLOCKED',
    rules: ['a/b'],
    observed: ['c/d'],
    mask_rules: ['m/ssn'],
  });
});

test('a refusal that no rule made names its reason', () => {
  const decision = { outcome: 'block', rules: [], observed: [] } as const;
  assert.equal(parsed(decisionFragment({ ...decision, code: 'BG_MASK_WRITTEN' }, []))['code'], 'BG_MASK_WRITTEN');
  const uses = { what: ['probes public.customers.ssn in where'], hint: null };
  const line = parsed(decisionFragment({ ...decision, uses }, []));
  assert.equal(line['code'], 'BG_POLICY_BLOCKED');
  assert.deepEqual(line['uses'], uses.what);
  assert.equal(parsed(decisionFragment({ ...decision, outcome: 'approve' }, []))['code'], 'BG_POLICY_NEEDS_APPROVAL');
});

test('what was allowed carries no reason', () => {
  const line = parsed(decisionFragment({ outcome: 'allow', rules: [], observed: [] }, []));
  assert.equal('code' in line || 'uses' in line, false);
});

test('property: any text is one line of JSON that says the same', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 50 }),
      (text, units) => {
        const hostile = text + String.fromCharCode(...units);
        const fragment = statementFragment({ text: hostile, kind: hostile.slice(0, 9), fingerprint: '' });
        assert.equal(fragment.indexOf('\n'), fragment.length - 1);
        assert.equal(parsed(fragment)['text'], hostile);
      },
    ),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 500) },
  );
});
