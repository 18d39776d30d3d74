import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { FileSink } from '../../src/audit/fileSink.ts';
import { allowed, complete, FlakyDisk, ofEvent, openLog, parseLines, sql } from './helpers.ts';

test('a statement and its result are two records with one id', async (context) => {
  const log = openLog(context, { now: () => Date.UTC(2026, 10, 3, 12, 34, 56, 789) });
  const { id, fault } = await log.begin('select 1');
  assert.equal(fault, null);
  log.sink.end(id, { rows: 3, bytes: 99, masked: 2, durationUs: 1234.5, sqlstate: '22012', ended: 'error' });
  log.sink.closeSession(log.session, 'client');
  await log.sink.close();
  const [file, open, statement, result, close] = log.lines();
  const time = '2026-11-03T12:34:56.789Z';
  const run = log.sink.run;
  const who = { session: `${run}.s1`, user: 'alice', connection: 'shop' };
  const from = { groups: ['engineering'], protocol: 'postgres', client: '127.0.0.1:4711' };
  assert.deepEqual(file, { event: 'file', time, version: 1, run, pid: process.pid, previous: null });
  assert.deepEqual(open, { event: 'session_open', time, ...who, ...from });
  assert.deepEqual(statement, {
    event: 'statement',
    time,
    id: `${run}.1`,
    ...who,
    outcome: 'allow',
    rules: [],
    observed: [],
    mask_rules: [],
    kind: 'select',
    fingerprint: 'f00d',
    text: 'select 1',
  });
  assert.deepEqual(result, {
    event: 'result',
    time,
    id: `${run}.1`,
    rows: 3,
    bytes: 99,
    masked: 2,
    duration_us: 1235,
    sqlstate: '22012',
    ended: 'error',
  });
  assert.deepEqual(close, { event: 'session_close', time, session: `${run}.s1`, reason: 'client' });
  assert.deepEqual(log.files(), ['audit-20261103-0001.jsonl']);
  assert.equal(statSync(join(log.directory, log.files()[0] ?? '')).mode & 0o777, 0o600);
});

test('write ahead: when a waiter is told, its record is in the file', async (context) => {
  for (const durability of ['os', 'disk'] as const) {
    const log = openLog(context, { durability });
    const seen: string[] = [];
    await new Promise<void>((resolve) => {
      for (let number = 0; number < 5; number++) {
        log.sink.begin(log.session, sql(`select ${number}`), allowed, () => {
          seen.push(
            /select \d/.exec(
              log
                .raw()
                .split('\n')
                .find((line) => line.includes(`select ${number}`)) ?? '',
            )?.[0] ?? 'missing',
          );
          if (number === 4) resolve();
        });
      }
      assert.deepEqual(seen, []);
    });
    assert.deepEqual(seen, ['select 0', 'select 1', 'select 2', 'select 3', 'select 4']);
  }
});

test('group commit: a turn is one write, and one sync where durability is disk', async (context) => {
  for (const durability of ['os', 'disk'] as const) {
    const disk = new FlakyDisk();
    const log = openLog(context, { fs: disk, durability });
    const before = disk.writes;
    const order: number[] = [];
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, number) => {
        const { fault } = await log.begin(`select ${number}`);
        order.push(number);
        return fault;
      }),
    );
    assert.ok(answers.every((fault) => fault === null));
    assert.deepEqual(
      order,
      Array.from({ length: 200 }, (_, number) => number),
    );
    assert.equal(disk.writes - before, 1);
    assert.equal(disk.syncs, durability === 'disk' ? 1 : 0);
  }
});

test('statements that begin during a sync share the next one', async (context) => {
  const disk = new FlakyDisk();
  const log = openLog(context, { fs: disk, durability: 'disk' });
  const first = log.begin('select 1');
  await turn();
  const others = Array.from({ length: 50 }, (_, number) => log.begin(`select ${number}`));
  await Promise.all([first, ...others]);
  assert.equal(disk.syncs, 2);
});

