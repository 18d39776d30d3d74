import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scrubDiagnostics } from '../../../../src/protocols/postgres/diagnostics/diagnostics.ts';
import type { DiagnosticContext } from '../../../../src/protocols/postgres/diagnostics/diagnostics.ts';
import type { DiagnosticField } from '../../../../src/protocols/postgres/wire/backend.ts';

/** Fields as PostgreSQL 15 sent them, written `M=text`; severity and source file are added where a case does not care. */
const nothingSure = { input: null, isShownKey: () => false, isSuspect: () => false } as const;

function scrub(
  statement: string | null,
  given: readonly string[],
  severity = 'ERROR',
  file = 'int.c',
  more: Partial<DiagnosticContext> = {},
): string[] {
  const fields: DiagnosticField[] = [
    `S=${severity}`,
    `V=${severity}`,
    ...given,
    `F=${file}`,
    'L=34',
    'R=somewhere',
  ].map((field) => ({ type: field[0], value: field.slice(2) }));
  return scrubDiagnostics(fields, { ...nothingSure, statement, ...more })
    .filter((field) => !'SVFLR'.includes(field.type))
    .map((field) => `${field.type}=${field.value}`);
}

const untouched = (statement: string, fields: readonly string[], severity = 'ERROR', file = 'x.c'): void =>
  assert.deepEqual(scrub(statement, fields, severity, file), fields);

test('what the parser says of the statement stays word for word', () => {
  untouched('select * from foo', ['C=42P01', 'M=relation "foo" does not exist', 'P=15']);
  untouched('select emial from customers', [
    'C=42703',
    'M=column "emial" does not exist',
    'H=Perhaps you meant to reference the column "customers.email".',
    'P=8',
  ]);
  untouched('selec 1', ['C=42601', 'M=syntax error at or near "selec"', 'P=1']);
  untouched("select 'abc'::int", ['C=22P02', 'M=invalid input syntax for type integer: "abc"', 'P=8']);
  untouched('select lower(row(1,2))', [
    'C=42883',
    'M=function lower(record) does not exist',
    'H=No function matches the given name and argument types. You might need to add explicit type casts.',
    'P=8',
  ]);
  // In any language and encoding.
  untouched('select * from foo', ['C=42P01', 'M=Relation \xc2\xbbfoo\xc2\xab existiert nicht', 'P=15']);
});

test('errors without a position that name only what the statement names stay too', () => {
  untouched('drop table nope', ['C=42P01', 'M=table "nope" does not exist']);
  untouched('create table Customers(id int)', ['C=42P07', 'M=relation "customers" already exists']);
  untouched('create table if not exists t(id int)', ['C=42P07', 'M=relation "t" already exists, skipping'], 'NOTICE');
  untouched('fetch abc', ['C=34000', 'M=cursor "abc" does not exist']);
  untouched('execute nostmt', ['C=26000', 'M=prepared statement "nostmt" does not exist']);
  untouched('select 1', [
    'C=25P02',
    'M=current transaction is aborted, commands ignored until end of transaction block',
  ]);
  untouched('select * from secrets', ['C=42501', 'M=permission denied for table secrets']);
  untouched('select 1/(id-1) from customers', ['C=22012', 'M=division by zero']);
  untouched('alter table customers drop column a', ['C=42703', 'M=column "a" of relation "customers" does not exist']);
  untouched('select 1', ['C=57014', 'M=canceling statement due to statement timeout']);
  untouched('insert into t values ($1)', ['C=22001', 'M=value too long for type character varying(3)']);
  untouched('drop table customers', [
    'C=2BP01',
    'M=cannot drop table customers because other objects depend on it',
    'D=constraint ord_c_fkey on table ord depends on table customers',
    'H=Use DROP ... CASCADE to drop the dependent objects too.',
  ]);
  untouched('update t set a = 1', [
    'C=40P01',
    'M=deadlock detected',
    'D=Process 12 waits for ShareLock on transaction 7; blocked by process 13.',
    'H=See server log for query details.',
    'W=while updating tuple (0,8) in relation "t"',
  ]);
  untouched(
    'vacuum verbose t',
    ['C=00000', 'M=finished vacuuming "shop.public.t": index scans: 1'],
    'INFO',
    'vacuumlazy.c',
  );
});

