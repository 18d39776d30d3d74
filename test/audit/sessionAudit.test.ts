import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { FileSink } from '../../src/audit/fileSink.ts';
import type { FileSinkOptions } from '../../src/audit/fileSink.ts';
import { SessionRecorder } from '../../src/audit/sessionAudit.ts';
import type { SessionAuditFacts } from '../../src/audit/sessionAudit.ts';
import type { Fault } from '../../src/errors.ts';
import type { Decision } from '../../src/facts.ts';
import type { SessionAudit } from '../../src/protocols/protocol.ts';
import { FlakyDisk, ofEvent, readLines } from './helpers.ts';
import type { Line } from './helpers.ts';

const decision: Decision = { outcome: 'block', rules: ['p/r'], observed: [], message: '', permit: null };
const masks = ['customer-data/ssn'];
const facts = {
  user: 'alice',
  groups: ['dba'],
  connection: 'shop',
  protocol: 'postgres',
  clientAddress: '127.0.0.1:1',
};

function statement(text: string) {
  return { text, kind: 'select', fingerprint: 'f' };
}

interface Setup {
  readonly sink: FileSink;
  readonly disk: FlakyDisk;
  readonly audit: SessionAudit;
  lines(): Line[];
}

function open(
  context: TestContext,
  options: Partial<FileSinkOptions> = {},
  who: SessionAuditFacts = { ...facts, proven: true },
): Setup {
  const directory = mkdtempSync(join(tmpdir(), 'blastgate-audit-'));
  const disk = new FlakyDisk();
  const sink = new FileSink({ directory, fs: disk, ...options });
  context.after(async () => {
    await sink.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return { sink, disk, audit: new SessionRecorder(sink, who), lines: () => readLines(directory) };
}

function durable(audit: SessionAudit): Promise<Fault | null> {
  return new Promise((resolve) => audit.whenDurable(resolve));
}

test('entries become a record and a result, and the session opens and closes once', async (context) => {
  const { sink, audit, lines } = open(context);
  const entry = audit.begin(statement('select 1'), decision, masks);
  assert.equal(await durable(audit), null);
  Object.assign(entry, { rows: 2, bytes: 30, masked: 1, sqlstate: '22012' });
  audit.end(entry, 'error');
  audit.end(entry, 'lost');
  audit.close('client');
  audit.close('again');
  await sink.close();
  const events = lines().map((line) => line['event']);
  assert.deepEqual(events, ['file', 'session_open', 'statement', 'result', 'session_close']);
  const [record] = ofEvent(lines(), 'statement');
  assert.deepEqual([record?.['outcome'], record?.['rules'], record?.['mask_rules']], ['block', ['p/r'], masks]);
  const [result] = ofEvent(lines(), 'result');
  assert.deepEqual(
    [result?.['id'], result?.['rows'], result?.['bytes'], result?.['masked'], result?.['sqlstate'], result?.['ended']],
    [record?.['id'], 2, 30, 1, '22012', 'error'],
  );
});

test('one question covers all statements before it; without any it is answered at once', async (context) => {
  const { disk, audit } = open(context);
  let answered = false;
  audit.whenDurable(() => (answered = true));
  assert.ok(answered);
  const writes = disk.writes;
  for (let number = 0; number < 10; number++) audit.begin(statement(`select ${number}`), decision, masks);
  const order: string[] = [];
  audit.whenDurable(() => order.push('first'));
  audit.begin(statement('select last'), decision, masks);
  audit.whenDurable(() => order.push('second'));
  assert.deepEqual(order, []);
  await turn();
  assert.deepEqual(order, ['first', 'second']);
  assert.equal(disk.writes - writes, 1);
});

test('a statement that was refused is ended before it is durable: both records are written', async (context) => {
  const { sink, audit, lines } = open(context);
  audit.end(audit.begin(statement('drop table t'), decision, masks), 'refused');
  audit.close('client');
  await sink.close();
  assert.deepEqual(
    lines().map((line) => line['event']),
    ['file', 'session_open', 'statement', 'result', 'session_close'],
  );
  assert.equal(ofEvent(lines(), 'result')[0]?.['ended'], 'refused');
});

test('a fault reaches the question of its statement and no later one', async (context) => {
  const { sink, disk, audit, lines } = open(context);
  disk.writeErrors = ['ENOSPC'];
  const lost = audit.begin(statement('select lost'), decision, masks);
  const first = durable(audit);
  assert.equal((await first)?.code, 'BG_AUDIT_UNAVAILABLE');
  audit.end(lost, 'lost');
  const kept = audit.begin(statement('select kept'), decision, masks);
  assert.equal(await durable(audit), null);
  audit.end(kept, 'complete');
  audit.close('client');
  await sink.close();
  assert.deepEqual(
    ofEvent(lines(), 'statement').map((line) => line['text']),
    ['select kept'],
  );
  assert.equal(ofEvent(lines(), 'result').length, 1);
});

test('without room records wait, in order, and none is durable before it is written', async (context) => {
  const { sink, audit, lines } = open(context, { bufferBytesMax: 1024 * 1024, durability: 'disk' });
  const count = 60;
  const order: number[] = [];
  for (let number = 0; number < count; number++) {
    const entry = audit.begin(statement(`${number}:${'x'.repeat(60_000)}`), decision, masks);
    audit.whenDurable((fault) => {
      assert.equal(fault, null);
      order.push(number);
      assert.ok(ofEvent(lines(), 'statement').length > number);
      audit.end(entry, 'complete');
    });
  }
  assert.ok(sink.statistics().waiting < 20);
  await durable(audit);
  assert.deepEqual(
    order,
    Array.from({ length: count }, (_, number) => number),
  );
  audit.close('client');
  await sink.close();
  assert.equal(ofEvent(lines(), 'result').length, count);
  assert.equal(ofEvent(lines(), 'session_close').length, 1);
});

test('what waits for room is refused when the disk fails, after what was taken before', async (context) => {
  const { disk, audit } = open(context, { bufferBytesMax: 1024 * 1024, durability: 'disk' });
  const answers: (string | null)[] = [];
  for (let number = 0; number < 30; number++) {
    audit.begin(statement(`${number}:${'x'.repeat(60_000)}`), decision, masks);
    audit.whenDurable((fault) => answers.push(fault?.code ?? null));
  }
  // The first group is on its way to the disk; what comes after it finds none.
  await turn();
  disk.freeBytes = 0;
  await durable(audit);
  const firstFault = answers.indexOf('BG_AUDIT_UNAVAILABLE');
  assert.ok(firstFault > 5, String(firstFault));
  assert.equal(answers.length, 30);
  assert.ok(answers.slice(firstFault).every((code) => code === 'BG_AUDIT_UNAVAILABLE'));
});

test('a client that never proved who it is gets a record of its own, and no statement', async (context) => {
  const { sink, lines } = open(context);
  const audit: SessionAudit = new SessionRecorder(sink, { ...facts, user: 'mallory\n', proven: false });
  audit.begin(statement('select 1'), decision, masks);
  assert.equal((await durable(audit))?.code, 'BG_AUDIT_UNAVAILABLE');
  audit.close('BG_AUTH_FAILED');
  await sink.close();
  const [refused] = ofEvent(lines(), 'login_refused');
  assert.deepEqual(
    [refused?.['user'], refused?.['connection'], refused?.['reason']],
    ['mallory\n', 'shop', 'BG_AUTH_FAILED'],
  );
  assert.equal(ofEvent(lines(), 'statement').length, 0);
  assert.equal(ofEvent(lines(), 'session_open').length, 1);
});

test('a session that closes with records under way closes after them', async (context) => {
  const { sink, audit, lines } = open(context, { durability: 'disk' });
  const entry = audit.begin(statement('select 1'), decision, masks);
  audit.end(entry, 'lost');
  audit.close('client');
  audit.begin(statement('select late'), decision, masks);
  await durable(audit);
  await sink.close();
  assert.equal(lines().at(-1)?.['event'], 'session_close');
});
