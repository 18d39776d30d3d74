import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from '../../src/yaml/nearest.ts';

test('typing mistakes find their word, and nothing far away does', () => {
  assert.equal(nearest('Connectoins', ['connections', 'limits']), 'connections');
  assert.equal(nearest('drain', ['dial_ms', 'drain_ms']), 'drain_ms');
  assert.equal(nearest('dorp', ['do', 'drop']), 'drop', 'a swap of neighbours is one mistake');
  assert.equal(nearest('prot', ['host', 'port']), 'port');
  assert.equal(nearest('kubernetes', ['postgres', 'control']), null);
  assert.equal(nearest('tll', ['env']), null);
  assert.equal(nearest('x', ['y']), null, 'all of a word is no mistake in it');
  assert.equal(nearest('', ['env']), null);
  assert.equal(nearest('x'.repeat(100_000), ['connections']), null);
});