test('a result that nobody waits for is written without another statement', async (context) => {
  const disk = new FlakyDisk();
  const log = openLog(context, { fs: disk });
  const { id } = await log.begin('select 1');
  const written = new Promise<void>((resolve) => (disk.onWrite = resolve));
  log.sink.end(id, complete);
  await written;
  await turn();
  assert.equal(ofEvent(log.lines(), 'result').length, 1);
});

test('a full disk refuses, keeps results, and heals where it stopped', async (context) => {
  const disk = new FlakyDisk();
  const log = openLog(context, { fs: disk });
  const running = await log.begin('select running');
  // Room for the first record of the group and a part of the second.
  const whole =
    log
      .raw()
      .split('\n')
      .find((line) => line.includes('running'))?.length ?? 0;
  disk.freeBytes = whole + 40;
  const group = await Promise.all(['select fits', 'select torn', 'select gone'].map((text) => log.begin(text)));
  assert.deepEqual(
    group.map(({ fault }) => fault?.code ?? null),
    [null, 'BG_AUDIT_UNAVAILABLE', 'BG_AUDIT_UNAVAILABLE'],
  );
  assert.equal(log.sink.fault?.detail, 'audit file: write: ENOSPC');
  log.sink.end(running.id, complete);
  assert.equal((await log.begin('select later')).fault?.code, 'BG_AUDIT_UNAVAILABLE');
  assert.throws(() => log.lines(), /torn/);

  disk.freeBytes = Infinity;
  const healed = await log.begin('select healed');
  assert.equal(healed.fault, null);
  assert.equal(log.sink.fault, null);
  const fits = group[0];
  assert.ok(fits);
  for (const { id } of [fits, healed]) log.sink.end(id, complete);
  await log.sink.close();
  const lines = log.lines();
  assert.deepEqual(
    ofEvent(lines, 'statement').map((line) => line['text']),
    ['select running', 'select fits', 'select torn', 'select healed'],
  );
  const ends = new Map(ofEvent(lines, 'result').map((line) => [line['id'], line['ended']]));
  assert.deepEqual(
    ofEvent(lines, 'statement').map((line) => ends.get(line['id'])),
    ['complete', 'complete', 'not_run', 'complete'],
  );
  assert.deepEqual(
    ofEvent(lines, 'gap').map((line) => line['lost']),
    [2],
  );
  assert.equal(log.files().length, 1);
});

test('short writes and interruptions are finished without a fault', async (context) => {
  const disk = new FlakyDisk();
  const log = openLog(context, { fs: disk });
  disk.writeBytesMax = 7;
  disk.writeErrors = ['EINTR', undefined, 'EAGAIN', undefined, 'EINTR'];
  const { id, fault } = await log.begin('select 1');
  assert.equal(fault, null);
  log.sink.end(id, complete);
  await log.sink.close();
  assert.deepEqual(
    log.lines().map((line) => line['event']),
    ['file', 'session_open', 'statement', 'result'],
  );
});

test('a disk that takes nothing is a fault, not a loop', async (context) => {
  const disk = new FlakyDisk();
  const log = openLog(context, { fs: disk });
  disk.writeBytesMax = 0;
  assert.equal((await log.begin('select 1')).fault?.code, 'BG_AUDIT_UNAVAILABLE');
  disk.writeBytesMax = Infinity;
  assert.equal((await log.begin('select 2')).fault, null);
});

for (const truncateFails of [false, true]) {
  test(`an I/O error gives up the file and goes on in a new one${truncateFails ? ', even with a torn record' : ''}`, async (context) => {
    const disk = new FlakyDisk();
    const log = openLog(context, { fs: disk });
    const running = await log.begin('select running');
    disk.writeBytesMax = 100;
    disk.truncateFails = truncateFails;
    disk.writeErrors = [undefined, 'EIO'];
    assert.equal((await log.begin('select lost')).fault?.detail, 'audit file: write: EIO');
    disk.writeBytesMax = Infinity;
    log.sink.end(running.id, complete);
    assert.equal((await log.begin('select 2')).fault, null);
    await log.sink.close();
    const [first, second] = log.files();
    assert.equal(log.files().length, 2);
    const old = readFileSync(join(log.directory, first ?? ''), 'utf8');
    assert.equal(old.endsWith('\n'), !truncateFails);
    const lines = parseLines(readFileSync(join(log.directory, second ?? ''), 'utf8'));
    assert.equal(lines[0]?.['previous'], first);
    const lost = ofEvent(lines, 'statement').find((line) => line['text'] === 'select lost');
    const ends = ofEvent(lines, 'result').map((line) => [line['id'], line['ended']]);
    assert.deepEqual(ends, [
      [lost?.['id'], 'not_run'],
      [`${log.sink.run}.${running.id}`, 'complete'],
    ]);
  });
}

