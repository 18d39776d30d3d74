import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodingOf } from '../../../../src/protocols/postgres/masks/encodings.ts';

test('names of encodings are compared as the server does', () => {
  for (const name of ['UTF8', 'utf-8', 'Unicode', 'SQL_ASCII']) assert.equal(encodingOf(name), 'utf8', name);
  for (const name of ['LATIN1', 'latin-1', 'ISO_8859_5', 'iso-8859-15', 'WIN1252', 'windows-1252', 'KOI8R'])
    assert.equal(encodingOf(name), 'single_byte', name);
  for (const name of ['SJIS', 'BIG5', 'GB18030', 'EUC_JP', 'MULE_INTERNAL', '', 'latin11'])
    assert.equal(encodingOf(name), null, name);
});
