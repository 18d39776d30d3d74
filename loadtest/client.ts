/**
 * A PostgreSQL client that costs next to nothing per row: it logs in, sends prepared bytes and walks over the headers of
 * what comes back. It makes no object per row or message, so that a load test measures the server side and not itself.
 */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { i32, writeI32 } from '../src/bytes/bytes.ts';
import { md5Password } from '../src/protocols/postgres/login/md5.ts';
import { ClientScram, saltedPasswordOf } from '../src/protocols/postgres/login/scramClient.ts';
import type { SaltPassword } from '../src/protocols/postgres/login/scramClient.ts';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

const headerBytes = 5;
const readBytes = 256 * 1024;
/** Longest message that is kept to be looked at (authentication, errors); others are only counted. */
const keptBytesMax = 64 * 1024;
const loginWaitMs = 30_000;

const [messageR, messageE, messageZ, messageD] = [...Buffer.from('REZD', 'latin1')];

/** Derivations of SCRAM are remembered per password and server, so that 1,000 logins do not measure PBKDF2. */
const saltings = new Map<string, SaltPassword>();

export class RawClient {
  /** Bytes and DataRows received since the last call of `reset`. */
  bytes = 0;
  rows = 0;
  readonly #socket: Socket;
  readonly #endpoint: Endpoint;
  readonly #ready = Promise.withResolvers<void>();
  #scram: ClientScram | null = null;
  #loggedIn = false;
  #failed = false;
  #refusal: Error | null = null;
  /** Invariant: `#headerFilled` < 5, and it is above 0 only while `#bodyLeft` is 0. */
  readonly #header = new Uint8Array(headerBytes);
  #headerFilled = 0;
  #bodyLeft = 0;
  #type = 0;
  /** null: the message is counted only. */
  #kept: Uint8Array | null = null;
  #onReady: () => void = () => {};
  #onFailure: (error: Error) => void = () => {};

