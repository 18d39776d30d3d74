import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';

import { openControl } from '../../src/control/control.ts';
import type { Control } from '../../src/control/control.ts';

let control: Control;
let reasons: string[] = [];
let metrics = (): Promise<string> => Promise.resolve('blastgate_up 1\n');
const causes: unknown[] = [];

before(async () => {
  control = await openControl({
    host: '127.0.0.1',
    port: 0,
    notReady: () => reasons,
    metrics: () => metrics(),
    onError: (cause) => causes.push(cause),
  });
});
after(() => control.close());

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

function ask(
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, body } = options;
    const sent = request(
      { host: control.host, port: control.port, path, method, headers, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

function codeOf(answer: Answer): unknown {
  const body: unknown = JSON.parse(answer.text);
  assert.ok(typeof body === 'object' && body !== null && 'error' in body);
  assert.ok(typeof body.error === 'object' && body.error !== null && 'code' in body.error);
  return body.error.code;
}

/** Sends bytes and gives everything that comes back until the gate closes. */
async function raw(bytes: string): Promise<string> {
  const socket = connect({ host: control.host, port: control.port });
  let text = '';
  socket.setEncoding('utf8').on('data', (part: string) => (text += part));
  // The gate cuts off what is no HTTP, perhaps by a reset; what came before that counts.
  socket.on('error', () => undefined);
  socket.write(bytes);
  await once(socket, 'close');
  return text;
}

describe('control port', () => {
  test('tells that the process lives', async () => {
    const answer = await ask('/healthz');
    assert.equal(answer.status, 200);
    assert.deepEqual(JSON.parse(answer.text), { status: 'ok' });
    assert.equal(answer.headers['cache-control'], 'no-store');
  });

  test('tells whether it is ready, and why not; living does not depend on it', async () => {
    assert.equal((await ask('/readyz')).status, 200);
    reasons = ['draining', 'audit log not writable'];
    const answer = await ask('/readyz');
    assert.equal(answer.status, 503);
    assert.deepEqual(JSON.parse(answer.text), { status: 'not ready', reasons });
    assert.equal((await ask('/healthz')).status, 200);
    reasons = [];
  });

  test('serves metrics, whatever the query says', async () => {
    const answer = await ask('/metrics?x=1');
    assert.equal(answer.text, 'blastgate_up 1\n');
    assert.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  });

  test('answers HEAD without a body', async () => {
    const answer = await ask('/healthz', { method: 'HEAD' });
    assert.deepEqual([answer.status, answer.text, answer.headers['content-length']], [200, '', '16']);
  });

  test('refuses other paths and methods with codes', async () => {
    for (const path of ['/', '/healthz/', '/metrics/../healthz', '//healthz', '/HEALTHZ']) {
      const answer = await ask(path);
      assert.deepEqual([answer.status, codeOf(answer)], [404, 'BG_CONTROL_NOT_FOUND'], path);
    }
    const answer = await ask('/healthz', { method: 'DELETE' });
    assert.deepEqual([answer.status, codeOf(answer), answer.headers['allow']], [405, 'BG_CONTROL_METHOD', 'GET, HEAD']);
  });

  test('reads no bodies', async () => {
    for (const headers of [{ 'content-length': '3' }, { 'transfer-encoding': 'chunked' }]) {
      const answer = await ask('/healthz', { method: 'POST', headers, body: 'abc' });
      assert.deepEqual([answer.status, codeOf(answer)], [400, 'BG_CONTROL_REQUEST']);
      assert.equal(answer.headers['connection'], 'close');
    }
  });

  test('over loopback answers to localhost and addresses only', async () => {
    for (const host of ['localhost', 'LOCALHOST:6443', '127.0.0.1', '[::1]:6443', '10.1.2.3:80'])
      assert.equal((await ask('/healthz', { headers: { host } })).status, 200, host);
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', 'x:y'])
      assert.equal((await ask('/healthz', { headers: { host } })).status, 400, host);
  });

  test('cuts off what is not HTTP, too large, or wants another protocol', async () => {
    const hello = 'Host: localhost\r\n';
    for (const bytes of [
      '\x16\x03\x01 not http\r\n\r\n',
      `GET /healthz HTTP/1.1\r\n${hello}X: ${'x'.repeat(20_000)}\r\n\r\n`,
      `CONNECT a:1 HTTP/1.1\r\n${hello}\r\n`,
      `GET /healthz HTTP/1.1\r\n${hello}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      `GET /healthz HTTP/1.1\r\n${hello}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`,
    ]) {
      const text = await raw(bytes);
      assert.match(text, /^HTTP\/1.1 400 Bad Request\r\n/);
      assert.match(text, /BG_CONTROL_REQUEST/);
    }
  });

  test('a failing handler is reported and answered without its cause', async () => {
    const working = metrics;
    metrics = () => Promise.reject(new Error('cause with hunter2'));
    const answer = await ask('/metrics');
    metrics = working;
    assert.deepEqual([answer.status, codeOf(answer)], [500, 'BG_INTERNAL']);
    assert.ok(!answer.text.includes('hunter2'));
    assert.equal(causes.length, 1);
  });

  test('closing does not wait for idle and silent peers', async () => {
    const other = await openControl({
      host: '127.0.0.1',
      port: 0,
      notReady: () => [],
      metrics,
      onError: () => undefined,
    });
    const silent = connect({ host: other.host, port: other.port });
    await once(silent, 'connect');
    // Closing may reset it.
    const closed = once(
      silent.on('error', () => undefined),
      'close',
    );
    await other.close();
    await closed;
  });

  test('an address in use is an error of the caller', async () => {
    const { host, port } = control;
    const again = openControl({ host, port, notReady: () => [], metrics, onError: () => undefined });
    await assert.rejects(again, { code: 'EADDRINUSE' });
  });
});
