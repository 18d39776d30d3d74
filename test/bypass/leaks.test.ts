/** What looks for leaks must find them, or everything that it passes means nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { int16, int32 } from '../support/rawPostgres.ts';
import type { RawMessage } from '../support/rawPostgres.ts';
import { twinCanaries, twinText } from './corpusFile.ts';
import { canaries, digestsOf, leaks } from './leaks.ts';

const row = (...cells: readonly (string | Buffer)[]): RawMessage => ({
  type: 'D',
  body: Buffer.concat([
    int16(cells.length),
    ...cells.flatMap((cell) => [int32(Buffer.byteLength(cell)), Buffer.from(cell as string)]),
  ]),
});
const value = `${canaries.ssn.repeat(3)}-1003`;

const forms: Readonly<Record<string, readonly RawMessage[]>> = {
  plain: [row(value)],
  'four characters from the middle': [row('7kZq')],
  'upper case': [row(value.toUpperCase())],
  reversed: [row([...value].toReversed().join(''))],
  hexadecimal: [row(Buffer.from(value).toString('hex'))],
  'hexadecimal out of step': [row(`\\x1${Buffer.from(value).toString('hex')}`)],
  base64: [row(Buffer.from(value).toString('base64'))],
  'base64 out of step': [row(Buffer.from(`xx${value}`).toString('base64'))],
  bits: [row([...Buffer.from('Zq7k')].map((byte) => byte.toString(2).padStart(8, '0')).join(''))],
  'character codes': [row('90', '113', '55', '107')],
  'character codes in an array': [row('{90,113,55,107}')],
  'escapes of JSON': [row('\\u005aq\\u0037k')],
  'references of XML': [row('&#90;&#x71;7k')],
  'UTF-16': [row(Buffer.from('Zq7k', 'utf16le'))],
  'one letter a row': [...'Zq7k'].map((letter) => row('1', letter)),
  'one letter a column': [row(...'Zq7k')],
  'letters between commas': [row('Z,q,7,k')],
  'a notification': [{ type: 'A', body: Buffer.from(`\0\0\0\x01lab\0${value}\0`) }],
  'an error': [{ type: 'E', body: Buffer.from(`SERROR\0C22P02\0Mno number: "${value}"\0\0`) }],
  'one letter a line of COPY': [...'Zq7k'].map((letter) => ({ type: 'd', body: Buffer.from(`${letter}\n`) })),
};

for (const [form, messages] of Object.entries(forms)) {
  test(`found: ${form}`, () => assert.notDeepEqual(leaks(messages), []));
}

test('found: a digest, as text and as bytes', () => {
  const digests = digestsOf(value);
  const secrets = { texts: new Map(), bytes: [], cells: new Map(digests.map((digest) => [digest, 'ssn'])) };
  for (const digest of digests) {
    assert.deepEqual(leaks([row(digest)], secrets), ['ssn (digest)']);
    assert.deepEqual(leaks([row(`\\x${digest}`)], secrets), ['ssn (digest)']);
    assert.deepEqual(leaks([row(Buffer.from(digest, 'hex'))], secrets), ['ssn (digest)']);
  }
});

test('not found: masks, and what only looks like it', () => {
  for (const cell of ['*************1003', '[redacted]', 'a****@example.com', 'Zq7', 'kZq', 'Town 3', '90,113,55', ''])
    assert.deepEqual(leaks([row(cell)]), [], cell);
});

test('twins name the tables without masks, and nothing else changes', () => {
  assert.equal(
    twinText('select customers.ssn, customer_id from public."customers" join payments p on \'customers_x\''),
    'select members.ssn, customer_id from public."members" join receipts p on \'customers_x\'',
  );
  assert.equal(twinText("like 'Zq7k%'"), `like '${twinCanaries['Zq7k']}%'`);
});
