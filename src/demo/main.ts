/**
 * `run demo`: a real PostgreSQL with a sample shop, the gate in front of it, a tour, and then it stays for you to try.
 * Like the gate's own main.ts this is an entry: it may read arguments and environment, and it sets the exit code.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { enableCompileCache } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import { startPostgres } from './embeddedPostgres.ts';
import type { PostgresServer } from './embeddedPostgres.ts';
import { drainMs, startGate } from './gate.ts';
import type { DemoGate } from './gate.ts';
import { startEnvironment } from './gateCommand.ts';
import { loadSampleShop } from './sampleShop.ts';
import { openTerminal } from './terminal.ts';
import type { Terminal } from './terminal.ts';
import { takeTour } from './tour.ts';

const help = `run demo [--once] [--customers N] [--port N]

  --once         take the tour and leave; exit 0 if everything held, else 1
  --customers N  size of the sample shop (default 50000, 100 to 5000000)
  --port N       port of the gate (default 6432, or a free one if that is taken)
`;

interface DemoOptions {
  readonly once: boolean;
  readonly customers: number;
  readonly port: number;
}

function readOptions(args: readonly string[]): DemoOptions | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        once: { type: 'boolean', default: false },
        customers: { type: 'string', default: '50000' },
        port: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return '';
    const customers = Number(values.customers);
    const port = Number(values.port ?? (values.once ? 0 : 6432));
    if (!Number.isInteger(customers) || customers < 100 || customers > 5_000_000) return '--customers: 100 to 5000000';
    if (!Number.isInteger(port) || port < 0 || port > 65_535) return '--port: 0 to 65535';
    return { once: values.once, customers, port };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Things to undo, newest first; each is undone once, however the demo ends. */
class Cleanup {
  readonly #steps: (() => Promise<void>)[] = [];
  begun = false;

  add(step: () => Promise<void>): void {
    this.#steps.push(step);
  }

  async run(): Promise<void> {
    this.begun = true;
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) await step();
  }
}

async function demo(
  options: DemoOptions,
  terminal: Terminal,
  cleanup: Cleanup,
  interrupted: Promise<void>,
): Promise<number> {
  const began = performance.now();
  const step = (text: string): void => {
    // Between steps is where an interrupted setup stops; nothing new is started behind the back of the cleanup.
    if (cleanup.begun) throw new Error('interrupted');
    terminal.line(`${terminal.dim(`${((performance.now() - began) / 1000).toFixed(1).padStart(5)} s`)}  ${text}`);
  };
  step('starting PostgreSQL');
  const server = await startPostgres({ database: 'shop' });
  cleanup.add(() => server.stop());
  const direct = await openDirect(server, cleanup);
  step(`loading the sample shop: ${options.customers} customers`);
  const counts = await loadSampleShop(direct, options.customers, (text) => step(`  ${text}`));
  step(`  ${counts.orders} orders, ${counts.orderItems} items, ${counts.payments} payments`);
  const credential = await createGateRole(direct);
  const directory = await mkdtemp(join(tmpdir(), 'blastgate-demo-'));
  cleanup.add(() => rm(directory, { recursive: true, force: true }));
  step('starting the gate');
  const root = join(import.meta.dirname, '..', '..');
  const controlPort = options.port === 0 ? 0 : 6443;
  const env = startEnvironment(process.env);
  const gate = await startGate({ root, directory, target: server, credential, port: options.port, controlPort, env });
  cleanup.add(() => gate.stop());
  step(`the gate is ready (${Math.round(gate.startMs)} ms after its start)`);
  const { held, failed } = await takeTour(terminal, gate, direct);
  terminal.line();
  if (failed.length === 0) terminal.line(terminal.green(`All ${held} expectations of the tour held.`));
  else
    terminal.line(terminal.red(`${failed.length} of ${held + failed.length} expectations of the tour did not hold.`));
  if (failed.length > 0) for (const line of gate.log().slice(-15)) terminal.line(terminal.dim(`  gate: ${line}`));
  if (options.once) return failed.length === 0 ? 0 : 1;
  printDoors(terminal, gate, server);
  const lost = gate.ended.then(() => 'the gate');
  const ended = await Promise.race([interrupted.then(() => null), lost, server.ended.then(() => 'PostgreSQL')]);
  if (ended === null) return 0;
  terminal.line(terminal.red(`${ended} has ended unexpectedly`));
  for (const line of gate.log().slice(-15)) terminal.line(terminal.dim(`  gate: ${line}`));
  return 1;
}

async function openDirect(server: PostgresServer, cleanup: Cleanup): Promise<Client> {
  const { host, port, superuser, password, database } = server;
  const client = new Client({ host, port, user: superuser, password, database });
  client.on('error', () => {
    // Seen when the server stops first; the query that needs it fails by itself.
  });
  await client.connect();
  cleanup.add(() => client.end());
  return client;
}

/** The gate logs in with a role that may work with the tables and owns nothing. */
async function createGateRole(direct: Client): Promise<{ user: string; password: string }> {
  const password = randomBytes(18).toString('base64url');
  await direct.query(`create role gate login password '${password}'`);
  await direct.query('grant select, insert, update, delete on all tables in schema public to gate');
  return { user: 'gate', password };
}

function printDoors(terminal: Terminal, gate: DemoGate, server: PostgresServer): void {
  const { alice, dana } = gate.users;
  const dsn = (user: { name: string; password: string }): string =>
    `postgresql://${user.name}:${user.password}@127.0.0.1:${gate.port}/shop`;
  terminal.heading('Your turn');
  terminal.line(`  masked, through the gate:    psql '${dsn(alice)}'`);
  terminal.line(`  unmasked, through the gate:  psql '${dsn(dana)}'`);
  terminal.line(
    `  past the gate, to compare:   psql 'postgresql://${server.superuser}:${server.password}@${server.host}:${server.port}/shop'`,
  );
  terminal.line(`  metrics and health:          curl http://127.0.0.1:${gate.controlPort}/metrics`);
  terminal.line(`  configuration:               ${gate.config}`);
  terminal.line(`  audit log and data:          ${gate.data}`);
  terminal.line(`\n  Ctrl-C stops and removes everything.`);
}

async function main(): Promise<void> {
  enableCompileCache();
  const options = readOptions(process.argv.slice(2));
  if (typeof options === 'string') {
    process[options === '' ? 'stdout' : 'stderr'].write(
      options === '' ? help : `demo: ${options} (--help tells more)\n`,
    );
    process.exitCode = options === '' ? 0 : 2;
    return;
  }
  const terminal = openTerminal(
    process.stdout,
    process.env['NO_COLOR'] !== undefined && process.env['NO_COLOR'] !== '',
  );
  const cleanup = new Cleanup();
  const { promise: interrupted, resolve: interrupt } = Promise.withResolvers<void>();
  let signals = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // A second Ctrl-C means it: the guards stop what we started even then.
      if (++signals > 1) process.exit(130);
      interrupt();
    });
  }
  const stopped = interrupted.then(() => 'interrupted' as const);
  try {
    const running = demo(options, terminal, cleanup, interrupted);
    const outcome = await Promise.race([running, stopped]);
    // An interrupt during setup or tour: what is under way fails once its servers are gone, which is no news.
    if (outcome === 'interrupted') {
      terminal.line(`\nstopping: statements under way have ${drainMs / 1000} s to end, then they are called off`);
      await cleanup.run();
      await running.catch(() => {});
    }
    process.exitCode = outcome === 'interrupted' ? (options.once ? 130 : 0) : outcome;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  } finally {
    await cleanup.run();
  }
  if (signals > 0) process.exit(process.exitCode);
}

await main();
