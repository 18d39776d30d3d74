/** The gate under load: started through its public command, from a configuration and policies made for this. */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../src/demo/freePort.ts';
import { gateCommand } from '../src/demo/gateCommand.ts';
import type { Endpoint } from './client.ts';
import { startServer } from './server.ts';
import type { Server } from './server.ts';

/** Connections of the gate: masks by column, and the same with every detector on. */
const maskedConnection = 'load';
const detectConnection = 'load_detect';

export interface LoadGate extends Server {
  readonly masked: Endpoint;
  readonly detect: Endpoint;
}

export interface LoadGateOptions {
  readonly target: Endpoint;
  /** Handed on to the process; PATH and the compile cache. */
  readonly env: Readonly<Record<string, string>>;
}

const root = join(import.meta.dirname, '..');

/** A gate on a free port of this machine, in a directory of its own that goes with it. Throws where it does not get ready. */
export async function startLoadGate({ target, env }: LoadGateOptions): Promise<LoadGate> {
  const directory = await mkdtemp(join(tmpdir(), 'blastgate-loadtest-gate-'));
  const port = await freePort();
  const password = randomBytes(18).toString('base64url');
  await mkdir(join(directory, 'policies'));
  await writeFile(join(directory, 'policies', 'load.yaml'), maskPolicy);
  await writeFile(join(directory, 'policies', 'detect.yaml'), detectPolicy);
  const config = join(directory, 'blastgate.yaml');
  await writeFile(config, configuration(port, target), { mode: 0o600 });
  const { command, env: gateEnv } = gateCommand(root, config, {
    ...env,
    LOADTEST_PASSWORD: password,
    LOADTEST_TARGET_PASSWORD: target.password,
  });
  const server = await startServer('the gate', command, port, {
    cwd: directory,
    env: gateEnv,
    removeDirectory: directory,
  });
  const endpoint = { host: '127.0.0.1', port, user: 'load', password };
  return {
    ...server,
    masked: { ...endpoint, database: maskedConnection },
    detect: { ...endpoint, database: detectConnection },
  };
}

function configuration(port: number, target: Endpoint): string {
  const connection = (name: string): string => `  - name: ${name}
    protocol: postgres
    target: { host: ${target.host}, port: ${target.port}, database: ${target.database}, tls: disable }
    credential: { user: ${target.user}, password: { env: LOADTEST_TARGET_PASSWORD } }
`;
  return `listen:
  postgres: { host: 127.0.0.1, port: ${port} }
data: ./data
policies: ./policies
identity:
  users:
    - { name: load, groups: [load], password: { env: LOADTEST_PASSWORD } }
connections:
${connection(maskedConnection)}${connection(detectConnection)}log: { level: warn }
`;
}

const maskPolicy = `name: load
applies_to: { connections: [${maskedConnection}, ${detectConnection}] }
default: allow
rules:
  - id: ssn
    match: { columns: ["*.people.ssn"] }
    action: mask
    with: { keep_last: 4 }
  - id: card
    match: { columns: ["*.people.card"] }
    action: mask
    with: { keep_last: 4 }
  - id: email
    match: { columns: ["*.people.email"] }
    action: mask
    with: email
`;

const detectPolicy = `name: detect
applies_to: { connections: [${detectConnection}] }
rules:
  - id: anywhere
    match:
      values: [email, credit_card, us_ssn, phone, iban, ipv4, ipv6, jwt, aws_key, github_token, slack_token, stripe_key, private_key]
    action: mask
    with: redact
`;
