/**
 * Opens connections to targets: TCP, then TLS as the configuration demands it, never less.
 */
import net from 'node:net';
import tls from 'node:tls';
import type { Fault } from '../errors.ts';
import type { TlsPreamble, Wire, WireReader } from '../protocols/protocol.ts';
import { SocketWire } from './wire.ts';

export interface DialTarget {
  readonly host: string;
  readonly port: number;
  readonly tls: 'disable' | 'require' | 'verify-full';
  /** PEM; null: the system's authorities. */
  readonly ca: string | null;
  /** Name that the certificate must carry; null: `host`. */
  readonly serverName: string | null;
}

/** SSLRequest: length 8, code 80877103 (PostgreSQL manual, Message Formats). */
const sslRequest = Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f);

function unreachable(target: DialTarget, cause: string): Fault {
  return { code: 'BG_TARGET_UNREACHABLE', detail: `${target.host}:${target.port}: ${cause}` };
}

/** Connects, and upgrades to TLS unless the target says `disable`. The wire expires unless somebody logs in within `dialMs`. */
export async function dial(target: DialTarget, preamble: TlsPreamble, dialMs: number): Promise<Wire | Fault> {
  const wire = await open(target, preamble, dialMs);
  if (!('code' in wire)) wire.expireIn(dialMs);
  return wire;
}

async function open(target: DialTarget, preamble: TlsPreamble, dialMs: number): Promise<Wire | Fault> {
  const opened = await connect(target, dialMs);
  if ('code' in opened) return opened;
  const { wire, socket } = opened;
  if (target.tls === 'disable') return wire;
  if (preamble === 'postgres') {
    wire.write(sslRequest, null);
    const answer = await readOneByte(wire, dialMs);
    if (answer !== 0x53) {
      wire.destroy();
      return unreachable(target, answer === 0x4e ? 'the target offers no TLS' : 'no answer to SSLRequest');
    }
  }
  return await upgrade(target, wire, socket, dialMs);
}

interface Opened {
  readonly wire: SocketWire;
  readonly socket: net.Socket;
}

function connect(target: DialTarget, dialMs: number): Promise<Opened | Fault> {
  return new Promise((resolve) => {
    const wire = new SocketWire(`${target.host}:${target.port}`, null);
    const socket = net.connect({
      host: target.host,
      port: target.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      autoSelectFamily: true,
      onread: wire.onread,
    });
    const timer = setTimeout(() => socket.destroy(new Error(`no connection within ${dialMs} ms`)), dialMs);
    const fail = (cause: Error): void => {
      clearTimeout(timer);
      resolve(unreachable(target, cause.message));
    };
    socket.once('error', fail);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', fail);
      wire.attach(socket, false);
      resolve({ wire, socket });
    });
  });
}

function readOneByte(wire: SocketWire, dialMs: number): Promise<number> {
  const space = new Uint8Array(1);
  return new Promise((resolve) => {
    const timer = setTimeout(() => wire.destroy(), dialMs);
    const finish = (value: number): void => {
      clearTimeout(timer);
      wire.pause();
      resolve(value);
    };
    const reader: WireReader = {
      buffer: () => space,
      // More than one byte would be plain text slipped in before the handshake.
      onRead: (bytes, count) => finish(count === 1 ? bytes[0] : -1),
      onDrain: () => {},
      onClose: () => finish(-1),
    };
    wire.setReader(reader);
  });
}

function upgrade(target: DialTarget, wire: SocketWire, socket: net.Socket, dialMs: number): Promise<Wire | Fault> {
  const name = target.serverName ?? target.host;
  const verify = target.tls === 'verify-full';
  return new Promise((resolve) => {
    const secure = tls.connect({
      socket,
      rejectUnauthorized: verify,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['postgresql'],
      ...(target.ca === null ? {} : { ca: target.ca }),
      ...(net.isIP(name) === 0 ? { servername: name } : {}),
      // The name that must match is the configured one, also where it is an address and SNI cannot carry it.
      checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(name, certificate),
    });
    const timer = setTimeout(() => secure.destroy(new Error('TLS handshake took too long')), dialMs);
    const fail = (cause: Error): void => {
      clearTimeout(timer);
      resolve(unreachable(target, `TLS: ${cause.message}`));
    };
    secure.once('error', fail);
    secure.once('secureConnect', () => {
      clearTimeout(timer);
      secure.off('error', fail);
      wire.encrypted = true;
      wire.peerCertificate = new Uint8Array(secure.getPeerCertificate(false).raw ?? []);
      wire.attach(secure, true);
      secure.pause();
      resolve(wire);
    });
  });
}
