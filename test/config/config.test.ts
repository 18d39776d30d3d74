import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

import * as fc from 'fast-check';

import { isLoopback } from '../../src/config/checks.ts';
import { laneCount } from '../../src/config/config.ts';
import type { Config } from '../../src/config/config.ts';
import { formatFault } from '../../src/yaml/faults.ts';
import { loadConfig, parseConfig } from '../../src/config/load.ts';
import type { ConfigFiles, ConfigResult } from '../../src/config/load.ts';
import { makeCertificates } from '../support/tls.ts';

const minimal = `listen: { postgres: {} }
identity:
  users:
    - { name: alice, password: { env: ALICE } }
connections:
  - { name: shop, protocol: postgres, target: { host: 127.0.0.1, tls: disable }, credential: { user: gate } }
`;

function faultsOf(result: ConfigResult): string[] {
  return 'faults' in result ? result.faults.map(formatFault) : [];
}

function configOf(result: ConfigResult): Config {
  if ('faults' in result) assert.fail(faultsOf(result).join('\n'));
  return result.config;
}

/** The faults of `minimal` with some lines in its place. */
function faultsWith(from: string, to: string): string[] {
  assert.ok(minimal.includes(from));
  return faultsOf(parseConfig(minimal.replace(from, to), 'bg.yaml'));
}

