/**
 * Exchanges between a client and a scripted target, masks on. `raw` are values that no client may read; `seen` must
 * arrive.
 */
import { typeOids } from './postgres/catalog/fixture.ts';
import {
  bind,
  close,
  copyData,
  copyDone,
  describe,
  execute,
  flush,
  int16,
  int32,
  message,
  parse,
  query,
  sync,
} from '../support/rawPostgres.ts';
import {
  bindComplete,
  closeComplete,
  complete,
  copyIn,
  copyOut,
  customers,
  dataRow,
  diagnostic,
  emptyQuery,
  parameterDescription,
  parameterStatus,
  parseComplete,
  ready,
  rowDescription,
  suspended,
} from './sessionTarget.ts';
import type { Answer, Asked } from './sessionTarget.ts';

export interface Exchange {
  readonly name: string;
  readonly client: Uint8Array;
  readonly answer: Answer;
  readonly seen: readonly string[];
  /** Types of the messages that the client reads. */
  readonly types: string;
  /** What the target must have been sent, as message types. */
  readonly asked: string;
}

/** Every raw value begins with one of these. */
export const canaries = ['123-45', 'mallory', '4111 1111 1111 1111'];

export const policy = `name: engineering
applies_to: { groups: [engineering] }
default: allow
rules:
  - id: no-drop
    match: { statement: [drop] }
    action: block
    message: Schema changes go through migrations.
  - id: ssn
    match: { columns: ["*.customers.ssn"] }
    action: mask
    with: { keep_last: 4 }
  - id: email
    match: { columns: ["*.customers.email"] }
    action: mask
    with: redact
  - id: cards
    match: { values: [credit_card] }
    action: mask
    with: redact
`;

const { id, name, ssn, email } = customers;
const all = Buffer.concat;

/** Short values under a long mask make rows grow; NULL stays NULL; a card stands where no column rule looks. */
const rows = [
  dataRow('1', 'Ada', '123-45-6789', 'x'),
  dataRow('2', 'card 4111 1111 1111 1111 of Bob', null, 'y'),
  dataRow('3', '', '123-45-0001', null),
  dataRow('4', null, '', 'mallory@example.com'),
];
const four = rowDescription(id, name, ssn, email);
// Qualified, because the little shop has a temporary table of the same name.
const select = 'select id, name, ssn, email from public.customers';
/** int4 in binary beside masked text in binary. */
const binary = all([
  dataRow(int32(1), 'Ada', '123-45-6789', 'x'),
  dataRow(int32(2), null, null, 'mallory@example.com'),
]);

function byText(answers: Readonly<Record<string, Uint8Array>>): Answer {
  return ({ type, text }) => {
    if (type === 'X') return null;
    const answer = answers[text];
    if (answer !== undefined) return answer;
    return type === 'Q'
      ? all([diagnostic({ C: '42601', P: '1', M: 'syntax error at or near "blastgate_refused"' }), ready()])
      : null;
  };
}

/** A server for the extended protocol: one statement, its portal answered by `executed`. */
function extended(executed: (asked: Asked, count: number) => Uint8Array): Answer {
  let skipping = false;
  let executions = 0;
  return (asked) => {
    if (asked.type === 'S') {
      skipping = false;
      executions = 0;
      return ready();
    }
    if (skipping) return null;
    switch (asked.type) {
      case 'P':
        if (!asked.text.startsWith('blastgate')) return parseComplete;
        skipping = true;
        return diagnostic({ C: '42601', P: '1', M: 'syntax error at or near "blastgate_refused"' });
      case 'B':
        return bindComplete;
      case 'D':
        if (String.fromCharCode(asked.body[0]) === 'P') return rowDescription(id, name, ssn, email);
        return all([parameterDescription(), four]);
      case 'E':
        return executed(asked, executions++);
      case 'C':
        return closeComplete;
      default:
        return null;
    }
  };
}

const copyBinary = all([
  copyData(
    all([
      Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'),
      int32(0),
      int32(0),
      int16(2),
      int32(4),
      int32(1),
      int32(11),
      Buffer.from('123-45-6789'),
    ]),
  ),
  copyData(all([int16(2), int32(4), int32(2), int32(-1)])),
  copyData(int16(-1)),
  message('c'),
]);