  private constructor(endpoint: Endpoint, buffer: Uint8Array) {
    this.#endpoint = endpoint;
    this.#socket = connect({
      host: endpoint.host,
      port: endpoint.port,
      noDelay: true,
      onread: {
        buffer,
        callback: (length) => {
          this.#read(buffer, length);
          return true;
        },
      },
    });
    this.#socket.on('connect', () => this.#socket.write(startupMessage(endpoint)));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error(`${place(endpoint)} closed the connection`)));
    this.#socket.setTimeout(loginWaitMs, () => {
      if (!this.#loggedIn) this.#fail(new Error(`${place(endpoint)} did not finish the login in ${loginWaitMs} ms`));
    });
  }

  /** Connects and logs in (SCRAM-SHA-256, MD5, cleartext or trust; no TLS). Rejects where the server refuses. */
  static async open(endpoint: Endpoint, bufferBytes = readBytes): Promise<RawClient> {
    const client = new RawClient(endpoint, new Uint8Array(bufferBytes));
    await client.#ready.promise;
    return client;
  }

  /** Who is told of each ReadyForQuery, and of the one failure that ends this client. */
  listen(onReady: () => void, onFailure: (error: Error) => void): void {
    this.#onReady = onReady;
    this.#onFailure = onFailure;
  }

  send(message: Uint8Array): void {
    this.#socket.write(message);
  }

  /** Sends `message` and waits for the ReadyForQuery that ends its answer. */
  ask(message: Uint8Array): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.listen(resolve, reject);
    this.send(message);
    return promise;
  }

  reset(): void {
    this.bytes = 0;
    this.rows = 0;
  }

  close(): void {
    this.#failed = true;
    this.#socket.end(Uint8Array.of(0x58, 0, 0, 0, 4));
    this.#socket.destroySoon();
  }

  #read(buffer: Uint8Array, length: number): void {
    this.bytes += length;
    let at = 0;
    while (at < length && !this.#failed) {
      if (this.#bodyLeft > 0) {
        at = this.#skip(buffer, at, length);
      } else if (this.#headerFilled === 0 && length - at >= headerBytes) {
        this.#begin(buffer[at], i32(buffer, at + 1));
        at += headerBytes;
      } else {
        this.#header[this.#headerFilled++] = buffer[at++];
        if (this.#headerFilled < headerBytes) continue;
        this.#headerFilled = 0;
        this.#begin(this.#header[0], i32(this.#header, 1));
      }
    }
  }

  #begin(type: number, length: number): void {
    if (length < 4) return this.#fail(new Error(`${place(this.#endpoint)} sent a malformed message`));
    this.#type = type;
    this.#bodyLeft = length - 4;
    if (type === messageD) this.rows++;
    const isLookedAt = type === messageR || type === messageE;
    this.#kept = isLookedAt && length <= keptBytesMax ? new Uint8Array(length - 4) : null;
    if (this.#bodyLeft === 0) this.#end();
  }

  #skip(buffer: Uint8Array, at: number, length: number): number {
    const count = Math.min(this.#bodyLeft, length - at);
    this.#kept?.set(buffer.subarray(at, at + count), this.#kept.length - this.#bodyLeft);
    this.#bodyLeft -= count;
    if (this.#bodyLeft === 0) this.#end();
    return at + count;
  }

  #end(): void {
    if (this.#type === messageZ) this.#readyForQuery();
    else if (this.#type === messageE) this.#refused(this.#kept ?? new Uint8Array(0));
    else if (this.#type === messageR && this.#kept !== null) {
      this.#authenticate(this.#kept).catch((error: unknown) => this.#fail(asError(error)));
    }
  }

  #readyForQuery(): void {
    // A refused statement must not count as a fast one.
    if (this.#refusal !== null) return this.#fail(this.#refusal);
    if (this.#loggedIn) return this.#onReady();
    this.#loggedIn = true;
    this.#socket.setTimeout(0);
    this.#ready.resolve();
  }

  #refused(body: Uint8Array): void {
    const fields = Buffer.from(body).toString('utf8').split('\0');
    const field = (name: string): string => fields.find((text) => text.startsWith(name))?.slice(1) ?? '';
    this.#refusal = new Error(`${place(this.#endpoint)}: ${field('C')} ${field('M')}`);
    // Before login no ReadyForQuery follows.
    if (!this.#loggedIn) this.#fail(this.#refusal);
  }

  async #authenticate(body: Uint8Array): Promise<void> {
    const { user, password } = this.#endpoint;
    const data = body.subarray(4);
    switch (body.length < 4 ? -1 : i32(body, 0)) {
      case 0:
        return;
      case 3:
        return this.send(frame('p', cstring(password)));
      case 5:
        return this.send(frame('p', cstring(md5Password(user, password, data))));
      case 10: {
        const offered = Buffer.from(data).toString('latin1').split('\0').filter(Boolean);
        const options = { offered, channelBinding: null, nonce: randomBytes(18).toString('base64') };
        this.#scram = new ClientScram({ ...options, saltPassword: saltingFor(this.#endpoint) });
        const first = this.#scram.first();
        const size = new Uint8Array(4);
        writeI32(size, 0, first.length);
        return this.send(frame('p', cstring(this.#scram.mechanism ?? ''), size, first));
      }
      case 11: {
        const proof = await this.#scram?.proof(data);
        if (!(proof instanceof Uint8Array)) throw new Error(`${place(this.#endpoint)}: ${proof?.detail ?? 'no SCRAM'}`);
        return this.send(frame('p', proof));
      }
      case 12: {
        const fault = this.#scram?.verify(data);
        if (fault !== null) throw new Error(`${place(this.#endpoint)}: ${fault?.detail ?? 'no SCRAM'}`);
        return;
      }
      default:
        throw new Error(`${place(this.#endpoint)} asks for an authentication that this client does not know`);
    }
  }

  #fail(error: Error): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#socket.destroy();
    this.#ready.reject(error);
    this.#onFailure(error);
  }
}

/** A simple Query. */
export function queryMessage(sql: string): Uint8Array {
  return frame('Q', cstring(sql));
}

/** Parse of the statement `q` and Sync. */
export function parseMessage(sql: string): Uint8Array {
  return Buffer.concat([frame('P', cstring('q'), cstring(sql), Uint8Array.of(0, 0)), sync]);
}

/** Bind of `q` with text parameters, results as text, Execute and Sync. */
export function executeMessage(parameters: readonly string[]): Uint8Array {
  const parts: Uint8Array[] = [cstring(''), cstring('q'), Uint8Array.of(0, 0, 0, parameters.length)];
  for (const parameter of parameters) {
    const value = Buffer.from(parameter, 'utf8');
    const size = new Uint8Array(4);
    writeI32(size, 0, value.length);
    parts.push(size, value);
  }
  return Buffer.concat([frame('B', ...parts, Uint8Array.of(0, 0)), execute, sync]);
}

function startupMessage({ user, database }: Endpoint): Uint8Array {
  const body = Buffer.from(`user\0${user}\0database\0${database}\0application_name\0loadtest\0\0`, 'utf8');
  const message = new Uint8Array(8 + body.length);
  writeI32(message, 0, message.length);
  writeI32(message, 4, 0x0003_0000);
  message.set(body, 8);
  return message;
}

function frame(type: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const header = new Uint8Array(headerBytes);
  header[0] = type.charCodeAt(0);
  writeI32(
    header,
    1,
    parts.reduce((sum, part) => sum + part.length, 4),
  );
  return Buffer.concat([header, ...parts]);
}

function cstring(text: string): Uint8Array {
  return Buffer.from(`${text}\0`, 'utf8');
}

const sync = frame('S');
const execute = frame('E', cstring(''), new Uint8Array(4));

function saltingFor(endpoint: Endpoint): SaltPassword {
  const key = JSON.stringify([endpoint.host, endpoint.port, endpoint.user, endpoint.password]);
  const known = saltings.get(key) ?? saltedPasswordOf(endpoint.password);
  saltings.set(key, known);
  return known;
}

function place({ host, port }: Endpoint): string {
  return `${host}:${port}`;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
