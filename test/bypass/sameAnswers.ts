/** Whether a benign statement gave through the gate what it gives without. */
import { fieldsOf, valuesOf } from '../support/rawPostgres.ts';
import type { RawMessage } from '../support/rawPostgres.ts';
import { leaks } from './leaks.ts';

/** Objects made by an entry have other numbers each time; those that came with the server do not. */
const firstOidOfUsers = 16_384;

/** What differs, in words; null: nothing does. `masked`: cells with raw values may. `shape`: values may. */
export function sameAnswers(
  gated: readonly RawMessage[],
  direct: readonly RawMessage[],
  compare: 'rows' | 'shape' | 'masked',
): string | null {
  const refused = gated.find(({ type }) => type === 'E');
  if (refused !== undefined) return `error ${fieldsOf(refused)['C']} ${fieldsOf(refused)['M']}`;
  const [a, b] = [gated, direct].map((list) => list.filter(({ type }) => !'SAN'.includes(type)));
  if (compare === 'shape') return differing(shapeOf(a), shapeOf(b));
  const notices = [gated, direct].map((list) =>
    list.filter(({ type }) => type === 'N').map((one) => fieldsOf(one)['M']),
  );
  if (compare === 'rows') return differing([...a.map(textOf), ...notices[0]], [...b.map(textOf), ...notices[1]]);
  if (a.length !== b.length) return `${a.length} messages instead of ${b.length}`;
  const odd = a.findIndex((one, at) => !sameButMasked(one, b[at]));
  return odd < 0 ? null : `${textOf(a[odd])} instead of ${textOf(b[odd])}`;
}

function differing(gated: readonly string[], direct: readonly string[]): string | null {
  const at = direct.findIndex((one, index) => one !== gated[index]);
  if (at < 0 && gated.length === direct.length) return null;
  if (at < 0) return `${gated.length} messages instead of ${direct.length}`;
  return `${(gated[at] ?? 'nothing').slice(0, 150)} instead of ${direct[at].slice(0, 150)}`;
}

function shapeOf(messages: readonly RawMessage[]): string[] {
  const rows = (one: RawMessage): boolean => one.type === 'D' || one.type === 'd';
  return messages.filter((one) => !rows(one)).map((one) => (one.type === 'C' ? 'C' : textOf(one)));
}

function textOf(message: RawMessage): string {
  switch (message.type) {
    case 'D':
      return `row ${valuesOf(message)
        .map((value) => value?.toString('latin1') ?? 'null')
        .join('|')}`;
    case 'T':
      return `columns ${fieldsOfRow(message.body)}`;
    default:
      return `${message.type} ${message.body.toString('latin1')}`;
  }
}

/** RowDescription without the numbers that differ from run to run. */
function fieldsOfRow(body: Buffer): string {
  const fields: string[] = [];
  let at = 2;
  for (let left = body.readInt16BE(0); left > 0; left--) {
    const end = body.indexOf(0, at);
    const name = body.toString('utf8', at, end);
    const type = Math.min(body.readUInt32BE(end + 7), firstOidOfUsers);
    fields.push(
      `${name} ${type} ${body.readInt16BE(end + 11)} ${body.readInt32BE(end + 13)} ${body.readInt16BE(end + 17)}`,
    );
    at = end + 19;
  }
  return fields.join(', ');
}

function sameButMasked(gated: RawMessage, direct: RawMessage): boolean {
  if (gated.type !== direct.type) return false;
  if (gated.type !== 'D' && gated.type !== 'd') return textOf(gated) === textOf(direct);
  const [a, b] = [gated, direct].map(cellsOf);
  if (a.length !== b.length) return false;
  return a.every((cell, at) => cell === b[at] || leaks([{ type: 'd', body: Buffer.from(b[at], 'latin1') }]).length > 0);
}

function cellsOf(message: RawMessage): string[] {
  if (message.type === 'd') return message.body.toString('latin1').split(/[\t\n]/);
  return valuesOf(message).map((value) => value?.toString('latin1') ?? 'null');
}