test('a value that a cast did not like', () => {
  const cases: [string, string, string][] = [
    [
      '22P02',
      'invalid input syntax for type integer: "123-45-6789"',
      'invalid input syntax for type integer: "[masked]"',
    ],
    ['22P02', 'invalid input value for enum mood: "smith"', 'invalid input value for enum mood: "[masked]"'],
    [
      '22003',
      'value "123456789012" is out of range for type integer',
      'value "[masked]" is out of range for type integer',
    ],
    ['22008', 'date/time field value out of range: "123-45-6789"', 'date/time field value out of range: "[masked]"'],
    ['22P02', 'malformed array literal: "{smith"', 'malformed array literal: "[masked]"'],
    ['22023', 'time zone "smith" not recognized', 'time zone "[masked]" not recognized'],
    ['2202E', 'index 123456789 out of valid range, 0..0', 'index [masked] out of valid range, [masked]'],
    [
      '22021',
      'invalid byte sequence for encoding "UTF8": 0xe9 0x20',
      'invalid byte sequence for encoding "UTF8": [masked]',
    ],
    ['22023', 'invalid value for parameter "TimeZone": "smith"', 'invalid value for parameter "TimeZone": "[masked]"'],
    [
      '54000',
      'requested character too large for encoding: 123456789',
      'requested character too large for encoding: [masked]',
    ],
  ];
  for (const [sqlstate, message, expected] of cases) {
    assert.deepEqual(scrub('select f(ssn) from customers', [`C=${sqlstate}`, `M=${message}`]), [
      `C=${sqlstate}`,
      `M=${expected}`,
    ]);
  }
});

test('look-ups by a value at run time', () => {
  const statement = 'select x(ssn) from customers';
  const masked = (sqlstate: string, message: string): string => scrub(statement, [`C=${sqlstate}`, `M=${message}`])[1];
  assert.equal(masked('42P01', 'relation "123-45-6789" does not exist'), 'M=relation "[masked]" does not exist');
  assert.equal(masked('42883', 'operator does not exist: smith'), 'M=operator does not exist: [masked]');
  assert.equal(masked('42704', 'large object 123456789 does not exist'), 'M=large object [masked] does not exist');
  assert.equal(
    masked('42704', 'unrecognized configuration parameter "smith"'),
    'M=unrecognized configuration parameter "[masked]"',
  );
  assert.equal(masked('42601', 'syntax error in tsquery: "a smith"'), 'M=syntax error in tsquery: "[masked]"');
  assert.equal(
    masked('58P01', 'could not open file "smith" for reading: No such file or directory'),
    'M=could not open file "[masked]" for reading: No such file or directory',
  );
});

test('a value with quotes and colons of its own does not get out between them', () => {
  const masked = (value: string): string =>
    scrub("select ('1\" ' || name || ' \"2')::regclass from customers", [
      'C=42P01',
      `M=relation "${value}" does not exist`,
    ])[1];
  for (const value of ['1" smith "2', '1" smith', '1": smith', '1": "smith" "2', '1" "smith', '"smith"', '1" 2 "2']) {
    const message = masked(value);
    assert.ok(!message.includes('smith') && message.includes('[masked]'), message);
  }
});

