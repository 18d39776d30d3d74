import assert from 'node:assert/strict';
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { describe, test } from 'node:test';

import * as fc from 'fast-check';

import { formatVerifier, makeVerifier, parseVerifier } from '../../src/scram/verifier.ts';

/** RFC 7677 section 3: user "user", password "pencil". */
const rfcText =
  'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=';

describe('verifiers', () => {
  test('derive the keys of the example in RFC 7677', async () => {
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
    const verifier = await makeVerifier('pencil', salt, 4096);
    assert.equal(formatVerifier(verifier), rfcText);
    // The proof of the RFC's client must come out of it: ClientKey XOR HMAC(StoredKey, AuthMessage).
    const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
    const authMessage = `n=user,r=rOprNGfwEbeRWgbNEkqO,r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=${nonce}`;
    const signature = createHmac('sha256', verifier.storedKey).update(authMessage).digest();
    const proof = Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64');
    const clientKey = proof.map((byte, index) => byte ^ signature[index]);
    assert.deepEqual(createHash('sha256').update(clientKey).digest(), verifier.storedKey);
    const serverSignature = createHmac('sha256', verifier.serverKey).update(authMessage).digest('base64');
    assert.equal(serverSignature, '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
  });

  test('are read back from their text', () => {
    const verifier = parseVerifier(rfcText);
    assert.ok(verifier);
    assert.equal(verifier.iterations, 4096);
    assert.equal(verifier.salt.length, 16);
    assert.equal(formatVerifier(verifier), rfcText);
  });

  test('have a fresh salt each', async () => {
    const [a, b] = await Promise.all([makeVerifier('pencil'), makeVerifier('pencil')]);
    assert.equal(a.salt.length, 16);
    assert.notDeepEqual(a.salt, b.salt);
    assert.notDeepEqual(a.storedKey, b.storedKey);
  });

  test('use the prepared password', async () => {
    const salt = Buffer.alloc(16, 7);
    const made = await makeVerifier('I\u00adX', salt);
    const salted = pbkdf2Sync('IX', salt, 4096, 32, 'sha256');
    assert.deepEqual(made.serverKey, createHmac('sha256', salted).update('Server Key').digest());
  });

  test('that are malformed or out of bounds are not read', () => {
    const wrong = [
      '',
      'pencil',
      rfcText.slice(0, -1),
      `${rfcText} `,
      `${rfcText}\n`,
      rfcText.replace('SHA-256', 'SHA-1'),
      rfcText.replace('4096', '4095'),
      rfcText.replace('4096', '99999999'),
      rfcText.replace('W22ZaJ0SNY7soEsUEjb6gQ==', ''),
      rfcText.replace('W22Z', 'W2='),
      rfcText.replace('WG5d8oPm', 'WG5d'),
      rfcText.replace('4096', '0'),
      rfcText.replace('4096', '04096'),
      rfcText.replace('W22ZaJ0SNY7soEsUEjb6gQ==', 'YWJ'),
      rfcText.replace(/:[^:]*$/, ''),
      rfcText.replace(/:[^:]*$/, ':AAAA'),
      'md5d4a1f3c7c8f1b0b6a7f1f1c9d6d1a111',
    ];
    for (const text of wrong) assert.equal(parseVerifier(text), null, text);
  });

  test('any text is read or not, and what is read is written the same', () => {
    const near = fc.tuple(fc.nat(rfcText.length), fc.string({ maxLength: 3 })).map(([at, text]) => {
      return rfcText.slice(0, at) + text + rfcText.slice(at + 1);
    });
    fc.assert(
      fc.property(fc.oneof(fc.string(), near), (text) => {
        const verifier = parseVerifier(text);
        if (verifier) assert.equal(formatVerifier(verifier), text);
      }),
      { numRuns: Number(process.env['FUZZ_RUNS'] ?? 500) },
    );
  });
});
