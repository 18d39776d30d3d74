import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SessionEncoding } from '../../../../src/protocols/postgres/masks/sessionEncoding.ts';
import { SessionNames } from '../../../../src/protocols/postgres/masks/sessionNames.ts';

function session(server: string, client: string): SessionNames {
  const encoding = new SessionEncoding();
  encoding.onReported('server_encoding', server);
  encoding.onReported('client_encoding', client);
  return new SessionNames('gate', encoding);
}

test('a path whose letters the gate may read otherwise is not relied on', () => {
  for (const [server, client] of [
    ['LATIN1', 'LATIN1'],
    ['UTF8', 'LATIN1'],
    ['LATIN1', 'UTF8'],
  ]) {
    const names = session(server, client);
    names.onSearchPath('\u{fffd}, public');
    assert.equal(names.path?.loose, true, `${server} ${client}`);
    const plain = session(server, client);
    plain.onSearchPath('"$user", public');
    assert.equal(plain.path?.loose, undefined, `${server} ${client}`);
    plain.onShownRole('\u{fffd}', 'gate');
    assert.equal(plain.path?.loose, true, `${server} ${client}`);
  }
  const names = session('UTF8', 'UTF8');
  names.onSearchPath('é, public');
  assert.equal(names.path?.loose, undefined);
});