test('after a failed sync the records are written again to a new file, and nobody is told they are safe', async (context) => {
  const disk = new FlakyDisk();
  const log = openLog(context, { fs: disk, durability: 'disk' });
  disk.syncErrors = ['EIO'];
  const [first, second] = await Promise.all([log.begin('select 1'), log.begin('select 2')]);
  assert.equal(first?.fault?.detail, 'audit file: fdatasync: EIO');
  assert.equal(second?.fault?.code, 'BG_AUDIT_UNAVAILABLE');
  const third = await log.begin('select 3');
  assert.equal(third.fault, null);
  await log.sink.close();
  assert.equal(log.files().length, 2);
  const lines = parseLines(readFileSync(join(log.directory, log.files()[1] ?? ''), 'utf8'));
  assert.deepEqual(
    ofEvent(lines, 'statement').map((line) => line['text']),
    ['select 1', 'select 2', 'select 3'],
  );
  assert.deepEqual(
    ofEvent(lines, 'result').map((line) => line['ended']),
    ['not_run', 'not_run'],
  );
  assert.equal(ofEvent(lines, 'session_open').length, 1);
});

test('a sink whose directory cannot be used refuses until it can', async (context) => {
  const disk = new FlakyDisk();
  disk.openError = 'EACCES';
  const log = openLog(context, { fs: disk });
  assert.equal(log.sink.fault?.detail, 'audit file: open: EACCES');
  assert.equal((await log.begin('select 1')).fault?.code, 'BG_AUDIT_UNAVAILABLE');
  disk.openError = null;
  disk.freeBytes = 0;
  assert.equal((await log.begin('select 2')).fault?.detail, 'audit file: open: ENOSPC');
  assert.deepEqual(log.files(), []);
  disk.freeBytes = Infinity;
  assert.equal((await log.begin('select 3')).fault, null);
  assert.deepEqual(
    ofEvent(log.lines(), 'statement').map((line) => line['text']),
    ['select 3'],
  );
  assert.equal(ofEvent(log.lines(), 'session_open').length, 1);
});

test('while writing fails it is tried again without anybody asking', async (context) => {
  const disk = new FlakyDisk();
  const log = openLog(context, { fs: disk });
  const { id } = await log.begin('select 1');
  disk.freeBytes = 0;
  log.sink.end(id, complete);
  await log.begin('select 2');
  assert.notEqual(log.sink.fault, null);
  disk.freeBytes = Infinity;
  const tried = new Promise<void>((resolve) => (disk.onWrite = resolve));
  await tried;
  await turn();
  assert.equal(log.sink.fault, null);
});

test('closing during a full disk reports it and leaves no torn record', async (context) => {
  const disk = new FlakyDisk();
  const log = openLog(context, { fs: disk });
  await log.begin('select 1');
  disk.freeBytes = 30;
  await log.begin('select 2');
  assert.equal((await log.sink.close())?.code, 'BG_AUDIT_UNAVAILABLE');
  assert.equal(ofEvent(log.lines(), 'statement').length, 1);
});

test('the buffer is bounded: no room, then room again', async (context) => {
  const log = openLog(context, { bufferBytesMax: 1024 * 1024 });
  const large = sql('x'.repeat(60_000));
  let told = 0;
  let begun = 0;
  while (log.sink.begin(log.session, large, allowed, () => told++) !== 0) begun++;
  assert.ok(begun >= 15 && begun <= 17, String(begun));
  assert.ok(log.sink.statistics().pendingBytes <= 1024 * 1024);
  assert.equal(await new Promise((resolve) => log.sink.whenRoom(resolve)), null);
  assert.equal(told, begun);
  assert.notEqual(
    log.sink.begin(log.session, large, allowed, () => {}),
    0,
  );
});