test('the statement vouches for whole words, and only if it is short', () => {
  const message = (statement: string | null, value: string): string =>
    scrub(statement, ['C=42704', `M=unrecognized configuration parameter "${value}"`])[1];
  assert.match(message('select current_setting(pin) from t -- 0001 0002', '0001'), /"0001"/);
  // One long string that holds every four digits somewhere would make the error an oracle.
  assert.match(message('select current_setting(pin) from t -- 00010020034', '0002'), /\[masked\]/);
  assert.match(message(`select current_setting(pin) from t -- ${'0001 '.repeat(4000)}`, '0001'), /\[masked\]/);
  assert.match(message(null, 'x'), /\[masked\]/);
  // What stands in a cast's error is a value, even if the client guessed it.
  assert.equal(
    scrub("select ssn::int from t -- '123'", ['C=22P02', 'M=invalid input syntax for type integer: "123"'])[1],
    'M=invalid input syntax for type integer: "[masked]"',
  );
});

test('constraint violations keep names and lose rows', () => {
  const names = ['s=public', 't=customers', 'n=customers_ssn_key'];
  assert.deepEqual(
    scrub(
      'insert into customers select 2, ssn from vault',
      [
        'C=23505',
        'M=duplicate key value violates unique constraint "customers_ssn_key"',
        'D=Key (ssn)=(123-45-6789) already exists.',
        ...names,
      ],
      'ERROR',
      'nbtinsert.c',
    ),
    [
      'C=23505',
      'M=duplicate key value violates unique constraint "customers_ssn_key"',
      'D=Key (ssn)=([masked]).',
      ...names,
    ],
  );
  assert.deepEqual(
    scrub('insert into customers values (2, null)', [
      'C=23502',
      'M=null value in column "name" of relation "customers" violates not-null constraint',
      'D=Failing row contains (2, null, b, 9999999).',
      'c=name',
      't=customers',
    ]),
    [
      'C=23502',
      'M=null value in column "name" of relation "customers" violates not-null constraint',
      'c=name',
      't=customers',
    ],
  );
  assert.deepEqual(
    scrub('insert into v values (1)', [
      'C=44000',
      'M=new row violates check option for view "v"',
      'D=Failing row contains (smith).',
    ]),
    ['C=44000', 'M=new row violates check option for view "[masked]"'],
  );
  // An expression index quotes its expression, which is the catalog's; the value behind it is not.
  assert.deepEqual(
    scrub('x', ['C=23505', 'M=duplicate', 'D=Key (lower(name))=(a)=(smith) already exists.'])[2],
    'D=Key (lower(name))=([masked]).',
  );
});

test('what user code raises is replaced, with every field that it can set', () => {
  assert.deepEqual(
    scrub(
      'select f(ssn) from customers',
      [
        'C=12345',
        'M=leak 123-45-6789',
        'D=123-45-6789',
        'H=123-45-6789',
        'W=PL/pgSQL function f(text) line 1 at RAISE',
        's=123-45-6789',
        't=123-45-6789',
        'c=123-45-6789',
        'd=123-45-6789',
        'n=123-45-6789',
      ],
      'ERROR',
      'pl_exec.c',
    ),
    ['C=P0001', 'M=raise exception (message masked by the gate)', 'W=PL/pgSQL function f(text) line 1 at RAISE'],
  );
  assert.deepEqual(scrub('do $$ .. $$', ['C=00000', 'M=n 123-45-6789'], 'NOTICE', 'pl_exec.c'), [
    'C=00000',
    'M=notice (message masked by the gate)',
  ]);
  // A listed code says what a caller may handle.
  assert.deepEqual(scrub('select f()', ['C=23505', 'M=smith'], 'ERROR', 'plpy_elog.c'), [
    'C=23505',
    'M=unique violation (message masked by the gate)',
  ]);
  for (const [sqlstate, file] of [
    ['P0004', 'x.c'],
    ['XX000', 'elog.c'],
    ['HV000', 'x.c'],
    ['38000', 'x.c'],
    ['42P01', 'plv8.cc'],
    ['42P01', ''],
  ]) {
    assert.ok(
      !scrub('x', [`C=${sqlstate}`, 'M=smith said so'], 'ERROR', file)
        .join()
        .includes('smith'),
      sqlstate,
    );
  }
});

