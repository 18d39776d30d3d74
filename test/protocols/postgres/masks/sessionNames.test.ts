import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SessionEncoding } from '../../../../src/protocols/postgres/masks/sessionEncoding.ts';
import { SessionNames } from '../../../../src/protocols/postgres/masks/sessionNames.ts';

function session(server: string, client: string): SessionNames {
  const encoding = new SessionEncoding();
  encoding.onReported('server_encoding', server);
  encoding.onReported('client_encoding', client);
  return new SessionNames(encoding);
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
    plain.onShown('"$user", public', 'none', 'gate');
    assert.ok(plain.path !== null && plain.path.loose === undefined, `${server} ${client}`);
    plain.onShown('"$user", public', '\u{fffd}', 'gate');
    assert.equal(plain.path?.loose, true, `${server} ${client}`);
  }
  const names = session('UTF8', 'UTF8');
  names.onSearchPath('é, public');
  assert.equal(names.path?.loose, undefined);
});

function utf8Session(): SessionNames {
  return session('UTF8', 'UTF8');
}

test('what was prepared before the path was told knows it as it is', () => {
  const names = utf8Session();
  const { serial, version } = names;
  names.onSearchPath('public');
  assert.equal(names.serial, serial);
  // Plans that were made without it are made anew.
  assert.notEqual(names.version, version);
  assert.equal(names.path?.loose, undefined);
  names.forgetPath();
  names.onSearchPath('public');
  assert.notEqual(names.serial, serial);
});

test('a path that was changed before it was told is not that of what was prepared', () => {
  const changes: readonly ((names: SessionNames) => void)[] = [
    (names) => names.forgetPath(),
    (names) => names.onSet('public'),
    (names) => names.onRole(null),
  ];
  for (const change of changes) {
    const names = utf8Session();
    const { serial } = names;
    change(names);
    names.onShown('public', 'none', 'gate');
    assert.notEqual(names.serial, serial);
    assert.equal(names.path?.loose, true);
  }
});

test('behind DISCARD ALL a session is as it was when it began', () => {
  const moved = (): SessionNames => {
    const names = utf8Session();
    names.onShown('"$user", public', 'none', 'gate');
    names.onSet('other');
    names.onShown('"$user", public', 'none', 'gate');
    assert.equal(names.path?.loose, true);
    names.onDiscarded();
    return names;
  };
  const names = moved();
  names.settle(true);
  assert.ok(names.discarded);
  const { serial } = names;
  names.onShown('"$user", public', 'none', 'gate');
  names.settle(true);
  assert.equal(names.path?.loose, undefined);
  assert.ok(names.serial > serial);
  const changed = utf8Session();
  changed.onSearchPath('public');
  changed.onMoved();
  changed.onDiscarded();
  changed.onSearchPath('public');
  changed.settle(true);
  assert.equal(changed.path?.loose, true);
  const other: Readonly<Record<string, (names: SessionNames) => void>> = {
    'something is left': (at) => at.settle(false),
    'another path': (at) => at.onSearchPath('other'),
    'a schema that was changed': (at) => at.onMoved(),
    'another role': (at) => {
      at.onShown('"$user", public', 'other', 'gate');
      at.settle(true);
    },
    'a path that was set': (at) => at.onSet('"$user", public'),
  };
  for (const [name, change] of Object.entries(other)) {
    const again = moved();
    change(again);
    again.onShown('"$user", public', 'none', 'gate');
    again.settle(true);
    assert.equal(again.path?.loose, true, name);
  }
});
