/**
 * The control port: health, readiness and metrics over HTTP. Not in the data path. It answers on loopback unless the
 * configuration says otherwise, reads no request bodies, and has limits on everything that a peer can send or delay.
 */
import { createServer, STATUS_CODES } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { Socket } from 'node:net';

import { errors } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';

export interface ControlOptions {
  readonly host: string;
  /** 0: the system chooses one. */
  readonly port: number;
  /** Reasons why new sessions would not work; empty: ready. For people: no secrets. Must not block. */
  readonly notReady: () => readonly string[];
  /** Prometheus text. */
  readonly metrics: () => Promise<string>;
  /** A handler failed: a bug of ours. */
  readonly onError: (cause: unknown) => void;
}

export interface Control {
  readonly host: string;
  readonly port: number;
  /** Stops listening and closes what is open. */
  close(): Promise<void>;
}

const connectionsMax = 256;
const headerBytesMax = 8_192;
const headerCountMax = 64;
const requestMs = 10_000;
const idleMs = 5_000;

const statuses = {
  BG_CONTROL_NOT_FOUND: 404,
  BG_CONTROL_METHOD: 405,
  BG_CONTROL_REQUEST: 400,
  BG_INTERNAL: 500,
} as const satisfies Partial<Record<ErrorCode, number>>;

type ControlError = keyof typeof statuses;

/** Rejects where the address cannot be listened on. */
export async function openControl(options: ControlOptions): Promise<Control> {
  const server = createServer({
    maxHeaderSize: headerBytesMax,
    headersTimeout: requestMs,
    requestTimeout: requestMs,
    keepAliveTimeout: idleMs,
    connectionsCheckingInterval: 1_000,
  });
  server.maxHeadersCount = headerCountMax;
  server.maxConnections = connectionsMax;
  server.on('request', (request, response) => {
    handle(request, response, options).catch((cause: unknown) => {
      options.onError(cause);
      if (!response.headersSent) sendError(request, response, 'BG_INTERNAL');
      else response.destroy();
    });
  });
  server.on('clientError', refuseMalformed);
  // CONNECT and Upgrade hand the raw socket over; without a listener Node keeps an upgraded request waiting.
  server.on('connect', (_request, socket: Socket) => refuseMalformed(null, socket));
  server.on('upgrade', (_request, socket: Socket) => refuseMalformed(null, socket));
  await listen(server, options.host, options.port);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the control port has no TCP address');
  return { host: address.address, port: address.port, close: () => close(server) };
}

async function handle(request: IncomingMessage, response: ServerResponse, options: ControlOptions): Promise<void> {
  const { headers } = request;
  const hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
  if (hasBody || !namesThisGate(headers.host, request.socket.localAddress))
    return sendError(request, response, 'BG_CONTROL_REQUEST');
  const [path] = (request.url ?? '').split('?', 1);
  if (path !== '/healthz' && path !== '/readyz' && path !== '/metrics')
    return sendError(request, response, 'BG_CONTROL_NOT_FOUND');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return sendError(request, response, 'BG_CONTROL_METHOD');
  }
  if (path === '/healthz') return sendJson(request, response, 200, { status: 'ok' });
  if (path === '/readyz') {
    const reasons = options.notReady();
    if (reasons.length === 0) return sendJson(request, response, 200, { status: 'ready' });
    return sendJson(request, response, 503, { status: 'not ready', reasons });
  }
  send(request, response, 200, 'text/plain; version=0.0.4; charset=utf-8', await options.metrics());
}

/**
 * A web page can make a browser ask a name of its own that resolves to this machine (DNS rebinding), but it cannot
 * make it send another Host. So only addresses and localhost are served over loopback. Where the port was opened to
 * other machines they may know this one by any name.
 */
function namesThisGate(header: string | undefined, localAddress: string | undefined): boolean {
  if (header === undefined || !/^(::1$|(::ffff:)?127\.)/.test(localAddress ?? '')) return true;
  const name = header.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return name.toLowerCase() === 'localhost' || isIP(name) !== 0;
}

function sendError(request: IncomingMessage, response: ServerResponse, code: ControlError): void {
  // What is left of a body is not read.
  if (code === 'BG_CONTROL_REQUEST') response.setHeader('connection', 'close');
  sendJson(request, response, statuses[code], errorBody(code));
}

function errorBody(code: ControlError): unknown {
  const { message, hint } = errors[code];
  return { error: { code, message, hint } };
}

function sendJson(request: IncomingMessage, response: ServerResponse, status: number, body: unknown): void {
  send(request, response, status, 'application/json', `${JSON.stringify(body)}\n`);
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  contentType: string,
  body: string,
): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** What is not HTTP, or too large or too slow, is answered on the bare socket and cut off. */
function refuseMalformed(
  _cause: unknown,
  socket: { writable: boolean; end(text: string): void; destroy(): void },
): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = `${JSON.stringify(errorBody('BG_CONTROL_REQUEST'))}\n`;
  const head = [
    `HTTP/1.1 400 ${STATUS_CODES[400]}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