test('statements that code runs are not shown, not even as an error of the parser', () => {
  assert.deepEqual(
    scrub('do $$ .. $$', [
      'C=42P01',
      'M=relation "123-45-6789" does not exist',
      'p=15',
      'q=select * from "123-45-6789"',
      'W=PL/pgSQL function inline_code_block line 1 at EXECUTE',
    ]),
    [
      'C=42P01',
      'M=undefined table (message masked by the gate)',
      'W=PL/pgSQL function inline_code_block line 1 at EXECUTE',
    ],
  );
  assert.deepEqual(
    scrub('select query_to_xml(..)', [
      'C=22P02',
      'M=invalid input syntax for type integer: "123-45-6789"',
      'W=SQL statement "select ssn::int\nPL/pgSQL function 123-45-6789 line 1 at RAISE"',
    ]),
    ['C=22P02', 'M=invalid text representation (message masked by the gate)'],
  );
});

test('an integrity error inside a function keeps the names that come from the catalog', () => {
  const given = [
    'C=23505',
    'M=duplicate key value violates unique constraint "k"',
    'D=Key (ssn)=(123-45-6789) already exists.',
    't=customers',
    'n=k',
    'W=SQL statement "insert .."\nPL/pgSQL function f() line 3 at SQL statement',
  ];
  assert.deepEqual(scrub('select f()', given, 'ERROR', 'nbtinsert.c'), [
    'C=23505',
    'M=unique violation (message masked by the gate)',
    't=customers',
    'n=k',
  ]);
});

test('context lines lose their values, and everything behind a value', () => {
  const context = (line: string): string | undefined =>
    scrub('copy t from stdin', ['C=22P02', 'M=invalid input syntax for type json', `W=${line}`]).find((field) =>
      field.startsWith('W='),
    );
  assert.equal(context('JSON data, line 1: {smith...'), 'W=JSON data, line 1');
  assert.equal(context('COPY t, line 3, column ssn: "123-45-6789"'), 'W=COPY t, line 3, column ssn');
  assert.equal(context('COPY t, line 3: "1,smith"'), 'W=COPY t, line 3');
  assert.equal(context('COPY t, line 3: "a\nwhile updating tuple (0,1) in relation "smith""'), 'W=COPY t, line 3');
  assert.equal(context("unnamed portal parameter $1 = 'smith'"), 'W=unnamed portal parameter $1');
  assert.equal(context('portal "p" parameter $1 = smith'), undefined);
  assert.equal(context('remote SQL command: SELECT smith'), undefined);
});

test('another language without a position: the SQLSTATE speaks instead', () => {
  const german = 'M=Relation \xc2\xbb123-45-6789\xc2\xab existiert nicht';
  assert.deepEqual(scrub('select ssn::regclass from customers', ['C=42P01', german], 'ERROR'), [
    'C=42P01',
    'M=undefined table (message masked by the gate)',
  ]);
  assert.deepEqual(
    scrub('select ssn::int', [
      'C=22P02',
      'M=ung\xc3\xbcltige Eingabesyntax f\xc3\xbcr Typ integer: \xc2\xbb123\xc2\xab',
      'D=Schl\xc3\xbcssel (a)=(b)',
    ]),
    ['C=22P02', 'M=invalid text representation (message masked by the gate)'],
  );
});

test('log messages that a client asked for show plans and statements of others', () => {
  for (const severity of ['LOG', 'DEBUG1', 'DEBUG5']) {
    assert.deepEqual(scrub('select 1', ['C=00000', 'M=duration: 1 ms plan: (ssn = smith)', 'D=smith'], severity), [
      'C=00000',
      'M=notice (message masked by the gate)',
    ]);
  }
});

