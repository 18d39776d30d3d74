/**
 * Foreign bytes into every reader of the PostgreSQL protocol. A reader may return a value or a fault; it may not throw, and
 * what it returns may not depend on a single byte outside [start, end). Half of the inputs are valid messages with a
 * few bytes changed, because random bytes rarely get past the first check.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Frame, frameRunEnd, FrameState, nextFrame } from '../../src/bytes/frames.ts';
import { serverEndPoint } from '../../src/protocols/postgres/login/authenticationBinding.ts';
import { judgeStartup } from '../../src/protocols/postgres/login/startup.ts';
import { backendLimits, frontendLimits, WireFault } from '../../src/protocols/postgres/wire/wire.ts';
import * as backend from '../../src/protocols/postgres/wire/backend.ts';
import * as frontend from '../../src/protocols/postgres/wire/frontend.ts';
import { readStartupPacket } from '../../src/protocols/postgres/wire/startup.ts';

const numRuns = Number(process.env['FUZZ_RUNS'] ?? 1500);

type Read = (bytes: Uint8Array, start: number, end: number) => unknown;

/** Fills a struct and shows both the verdict and what was filled in. */
const filled =
  <T extends object>(make: () => T, read: (b: Uint8Array, s: number, e: number, into: T) => WireFault | null): Read =>
  (bytes, start, end) => {
    const into = make();
    return { fault: read(bytes, start, end, into), ...into };
  };

const readers: Record<string, { read: Read; valid: string }> = {
  Parse: {
    read: filled(() => new frontend.ParseMessage(), frontend.readParse),
    valid: 's\0select $1\0\0\x01\0\0\0\x17',
  },
  Bind: {
    read: filled(() => new frontend.BindMessage(), frontend.readBind),
    valid: 'p\0s\0\0\x01\0\x01\0\x02\0\0\0\x02ab\xff\xff\xff\xff\0\x01\0\x01',
  },
  Execute: { read: filled(() => new frontend.ExecuteMessage(), frontend.readExecute), valid: 'p\0\0\0\0\x07' },
  Named: { read: filled(() => new frontend.NamedMessage(), frontend.readNamed), valid: 'Sname\0' },
  Query: { read: frontend.checkQuery, valid: 'select 1\0' },
  SASLInitialResponse: { read: frontend.readSASLInitialResponse, valid: 'SCRAM-SHA-256\0\0\0\0\x02ab' },
  RowDescription: {
    read: backend.readRowDescription,
    valid: '\0\x01ssn\0\0\0\x40\x01\0\x03\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0',
  },
  CopyResponse: { read: backend.readCopyResponse, valid: '\x01\0\x01\0\x01' },
  commandRows: { read: backend.commandRows, valid: 'INSERT 0 12\0' },
  ReadyForQuery: { read: backend.readReadyForQuery, valid: 'I' },
  ParameterStatus: { read: backend.readParameterStatus, valid: 'a\0b\0' },
  BackendKeyData: { read: backend.readBackendKeyData, valid: '\0\0\0\x01abcd' },
  Diagnostic: { read: backend.readDiagnostic, valid: 'SERROR\0C42P01\0Mx\0\0' },
  Notification: { read: backend.readNotification, valid: '\0\0\0\x01a\0b\0' },
  Authentication: { read: backend.readAuthentication, valid: '\0\0\0\x05salt' },
  SASLMechanisms: { read: (b, s, e) => backend.readSASLMechanisms(b.subarray(s, e)), valid: 'SCRAM-SHA-256\0\0' },
  StartupPacket: { read: readStartupPacket, valid: '\0\0\0\x1c\0\x03\0\0user\0al\0database\0s\0\0' },
  serverEndPoint: {
    read: (b, s, e) => serverEndPoint(b.subarray(s, e)),
    valid: '\x30\x0d\x30\0\x30\x06\x06\x04abcd\x03\x01\0',
  },
};

/** A valid body with up to four bytes changed, and cut or lengthened; or just bytes. */
function bodies(valid: string): fc.Arbitrary<Uint8Array> {
  const changed = fc
    .tuple(
      fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 4 }),
      fc.nat(valid.length),
      fc.uint8Array({ maxLength: 4 }),
    )
    .map(([changes, cut, tail]) => {
      const body = Buffer.from(valid, 'latin1');
      for (const [at, value] of changes) body[at] = value;
      return Uint8Array.from(
        Buffer.concat([cut % 3 === 0 ? body.subarray(0, cut) : body, cut % 2 === 0 ? tail : Buffer.alloc(0)]),
      );
    });
  return fc.oneof(changed, fc.uint8Array({ maxLength: 200 }));
}

