/** What is written is what docs/audit.md says: every record of every event, field by field and in order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditEvents } from '../../src/audit/events.ts';
import type { AuditField } from '../../src/audit/events.ts';
import { decisionFragment, textUnitsMax } from '../../src/audit/fragments.ts';
import { complete, FlakyDisk, ofEvent, openLog, sql } from './helpers.ts';

const fits: Readonly<Record<AuditField['type'], (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  'string or null': (value) => typeof value === 'string' || value === null,
  'whole number': Number.isInteger,
  'list of strings': (value) => Array.isArray(value) && value.every((one) => typeof one === 'string'),
  true: (value) => value === true,
  time: (value) => typeof value === 'string' && new Date(value).toISOString() === value,
};

test('records have the fields of their definitions', async (context) => {
  const disk = new FlakyDisk();
  const log = openLog(context, { fs: disk });
  const peer = { protocol: 'postgres', clientAddress: '127.0.0.1:1', reason: 'BG_AUTH_FAILED' };
  log.sink.loginRefused({ user: 'mallory', connection: null, ...peer });
  for (const text of ['select 1', 'x'.repeat(textUnitsMax + 1)]) {
    const { id } = await log.begin(text);
    log.sink.end(id, { ...complete, sqlstate: text.length > 10 ? '22012' : null });
  }
  const uses = { what: ['probes public.customers.ssn in where'], hint: null };
  const refused = decisionFragment({ outcome: 'block', rules: [], observed: [], uses }, []);
  await new Promise((resolve) => log.sink.begin(log.session, sql('select 2'), refused, resolve));
  disk.writeErrors = ['EIO', 'EIO', 'EIO', 'EIO'];
  disk.openError = 'EACCES';
  assert.notEqual((await log.begin('select lost')).fault, null);
  disk.openError = null;
  disk.writeErrors = [];
  for (let tries = 0; tries < 100 && ofEvent(log.lines(), 'gap').length === 0; tries++) {
    log.sink.reopen();
    await new Promise((resolve) => log.sink.whenRoom(resolve));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  log.sink.closeSession(log.session, 'client');
  await log.sink.close();

  const lines = log.lines();
  for (const { event, fields } of auditEvents) {
    const found = ofEvent(lines, event);
    assert.ok(found.length > 0, `no record of ${event} was made`);
    const all: readonly AuditField[] = [
      { name: 'event', type: 'string', meaning: '' },
      { name: 'time', type: 'time', meaning: '' },
      ...fields,
    ];
    for (const record of found) {
      const expected = all.filter(({ name, optional }) => optional !== true || name in record);
      assert.deepEqual(
        Object.keys(record),
        expected.map(({ name }) => name),
        event,
      );
      for (const { name, type } of expected) assert.ok(fits[type](record[name]), `${event}.${name} is no ${type}`);
    }
    for (const { name } of fields)
      assert.ok(
        found.some((record) => name in record),
        `${event}.${name} never came`,
      );
  }
  const known = new Set(auditEvents.map(({ event }) => event));
  assert.deepEqual(
    lines.filter(({ event }) => !known.has(String(event))),
    [],
  );
});
