/** Finding message boundaries and reading the headers that every query passes: no bytes are copied, nothing is allocated. */
import { Frame, frameRunEnd, FrameState, nextFrame } from '../src/bytes/frames.ts';
import { backendLimits, frontendLimits } from '../src/protocols/postgres/wire/wire.ts';
import { commandRows } from '../src/protocols/postgres/wire/backend.ts';
import {
  BindMessage,
  ExecuteMessage,
  ParseMessage,
  readBind,
  readExecute,
  readParse,
} from '../src/protocols/postgres/wire/frontend.ts';
import { dataRow } from '../src/protocols/postgres/wire/toClient.ts';
import type { Task } from './task.ts';

export const name = 'framing';

const rangeBytes = 256 * 1024;
const dataRowType = 0x44;
const lengthMax = 0x3fffffff;

export async function tasks(): Promise<Task[]> {
  const narrow = rowsOf(['7', '-42']);
  const wide = rowsOf([
    '1000017',
    'Ada',
    'Lovelace',
    'ada@example.org',
    '+44 20 7946 0000',
    '971-22-4417',
    'London',
    '2024-01-31',
  ]);
  const pipeline = Buffer.from(
    'P\0\0\0\x2bP0\0select a from t where id = $1\0\0\x01\0\0\0\x17' +
      'B\0\0\0\x1a\0P0\0\0\x01\0\x01\0\x01\0\0\0\x04\0\0\x30\x39\0\x01\0\0' +
      'E\0\0\0\x09\0\0\0\0\0' +
      'S\0\0\0\x04',
    'latin1',
  );
  const tag = Buffer.from('SELECT 100000\0', 'latin1');
  return [
    { name: 'run of rows, 2 columns', bytes: narrow.length, fn: () => void runOver(narrow) },
    { name: 'run of rows, 8 columns', bytes: wide.length, fn: () => void runOver(wide) },
    { name: 'frame by frame, 8 columns', bytes: wide.length, fn: () => void framesOver(wide, backendLimits) },
    { name: 'Parse, Bind, Execute, Sync: frame and read', bytes: pipeline.length, fn: () => readPipeline(pipeline) },
    { name: 'rows of a CommandComplete', bytes: tag.length, fn: () => void commandRows(tag, 0, tag.length) },
  ];
}

/** Shared memory, as results are read into. */
function rowsOf(values: readonly string[]): Uint8Array {
  const row = dataRow(values.map((value) => Buffer.from(value)));
  const count = Math.floor(rangeBytes / row.length);
  const rows = new Uint8Array(new SharedArrayBuffer(count * row.length));
  for (let index = 0; index < count; index++) rows.set(row, index * row.length);
  return rows;
}

function runOver(rows: Uint8Array): void {
  if (frameRunEnd(rows, 0, rows.length, dataRowType, lengthMax) !== rows.length) throw new Error('rows are not whole');
}

const frame = new Frame();

function framesOver(bytes: Uint8Array, limits: Uint32Array): number {
  let at = 0;
  while (nextFrame(bytes, at, bytes.length, limits, frame) === FrameState.complete) at = frame.end;
  if (at !== bytes.length) throw new Error('messages are not whole');
  return at;
}

const clientLimits = frontendLimits(1024 * 1024);
const parse = new ParseMessage();
const bind = new BindMessage();
const execute = new ExecuteMessage();

function readPipeline(bytes: Uint8Array): void {
  let at = 0;
  let faults = 0;
  while (nextFrame(bytes, at, bytes.length, clientLimits, frame) === FrameState.complete) {
    if (frame.type === 0x50 && readParse(bytes, frame.body, frame.end, parse) !== null) faults++;
    else if (frame.type === 0x42 && readBind(bytes, frame.body, frame.end, bind) !== null) faults++;
    else if (frame.type === 0x45 && readExecute(bytes, frame.body, frame.end, execute) !== null) faults++;
    at = frame.end;
  }
  if (faults > 0 || at !== bytes.length) throw new Error('messages are not valid');
}
