import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';

import type { UserConfig } from '../../src/config/config.ts';
import { openSecrets } from '../../src/credentials/secrets.ts';
import { openIdentity } from '../../src/identity/identity.ts';
import { makeVerifier } from '../../src/scram/verifier.ts';

const rfcText =
  'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=';

function fromEnv(name: string, variable: string): UserConfig {
  return { name, groups: ['engineering'], password: { kind: 'secret', ref: { kind: 'env', name: variable } } };
}

const secrets = openSecrets({ env: { ALICE: 'wonderland', EMPTY: '' }, now: () => 0 });

test('users are found by exact name, with their groups and a verifier instead of a password', async () => {
  const dana: UserConfig = { name: 'dana', groups: ['dba'], password: { kind: 'scram', verifier: rfcText } };
  const result = await openIdentity([fromEnv('alice', 'ALICE'), dana], secrets);
  assert.ok('identities' in result);
  const alice = result.identities.find('alice');
  assert.ok(alice);
  assert.deepEqual(alice.identity, { user: 'alice', groups: ['engineering'], method: 'password' });
  const again = await makeVerifier('wonderland', alice.verifier.salt);
  assert.deepEqual(alice.verifier, again);
  assert.ok(!inspect(result, { depth: 9, showHidden: true }).includes('wonderland'));
  assert.equal(result.identities.find('dana')?.verifier.iterations, 4096);
  for (const name of ['Alice', 'alice ', '', '__proto__', 'constructor', 'nobody'])
    assert.equal(result.identities.find(name), null, name);
});

test('every user that cannot be made ready is a fault', async () => {
  const broken: UserConfig = {
    name: 'eve',
    groups: [],
    password: { kind: 'scram', verifier: 'SCRAM-SHA-256$1:a$b:c' },
  };
  const users = [fromEnv('alice', 'ALICE'), fromEnv('bob', 'MISSING'), fromEnv('carol', 'EMPTY'), broken];
  const result = await openIdentity(users, secrets);
  assert.ok('faults' in result);
  assert.deepEqual(
    result.faults.map(({ code, detail }) => [code, detail]),
    [
      ['BG_SECRET_UNAVAILABLE', 'user bob: environment variable MISSING is not set'],
      ['BG_SECRET_UNAVAILABLE', 'user carol: environment variable EMPTY is empty'],
      [
        'BG_SECRET_UNAVAILABLE',
        'user eve: the SCRAM verifier is malformed, or its iterations are not within 4096 and 10 million',
      ],
    ],
  );
});
