import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, suite, test } from 'node:test';
import { startGate } from '../support/gate.ts';
import type { GateConnection, TestGate } from '../support/gate.ts';
import type { PostgresServer } from '../support/postgres.ts';
import { startPostgres } from '../support/postgres.ts';
import { makeCertificates } from '../support/tls.ts';
import { int32, openSocket, query, RawClient, rowsOf, startupMessage } from '../support/rawPostgres.ts';
import { directTo, endings, openShop, policies, through, users } from './shop.ts';

/** What the gate says to a first message, up to the end of the connection. */
async function firstWords(gate: TestGate, bytes: Uint8Array): Promise<Buffer> {
  const socket = net.connect(gate.port, gate.host);
  socket.write(bytes);
  socket.end();
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks);
}

async function value(client: RawClient, text: string): Promise<string | null> {
  const [[only]] = rowsOf(await client.ask([query(text)]));
  return only;
}

suite('startup without TLS', () => {
  const ending = endings();
  let gate: TestGate;
  let server: PostgresServer;
  before(async () => ({ gate, server } = await openShop(ending)));
  after(() => ending.end());

  test('SSLRequest and GSSENCRequest are answered N, and the session goes on in the open', async () => {
    const socket = net.connect(gate.port, gate.host);
    for (const code of [80_877_104, 80_877_103]) {
      socket.write(Buffer.concat([int32(8), int32(code)]));
      const [answer] = (await once(socket, 'data')) as [Buffer];
      assert.equal(answer.toString(), 'N');
    }
    socket.write(startupMessage(0, { user: 'alice', database: 'shop' }));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.equal(answer.subarray(0, 1).toString(), 'R');
    assert.match(answer.toString('latin1'), /SCRAM-SHA-256\0\0$/);
    socket.destroy();
  });

  test('the same parameters are reported as without the gate', async () => {
    const parameters = { application_name: 'me', client_encoding: 'UTF8', DateStyle: 'ISO, DMY' };
    const direct = await RawClient.connect({ ...directTo(server), parameters });
    const gated = await RawClient.connect({ ...through(gate), parameters });
    // Who is logged in at the target is the gate's affair, and the same here by chance.
    assert.deepEqual(gated.parameters, direct.parameters);
    assert.equal(gated.secret.length, 4);
    direct.close();
    gated.close();
  });

  test('protocol 3.2 has a longer cancel key; newer ones are negotiated down', async () => {
    const client = await RawClient.connect({ ...through(gate), minor: 2 });
    assert.equal(client.secret.length, 32);
    assert.equal(await value(client, 'select 1'), '1');
    client.close();
    const words = await firstWords(gate, startupMessage(9999, { user: 'alice', database: 'shop', '_pq_.what': '1' }));
    const wanted = Buffer.concat([
      Buffer.from('v'),
      int32(22),
      int32((3 << 16) | 2),
      int32(1),
      Buffer.from('_pq_.what\0'),
    ]);
    assert.deepEqual(words.subarray(0, wanted.length), wanted);
    const old = await firstWords(gate, Buffer.concat([int32(8), int32(2 << 16)]));
    assert.match(old.toString('latin1'), /^E.*FATAL/s);
  });

  test('settings of the startup message and of `options` reach the target', async () => {
    const parameters = {
      application_name: 'wanted',
      search_path: 'pg_catalog,public',
      options: '-c statement_timeout=12345 --extra-float-digits=2 -c DateStyle=German',
    };
    const client = await RawClient.connect({ ...through(gate), parameters });
    const shown = async (name: string): Promise<string | null> => await value(client, `show ${name}`);
    assert.equal(await shown('application_name'), 'wanted');
    assert.equal(await shown('search_path'), 'pg_catalog,public');
    assert.equal(await shown('statement_timeout'), '12345ms');
    assert.equal(await shown('extra_float_digits'), '2');
    assert.equal(await shown('DateStyle'), 'German, DMY');
    client.close();
  });

  test('what could change the meaning of statements is refused by name', async () => {
    const refused: Record<string, string>[] = [
      { options: '-c session_preload_libraries=x' },
      { options: '-c role=postgres' },
      { standard_conforming_strings: 'off' },
      { replication: 'database' },
    ];
    for (const parameters of refused) {
      await assert.rejects(RawClient.connect({ ...through(gate), parameters }), /0A000/);
    }
  });

  test('a wrong password, an unknown user and an unknown connection', async () => {
    const wrong = { ...through(gate), password: 'wrong' };
    await assert.rejects(RawClient.connect(wrong), /"C":"28P01"/);
    await assert.rejects(RawClient.connect({ ...wrong, user: 'nobody' }), /"C":"28P01"/);
    await assert.rejects(RawClient.connect({ ...through(gate), database: 'elsewhere' }), /"C":"3D000"/);
  });

  test('direct TLS to a listener without TLS ends at once', async () => {
    await assert.rejects(openSocket({ host: gate.host, port: gate.port, tls: 'direct' }));
  });

  test('nothing that is not a startup packet gets an answer beyond an error', async () => {
    for (const bytes of [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.concat([int32(4), int32(0)]),
      query('select 1'),
    ]) {
      assert.match((await firstWords(gate, bytes)).toString('latin1'), /^(?:E[^]*08P01[^]*)?$/);
    }
  });
});

