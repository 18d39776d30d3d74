/** `scram`: makes the verifier of a password, for `identity.users[].password.scram`. */
import type { ReadStream } from 'node:tty';
import { formatVerifier, makeVerifier } from '../scram/verifier.ts';
import { readOptions, wrongUsage } from './usage.ts';

const help = `usage: scram

Reads a password and prints its SCRAM-SHA-256 verifier, as PostgreSQL stores it, for blastgate.yaml:

  identity: { users: [{ name: alice, password: { scram: "SCRAM-SHA-256$4096:.." } }] }

On a terminal it asks twice and shows nothing; otherwise all of standard input is the password, without one line break
at its end. It takes none as an argument: everybody on a machine can read those.`;

/** As long as a secret of the configuration may be. */
const passwordBytesMax = 65_536;

/** Ends of input in raw mode: Enter, Ctrl-D; Ctrl-C gives up. */
const enter = '\r\n\u0004';
const interrupt = '\u0003';
const erase = '\b\u007f';

/** `scram`. Resolves with the exit code. */
export async function scram(args: readonly string[]): Promise<number> {
  // It may be the password, so it is not quoted.
  if (args.some((arg) => !arg.startsWith('-')))
    return wrongUsage(
      'scram',
      'takes no argument, which everybody on this machine could read: it asks, or reads its input',
    );
  const options = readOptions('scram', help, args, {});
  if (typeof options === 'number') return options;
  const { stdin } = process;
  const password = stdin.isTTY ? await askTwice(stdin) : await readAll(stdin);
  if (typeof password !== 'string') {
    process.stderr.write(`scram: ${password.fault}\n`);
    return 1;
  }
  process.stdout.write(`${formatVerifier(await makeVerifier(password))}\n`);
  return 0;
}

interface Refused {
  readonly fault: string;
}

async function askTwice(terminal: ReadStream): Promise<string | Refused> {
  const first = await ask(terminal, 'Password: ');
  if (first === null) return { fault: 'given up' };
  const second = await ask(terminal, 'Again: ');
  if (second === null) return { fault: 'given up' };
  return first === second ? checked(first) : { fault: 'the two are not the same; try again' };
}

/** One line without an echo; null: interrupted. */
async function ask(terminal: ReadStream, prompt: string): Promise<string | null> {
  process.stderr.write(prompt);
  terminal.setRawMode(true);
  terminal.setEncoding('utf8');
  let line = '';
  try {
    return await new Promise((resolve) => {
      const take = (text: string): void => {
        for (const character of text) {
          if (character === interrupt || enter.includes(character)) {
            terminal.off('data', take);
            return resolve(character === interrupt ? null : line);
          }
          if (erase.includes(character)) line = [...line].slice(0, -1).join('');
          else if (line.length < passwordBytesMax) line += character;
        }
      };
      terminal.on('data', take);
      terminal.resume();
    });
  } finally {
    terminal.setRawMode(false);
    terminal.pause();
    process.stderr.write('\n');
  }
}

async function readAll(input: AsyncIterable<string | Uint8Array>): Promise<string | Refused> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    chunks.push(Buffer.from(chunk));
    bytes += chunk.length;
    if (bytes > passwordBytesMax) return { fault: `the password is longer than ${passwordBytesMax} bytes` };
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
  } catch {
    return { fault: 'the password is not UTF-8' };
  }
  return checked(text.replace(/\r?\n$/, ''));
}

/** What no client could send is no password. */
function checked(password: string): string | Refused {
  if (password === '') return { fault: 'the password is empty' };
  if (/[\0\r\n]/.test(password)) return { fault: 'the password holds a line break or a NUL character' };
  return password;
}
