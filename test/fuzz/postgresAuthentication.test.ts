/** Foreign bytes into both sides of SCRAM, into target authentication, and into the scrubbing of errors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { TargetAuthentication } from '../../src/protocols/postgres/login/authentication.ts';
import { scrubDiagnostics } from '../../src/protocols/postgres/diagnostics/diagnostics.ts';
import { makeMockVerifier, ServerScram } from '../../src/protocols/postgres/login/scramServer.ts';
import { WireFault } from '../../src/protocols/postgres/wire/wire.ts';
import { preparePassword } from '../../src/scram/saslprep.ts';
import { parseVerifier } from '../../src/scram/verifier.ts';

const nothingSure = { input: null, isShownKey: () => false, isSuspect: () => false } as const;

const numRuns = Number(process.env['FUZZ_RUNS'] ?? 800);
const mockVerifier = makeMockVerifier(Buffer.alloc(32, 3), 'user');

/** Words of SCRAM in any order, with rubbish between them. */
const scramText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'n',
        'y',
        'p=tls-server-end-point',
        ',',
        'n=user',
        'r=CLIENT',
        'r=CLIENTSERVER',
        'c=biws',
        's=YWJj',
        'i=4096',
      ),
      fc.constantFrom('p=AAAA', 'v=AAAA', 'e=no', 'm=x', 'a=root', '=', '\0', '\n'),
      fc.string({ maxLength: 6 }),
    ),
    { maxLength: 12 },
  )
  .map((words) => Buffer.from(words.join(''), 'latin1'));

test('no client gets in by words alone', () => {
  fc.assert(
    fc.property(scramText, scramText, fc.boolean(), (first, last, known) => {
      const server = new ServerScram({
        verifier: known ? mockVerifier : null,
        mockVerifier,
        nonce: 'SERVER',
        channelBinding: null,
      });
      const started = server.begin('SCRAM-SHA-256', first);
      const finished = server.finish(last);
      assert.ok(finished instanceof WireFault);
      if (started instanceof WireFault) assert.equal(finished.code, 'BG_PROTOCOL_VIOLATION');
      assert.ok(server.begin('SCRAM-SHA-256', first) instanceof WireFault);
    }),
    { numRuns },
  );
});

test('a target is never thrown at, nor told more than one password message', async () => {
  const methods = [0, 3, 5, 10, 11, 12, 99];
  const message = fc.tuple(
    fc.constantFrom(...methods),
    fc.oneof(scramText, fc.constantFrom(Buffer.from('SCRAM-SHA-256\0\0'), Buffer.from('1234'), Buffer.alloc(0))),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 5 }), fc.boolean(), async (messages, encrypted) => {
      const gate = new TargetAuthentication({
        user: 'gate',
        password: 'topsecret',
        saltPassword: async () => Buffer.alloc(32, 1),
        encrypted,
        certificate: null,
        nonce: 'CLIENT',
      });
      let ended = false;
      let clear = 0;
      for (const [method, data] of messages) {
        const body = Buffer.concat([Buffer.from([0, 0, 0, method]), data]);
        const step = await gate.feed(body, 0, body.length);
        if (ended) assert.ok(step instanceof WireFault, 'nothing follows an end');
        if (step instanceof WireFault || step.kind === 'ok') ended = true;
        else if (step.kind === 'send' && Buffer.from(step.bytes).includes('topsecret')) clear++;
      }
      assert.ok(clear <= (encrypted ? 1 : 0));
    }),
    { numRuns },
  );
});

test('verifiers and passwords: any text gives an answer', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      assert.equal(parseVerifier(text), null);
      assert.ok(preparePassword(text).length <= 18 * 3 * text.length);
    }),
    { numRuns },
  );
});

const secret = '971-22-4417';
/** Where the secret stands, in the wordings of the server and in wordings that imitate them. */
const wording = fc.constantFrom(
  `invalid input syntax for type integer: "${secret}"`,
  `relation "${secret}" does not exist`,
  `relation "a" ${secret} "b" does not exist`,
  `column "a" of relation "${secret}" does not exist`,
  `large object ${secret} does not exist`,
  `operator does not exist: ${secret}`,
  `"${secret}`,
  `${secret}"`,
  `: ${secret}`,
  `x: y: "${secret}": z`,
  `Key (a)=(${secret}) already exists.`,
  `Failing row contains (1, ${secret}).`,
  `COPY t, line 1: "${secret}"`,
  `JSON data, line 1: ${secret}`,
  `PL/pgSQL function f(text) line 1 at RAISE\n${secret}`,
  secret,
);

test('no error without a position shows a value, whatever its fields', () => {
  const field = fc.record({ type: fc.constantFrom(...'MDHWqpZ'), value: wording });
  const sqlstate = fc.constantFrom(
    '22P02',
    '22003',
    '23505',
    '42P01',
    '42704',
    '42883',
    '44000',
    'P0001',
    'XX000',
    '00000',
    '58P01',
    '0A000',
    '54000',
  );
  const file = fc.constantFrom('int.c', 'pl_exec.c', 'nbtinsert.c', 'plv8.cc');
  fc.assert(
    fc.property(
      fc.array(field, { maxLength: 6 }),
      sqlstate,
      file,
      fc.constantFrom('ERROR', 'NOTICE', 'LOG'),
      (fields, code, source, severity) => {
        const given = [
          { type: 'S', value: severity },
          { type: 'V', value: severity },
          { type: 'C', value: code },
          { type: 'F', value: source },
          ...fields,
        ];
        const kept = scrubDiagnostics(given, {
          ...nothingSure,
          statement: 'select a, b from t where f(ssn) -- text',
        });
        for (const { type, value } of kept) {
          for (const part of ['971', '22-', '4417']) assert.ok(!value.includes(part), `${type}: ${value}`);
        }
      },
    ),
    { numRuns: numRuns * 3 },
  );
});

test('scrubbing any fields gives fields that can be written', () => {
  const field = fc.record({ type: fc.string({ minLength: 1, maxLength: 1 }), value: fc.string({ maxLength: 60 }) });
  fc.assert(
    fc.property(fc.array(field, { maxLength: 20 }), fc.option(fc.string()), (fields, statement) => {
      for (const { type } of scrubDiagnostics(fields, { ...nothingSure, statement }))
        assert.match(type, /^[SVCMDHPWstcdnFLR]$/);
    }),
    { numRuns },
  );
});
