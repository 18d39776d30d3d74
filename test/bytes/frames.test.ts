import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Frame, frameLimits, frameRunEnd, FrameState, nextFrame } from '../../src/bytes/frames.ts';

const limits = frameLimits([
  [0x51, 100], // Q
  [0x53, 4], // S
]);
const stream = Buffer.from('Q\0\0\0\x0dselect 1\0S\0\0\0\x04Q\0\0\0\x05\0', 'latin1');

test('finds every frame in place', () => {
  const frame = new Frame();
  assert.equal(nextFrame(stream, 0, stream.length, limits, frame), FrameState.complete);
  assert.deepEqual({ ...frame }, { type: 0x51, start: 0, body: 5, end: 14 });
  assert.equal(nextFrame(stream, 14, stream.length, limits, frame), FrameState.complete);
  assert.deepEqual({ ...frame }, { type: 0x53, start: 14, body: 19, end: 19 });
  assert.equal(nextFrame(stream, 19, stream.length, limits, frame), FrameState.complete);
  assert.deepEqual({ ...frame }, { type: 0x51, start: 19, body: 24, end: 25 });
  assert.equal(nextFrame(stream, 25, 25, limits, frame), FrameState.incomplete);
});

test('split at every byte, the same frames come out and the missing bytes are known', () => {
  for (let split = 0; split <= stream.length; split++) {
    const frame = new Frame();
    const ends: number[] = [];
    let at = 0;
    for (const end of [split, stream.length]) {
      while (nextFrame(stream, at, end, limits, frame) === FrameState.complete) {
        ends.push(frame.end);
        at = frame.end;
      }
      assert.ok(frame.end > end, 'an incomplete frame ends behind what is there');
      const wholeEnd = [14, 19, 25].find((candidate) => candidate > at) ?? at + 5;
      assert.equal(frame.end, frame.type === -1 ? at + 5 : wholeEnd);
    }
    assert.deepEqual(ends, [14, 19, 25]);
  }
});

test('refuses lengths and types as soon as the header shows them', () => {
  const frame = new Frame();
  const state = (text: string): FrameState => {
    const bytes = Buffer.from(text, 'latin1');
    return nextFrame(bytes, 0, bytes.length, limits, frame);
  };
  assert.equal(state('Q\0\0\0\x03'), FrameState.tooShort);
  assert.equal(state('Q\xff\xff\xff\xff'), FrameState.tooShort);
  assert.equal(state('Q\x80\0\0\0'), FrameState.tooShort);
  assert.equal(state('Q\0\0\0\x65'), FrameState.tooLong);
  assert.equal(state('Q\x7f\xff\xff\xff'), FrameState.tooLong);
  assert.equal(state('Q\0\0\0\x64'), FrameState.incomplete);
  assert.equal(frame.end, 101);
  assert.equal(state('S\0\0\0\x05\0'), FrameState.tooLong);
  assert.equal(state('X\0\0\0\x04'), FrameState.unknownType);
  // One byte is enough to know that a type never passes (an HTTP request, say).
  assert.equal(state('G'), FrameState.unknownType);
  assert.equal(state('Q'), FrameState.incomplete);
});

test('a run of one type ends before another type, a partial frame and a bad length', () => {
  const row = 'D\0\0\0\x06\0\0';
  const run = (text: string): number => {
    const bytes = Buffer.from(`xx${text}`, 'latin1');
    return frameRunEnd(bytes, 2, bytes.length, 0x44, 1000) - 2;
  };
  assert.equal(run(''), 0);
  assert.equal(run(row), 7);
  assert.equal(run(`${row}${row}C\0\0\0\x04`), 14);
  for (let cut = 1; cut < row.length; cut++) assert.equal(run(row + row.slice(0, cut)), 7);
  assert.equal(run(`${row}D\0\0\0\x03`), 7);
  assert.equal(run(`${row}D\0\0\x03\xe9${'x'.repeat(997)}`), 7);
  assert.equal(run(`${row}D\x7f\xff\xff\xff`), 7);
});