describe('parseConfig', () => {
  test('fills in every default, resolves paths against the file and freezes deeply', () => {
    const config = configOf(parseConfig(minimal, '/etc/gate/bg.yaml'));
    assert.deepEqual(config, {
      file: '/etc/gate/bg.yaml',
      listen: { postgres: { host: '127.0.0.1', port: 6432, tls: null }, control: null },
      workers: 'auto',
      data: '/etc/gate/data',
      policies: '/etc/gate/policies',
      identity: {
        users: [{ name: 'alice', groups: [], password: { kind: 'secret', ref: { kind: 'env', name: 'ALICE' } } }],
      },
      connections: [
        {
          name: 'shop',
          protocol: 'postgres',
          target: {
            host: '127.0.0.1',
            port: 5432,
            database: 'shop',
            tls: 'disable',
            ca: null,
            serverName: '127.0.0.1',
          },
          credential: { user: 'gate', password: null },
          labels: {},
        },
      ],
      limits: {
        connections: 10_000,
        connectionsPerUser: 10_000,
        unauthenticated: 8_192,
        authenticationMs: 10_000,
        startupBytes: 16_384,
        messageBytes: 67_108_864,
        statementBytes: 1_048_576,
        statementInlineBytes: 16_384,
        analysisMs: 10_000,
        dialMs: 10_000,
        idleMs: null,
        slowClientMs: 900_000,
        drainMs: 30_000,
      },
      masking: { inlineBytes: 'auto', slotBytes: 262_144, slabBytes: 50_331_648, hashKey: null, catalogProbeMs: 5_000 },
      audit: { durability: 'os', fileBytes: 268_435_456, textBytes: 65_536 },
      log: { level: 'info' },
    });
    assert.ok(Object.isFrozen(config.connections[0].target));
    assert.ok(Object.isFrozen(config.identity.users[0].groups));
  });

  test('accepts the documented example', () => {
    const text = readFileSync(new URL('../../docs/blastgate.example.yaml', import.meta.url), 'utf8');
    const config = configOf(parseConfig(text, '/etc/gate/blastgate.yaml'));
    assert.equal(config.listen.postgres.tls?.required, true);
    assert.equal(config.connections[0].target.ca, '/etc/gate/internal-ca.crt');
    assert.equal(config.connections[1].target.serverName, 'billing.internal');
    assert.deepEqual(config.connections[1].credential.password, {
      kind: 'exec',
      argv: ['vault', 'kv', 'get', '-field=password', 'secret/billing'],
      passEnv: ['VAULT_ADDR', 'VAULT_TOKEN'],
      timeoutMs: 5_000,
      ttlMs: 300_000,
    });
    assert.equal(config.identity.users[1].password.kind, 'scram');
  });

  test('reports every fault at once, each with its place and what would be right', () => {
    const text = `listen:
  postgres: { host: 0.0.0.0, port: "x", tlss: {} }
  mysql: { port: 6306 }
  control: { prot: 1 }
workers: 99
limits:
identity:
  users:
    - { name: alice, groups: x, password: { env: ALICE, tll: 4 } }
    - { name: alice, password: { exec: [], timeout: 4 } }
    - { name: bob, password: { scram: "SCRAM-SHA-256$4096:abc" } }
    - { name: eve }
connections:
  - name: shop
    protocol: mysql
    target: { port: 0, tls: maybe, ca: x }
  - name: shop
    protocol: postgres
    target: { host: "a b", tls: disable, ca: x }
    credential: { user: x, password: { vault: y } }
    labels: { env: 1, "": x }
masking: { inline_bytes: foo, slot_bytes: 1.5 }
__proto__: { a: 1 }
`;
    const places = faultsOf(parseConfig(text, 'bg.yaml')).map((line) => line.slice('bg.yaml:'.length));
    const expected: readonly (readonly [start: string, message: RegExp])[] = [
      ['2:21 listen.postgres.host:', /without TLS.*insecure: true/],
      ['2:36 listen.postgres.port:', /must be a number, not text/],
      ['2:41 listen.postgres.tlss:', /did you mean `tls`\?/],
      ['3:3 listen.mysql:', /mysql is not available in this version/],
      ['4:14 listen.control.prot:', /did you mean `port`\?/],
      ['5:10 workers:', /at most 64/],
      ['9:30 identity.users[0].groups:', /must be a list, not text/],
      ['9:57 identity.users[0].password.tll:', /unknown key; known here: env$/],
      ['10:15 identity.users[1].name:', /line 9 \(identity.users\[0\].name\)/],
      ['10:40 identity.users[1].password.exec:', /must name a program/],
      ['10:44 identity.users[1].password.timeout:', /unknown key/],
      ['11:39 identity.users[2].password.scram:', /must look like SCRAM-SHA-256\$/],
      ['12:7 identity.users[3].password:', /is missing; give \{ env: NAME \}/],
      ['14:5 connections[0].credential:', /is missing/],
      ['15:15 connections[0].protocol:', /mysql is not available in this version; available: postgres/],
      ['16:13 connections[0].target.host:', /is missing/],
      ['16:21 connections[0].target.port:', /at least 1/],
      ['16:29 connections[0].target.tls:', /one of disable, require, verify-full/],
      ['17:11 connections[1].name:', /the same name stands in line 14/],
      ['19:21 connections[1].target.host:', /host name or an IP address/],
      ['19:46 connections[1].target.ca:', /no effect with `tls: disable`/],
      ['20:38 connections[1].credential.password:', /must be \{ env: NAME \}/],
      ['21:20 connections[1].labels.env:', /must be text, not a number/],
      ['21:27 connections[1].labels.:', /key that is empty/],
      ['22:26 masking.inline_bytes:', /`auto` or a number/],
      ['22:43 masking.slot_bytes:', /whole number, not a fraction/],
      ['23:1 __proto__:', /unknown key/],
    ];
    for (const [index, [start, message]] of expected.entries()) {
      assert.ok(places[index]?.startsWith(start), `${places[index]} should start with ${start}`);
      assert.match(places[index], message);
    }
    assert.equal(places.length, expected.length);
  });

  test('a literal secret is refused and never quoted, however the YAML reads it', () => {
    for (const literal of ['hunter2', '"hunter2"', '!hunter2 x', '*hunter2', '[hunter2]', '{ hunter2: x }', '"hunter2'])
      for (const field of [`{ user: gate, password: ${literal} }`, `{ user: gate, pasword: ${literal} }`]) {
        const faults = faultsWith('{ user: gate }', field);
        assert.ok(faults.length > 0, field);
        assert.ok(!faults.join('\n').includes('hunter2'), faults.join('\n'));
      }
    const [fault] = faultsWith('{ user: gate }', '{ user: gate, password: hunter2 }');
    assert.match(fault, /password: is a literal; secrets are references: give \{ env: NAME \}/);
    assert.equal(faultsWith('{ user: gate }', '{ user: gate, password: 12345 }').length, 1);
  });

  test('YAML that cannot be read is a fault with its place, and no more', () => {
    const cases: readonly (readonly [text: string, place: string, message: RegExp])[] = [
      ['a: "b\nc: d', '2:5', /missing/],
      ['a: 1\na: 2', '2:1', /twice/],
      ['a:\n\t- b', '2:1', /tabs/],
      ['a: b: c', '1:4', /nested map/],
      ['a: 1\n---\nb: 1', '2:1', /only one YAML document/],
      ['a: *nowhere', '1:1', /alias/],
      ['- 1', '1:1', /must be a map of keys, not a list/],
    ];
    for (const [text, place, message] of cases) {
      const [first] = faultsOf(parseConfig(text, 'bg.yaml'));
      assert.ok(first.startsWith(`bg.yaml:${place} `), first);
      assert.match(first, message);
    }
    assert.ok(faultsOf(parseConfig('['.repeat(100_000), 'bg.yaml')).length < 10);
    const laughs = Array.from({ length: 12 }, (_, i) => `k${i}: &a${i} [${i ? `*a${i - 1},`.repeat(9) : ''}1]`);
    assert.match(faultsOf(parseConfig(laughs.join('\n'), 'bg.yaml'))[0], /too many aliases/);
  });

  test('keys with nothing behind them count as not written', () => {
    assert.deepEqual(faultsWith('listen:', 'limits:\nmasking: {  }\nlog: { level: }\nlisten:'), []);
    assert.match(faultsWith('{ env: ALICE }', '')[0], /password: is missing/);
  });

  test('anchors and aliases work, and faults behind them have a place', () => {
    const text = minimal
      .replace('{ env: ALICE }', '&p { env: ALICE }')
      .replace('{ user: gate }', '{ user: gate, password: *p }');
    assert.deepEqual(faultsOf(parseConfig(text, 'bg.yaml')), []);
    const wrong = faultsOf(parseConfig(text.replace('env: ALICE', 'env: A-B'), 'bg.yaml'));
    assert.equal(wrong.length, 2);
    for (const fault of wrong) assert.match(fault, /^bg\.yaml:4:\d+ .*name of an environment variable/);
  });

  test('listeners that others can reach need TLS or an explicit word', () => {
    const open = '{ postgres: { host: "::" } }';
    assert.match(faultsWith('{ postgres: {} }', open)[0], /other machines can reach/);
    assert.deepEqual(faultsWith('{ postgres: {} }', '{ postgres: { host: "::", tls: { cert: c, key: k } } }'), []);
    assert.match(faultsWith('{ postgres: {} }', '{ postgres: {}, control: { host: 0.0.0.0 } }')[0], /control.host/);
    const said = parseConfig(
      minimal.replace('{ postgres: {} }', '{ postgres: { host: "::", insecure: true } }'),
      'bg.yaml',
    );
    assert.ok('config' in said);
    assert.match(said.warnings[0], /listen.postgres: clients may connect without TLS/);
  });

  test('two listeners on one port are refused where their addresses meet', () => {
    const listen = (postgres: string, control: string): string[] =>
      faultsWith('{ postgres: {} }', `{ postgres: ${postgres}, control: ${control} }`);
    assert.match(listen('{ port: 7000 }', '{ port: 7000 }')[0], /port of listen.postgres/);
    assert.match(listen('{ port: 6443 }', '{}')[0], /port of listen.postgres/);
    assert.match(
      listen('{ host: 0.0.0.0, insecure: true, port: 7000 }', '{ port: 7000 }')[0],
      /port of listen.postgres/,
    );
    assert.deepEqual(listen('{ port: 0 }', '{ port: 0 }'), []);
    assert.deepEqual(listen('{ port: 7000 }', '{ host: 127.0.0.2, port: 7000 }'), []);
  });

  test('targets elsewhere without verified TLS are warned of', () => {
    const warningsFor = (target: string): readonly string[] => {
      const result = parseConfig(minimal.replace('{ host: 127.0.0.1, tls: disable }', target), 'bg.yaml');
      return 'config' in result ? result.warnings : assert.fail(faultsOf(result).join('\n'));
    };
    assert.match(warningsFor('{ host: 10.0.0.1, tls: disable }')[0], /connection shop: .*not encrypted/);
    assert.match(warningsFor('{ host: db, tls: require }')[0], /not verified/);
    assert.deepEqual(warningsFor('{ host: db }'), []);
    assert.deepEqual(warningsFor('{ host: localhost, tls: disable }'), []);
  });

  test('any text gives faults or a configuration, never an exception', () => {
    const lines = minimal.split('\n');
    const mutated = fc
      .array(fc.tuple(fc.nat(lines.length), fc.oneof(fc.string(), fc.constantFrom(...lines), fc.constant('\t'))), {
        maxLength: 6,
      })
      .map((edits) => {
        const text = [...lines];
        for (const [at, line] of edits) text.splice(at, 1, line);
        return text.join('\n');
      });
    const numRuns = Number(process.env['FUZZ_RUNS'] ?? 300);
    fc.assert(
      fc.property(fc.oneof(mutated, fc.string()), (text) => {
        const result = parseConfig(text, 'bg.yaml');
        if ('faults' in result) {
          assert.ok(result.faults.length > 0);
          for (const fault of result.faults) assert.ok(fault.line >= 1 && fault.column >= 1 && fault.message !== '');
        }
      }),
      { numRuns },
    );
  });
});

