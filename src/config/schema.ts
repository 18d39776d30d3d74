/**
 * The shape of `blastgate.yaml`. Descriptions become docs/configuration.md and blastgate.schema.json, so they are
 * written for the person who edits the file. What hangs on several keys at once is checked in `checks.ts`.
 */
import { z } from 'zod';

const MiB = 1 << 20;

/** Of keys that are compared with each other while the file is only read (checks.ts). */
export const defaults = {
  host: '127.0.0.1',
  postgresPort: 6432,
  controlPort: 6443,
  slotBytes: 262_144,
  slabBytes: 48 * MiB,
} as const;

/** Names of keys that later versions will know; naming them is clearer than "unknown key". */
export const laterKeys: ReadonlySet<string> = new Set([
  'listen.mysql',
  'listen.ssh',
  'listen.http',
  'identity.oidc',
  'identity.saml',
  'approvals',
  'recordings',
]);

const text = (max: number): z.ZodString =>
  z
    .string()
    .min(1, { error: 'must not be empty' })
    .max(max)
    // NUL and line breaks would end strings early on the wire or forge lines in logs.
    // oxlint-disable-next-line no-control-regex
    .regex(/^[^\u0000-\u001f\u007f]*$/, { error: 'must not hold control characters' });

const host = z.string().regex(/^[A-Za-z0-9_.:%-]{1,255}$/, {
  error: (issue) => (issue.code === 'invalid_format' ? 'must be a host name or an IP address' : undefined),
});
const path = text(4096);
const whole = (min: number, max: number): z.ZodInt => z.int().min(min).max(max);
const listenPort = whole(0, 65_535);
const targetPort = whole(1, 65_535);
const envName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
  error: (issue) => (issue.code === 'invalid_format' ? 'must be the name of an environment variable' : undefined),
});

const envSecret = z.strictObject({ env: envName.describe('Name of an environment variable.') });
const fileSecret = z.strictObject({
  file: path.describe('File whose content is the secret; one trailing newline is dropped.'),
});
const execSecret = z.strictObject({
  exec: z
    .array(text(4096))
    .min(1, { error: 'must name a program' })
    .max(64)
    .describe('Program and arguments, run without a shell; its output is the secret, one trailing newline is dropped.'),
  timeout_ms: whole(100, 60_000).default(5_000).describe('The program is killed after this time.'),
  ttl_ms: whole(0, 86_400_000).default(300_000).describe('The output is used for this long; 0 runs it each time.'),
  pass_env: z
    .array(envName)
    .max(64)
    .default([])
    .describe('Environment variables to hand over besides PATH, HOME and LANG.'),
});

/** One sentence for every wrong secret. It never quotes the value, which may well be the secret itself. */
function wrongSecret(forms: string) {
  return (issue: { readonly code?: string | undefined; readonly input?: unknown }): string => {
    if (issue.input === undefined) return `is missing; give ${forms}`;
    if (typeof issue.input === 'string' || typeof issue.input === 'number')
      return `is a literal; secrets are references: give ${forms}`;
    return `must be ${forms}`;
  };
}

const secret = z
  .union([envSecret, fileSecret, execSecret], {
    error: wrongSecret('{ env: NAME }, { file: path } or { exec: [program, argument] }'),
  })
  .meta({ id: 'secret', description: 'A reference to a secret, never the secret itself.' });

const scramVerifier = z.strictObject({
  scram: z
    .string()
    .regex(/^SCRAM-SHA-256\$[1-9]\d{0,8}:[A-Za-z0-9+/]+={0,2}\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/, {
      error: 'must look like SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey, as in pg_authid.rolpassword',
    })
    .describe(
      'A verifier as `./run scram` makes it of a password and PostgreSQL stores it (pg_authid.rolpassword); the password itself is then nowhere.',
    ),
});

const proof = z
  .union([envSecret, fileSecret, execSecret, scramVerifier], {
    error: wrongSecret('{ env: NAME }, { file: path }, { exec: [program, argument] } or { scram: verifier }'),
  })
  .meta({ id: 'password', description: 'A reference to the password of a user, or its verifier.' });

