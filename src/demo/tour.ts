/**
 * A walk through the gate with an ordinary client: what the engineer sees beside what the database holds. Every stop
 * states what must hold, so that the tour is a test as well.
 */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, DatabaseError } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { DemoGate, DemoUser } from './gate.ts';
import type { Terminal } from './terminal.ts';

export interface TourResult {
  readonly held: number;
  readonly failed: readonly string[];
}

interface Tour {
  readonly terminal: Terminal;
  readonly gate: DemoGate;
  /** Straight to the database, past the gate. */
  readonly direct: Client;
  readonly alice: Client;
  expect(label: string, held: boolean): void;
}

type Row = Record<string, unknown>;

/** Runs every stop; a stop that throws counts as failed and the others still run. */
export async function takeTour(terminal: Terminal, gate: DemoGate, direct: Client): Promise<TourResult> {
  const failed: string[] = [];
  let held = 0;
  const expect = (label: string, ok: boolean): void => {
    terminal.check(label, ok);
    if (ok) held++;
    else failed.push(label);
  };
  const alice = await connect(gate, gate.users.alice);
  const tour = { terminal, gate, direct, alice, expect };
  for (const stop of [
    maskedRows,
    otherWays,
    documents,
    administrator,
    blockedDrop,
    writeWithoutWhere,
    roundTheMask,
    wholeTable,
    audit,
  ]) {
    try {
      await stop(tour);
    } catch (error) {
      expect(`${stop.name}: ${error instanceof Error ? error.message : String(error)}`, false);
    }
  }
  await alice.end().catch(() => {
    // The gate may have closed this session already; the failed expectation above says so.
  });
  return { held, failed };
}

async function connect(gate: DemoGate, user: DemoUser, password = user.password): Promise<Client> {
  const client = new Client({ host: '127.0.0.1', port: gate.port, user: user.name, password, database: 'shop' });
  client.on('error', () => {
    // A lost connection shows as the failure of the next query.
  });
  await client.connect();
  return client;
}

async function maskedRows({ terminal, direct, alice, expect }: Tour): Promise<void> {
  const sql =
    'select id, first_name, last_name, email, phone, ssn, card_number from customers where ssn is not null order by id limit 2';
  terminal.heading('1. Rows: alice (engineering) asks for customers');
  terminal.line(terminal.dim(`  ${sql}`));
  const seen = (await alice.query<Row>(sql)).rows;
  const held = (await direct.query<Row>(sql)).rows;
  sideBySide(terminal, seen, held);
  const columns = ['email', 'phone', 'ssn', 'card_number'];
  expect('email, phone, ssn and card_number are masked', allDiffer(seen, held, columns));
  expect(
    'the last four digits of ssn stay readable',
    seen.every((row, at) => tail(row['ssn']) === tail(held[at]['ssn'])),
  );
  expect('everything else is untouched', allEqual(seen, held, ['id', 'first_name', 'last_name']));
  const nulls = 'select id, ssn from customers where ssn is null order by id limit 1';
  expect('NULL stays NULL', (await alice.query<Row>(nulls)).rows[0]?.['ssn'] === null);
}

async function otherWays({ terminal, direct, alice, expect }: Tour): Promise<void> {
  terminal.heading('2. Other ways to the same data');
  const raw = (await direct.query<Row>('select email, ssn from customers where ssn is not null order by id limit 3'))
    .rows;
  const secrets = raw.flatMap((row) => [String(row['email']), String(row['ssn'])]);
  const from = 'from customers where ssn is not null order by id limit 3';
  const results: string[][] = [];
  const record = (way: string, sql: string, text: string): void => {
    results.push([way, sql, text.split('\n', 1)[0].replaceAll('\t', '  ')]);
    expect(`${way}: nothing raw came through`, text !== '' && !secrets.some((secret) => text.includes(secret)));
  };
  const aliased = `select email as a, ssn as b ${from}`;
  record('alias', aliased, asText((await alice.query<Row>(aliased)).rows));
  const binary = {
    text: `select id, email, ssn from customers where ssn is not null order by id limit $1`,
    values: [3],
    binary: true,
  };
  record('binary format', binary.text, asText((await alice.query<Row>(binary)).rows));
  const sliced = `select substr(ssn, 1, 3) as s ${from}`;
  const slices = asText((await alice.query<Row>(sliced)).rows);
  results.push(['expression', sliced, slices.split('\n', 1)[0]]);
  expect('expression: a slice of a masked column is masked', !slices.includes(String(raw[0]['ssn']).slice(0, 3)));
  const copy = `copy (select email, ssn ${from}) to stdout`;
  record('COPY', copy, await copyText(alice, copy));
  await alice.query('begin');
  await alice.query(`declare walk cursor for select email, ssn ${from}`);
  record('cursor', 'fetch 3 from walk', asText((await alice.query<Row>('fetch 3 from walk')).rows));
  await alice.query('commit');
  terminal.table(['way', 'statement', 'first row that alice sees'], results);
}

