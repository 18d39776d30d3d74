import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { parserReady } from '../../../../src/protocols/postgres/parse/parse.ts';
import { type PgType, typeClassOf } from '../../../../src/protocols/postgres/catalog/types.ts';
import { shopCatalog, typeOids } from './fixture.ts';

before(parserReady);

describe('typeClassOf', () => {
  const expected = {
    text: 'text',
    varchar: 'text',
    bpchar: 'text',
    name: 'text',
    citext: 'text',
    xml: 'text',
    json: 'json',
    jsonb: 'jsonb',
    bytea: 'bytea',
    int8: 'integer',
    numeric: 'numeric',
    int4: 'fixed',
    bool: 'fixed',
    date: 'fixed',
    timestamptz: 'fixed',
    uuid: 'fixed',
    float8: 'fixed',
    char: 'fixed',
    mood: 'fixed',
    moodArray: 'fixed',
    int4Array: 'fixed',
    textArray: 'text_array',
    ssnArray: 'text_array',
    usSsn: 'text',
    inet: 'other',
    inetArray: 'other',
    int4range: 'other',
    address: 'other',
    record: 'other',
  } as const;
  for (const [name, type] of Object.entries(expected)) {
    it(`${name} is ${type}`, () => {
      const catalog = shopCatalog();
      assert.equal(
        typeClassOf(typeOids[name as keyof typeof expected], (oid) => catalog.type(oid)),
        type,
      );
    });
  }

  it('an unknown OID is other, well-known ones need no catalog', () => {
    assert.equal(
      typeClassOf(999_999, () => undefined),
      'other',
    );
    assert.equal(
      typeClassOf(114, () => undefined),
      'json',
    );
    assert.equal(
      typeClassOf(20, () => undefined),
      'integer',
    );
  });

  it('domains without end and arrays of array domains are other', () => {
    const loop: PgType = {
      oid: 1,
      schema: 's',
      name: 'd',
      kind: 'd',
      category: 'S',
      baseType: 1,
      elementType: 0,
      relation: 0,
    };
    assert.equal(
      typeClassOf(1, () => loop),
      'other',
    );
    const types = new Map<number, PgType>([
      [50_001, { ...loop, oid: 50_001, kind: 'b', category: 'A', baseType: 0, elementType: 50_002 }],
      [50_002, { ...loop, oid: 50_002, category: 'A', baseType: 50_003 }],
      [50_003, { ...loop, oid: 50_003, kind: 'b', category: 'A', baseType: 0, elementType: 25 }],
    ]);
    assert.equal(
      typeClassOf(50_001, (oid) => types.get(oid)),
      'other',
    );
  });

  it('a user-made number or shape may print anything', () => {
    const made: PgType = {
      oid: 50_001,
      schema: 's',
      name: 'n',
      kind: 'b',
      category: 'N',
      baseType: 0,
      elementType: 0,
      relation: 0,
    };
    assert.equal(
      typeClassOf(50_001, () => made),
      'other',
    );
  });
});
