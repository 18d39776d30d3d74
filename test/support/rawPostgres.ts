/**
 * A PostgreSQL client that hides nothing: it sends the messages that a test gives it and returns the ones that come back,
 * byte by byte. It shares no codec with the gate, except the answer to the server's authentication.
 */
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import { TargetAuthentication } from '../../src/protocols/postgres/login/authentication.ts';
import { saltedPasswordOf } from '../../src/protocols/postgres/login/scramClient.ts';

export interface RawMessage {
  /** One letter. */
  readonly type: string;
  readonly body: Buffer;
}

export interface RawOptions {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Protocol 3.x. */
  readonly minor?: number;
  readonly parameters?: Readonly<Record<string, string>>;
  /** `direct`: TLS from the first byte with ALPN; `request`: after SSLRequest. */
  readonly tls?: 'direct' | 'request';
}

/** Int32, Int16 and a string that ends with zero, as the manual's Message Formats name them. */
export const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
export const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
export const cstring = (text: string): Buffer => Buffer.from(`${text}\0`);

export function message(type: string, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

export const query = (text: string): Buffer => message('Q', cstring(text));
export const parse = (name: string, text: string, oids: readonly number[] = []): Buffer =>
  message('P', cstring(name), cstring(text), int16(oids.length), ...oids.map(int32));
export const describe = (kind: 'S' | 'P', name: string): Buffer => message('D', Buffer.from(kind), cstring(name));
export const execute = (portal: string, rowsMax = 0): Buffer => message('E', cstring(portal), int32(rowsMax));
export const close = (kind: 'S' | 'P', name: string): Buffer => message('C', Buffer.from(kind), cstring(name));
export const sync: Buffer = message('S');
export const flush: Buffer = message('H');
export const copyData = (data: Uint8Array | string): Buffer => message('d', Buffer.from(data as string));
export const copyDone: Buffer = message('c');
export const copyFail = (reason: string): Buffer => message('f', cstring(reason));

/** Text parameters; result formats: none (all text), one for all, or one per column. */
export function bind(
  portal: string,
  statement: string,
  values: readonly (string | null)[] = [],
  formats: readonly number[] = [],
): Buffer {
  const parameters = values.flatMap((value) =>
    value === null ? [int32(-1)] : [int32(Buffer.byteLength(value)), Buffer.from(value)],
  );
  return message(
    'B',
    cstring(portal),
    cstring(statement),
    int16(0),
    int16(values.length),
    ...parameters,
    int16(formats.length),
    ...formats.map(int16),
  );
}

export class RawClient {
  readonly #socket: net.Socket;
  readonly parameters = new Map<string, string>();
  processId = 0;
  secret: Buffer = Buffer.alloc(0);
  #chunks: Buffer[] = [];
  #waiting: PromiseWithResolvers<void> | null = null;
  #over = false;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#wake();
    });
    // A reset ends the stream as a farewell does: 'close' follows and wakes who waits.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#over = true;
      this.#wake();
    });
  }

  /** Logs in. Throws with the server's error fields if it is refused. */
  static async connect(options: RawOptions): Promise<RawClient> {
    return await RawClient.over(await openSocket(options), options);
  }

  /** Logs in over a socket that is open already. */
  static async over(socket: net.Socket, options: Omit<RawOptions, 'host' | 'port'>): Promise<RawClient> {
    const client = new RawClient(socket);
    const startup = { user: options.user, database: options.database, ...options.parameters };
    client.send(startupMessage(options.minor ?? 0, startup));
    const encrypted = options.tls !== undefined;
    const peer = client.#socket instanceof tls.TLSSocket ? client.#socket.getPeerCertificate() : null;
    const authentication = new TargetAuthentication({
      user: options.user,
      password: options.password,
      saltPassword: saltedPasswordOf(options.password),
      encrypted,
      certificate: peer?.raw ?? null,
      nonce: randomBytes(18).toString('base64'),
    });
    for (;;) {
      const next = await client.next();
      if (next.type === 'E') throw new Error(`refused: ${JSON.stringify(fieldsOf(next))}`);
      if (next.type === 'Z') return client;
      if (next.type === 'S') {
        const [name, value] = next.body.toString().split('\0');
        client.parameters.set(name, value);
      } else if (next.type === 'K') {
        client.processId = next.body.readInt32BE(0);
        client.secret = next.body.subarray(4);
      } else if (next.type === 'R') {
        const step = await authentication.feed(next.body, 0, next.body.length);
        if (!('kind' in step)) throw new Error(step.detail);
        if (step.kind === 'send') client.send(step.bytes);
      }
    }
  }

  /** For tests that stop reading, or leave without a word. */
  get socket(): net.Socket {
    return this.#socket;
  }

  send(...messages: readonly Uint8Array[]): void {
    this.#socket.write(Buffer.concat(messages));
  }

  /** The next message. Throws when the connection ends before it is whole. */
  async next(): Promise<RawMessage> {
    for (;;) {
      const head = this.#join(5);
      if (head !== null) {
        const length = head.readInt32BE(1) + 1;
        const all = this.#join(length);
        if (all !== null) {
          this.#chunks[0] = all.subarray(length);
          return { type: String.fromCharCode(all[0]), body: all.subarray(5, length) };
        }
      }
      if (this.#over) throw new Error('the connection has ended');
      this.#waiting ??= Promise.withResolvers<void>();
      await this.#waiting.promise;
    }
  }

  /** Messages up to and including the `count`th of type `last`. */
  async until(last: string, count = 1): Promise<RawMessage[]> {
    const all: RawMessage[] = [];
    let seen = 0;
    while (seen < count) {
      const next = await this.next();
      all.push(next);
      if (next.type === last) seen++;
    }
    return all;
  }

  /** Sends and collects up to the `count`th ReadyForQuery. */
  async ask(messages: readonly Uint8Array[], count = 1): Promise<RawMessage[]> {
    this.send(...messages);
    return await this.until('Z', count);
  }

  /** What still comes until the other side closes. */
  async untilClosed(): Promise<RawMessage[]> {
    const all: RawMessage[] = [];
    try {
      for (;;) all.push(await this.next());
    } catch {
      return all;
    }
  }

  close(): void {
    this.#socket.end(message('X'));
  }

  /** The chunks joined into one once they hold `count` bytes; null: not yet. */
  #join(count: number): Buffer | null {
    // Joining for every chunk that comes would take quadratic time for a large value.
    if (this.#chunks.length > 0 && this.#chunks[0].length >= count) return this.#chunks[0];
    let have = 0;
    for (const chunk of this.#chunks) have += chunk.length;
    if (have < count) return null;
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0];
  }

  #wake(): void {
    this.#waiting?.resolve();
    this.#waiting = null;
  }
}