const insecure = z
  .boolean()
  .default(false)
  .describe('Says that serving without TLS on an address that others can reach is intended.');

const postgresListener = z.strictObject({
  host: host.default(defaults.host).describe('Address to listen on.'),
  port: listenPort.default(defaults.postgresPort).describe('Port to listen on; 0 lets the system choose.'),
  tls: z
    .strictObject({
      cert: path.describe('Certificate chain, PEM.'),
      key: path.describe('Private key, PEM.'),
      required: z.boolean().default(true).describe('Refuse clients that do not ask for TLS.'),
    })
    .optional()
    .describe('Offer TLS to clients. Required on any address but loopback, unless `insecure: true`.'),
  insecure,
});

const controlListener = z.strictObject({
  host: host.default(defaults.host).describe('Address to listen on.'),
  port: listenPort.default(defaults.controlPort).describe('Port to listen on; 0 lets the system choose.'),
  insecure,
});

const user = z.strictObject({
  name: text(255).describe('Name that the client logs in with.'),
  groups: z.array(text(255)).max(256).default([]).describe('Groups that policies refer to.'),
  password: proof.describe('Where the password comes from, or its verifier.'),
});

const target = z.strictObject({
  host: host.describe('Host name or address of the server.'),
  port: targetPort.default(5432).describe('Port of the server.'),
  database: text(63).optional().describe('Database on the server; default: the name of the connection.'),
  tls: z
    .enum(['disable', 'require', 'verify-full'])
    .default('verify-full')
    .describe('`verify-full` checks certificate and name, `require` only encrypts, `disable` does neither.'),
  ca: path.optional().describe('Authorities to trust instead of those of the system, PEM; needs `verify-full`.'),
  server_name: host.optional().describe('Name that the certificate must carry; default: `host`. Needs `verify-full`.'),
});

const connection = z.strictObject({
  name: text(63).describe('The database name that clients ask for.'),
  protocol: z
    .enum(['postgres'], {
      error: (issue) =>
        typeof issue.input === 'string' && ['mysql', 'ssh', 'http', 'kubernetes'].includes(issue.input)
          ? `${issue.input} is not available in this version; available: postgres`
          : undefined,
    })
    .describe('Protocol of the target.'),
  target: target.describe('Where the gate connects to.'),
  credential: z
    .strictObject({
      user: text(63).describe('User at the target.'),
      password: secret.optional().describe('Absent where the target asks for none.'),
    })
    .describe('How the gate logs in to the target. Clients never see it.'),
  labels: z.record(text(255), text(255)).default({}).describe('For policies: `applies_to: { labels: ... }`.'),
});

const limits = z.strictObject({
  connections: whole(1, 1_000_000).default(10_000).describe('Client sockets at once.'),
  connections_per_user: whole(1, 1_000_000)
    .optional()
    .describe('Sessions of one user at once; default: `connections`.'),
  unauthenticated: whole(1, 1_000_000).default(8_192).describe('Sockets at once that have not logged in yet.'),
  authentication_ms: whole(100, 600_000).default(10_000).describe('Time a client has to log in.'),
  startup_bytes: whole(512, 65_536).default(16_384).describe('All that a client may send before it has logged in.'),
  message_bytes: whole(65_536, 1_073_741_823)
    .default(64 * MiB)
    .describe('Longest client message; COPY data streams and may be longer.'),
  statement_bytes: whole(1_024, 16 * MiB)
    .default(MiB)
    .describe('Longest statement text; longer ones are refused.'),
  statement_inline_bytes: whole(0, 16 * MiB)
    .default(16_384)
    .describe(
      'Statement texts up to this length are analysed on the main thread, which takes at most about 1.5 ms a kilobyte; longer ones in a thread of their own, so that nobody else waits for them.',
    ),
  analysis_ms: whole(100, 600_000)
    .default(10_000)
    .describe('Time to analyse a long statement, waiting for a thread included; then it is refused.'),
  dial_ms: whole(100, 600_000).default(10_000).describe('Time to connect and log in to a target.'),
  idle_ms: whole(1_000, 2_147_483_647)
    .optional()
    .describe('A session without traffic for this long is closed, unless a statement runs; default: never.'),
  slow_client_ms: whole(1_000, 2_147_483_647)
    .default(900_000)
    .describe('A client that reads nothing for this long while data waits is disconnected.'),
  drain_ms: whole(0, 3_600_000)
    .default(30_000)
    .describe(
      'On SIGTERM, time for sessions to finish; what still runs then is cancelled at its target, and rolled back.',
    ),
});