suite('TLS to the client', () => {
  const certificates = makeCertificates();
  const ending = endings();
  let gate: TestGate;
  before(async () => {
    ({ gate } = await openShop(ending, { tls: { ...certificates, required: true } }));
  });
  after(() => ending.end());

  for (const tls of ['request', 'direct'] as const) {
    test(`${tls}: the session runs, bound to the certificate`, async () => {
      const client = await RawClient.connect({ ...through(gate), tls });
      assert.equal(await value(client, 'select ssn from customers where id = 1'), '*******0001');
      assert.equal((await value(client, "select repeat('x', 3000000)"))?.length, 3_000_000);
      client.close();
    });
  }

  test('without TLS nobody gets in', async () => {
    await assert.rejects(RawClient.connect(through(gate)), /"C":"28000"/);
  });

  test('bytes before the handshake are not taken for what follows it', async () => {
    const ssl = Buffer.concat([int32(8), int32(80_877_103)]);
    const words = await firstWords(gate, Buffer.concat([ssl, startupMessage(0, { user: 'alice', database: 'shop' })]));
    assert.match(words.toString('latin1'), /^E[^]*08P01/);
  });
});

suite('the way to the target', () => {
  const certificates = makeCertificates();
  const other = makeCertificates();
  const ending = endings();
  let gate: TestGate;
  before(async () => {
    const tls = { cert: certificates.cert, key: certificates.key, required: true };
    const [scram, md5, clear, open] = await Promise.all([
      startPostgres({ tls }, ending),
      startPostgres({ tls, auth: 'md5' }, ending),
      startPostgres({ tls, auth: 'password' }, ending),
      startPostgres({ auth: 'password' }, ending),
    ]);
    const { ca } = certificates;
    const connections: GateConnection[] = [
      { name: 'require', server: scram, tls: 'require' },
      { name: 'verify', server: scram, tls: 'verify-full', ca },
      { name: 'named', server: scram, tls: 'verify-full', ca, serverName: 'localhost' },
      { name: 'wrong-ca', server: scram, tls: 'verify-full', ca: other.ca },
      { name: 'wrong-name', server: scram, tls: 'verify-full', ca, serverName: 'elsewhere.example' },
      { name: 'system-ca', server: scram, tls: 'verify-full' },
      { name: 'plain', server: scram, tls: 'disable' },
      { name: 'no-tls', server: open, tls: 'require' },
      { name: 'md5', server: md5, tls: 'require' },
      { name: 'clear', server: clear, tls: 'verify-full', ca },
      { name: 'clear-in-the-open', server: open, tls: 'disable' },
      { name: 'wrong-password', server: scram, tls: 'require', credential: { user: 'postgres', password: 'wrong' } },
      { name: 'wrong-database', server: scram, tls: 'require', database: 'missing' },
    ];
    gate = await startGate({ connections, policies, users }, ending);
  });
  after(() => ending.end());

  for (const name of ['require', 'verify', 'named', 'md5', 'clear']) {
    test(`${name}: gets through, encrypted`, async () => {
      const client = await RawClient.connect({ ...through(gate, 'free'), database: name });
      assert.equal(await value(client, 'select ssl from pg_stat_ssl where pid = pg_backend_pid()'), 't');
      assert.equal((await value(client, "select repeat('x', 1000000)"))?.length, 1_000_000);
      client.close();
    });
  }

  for (const [name, sqlstate] of Object.entries({
    'wrong-ca': '08001',
    'wrong-name': '08001',
    'system-ca': '08001',
    'no-tls': '08001',
    plain: '08004',
    'clear-in-the-open': '08004',
    'wrong-password': '08004',
    'wrong-database': '3D000',
  })) {
    test(`${name}: refused, and the client learns nothing of the target`, async () => {
      await assert.rejects(RawClient.connect({ ...through(gate, 'free'), database: name }), (error: Error) => {
        assert.match(error.message, new RegExp(`"C":"${sqlstate}"`));
        assert.doesNotMatch(error.message, /127\.0\.0\.1|certificate|missing/);
        return true;
      });
    });
  }

  test('the error of a refused session is an ErrorResponse of severity FATAL', async () => {
    await assert.rejects(RawClient.connect({ ...through(gate, 'free'), database: 'wrong-ca' }), (error: Error) => {
      const fields = JSON.parse(error.message.slice('refused: '.length)) as Record<string, string>;
      assert.equal(fields['S'], 'FATAL');
      assert.match(fields['M'], /\[BG_TARGET_UNREACHABLE\]/);
      return true;
    });
  });
});