async function documents({ terminal, direct, alice, expect }: Tour): Promise<void> {
  terminal.heading('3. JSON profiles and free text: found by content');
  const sql = `select id, email, profile, notes from customers where notes like '%@%' or notes like '%SSN%' order by id limit 2`;
  const held = (await direct.query<Row>(sql)).rows;
  const shown = `select id, profile, notes from customers where id in (${held.map((row) => String(row['id'])).join(', ')}) order by id`;
  const seen = (await alice.query<Row>(shown)).rows;
  const short = (row: Row): Row => ({ profile: JSON.stringify(row['profile']), notes: row['notes'] });
  sideBySide(terminal, seen.map(short), held.map(short));
  const leaks = seen.some((row, at) => JSON.stringify(row).includes(String(held[at]['email'])));
  expect('no address is left in profiles and notes', seen.length === held.length && !leaks);
  expect('notes differ from what is stored', allDiffer(seen, held, ['notes']));
  expect(
    'profiles are still valid JSON',
    seen.every((row) => typeof row['profile'] === 'object'),
  );
}

async function administrator({ terminal, gate, direct, expect }: Tour): Promise<void> {
  terminal.heading('4. The same query as dana (dba), whom the masks exempt');
  const sql = 'select id, email, ssn from customers where ssn is not null order by id limit 2';
  const dana = await connect(gate, gate.users.dana);
  try {
    const seen = (await dana.query<Row>(sql)).rows;
    const held = (await direct.query<Row>(sql)).rows;
    sideBySide(terminal, seen, held, 'dana sees');
    expect('dana sees what the database holds', allEqual(seen, held, ['id', 'email', 'ssn']));
  } finally {
    await dana.end();
  }
  const refused = await faultOf(connect(gate, gate.users.alice, 'not her password'));
  expect('a wrong password is refused with 28P01', refused?.code === '28P01');
}

async function blockedDrop({ terminal, direct, alice, expect }: Tour): Promise<void> {
  terminal.heading('5. A statement that policy blocks');
  const fault = await faultOf(alice.query('drop table customers'));
  showFault(terminal, 'drop table customers', fault);
  expect('DROP is refused with SQLSTATE 42501', fault?.code === '42501');
  expect('the session goes on', (await alice.query<Row>('select 1 as one')).rows[0]?.['one'] === 1);
  expect('the table is still there', (await countOf(direct, 'select count(*) from customers')) > 0);
}

async function writeWithoutWhere({ terminal, direct, alice, expect }: Tour): Promise<void> {
  terminal.heading('6. An UPDATE that forgot its WHERE');
  const sql = "update customers set city = 'Nowhere'";
  const fault = await faultOf(alice.query(sql));
  showFault(terminal, sql, fault);
  expect('it is refused with SQLSTATE 42501', fault?.code === '42501');
  expect('no row has changed', (await countOf(direct, "select count(*) from customers where city = 'Nowhere'")) === 0);
  const narrow = await alice.query("update customers set city = 'Graz' where id = 1");
  expect('with a WHERE it runs', narrow.rowCount === 1);
}

async function roundTheMask({ terminal, direct, alice, expect }: Tour): Promise<void> {
  terminal.heading('7. Asking round the mask');
  for (const [what, sql] of [
    ['a guess', "select id from customers where ssn like '139%'"],
    ['an order', 'select id from customers order by ssn limit 3'],
    ['a copy', 'create table mine as select id, ssn from customers'],
    ['a mask written back', "update customers set ssn = '*******5029' where id = 1"],
  ]) {
    const fault = await faultOf(alice.query(sql));
    showFault(terminal, sql, fault);
    expect(`${what} is refused with SQLSTATE 42501`, fault?.code === '42501');
  }
  const { rows } = await direct.query<{ email: string }>('select email from customers where id = 1');
  const found = await alice.query('select id from customers where email = $1', [rows[0].email]);
  expect('looking up one whole address is allowed by a rule', found.rowCount === 1);
}