const pair = makeCertificates();

describe('loadConfig', () => {
  function files(entries: Readonly<Record<string, { text?: string; mode?: number; kind?: 'directory' }>>): ConfigFiles {
    return {
      readFile: (path) => {
        const text = entries[path]?.text;
        return text === undefined
          ? Promise.reject(Object.assign(new Error('none'), { code: 'ENOENT' }))
          : Promise.resolve(text);
      },
      stat: (path) => {
        const entry = entries[path];
        return Promise.resolve(entry ? { kind: entry.kind ?? 'file', mode: entry.mode ?? 0o600 } : null);
      },
    };
  }

  const text = minimal
    .replace('{ postgres: {} }', '{ postgres: { tls: { cert: c.pem, key: k.pem } } }')
    .replace('{ user: gate }', '{ user: gate, password: { file: pw } }')
    .concat('policies: rules\n');

  test('checks the variables and files that the file names, together with everything else', async () => {
    const world = files({ '/g/bg.yaml': { text: text.replace('name: alice', 'nam: alice') }, '/g/rules': {} });
    const result = await loadConfig('/g/bg.yaml', { env: { ALICE: '' }, files: world });
    const lines = faultsOf(result);
    for (const expected of [
      /^\/g\/bg.yaml:1:\d+ listen.postgres.tls.cert: this file does not exist or cannot be reached: \/g\/c.pem$/,
      /listen.postgres.tls.key: this file does not exist/,
      /users\[0\].nam: unknown key; did you mean `name`\?/,
      /users\[0\].name: is missing/,
      /users\[0\].password.env: the environment variable \w+ is not set, or is empty; set it/,
      /credential.password.file: this file does not exist/,
      /policies: a directory is wanted here, and this is a file: \/g\/rules/,
    ])
      assert.equal(lines.filter((line) => expected.test(line)).length, 1, `${expected} in\n${lines.join('\n')}`);
    assert.equal(lines.length, 7);
    const order = 'faults' in result ? result.faults.map((fault) => fault.line) : [];
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
  });

  test('warns of secrets that everyone can read, not of certificates', async () => {
    const world = files({
      '/g/bg.yaml': { text },
      '/g/c.pem': { mode: 0o644, text: pair.cert },
      '/g/k.pem': { mode: 0o644, text: pair.key },
      '/g/pw': { mode: 0o640 },
      '/g/rules': { kind: 'directory' },
    });
    const result = await loadConfig('/g/bg.yaml', { env: { ALICE: 'x' }, files: world });
    if ('faults' in result) assert.fail(faultsOf(result).join('\n'));
    assert.deepEqual(
      result.warnings.map((warning) => warning.split(' ')[0]),
      ['/g/k.pem'],
    );
  });

  test('certificates and keys must be what they are called, and belong together', async () => {
    const other = makeCertificates();
    const faults = async (cert: string, key: string): Promise<string[]> => {
      const world = files({
        '/g/bg.yaml': { text },
        '/g/c.pem': { text: cert },
        '/g/k.pem': { text: key },
        '/g/pw': {},
        '/g/rules': { kind: 'directory' },
      });
      return faultsOf(await loadConfig('/g/bg.yaml', { env: { ALICE: 'x' }, files: world }));
    };
    assert.deepEqual(await faults(pair.cert, pair.key), []);
    for (const [cert, key, expected] of [
      [pair.cert, other.key, /tls.key: this key does not belong to the certificate of `cert`; name its own key/],
      [
        'not PEM',
        pair.key,
        /tls.cert: no certificate in \/g\/c.pem: a PEM file with -----BEGIN CERTIFICATE----- is needed/,
      ],
      [pair.cert, pair.cert, /tls.key: no private key in \/g\/k.pem/],
      [pair.cert.replace(/\n[A-Za-z]/, '\n?'), pair.key, /tls.cert: the certificate in \/g\/c.pem cannot be read/],
      [pair.cert, pair.key.replace(/\n[A-Za-z]/, '\n?'), /tls.key: the private key in \/g\/k.pem cannot be read/],
    ] as const) {
      const said = await faults(cert, key);
      assert.equal(said.length, 1, said.join('\n'));
      assert.match(said[0], expected);
      assert.match(said[0], /^\/g\/bg.yaml:1:\d+ listen.postgres./);
    }
  });

  test('the data directory may be missing, and may not be a file', async () => {
    const plain = minimal.concat('policies: rules\ndata: d\n');
    const load = (data: { kind?: 'directory' } | null): Promise<ConfigResult> => {
      const entries = { '/g/bg.yaml': { text: plain }, '/g/rules': { kind: 'directory' } } as const;
      return loadConfig('/g/bg.yaml', {
        env: { ALICE: 'x' },
        files: files(data === null ? entries : { ...entries, '/g/d': data }),
      });
    };
    assert.deepEqual(faultsOf(await load(null)), []);
    assert.deepEqual(faultsOf(await load({ kind: 'directory' })), []);
    assert.match(faultsOf(await load({})).join(), /data: a directory is wanted here, and this is a file: \/g\/d$/);
  });

  test('a file that is not there is one fault', async () => {
    const result = await loadConfig('/nowhere/bg.yaml', { env: {} });
    assert.match(faultsOf(result)[0], /^\/nowhere\/bg.yaml: the configuration cannot be read \(ENOENT\)/);
  });
});

test('isLoopback knows what only this machine can reach', () => {
  for (const host of ['localhost', '127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1', 'LOCALHOST'])
    assert.ok(isLoopback(host), host);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.evil.example', '127.0.0.1.evil.example', '', '128.0.0.1'])
    assert.ok(!isLoopback(host), host);
});

test('laneCount leaves a processor to the main thread', () => {
  assert.deepEqual(
    [laneCount('auto', 1), laneCount('auto', 4), laneCount('auto', 64), laneCount(0, 8), laneCount(5, 2)],
    [0, 3, 16, 0, 5],
  );
});