export function startupMessage(minor: number, parameters: Readonly<Record<string, string>>): Buffer {
  const pairs = Object.entries(parameters).flatMap(([name, value]) => [cstring(name), cstring(value)]);
  const body = Buffer.concat([int32((3 << 16) | minor), ...pairs, Buffer.of(0)]);
  return Buffer.concat([int32(body.length + 4), body]);
}

/** Opens a socket, with TLS where the options say so (the certificate is not checked). */
export async function openSocket(options: Pick<RawOptions, 'host' | 'port' | 'tls'>): Promise<net.Socket> {
  const { host, port } = options;
  const socket = net.connect({ host, port, noDelay: true });
  await event(socket, 'connect');
  if (options.tls === undefined) return socket;
  if (options.tls === 'request') {
    socket.write(Buffer.concat([int32(8), int32(80_877_103)]));
    const [answer] = (await event(socket, 'data')) as [Buffer];
    if (answer.toString('latin1') !== 'S') throw new Error(`answer to SSLRequest: ${answer.toString('latin1')}`);
  }
  const secure = tls.connect({ socket, rejectUnauthorized: false, ALPNProtocols: ['postgresql'] });
  await event(secure, 'secureConnect');
  return secure;
}

function event(socket: net.Socket, name: string): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once(name, (...values: unknown[]) => {
      socket.off('error', reject);
      resolve(values);
    });
  });
}

/** Fields of ErrorResponse or NoticeResponse by their letter. */
export function fieldsOf({ body }: RawMessage): Record<string, string> {
  const parts = body.toString('utf8').split('\0');
  return Object.fromEntries(parts.filter((part) => part !== '').map((part) => [part[0], part.slice(1)]));
}

/** Values of a DataRow. */
export function valuesOf({ body }: RawMessage): (Buffer | null)[] {
  const values: (Buffer | null)[] = [];
  let at = 2;
  for (let left = body.readInt16BE(0); left > 0; left--) {
    const length = body.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : body.subarray(at, at + length));
    at += Math.max(0, length);
  }
  return values;
}

/** Rows among `messages` as text, null for NULL. */
export function rowsOf(messages: readonly RawMessage[]): (string | null)[][] {
  return messages
    .filter(({ type }) => type === 'D')
    .map((row) => valuesOf(row).map((value) => value?.toString() ?? null));
}

/** The types in order, as in `1 2 D D C Z`. */
export function typesOf(messages: readonly RawMessage[]): string {
  return messages.map(({ type }) => type).join(' ');
}