const offset = 8;

/** The body inside other bytes, so that a read outside it changes the result. */
function placed(body: Uint8Array, surroundings: number): Uint8Array {
  const bytes = new Uint8Array(body.length + 2 * offset).fill(surroundings);
  bytes.set(body, offset);
  return bytes;
}

for (const [name, { read, valid }] of Object.entries(readers)) {
  test(`${name}: any bytes give a value or a fault, and nothing outside is read`, () => {
    fc.assert(
      fc.property(bodies(valid), (body) => {
        const results = [0x00, 0x41, 0xff].map((fill) => read(placed(body, fill), offset, offset + body.length));
        assert.deepEqual(results[1], results[0]);
        assert.deepEqual(results[2], results[0]);
      }),
      { numRuns },
    );
  });
}

test('offsets that Parse and Bind give stay inside the message', () => {
  fc.assert(
    fc.property(bodies(readers['Bind'].valid), bodies(readers['Parse'].valid), (bindBody, parseBody) => {
      const bind = new frontend.BindMessage();
      if (frontend.readBind(bindBody, 0, bindBody.length, bind) === null) {
        assert.ok(bind.valuesAt <= bindBody.length);
        assert.equal(bind.resultFormatsAt + 2 * bind.resultFormatCount, bindBody.length);
        assert.ok(frontend.resultFormats(bindBody, bind).length <= bind.resultFormatCount);
      }
      const parse = new frontend.ParseMessage();
      if (frontend.readParse(parseBody, 0, parseBody.length, parse) === null) {
        assert.ok(parse.queryStart <= parse.queryEnd);
        assert.equal(parse.typesAt + 4 * parse.typeCount, parseBody.length);
      }
    }),
    { numRuns },
  );
});

test('a startup packet that was read can be judged', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 8 }), fc.nat(0xffff), (pairs, minor) => {
      const parameters = [['user', 'a'] as const, ['options', pairs.join(' ')] as const, ...pairs];
      const startup = judgeStartup({ kind: 'startup', end: 0, minor, parameters });
      if (!(startup instanceof WireFault)) assert.ok(startup.minor === 0 || startup.minor === 2);
      // What a fault says goes to a client and to the log.
      else assert.match(startup.detail, /^[\x20-\x7e]{1,160}$/);
    }),
    { numRuns },
  );
});

test('framing: any bytes, split anywhere, give the same frames, and every frame lies inside', () => {
  const chunks = fc.array(
    fc.oneof(
      fc
        .constantFrom('Q\0\0\0\x05\0', 'S\0\0\0\x04', 'D\0\0\0\x06\0\0', 'Z\0\0\0\x05I')
        .map((text) => Buffer.from(text, 'latin1')),
      fc.uint8Array({ maxLength: 12 }),
    ),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(chunks, fc.boolean(), (parts, fromClient) => {
      const bytes = Buffer.concat(parts);
      const limits = fromClient ? frontendLimits(1000) : backendLimits;
      const whole = framesOf(bytes, [bytes.length], limits);
      for (let split = 0; split <= bytes.length; split++) {
        assert.deepEqual(framesOf(bytes, [split, bytes.length], limits), whole);
      }
      const run = frameRunEnd(bytes, 0, bytes.length, 0x44, 1000);
      assert.ok(run >= 0 && run <= bytes.length);
    }),
    { numRuns: Math.ceil(numRuns / 4) },
  );
});

/** Frame ends and the verdict on what follows, when bytes arrive up to each of `arrivals` in turn. */
function framesOf(bytes: Uint8Array, arrivals: readonly number[], limits: Uint32Array): [number[], FrameState] {
  const frame = new Frame();
  const ends: number[] = [];
  let at = 0;
  let state: FrameState = FrameState.incomplete;
  for (const end of arrivals) {
    for (;;) {
      state = nextFrame(bytes, at, end, limits, frame);
      if (state !== FrameState.complete) break;
      assert.ok(frame.body <= frame.end && frame.end <= end);
      ends.push(frame.end);
      at = frame.end;
    }
    // Only `incomplete` may change when more bytes arrive.
    if (state !== FrameState.incomplete) break;
    assert.ok(frame.end > end);
  }
  return [ends, state];
}