export const exchanges: readonly Exchange[] = [
  {
    name: 'simple query, several statements, notices and settings in between',
    client: all([
      query(`${select}; select 1`),
      query(''),
      query('select note from orders'),
      query('update customers set ssn = null'),
    ]),
    answer: byText({
      [`${select}; select 1`]: all([
        four,
        ...rows,
        diagnostic({ M: 'Key (ssn)=(123-45-6789) seen' }, 'N'),
        complete('SELECT 4'),
        rowDescription({ name: '?column?', type: typeOids.int4 }),
        dataRow('1'),
        complete('SELECT 1'),
        ready(),
      ]),
      '': all([emptyQuery, ready()]),
      'select note from orders': all([
        rowDescription({ name: 'note', table: 16402, attribute: 3 }),
        parameterStatus('TimeZone', 'UTC'),
        dataRow('pay with 4111 1111 1111 1111 please'),
        dataRow('nothing here'),
        complete('SELECT 2'),
        ready(),
      ]),
      'update customers set ssn = null': all([
        diagnostic({ C: '23502', M: 'null value', D: 'Failing row contains (123-45-6789).' }),
        ready(),
      ]),
    }),
    seen: ['6789', 'Ada', 'nothing here', 'SELECT 4', '23502'],
    types: 'T D D D D N C T D C Z I Z T S D D C Z E Z',
    asked: 'Q Q Q Q',
  },
  {
    // In place of each refused message the target gets one that fails.
    name: 'blocked statements among others',
    client: all([
      query('drop table customers'),
      query(select),
      parse('', 'drop table x'),
      bind('', ''),
      execute(''),
      sync,
    ]),
    answer: (asked, target) =>
      asked.type === 'Q'
        ? byText({ [select]: all([four, ...rows, complete('SELECT 4'), ready()]) })(asked, target)
        : refusing(asked, target),
    seen: ['Schema changes go through migrations.', 'SELECT 4'],
    types: 'E Z T D D D D C Z E Z',
    asked: 'Q Q P P P S',
  },
  {
    name: 'extended query, binary results, without Describe',
    client: all([parse('s', select), bind('', 's', [], [1]), execute(''), close('S', 's'), sync]),
    answer: extended(() => all([binary, complete('SELECT 2')])),
    seen: ['6789', 'SELECT 2'],
    types: '1 2 D D C 3 Z',
    asked: 'P D B E C S',
  },
  {
    name: 'extended query with Describe, row limits, suspended portals and two pipelined batches',
    client: all([
      parse('', select),
      bind('c', ''),
      describe('P', 'c'),
      execute('c', 2),
      flush,
      execute('c', 2),
      close('P', 'c'),
      sync,
      parse('t', select),
      describe('S', 't'),
      bind('', 't', ['5']),
      execute(''),
      sync,
    ]),
    answer: extended((_, count) =>
      count === 0 ? all([rows[0], rows[1], suspended]) : all([rows[2], rows[3], complete('SELECT 4')]),
    ),
    seen: ['6789', '0001', 'SELECT 4'],
    types: '1 2 T D D s D D C 3 Z 1 t T 2 D D s Z',
    asked: 'P D B D E H E C S P D B E S',
  },
  {
    name: 'a cursor',
    client: all([
      query('begin'),
      query(`declare c cursor for ${select}`),
      query('fetch 2 from c'),
      query('fetch all from c'),
      query('close c'),
      query('commit'),
    ]),
    answer: byText({
      begin: all([complete('BEGIN'), ready('T')]),
      [`declare c cursor for ${select}`]: all([complete('DECLARE CURSOR'), ready('T')]),
      'fetch 2 from c': all([four, rows[0], rows[1], complete('FETCH 2'), ready('T')]),
      'fetch all from c': all([four, rows[2], rows[3], complete('FETCH 2'), ready('T')]),
      'close c': all([complete('CLOSE CURSOR'), ready('T')]),
      commit: all([complete('COMMIT'), ready()]),
    }),
    seen: ['6789', '0001', 'CLOSE CURSOR'],
    types: 'C Z C Z T D D C Z T D D C Z C Z C Z',
    asked: 'Q Q Q Q Q Q',
  },
  {
    name: 'COPY out in text and in binary',
    client: all([
      query('copy public.customers (id, name, ssn, email) to stdout'),
      query('copy (select id, ssn from public.customers) to stdout (format binary)'),
    ]),
    answer: byText({
      'copy public.customers (id, name, ssn, email) to stdout': all([
        copyOut(4),
        copyData('1\tAda\t123-45-6789\tx\n'),
        copyData('2\tcard 4111 1111 1111 1111\t\\N\ty\n'),
        copyData('3\t\\t\t123-45-0001\t\\N\n'),
        message('c'),
        complete('COPY 3'),
        ready(),
      ]),
      'copy (select id, ssn from public.customers) to stdout (format binary)': all([
        copyOut(2, 1),
        copyBinary,
        complete('COPY 2'),
        ready(),
      ]),
    }),
    seen: ['6789', '0001', 'COPY 3', 'PGCOPY'],
    types: 'H d d d c C Z H d d d c C Z',
    asked: 'Q Q',
  },
  {
    name: 'COPY in',
    client: all([query('copy orders from stdin'), copyData('1\t1\tnote'), copyData('\t1.5\n'), copyDone, query('')]),
    answer: ({ type, text }) => {
      if (type === 'Q') return text === '' ? all([emptyQuery, ready()]) : copyIn(4);
      return type === 'c' ? all([complete('COPY 1'), ready()]) : null;
    },
    seen: ['COPY 1'],
    types: 'G C Z I Z',
    asked: 'Q d d c Q',
  },
];

const refusing = extended(() => complete('never'));