const masking = z.strictObject({
  inline_bytes: z
    .union([z.literal('auto'), whole(0, 1_073_741_823)], { error: 'must be `auto` or a number of bytes' })
    .default('auto')
    .describe('Shorter ranges are masked on the main thread, longer ones by a lane.'),
  slot_bytes: whole(16_384, 16 * MiB)
    .default(defaults.slotBytes)
    .describe('Size of a read buffer of the slab.'),
  slab_bytes: whole(MiB, 2_147_483_647)
    .default(defaults.slabBytes)
    .describe('All read buffers together; touched only when used.'),
  hash_key: secret.optional().describe('Key of the `hash` mask; default: made once and kept in `data`.'),
  catalog_probe_ms: z
    .union([z.literal(0), whole(100, 600_000)], { error: 'must be 0 or a number of milliseconds from 100 to 600000' })
    .default(5_000)
    .describe(
      'How often, while sessions with masks are open, the gate looks whether the schema of a target was changed past it; a view that is replaced there may show unmasked values for about this long. 0: never, and then until the schema is changed through the gate.',
    ),
});

const audit = z.strictObject({
  durability: z
    .enum(['os', 'disk'])
    .default('os')
    .describe('`os` survives a crash of the gate; `disk` also survives a power cut and costs a disk flush per group.'),
  file_bytes: whole(MiB, 1_099_511_627_776)
    .default(256 * MiB)
    .describe('A new file is begun at this size.'),
  text_bytes: whole(256, MiB).default(65_536).describe('Longer statement texts are cut in the record.'),
});

const log = z.strictObject({
  level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('Least severe level that is written.'),
});

export const configSchema = z.strictObject({
  listen: z
    .strictObject({
      postgres: postgresListener.describe('PostgreSQL clients.'),
      control: controlListener
        .optional()
        .describe(
          '/healthz, /readyz and /metrics; absent: not served. A target that is down does not make the gate unready: see `blastgate_target_up`.',
        ),
    })
    .describe('Where the gate listens.'),
  workers: z
    .union([z.literal('auto'), whole(0, 64)], { error: 'must be `auto` or a number from 0 to 64' })
    .default('auto')
    .describe(
      'Masking threads (lanes); 0 runs everything on the main thread, long statements among it; `auto` leaves one processor to it.',
    ),
  data: path.default('./data').describe('Directory for the audit log and other state.'),
  policies: path.default('./policies').describe('Directory of policy files, watched for changes.'),
  identity: z
    .strictObject({
      users: z.array(user).min(1, { error: 'must name at least one user' }).max(100_000).describe('Users of the gate.'),
    })
    .describe('Who may log in.'),
  connections: z
    .array(connection)
    .min(1, { error: 'must name at least one connection' })
    .max(10_000)
    .describe('Targets that clients can ask for.'),
  limits: limits.prefault({}).describe('Bounds on what clients can make the gate hold or wait for.'),
  masking: masking.prefault({}).describe('Memory and threads of masking.'),
  audit: audit.prefault({}).describe('The audit log.'),
  log: log.prefault({}).describe('The log of the gate itself.'),
});

/** The file after validation: defaults filled in, keys as in the file, paths as written. */
export type ConfigFile = z.output<typeof configSchema>;
export type SecretFile = z.output<typeof secret>;
