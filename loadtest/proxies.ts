/** pgbouncer and haproxy, to compare with: set up to do as little as they can, one thread each, without TLS. */
import { access, chown, constants, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { freePort } from '../src/demo/freePort.ts';
import { makePrivateDirectory, preparePostgresFiles } from '../src/demo/postgresFiles.ts';
import type { Endpoint } from './client.ts';
import { startServer } from './server.ts';
import type { Server } from './server.ts';

export type ProxyName = 'pgbouncer' | 'haproxy';

export const installHints: Readonly<Record<ProxyName, string>> = {
  pgbouncer: 'apt-get install pgbouncer, dnf install pgbouncer or brew install pgbouncer',
  haproxy: 'apt-get install haproxy, dnf install haproxy or brew install haproxy',
};

/** Many systems keep servers out of an ordinary user's PATH. */
const extraFolders = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/sbin', '/opt/homebrew/bin'];

/** Full path of a program, or null where it is not installed. `path` is the PATH of the caller. */
export async function findProgram(name: string, path: string): Promise<string | null> {
  for (const folder of [...path.split(delimiter).filter(Boolean), ...extraFolders]) {
    const file = join(folder, name);
    const found = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return file;
  }
  return null;
}

/** Starts a proxy in front of `target`; whoever connects to it reaches the target's database. */
export async function startProxy(name: ProxyName, program: string, target: Endpoint): Promise<Server> {
  const { base, runAs } = await preparePostgresFiles();
  const directory = await makePrivateDirectory(base, `blastgate-loadtest-${name}-`, runAs);
  const port = await freePort();
  const config = join(directory, name === 'pgbouncer' ? 'pgbouncer.ini' : 'haproxy.cfg');
  await writeFile(config, name === 'pgbouncer' ? pgbouncerConfig(port, target) : haproxyConfig(port, target), {
    mode: 0o600,
  });
  if (runAs !== undefined) await chown(config, runAs.uid, runAs.gid);
  const command = name === 'pgbouncer' ? [program, config] : [program, '-db', '-q', '-f', config];
  const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C' };
  return startServer(name, command, port, { cwd: directory, env, runAs, removeDirectory: directory });
}

// Session pooling is what compares: the gate gives each client a session of its own, too. What a round leaves behind goes before
// the next one, so that every route meets fresh backends. The kernel moves processes that wake each other onto one CPU; backends
// that are kept have found their places, and through a proxy that starts with new ones a run would measure the scheduler.
function pgbouncerConfig(port: number, target: Endpoint): string {
  const { host, user, password, database } = target;
  return `[databases]
load = host=${host} port=${target.port} dbname=${database} user=${user} password=${password}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = session
server_reset_query = DISCARD ALL
server_idle_timeout = 1
max_client_conn = 2000
default_pool_size = 1100
log_connections = 0
log_disconnections = 0
`;
}

function haproxyConfig(port: number, target: Endpoint): string {
  return `global
  maxconn 4000
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen load
  bind 127.0.0.1:${port}
  server target ${target.host}:${target.port}
`;
}