test('fields that nobody knows, and values that do not fit their field, do not pass', () => {
  const fields: DiagnosticField[] = [
    { type: 'S', value: '123456789 smith "' },
    { type: 'V', value: 'smith' },
    { type: 'C', value: 'sm' },
    { type: 'P', value: '1 smith' },
    { type: 'L', value: '123456789012345' },
    { type: 'F', value: 'smith 1.c' },
    { type: 'R', value: 'sm ith' },
    { type: 'Z', value: 'smith' },
  ];
  assert.deepEqual(scrubDiagnostics(fields, { ...nothingSure, statement: null }), [
    { type: 'S', value: 'ERROR' },
    { type: 'V', value: 'ERROR' },
    { type: 'C', value: 'P0001' },
  ]);
});

test('names of encodings stay, the bytes do not', () => {
  const message = (text: string): string => scrub('select ssn from customers', ['C=22P05', `M=${text}`])[1];
  assert.equal(
    message('character with byte sequence 0xc5 0x81 in encoding "UTF8" has no equivalent in encoding "LATIN1"'),
    'M=character with byte sequence [masked] in encoding "UTF8" has no equivalent in encoding "LATIN1"',
  );
  assert.ok(!message('invalid byte sequence for encoding "SMITH": 0xe9').includes('SMITH'));
  const odd = 'character with byte sequence 0xc5 in encoding "SMITH" has no equivalent in encoding "LATIN1"';
  assert.ok(!message(odd).includes('SMITH'));
});

test('a value that the client has just sent is told to it, where the innermost context says so', () => {
  const text = 'invalid input syntax for type integer: "abc"';
  const masked = 'M=invalid input syntax for type integer: "[masked]"';
  const message = (context: string, input: 'copy' | 'bind' | null, file = 'numutils.c'): string | undefined =>
    scrub('copy t from stdin', ['C=22P02', `M=${text}`, `W=${context}`], 'ERROR', file, { input })[1];
  assert.equal(message('COPY t, line 3, column id: "abc"', 'copy'), `M=${text}`);
  assert.equal(message("unnamed portal parameter $1 = 'abc'", 'bind'), `M=${text}`);
  assert.equal(message('portal "p" parameter $2', 'bind')?.includes('abc'), false);
  assert.equal(message('COPY t, line 3, column id: "abc"', null), masked);
  assert.equal(message('COPY t, line 3: "abc"', 'copy'), masked);
  assert.equal(message('COPY t, line 3, column id: "abc"', 'bind'), masked);
  assert.equal(message('COPY t, line 3, column id: "abc"', 'copy', 'connection.c')?.includes('abc'), false);
  const inFunction = 'SQL function "f" statement 1\nCOPY t, line 3, column id: "abc"';
  assert.equal(message(inFunction, 'copy')?.includes('abc'), false);
});

test('keys of columns without masks', () => {
  const detail = 'Key (id)=(5) already exists.';
  const fields = ['C=23505', 'M=duplicate key value violates unique constraint "t_pkey"', `D=${detail}`];
  const named = [...fields, 's=public', 't=t', 'n=t_pkey'];
  const detailOf = (more: Partial<DiagnosticContext>, given = named, file = 'nbtinsert.c'): string | undefined =>
    scrub('insert into t values (5)', given, 'ERROR', file, more).find((field) => field.startsWith('D='));
  const keys: unknown[] = [];
  const isShownKey: DiagnosticContext['isShownKey'] = (key) => keys.push(key) > 0;
  assert.equal(detailOf({ isShownKey }), `D=${detail}`);
  assert.deepEqual(keys, [{ schema: 'public', table: 't', constraint: 't_pkey', columns: 'id' }]);
  const masked = 'D=Key (id)=([masked]).';
  assert.equal(detailOf({}), masked);
  assert.equal(detailOf({ isShownKey, isSuspect: () => true }), masked);
  assert.equal(detailOf({ isShownKey }, named.with(0, 'C=23P01')), masked);
  assert.equal(detailOf({ isShownKey }, named, 'extension.c'), masked);
  assert.equal(detailOf({ isShownKey }, [...named, 'W=PL/pgSQL function f() line 1 at RAISE']), undefined);
});
