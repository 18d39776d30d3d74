/**
 * Protocol scripts of the corpus: one message a line, `-` for the unnamed statement or portal.
 *
 *     query SELECT 1
 *     parse s: SELECT ssn FROM customers WHERE id = $1
 *     parse s types 23,25: SELECT ..       (OIDs of the parameters' types)
 *     bind p s values 3 formats 1,0        (values are separated by `|`; formats: 0 text, 1 binary)
 *     describe statement s                 (or: describe portal p)
 *     execute p 2                          (at most two rows)
 *     close statement s                    (or: close portal p)
 *     function 870 abc                     (FunctionCall with text arguments, separated by `|`)
 *     copydata 1,x                         copydone    copyfail    flush    sync
 */
import {
  bind,
  close,
  copyData,
  copyDone,
  copyFail,
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

/** The messages of a script. Throws on a line that says nothing. */
export function wireMessages(script: string): Uint8Array[] {
  return script
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(messageOf);
}

function messageOf(line: string): Uint8Array {
  const [word, ...rest] = line.split(' ');
  const text = line.slice(word.length + 1);
  switch (word) {
    case 'query':
      return query(text);
    case 'parse': {
      const colon = text.indexOf(':');
      const [name, types = ''] = text.slice(0, colon).split(' types ');
      const oids = types === '' ? [] : types.split(',').map(Number);
      return parse(nameOf(name), text.slice(colon + 1).trim(), oids);
    }
    case 'bind':
      return bindOf(line, rest);
    case 'describe':
    case 'close': {
      const kind = rest[0] === 'portal' ? 'P' : 'S';
      return word === 'close' ? close(kind, nameOf(rest[1])) : describe(kind, nameOf(rest[1]));
    }
    case 'execute':
      return execute(nameOf(rest[0]), Number(rest[1] ?? 0));
    case 'function':
      return functionCall(Number(rest[0]), rest.slice(1).join(' ').split('|'));
    case 'copydata':
      return copyData(`${text}\n`);
    case 'copydone':
      return copyDone;
    case 'copyfail':
      return copyFail('no more');
    case 'flush':
      return flush;
    case 'sync':
      return sync;
    default:
      throw new Error(`no such message: ${line}`);
  }
}

function bindOf(line: string, [portal, statement]: readonly string[]): Uint8Array {
  const values = /\bvalues (.*?)(?: formats |$)/.exec(line)?.[1].split('|') ?? [];
  const formats = /\bformats ([\d,]+)$/.exec(line)?.[1].split(',').map(Number) ?? [];
  return bind(nameOf(portal), nameOf(statement), values, formats);
}

function functionCall(oid: number, values: readonly string[]): Uint8Array {
  const args = values.flatMap((value) => [int32(Buffer.byteLength(value)), Buffer.from(value)]);
  return message('F', int32(oid), int16(0), int16(values.length), ...args, int16(0));
}

function nameOf(word: string | undefined): string {
  if (word === undefined || word === '') throw new Error('a name is missing');
  return word === '-' ? '' : word;
}
