/** Settings whose names and values a Bind gives. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type AnalyzedStatement, analyze } from '../../../../src/protocols/postgres/facts/facts.ts';
import { parserReady } from '../../../../src/protocols/postgres/parse/parse.ts';
import { settingsOf } from '../../../../src/protocols/postgres/session/boundSettings.ts';
import { misreadingFault } from '../../../../src/protocols/postgres/session/misreading.ts';
import { ParameterTexts } from '../../../../src/protocols/postgres/session/parameterTexts.ts';
import {
  BindMessage,
  namesTextTypes,
  ParseMessage,
  readBind,
  readParse,
} from '../../../../src/protocols/postgres/wire/frontend.ts';
import { int16, int32, message } from '../../../support/rawPostgres.ts';

before(parserReady);

function statement(sql: string): AnalyzedStatement {
  const analysis = analyze(sql);
  assert.ok('statements' in analysis, sql);
  return analysis.statements[0];
}

function parameters(values: readonly string[], formats: readonly number[] = []): ParameterTexts {
  const texts = values.flatMap((value) => [int32(Buffer.byteLength(value)), Buffer.from(value)]);
  const head = [Buffer.from('\0\0'), int16(formats.length), ...formats.map(int16), int16(values.length)];
  const bytes = message('B', ...head, ...texts, int16(0));
  const read = new BindMessage();
  assert.equal(readBind(bytes, 5, bytes.length, read), null);
  return new ParameterTexts(bytes, read);
}

function found(sql: string, ...values: readonly string[]): string {
  const settings = settingsOf(statement(sql), parameters(values));
  return settings.map(({ name, value }) => `${name ?? '?'}=${value ?? '?'}`).join(' ');
}

test('a setting is known by the values of its parameters', () => {
  assert.equal(found('select set_config($1, $2, true)', 'app.Tenant', '42'), 'app.tenant=42');
  assert.equal(found('select set_config($1::text, $2::varchar, true)', 'a.b', 'c'), 'a.b=c');
  assert.equal(found("select set_config('a.b', $1, true)", 'c'), 'a.b=?');
  assert.equal(found('select set_config($1, $1, true) from t', 'role '), 'role=role');
  assert.equal(found("select set_config($1, 'x', true)", 'ROLE'), 'role=x');
  const two = 'select set_config($1, $2, true), set_config($3, $4, true)';
  assert.deepEqual(found(two, 'a.b', '1', 'c.d', '2').split(' ').toSorted(), ['a.b=1', 'c.d=2']);
});

test('what may be another text by then is not', () => {
  // The first place of a parameter decides its type, and a cast from that may give any text.
  assert.equal(found('select $1::mine, set_config($1, $2, true)', 'a.b', 'c'), '?=c');
  assert.equal(found('select set_config($1::char(4), $2, true)', 'roleX', 'c'), '?=c');
  assert.equal(found("select set_config($1 || 'e', $2, true)", 'rol', 'c'), '?=c');
  assert.equal(found('select set_config((select $1), $2, true)', 'rol', 'c'), '?=c');
  assert.equal(found('select set_config($3, $2, true)', 'rol', 'c'), '?=c');
  // Of those in a literal that is run nothing is known.
  const inside =
    "select set_config($1, $2, true), query_to_xml('select set_config(n, v, true) from t', true, true, '')";
  assert.equal(found(inside, 'a.b', 'c'), '?=? ?=?');
  assert.ok(parameters(['a'], [0]).allAreTexts);
  assert.ok(parameters(['a', 'b']).allAreTexts);
  assert.ok(!parameters(['a', 'b'], [0, 1]).allAreTexts);
  assert.ok(!parameters(['a', 'b'], [1]).allAreTexts);
});

test('types that a Parse names must keep a text', () => {
  const named = (...types: readonly number[]): boolean => {
    const bytes = message('P', Buffer.from('\0select 1\0'), int16(types.length), ...types.map((type) => int32(type)));
    const read = new ParseMessage();
    assert.equal(readParse(bytes, 5, bytes.length, read), null);
    return namesTextTypes(bytes, read);
  };
  assert.ok(named());
  assert.ok(named(0, 25, 1043, 705));
  assert.ok(!named(25, 16_500));
  assert.ok(!named(1042));
});

test('a parameter that would have texts read otherwise is refused', () => {
  const sql = 'select set_config($1, $2, true)';
  const fault = (...values: readonly string[]): string | null =>
    misreadingFault(statement(sql), false, parameters(values))?.code ?? null;
  assert.equal(fault('app.tenant', '42'), null);
  assert.equal(fault('app.tenant', 'off'), null);
  assert.equal(fault('search_path', 'x'), null);
  assert.equal(fault('client_encoding', 'LATIN1'), null);
  assert.equal(fault('Standard_Conforming_Strings', 'off'), 'BG_ENCODING_REFUSED');
  assert.equal(fault('client_encoding', 'SJIS'), 'BG_ENCODING_REFUSED');
  assert.equal(fault(), 'BG_ENCODING_REFUSED');
  assert.equal(misreadingFault(statement(sql), false)?.code, 'BG_ENCODING_REFUSED');
});