test('room for results is set aside: begun statements can always end, also on a full disk', async (context) => {
  const disk = new FlakyDisk();
  const log = openLog(context, { fs: disk, bufferBytesMax: 1024 * 1024 });
  const ids: number[] = [];
  const text = sql('select 1');
  for (;;) {
    const id = log.sink.begin(log.session, text, allowed, () => {});
    if (id !== 0) ids.push(id);
    else if (log.sink.statistics().pendingBytes === 0) break;
    else await new Promise((resolve) => log.sink.whenRoom(resolve));
  }
  assert.ok(ids.length > 3000, String(ids.length));
  disk.freeBytes = 0;
  for (const id of ids)
    log.sink.end(id, { ...complete, rows: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER });
  assert.ok(log.sink.statistics().pendingBytes <= 1024 * 1024);
  const fault = await new Promise<unknown>((resolve) => log.sink.whenRoom(resolve));
  assert.notEqual(fault, null);
  disk.freeBytes = Infinity;
  await log.sink.close();
  assert.equal(ofEvent(log.lines(), 'result').length, ids.length);
});

test('ending more than began, or with nonsense, is a bug and throws', async (context) => {
  const log = openLog(context);
  const { id } = await log.begin('select 1');
  assert.throws(() => log.sink.end(id, { ...complete, rows: Number.NaN }), RangeError);
  log.sink.end(id, { ...complete, sqlstate: '"},{' });
  log.sink.closeSession(log.session, 'odd "\n reason');
  for (let extra = 0; extra < 3; extra++) {
    try {
      log.sink.end(id, complete);
    } catch {
      await log.sink.close();
      assert.equal(ofEvent(log.lines(), 'result')[0]?.['sqlstate'], '?????');
      assert.equal(ofEvent(log.lines(), 'session_close')[0]?.['reason'], 'odd????reason');
      return;
    }
  }
  assert.fail('a second end did not throw');
});

test('refused logins are recorded, whatever they called themselves', async (context) => {
  const log = openLog(context);
  const who = { protocol: 'postgres', clientAddress: '10.0.0.9:1' };
  log.sink.loginRefused({ ...who, user: 'mallory\u202e', connection: '"}\n', reason: 'BG_AUTH_FAILED' });
  log.sink.loginRefused({ ...who, user: null, connection: null, reason: 'BG_AUTH_TIMEOUT' });
  await log.sink.close();
  assert.deepEqual(
    ofEvent(log.lines(), 'login_refused').map((line) => [
      line['user'],
      line['connection'],
      line['client'],
      line['reason'],
    ]),
    [
      ['mallory\u202e', '"}\n', '10.0.0.9:1', 'BG_AUTH_FAILED'],
      [null, null, '10.0.0.9:1', 'BG_AUTH_TIMEOUT'],
    ],
  );
});

test('each write is reported with its time and its fault', async (context) => {
  const disk = new FlakyDisk();
  const reports: [boolean, string | undefined][] = [];
  const log = openLog(context, { fs: disk, onWrite: (us, fault) => reports.push([us >= 0, fault?.detail]) });
  await log.begin('select 1');
  disk.writeErrors = ['ENOSPC'];
  await log.begin('select 2');
  await log.begin('select 3');
  // The third turn writes the gap with its statement.
  assert.deepEqual(reports.slice(0, 3), [
    [true, undefined],
    [true, 'audit file: write: ENOSPC'],
    [true, undefined],
  ]);
});

test('a callback that throws does not keep others from theirs', async (context) => {
  const bugs: unknown[] = [];
  const log = openLog(context, { onBug: (error) => bugs.push(error) });
  log.sink.begin(log.session, sql('select 1'), allowed, () => {
    throw new Error('session bug');
  });
  assert.equal((await log.begin('select 2')).fault, null);
  assert.equal(bugs.length, 1);
});