async function wholeTable({ terminal, direct, alice, expect }: Tour): Promise<void> {
  terminal.heading('8. All customers, masked while they stream');
  const sql = 'select id, first_name, last_name, email, phone, ssn, card_number, profile, notes from customers';
  const total = await countOf(direct, 'select count(*) from customers');
  const started = performance.now();
  let bytes = 0;
  let rows = 0;
  const stream = alice.query(copyTo(`copy (${sql}) to stdout`));
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    for (const byte of chunk) if (byte === 0x0a) rows++;
  }
  const seconds = (performance.now() - started) / 1000;
  terminal.line(`  ${rows} rows, ${(bytes / 1e6).toFixed(1)} MB in ${seconds.toFixed(2)} s`);
  expect(`all ${total} rows arrived`, rows === total);
}

async function audit({ terminal, gate, expect }: Tour): Promise<void> {
  terminal.heading('9. What the audit log holds');
  const files = (await readdir(gate.data, { recursive: true })).filter((name) => name.endsWith('.jsonl')).toSorted();
  const texts = await Promise.all(files.map((name) => readFile(join(gate.data, name), 'utf8')));
  const lines = texts.join('').trimEnd().split('\n');
  const drop = lines.findLast((line) => line.includes('drop table customers'));
  const interesting = [...lines.slice(-2), ...(drop === undefined ? [] : [drop])];
  for (const line of interesting) terminal.line(`  ${terminal.dim(line.slice(0, terminal.width * 3))}`);
  terminal.line(terminal.dim(`  (${lines.length} records in ${join(gate.data, files.at(-1) ?? '')})`));
  expect(
    'every record is one JSON object',
    lines.every((line) => isObject(line)),
  );
  expect('the blocked DROP is on record', drop !== undefined && drop.includes('block') && drop.includes('alice'));
}

function sideBySide(terminal: Terminal, seen: readonly Row[], held: readonly Row[], header = 'alice sees'): void {
  const rows: string[][] = [];
  for (const [at, row] of seen.entries()) {
    for (const [column, value] of Object.entries(row)) {
      const stored = show(held[at]?.[column]);
      const shown = show(value);
      rows.push([column, shown === stored ? shown : terminal.yellow(shown), stored]);
    }
  }
  terminal.table(['column', header, 'the database holds'], rows);
}

function showFault(terminal: Terminal, sql: string, fault: DatabaseError | null): void {
  terminal.line(terminal.dim(`  shop=> ${sql};`));
  if (fault === null) {
    terminal.line(terminal.red('  it ran'));
    return;
  }
  terminal.line(terminal.red(`  ${fault.severity ?? 'ERROR'}:  ${fault.code ?? ''}: ${fault.message}`));
  if (fault.detail !== undefined) terminal.line(`  DETAIL:  ${fault.detail}`);
  if (fault.hint !== undefined) terminal.line(`  HINT:  ${fault.hint}`);
}

/** The native error of a rejected promise; null if it was fulfilled. Other errors pass. */
async function faultOf(promise: Promise<unknown>): Promise<DatabaseError | null> {
  try {
    await promise;
    return null;
  } catch (error) {
    if (error instanceof DatabaseError) return error;
    throw error;
  }
}

async function countOf(client: Client, sql: string): Promise<number> {
  return Number((await client.query<{ count: string }>(sql)).rows[0].count);
}

async function copyText(client: Client, sql: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of client.query(copyTo(sql)) as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function asText(rows: readonly Row[]): string {
  return rows.map((row) => Object.values(row).map(show).join('  ')).join('\n');
}

function show(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function allDiffer(seen: readonly Row[], held: readonly Row[], columns: readonly string[]): boolean {
  return (
    same(seen, held) && seen.every((row, at) => columns.every((column) => show(row[column]) !== show(held[at][column])))
  );
}

function allEqual(seen: readonly Row[], held: readonly Row[], columns: readonly string[]): boolean {
  return (
    same(seen, held) && seen.every((row, at) => columns.every((column) => show(row[column]) === show(held[at][column])))
  );
}

/** Neither is empty, and both have as many rows: without this "all" would hold of nothing. */
function same(seen: readonly Row[], held: readonly Row[]): boolean {
  return seen.length > 0 && seen.length === held.length;
}

function tail(value: unknown): string {
  return String(value).slice(-4);
}

function isObject(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}