test('files rotate by size, by day and on request, and name what came before', async (context) => {
  let now = Date.UTC(2026, 10, 3, 23, 59, 59);
  const log = openLog(context, { now: () => now, fileBytesMax: 300 });
  for (let number = 0; number < 3; number++) await log.begin(`select ${number}`);
  now += 2000;
  await log.begin('select tomorrow');
  log.sink.reopen();
  await log.begin('select reopened');
  await log.sink.close();
  assert.deepEqual(log.files(), [
    'audit-20261103-0001.jsonl',
    'audit-20261103-0002.jsonl',
    'audit-20261103-0003.jsonl',
    'audit-20261104-0001.jsonl',
    'audit-20261104-0002.jsonl',
  ]);
  const lines = log.lines();
  assert.equal(ofEvent(lines, 'statement').length, 5);
  assert.deepEqual(
    ofEvent(lines, 'file').map((line) => line['previous']),
    [null, ...log.files().slice(0, -1)],
  );
});

test('a rotation that fails goes on in the old file', async (context) => {
  const disk = new FlakyDisk();
  const log = openLog(context, { fs: disk });
  disk.openError = 'EMFILE';
  log.sink.reopen();
  assert.equal((await log.begin('select 1')).fault, null);
  disk.openError = null;
  assert.equal((await log.begin('select 2')).fault, null);
  assert.equal(log.files().length, 2);
});

test('two sinks in one directory never share a file, and an existing file is never opened', async (context) => {
  const now = (): number => Date.UTC(2026, 0, 1);
  const log = openLog(context, { now });
  const taken = join(log.directory, 'audit-20260101-0002.jsonl');
  writeFileSync(taken, 'somebody else');
  const other = new FileSink({ directory: log.directory, now });
  assert.equal(other.fileName, 'audit-20260101-0003.jsonl');
  log.sink.reopen();
  await log.begin('select 1');
  assert.equal(log.sink.fileName, 'audit-20260101-0004.jsonl');
  await other.close();
  assert.equal(readFileSync(taken, 'utf8'), 'somebody else');
});

test('after close there is no room and waiting for it is answered', async (context) => {
  const log = openLog(context);
  await log.sink.close();
  assert.equal(
    log.sink.begin(log.session, sql('select 1'), allowed, () => {}),
    0,
  );
  const fault = await new Promise<unknown>((resolve) => log.sink.whenRoom(resolve));
  assert.deepEqual(fault, { code: 'BG_SHUTTING_DOWN', detail: 'the audit log is closed' });
});

const child = new URL('./fixtures/announcer.ts', import.meta.url);

for (const durability of ['os', 'disk'] as const) {
  test(`kill -9 (${durability}): every effect that was announced has its record`, async (context) => {
    const log = openLog(context);
    for (let round = 0; round < 2; round++) {
      const before = new Set(readdirSync(log.directory));
      const process_ = spawn(process.execPath, [child.pathname, log.directory, durability], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let announced = '';
      process_.stdout.setEncoding('latin1');
      process_.stdout.on('data', (text: string) => {
        announced += text;
        if (announced.length > 20_000 + round * 7777) process_.kill('SIGKILL');
      });
      await new Promise((resolve) => process_.on('close', resolve));
      assert.equal(process_.signalCode, 'SIGKILL');
      const file = readdirSync(log.directory).find((name) => !before.has(name)) ?? '';
      const raw = readFileSync(join(log.directory, file), 'utf8');
      const recorded = new Set(
        ofEvent(parseLines(raw.slice(0, raw.lastIndexOf('\n') + 1)), 'statement').map(
          (line) => String(line['id']).split('.')[1],
        ),
      );
      const ids = announced.slice(0, announced.lastIndexOf('\n')).split('\n');
      assert.ok(ids.length > 1000);
      assert.deepEqual(
        ids.filter((id) => !recorded.has(id)),
        [],
      );
    }
  });
}

test('a process whose sink is closed exits by itself', async (context) => {
  const log = openLog(context);
  await promisify(execFile)(process.execPath, [child.pathname, log.directory, 'os', '50'], { timeout: 10_000 });
});
